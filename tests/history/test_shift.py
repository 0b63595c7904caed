"""Known answers of the rank test and its shift."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfsuite.history.significance import labelings, shift

# Hollander & Wolfe (1973), page 69: permeability of the human chorioamnion, at term and between 12 and 26 weeks.
# R 4 prints for wilcox.test(at_term, weeks, alternative = "g"): W = 35, p-value = 0.1272.
AT_TERM = (0.80, 0.83, 1.89, 1.04, 1.45, 1.38, 1.91, 1.64, 0.73, 1.46)
WEEKS = (1.15, 0.88, 0.90, 0.74, 1.21)


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


def test_a_side_without_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="each side needs a value"):
        shift([], [1.0])


@pytest.mark.parametrize(("a", "b", "ways"), [(3, 3, 20), (5, 5, 252), (8, 8, 12_870), (12, 12, 20_000)])
def test_labelings(a: int, b: int, ways: int) -> None:
    dealt = labelings(a, b)

    assert dealt.shape == (ways, a + b)
    assert set(dealt.sum(axis=1)) == {b}
    assert list(dealt[0]) == [False] * a + [True] * b
