"""Finished runs, kept to be asked later: in SQLite beside the results, or on a PostgreSQL server for a team."""

from perfsuite.history.select import Selection, read_baseline, select, write_baseline
from perfsuite.history.store import History, RunQuery, default_url

__all__ = [
    "History",
    "RunQuery",
    "Selection",
    "default_url",
    "read_baseline",
    "select",
    "write_baseline",
]
