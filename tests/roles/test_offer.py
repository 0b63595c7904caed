"""The requests a load offers, against hand-reckoned figures."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from perfsuite.model.role import Behaviour, Role, Step
from perfsuite.roles.offer import arriving_rps, offered_rps, without

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
ROLES = (READER, WRITER)


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
    assert offered_rps(users, ROLES, response_time_s) == pytest.approx(rps)


def test_offered_of_one_operation() -> None:
    users = {"reader": 10, "writer": 5}
    assert offered_rps(users, ROLES, 0.5, operation="policies.read") == pytest.approx(10 * (3 + 0.2) / 4 / 2.9)
    assert sum(
        offered_rps(users, ROLES, 0.5, operation=operation)
        for operation in ("policies.list", "policies.read", "users.me", "policies.create")
    ) == pytest.approx(offered_rps(users, ROLES, 0.5))


def test_neither_thinking_nor_answering_takes_time() -> None:
    assert offered_rps({"writer": 1}, [replace(WRITER, think_min_s=0, think_max_s=0)], 0.0) == math.inf


def test_steps_left_out_offer_nothing_and_empty_behaviours_give_their_share_away() -> None:
    left = without(ROLES, [("reader", "policies.list"), ("reader", "policies.read"), ("writer", "policies.create")])

    assert [[b.name for b in role.behaviours] for role in left] == [["checking"], []]
    assert offered_rps({"reader": 10, "writer": 5}, left, 0.5) == pytest.approx(10 / 2.5)


def test_arrivals_for_a_role_of_which_nothing_is_left_offer_nothing() -> None:
    left = without(ROLES, [("writer", "policies.create")])
    users = {"reader": 10, "writer": 5}
    assert arriving_rps(20, users, left, counted=("writer",)) == 0
    assert arriving_rps(21, users, left) == pytest.approx(21 * 2 / 3 * 1.8)  # a third is the writers' and is not made
