"""Where a run stands while it goes: fed with new records about once a second, its memory is bounded."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field

from perfsuite.measurements.records import NotStarted, Phase, Record, Requests, Users, WorkerLost
from perfsuite.model import LiveLine, LiveState, Plan
from perfsuite.model.periods import END, PLATEAU, RAMP_DOWN, RAMP_UP, steady_from
from perfsuite.summary.failures import unanswered, unfinished
from perfsuite.summary.gather import counts_any, requests_in
from perfsuite.summary.live_lines import FailedSoFar, Lines, lines_of
from perfsuite.summary.tally import Due, Tally, statistics, statistics_ok
from perfsuite.summary.users import FORGOTTEN_AFTER_S, all_logged_in_at, logging_in_by_second

KEPT_S = 30
"""How many of the last seconds are kept in detail."""

_NOW_S = 5
_REPORTS_LATE_S = 3
"""A second may be told this much later before it counts as one without requests."""

WAITING = "starting"
"""The phase before any phase was told."""


@dataclass(slots=True)
class _Recent:
    tally: Tally = field(default_factory=Tally)
    roles: Lines = field(default_factory=Lines)
    operations: Lines = field(default_factory=Lines)
    answered: int = 0
    unanswered: int = 0


class Live:
    """Follows a run. Records only add, as everywhere: their order does not matter within the last 30 seconds."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._whole = Tally()
        self._steady = Tally()
        self._recent: dict[int, _Recent] = {}
        self._failed = FailedSoFar()
        self._users: dict[str, Users] = {}
        self._phases: dict[str, float] = {}
        self._phase = WAITING
        self._first: int | None = None
        self._told_by: dict[str, int] = {}
        self._settled_until = 0
        self._logged_in = math.inf
        self._words: dict[str, dict[int, Users]] = {}
        """Process → what it told of its users in the last seconds, until all of them are logged in."""
        self._lost: list[WorkerLost] = []
        self._answered: Counter[int] = Counter()
        self._last_answered: int | None = None
        self._unanswered_since: int | None = None

    def feed(self, records: Iterable[Record]) -> None:
        """Take in what was recorded since the last call."""
        for record in records:
            if isinstance(record, Phase):
                self._enter(record)
            elif isinstance(record, NotStarted) or (isinstance(record, Requests) and counts_any(record)):
                self._count(record)
            elif isinstance(record, Users):
                self._see_users(record)
            elif isinstance(record, WorkerLost):
                # Its users were placed on the others, and nothing more will come from it.
                self._users.pop(record.lost, None)
                self._told_by.pop(record.lost, None)
                self._lost.append(record)
        self._look_for_logins()
        self._settle()
        self._forget()

    def state(self, now_utc_s: float) -> LiveState:
        """The run as it stands at `now_utc_s` (UTC epoch, s)."""
        stop = self._told_until(now_utc_s)
        steady_s = self._steady_length_s(stop)
        shown, length_s = (self._steady, steady_s) if steady_s else (self._whole, self._length_s(stop))
        ends_told = self._whole.ended > 0
        now = Tally()
        for second in range(stop - _NOW_S, stop):
            if second in self._recent:
                now.merge(self._recent[second].tally)
        figures_now = statistics(now, max(1, min(_NOW_S, stop - self._start(stop))), ends_told=ends_told)
        return LiveState(
            phase=self._phase,
            elapsed_s=max(0.0, now_utc_s - self._phases.get(RAMP_UP, now_utc_s)),
            total_s=self._plan.scenario.duration_s,
            users=self._alive(),
            users_requested=self._plan.scenario.users,
            rps_now=figures_now.rps,
            p95_now_ms=figures_now.p95_ms,
            statistics=statistics(shown, length_s, ends_told=ends_told),
            steady=steady_s > 0,
            requests=self._whole.requests,
            failures=self._whole.failures,
            unanswered_s=0 if self._unanswered_since is None else max(0, stop - self._unanswered_since),
            avg_now_ms=figures_now.avg_ms,
            roles=self._roles(),
            operations=lines_of(recent.operations for recent in self._recent.values()),
            failed=self._failed.most(),
            ok=statistics_ok(shown, length_s, ends_told=ends_told),
        )

    def steady_requests(self) -> dict[int, int]:
        """UTC second of the steady state so far → requests that were answered in it; seconds without are left out."""
        return {second: count for second, count in self._answered.items() if count and self._is_steady(second)}

    def _roles(self) -> tuple[LiveLine, ...]:
        told = {line.name: line for line in lines_of(recent.roles for recent in self._recent.values())}
        order = dict.fromkeys([*self._plan.users_by_role, *told])
        return tuple(told.get(role, LiveLine(role, 0, None, 0)) for role in order)

    def _enter(self, phase: Phase) -> None:
        latest = max(self._phases.values(), default=-math.inf)
        if phase.at >= latest:
            self._phase = phase.name
        known = self._phases.setdefault(phase.name, phase.at)
        if phase.name in (PLATEAU, END):
            self._phases[phase.name] = max(known, phase.at)
        else:
            self._phases[phase.name] = min(known, phase.at)
        if phase.name == PLATEAU:
            self._logged_in = math.inf
            self._begin_steady_anew()

    def _begin_steady_anew(self) -> None:
        """It begins at another second than was thought: so far only the last seconds can belong to it."""
        self._steady = Tally()
        self._settled_until = 0

    def _look_for_logins(self) -> None:
        """Whether by the last second that is wholly told all users were logged in."""
        plateau, told_until = self._phases.get(PLATEAU), self._wholly_told_until()
        if plateau is None or told_until is None or self._logged_in < math.inf:
            return
        seconds = range(math.floor(plateau) - 1, told_until + 1)
        self._logged_in = all_logged_in_at(logging_in_by_second(self._words, seconds, self._lost), plateau)
        if self._logged_in < math.inf:
            self._words = {}
            self._begin_steady_anew()

    def _count(self, record: Due) -> None:
        second = record.second
        self._first = second if self._first is None else min(self._first, second)
        self._whole.add(record)
        if second < self._settled_until and self._is_steady(second):
            self._steady.add(record)
        recent = self._recent.setdefault(second, _Recent())
        recent.tally.add(record)
        recent.roles.add(record.role, record)
        recent.operations.add(record.operation, record)
        self._failed.add(record)
        if isinstance(record, NotStarted):
            return
        without_answer = unanswered(record)
        recent.unanswered += without_answer
        answered = requests_in(record) - without_answer - unfinished(record)
        recent.answered += answered
        self._answered[second] += answered
        self._see_answers(second, recent)

    def _see_answers(self, second: int, recent: _Recent) -> None:
        if recent.answered and (self._last_answered is None or second > self._last_answered):
            self._last_answered = second
            if self._unanswered_since is not None and self._unanswered_since <= second:
                later = [s for s, r in self._recent.items() if s > second and r.unanswered]
                self._unanswered_since = min(later, default=None)
        if recent.unanswered and not recent.answered and self._after_last_answer(second):
            since = self._unanswered_since
            self._unanswered_since = second if since is None else min(second, since)

    def _after_last_answer(self, second: int) -> bool:
        return self._last_answered is None or second > self._last_answered

    def _see_users(self, record: Users) -> None:
        self._first = record.second if self._first is None else min(self._first, record.second)
        self._told_by[record.worker] = max(record.second, self._told_by.get(record.worker, record.second))
        known = self._users.get(record.worker)
        if known is None or (record.second, record.sequence) > (known.second, known.sequence):
            self._users[record.worker] = record
        if self._logged_in == math.inf:
            self._words.setdefault(record.worker, {})[record.second] = record

    def _settle(self) -> None:
        """Add the seconds that are wholly told by now to the steady state."""
        told_until = self._wholly_told_until()
        if told_until is None or told_until <= self._settled_until:
            return
        for second, recent in self._recent.items():
            if self._settled_until <= second < told_until and self._is_steady(second):
                self._steady.merge(recent.tally)
        self._settled_until = told_until

    def _forget(self) -> None:
        newest = max(self._recent, default=0)
        for second in [second for second in self._recent if second <= newest - KEPT_S]:
            del self._recent[second]
        for worker, words in self._words.items():
            self._words[worker] = {second: word for second, word in words.items() if second > max(words) - KEPT_S}

    def _wholly_told_until(self) -> int | None:
        """The second that the slowest process is at; it may be half told. None before the first report."""
        if END in self._phases:
            return math.floor(self._phases[END]) + 1
        newest = max(self._told_by.values(), default=0)
        return min((at for at in self._told_by.values() if newest - at <= FORGOTTEN_AFTER_S), default=None)

    def _told_until(self, now_utc_s: float) -> int:
        """The first second that is not wholly told; reports that stay away count as seconds without requests."""
        told_until, now = self._wholly_told_until(), math.floor(now_utc_s)
        return now if told_until is None else max(told_until, now - _REPORTS_LATE_S)

    def _start(self, stop: int) -> int:
        starts = [at for at in (self._phases.get(RAMP_UP), self._first) if at is not None]
        return min(math.floor(min(starts, default=float(stop))), stop)

    def _length_s(self, stop: int) -> int:
        """Length of all that was told, begun seconds included."""
        until = max(stop, max(self._recent, default=stop - 1) + 1)
        return until - self._start(until)

    def _steady_start(self) -> int | None:
        """From the planned end, since the plateau's real length is not known before it is over."""
        plateau = self._phases.get(PLATEAU)
        if plateau is None:
            return None
        planned_end = self._phases.get(RAMP_UP, plateau) + self._plan.scenario.duration_s
        return steady_from(plateau, planned_end, self._logged_in)

    def _is_steady(self, second: int) -> bool:
        start = self._steady_start()
        return start is not None and start <= second and second + 1 <= self._phases.get(RAMP_DOWN, math.inf)

    def _steady_length_s(self, stop: int) -> int:
        start = self._steady_start()
        if start is None:
            return 0
        return max(0, min(stop, math.floor(self._phases.get(RAMP_DOWN, stop))) - start)

    def _alive(self) -> dict[str, int]:
        alive: Counter[str] = Counter(dict.fromkeys(self._plan.users_by_role, 0))
        newest = max(self._told_by.values(), default=0)
        for users in self._users.values():
            if newest - users.second <= FORGOTTEN_AFTER_S:
                alive.update(users.by_role)
        return dict(alive)
