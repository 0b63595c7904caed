"""Behaviours are dealt by their shares, soon all of them, and not to all users in the same order."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from perfsuite.load.deck import Deck
from perfsuite.model.role import Behaviour, Role
from perfsuite.roles import ROLES


def _deal(role: Role, deals: int, seed: int = 1) -> list[str]:
    deck = Deck(role.behaviours, random.Random(seed))
    dealt = [deck.deal() for _ in range(deals)]
    return [behaviour.name for behaviour in dealt if behaviour]


@pytest.mark.parametrize("role", ROLES, ids=[role.slug for role in ROLES])
def test_shares_are_exact_over_a_round(role: Role) -> None:
    shares = sum(behaviour.share for behaviour in role.behaviours)
    for seed in range(10):
        dealt = _deal(role, 4 * shares, seed)
        rest = Counter(dealt[-2 * shares :])
        assert rest == {behaviour.name: 2 * behaviour.share for behaviour in role.behaviours}


@pytest.mark.parametrize("role", ROLES, ids=[role.slug for role in ROLES])
def test_every_behaviour_stays_near_its_share_and_is_met_soon(role: Role) -> None:
    shares = sum(behaviour.share for behaviour in role.behaviours)
    rarest = min(behaviour.share for behaviour in role.behaviours)
    for seed in range(20):
        dealt = _deal(role, 60, seed)
        counts: Counter[str] = Counter()
        for number, name in enumerate(dealt, 1):
            counts[name] += 1
            for behaviour in role.behaviours:
                assert abs(counts[behaviour.name] - number * behaviour.share / shares) < 2
        met_all_after = max(dealt.index(behaviour.name) for behaviour in role.behaviours) + 1
        assert met_all_after <= 2 * shares / rarest


def test_users_begin_differently() -> None:
    beginnings = {tuple(_deal(ROLES[0], 12, seed)) for seed in range(30)}

    assert len(beginnings) > 3


def test_the_same_seed_deals_the_same() -> None:
    assert _deal(ROLES[0], 50, 7) == _deal(ROLES[0], 50, 7)


def test_a_single_behaviour_is_always_dealt() -> None:
    deck = Deck([Behaviour("only", 3, ())], random.Random(1))

    assert {deck.deal().name for _ in range(5)} == {"only"}  # type: ignore[union-attr]


def test_nothing_left_to_do() -> None:
    assert Deck([], random.Random(1)).deal() is None
