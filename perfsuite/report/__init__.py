"""The outputs of a run: console, HTML page, CSV, JSON, JUnit, Markdown. Input: a RunReport, output: text or files."""
