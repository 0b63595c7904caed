"""The live view agrees with the summary, and stays small."""

from __future__ import annotations

import random
from dataclasses import replace

import msgspec
import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.check_ended import CheckEnded
from perfsuite.measurements.records import Record
from perfsuite.model import CapacityPlan, FailureKind, LiveFailure, LiveLine, SearchBy
from perfsuite.model.correctness import CheckResult
from perfsuite.summary import LiveView, build
from perfsuite.summary.live import KEPT_S
from tests.summary.made_records import ROLES, START, Process, make_plan


def told_second_by_second(process: Process, seconds: range, *, kind: str | None = None) -> list[list[Record]]:
    """What a process hands over after each second; with a `kind`, every request fails so."""
    dice = random.Random(seconds.start)
    told: list[list[Record]] = []
    for second in seconds:
        values = [dice.lognormvariate(3, 1) for _ in range(10)]
        requests = process.requests(second, [] if kind else values, values if kind else [], kind=kind or "")
        told.append([requests, process.users(second, reader=2, writer=1)])
    return told


def test_before_anything_was_told() -> None:
    state = LiveView(make_plan()).state(START)

    assert (state.phase, state.elapsed_s, state.total_s) == ("starting", 0.0, 60)
    assert (state.requests, state.rps_now, state.p95_now_ms, state.steady, state.unanswered_s) == (
        0,
        0.0,
        None,
        False,
        0,
    )
    assert state.users == {"reader": 0, "writer": 0}


def test_steady_figures_are_those_of_the_summary() -> None:
    one = Process()
    plan = make_plan(duration_s=22)
    live = LiveView(plan)
    batches = told_second_by_second(one, range(22))
    batches.insert(0, [one.phase("ramp-up", 0)])
    batches.insert(3, [one.phase("plateau", 2)])
    batches[10].append(one.requests(7, (), [1.0, 2.0], ended=2))  # two errors in the steady state
    batches.append([one.phase("ramp-down", 22), one.phase("end", 23)])
    for batch in batches:
        live.feed(batch)
    state = live.state(START + 23)

    summary = build(plan, Aggregate.of([record for batch in batches for record in batch]), preflight=None, roles=ROLES)
    assert state.steady
    assert (state.statistics, state.ok) == (summary.totals, summary.ok)
    assert state.ok is not None
    assert (state.requests, state.failures) == (summary.whole_run.requests, summary.whole_run.failures)
    assert state.phase == "end"
    assert state.users == {"reader": 2, "writer": 1}


@pytest.mark.parametrize(("searches", "requests"), [(False, 90 + 190), (True, 190)])
def test_in_a_search_the_steady_figures_are_those_of_the_present_visit(searches: bool, requests: int) -> None:
    one = Process()
    search = CapacityPlan(SearchBy.USERS, 8, 1000, 60) if searches else None
    live = LiveView(replace(make_plan(), capacity=search))
    told = told_second_by_second(one, range(40))
    told[0] += [one.phase("ramp-up", 0), one.phase("stage", 0, "visit 1"), one.phase("plateau", 1, "visit 1")]
    told[15] += [one.phase("stage", 15, "visit 2"), one.phase("plateau", 15, "visit 2")]
    for batch in told:
        live.feed(batch)
    state = live.state(START + 40)

    assert state.steady
    assert state.statistics.requests == requests


def test_until_the_steady_state_everything_counts() -> None:
    one = Process()
    live = LiveView(make_plan())
    live.feed([one.phase("ramp-up", 0)])
    for batch in told_second_by_second(one, range(4)):
        live.feed(batch)
    state = live.state(START + 4.3)

    assert (state.phase, state.steady) == ("ramp-up", False)
    assert (state.statistics.requests, state.statistics.rps) == (40, 10.0)
    assert state.elapsed_s == pytest.approx(4.3)
    assert state.rps_now == 10.0


def test_a_second_counts_when_every_process_has_gone_past_it() -> None:
    one, two = Process("1"), Process("2")
    live = LiveView(make_plan())
    live.feed([one.phase("ramp-up", 0), one.phase("plateau", 0)])
    for second in range(10):
        live.feed([one.requests(second, [5.0] * 4), one.users(second, reader=1)])
        if second < 8:
            live.feed([two.requests(second, [5.0] * 6), two.users(second, reader=1)])
    state = live.state(START + 10)

    assert (state.rps_now, state.steady) == (10.0, True)
    assert state.avg_now_ms == pytest.approx(5.0, rel=0.001)
    assert (state.statistics.requests, state.statistics.rps) == (20, 10.0)  # the seconds 5 and 6
    live.feed([two.requests(7, [5.0] * 4), two.users(9, reader=1)])
    assert live.state(START + 10).statistics.requests == 20 + 14 + 4


def test_a_request_that_took_long_is_added_to_the_second_it_was_sent_in() -> None:
    one = Process()
    live = LiveView(make_plan())
    live.feed([one.phase("ramp-up", 0), one.phase("plateau", 0)])
    for second in range(60):
        live.feed([one.requests(second, [5.0]), one.users(second, reader=1)])
    before = live.state(START + 60).statistics
    live.feed([one.requests(6, [54_000.0])])
    after = live.state(START + 60).statistics

    assert (before.requests, after.requests, after.max_ms) == (54, 55, 54_000.0)


def test_now_is_the_last_five_whole_seconds_that_were_told() -> None:
    one = Process()
    live = LiveView(make_plan())
    for batch in told_second_by_second(one, range(20)):
        live.feed(batch)

    assert live.state(START + 20.9).rps_now == 10.0
    assert live.state(START + 22.0).rps_now == 10.0  # one report is late
    assert live.state(START + 25.0).rps_now == 6.0  # two seconds are taken as empty
    assert live.state(START + 60.0).rps_now == 0.0


def test_stretch_without_an_answer_grows_until_one_comes() -> None:
    one = Process()
    live = LiveView(make_plan())
    for batch in told_second_by_second(one, range(10)):
        live.feed(batch)
    assert live.state(START + 10).unanswered_s == 0

    for batch in told_second_by_second(one, range(10, 18), kind=FailureKind.CONNECTION_LOST):
        live.feed(batch)
    assert live.state(START + 18).unanswered_s == 7

    live.feed([one.requests(14, [3000.0])])  # sent in the 14th second, answered late
    assert live.state(START + 18).unanswered_s == 2

    live.feed([one.requests(18, [5.0]), one.users(18, reader=3)])
    assert live.state(START + 19).unanswered_s == 0


def test_an_error_is_an_answer() -> None:
    one = Process()
    live = LiveView(make_plan())
    for batch in told_second_by_second(one, range(10), kind=FailureKind.STATUS):
        live.feed(batch)
    assert live.state(START + 10).unanswered_s == 0


def test_memory_does_not_grow_with_the_run() -> None:
    one = Process()
    live = LiveView(make_plan(duration_s=28_800))
    live.feed([one.phase("ramp-up", 0), one.phase("plateau", 2)])
    for second in range(3_000):
        live.feed([one.requests(second, [5.0]), one.users(second, reader=3)])

    assert len(live.aggregate.seconds) <= KEPT_S
    assert live.state(START + 3_000).statistics.requests == 3_000 - 7 - 1


def test_a_process_that_fell_silent_has_no_users_any_more() -> None:
    one, two = Process("1"), Process("2")
    live = LiveView(make_plan())
    live.feed([two.users(0, reader=5), *(one.users(second, reader=1) for second in range(8))])
    assert live.state(START + 8).users == {"reader": 1, "writer": 0}


ME = ("writer", "checking", "users.me")


def test_operations_come_slowest_first_and_roles_in_the_order_of_the_plan() -> None:
    one, live = Process(), LiveView(make_plan())
    live.feed([one.phase("ramp-up", 0), one.requests(0, [10.0, 30.0]), one.requests(1, [100.0], [300.0], where=ME)])
    state = live.state(START + 2)
    assert state.operations == (LiveLine("users.me", 2, 200.0, 1), LiveLine("policies.list", 2, 20.0, 0))
    assert state.roles == (LiveLine("reader", 2, 20.0, 0), LiveLine("writer", 2, 200.0, 1))


def test_a_role_without_a_request_has_no_time() -> None:
    one, live = Process(), LiveView(make_plan())
    live.feed([one.requests(0, [10.0])])
    assert live.state(START + 1).roles[1] == LiveLine("writer", 0, None, 0)


def test_only_the_last_seconds_count_for_times_and_all_for_failures() -> None:
    one, live = Process(), LiveView(make_plan())
    live.feed([one.requests(0, [], [900.0, 900.0], where=ME)])
    live.feed([one.requests(KEPT_S, [10.0])])
    state = live.state(START + KEPT_S + 1)
    assert [line.name for line in state.operations] == ["policies.list"]
    assert state.failed == (LiveFailure("users.me", FailureKind.STATUS, "answered 500", 2),)


def test_actions_that_never_began_are_failures_with_the_time_they_waited() -> None:
    one, live = Process(), LiveView(make_plan())
    live.feed([one.not_started(0, [1000.0, 3000.0])])
    state = live.state(START + 1)
    assert state.operations == (LiveLine("policies.list", 2, 2000.0, 2),)
    assert [(each.kind, each.count) for each in state.failed] == [("not started", 2)]


def test_the_generator_is_shown_as_near_its_limit_as_it_was_in_the_last_ten_seconds() -> None:
    view, one, two = LiveView(make_plan()), Process("1"), Process("2")
    for second in range(30):
        busy = 84.0 if second < 15 else 17.0
        view.feed([one.generator(second, busy), two.generator(second, 34.0), one.users(second, reader=2)])
        view.feed([two.users(second, writer=1)])
        if second == 12:
            assert view.state(START + second).generator_percent == 98

    assert view.state(START + 30).generator_percent == 40
    assert LiveView(make_plan()).state(START).generator_percent is None


def test_violations_are_counted_once_for_each_operation_and_role() -> None:
    view = LiveView(make_plan())
    check = CheckEnded("1", 1, START, "isolation", "own rows only", "policies.read", ("reader",), CheckResult.VIOLATED)
    other = msgspec.structs.replace(check, operation="policies.list", sequence=3)
    view.feed([check, msgspec.structs.replace(check, sequence=2), other])
    assert view.state(START + 1).violations == 2
