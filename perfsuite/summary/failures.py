"""What failed, grouped for a person, and how regularly it came.

A counter in front of the operations (a rate limiter, a proxy, a pool) fails at every n-th request, whatever that is.
The order in which requests end here differs a little from the order at the server, and other requests count there
too, so the distance is the median of the gaps and has to hold for nearly all of them.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from perfsuite.measurements.aggregate import Aggregate, FailureTotals
from perfsuite.measurements.totals import OTHER_MESSAGES
from perfsuite.model import ALL, FailureGroup, FailureKind, FailurePattern, PreflightReport, Works
from perfsuite.model.failures import without_ids

MOST_GROUPS = 1000
MOST_PATTERNS = 100
FEWEST_GAPS = 4
"""Random failures of one in a hundred requests look regular in fewer than 1 of 100 runs then (simulated)."""
MOST_MOMENTS = 10_000
"""Of more failures with one message no distance is looked for: it would be short, and takes memory to find."""
_REGULAR_SHARE = 0.8
"""So many of ten gaps or more must fit, of fewer all: failures of another cause may have the same message."""
_TOLERANCE = 0.1
_LEAST_REQUESTS = 5
_LEAST_S = 10
"""Seconds are whole, so that shorter gaps cannot be distinguished."""
_MULTIPLES = 3
"""A failure that is missing, since somebody else's request met it, makes a gap of two or three distances."""

_Key = tuple[str, str, str, str]
_Alike = tuple[str, str]


def failure_groups(failures: Mapping[_Key, FailureTotals]) -> tuple[FailureGroup, ...]:
    """Failures by role, operation, kind and message, the most frequent first; at most 1,000 groups.

    Of more, the rarest are added to one group "(other messages)" for each kind.
    """
    groups = dict(failures)
    ordered = sorted(groups, key=lambda key: (-groups[key].count, key))
    if len(ordered) > MOST_GROUPS:
        kept = MOST_GROUPS - len({kind for _, _, kind, _ in ordered})
        for key in ordered[kept:]:
            rare, others = groups.pop(key), (ALL, ALL, key[2], OTHER_MESSAGES)
            if others in groups:
                groups[others].merge(rare)
            else:
                groups[others] = copy(rare)
        ordered = sorted(groups, key=lambda key: (-groups[key].count, key))
    found = ((key, groups[key]) for key in ordered)
    return tuple(FailureGroup(*key, one.count, one.first, one.last, one.request_id) for key, one in found)


def count_of(kind: FailureKind, groups: Iterable[FailureGroup]) -> int:
    """Failed requests of that kind."""
    return sum(group.count for group in groups if group.kind == kind)


@dataclass(slots=True)
class _Moments:
    ordinals: list[int] = field(default_factory=list)
    seconds: list[int] = field(default_factory=list)


def failure_patterns(
    groups: Sequence[FailureGroup], aggregate: Aggregate, preflight: PreflightReport | None
) -> tuple[FailurePattern, ...]:
    """The failures by kind and message, the most frequent first; at most 100.

    Distances in requests are known where one process made them all.
    """
    by_key: dict[_Alike, list[FailureGroup]] = defaultdict(list)
    for group in groups:
        by_key[group.kind, group.message].append(group)
    ordered = sorted(by_key, key=lambda key: (-sum(group.count for group in by_key[key]), key))[:MOST_PATTERNS]
    moments = _moments(aggregate)
    processes = len(aggregate.workers)
    seen = _seen_before(preflight)
    return tuple(_pattern(key, by_key[key], moments[key], processes, seen) for key in ordered)


def _moments(aggregate: Aggregate) -> dict[_Alike, _Moments]:
    found: dict[_Alike, _Moments] = defaultdict(_Moments)
    for second in aggregate.seconds.values():
        for record in second.requests:
            for error in record.errors:
                of_error = found[error.kind, error.message]
                of_error.ordinals += error.ordinals
                if len(of_error.seconds) <= MOST_MOMENTS:
                    of_error.seconds += [record.second] * min(error.count, MOST_MOMENTS + 1)
    return found


def _pattern(
    key: _Alike, groups: Sequence[FailureGroup], times: _Moments, processes: int, seen: Mapping[str, list[str]] | None
) -> FailurePattern:
    operations: Counter[str] = Counter()
    roles: Counter[str] = Counter()
    for group in groups:
        operations[group.operation] += group.count
        roles[group.role] += group.count
    first, last = min(group.first_seen for group in groups), max(group.last_seen for group in groups)
    count = operations.total()
    every_requests = _distance(times.ordinals, _LEAST_REQUESTS, 0.0) if processes == 1 else None
    every_s: float | None = _distance(times.seconds, _LEAST_S, 1.0)
    if every_requests is not None and every_s is None:
        every_s = (last - first) / (count - 1)
    return FailurePattern(
        kind=key[0],
        message=key[1],
        count=count,
        operations=tuple(name for name, _ in operations.most_common()),
        roles=tuple(name for name, _ in roles.most_common()),
        first_seen=first,
        last_seen=last,
        every_requests=every_requests,
        exact=every_requests is not None and all(gap % every_requests == 0 for gap in _gaps(times.ordinals)),
        every_s=every_s,
        request_id=next((group.request_id for group in groups if group.request_id), ""),
        seen_before=None if seen is None else tuple(seen.get(key[1], ())),
    )


def _gaps(moments: Sequence[int]) -> list[int]:
    return [later - earlier for earlier, later in pairwise(sorted(moments))]


def _distance(moments: Sequence[int], least: int, within: float) -> int | None:
    """The distance at which moments follow each other; None where they are not regular, or too few.

    A gap fits when it is near a small multiple of the distance: within a tenth of it, and `within` at least.
    """
    if len(moments) > MOST_MOMENTS:
        return None
    gaps = _gaps(moments)
    if len(gaps) < FEWEST_GAPS:
        return None
    distance = round(median(gaps))
    if distance < least:
        return None
    near = max(_TOLERANCE * distance, within)
    fitting = sum(any(abs(gap - times * distance) <= near for times in range(1, _MULTIPLES + 1)) for gap in gaps)
    needed = len(gaps) if len(gaps) < 10 else _REGULAR_SHARE * len(gaps)
    return distance if fitting >= needed else None


def _seen_before(preflight: PreflightReport | None) -> Mapping[str, list[str]] | None:
    """Message → what had failed with it before the load; None where nobody looked."""
    if preflight is None:
        return None
    found: dict[str, list[str]] = defaultdict(list)
    for check in preflight.checks:
        failed = check.message if check.works is Works.BROKEN else check.failed_first
        if failed:
            found[without_ids(failed)].append(f"{check.operation} as {check.role}")
    return found
