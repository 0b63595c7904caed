"""The state of a run in progress. It is fed with new records about once a second; its memory is bounded."""

from __future__ import annotations

import heapq
import math
from collections import Counter
from collections.abc import Sequence

from perfsuite.measurements.aggregate import FORGOTTEN_AFTER_S, Aggregate
from perfsuite.measurements.records import NotStarted, Record, Requests
from perfsuite.measurements.sums import LineTotals
from perfsuite.measurements.totals import RequestTotals, totals_of
from perfsuite.model import LiveFailure, LiveLine, LiveState, Plan
from perfsuite.model.periods import steady_from
from perfsuite.summary.figures import statistics, statistics_ok
from perfsuite.summary.health import capacity_within
from perfsuite.summary.periods import PhaseTimes, phase_times
from perfsuite.summary.users import all_logged_in_at, logging_in_by_second

KEPT_S = 30
"""How many of the last seconds are kept in detail."""
MOST_FAILURES = 10
STARTING = "starting"
"""The phase before any phase was reported."""

_NOW_S = 5
_GENERATOR_S = 10
"""Long enough for the 99th percentile of an event loop that is asked twenty times a second."""
_VISIT_S = 60.0
"""How long a visit of a search is taken to last, which is not known in advance."""
_REPORTS_LATE_S = 3
"""A second may be reported this much later before it counts as one without requests."""


class LiveView:
    """Follows a run. The order of records does not matter within the last 30 seconds."""

    def __init__(self, plan: Plan) -> None:
        self.aggregate = Aggregate()
        self._plan = plan
        self._phases = PhaseTimes()
        self._whole = RequestTotals()
        self._steady = RequestTotals()
        self._earlier = RequestTotals()
        self._spans: list[tuple[int, float]] = []
        """The steady state of the stages before the present one, and their requests."""
        self._settled_until = 0
        """Earlier seconds are in `_whole` already, and in `_steady` where they belong to it."""
        self._logged_in = math.inf
        self._unanswered_since: int | None = None

    def feed(self, records: Sequence[Record]) -> None:
        """Take in what was recorded since the last call."""
        self.aggregate.add(records)
        self._take_in(phase_times(self.aggregate.phases))
        for record in records:
            if isinstance(record, Requests | NotStarted) and record.second < self._settled_until:
                self._settle(record.second, totals_of([record], responses_only=True))
        self._look_for_logins()
        oldest_kept = max(self.aggregate.seconds, default=0) - KEPT_S + 1
        self._settle_seconds(max(oldest_kept, self.reported_until or 0))
        self._look_for_answers()
        self.aggregate.forget_before(oldest_kept)

    def state(self, now_utc_s: float) -> LiveState:
        """The run as it stands at `now_utc_s` (UTC epoch, s)."""
        stop = self._stop(now_utc_s)
        steady_s = self._steady_length_s(stop)
        by_role = self.aggregate.by_role.values()
        ends_known = any(role.ended for role in by_role)
        shown, length_s = (self._steady_totals(), steady_s) if steady_s else (self._everything(), self._length_s(stop))
        kept = self.aggregate.seconds
        last = [record for second in range(stop - _NOW_S, stop) if second in kept for record in kept[second].due]
        now_s = max(1, min(_NOW_S, stop - self._start(stop)))
        now = statistics(totals_of(last, responses_only=True), now_s, ends_known=ends_known)
        started_at = now_utc_s if self._phases.ramp_up is None else self._phases.ramp_up
        return LiveState(
            phase=self._phase(),
            elapsed_s=max(0.0, now_utc_s - started_at),
            total_s=self._plan.scenario.duration_s,
            users=self._alive(),
            users_requested=self._plan.scenario.users,
            rps_now=now.rps,
            p95_now_ms=now.p95_ms,
            statistics=statistics(shown, length_s, ends_known=ends_known),
            steady=steady_s > 0,
            requests=sum(role.requests for role in by_role),
            failures=sum(role.failures for role in by_role),
            unanswered_s=self.unanswered_s(now_utc_s),
            avg_now_ms=now.avg_ms,
            roles=self._roles(),
            operations=self._lines(1),
            failed=self._most_frequent_failures(),
            ok=statistics_ok(shown, length_s, ends_known=ends_known),
            generator_percent=capacity_within(self.aggregate, range(stop - _GENERATOR_S, stop)).used_percent,
            violations=len(self.aggregate.checks.violations),
        )

    def unanswered_s(self, now_utc_s: float) -> int:
        """Length of the unbroken stretch of seconds, up to now, in which no request got any HTTP answer."""
        return 0 if self._unanswered_since is None else max(0, self._stop(now_utc_s) - self._unanswered_since)

    def steady_requests(self) -> dict[int, int]:
        """UTC second of the steady state so far → requests that were answered in it; seconds without are left out."""
        return {second: count for second, count in self.aggregate.answered.items() if count and self.is_steady(second)}

    def _roles(self) -> tuple[LiveLine, ...]:
        found = {line.name: line for line in self._lines(0)}
        order = dict.fromkeys([*self._plan.users_by_role, *found])
        return tuple(found.get(role, LiveLine(role, 0, None, 0)) for role in order)

    def _lines(self, part: int) -> tuple[LiveLine, ...]:
        """The last seconds by role (0) or by operation (1), the slowest on average first."""
        sums: dict[str, LineTotals] = {}
        for key, line in self.aggregate.lines.items():
            sums.setdefault(key[part], LineTotals()).add(line.requests, line.took_us, line.failures)
        lines = (
            LiveLine(name, each.requests, each.took_us / each.requests / 1000, each.failures)
            for name, each in sums.items()
            if each.requests
        )
        return tuple(sorted(lines, key=lambda line: (-(line.avg_ms or 0.0), line.name)))

    def _most_frequent_failures(self) -> tuple[LiveFailure, ...]:
        counts: Counter[tuple[str, str, str]] = Counter()
        for (_role, *key), failures in self.aggregate.failures.items():
            counts[tuple(key)] += failures.count  # type: ignore[index]
        most = heapq.nsmallest(MOST_FAILURES, counts.items(), key=lambda item: (-item[1], item[0]))
        return tuple(LiveFailure(*key, count) for key, count in most)

    def _alive(self) -> dict[str, int]:
        alive: Counter[str] = Counter(dict.fromkeys(self._plan.users_by_role, 0))
        newest = max((max(reports) for reports in self.aggregate.users.values() if reports), default=0)
        for _second, reports in self.aggregate.users_at(range(newest - FORGOTTEN_AFTER_S, newest + 1)):
            latest = reports
        for users in latest:
            alive.update(users.by_role)
        return dict(alive)

    # ── what came in ────────────────────────────────────────────────────────────────────────────────

    def _phase(self) -> str:
        """The latest phase, or the stage."""
        if not self.aggregate.phases:
            return STARTING
        latest = max(reversed(self.aggregate.phases), key=lambda phase: phase.at)
        return latest.stage or latest.name

    def _take_in(self, phases: PhaseTimes) -> None:
        if len(phases.stages) > max(len(self._phases.stages), 1):
            # What belongs to the stages before stays; the new one is followed from here on.
            self._earlier.merge(self._steady)
            ended = math.floor(phases.stages[-1].began)
            self._spans = [(start, min(end, ended)) for start, end in self._steady_spans()]
            self._steady, self._logged_in = RequestTotals(), math.inf
        plateau, before = _plateau_of(phases), _plateau_of(self._phases)
        self._phases = phases
        if plateau != before:
            self._logged_in = math.inf
            self._begin_steady_anew()

    def _steady_totals(self) -> RequestTotals:
        """The steady state so far, that of earlier stages included; in a search for the capacity that of the present
        visit: a load that was too much says nothing about this one."""
        if not self._phases.stages or self._plan.capacity is not None:
            return self._steady
        totals = RequestTotals()
        totals.merge(self._earlier)
        totals.merge(self._steady)
        return totals

    def _begin_steady_anew(self) -> None:
        """It begins at another second than assumed: so far only the last seconds can belong to it."""
        self._steady = RequestTotals()
        start = self._steady_start()
        for number, second in self.aggregate.seconds.items():
            if start is not None and start <= number < self._settled_until and self.is_steady(number):
                self._steady.merge(totals_of(second.due, responses_only=True))

    def _look_for_logins(self) -> None:
        """Whether all users were logged in by the last second that is reported in full."""
        plateau, until = _plateau_of(self._phases), self.reported_until
        if plateau is None or until is None or self._logged_in < math.inf:
            return
        kept_from = min((min(reports) for reports in self.aggregate.users.values() if reports), default=until)
        seconds = range(max(math.floor(plateau) - 1, kept_from), until + 1)
        self._logged_in = all_logged_in_at(logging_in_by_second(self.aggregate, seconds), plateau)
        if self._logged_in < math.inf:
            self._begin_steady_anew()

    def _settle_seconds(self, until: int) -> None:
        """Add up the earlier seconds: those that are reported in full by now, or will be forgotten."""
        for number, second in self.aggregate.seconds.items():
            if self._settled_until <= number < until:
                self._settle(number, totals_of(second.due, responses_only=True))
        self._settled_until = max(self._settled_until, until)

    def _settle(self, second: int, totals: RequestTotals) -> None:
        self._whole.merge(totals)
        if any(start <= second < end for start, end in self._spans):
            self._earlier.merge(totals)
        elif self.is_steady(second):
            self._steady.merge(totals)

    def _everything(self) -> RequestTotals:
        """The whole run so far, with the seconds that are not reported in full yet."""
        everything = RequestTotals()
        everything.merge(self._whole)
        for number, second in self.aggregate.seconds.items():
            if number >= self._settled_until:
                everything.merge(totals_of(second.due, responses_only=True))
        return everything

    def _look_for_answers(self) -> None:
        """Find the second since which no request got any answer; None where the last ones did."""
        since: int | None = None
        for number in sorted(self.aggregate.seconds, reverse=True):
            second = self.aggregate.seconds[number]
            if self.aggregate.answered[number]:
                self._unanswered_since = since
                return
            if second.unanswered:
                since = number
        if self._unanswered_since is None:
            self._unanswered_since = since

    # ── seconds ─────────────────────────────────────────────────────────────────────────────────────

    @property
    def reported_until(self) -> int | None:
        """The second that the slowest process is at; it may be reported in part. None before the first report."""
        return self.aggregate.reported_until if self._phases.end is None else math.floor(self._phases.end) + 1

    def _stop(self, now_utc_s: float) -> int:
        """The first second that is not reported in full; reports that stay away count as seconds without requests."""
        until, now = self.reported_until, math.floor(now_utc_s)
        return now if until is None else max(until, now - _REPORTS_LATE_S)

    def _start(self, stop: int) -> int:
        starts = [at for at in (self._phases.ramp_up, self.aggregate.first) if at is not None]
        return min(math.floor(min(starts, default=float(stop))), stop)

    def _length_s(self, stop: int) -> int:
        """Length of all that was reported, begun seconds included."""
        due = (number for number, second in self.aggregate.seconds.items() if second.lines)
        return max(stop, max(due, default=stop - 1) + 1) - self._start(stop)

    def _steady_start(self) -> int | None:
        """Of the present stage, or of the run; from the planned end, since the plateau's length is not known yet."""
        plateau, ramp_up = _plateau_of(self._phases), self._phases.ramp_up
        if plateau is None:
            return None
        if self._phases.stages:
            stage = self._phases.stages[-1]
            lengths = {each.name: each.duration_s for each in self._plan.scenario.stages}
            end = stage.began + lengths.get(stage.name, plateau - stage.began + _VISIT_S)
            return max(steady_from(plateau, end, self._logged_in), math.ceil(stage.began))
        planned_end = (plateau if ramp_up is None else ramp_up) + self._plan.scenario.duration_s
        return steady_from(plateau, planned_end, self._logged_in)

    def _steady_spans(self) -> list[tuple[int, float]]:
        """Those of earlier stages, and the present one, which ends when the next begins or the load goes down."""
        start, down = self._steady_start(), self._phases.ramp_down
        if start is None:
            return self._spans
        return [*self._spans, (start, math.inf if down is None else float(math.floor(down)))]

    def is_steady(self, second: int) -> bool:
        """Whether a second belongs to the steady state, by what is known so far."""
        return any(start <= second < end for start, end in self._steady_spans())

    def stage_of(self, second: int) -> str:
        """The stage that a second belongs to; "" without any."""
        begun = [stage.name for stage in self._phases.stages if stage.began <= second]
        return begun[-1] if begun else ""

    def _steady_length_s(self, stop: int) -> int:
        spans = self._steady_spans()[len(self._spans) if self._plan.capacity is not None else 0 :]
        return sum(max(0, int(min(stop, end)) - start) for start, end in spans)


def _plateau_of(phases: PhaseTimes) -> float | None:
    """Of the present stage, where there are stages."""
    return phases.stages[-1].plateau if phases.stages else phases.plateau
