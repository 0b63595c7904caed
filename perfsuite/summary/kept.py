"""The histograms of a run that are kept in the history."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable

from perfsuite.measurements.records import NotStarted, Record, Requests
from perfsuite.model.history import KeptTimes
from perfsuite.summary.tally import Due, tally_of


def kept_times(records: Iterable[Record], start: int | None, end: int | None) -> tuple[KeptTimes, ...]:
    """Response times of each operation as each role over the seconds [start, end); () without a steady state."""
    if start is None or end is None:
        return ()
    cells: dict[tuple[str, str], list[Due]] = defaultdict(list)
    for record in records:
        if isinstance(record, Requests | NotStarted) and start <= record.second < end:
            cells[record.role, record.operation].append(record)
    kept = []
    for (role, operation), due in sorted(cells.items()):
        tally = tally_of(due, responses_only=True)
        times = tally.times
        if times.count:
            kept.append(
                KeptTimes(role, operation, tally.failures, times.counts, times.sum_us, times.min_us, times.max_us)
            )
    return tuple(kept)
