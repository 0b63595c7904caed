"""Where the records of a load process go."""

from __future__ import annotations

from typing import Protocol

from perfsuite.measurements.records import Record


class RecordSink(Protocol):
    """Where records go: the file of the run, or the way to the process that writes it."""

    def write(self, record: Record) -> None:
        """Take one record."""

    def flush(self) -> None:
        """Make what was taken readable by others."""

    def close(self) -> None:
        """No more records will come."""
