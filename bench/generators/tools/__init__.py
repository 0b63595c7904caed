"""One module for each generator: its command lines, and how its report is read."""
