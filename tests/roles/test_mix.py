"""Users by role: the counts of the interface page, and a start order that is near the mix all the time."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import replace
from fractions import Fraction

import pytest

from perfsuite.model.role import Behaviour, Role, Step
from perfsuite.roles import ROLES
from perfsuite.roles.mix import arriving_rps, offered_rps, start_order, users_by_role, without

SLUGS = [role.slug for role in ROLES]


def _counts(total: int) -> list[int]:
    counts = users_by_role(total, ROLES)
    return [counts[slug] for slug in SLUGS]


@pytest.mark.parametrize(
    ("total", "counts"),
    [
        pytest.param(0, [0, 0, 0, 0, 0, 0, 0], id="nobody"),
        pytest.param(1, [0, 0, 0, 0, 0, 1, 0], id="one user is of the largest role"),
        pytest.param(6, [0, 0, 0, 1, 1, 3, 1], id="below seven, roles are absent"),
        pytest.param(7, [1, 1, 1, 1, 1, 1, 1], id="seven users are one of each"),
        pytest.param(10, [1, 1, 1, 1, 2, 3, 1], id="the example of the interface page"),
        pytest.param(91, [1, 2, 3, 10, 20, 50, 5], id="91 users are the weights"),
        pytest.param(182, [2, 4, 6, 20, 40, 100, 10], id="twice the weights"),
    ],
)
def test_counts(total: int, counts: list[int]) -> None:
    assert _counts(total) == counts


def test_sums_are_exact_and_no_role_is_empty_from_seven_on() -> None:
    for total in range(401):
        counts = _counts(total)
        assert sum(counts) == total
        assert min(counts) >= (1 if total >= 7 else 0)


def test_counts_are_within_one_of_the_share_where_no_role_had_to_be_raised() -> None:
    for total in range(91, 401):
        for role, count in zip(ROLES, _counts(total), strict=True):
            assert abs(count - Fraction(total * role.weight, 91)) < 1


@pytest.mark.parametrize("total", [7, 10, 50, 91, 100, 200, 220])
def test_start_order_is_a_permutation_whose_every_prefix_is_near_the_mix(total: int) -> None:
    counts = users_by_role(total, ROLES)

    order = start_order(counts)

    assert Counter(order) == Counter(counts)
    started: Counter[str] = Counter()
    for position, slug in enumerate(order, 1):
        started[slug] += 1
        # Up to seven roles may wait for their first user at the same time.
        furthest = max(abs(Fraction(count * position, total) - started[name]) for name, count in counts.items())
        assert furthest < 1.5, position


def test_start_order_is_the_same_each_time() -> None:
    counts = users_by_role(100, ROLES)

    assert start_order(counts) == start_order(dict(reversed(counts.items())))


# ── offered requests ────────────────────────────────────────────────────────────────────────────────

# 3 × 2 requests and 1 × 1.2 in four actions: 1.8 requests an action; 2 s of thinking
READER = Role(
    "reader",
    "Reader",
    (),
    2,
    1,
    3,
    (
        Behaviour("browsing", 3, (Step("policies.list"), Step("policies.read"))),
        Behaviour("checking", 1, (Step("users.me"), Step("policies.read", every=5))),
    ),
)
WRITER = Role("writer", "Writer", (), 1, 1, 1, (Behaviour("creating", 1, (Step("policies.create"),)),))
PAIR = (READER, WRITER)


@pytest.mark.parametrize(
    ("users", "response_time_s", "rps"),
    [
        pytest.param({"reader": 10, "writer": 5}, 0.0, 10 * 1.8 / 2 + 5, id="answers at once"),
        pytest.param({"reader": 10, "writer": 5}, 0.5, 10 * 1.8 / 2.9 + 5 / 1.5, id="answers in 500 ms"),
        pytest.param({"reader": 10}, 0.5, 10 * 1.8 / 2.9, id="a role without users offers nothing"),
        pytest.param({"auditor": 10}, 0.5, 0.0, id="neither does an unknown one"),
        pytest.param({}, 0.5, 0.0, id="nor nobody"),
    ],
)
def test_offered(users: dict[str, int], response_time_s: float, rps: float) -> None:
    assert offered_rps(users, PAIR, response_time_s) == pytest.approx(rps)


def test_offered_of_one_operation() -> None:
    users = {"reader": 10, "writer": 5}
    assert offered_rps(users, PAIR, 0.5, operation="policies.read") == pytest.approx(10 * (3 + 0.2) / 4 / 2.9)
    assert sum(
        offered_rps(users, PAIR, 0.5, operation=operation)
        for operation in ("policies.list", "policies.read", "users.me", "policies.create")
    ) == pytest.approx(offered_rps(users, PAIR, 0.5))


def test_neither_thinking_nor_answering_takes_time() -> None:
    assert offered_rps({"writer": 1}, [replace(WRITER, think_min_s=0, think_max_s=0)], 0.0) == math.inf


def test_steps_left_out_offer_nothing_and_empty_behaviours_give_their_share_away() -> None:
    left = without(PAIR, [("reader", "policies.list"), ("reader", "policies.read"), ("writer", "policies.create")])

    assert [[b.name for b in role.behaviours] for role in left] == [["checking"], []]
    assert offered_rps({"reader": 10, "writer": 5}, left, 0.5) == pytest.approx(10 / 2.5)


def test_arrivals_for_a_role_of_which_nothing_is_left_offer_nothing() -> None:
    left = without(PAIR, [("writer", "policies.create")])
    users = {"reader": 10, "writer": 5}
    assert arriving_rps(20, users, left, counted=("writer",)) == 0
    assert arriving_rps(21, users, left) == pytest.approx(21 * 2 / 3 * 1.8)  # a third is the writers' and is not made
