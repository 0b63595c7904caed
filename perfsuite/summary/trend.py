"""Is there a trend in a short series? Mann–Kendall for whether, Theil–Sen for how much.

Mann 1945 (doi 10.2307/1907187), Kendall 1975; Theil 1950, Sen 1968 (doi 10.1080/01621459.1968.10480934).
Neighbouring values must not hang together: the caller gives means over blocks of several seconds.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from statistics import NormalDist, median

FEWEST = 8
"""From so many values on the normal approximation holds."""


def mann_kendall(values: Sequence[float]) -> float:
    """The two-sided p-value of "no trend", by the normal approximation with ties and continuity corrected.

    1.0 for fewer than 8 values, or when all are equal.
    """
    count = len(values)
    if count < FEWEST:
        return 1.0
    score = sum((later > earlier) - (later < earlier) for earlier, later in combinations(values, 2))
    ties = sum(tied * (tied - 1) * (2 * tied + 5) for tied in Counter(values).values())
    variance = (count * (count - 1) * (2 * count + 5) - ties) / 18
    if variance <= 0 or not score:
        return 1.0
    z = (abs(score) - 1) / math.sqrt(variance)
    return min(1.0, 2 * NormalDist().cdf(-z))


def theil_sen(at: Sequence[float], values: Sequence[float]) -> tuple[float, float]:
    """Slope and intercept: the median of all pairwise slopes, and the line through the medians with it.

    At least two different `at` are needed.
    """
    pairs = combinations(zip(at, values, strict=True), 2)
    slope = median((later[1] - earlier[1]) / (later[0] - earlier[0]) for earlier, later in pairs)
    return slope, median(value - slope * place for place, value in zip(at, values, strict=True))
