"""By how much two sides differ in one figure, one value a run: Hodges–Lehmann shift, and the rank test behind it.

Hodges & Lehmann 1963 (doi 10.1214/aoms/1177704172); Mann & Whitney 1947 (doi 10.1214/aoms/1177730491), exact.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np

from perfsuite.comparison.labelings import labelings

CONFIDENCE = 0.95
_MOST_EXACT = 2_500
"""Pairs of runs (50 + 50) beyond which the normal approximation of U is as good."""


@dataclass(frozen=True, slots=True)
class Shift:
    """B − A, in the figure's own unit.

    `interval`: 95 % or a little more, since ranks come in steps; None where so few runs cannot give one (fewer than
    4 + 4). `p_more`, `p_less`: exact one-sided p-values of "B is more" and "B is less".
    """

    estimate: float
    interval: tuple[float, float] | None
    p_more: float
    p_less: float


def shift(a: Sequence[float], b: Sequence[float]) -> Shift:
    """The shift from A to B. Raises ValueError where a side has no value."""
    if not a or not b:
        raise ValueError("each side needs a value")
    values = np.array([*a, *b], dtype=float)
    differences = np.sort(np.subtract.outer(np.array(b, dtype=float), np.array(a, dtype=float)).ravel())
    ranks = _mid_ranks(values)
    sums = labelings(len(a), len(b)) @ ranks
    return Shift(
        estimate=float(np.median(differences)),
        interval=_interval(differences, len(a), len(b)),
        p_more=float(np.mean(sums >= sums[0] - 1e-9)),
        p_less=float(np.mean(sums <= sums[0] + 1e-9)),
    )


def within(a: Sequence[float], b: Sequence[float], bound: float) -> float:
    """The p-value of "B differs from A by more than `bound`": small where the two are the same for all that matters.

    Two one-sided rank tests (Schuirmann 1987, doi 10.1007/BF01068419): the larger p of both.
    """
    below = shift([value - bound for value in a], b).p_more
    above = shift([value + bound for value in a], b).p_less
    return max(below, above)


def _mid_ranks(values: np.ndarray) -> np.ndarray:
    """Ranks from 1; equal values share the mean of their ranks."""
    _unique, place, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    shared: np.ndarray = (last - (counts - 1) / 2)[place]
    return shared


def _interval(differences: np.ndarray, runs_a: int, runs_b: int) -> tuple[float, float] | None:
    """From the k-th smallest to the k-th largest pairwise difference (Moses; Hollander & Wolfe 1999, section 4.3)."""
    outside = _outside(runs_a, runs_b)
    if outside == 0:
        return None
    return float(differences[outside - 1]), float(differences[len(differences) - outside])


@cache
def _outside(runs_a: int, runs_b: int) -> int:
    """How many of the ordered differences lie outside at each end."""
    tail = (1 - CONFIDENCE) / 2
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
