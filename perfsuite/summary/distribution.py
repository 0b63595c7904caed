"""How many requests took how long: the response times of the steady state in bins of equal width on a log scale."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain

from perfsuite.measurements.histogram import Histogram, middle_of
from perfsuite.measurements.records import NotStarted, Times
from perfsuite.model import TimeBin
from perfsuite.summary.periods import Timeline
from perfsuite.summary.tally import Due, histogram_of_all

_PREFERRED = (1.0, 1.12, 1.25, 1.4, 1.6, 1.8, 2.0, 2.24, 2.5, 2.8, 3.15, 3.55, 4.0, 4.5, 5.0, 5.6, 6.3, 7.1, 8.0, 9.0)
"""The series R20 of ISO 3: twenty steps to ten, each 12 % on, with 1, 2 and 5 among them, so that shares within round
times are exact."""
_EDGES_MS = tuple(round(each * 10.0**power, 6) for power in range(-3, 7) for each in _PREFERRED)


def distribution(ok: Histogram, due: Mapping[int, Sequence[Due]], when: Timeline) -> tuple[TimeBin, ...]:
    """The bins from the shortest to the longest time, empty ones between them included; () without a steady state.

    `ok`: the times of the steady state's requests that succeeded; those of the others are taken from `due`.
    """
    if when.steady_start is None:
        return ()
    steady = range(when.steady_start, when.steady_start + when.steady_s)
    failed = histogram_of_all(chain.from_iterable(map(_failed, (due.get(second, ()) for second in steady))))
    return bins_of(ok, failed)


def bins_of(ok: Histogram, failed: Histogram) -> tuple[TimeBin, ...]:
    """The same of two sets of times."""
    counts = _binned(ok), _binned(failed)
    filled = counts[0].keys() | counts[1].keys()
    return tuple(
        TimeBin(_EDGES_MS[place], _EDGES_MS[place + 1], counts[0].get(place, 0), counts[1].get(place, 0))
        for place in range(min(filled, default=0), max(filled, default=-1) + 1)
    )


def _failed(records: Iterable[Due]) -> list[Times]:
    return [record.waited if isinstance(record, NotStarted) else record.failed for record in records]


def _binned(times: Histogram) -> dict[int, int]:
    """Place of the lower edge → how many. What is beyond the edges (1 µs, 2.5 hours) is in the first or last bin."""
    found: dict[int, int] = {}
    for bucket, count in times.counts.items():
        time_ms = min(max(middle_of(bucket), times.min_us), times.max_us) / 1000
        place = min(max(bisect_right(_EDGES_MS, time_ms) - 1, 0), len(_EDGES_MS) - 2)
        found[place] = found.get(place, 0) + count
    return found
