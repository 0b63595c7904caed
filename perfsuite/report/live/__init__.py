"""The live view, in a terminal and as a page."""
