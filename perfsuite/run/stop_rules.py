"""Stop rules: a run ends in order once a target has been missed for as long as its `abort_after` says.

Watched are the last so many whole seconds of the steady state, reported in full and in a row: a ramp begins them anew.
The target has to be missed over all of them, with the samples that the judgement asks for, and in their first and in
their last fifth as well. So what is over by itself, however bad, ends no run.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field

from perfsuite.judge import live_offered_rps, requests_needed, targets_of
from perfsuite.measurements.totals import Due, RequestTotals, totals_of
from perfsuite.model import Aborted, LiveState, Plan, Target
from perfsuite.model.summary import PERCENTILES
from perfsuite.roles import ROLES
from perfsuite.roles.work import sending_roles
from perfsuite.summary.figures import as_ms, statistics, statistics_ok
from perfsuite.summary.live import LiveView

_FAILURE_RATE, _RPS = "failure_rate", "rps"


@dataclass(slots=True)
class _Watched:
    """A target, and what was due in each of the last seconds."""

    target: Target
    window_s: int
    seconds: deque[RequestTotals] = field(default_factory=deque)

    def add(self, records: Iterable[Due]) -> None:
        """Another second."""
        target = self.target
        own = [one for one in records if target.role in (None, one.role) and target.operation in (None, one.operation)]
        self.seconds.append(totals_of(own, responses_only=True))
        while len(self.seconds) > self.window_s:
            self.seconds.popleft()

    def missed(self) -> float | None:
        """The figure over the window where that is missed; None where it is met or not known yet."""
        if len(self.seconds) < self.window_s:
            return None
        every, fifth = list(self.seconds), max(self.window_s // 5, 1)
        if any(self._missed(part, 1) is None for part in (every[:fifth], every[-fifth:])):
            return None
        return self._missed(every, 1 if self.target.metric == _RPS else requests_needed(self.target))

    def _missed(self, seconds: list[RequestTotals], needed: int) -> float | None:
        totals = RequestTotals()
        for second in seconds:
            totals.merge(second)
        value, requests = _figure(self.target.metric, totals, len(seconds))
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
        self._watched = [
            _Watched(target, max(round(target.abort_after_s), 1))
            for target in targets_of(plan)
            if target.abort_after_s is not None and plan.scenario.name not in target.information_in
        ]
        self._next: int | None = None

    def look(self, live: LiveView, state: LiveState) -> Aborted | None:
        """Take in the seconds that are reported in full by now; the rule that ends the run, if one does."""
        until = live.reported_until
        if not self._watched or until is None or not live.aggregate.seconds:
            return None
        start = min(live.aggregate.seconds) if self._next is None else self._next
        for second in range(start, until):
            self._take_in(second, live)
            for watched in self._watched:
                if (value := watched.missed()) is not None and self._is_possible(watched.target, state):
                    target = watched.target
                    return Aborted(target.name, target.metric, value, target.limit, watched.window_s, second + 1)
        self._next = max(start, until)
        return None

    def _take_in(self, second: int, live: LiveView) -> None:
        recorded = live.aggregate.seconds.get(second)
        for watched in self._watched:
            stages = watched.target.stages
            if live.is_steady(second) and (not stages or live.stage_of(second) in stages):
                watched.add(recorded.due if recorded is not None else ())
            else:
                watched.seconds.clear()

    def _is_possible(self, target: Target, state: LiveState) -> bool:
        """Throughput is only missed where the load would offer more than the limit."""
        if target.metric != _RPS or target.below:
            return True
        return live_offered_rps(self._plan, state, self._roles, target) > target.limit
