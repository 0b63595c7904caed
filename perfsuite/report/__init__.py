"""What a run is told in: console, HTML page, CSV, JSON, JUnit, Markdown. Input: a RunReport, output: text or files."""
