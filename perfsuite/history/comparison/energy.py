"""E-divisive: where a series changes most, by the distances between its values, and how often chance does as much.

Matteson & James 2014 (doi 10.1080/01621459.2013.849605), with exponent 1 and means over pairs, as its authors' R
package ecp computes it (James & Matteson 2014, doi 10.18637/jss.v062.i07).
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

DRAWS = 999
_SEED = 20_140_109

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Split:
    """`at`: index of the first value of the new level. `statistic`: 0.0 where nothing can be split."""

    at: int
    statistic: float


def best_split(values: ArrayLike, least: int) -> Split:
    """The split into X = values[:τ] and Y = values[τ:κ], each of `least` values or more, that differ most.

    κ lies before the end where a later change would else hide this one. The first of equal ones.
    """
    known = np.asarray(values, dtype=np.float64)
    if known.size < 2 * least:
        return Split(0, 0.0)
    statistic, at = _best(np.abs(known[:, None] - known[None, :]), least)
    return Split(at, statistic)


def splits(values: ArrayLike, least: int, count: int) -> list[Split]:
    """The `count` best splits of a series in the order in which bisection finds them, whatever their significance."""
    known = np.asarray(values, dtype=np.float64)
    found: list[Split] = []
    for _ in range(count):
        edges = [0, *sorted(split.at for split in found), known.size]
        parts = [(start, best_split(known[start:end], least)) for start, end in itertools.pairwise(edges)]
        start, best = max(parts, key=lambda part: part[1].statistic)
        found.append(Split(start + best.at, best.statistic))
    return found


def _best(distances: Values, least: int) -> tuple[float, int]:
    size = len(distances)
    sums = np.zeros((size + 1, size + 1))
    sums[1:, 1:] = distances.cumsum(0).cumsum(1)
    tau, kappa = _splits_of(size, least)
    upto = sums.diagonal()
    n, m = tau.astype(float), (kappa - tau).astype(float)
    both = sums[tau, kappa]
    between = both - upto[tau]
    within_x, within_y = upto[tau], upto[kappa] - 2 * both + upto[tau]
    # Sums over ordered pairs: a mean over pairs has n(n − 1) of them.
    differs = 2 * between / (n * m) - within_x / (n * (n - 1)) - within_y / (m * (m - 1))
    statistic = n * m / (n + m) * differs
    best = int(statistic.argmax())
    return max(float(statistic[best]), 0.0), int(tau[best])


@cache
def _splits_of(size: int, least: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """All (τ, κ) that leave `least` values on either side."""
    tau, kappa = np.meshgrid(np.arange(size + 1), np.arange(size + 1), indexing="ij")
    allowed = (tau >= least) & (kappa - tau >= least)
    return tau[allowed], kappa[allowed]


def p_of_ranks(statistic: float, size: int, least: int) -> float:
    """How often the best split of `size` ranks in random order is as good as this: 0.001 at the least."""
    chance = _chance(size, least)
    return float(1 + len(chance) - np.searchsorted(chance, statistic - 1e-9)) / (1 + len(chance))


@cache
def _chance(size: int, least: int) -> Values:
    """The permutation distribution of the best split. For ranks it is that of every series, so it is made once."""
    rng = np.random.default_rng(_SEED)
    ranks = np.arange(size, dtype=np.float64)
    distances = np.abs(ranks[:, None] - ranks[None, :])
    drawn = []
    for _ in range(DRAWS):
        order = rng.permutation(size)
        drawn.append(_best(distances[np.ix_(order, order)], least)[0])
    return np.sort(drawn)
