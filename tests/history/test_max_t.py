"""Whole comparisons of 30 operations with a known truth: false alarms, and what is found."""

from __future__ import annotations

import numpy as np
import pytest

from perfsuite.history.significance import max_t

OPERATIONS, RUNS, NOISE = 30, 5, 0.03
COMPARISONS = 400
ALPHA = 0.05


def alarms(shift: float, *, shared: float, seed: int) -> tuple[float, float]:
    """Fractions of comparisons that call operation 7, and that call any other one, slower.

    `shared`: how much of the variance between runs all operations of a run have in common.
    """
    rng = np.random.default_rng(seed)
    found = others = 0
    for _ in range(COMPARISONS):
        own = rng.normal(0, NOISE * np.sqrt(1 - shared), (OPERATIONS, 2 * RUNS))
        values = own + rng.normal(0, NOISE * np.sqrt(shared), (1, 2 * RUNS))
        values[7, RUNS:] += np.log1p(shift)
        called = max_t(values, RUNS).more < ALPHA
        found += called[7]
        called[7] = False
        others += called.any()
    return found / COMPARISONS, others / COMPARISONS


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_false_alarms_of_whole_comparisons(shared: float) -> None:
    found, others = alarms(0.0, shared=shared, seed=1)

    # 5 % of whole comparisons, and three standard deviations of 400 of them.
    assert found + others < ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / COMPARISONS)


@pytest.mark.parametrize("shared", [0.0, 0.5])
def test_one_operation_of_thirty_that_became_15_percent_slower_is_found(shared: float) -> None:
    found, others = alarms(0.15, shared=shared, seed=2)

    assert found >= 0.95
    assert others <= ALPHA + 3 * np.sqrt(ALPHA * (1 - ALPHA) / COMPARISONS)


def test_5_and_5_runs_reach_one_in_252() -> None:
    values = np.random.default_rng(3).normal(0, NOISE, (OPERATIONS, 2 * RUNS))
    values[3, RUNS:] += 5

    adjusted = max_t(values, RUNS)

    assert adjusted.more[3] == pytest.approx(1 / 252)
    assert adjusted.less[3] == pytest.approx(1.0)


def test_what_never_varies_differs_or_does_not() -> None:
    values = np.zeros((2, 2 * RUNS))
    values[1, RUNS:] = 1

    assert max_t(values, RUNS).more == pytest.approx([1.0, 1 / 252])
