"""Roles, operations and failures of a run under way."""

from __future__ import annotations

from perfsuite.model import FailureKind, LiveFailure, LiveLine
from perfsuite.summary import Live
from perfsuite.summary.live import KEPT_S
from perfsuite.summary.live_lines import MOST_KEPT, MOST_SHOWN, FailedSoFar
from tests.summary.made_records import START, Process, make_plan

ME = ("writer", "checking", "users.me")


def test_operations_come_slowest_first_and_roles_in_the_order_of_the_plan() -> None:
    one, live = Process(), Live(make_plan())
    live.feed([one.phase("ramp-up", 0), one.requests(0, [10.0, 30.0]), one.requests(1, [100.0], [300.0], where=ME)])
    state = live.state(START + 2)
    assert state.operations == (LiveLine("users.me", 2, 200.0, 1), LiveLine("policies.list", 2, 20.0, 0))
    assert state.roles == (LiveLine("reader", 2, 20.0, 0), LiveLine("writer", 2, 200.0, 1))


def test_a_role_without_a_request_has_no_time() -> None:
    one, live = Process(), Live(make_plan())
    live.feed([one.requests(0, [10.0])])
    assert live.state(START + 1).roles[1] == LiveLine("writer", 0, None, 0)


def test_only_the_last_seconds_count_for_times_and_all_for_failures() -> None:
    one, live = Process(), Live(make_plan())
    live.feed([one.requests(0, [], [900.0, 900.0], where=ME)])
    live.feed([one.requests(KEPT_S, [10.0])])
    state = live.state(START + KEPT_S + 1)
    assert [line.name for line in state.operations] == ["policies.list"]
    assert state.failed == (LiveFailure("users.me", FailureKind.STATUS, "answered 500", 2),)


def test_actions_that_never_began_are_failures_with_the_time_they_waited() -> None:
    one, live = Process(), Live(make_plan())
    live.feed([one.not_started(0, [1000.0, 3000.0])])
    state = live.state(START + 1)
    assert state.operations == (LiveLine("policies.list", 2, 2000.0, 2),)
    assert [(each.kind, each.count) for each in state.failed] == [("not started", 2)]


def test_ever_new_messages_do_not_take_memory() -> None:
    one, failed = Process(), FailedSoFar()
    for number in range(MOST_KEPT + 50):
        failed.add(one.requests(0, [], [1.0] * (2 if number == 3 else 1), message=f"row {number} is gone"))
    first, second, *rest = failed.most()
    assert (first.operation, first.message, first.count) == ("all", "(other messages)", 50)
    assert (second.message, second.count) == ("row 3 is gone", 2)
    assert len(rest) == MOST_SHOWN - 2
