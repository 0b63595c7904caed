"""The page and the table of all runs."""
