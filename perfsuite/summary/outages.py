"""Stretches of the run in which nobody at the target answered, each with its beginning and its end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import ErrorCount
from perfsuite.measurements.totals import is_unanswered
from perfsuite.model import FailureKind
from perfsuite.model.summary_parts import CutOff, Outage
from perfsuite.summary.periods import Timeline

SHORTEST_S = 2
FEWEST_REQUESTS = 3
"""A connection that breaks, or a second in which a single request failed, is no outage."""
_APART_S = 2
"""A target that is back for less than this, and then gone again, was not back: it is one incident."""
_GATEWAY = re.compile(r"HTTP 50[234]\b")
"""What a proxy answers for a target that is not there."""
_LOST_AT_LEAST_S = 5


@dataclass(slots=True)
class _LostRequests:
    """One second: requests that were due in it, those that failed for want of the target, and how."""

    requests: int = 0
    lost: int = 0
    messages: Counter[str] = field(default_factory=Counter)

    @property
    def dead(self) -> bool:
        """Nobody answered any of them."""
        return self.requests > 0 and self.lost == self.requests


@dataclass(slots=True)
class _Stretch:
    first: int
    stop: int | None
    lost: int
    messages: Counter[str]


def target_lost_at(aggregate: Aggregate, when: Timeline, *, gave_up: bool = False) -> int | None:
    """The second from which on no request got any HTTP answer until the load ended.

    None when the last request but those of the ramp-down was answered, or that stretch is shorter than 5 s.
    Seconds without a request neither begin such a stretch nor break it; nor does what never began, or what the end of
    the load cut off: unless the load `gave_up`, since nothing answered any more.
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


def outages(aggregate: Aggregate, when: Timeline) -> tuple[Outage, ...]:
    """In the order of time, from the first second of the load to its end; at least 2 s and three requests each.

    Requests that the end of the load cut off say nothing, and seconds without a request neither begin an outage nor
    end it. A second in which some were answered is part of it at either end, where others failed in it.
    """
    seconds = sorted(second for second in aggregate.seconds if when.first <= second < when.load_stop)
    known = {second: lost for second in seconds if (lost := _lost_in(aggregate, second)).requests}
    found = [each for each in _merged(_stretches(known)) if _counts(each, when)]
    return tuple(Outage(each.first, each.stop, each.lost, each.messages.most_common(1)[0][0]) for each in found)


def cut_off(aggregate: Aggregate, when: Timeline) -> tuple[CutOff, ...]:
    """Requests of the steady state that the end of the load cut off, by role and operation."""
    counts: Counter[tuple[str, str]] = Counter()
    for number, second in aggregate.seconds.items():
        if second.unfinished and when.is_steady(number):
            for record in second.requests:
                if count := sum(error.count for error in record.errors if error.kind == FailureKind.UNFINISHED):
                    counts[record.role, record.operation] += count
    return tuple(CutOff(*key, number) for key, number in sorted(counts.items()))


def _lost_in(aggregate: Aggregate, number: int) -> _LostRequests:
    second = aggregate.seconds[number]
    lost = _LostRequests(aggregate.answered[number] + second.unanswered)
    for record in second.requests:
        for error in record.errors:
            if error.kind == FailureKind.SUITE_ERROR:  # it does not say whether the target would have answered
                lost.requests -= error.count
            elif _of_the_target(error):
                lost.lost += error.count
                lost.messages[error.message] += error.count
    return lost


def _of_the_target(error: ErrorCount) -> bool:
    return is_unanswered(error.kind) or (error.kind == FailureKind.STATUS and bool(_GATEWAY.match(error.message)))


def _stretches(seconds: Mapping[int, _LostRequests]) -> list[_Stretch]:
    """Unbroken runs of dead seconds, with the seconds at their ends in which some requests failed so."""
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


def _counts(stretch: _Stretch, when: Timeline) -> bool:
    stop = when.load_stop if stretch.stop is None else stretch.stop
    return stop - stretch.first >= SHORTEST_S and stretch.lost >= FEWEST_REQUESTS
