"""Which failed requests count in the response times that targets judge: `perfsuite.model.failures.stays_in`."""

from __future__ import annotations

from perfsuite.measurements.histogram import Histogram, middle_of
from perfsuite.measurements.records import Requests, Times, times_of
from perfsuite.model.failures import LEFT_OUT, LONG_WAIT_US, WAITED_IN_VAIN

_NONE = Times()


def staying(record: Requests) -> Times:
    """The times of a record's failed requests that stay in.

    Older files record only how many failures of each kind there were: of a second in which requests failed in
    several ways, the slowest failures are then taken for those that waited in vain.
    """
    if record.waited is not None:
        return record.waited
    return _guessed(record) if record.failed.counts else _NONE


def _guessed(record: Requests) -> Times:
    waited = sum(error.count for error in record.errors if error.kind in WAITED_IN_VAIN)
    others = sum(error.count for error in record.errors if error.kind not in WAITED_IN_VAIN | LEFT_OUT)
    if waited and len({error.kind in WAITED_IN_VAIN for error in record.errors}) == 1:
        return record.failed
    found: dict[int, int] = {}
    for bucket in sorted(record.failed.counts, reverse=True):
        there = record.failed.counts[bucket]
        of_waited = min(there, waited)
        of_others = min(there - of_waited, others) if middle_of(bucket) >= LONG_WAIT_US else 0
        waited, others = waited - of_waited, others - of_others
        if of_waited + of_others:
            found[bucket] = of_waited + of_others
    return times_of(_by_middles(found)) if found else _NONE


def _by_middles(counts: dict[int, int]) -> Histogram:
    middles = [round(middle_of(bucket)) for bucket in counts]
    total = sum(middle * count for middle, count in zip(middles, counts.values(), strict=True))
    return Histogram(counts, sum(counts.values()), total, min(middles), max(middles))
