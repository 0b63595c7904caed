"""Known answers of the rank test and its shift; false alarms of whole comparisons, and what they find."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import combinations

import numpy as np
import pytest

from perfsuite.history.significance import ALPHA, Shift, labelings, max_t, shifts

# Hollander & Wolfe (1973), page 69: permeability of the human chorioamnion, at term and between 12 and 26 weeks.
# R 4 prints for wilcox.test(at_term, weeks, alternative = "g"): W = 35, p-value = 0.1272.
AT_TERM = (0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46)
WEEKS = (1.15, 0.88, 0.90, 0.74, 1.21)


def shift(a: Sequence[float], b: Sequence[float]) -> Shift:
    return shifts([(a, b)])[0]


def test_a_published_example() -> None:
    found = shift(WEEKS, AT_TERM)

    assert found.p_more == pytest.approx(0.1272, abs=5e-5)
    assert found.estimate == pytest.approx(0.305)


@pytest.mark.parametrize(
    ("runs", "p"),
    [
        pytest.param(3, 1 / 20, id="3 + 3 runs can never get below 0.05"),
        pytest.param(5, 1 / 252, id="5 + 5 runs: 0.004 at the least"),
    ],
)
def test_the_smallest_p_is_one_of_all_labelings(runs: int, p: float) -> None:
    found = shift([float(run) for run in range(runs)], [100.0 + run for run in range(runs)])

    assert found.p_more == pytest.approx(p)
    assert found.p_less == 1.0


def test_equal_values_share_their_rank() -> None:
    found = shift([1.0, 1.0, 1.0, 1.0], [1.0, 1.0, 1.0, 1.0])

    assert (found.p_more, found.p_less, found.estimate) == (1.0, 1.0, 0.0)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        pytest.param((1.0, 2.0, 2.0), (2.0, 3.0, 3.0), id="small groups"),
        pytest.param((0.0, 0.0, 0.0, 0.0, 0.01), (0.0, 0.01, 0.02, 0.02, 0.0), id="failure rates, most of them 0"),
        pytest.param((5.0,), (1.0, 5.0, 5.0, 7.0), id="a single run"),
        pytest.param((1.5, 2.5, 0.5, 9.0), (3.0, 4.0, 5.0), id="none equal"),
    ],
)
def test_p_is_that_of_all_labelings_counted_one_by_one(a: tuple[float, ...], b: tuple[float, ...]) -> None:
    def wins(of_b: Sequence[int]) -> float:
        """Pairs in which B is more; of those that are equal, half."""
        others = [number for number in range(len(values)) if number not in of_b]
        return sum((values[y] > values[x]) + (values[y] == values[x]) / 2 for x in others for y in of_b)

    values = a + b
    own = wins(range(len(a), len(values)))
    every = [wins(chosen) for chosen in combinations(range(len(values)), len(b))]
    found = shift(a, b)
    assert found.p_more == pytest.approx(sum(each >= own for each in every) / len(every))
    assert found.p_less == pytest.approx(sum(each <= own for each in every) / len(every))


def test_beyond_50_and_50_runs_the_normal_approximation_is_as_good() -> None:
    rng = np.random.default_rng(5)
    a, b = list(rng.integers(0, 20, 50)), list(rng.integers(3, 23, 50))  # with many ties
    exact, approximate = shift(a, b), shift(a, [*b, float(np.median(b))])

    assert 0.001 < exact.p_more < 0.05
    assert approximate.p_more == pytest.approx(exact.p_more, rel=0.25)
    assert approximate.p_less == pytest.approx(exact.p_less, abs=0.01)


def test_the_interval_is_that_of_the_ordered_differences() -> None:
    # U of 5 + 5 runs: P(U ≤ 2) = 4/252 = 0.016 and P(U ≤ 3) = 7/252 = 0.028: the third from either end.
    a, b = [1.0, 2.0, 4.0, 8.0, 16.0], [32.0, 64.0, 128.0, 256.0, 512.0]
    differences = sorted(y - x for x in a for y in b)

    assert shift(a, b).interval == (differences[2], differences[-3])


def test_three_runs_a_side_give_no_interval() -> None:
    assert shift([1.0, 2.0, 3.0], [4.0, 5.0, 6.0]).interval is None


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    rng = np.random.default_rng(4)
    held = 0
    for _ in range(1_000):
        interval = shift(list(rng.normal(10, 1, 5)), list(rng.normal(11, 1, 5))).interval
        assert interval is not None
        held += interval[0] <= 1.0 <= interval[1]

    # 0.968 by the distribution of U; four standard deviations of 1,000 draws beside it.
    assert abs(held / 1_000 - (1 - 8 / 252)) < 4 * math.sqrt(0.968 * 0.032 / 1_000)


def test_a_group_without_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="each group needs a value"):
        shift([], [1.0])


@pytest.mark.parametrize(("a", "b", "number"), [(3, 3, 20), (5, 5, 252), (8, 8, 12_870), (12, 12, 20_000)])
def test_labelings(a: int, b: int, number: int) -> None:
    labels = labelings(a, b)

    assert labels.shape == (number, a + b)
    assert set(labels.sum(axis=1)) == {b}
    assert list(labels[0]) == [False] * a + [True] * b


# ── whole comparisons of 30 operations with a known truth ───────────────────────────────────────────────────

OPERATIONS, RUNS, NOISE = 30, 5, 0.03
COMPARISONS = 400


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
        called = max_t([values], RUNS)[0] < ALPHA
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

    more, less = max_t([values], RUNS)

    assert more[3] == pytest.approx(1 / 252)
    assert less[3] == pytest.approx(1.0)


def test_what_never_varies_differs_or_does_not() -> None:
    values = np.zeros((2, 2 * RUNS))
    values[1, RUNS:] = 1

    assert max_t([values], RUNS)[0] == pytest.approx([1.0, 1 / 252])
