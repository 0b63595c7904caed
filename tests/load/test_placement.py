"""Which worker has which users, at the start and after losses."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from perfsuite.load.messages import UserSeat
from perfsuite.load.placement import Placement, users_of
from perfsuite.model import Account

FIRST, SECOND, THIRD, SPARE = 0, 1, 2, 3


def _account(number: int, role: str = "policyholder") -> Account:
    return Account(str(number), "secret", role)


def _placed(users: int, *workers: int) -> Placement:
    return Placement([_account(number) for number in range(users)], workers)


def _numbers(placement: Placement) -> dict[int, list[int]]:
    return {worker: [seat.number for seat in seats] for worker, seats in placement.seats().items()}


def _started(placement: Placement) -> dict[int, int]:
    return {worker: counts.total() for worker, counts in placement.started().items()}


def test_users_go_to_the_workers_in_turn() -> None:
    placement = _placed(7, FIRST, SECOND, THIRD)

    assert _numbers(placement) == {FIRST: [0, 3, 6], SECOND: [1, 4], THIRD: [2, 5]}
    assert len(placement) == placement.waiting == 7


def test_a_seat_has_number_role_and_phone_number_and_no_password() -> None:
    placement = Placement([_account(5, "junior_agent")], [SECOND])

    assert placement.seats() == {SECOND: [UserSeat(0, "junior_agent", "5")]}


def test_workers_that_are_more_than_the_users_have_none() -> None:
    assert _numbers(_placed(1, FIRST, SECOND)) == {FIRST: [0]}


def test_users_start_in_their_order_wherever_they_are() -> None:
    placement = _placed(5, FIRST, SECOND)

    placement.start(3)

    assert _started(placement) == {FIRST: 2, SECOND: 1}
    assert placement.waiting == 2
    placement.start(100)
    assert _started(placement) == {FIRST: 3, SECOND: 2}
    assert placement.waiting == 0


def test_started_users_are_counted_by_role() -> None:
    users = [_account(0), _account(1, "junior_agent"), _account(2), _account(3, "junior_agent")]
    placement = Placement(users, [FIRST])

    placement.start(3)

    assert placement.started() == {FIRST: Counter(policyholder=2, junior_agent=1)}


def test_sessions_are_numbered_by_role_in_the_order_of_the_users() -> None:
    users = [_account(0), _account(1), _account(2, "junior_agent"), _account(3)]

    assert Placement(users, [FIRST, SECOND]).sessions() == {
        "policyholder": [FIRST, SECOND, SECOND],
        "junior_agent": [FIRST],
    }


@pytest.mark.parametrize(
    ("spares", "others", "expected"),
    [
        pytest.param([SPARE], [SECOND, THIRD], {SPARE: [0, 3, 6]}, id="a spare takes them all"),
        pytest.param([SPARE, 4], [SECOND, THIRD], {SPARE: [0, 3, 6]}, id="the first of two spares"),
        pytest.param([], [SECOND, THIRD], {SECOND: [0, 6], THIRD: [3]}, id="without one the others in turn"),
    ],
)
def test_the_users_of_a_lost_worker_go_elsewhere_with_their_numbers(
    spares: list[int], others: list[int], expected: dict[int, list[int]]
) -> None:
    placement = _placed(7, FIRST, SECOND, THIRD)
    before = {worker: numbers for worker, numbers in _numbers(placement).items() if worker != FIRST}

    assert placement.move(FIRST, spares, others) == 3

    after = _numbers(placement)
    assert FIRST not in after
    for worker, numbers in after.items():
        assert sorted(set(numbers) - set(before.get(worker, []))) == expected.get(worker, [])
    assert sorted(number for numbers in after.values() for number in numbers) == list(range(7))


def test_users_that_were_moved_start_again_and_no_others() -> None:
    placement = _placed(6, FIRST, SECOND)
    placement.start(6)

    placement.move(FIRST, [], [SECOND])

    assert (_started(placement)[SECOND], placement.waiting) == (3, 3)
    placement.start(3)
    assert _started(placement)[SECOND] == 6


def test_sessions_follow_the_users_in_their_places() -> None:
    placement = _placed(4, FIRST, SECOND)

    placement.move(FIRST, [SPARE], [SECOND])

    assert placement.sessions() == {"policyholder": [SPARE, SECOND, SPARE, SECOND]}


def test_where_nobody_is_left_users_stay_until_they_are_removed() -> None:
    placement = _placed(4, FIRST, SECOND)

    assert placement.move(FIRST, [], []) == 0
    assert _numbers(placement)[FIRST] == [0, 2]
    placement.remove(FIRST)
    assert (_numbers(placement), len(placement)) == ({SECOND: [1, 3]}, 2)


def test_a_worker_without_users_leaves_nothing_to_move() -> None:
    placement = _placed(1, FIRST, SECOND)

    assert placement.move(SECOND, [], [FIRST]) == 0
    assert _numbers(placement) == {FIRST: [0]}


def test_whatever_is_lost_never_more_than_requested_are_started_and_all_come_back() -> None:
    chance = random.Random(7)
    for _case in range(50):
        users, workers = chance.randint(1, 40), list(range(chance.randint(2, 6)))
        placement = _placed(users, *workers)
        while len(workers) > 1:
            placement.start(chance.randint(0, users))
            lost = workers.pop(chance.randrange(len(workers)))
            placement.move(lost, [], workers)
            assert sum(_started(placement).values()) + placement.waiting == len(placement) == users
            assert lost not in _numbers(placement)
        placement.start(users)
        assert _started(placement) == {workers[0]: users}


def test_accounts_are_shared_in_turn_where_a_role_has_too_few() -> None:
    one, two, agent = _account(1), _account(2), _account(3, "junior_agent")

    users = users_of(
        [one, agent, two], ["policyholder", "policyholder", "junior_agent", "policyholder", "junior_agent"]
    )

    assert users == [one, two, agent, one, agent]


# ── a changed number of users ───────────────────────────────────────────────────────────────────────


def test_users_that_are_missing_go_where_there_are_the_fewest_with_numbers_of_their_own() -> None:
    placement = _placed(3, FIRST, SECOND)
    placement.start(3)

    placement.retarget([_account(number) for number in range(6)], [FIRST, SECOND, THIRD])

    assert _numbers(placement) == {FIRST: [0, 2], SECOND: [1, 4], THIRD: [3, 5]}
    assert _started(placement) == {FIRST: 2, SECOND: 1, THIRD: 0}
    assert placement.waiting == 3


def test_the_youngest_users_beyond_the_number_of_their_role_leave() -> None:
    roles = ["policyholder", "agent", "policyholder", "agent", "policyholder"]
    placement = Placement([_account(number, role) for number, role in enumerate(roles)], [FIRST, SECOND])
    placement.start(5)

    placement.retarget([_account(0, "policyholder"), _account(1, "agent"), _account(3, "agent")], [FIRST, SECOND])

    assert _numbers(placement) == {FIRST: [0], SECOND: [1, 3]}
    assert placement.waiting == 0


def test_a_number_is_never_given_twice_and_an_account_that_became_free_is_used_again() -> None:
    placement = _placed(3, FIRST)

    placement.retarget([_account(0)], [FIRST])
    placement.retarget([_account(0), _account(1)], [FIRST])

    assert placement.seats() == {FIRST: [UserSeat(0, "policyholder", "0"), UserSeat(3, "policyholder", "1")]}


def test_whatever_number_is_wanted_each_role_has_its_own() -> None:
    randomness, placement = random.Random(7), Placement([], [])
    for _change in range(200):
        roles = randomness.choices(("policyholder", "agent", "staff"), k=randomness.randrange(40))
        accounts = [_account(randomness.randrange(3), role) for role in roles]

        placement.retarget(accounts, [FIRST, SECOND, THIRD])

        seats = [seat for of_worker in placement.seats().values() for seat in of_worker]
        assert Counter(seat.role for seat in seats) == Counter(roles)
        assert len({seat.number for seat in seats}) == len(seats)
        placement.start(randomness.randrange(40))
