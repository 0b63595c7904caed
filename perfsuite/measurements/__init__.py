"""What is measured: records, their file, histograms, and the recorder."""
