"""Virtual users alive: those of a lost process are not counted beside their replacement."""

from __future__ import annotations

import pytest

from perfsuite.measurements import Users, WorkerLost
from perfsuite.summary import Live
from perfsuite.summary.users import FORGOTTEN_AFTER_S, users_by_second
from tests.summary.made_records import START, make_plan

ROLES = ["reader"]


def users(worker: str, second: int, count: int) -> Users:
    return Users(worker, second, second, {"reader": count})


def told(*records: Users) -> dict[str, dict[int, Users]]:
    by_worker: dict[str, dict[int, Users]] = {}
    for record in records:
        by_worker.setdefault(record.worker, {})[record.second] = record
    return by_worker


@pytest.mark.parametrize(
    ("second", "alive"),
    [
        pytest.param(9, 20, id="both processes are there"),
        pytest.param(10, 10, id="one was lost in this second"),
        pytest.param(11, 20, id="its users were placed on the other"),
    ],
)
def test_users_of_a_lost_process_end_with_it(second: int, alive: int) -> None:
    records = told(users("a", 9, 10), users("b", 9, 10), users("b", 10, 10), users("b", 11, 20))
    lost = [WorkerLost("conductor", 1, "a", 10.2, 10, "was killed")]

    assert users_by_second(records, [9, 10, 11], ROLES, lost)[second] == {"reader": alive}


def test_a_process_that_is_late_keeps_its_users_for_a_while() -> None:
    last = FORGOTTEN_AFTER_S + 1
    by_second = users_by_second(told(users("a", 0, 7)), range(last + 1), ROLES)

    assert [by_second[second]["reader"] for second in (0, last - 1, last)] == [7, 7, 0]


def test_the_live_view_drops_them_too() -> None:
    live = Live(make_plan())
    live.feed([users("a", START, 10), users("b", START, 10)])
    live.feed([WorkerLost("conductor", 1, "a", START + 1.0, 10, "was killed"), users("b", START + 1, 20)])

    assert sum(live.state(START + 3).users.values()) == 20
