"""The capacities that two searches found, compared by their intervals.

Intervals that overlap cannot be distinguished: what varies from one search to the next (machine, data, neighbours) is
not in them, so a test at 5 % would raise too many alarms. How far apart they are is the interval of the ratio, from
both intervals by MOVER (Zou & Donner 2008, doi 10.1002/sim.3095), on a logarithmic scale, since they are not
symmetrical.
"""

from __future__ import annotations

import math

from perfsuite.history.figures import LEAST_RATE
from perfsuite.model.capacity import CapacityKind
from perfsuite.model.history import SAME_CAPACITY_RATE, CapacityChange, CapacityOutcome, PastCapacity


def compare_capacities(a: PastCapacity, b: PastCapacity) -> CapacityChange:
    """B compared with A; both in the same unit, which the caller checks."""
    change = _change(a, b)
    return CapacityChange(a, b, _outcome(a, b, change), change)


def _outcome(a: PastCapacity, b: PastCapacity, change: tuple[float | None, float | None]) -> CapacityOutcome:
    low, high = change
    counts = not (low is not None and high is not None and abs(low + high) / 2 < LEAST_RATE)
    if counts and _above(a, b):
        return CapacityOutcome.LOWER
    if counts and _above(b, a):
        return CapacityOutcome.HIGHER
    if low is not None and high is not None and low >= -SAME_CAPACITY_RATE and high <= SAME_CAPACITY_RATE:
        return CapacityOutcome.SAME
    return CapacityOutcome.CANNOT_TELL


def _above(one: PastCapacity, other: PastCapacity) -> bool:
    """Does all of one interval lie above the other one?"""
    return one.low is not None and other.high is not None and one.low > other.high


def _change(a: PastCapacity, b: PastCapacity) -> tuple[float | None, float | None]:
    """B / A − 1, from … to. Where an end is open, by the nearest ends alone."""
    logs_a, logs_b = _logs(a), _logs(b)
    if logs_a is None or logs_b is None:
        low = b.low / a.high - 1 if b.low is not None and a.high else None
        high = b.high / a.low - 1 if b.high is not None and a.low else None
        return low, high
    (low_a, mid_a, high_a), (low_b, mid_b, high_b) = logs_a, logs_b
    shift = mid_b - mid_a
    below, above = math.hypot(mid_b - low_b, high_a - mid_a), math.hypot(high_b - mid_b, mid_a - low_a)
    return math.expm1(shift - below), math.expm1(shift + above)


def _logs(found: PastCapacity) -> tuple[float, float, float] | None:
    """Low end, estimate and high end; None where an end is open. Of a cliff all between its loads is alike."""
    if not found.low or not found.high:
        return None
    low, high = math.log(found.low), math.log(found.high)
    middle = (low + high) / 2
    if found.kind is not CapacityKind.CLIFF and found.estimate:
        middle = min(max(math.log(found.estimate), low), high)
    return low, middle, high
