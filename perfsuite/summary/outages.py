"""Stretches of the run in which nobody at the target answered, each with its beginning and its end."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from perfsuite.measurements.records import ErrorCount, Requests
from perfsuite.model import FailureKind
from perfsuite.model.outage import CutOff, Outage
from perfsuite.summary.failures import is_unanswered, unfinished
from perfsuite.summary.gather import requests_in
from perfsuite.summary.periods import Timeline

SHORTEST_S = 2
FEWEST_REQUESTS = 3
"""A connection that breaks, or a second in which a single request failed, is no outage."""
_APART_S = 2
"""A target that is back for less than this, and then gone again, was not back: it is one incident."""
_GATEWAY = re.compile(r"HTTP 50[234]\b")
"""What a proxy answers for a target that is not there."""
_NOBODY_KNOWS = frozenset({FailureKind.UNFINISHED, FailureKind.SUITE_ERROR})
"""Failures that say nothing of whether the target would have answered."""


@dataclass(slots=True)
class _Moment:
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


def outages(requests: Mapping[int, Sequence[Requests]], when: Timeline) -> tuple[Outage, ...]:
    """In the order of time, from the first second of the load to its end; at least 2 s and three requests each.

    Requests that the end of the load cut off say nothing, and seconds without a request neither begin an outage nor
    end it. A second in which some were answered is part of it at either end, where others failed in it.
    """
    seconds = sorted(second for second in requests if when.first <= second < when.load_stop)
    moments = {second: moment for second in seconds if (moment := _moment(requests[second])).requests}
    found = [each for each in _merged(_stretches(moments)) if _counts(each, when)]
    return tuple(Outage(each.first, each.stop, each.lost, each.messages.most_common(1)[0][0]) for each in found)


def cut_off(requests: Mapping[int, Sequence[Requests]], when: Timeline) -> tuple[CutOff, ...]:
    """Requests of the steady state that the end of the load cut off, by role and operation."""
    counts: Counter[tuple[str, str]] = Counter()
    for second, records in requests.items():
        if when.is_steady(second):
            for record in records:
                if number := unfinished(record):
                    counts[record.role, record.operation] += number
    return tuple(CutOff(*key, number) for key, number in sorted(counts.items()))


def _moment(records: Iterable[Requests]) -> _Moment:
    moment = _Moment()
    for record in records:
        moment.requests += requests_in(record)
        for error in record.errors:
            if error.kind in _NOBODY_KNOWS:
                moment.requests -= error.count
            elif _of_the_target(error):
                moment.lost += error.count
                moment.messages[error.message] += error.count
    return moment


def _of_the_target(error: ErrorCount) -> bool:
    return is_unanswered(error.kind) or (error.kind == FailureKind.STATUS and bool(_GATEWAY.match(error.message)))


def _stretches(moments: Mapping[int, _Moment]) -> list[_Stretch]:
    """Unbroken runs of dead seconds, with the seconds at their ends in which some requests failed so."""
    found: list[_Stretch] = []
    before: tuple[int, _Moment] | None = None
    current: _Stretch | None = None
    for second, moment in moments.items():
        if moment.dead and current is None:
            mixed = before is not None and before[1].lost and before[0] >= second - 1
            begin, first = before if mixed and before is not None else (second, _Moment())
            current = _Stretch(begin, None, first.lost, Counter(first.messages))
            found.append(current)
        if current is not None:
            current.lost += moment.lost
            current.messages += moment.messages
            if not moment.dead:
                current.stop = second
                current = None
        before = second, moment
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
