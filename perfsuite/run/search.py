"""Leads a search for the capacity while the load goes on: which load to offer, and what came of it."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from perfsuite.capacity.constraints import BEYOND_WINDOW_S
from perfsuite.capacity.levels import level_of, never_asked
from perfsuite.capacity.records import Visit, VisitResult
from perfsuite.capacity.samples import SearchSamples
from perfsuite.capacity.search import Search
from perfsuite.clock import utc_s
from perfsuite.errors import LoadError, UsageError
from perfsuite.measurements.records import Generator, Record, WorkerLost
from perfsuite.model import LevelOrder, SearchBy, VisitRecord
from perfsuite.model.capacity import stage_of
from perfsuite.model.generator import Bottleneck
from perfsuite.model.periods import PLATEAU, RAMP_DOWN, STAGE
from perfsuite.report.terminal.capacity import visit_header, visit_line
from perfsuite.roles import ROLES
from perfsuite.roles.mix import sessions_by_role, users_by_role
from perfsuite.roles.work import roles_of
from perfsuite.run.capacity import CAPACITY_FILE, SearchRecord, results_of, searched_targets, settings_of
from perfsuite.run.context import RunContext
from perfsuite.run.load_run import save
from perfsuite.summary.health import capacity_of_generator
from perfsuite.summary.live import LiveView

NEAR_LIMIT = 0.9
"""A generator that used so much of the CPU that it may use, or was late or paused beyond the limits of a run, may have
made a visit what it was."""
FULL_PERCENT = 100
MOST_BEGINS = 3
"""Such a visit begins anew, so that a moment in which the load machine was busy with something else costs time alone;
after so many the generator is the limit."""
SILENT_S = 10
"""A load at which the target gives no answer at all for so long is given up."""
RECOVERS_WITHIN_S = 20
"""If it still gives none so long after the load was lowered, it is lost."""
FEWEST_PER_S, SHARE_PER_S = 20.0, 0.2
"""Users start at this rate, or this share of the level a second: their logins are load as well."""
REACHED_WITHIN_S = 15.0
"""A level whose users are not logged in so long after the last one should have started begins without them."""
SHORTEST_LAST_S = 5
"""A visit that the end of the run cuts counts from so many seconds after those that are discarded."""


@dataclass(slots=True)
class _Present:
    """The visit that goes on. `rise_s`: how long starting its users takes. `lost_at`: when a load process was lost in
    it, 0 if none was. `first`: its first second, None while the load is on its way; `until`: the last one that was
    looked at."""

    visit: Visit
    number: int
    ordered_at: float
    rise_s: float
    lost_at: float = 0.0
    first: int | None = None
    until: int = 0
    begins: int = 1


class SearchLeader:
    """One search: `add` the records as they come, and `go_on` several times a second."""

    def __init__(self, run: RunContext, live: LiveView, now: Callable[[], float] = utc_s) -> None:
        """`now`: UTC epoch s."""
        self._run, self._live, self._plan, self._now = run, live, run.plan, now
        self._constraints, _others = searched_targets(run.plan)
        self._search = Search(settings_of(run.plan, self._constraints))
        self._samples = SearchSamples(self._constraints)
        self._generators: defaultdict[int, list[Generator]] = defaultdict(list)
        self._visits: list[VisitRecord] = []
        self._present: _Present | None = None
        self._roles = [role for role in roles_of(run.plan.scenario, ROLES) if run.plan.users_by_role.get(role.slug)]
        self._users = 0
        self._highest_rate = 0.0

    def add(self, records: Iterable[Record]) -> None:
        """Take in further records."""
        known = list(records)
        self._samples.add(known)
        for record in known:
            if isinstance(record, Generator):
                self._generators[record.second].append(record)
            elif isinstance(record, WorkerLost) and self._present is not None:
                # Its users log in again elsewhere: the visit begins anew with them.
                self._present.first, self._present.lost_at = None, record.at

    @property
    def users(self) -> int:
        """Users, or sessions, of the present load."""
        return self._users

    @property
    def target_lost_s(self) -> int:
        """For how long the target may give no answer at all."""
        return SILENT_S + RECOVERS_WITHIN_S

    def go_on(self, order: Callable[[LevelOrder], None]) -> bool:
        """Look at the visit that goes on, and order the next load once it is over. False when the search is over."""
        if self._present is None:
            visit = self._search.next()
            if not isinstance(visit, Visit):
                return False
            self._begin(visit, order)
        elif self._has_ended(self._present) and not self._begins_anew(self._present):
            self._take(self._present)
            return self.go_on(order)
        return True

    def close(self) -> None:
        """The load is over: its last seconds belong to the last visit."""
        downs = [phase.at for phase in self._live.aggregate.phases if phase.name == RAMP_DOWN]
        stop = math.floor(min(downs)) if downs else self._live.reported_until
        if stop is None:
            return
        self._extend(stop)
        present = self._present
        if present is not None and present.first is not None:
            seconds = stop - present.first
            if seconds >= present.visit.discard_s + SHORTEST_LAST_S:
                self._visits.append(self._record(present, stop, aborted=False))
        self._save()

    # ── one visit ───────────────────────────────────────────────────────────────────────────────────────────

    def _begin(self, visit: Visit, order: Callable[[LevelOrder], None]) -> None:
        made = self._order(visit)
        missing = max(sum(made.users.values()) - self._users, 0)
        self._users = sum(made.users.values())
        self._present = _Present(visit, len(self._visits) + 1, self._now(), missing / made.spawn_rate)
        order(made)

    def _order(self, visit: Visit) -> LevelOrder:
        stage = stage_of(len(self._visits) + 1)
        asked = self._plan.capacity
        if asked is not None and asked.by is SearchBy.ARRIVAL_RATE:
            # Sessions that are there stay: who is logged in and has nothing to do is no load.
            self._highest_rate = max(self._highest_rate, visit.load)
            sessions = sessions_by_role(self._highest_rate, self._roles, asked.session_s)
            return LevelOrder(stage, sessions, _spawn_rate(sum(sessions.values())), visit.load)
        return LevelOrder(stage, users_by_role(round(visit.load), self._roles), _spawn_rate(visit.load))

    def _reached(self, present: _Present) -> int | None:
        """The first whole second in which all users of the level are there and logged in; None before."""
        aggregate, stage = self._live.aggregate, stage_of(present.number)
        at = {phase.name: phase.at for phase in aggregate.phases if phase.stage == stage}
        until = self._live.reported_until
        if STAGE not in at or until is None:
            return None
        if PLATEAU in at:
            begin = math.floor(max(at[STAGE], at[PLATEAU], present.lost_at))
            for second, reports in aggregate.users_at(range(begin, until)):
                alive = sum(sum(users.by_role.values()) for users in reports)
                if alive >= self._users and not any(users.logging_in for users in reports):
                    return second + 1
        latest_at = max(at[STAGE] + present.rise_s, present.lost_at) + REACHED_WITHIN_S
        return until if until > latest_at else None

    def _has_ended(self, present: _Present) -> bool:
        until = self._live.reported_until
        if present.first is None:
            present.first = self._reached(present)
            if present.first is not None:
                self._extend(present.first)
        if present.first is None or until is None or until <= max(present.until, present.first):
            return False
        present.until = until
        visit = present.visit
        result = self._samples.result(visit, present.first, until)
        if visit.until_concurrency is not None:
            drained = self._samples.in_flight <= visit.until_concurrency
            return result.seconds >= visit.seconds or (drained and self._samples.has_recovered(result))
        return result.seconds >= visit.seconds or self._is_beyond(visit, result)

    def _begins_anew(self, present: _Present) -> bool:
        """The generator was near its limit, perhaps for a moment only."""
        counts = present.visit.until_concurrency is None
        if not counts or present.begins == MOST_BEGINS or not self._is_limited(present.first or 0, present.until):
            return False
        present.begins += 1
        present.first = present.until
        return True

    def _is_limited(self, first: int, stop: int) -> bool:
        known = [record for second in range(first, stop) for record in self._generators.get(second, ())]
        used = capacity_of_generator(known, stop - first)
        of_cpu = max((used.shares.get(part, 0.0) for part in (Bottleneck.CPU, Bottleneck.CPU_LIMIT)), default=0.0)
        return used.used_percent == FULL_PERCENT or of_cpu >= NEAR_LIMIT

    def _is_beyond(self, visit: Visit, result: VisitResult) -> bool:
        """Would more of this load only hurt?"""
        begin = max(visit.discard_s, result.seconds - BEYOND_WINDOW_S)
        silent = self._live.unanswered_s(self._now()) >= SILENT_S
        pairs = zip(self._constraints, result.samples, strict=True)
        return silent or (visit.may_abort and any(constraint.is_beyond(own[begin:]) for constraint, own in pairs))

    def _take(self, present: _Present) -> None:
        """The visit is over: note it, and let the search decide by all that is known now."""
        first = present.first or present.until
        aborted = present.visit.until_concurrency is None and present.until - first < present.visit.seconds
        record = self._record(present, present.until, aborted=aborted)
        self._revise()
        self._visits.append(record)
        self._present = None
        result = results_of([record], self._samples)[0]
        result = replace(result, visit=present.visit)
        self._search.add(result, used_s=math.ceil(self._now() - self._began_at()))
        self._save()
        self._say(record, result)

    def _record(self, present: _Present, stop: int, *, aborted: bool) -> VisitRecord:
        visit, first = present.visit, present.first or stop
        limited = self._is_limited(first, stop)
        return VisitRecord(
            present.number,
            visit.load,
            visit.phase,
            first,
            stop,
            visit.discard_s,
            aborted,
            generator_limited=limited,
            change_s=max(first - math.floor(present.ordered_at), 0),
        )

    def _revise(self) -> None:
        """Requests of earlier visits have ended since."""
        for place, result in enumerate(results_of(self._visits, self._samples)):
            self._search.revise(place, replace(result, visit=self._search.results[place].visit))

    def _extend(self, stop: int) -> None:
        """The load stayed until the next one was there."""
        if self._visits and self._visits[-1].stop < stop:
            self._visits[-1] = replace(self._visits[-1], stop=self._until_change(stop))

    def _until_change(self, stop: int) -> int:
        stage = stage_of(len(self._visits) + 1)
        begun = [phase.at for phase in self._live.aggregate.phases if phase.name == STAGE and phase.stage == stage]
        return max(min([stop, *(math.floor(at) for at in begun)]), self._visits[-1].stop)

    def _began_at(self) -> float:
        return min((phase.at for phase in self._live.aggregate.phases), default=self._now())

    # ── what is shown and kept ──────────────────────────────────────────────────────────────────────────────

    def _save(self) -> None:
        try:
            save(self._run.folder / CAPACITY_FILE, SearchRecord(tuple(self._visits)))
        except UsageError as error:  # its exit code means that nothing was sent
            raise LoadError(error.message) from error

    def _say(self, visit: VisitRecord, result: VisitResult) -> None:
        asked, say = self._plan.capacity, self._run.screen.say
        if visit.number == 1 and asked is not None:
            say(visit_header(asked.by))
        without = never_asked(self._search.results, len(self._constraints))
        level = level_of([result], self._constraints, without)
        targets, limits = zip(*((each.target, each.limit) for each in self._constraints), strict=True)
        say(visit_line(visit, level, targets, limits))


def _spawn_rate(users: float) -> float:
    return max(FEWEST_PER_S, SHARE_PER_S * users)
