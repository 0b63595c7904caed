"""Since which run a figure is on another level: change points over a history of runs.

E-divisive (`energy.py`) over the ranks of the values, by bisection, each split with a permutation test, in windows of
100 runs that overlap by half, as Hunter does (arXiv 2301.03034): so 10,000 runs take 100 times as long as 100, and a
change is not lost among thousands of runs before and after it. Ranks, because then the permutation distribution is
the same for every series and is made once, and one run that went wrong weighs no more than its rank.

The test takes runs for independent. A slow drift is told as one or several steps.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from perfsuite.history.comparison.energy import best_split, p_of_ranks
from perfsuite.history.comparison.figures import Figure

WINDOW = 100
LEAST = 5
"""Runs on either side of a change point: one of the last four runs is never one."""
LEVEL = 0.002
"""Of 1,000 quiet windows two raise a false point: 500 quiet runs have nine of them."""
_SIZES = (10, 14, 20, 28, 40, 56, 75, WINDOW)

Values = NDArray[np.float64]


def points(values: Values, figure: Figure) -> list[tuple[int, float, float, float]]:
    """Change points of one series: index of the first value of the new level, medians beside it, and p-value.

    The values in the order of the runs, which were made under conditions that can be compared. A level that differs
    by less than 5 % (or 2 ms) is not told.
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
    """(statistic, index) of what each window holds to be a change point."""
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
    """The level before a point and the one after it, half a window each at most."""
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
