"""Finished runs, kept to be asked later: in SQLite beside the results, or on a PostgreSQL server for a team."""

from perfsuite.history.baseline_file import read_baseline, write_baseline
from perfsuite.history.select import Selection, select
from perfsuite.history.store import History, Wanted, default_url

__all__ = [
    "History",
    "Selection",
    "Wanted",
    "default_url",
    "read_baseline",
    "select",
    "write_baseline",
]
