"""A search that is led over a load which is pretended second by second: what it orders, and what it leaves."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest

from perfsuite.cli.screen import PlainScreen
from perfsuite.errors import LoadError
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Phase, Record
from perfsuite.model import (
    CapacityAnswer,
    CapacityKind,
    CapacityPlan,
    LevelOrder,
    NotAnswered,
    Plan,
    Scenario,
    SearchBy,
    Target,
    VisitPhase,
)
from perfsuite.model.periods import PLATEAU, RAMP_DOWN, RAMP_UP, STAGE
from perfsuite.roles import ROLES
from perfsuite.roles.mix import sessions_by_role, users_by_role
from perfsuite.run.capacity import CAPACITY_FILE, SearchRecord, capacity_report
from perfsuite.run.context import CommandContext
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.search import SearchLeader
from perfsuite.summary.live import LiveView
from tests.summary.made_records import START, Process

AVERAGE = Target("average", "avg_ms", 500, True)
MOST_S = 900
WHERE = ("policyholder", "browsing", "policies.list")
Times = Callable[[int, int], float]
"""Users and second → how long answers take, ms."""


def fast_up_to_100(users: int, _second: int) -> float:
    return 50.0 if users <= 100 else 5000.0


@dataclass
class PretendedLoad:
    """One request a second of each user, or of each action a second; all users are there at once."""

    folder: Path
    times: Times = fast_up_to_100
    busy: Callable[[int, int], bool] = lambda _users, _second: False
    """Users and second → is the generator busy with something else?"""
    most: int = 400
    by: SearchBy = SearchBy.USERS
    orders: list[LevelOrder] = field(default_factory=list)
    second: int = 0

    def __post_init__(self) -> None:
        asked = CapacityPlan(self.by, 28.0, float(self.most), MOST_S)
        counts = users_by_role(self.most, ROLES)
        scenario = Scenario("basic", self.most, 20, MOST_S)
        self.plan = Plan("r", scenario, "http://localhost", counts, (AVERAGE,), (), 1, "now", capacity=asked)
        self.said, self.process, self.records = io.StringIO(), Process(), list[Record]()
        context = CommandContext(self.folder, PlainScreen(self.said), Interrupts()).for_run(self.plan, (), self.folder)
        self.live = LiveView(self.plan)
        self.leader = SearchLeader(context, self.live, lambda: START + self.second)

    def record(self, *records: Record) -> None:
        self.records += records
        self.live.feed(records)
        self.leader.add(records)

    def phase(self, name: str, stage: str = "") -> Phase:
        return of_stage(self.process.phase(name, self.second), stage)

    def enter(self, order: LevelOrder) -> None:
        self.orders.append(order)
        self.record(self.phase(STAGE, order.stage), self.phase(PLATEAU, order.stage))

    def go(self, until_s: int = MOST_S) -> CapacityAnswer:
        """The answer from all that was recorded, once the search has ended or its time is over."""
        self.record(self.phase(RAMP_UP))
        while self.leader.go_on(self.enter) and self.second < until_s:
            users = round(self.orders[-1].rate or sum(self.orders[-1].users.values()))
            times = [self.times(users, self.second)] * users
            self.record(
                self.process.requests(self.second, times, where=WHERE, ended=users),
                self.process.users(self.second, **self.orders[-1].users),
                self.process.generator(self.second, 99.0 if self.busy(users, self.second) else 20.0, waited=0.0),
            )
            self.second += 1
        self.record(self.phase(RAMP_DOWN))
        self.leader.close()
        report = capacity_report(self.plan, self.saved.visits, Aggregate.of(self.records))
        assert report is not None
        return report.answer

    @property
    def saved(self) -> SearchRecord:
        return msgspec.json.decode((self.folder / CAPACITY_FILE).read_bytes(), type=SearchRecord)


def of_stage(phase: Phase, stage: str) -> Phase:
    return msgspec.structs.replace(phase, stage=stage)


def test_a_search_finds_the_load_at_which_all_becomes_slow(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path)
    answer = load.go()

    assert answer.kind is CapacityKind.CLIFF
    assert answer.low is not None
    assert answer.high is not None
    assert 98 <= answer.low <= 100 < answer.high <= 103
    assert load.second <= MOST_S


def test_users_of_each_level_are_ordered_by_role_and_every_visit_is_kept(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path)
    load.go()
    visits = load.saved.visits

    assert [round(visit.load) for visit in visits] == [sum(order.users.values()) for order in load.orders]
    assert [order.stage for order in load.orders] == [f"visit {visit.number}" for visit in visits]
    assert all(order.users == users_by_role(sum(order.users.values()), ROLES) for order in load.orders)
    assert all(order.spawn_rate >= 20 for order in load.orders)
    # Each lasts until the next load is there.
    assert all(after.first - before.stop == 1 for before, after in pairwise(visits)), "the second of the change"
    assert [visit.phase for visit in visits[:3]] == [VisitPhase.BRACKET, VisitPhase.BRACKET, VisitPhase.RECOVERY]
    # Those of the bracket are too short to be given up.
    longer = [visit for visit in visits if visit.phase in (VisitPhase.BISECT, VisitPhase.REFINE)]
    assert {visit.aborted for visit in longer} == {True, False}
    assert all(visit.aborted == (visit.load > 100) for visit in longer)


def test_a_moment_in_which_the_generator_is_busy_costs_time_alone(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path, busy=lambda _users, second: second in range(4, 9))
    answer = load.go()

    assert load.saved.visits[0].first >= START + 9
    assert not any(visit.generator_limited for visit in load.saved.visits)
    assert answer.kind is CapacityKind.CLIFF


def test_a_generator_that_is_busy_at_a_load_is_the_limit_there_and_never_the_target(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path, times=lambda users, _second: users * 6.0, busy=lambda users, _second: users > 70)
    answer = load.go()

    assert answer.kind is CapacityKind.AT_LEAST
    assert answer.low is not None
    assert 28 <= answer.low <= 70
    assert answer.first_fail is None
    assert answer.not_answered == {"search": NotAnswered.GENERATOR}


def test_a_search_that_the_end_cuts_off_answers_with_what_it_has(tmp_path: Path) -> None:
    answer = PretendedLoad(tmp_path).go(until_s=16)

    assert answer.kind is CapacityKind.AT_LEAST
    assert answer.not_answered["search"] is NotAnswered.DURATION


def test_all_that_is_allowed_is_visited_before_a_target_takes_at_least_that(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path, most=60)
    answer = load.go()

    assert (answer.kind, answer.low) == (CapacityKind.AT_LEAST, 60)
    assert answer.not_answered == {"search": NotAnswered.MOST_LOAD}
    assert max(sum(order.users.values()) for order in load.orders) == 60


def test_each_visit_is_a_line(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path)
    load.go()
    header, first, second, *_rest = load.said.getvalue().splitlines()

    assert header.split() == ["#", "Phase", "Users", "Requests/s", "Outcome", "Of", "limit", "Worst", "target"]
    assert first.split()[:5] == ["1", "bracket", "28", "28", "undecided"]
    assert second.split()[:5] == ["2", "bracket", "112", "112", "fail"]
    assert all(len(line) <= 80 for line in load.said.getvalue().splitlines())


def test_a_visit_in_which_a_load_process_is_lost_begins_anew_once_its_users_are_back(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path)
    load.record(load.phase(RAMP_UP))
    while load.leader.go_on(load.enter) and len(load.orders) == 1:
        users = dict(load.orders[-1].users)
        if load.second == 5:
            load.record(load.process.lost(5.0, "2", 15, "killed"))
        if 5 <= load.second < 9:
            users["policyholder"] -= 15
        load.record(
            load.process.requests(load.second, [50.0] * 28, where=WHERE, ended=28),
            load.process.users(load.second, logging_in=int(load.second == 9), **users),
            load.process.generator(load.second, 20.0, waited=0.0),
        )
        load.second += 1

    assert load.saved.visits[0].first == START + 11


def test_by_arrival_rate_the_rate_changes_and_sessions_only_come(tmp_path: Path) -> None:
    load = PretendedLoad(tmp_path, by=SearchBy.ARRIVAL_RATE)
    answer = load.go()
    rates = [order.rate or 0.0 for order in load.orders]
    sessions = [sum(order.users.values()) for order in load.orders]

    assert answer.kind is CapacityKind.CLIFF
    assert answer.low is not None
    assert answer.high is not None
    assert answer.low <= 100.5 <= answer.high
    assert rates == [visit.load for visit in load.saved.visits]
    assert sessions == sorted(sessions)
    assert min(rates[2:]) < max(rates), "it goes down, too"
    needed = sessions_by_role(max(rates), ROLES, 1.0)
    assert load.orders[-1].users == needed


def test_a_full_disk_ends_the_search_as_a_load_that_could_not_be_made(tmp_path: Path) -> None:
    (tmp_path / CAPACITY_FILE).mkdir()
    with pytest.raises(LoadError):
        PretendedLoad(tmp_path).go()
