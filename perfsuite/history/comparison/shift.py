"""By how much two sides differ in one figure, one value a run: Hodges–Lehmann shift, and the rank test behind it.

Hodges & Lehmann 1963 (doi 10.1214/aoms/1177704172); Mann & Whitney 1947 (doi 10.1214/aoms/1177730491), exact: by scipy,
which is imported only where runs are compared, since that takes most of a second.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

CONFIDENCE = 0.95
_MOST_EXACT = 2_500
"""Pairs of runs (50 + 50) beyond which the normal approximation of U is as good."""
_RESAMPLES, _SEED = 20_000, 20_140_601
"""Where values are equal, the labels of the runs are permuted: all ways to do so where they are no more than these."""


@dataclass(frozen=True, slots=True)
class Shift:
    """B − A, in the figure's own unit.

    `interval`: 95 % or a little more, since ranks come in steps; None where so few runs cannot give one (fewer than
    4 + 4). `narrow`: likewise 90 %. `p_more`, `p_less`: exact one-sided p-values of "B is more" and "B is less".
    """

    estimate: float
    interval: tuple[float, float] | None
    narrow: tuple[float, float] | None
    p_more: float
    p_less: float

    def is_within(self, bound: float) -> bool:
        """Are A and B the same for all that matters? True where each of two one-sided rank tests has p < 0.05.

        Schuirmann 1987 (doi 10.1007/BF01068419): the same as asking that the 90 % interval lies within ± `bound`.
        """
        return self.narrow is not None and -bound < self.narrow[0] and self.narrow[1] < bound


Pair = tuple[Sequence[float], Sequence[float]]
"""Values of A and of B, one a run."""


def shift(a: Sequence[float], b: Sequence[float]) -> Shift:
    """The shift from A to B. Raises ValueError where a side has no value."""
    return shifts([(a, b)])[0]


def shifts(pairs: Sequence[Pair]) -> list[Shift]:
    """The shift of each pair. Many at once cost little more than one: a comparison has hundreds of figures."""
    if not all(a and b for a, b in pairs):
        raise ValueError("each side needs a value")
    return [_shift(a, b, p_values) for (a, b), p_values in zip(pairs, _mann_whitney(pairs), strict=True)]


def _shift(a: Sequence[float], b: Sequence[float], p_values: tuple[float, float]) -> Shift:
    differences = np.sort(np.subtract.outer(np.array(b, dtype=float), np.array(a, dtype=float)).ravel())
    return Shift(
        float(np.median(differences)),
        _interval(differences, _outside(len(a), len(b), CONFIDENCE)),
        _interval(differences, _outside(len(a), len(b), 2 * CONFIDENCE - 1)),
        *p_values,
    )


def _mann_whitney(pairs: Sequence[Pair]) -> list[tuple[float, float]]:
    """One-sided p-values of "B is more" and "B is less"; pairs of equal size go through scipy together."""
    from scipy import stats

    groups: dict[tuple[int, int, bool], list[int]] = {}
    for number, (a, b) in enumerate(pairs):
        groups.setdefault((len(a), len(b), len({*a, *b}) < len(a) + len(b)), []).append(number)
    found = np.empty((len(pairs), 2))
    for (runs_a, runs_b, tied), members in groups.items():
        method: object = "exact" if runs_a * runs_b <= _MOST_EXACT else "asymptotic"
        if tied and method == "exact" and min(runs_a, runs_b) > 1:  # one run a side cannot tell anything anyway
            method = stats.PermutationMethod(n_resamples=_RESAMPLES, rng=_SEED)
        left, right = (np.array([pairs[number][side] for number in members], dtype=float) for side in (0, 1))
        for column, alternative in enumerate(("greater", "less")):
            tested = stats.mannwhitneyu(right, left, alternative=alternative, method=method, axis=1)
            found[members, column] = tested.pvalue
    return [(float(more), float(less)) for more, less in found]


def _interval(differences: np.ndarray, outside: int) -> tuple[float, float] | None:
    """From the k-th smallest to the k-th largest pairwise difference (Moses; Hollander & Wolfe 1999, section 4.3)."""
    if outside == 0:
        return None
    return float(differences[outside - 1]), float(differences[len(differences) - outside])


@cache
def _outside(runs_a: int, runs_b: int, confidence: float) -> int:
    """How many of the ordered differences lie outside at each end."""
    tail = (1 - confidence) / 2
    pairs = runs_a * runs_b
    if pairs > _MOST_EXACT:
        deviation = math.sqrt(pairs * (runs_a + runs_b + 1) / 12)
        return math.floor(pairs / 2 + NormalDist().inv_cdf(tail) * deviation)
    return int(np.searchsorted(np.cumsum(_u_distribution(runs_a, runs_b)), tail, side="right"))


def _u_distribution(runs_a: int, runs_b: int) -> np.ndarray:
    """P(U = 0), P(U = 1), … without ties, by the recursion of Mann & Whitney."""
    ways: dict[tuple[int, int], np.ndarray] = {}
    for n in range(runs_a + 1):
        for m in range(runs_b + 1):
            counts = np.zeros(runs_a * runs_b + 1)
            if n == 0 or m == 0:
                counts[0] = 1
            else:
                counts += ways[n, m - 1]
                counts[m:] += ways[n - 1, m][: len(counts) - m]
            ways[n, m] = counts
    return ways[runs_a, runs_b] / math.comb(runs_a + runs_b, runs_a)
