"""Trend tests against answers that can be worked out by hand."""

from __future__ import annotations

import random
from itertools import combinations, permutations

import pytest

from perfsuite.timeseries import mann_kendall, theil_sen


@pytest.mark.parametrize(
    ("values", "p"),
    [
        # S = 28 of 28, variance 8·7·21/18 = 65.33: z = 27 / 8.083 = 3.340
        pytest.param([1.0, 2, 3, 4, 5, 6, 7, 8], 0.000836, id="rising all the way"),
        pytest.param([8.0, 7, 6, 5, 4, 3, 2, 1], 0.000836, id="falling all the way"),
        pytest.param([10.0, 15, 14, 20, 18, 25], 1.0, id="6 values are too few"),
        pytest.param([5.0] * 10, 1.0, id="all equal"),
        # S = 18, five tied values: variance (8·7·21 − 5·4·15) / 18 = 48.67, z = 17 / 6.976 = 2.437
        pytest.param([1.0, 1, 1, 1, 1, 2, 3, 4], 0.014797, id="ties lower the variance"),
        pytest.param([3.0, 1, 4, 1, 5, 9, 2, 6], 0.214, id="digits of pi"),
    ],
)
def test_mann_kendall(values: list[float], p: float) -> None:
    assert mann_kendall(values) == pytest.approx(p, rel=0.01)


def test_the_normal_approximation_is_close_to_the_exact_distribution_at_the_level_that_is_used() -> None:
    """Over all 8! orders: how many have p < 0.01 by the approximation."""
    orders = list(permutations(range(8)))
    scores = [sum(1 if later > earlier else -1 for earlier, later in combinations(order, 2)) for order in orders[::7]]
    told = {score: mann_kendall(order) < 0.01 for order, score in zip(orders[::7], scores, strict=True)}
    rate = sum(told[score] for score in scores) / len(scores)
    assert 0.004 < rate <= 0.01


@pytest.mark.parametrize(
    ("at", "values", "line"),
    [
        pytest.param([0.0, 1, 2, 3], [1.0, 3, 5, 7], (2.0, 1.0), id="a line"),
        pytest.param([0.0, 1, 2, 3, 4], [1.0, 3, 5, 7, 999], (2.0, 1.0), id="a line and an outlier"),
        pytest.param([0.0, 10, 20], [4.0, 4, 4], (0.0, 4.0), id="flat"),
    ],
)
def test_theil_sen(at: list[float], values: list[float], line: tuple[float, float]) -> None:
    assert theil_sen(at, values) == line


def test_noise_is_told_as_a_trend_as_rarely_as_asked() -> None:
    dice = random.Random(4)
    told = sum(mann_kendall([dice.gauss(0, 1) for _ in range(12)]) < 0.01 for _ in range(4_000))
    assert told / 4_000 < 0.012
