"""Is there a trend in a series, and how steep is it? Mann–Kendall for whether, Theil–Sen for how much.

Mann 1945 (doi 10.2307/1907187), Kendall 1975; Theil 1950, Sen 1968 (doi 10.1080/01621459.1968.10480934).
Neighbouring values must not hang together: the caller gives means or medians over blocks of several seconds.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike

FEWEST = 8
"""From so many values on the normal approximation holds."""


def mann_kendall(values: ArrayLike) -> float:
    """The two-sided p-value of "no trend", by the normal approximation with ties and continuity corrected.

    1.0 for fewer than 8 values, or when all are equal.
    """
    score, deviation = _score(values)
    return min(1.0, 2 * NormalDist().cdf(-(abs(score) - 1) / deviation)) if score else 1.0


def growth_p(values: ArrayLike) -> float:
    """The one-sided p-value of "does not grow", likewise; 1.0 for what falls more often than it grows."""
    score, deviation = _score(values)
    return NormalDist().cdf(-(score - 1) / deviation) if score > 0 else 1.0


def theil_sen(at: ArrayLike, values: ArrayLike) -> tuple[float, float]:
    """The median of all pairwise slopes, and the intercept of the line through the medians with it.

    At least two different `at` are needed.
    """
    from scipy import stats  # most of a second; only where there is a trend

    line = stats.theilslopes(values, at, method="joint")
    return float(line.slope), float(line.intercept)


def _score(values: ArrayLike) -> tuple[float, float]:
    """Pairs that rise less pairs that fall, and the standard deviation of that without a trend.

    A score of 0 where nothing can be said: too few values, or all of them equal.
    """
    known = np.asarray(values, dtype=np.float64)
    count = known.size
    if count < FEWEST:
        return 0.0, 1.0
    score = float(np.sign(known[None, :] - known[:, None])[np.triu_indices(count, 1)].sum())
    tied = np.unique(known, return_counts=True)[1].astype(np.float64)
    variance = (count * (count - 1) * (2 * count + 5) - float((tied * (tied - 1) * (2 * tied + 5)).sum())) / 18
    return (score, math.sqrt(variance)) if variance > 0 else (0.0, 1.0)
