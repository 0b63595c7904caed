"""Virtual users alive: those of a lost process are not counted beside their replacement."""

from __future__ import annotations

import math

import pytest

from perfsuite.measurements.aggregate import FORGOTTEN_AFTER_S, Aggregate
from perfsuite.measurements.records import Users, WorkerLost
from perfsuite.summary import LiveView
from perfsuite.summary.users import all_logged_in_at, logging_in_by_second, users_by_second
from tests.summary.made_records import START, make_plan

ROLES = ["reader"]


def users(worker: str, second: int, count: int) -> Users:
    return Users(worker, second, second, {"reader": count})


@pytest.mark.parametrize(
    ("second", "alive"),
    [
        pytest.param(9, 20, id="both processes are there"),
        pytest.param(10, 10, id="one was lost in this second"),
        pytest.param(11, 20, id="its users were placed on the other"),
    ],
)
def test_users_of_a_lost_process_end_with_it(second: int, alive: int) -> None:
    lost = WorkerLost("conductor", 1, "a", 10.2, 10, "was killed")
    records = Aggregate.of([users("a", 9, 10), users("b", 9, 10), users("b", 10, 10), users("b", 11, 20), lost])

    assert users_by_second(records, [9, 10, 11], ROLES)[second] == {"reader": alive}


def test_a_process_that_is_late_keeps_its_users_for_a_while() -> None:
    last = FORGOTTEN_AFTER_S + 1
    by_second = users_by_second(Aggregate.of([users("a", 0, 7)]), range(last + 1), ROLES)

    assert [by_second[second]["reader"] for second in (0, last - 1, last)] == [7, 7, 0]


def test_the_live_view_drops_them_too() -> None:
    live = LiveView(make_plan())
    live.feed([users("a", START, 10), users("b", START, 10)])
    live.feed([WorkerLost("conductor", 1, "a", START + 1.0, 10, "was killed"), users("b", START + 1, 20)])

    assert sum(live.state(START + 3).users.values()) == 20


# ── logins ──────────────────────────────────────────────────────────────────────────────────────────


def logging(worker: str, second: int, count: int) -> Users:
    return Users(worker, second, second, {"reader": 10}, count)


def test_users_that_are_logging_in_are_those_of_all_processes() -> None:
    records = Aggregate.of(
        [logging("a", 2, 5), logging("b", 2, 4), logging("a", 3, 2), logging("b", 4, 0), logging("a", 5, 0)]
    )

    # Process b says nothing in second 3, and a nothing in second 4: their latest reports count.
    assert logging_in_by_second(records, range(2, 6)) == {2: 9, 3: 6, 4: 2, 5: 0}
    assert all_logged_in_at(logging_in_by_second(records, range(2, 6)), 2.5) == 6.0


def test_before_its_first_report_a_process_counts_with_that() -> None:
    records = Aggregate.of([logging("a", 2, 0), logging("b", 4, 3), logging("b", 5, 0)])

    assert logging_in_by_second(records, range(2, 6)) == {2: 3, 3: 3, 4: 3, 5: 0}


def test_a_lost_process_is_not_waited_for() -> None:
    lost = WorkerLost("conductor", 1, "a", 3.2, 10, "was killed")
    records = Aggregate.of([logging("a", 2, 5), logging("b", 2, 0), logging("b", 3, 0), lost])

    assert logging_in_by_second(records, range(2, 4)) == {2: 5, 3: 0}


@pytest.mark.parametrize(
    ("logging_in", "at"),
    [
        pytest.param({3: 0, 4: 5, 5: 0}, 6.0, id="before the plateau a quiet second means nothing"),
        pytest.param({4: 0, 5: 0}, 5.0, id="when the last one began all the others were in"),
        pytest.param({4: 1, 5: 0, 6: 3, 7: 0}, 6.0, id="users of a lost process log in once more"),
        pytest.param({4: 1, 5: 1}, math.inf, id="never"),
        pytest.param({}, math.inf, id="nothing recorded"),
    ],
)
def test_when_all_users_were_logged_in(logging_in: dict[int, int], at: float) -> None:
    assert all_logged_in_at(logging_in, plateau=4.5) == at
