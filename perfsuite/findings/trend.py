"""Does something only grow? Mann–Kendall for whether, Theil–Sen for how fast.

Mann 1945 (doi 10.2307/1907187), Kendall 1975; Theil 1950, Sen 1968 (doi 10.1080/01621459.1968.10480934).
Neighbouring samples hang together, so the caller thins them: medians of blocks of several seconds.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np

from perfsuite.findings.band import Floats

FEWEST = 8
"""From so many values on the normal approximation holds."""


def growth_p(values: Floats) -> float:
    """The one-sided p-value of "does not grow", ties and continuity corrected; 1.0 for fewer than 8 values."""
    count = values.size
    if count < FEWEST:
        return 1.0
    score = float(np.sign(values[None, :] - values[:, None])[np.triu_indices(count, 1)].sum())
    tied = np.unique(values, return_counts=True)[1].astype(np.float64)
    variance = (count * (count - 1) * (2 * count + 5) - float((tied * (tied - 1) * (2 * tied + 5)).sum())) / 18
    if variance <= 0 or score <= 0:
        return 1.0
    return NormalDist().cdf(-(score - 1) / math.sqrt(variance))


def slope(at: Floats, values: Floats) -> float:
    """The median of all pairwise slopes; at least two different `at` are needed."""
    earlier, later = np.triu_indices(values.size, 1)
    return float(np.median((values[later] - values[earlier]) / (at[later] - at[earlier])))
