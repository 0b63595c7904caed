"""Failures in groups, their regularity, and the times at which the target did not answer.

Something in front of the operations that counts (a rate limiter, a proxy, a pool) fails every n-th request, whatever
the operation. Requests end here in a slightly different order than at the server, which counts other requests as well;
the distance is therefore the median of the gaps, and nearly all of them must fit.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.sums import FailureTotals
from perfsuite.measurements.totals import OTHER_MESSAGES, is_unanswered
from perfsuite.model import ALL, FailureGroup, FailureKind, FailurePattern, PreflightReport, Works
from perfsuite.model.failures import without_ids
from perfsuite.model.summary_parts import CutOff, Outage
from perfsuite.summary.periods import RunTimeline

MOST_GROUPS = 1000
MOST_PATTERNS = 100
FEWEST_GAPS = 4
"""With so many, random failures of 1 % of the requests look regular in fewer than 1 of 100 runs (simulated)."""
MOST_MOMENTS = 10_000
"""With more failures of one message no distance is computed: it would be short, and takes memory."""
_REGULAR_SHARE = 0.8
"""This share of ten gaps or more must fit, of fewer gaps all: failures of another cause may have the same message."""
_TOLERANCE = 0.1
_LEAST_REQUESTS = 5
_LEAST_S = 10
"""Seconds are whole, so that shorter gaps cannot be distinguished."""
_MULTIPLES = 3
"""A failure that hit another client's request leaves a gap of two or three distances."""

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

    def add(self, second: int, count: int) -> None:
        """So many failed in that second; beyond MOST_MOMENTS it is enough that there are more."""
        if len(self.seconds) <= MOST_MOMENTS:
            self.seconds += [second] * min(count, MOST_MOMENTS + 1)


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
                of_error.add(record.second, error.count)
        for sums in second.sums:
            for kind, message, count in sums.errors:
                found[kind, message].add(sums.second, count)
    for minute in aggregate.minutes.values():
        for key, ordinals in minute.ordinals.items():
            found[key].ordinals += ordinals
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
    """The distance at which events follow each other; None where they are not regular, or too few.

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
    """Message → what had failed with it before the load; None without a preflight."""
    if preflight is None:
        return None
    found: dict[str, list[str]] = defaultdict(list)
    for check in preflight.checks:
        failed = check.message if check.works is Works.BROKEN else check.failed_first
        if failed:
            found[without_ids(failed)].append(f"{check.operation} as {check.role}")
    return found


SHORTEST_S = 2
FEWEST_REQUESTS = 3
"""A connection that breaks, or a second with a single failed request, is no outage."""
_APART_S = 2
"""A target that answers for less than this between two outages was not back: they are one outage."""
_GATEWAY = re.compile(r"HTTP 50[234]\b")
"""The answer of a proxy whose target is down."""
_LOST_AT_LEAST_S = 5


@dataclass(slots=True)
class _LostRequests:
    """One second: requests that were due in it, those that failed because the target was down, and their messages."""

    requests: int = 0
    lost: int = 0
    messages: Counter[str] = field(default_factory=Counter)

    @property
    def dead(self) -> bool:
        """None of them was answered."""
        return self.requests > 0 and self.lost == self.requests


@dataclass(slots=True)
class _Stretch:
    first: int
    stop: int | None
    lost: int
    messages: Counter[str]


def target_lost_at(aggregate: Aggregate, when: RunTimeline, *, gave_up: bool = False) -> int | None:
    """The second from which on no request got any HTTP answer until the load ended.

    None when the last request but those of the ramp-down was answered, or that stretch is shorter than 5 s. Seconds
    without a request neither begin nor break such a stretch. Nor do actions that never began, and requests cut off by
    the end of the load, unless the load `gave_up` because nothing answered any more.
    """
    lost_at: int | None = None
    for number in range(when.load_stop - 1, when.first - 1, -1):
        second = aggregate.seconds.get(number)
        if second is None:
            continue
        if aggregate.answered[number]:
            break
        if second.unanswered or (gave_up and second.unfinished):
            lost_at = number
    return lost_at if lost_at is not None and when.load_stop - lost_at >= _LOST_AT_LEAST_S else None


def outages(aggregate: Aggregate, when: RunTimeline) -> tuple[Outage, ...]:
    """In the order of time, from the first second of the load to its end; at least 2 s and three requests each.

    Requests that the end of the load cut off say nothing, and seconds without a request neither begin an outage nor
    end it. A second in which some were answered is part of it at either end, where others failed in it.
    """
    seconds = sorted(second for second in aggregate.seconds if when.first <= second < when.load_stop)
    known = {second: lost for second in seconds if (lost := _lost_in(aggregate, second)).requests}
    found = [each for each in _merged(_stretches(known)) if _counts(each, when)]
    return tuple(Outage(each.first, each.stop, each.lost, each.messages.most_common(1)[0][0]) for each in found)


def cut_off(aggregate: Aggregate, when: RunTimeline) -> tuple[CutOff, ...]:
    """Requests of the steady state that the end of the load cut off, by role and operation."""
    counts: Counter[tuple[str, str]] = Counter()
    for number, second in aggregate.parts():
        if second.unfinished and when.is_steady(number):
            for record in second.requests:
                if count := sum(error.count for error in record.errors if error.kind == FailureKind.UNFINISHED):
                    counts[record.role, record.operation] += count
    return tuple(CutOff(*key, number) for key, number in sorted(counts.items()))


def _lost_in(aggregate: Aggregate, number: int) -> _LostRequests:
    second = aggregate.seconds[number]
    lost = _LostRequests(aggregate.answered[number] + second.unanswered)
    errors = [(error.kind, error.message, error.count) for record in second.requests for error in record.errors]
    for kind, message, count in (*errors, *(error for sums in second.sums for error in sums.errors)):
        if kind == FailureKind.SUITE_ERROR:  # it does not say whether the target would have answered
            lost.requests -= count
        elif _of_the_target(kind, message):
            lost.lost += count
            lost.messages[message] += count
    return lost


def _of_the_target(kind: str, message: str) -> bool:
    return is_unanswered(kind) or (kind == FailureKind.STATUS and bool(_GATEWAY.match(message)))


def _stretches(seconds: Mapping[int, _LostRequests]) -> list[_Stretch]:
    """Unbroken runs of dead seconds, with the seconds at their ends in which some requests failed likewise."""
    found: list[_Stretch] = []
    before: tuple[int, _LostRequests] | None = None
    current: _Stretch | None = None
    for second, lost in seconds.items():
        if lost.dead and current is None:
            mixed = before is not None and before[1].lost and before[0] >= second - 1
            begin, first = before if mixed and before is not None else (second, _LostRequests())
            current = _Stretch(begin, None, first.lost, Counter(first.messages))
            found.append(current)
        if current is not None:
            current.lost += lost.lost
            current.messages += lost.messages
            if not lost.dead:
                current.stop = second
                current = None
        before = second, lost
    return found


def _merged(stretches: Iterable[_Stretch]) -> list[_Stretch]:
    merged: list[_Stretch] = []
    for each in stretches:
        last = merged[-1] if merged else None
        if last is not None and last.stop is not None and each.first - last.stop < _APART_S:
            last.stop, last.lost = each.stop, last.lost + each.lost
            last.messages += each.messages
        else:
            merged.append(each)
    return merged


def _counts(stretch: _Stretch, when: RunTimeline) -> bool:
    stop = when.load_stop if stretch.stop is None else stretch.stop
    return stop - stretch.first >= SHORTEST_S and stretch.lost >= FEWEST_REQUESTS
