"""Change points: published examples, and made series with a known truth."""

from __future__ import annotations

import time

import numpy as np
import pytest

from perfsuite.history.change_points import LEVEL, best_split, change_points, p_of_ranks
from perfsuite.history.figures import AVERAGE
from tests.history.published import NILE, NILE_FROM, OTAVA, OTAVA_STEPS, ecp_example, r_normal, splits

NOISE = 0.03


def quiet(rng: np.random.Generator, runs: int) -> np.ndarray:
    return 100 * np.exp(rng.normal(0, NOISE, runs))


def test_numbers_are_those_of_r() -> None:
    normal = r_normal(123)

    assert [normal() for _ in range(3)] == pytest.approx([-0.56047565, -0.23017749, 1.55870831], abs=5e-9)


def test_the_example_of_the_article_on_ecp() -> None:
    # It prints order.found 1 401 201 308 108 and considered.last 358, counting from 1.
    found = [at + 1 for at in splits(ecp_example(), least=30, count=4)]

    assert found == [201, 308, 108, 358]


def test_the_nile_fell_in_1899() -> None:
    assert [NILE_FROM + at for at, *_ in change_points(np.array(NILE, dtype=float), AVERAGE)] == [1899]


def test_the_examples_of_otava() -> None:
    assert [at for at, *_ in change_points(1_000 * np.array(OTAVA), AVERAGE)] == [10]
    assert sorted(splits(OTAVA_STEPS, least=2, count=2)) == [5, 8]


def test_the_statistic_is_that_of_the_paper() -> None:
    values = np.random.default_rng(1).normal(0, 1, 14)
    tried = {}
    for tau in range(3, 12):
        for kappa in range(tau + 3, 15):
            x, y = values[:tau], values[tau:kappa]
            between = np.mean([abs(one - other) for one in x for other in y])
            within = [np.abs(np.subtract.outer(z, z)).sum() / (len(z) * (len(z) - 1)) for z in (x, y)]
            tried[tau, kappa] = len(x) * len(y) / (len(x) + len(y)) * (2 * between - sum(within))

    found = best_split(values, 3)

    assert found.statistic == pytest.approx(max(tried.values()))
    assert found.at == max(tried, key=lambda place: tried[place])[0]


def test_the_permutation_test_keeps_its_level() -> None:
    rng = np.random.default_rng(2)
    p = [p_of_ranks(best_split(rng.permutation(40).astype(float), 5).statistic, 40, 5) for _ in range(500)]

    assert np.mean(np.array(p) <= 0.05) == pytest.approx(0.05, abs=0.03)
    assert min(p) >= 0.001


def test_500_quiet_runs_raise_no_more_than_one_false_point() -> None:
    rng = np.random.default_rng(3)

    assert [len(change_points(quiet(rng, 500), AVERAGE)) for _ in range(20)] == [0] * 20


@pytest.mark.parametrize(
    ("runs", "at"),
    [
        pytest.param(60, 30, id="in the middle of few"),
        pytest.param(30, 20, id="in a short history"),
        pytest.param(200, 120, id="among more than a window"),
        pytest.param(1_000, 333, id="among many"),
        pytest.param(100, 91, id="nine runs ago"),
    ],
)
def test_a_level_that_rose_by_15_percent_is_found_within_a_run(runs: int, at: int) -> None:
    rng = np.random.default_rng(4)
    for _ in range(20):
        values = quiet(rng, runs)
        values[at:] *= 1.15

        ((found, before, after, p),) = change_points(values, AVERAGE)

        assert abs(found - at) <= 1
        assert (before, after) == pytest.approx((100, 115), rel=0.05)
        assert p <= LEVEL


def test_a_level_that_came_and_went_again() -> None:
    values = quiet(np.random.default_rng(5), 600)
    values[300:320] *= 1.2

    assert [at for at, *_ in change_points(values, AVERAGE)] == pytest.approx([300, 320], abs=1)


@pytest.mark.parametrize(
    ("values", "why"),
    [
        pytest.param([100.0] * 50, "nothing changes at all", id="all equal"),
        pytest.param([100.0] * 30 + [103.0] * 30, "3 % is not felt", id="3 % more"),
        pytest.param([4.0] * 30 + [5.0] * 30, "a millisecond is not felt", id="1 ms more"),
        pytest.param([100.0] * 9, "too few runs", id="nine runs"),
        pytest.param([], "no run", id="none"),
        pytest.param([100.0, 101.0] * 20 + [900.0] + [100.0, 101.0] * 20, "one run went wrong", id="one outlier"),
    ],
)
def test_no_change_point(values: list[float], why: str) -> None:
    assert change_points(np.array(values), AVERAGE) == [], why


def test_ten_thousand_runs_take_no_time() -> None:
    values = quiet(np.random.default_rng(6), 10_000)
    values[5_000:] *= 1.1
    change_points(values[:200], AVERAGE)  # makes the permutation distributions
    began = time.process_time()

    assert [at for at, *_ in change_points(values, AVERAGE)] == pytest.approx([5_000], abs=1)
    assert time.process_time() - began < 1.0  # 0.05 s on a quiet machine
