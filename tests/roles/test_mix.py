"""Users by role: the counts of the interface page, and a start order that is near the mix all the time."""

from __future__ import annotations

from collections import Counter
from fractions import Fraction

import pytest

from perfsuite.roles import ROLES
from perfsuite.roles.mix import start_order, users_by_role

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
