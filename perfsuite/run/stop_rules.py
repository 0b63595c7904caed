"""Stop rules: a run ends in order once a target has been missed for as long as its `abort_after` says.

Watched are as many whole seconds of the steady state in a row, reported in full: a ramp begins them anew. The target
has to be missed over all of them, with the samples that the judgement asks for, and in their first and in their last
fifth as well. So what is over by itself, however bad, ends no run.

A request counts for the second in which it was due, and is known once it has ended: of the latest seconds, only fast
answers are known. So earlier windows are looked at again, as far back as the slowest answers take. Of the earliest all
is known: if nothing was due in a fifth of it, as where all users wait for answers, that reaches to the next request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from perfsuite.judge import live_offered_rps, requests_needed, targets_of
from perfsuite.measurements.records import NotStarted, Record, Requests
from perfsuite.measurements.totals import Due, RequestTotals, totals_of
from perfsuite.model import Aborted, LiveState, Plan, Target
from perfsuite.model.summary import PERCENTILES
from perfsuite.roles import ROLES
from perfsuite.roles.work import sending_roles
from perfsuite.summary.figures import as_ms, statistics, statistics_ok
from perfsuite.summary.live import LiveView

_FAILURE_RATE, _RPS = "failure_rate", "rps"


MOST_LATE_S = 60
"""Answers that take longer are not waited for."""


class _Scope:
    """The requests of each second that targets with the same role and operation are about."""

    def __init__(self, role: str | None, operation: str | None) -> None:
        self._role, self._operation = role, operation
        self._records: dict[int, list[Due]] = {}
        self._totals: dict[int, RequestTotals] = {}
        """Of the seconds that nothing was added to since they were added up."""
        self._spans: dict[range, RequestTotals] = {}

    def add(self, record: Due) -> None:
        """Another record, whenever it comes."""
        if self._role in (None, record.role) and self._operation in (None, record.operation):
            self._records.setdefault(record.second, []).append(record)
            self._totals.pop(record.second, None)
            self._spans.clear()

    def forget_before(self, second: int) -> None:
        """Earlier seconds are asked for no more."""
        for seconds in (self._records, self._totals):
            for old in [each for each in seconds if each < second]:
                del seconds[old]
        self._spans.clear()

    def over(self, seconds: range) -> RequestTotals:
        """All of these seconds together."""
        found = self._spans.get(seconds)
        if found is None:
            found = self._spans[seconds] = RequestTotals()
            for second in seconds:
                found.merge(self._of(second))
        return found

    def _of(self, second: int) -> RequestTotals:
        if second not in self._totals:
            self._totals[second] = totals_of(self._records.get(second, ()), responses_only=True)
        return self._totals[second]

    def first_fifth(self, window: range, *, known: bool) -> range:
        """Of these seconds; where they are `known`, with at least one request if there is any."""
        filled = (place + 1 for place, second in enumerate(window) if self._records.get(second))
        return window[: max(len(window) // 5, 1, next(filled, 1) if known else 1)]


@dataclass(frozen=True, slots=True)
class _Watched:
    """A target, and the requests that it is about."""

    target: Target
    window_s: int
    requests: _Scope

    def missed(self, end: int, *, known: bool) -> float | None:
        """The figure over the window before `end` where that is missed; None where it is met or not known yet.

        `known`: all requests that were due in it have ended.
        """
        window = range(end - self.window_s, end)
        for seconds in (window[::-1], window):
            if self._missed(self.requests.first_fifth(seconds, known=known), 1) is None:
                return None
        return self._missed(window, 1 if self.target.metric == _RPS else requests_needed(self.target))

    def _missed(self, seconds: range, needed: int) -> float | None:
        value, requests = _figure(self.target.metric, self.requests.over(seconds), len(seconds))
        if value is None or requests < needed:
            return None
        met = value < self.target.limit if self.target.below else value > self.target.limit
        return None if met else value


def _figure(metric: str, totals: RequestTotals, length_s: int) -> tuple[float | None, int]:
    """The figure as targets judge it, and of how many requests; a percentile of however few."""
    if metric in PERCENTILES:
        times = totals.judged
        return (as_ms(times.percentile_us(PERCENTILES[metric])) if times.count else None), times.count
    figures = statistics(totals, length_s)
    if metric != _FAILURE_RATE:
        figures = statistics_ok(totals, length_s) or figures
    value: float | None = getattr(figures, metric)
    return value, figures.requests


class StopRules:
    """The stop rules of one run."""

    def __init__(self, plan: Plan) -> None:
        """Those of targets that decide about the run's scenario."""
        self._plan, self._roles = plan, sending_roles(plan.scenario, ROLES)
        targets = [
            (target, max(round(target.abort_after_s), 1))
            for target in targets_of(plan)
            if target.abort_after_s is not None and plan.scenario.name not in target.information_in
        ]
        self._scopes = {scope: _Scope(*scope) for scope in {(each.role, each.operation) for each, _ in targets}}
        self._watched = [
            _Watched(target, window_s, self._scopes[target.role, target.operation]) for target, window_s in targets
        ]
        self._looked_at: int | None = None
        self._longest_s: dict[int, float] = {}
        """Second → the longest response time of the requests that were due in it."""

    def add(self, records: Iterable[Record]) -> None:
        """Take in what was recorded."""
        for record in records if self._watched else ():
            if isinstance(record, Requests | NotStarted):
                for scope in self._scopes.values():
                    scope.add(record)
                self._longest_s[record.second] = max(self._longest_s.get(record.second, 0.0), _longest_s(record))

    def look(self, live: LiveView, state: Callable[[], LiveState]) -> Aborted | None:
        """The rule that ends the run, if one does. Asked again within the same second, it does not look again."""
        until = live.reported_until
        if not self._watched or until is None or until == self._looked_at:
            return None
        self._looked_at = until
        kept_from = until - MOST_LATE_S - max(watched.window_s for watched in self._watched)
        self._longest_s = {second: longest for second, longest in self._longest_s.items() if second >= kept_from}
        late_s = min(math.ceil(max(self._longest_s.values(), default=0.0)), MOST_LATE_S)
        for scope in self._scopes.values():
            scope.forget_before(kept_from)
        for watched in self._watched:
            target, counts_from = watched.target, self._counts_from(watched.target, live, range(kept_from, until))
            for end in range(max(until - late_s, counts_from + watched.window_s), until + 1):
                value = watched.missed(end, known=end == until - late_s)
                if value is not None and self._is_possible(target, state):
                    return Aborted(target.name, target.metric, value, target.limit, watched.window_s, end)
        return None

    def _counts_from(self, target: Target, live: LiveView, seconds: range) -> int:
        """From this second on all of them are steady, and of the stages that the target names."""
        for second in reversed(seconds):
            if not live.is_steady(second) or (target.stages and live.stage_of(second) not in target.stages):
                return second + 1
        return seconds.start

    def _is_possible(self, target: Target, state: Callable[[], LiveState]) -> bool:
        """Throughput is only missed where the load would offer more than the limit."""
        if target.metric != _RPS or target.below:
            return True
        return live_offered_rps(self._plan, state(), self._roles, target) > target.limit


def _longest_s(record: Due) -> float:
    times = (record.waited,) if isinstance(record, NotStarted) else (record.ok, record.failed)
    return max(each.max_us if each.counts else 0 for each in times) / 1e6
