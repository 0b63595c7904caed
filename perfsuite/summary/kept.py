"""The histograms of a run that are kept in the history."""

from __future__ import annotations

from collections import defaultdict

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.totals import Due, totals_of
from perfsuite.model.history import KeptTimes


def kept_times(aggregate: Aggregate, start: int | None, end: int | None) -> tuple[KeptTimes, ...]:
    """Response times of each operation as each role over the seconds [start, end); () without a steady state."""
    if start is None or end is None:
        return ()
    cells: dict[tuple[str, str], list[Due]] = defaultdict(list)
    for number, second in aggregate.seconds.items():
        if start <= number < end:
            for record in second.due:
                cells[record.role, record.operation].append(record)
    kept = []
    for (role, operation), due in sorted(cells.items()):
        totals = totals_of(due, responses_only=True)
        times = totals.times
        if times.count:
            kept.append(
                KeptTimes(role, operation, totals.failures, times.counts, times.sum_us, times.min_us, times.max_us)
            )
    return tuple(kept)
