"""Behaviours are taken by their shares, soon all of them, and not to all users in the same order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from perfsuite.load.weighted_round_robin import WeightedRoundRobin
from perfsuite.model.role import Behaviour, Role
from perfsuite.roles import ROLES


def _turns(role: Role, number: int, seed: int = 1) -> list[str]:
    turns = WeightedRoundRobin(role.behaviours, random.Random(seed))
    taken = [turns.next() for _ in range(number)]
    return [behaviour.name for behaviour in taken if behaviour]


@pytest.mark.parametrize("role", ROLES, ids=[role.slug for role in ROLES])
def test_shares_are_exact_over_a_round(role: Role) -> None:
    shares = sum(behaviour.share for behaviour in role.behaviours)
    for seed in range(10):
        taken = _turns(role, 4 * shares, seed)
        rest = Counter(taken[-2 * shares :])
        assert rest == {behaviour.name: 2 * behaviour.share for behaviour in role.behaviours}


@pytest.mark.parametrize("role", ROLES, ids=[role.slug for role in ROLES])
def test_every_behaviour_stays_near_its_share_and_is_met_soon(role: Role) -> None:
    shares = sum(behaviour.share for behaviour in role.behaviours)
    rarest = min(behaviour.share for behaviour in role.behaviours)
    for seed in range(20):
        taken = _turns(role, 60, seed)
        counts: Counter[str] = Counter()
        for number, name in enumerate(taken, 1):
            counts[name] += 1
            for behaviour in role.behaviours:
                assert abs(counts[behaviour.name] - number * behaviour.share / shares) < 2
        met_all_after = max(taken.index(behaviour.name) for behaviour in role.behaviours) + 1
        assert met_all_after <= 2 * shares / rarest


def test_users_begin_differently() -> None:
    beginnings = {tuple(_turns(ROLES[0], 12, seed)) for seed in range(30)}

    assert len(beginnings) > 3


def test_the_same_seed_deals_the_same() -> None:
    assert _turns(ROLES[0], 50, 7) == _turns(ROLES[0], 50, 7)


def test_a_single_behaviour_is_always_taken() -> None:
    turns = WeightedRoundRobin([Behaviour("only", 3, ())], random.Random(1))

    assert {turns.next().name for _ in range(5)} == {"only"}  # type: ignore[union-attr]


def test_nothing_left_to_do() -> None:
    assert WeightedRoundRobin([], random.Random(1)).next() is None
