"""Since which run a figure is on another level: change points over a history of runs.

E-divisive (Matteson & James 2014, doi 10.1080/01621459.2013.849605), with exponent 1 and means over pairs as in its
authors' R package ecp (James & Matteson 2014, doi 10.18637/jss.v062.i07), over the ranks of the values: by bisection,
each split with a permutation test, in windows of 100 runs that overlap by half, as Hunter does (arXiv 2301.03034). So
10,000 runs take 100 times as long as 100, and a change is not lost among thousands of runs before and after it. With
ranks the permutation distribution is the same for every series and is computed once, and one run that went wrong
weighs no more than its rank.

The test assumes independent runs. A slow drift shows as one or several steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perfsuite.history.figures import ComparedMetric

WINDOW = 100
LEAST = 5
"""Runs before and after a change point: one of the last four runs is never one."""
LEVEL = 0.002
"""Of 1,000 quiet windows two raise a false point: 500 quiet runs have nine of them."""
_SIZES = (10, 14, 20, 28, 40, 56, 75, WINDOW)
PERMUTATIONS = 999
_SEED = 20_140_109

Values = NDArray[np.float64]


def change_points(values: Values, figure: ComparedMetric) -> list[tuple[int, float, float, float]]:
    """Change points of one series: index of the first value of the new level, medians beside it, and p-value.

    The values in the order of the runs, which were made under conditions that can be compared. A change of less than
    5 % (or 2 ms) is left out.
    """
    scaled = figure.badness(values)
    places = sorted(_apart(_found(scaled)))
    places = sorted({_placed(scaled, places, number) for number in range(len(places))})
    while places:
        levels = [_levels(values, places, number) for number in range(len(places))]
        felt = [abs(after - before) / max(figure.bound(before, 0.0), 1e-12) for before, after in levels]
        p = [_p_beside(values, places, number) for number in range(len(places))]
        weakest = min(range(len(places)), key=lambda number: (p[number] <= LEVEL, felt[number]))
        if p[weakest] <= LEVEL and felt[weakest] > 1:
            return [(at, *level, chance) for at, level, chance in zip(places, levels, p, strict=True)]
        del places[weakest]
    return []


def _found(values: Values) -> Iterator[tuple[float, int]]:
    """(statistic, index) of the change points of each window."""
    step = WINDOW // 2
    for start in range(0, max(len(values) - step, 1), step):
        yield from _bisected(values[start : start + WINDOW], start)


def _bisected(values: Values, start: int) -> Iterator[tuple[float, int]]:
    share, p = _clearness(values)
    if p <= LEVEL:
        at = best_split(values, LEAST).at
        yield share, start + at
        yield from _bisected(values[:at], start)
        yield from _bisected(values[at:], start + at)


def _clearness(values: Values) -> tuple[float, float]:
    """Statistic of the best split of the ranks, as a share of their number, and its p-value (1.0: none is possible).

    Where it lies is another question, which the values themselves answer better, not their ranks.
    """
    size = len(values)
    if size < 2 * LEAST:
        return 0.0, 1.0
    from scipy import stats  # most of a second, and most histories are too short to get here

    share = best_split(stats.rankdata(values), LEAST).statistic / size
    # The statistic of ranks grows a little faster than their number: the next larger size errs on the safe side.
    like = next(known for known in _SIZES if known >= size)
    return share, p_of_ranks(share * like, like, LEAST)


def _apart(found: Iterator[tuple[float, int]]) -> list[int]:
    """Of points that windows place next to each other, the clearest."""
    kept: list[int] = []
    for _statistic, at in sorted(found, reverse=True):
        if all(abs(at - other) >= LEAST for other in kept):
            kept.append(at)
    return kept


def _beside(values: Values, places: Sequence[int], number: int) -> tuple[Values, Values]:
    """The values before a point and those after it, half a window each at most."""
    edges = (0, *places, len(values))
    start, at, end = edges[number : number + 3]
    half = WINDOW // 2
    return values[max(start, at - half) : at], values[at : min(end, at + half)]


def _placed(scaled: Values, places: Sequence[int], number: int) -> int:
    """Where exactly a point lies between its neighbours; windows end where they end, and see only a part."""
    before, after = _beside(scaled, places, number)
    split = best_split(np.concatenate([before, after]), LEAST)
    return places[number] - len(before) + split.at if split.at else places[number]


def _levels(values: Values, places: Sequence[int], number: int) -> tuple[float, float]:
    before, after = _beside(values, places, number)
    return float(np.median(before)), float(np.median(after))


def _p_beside(values: Values, places: Sequence[int], number: int) -> float:
    return _clearness(np.concatenate(_beside(values, places, number)))[1]


# ── the best split of a series, and how often chance does as much ───────────────────────────────────────────


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
    """The permutation distribution of the best split. For ranks it is that of every series, so it is computed once."""
    rng = np.random.default_rng(_SEED)
    ranks = np.arange(size, dtype=np.float64)
    distances = np.abs(ranks[:, None] - ranks[None, :])
    drawn = []
    for _ in range(PERMUTATIONS):
        order = rng.permutation(size)
        drawn.append(_best(distances[np.ix_(order, order)], least)[0])
    return np.sort(drawn)
