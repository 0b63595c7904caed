"""Is a difference between two groups of runs more than chance? Shifts, rank tests, and p-values for whole comparisons.

Shifts are those of Hodges & Lehmann 1963 (doi 10.1214/aoms/1177704172), tests those of Mann & Whitney 1947
(doi 10.1214/aoms/1177730491), exact also where values are equal, as Streitberg & Röhmel 1986 count rank sums.

Many operations at once: Westfall & Young 1993, *Resampling-Based Multiple Testing*, single-step max-T. The runs' labels
are permuted for all operations together, so that what is common to a run stays common. The statistic is a t with its
spread moderated by the median spread of all operations (as SAM does: Tusher, Tibshirani & Chu 2001,
doi 10.1073/pnas.091062498): five runs say little about one operation's spread, all operations together say a lot.
Ranks cannot be used here: with 5 + 5 runs the largest rank sum comes up once in 252 labelings for every single
operation, and so for one of 30 in about every ninth labeling, whatever the size of the difference.

Of the 5 % that a comparison may be wrong in, the averages of operations, roles and total have 3.6. All other figures
have 1 together; the rest is margin. Where an average has changed, the other figures of that operation are also judged
among themselves (gatekeeping: Dmitrienko & Tamhane 2007, doi 10.1002/pst.291): whether it changed cannot be wrong any
more. Why not all in one: a real change of 10 % in one operation of 30 is then found in 63 of 100 comparisons instead
of more than 90.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfsuite.history.figures import ComparedFigure, ComparedMetric
from perfsuite.model.plan import ALL

ALPHA = 0.05
PRIMARY_SHARE, OTHERS_SHARE = 0.72, 0.2
"""The parts of ALPHA that the averages and all other figures have: with 5 + 5 runs 9 and 2 of 252 labelings."""
MOST_LABELINGS = 20_000
"""Beyond these (8 + 8 runs have 12,870), a random part of them stands for all."""
FEWEST_LABELINGS = 2_000
_MOST_CELLS = 2_000_000
"""Labelings × runs in memory at once: with hundreds of runs per group, fewer labelings are drawn."""
CONFIDENCE = 0.95
_MOST_EXACT = 2_500
"""Pairs of runs (50 + 50) beyond which the normal approximation of U is as good."""
_SEED = 20_140_601

Floats = NDArray[np.float64]
Pair = tuple[Sequence[float], Sequence[float]]
"""Values of A and of B, one per run."""
PValues = dict[ComparedFigure, tuple[float, float]]
"""Adjusted p-values of "became worse" and "became better"."""


# ── shifts ──────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Shift:
    """B − A, in the figure's own unit.

    `interval`: 95 % or a little more, since ranks come in steps; None for fewer than 4 + 4 runs. `narrow`: likewise
    90 %. `p_more`, `p_less`: exact one-sided p-values of "B is more" and "B is less".
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


def shifts(pairs: Sequence[Pair]) -> list[Shift]:
    """The shift of each pair. Raises ValueError where a group has no value."""
    if not all(a and b for a, b in pairs):
        raise ValueError("each group needs a value")
    return [_shift(a, b) for a, b in pairs]


def _shift(a: Sequence[float], b: Sequence[float]) -> Shift:
    differences = np.sort(np.subtract.outer(np.array(b, dtype=float), np.array(a, dtype=float)).ravel())
    wide, narrow = (
        _interval(differences, _outside(len(a), len(b), confidence)) for confidence in (CONFIDENCE, 2 * CONFIDENCE - 1)
    )
    return Shift(float(np.median(differences)), wide, narrow, *_mann_whitney(a, b))


def _mann_whitney(a: Sequence[float], b: Sequence[float]) -> tuple[float, float]:
    """One-sided p-values of "B is more" and "B is less"."""
    if len(a) * len(b) > _MOST_EXACT:
        from scipy import stats  # most of a second; only where so many runs are compared

        more = stats.mannwhitneyu(b, a, alternative="greater", method="asymptotic").pvalue
        less = stats.mannwhitneyu(b, a, alternative="less", method="asymptotic").pvalue
        return float(more), float(less)
    _, place, counts = np.unique([*a, *b], return_inverse=True, return_counts=True)
    ranks = (2 * np.cumsum(counts) - counts + 1)[place]  # doubled, so that those of equal values are whole
    ways = _rank_sums(tuple(sorted(ranks.tolist())), len(b))
    own = int(ranks[len(a) :].sum())
    return float(ways[own:].sum() / ways.sum()), float(ways[: own + 1].sum() / ways.sum())


@lru_cache(maxsize=256)
def _rank_sums(ranks: tuple[int, ...], chosen: int) -> Floats:
    """In how many ways so many of the ranks have the sum 0, 1, 2, …"""
    ways = np.zeros((chosen + 1, sum(ranks) + 1))
    ways[0, 0] = 1
    for rank in ranks:
        ways[1:, rank:] += ways[:-1, : ways.shape[1] - rank]
    return np.array(ways[chosen])


def _interval(differences: Floats, outside: int) -> tuple[float, float] | None:
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
    # U is the rank sum of B beyond the least that it can be; ranks without ties are even, doubled.
    ways = _rank_sums(tuple(range(2, 2 * (runs_a + runs_b) + 1, 2)), runs_b)[runs_b * (runs_b + 1) :: 2]
    return int(np.searchsorted(np.cumsum(ways / ways.sum()), tail, side="right"))


# ── whole comparisons ───────────────────────────────────────────────────────────────────────────────────────


def p_values(figures: Sequence[ComparedFigure], runs_a: int) -> PValues:
    """For every figure that all runs have."""
    complete = [each for each in figures if each.in_all]
    primary = [each for each in complete if each.is_primary]
    others = [each for each in complete if not each.is_primary]
    found = _weighted(_tested(primary, runs_a), PRIMARY_SHARE) | _weighted(_tested(others, runs_a), OTHERS_SHARE)
    for average in primary:
        if min(found[average]) >= ALPHA:
            continue
        for other, pair in _tested([each for each in others if _belongs(each, average)], runs_a).items():
            # Only in the same direction: an average that became better says nothing of a percentile that did not.
            worse, better = (
                min(old, max(new, gate)) for old, new, gate in zip(found[other], pair, found[average], strict=True)
            )
            found[other] = (worse, better)
    return found


def _belongs(other: ComparedFigure, primary: ComparedFigure) -> bool:
    """Figures of the same place and, for an operation, of that operation as each role."""
    same = (other.role, other.operation) == (primary.role, primary.operation)
    return same or (primary.operation != ALL and other.operation == primary.operation)


def _weighted(found: PValues, share: float) -> PValues:
    return {each: (min(1.0, more / share), min(1.0, less / share)) for each, (more, less) in found.items()}


def _tested(figures: Sequence[ComparedFigure], runs_a: int) -> PValues:
    groups: dict[ComparedMetric, list[ComparedFigure]] = {}
    for each in figures:
        groups.setdefault(each.figure, []).append(each)
    if not groups:
        return {}
    values = [metric.badness(np.array([[*each.a, *each.b] for each in group])) for metric, group in groups.items()]
    more, less = max_t(values, runs_a)
    ordered = itertools.chain(*groups.values())
    return {each: (float(p_more), float(p_less)) for each, p_more, p_less in zip(ordered, more, less, strict=True)}


def max_t(groups: Sequence[Floats], runs_a: int) -> tuple[Floats, Floats]:
    """Adjusted p-values of "B is more" and "B is less" for each operation. 5 + 5 runs: 0.004 at the least.

    `groups`: kinds of figures, each as operations × runs, A's runs first, on a scale on which a shift is a difference.
    The spread is moderated within each kind.
    """
    labels = labelings(runs_a, groups[0].shape[1] - runs_a).astype(np.float64)
    statistic = np.vstack([_statistic(values, labels) for values in groups])
    return _adjusted(statistic), _adjusted(-statistic)


def _adjusted(statistic: Floats) -> Floats:
    highest = np.sort(statistic.max(axis=0))
    own = statistic[:, 0] - 1e-9
    adjusted: Floats = (len(highest) - np.searchsorted(highest, own)) / len(highest)
    return adjusted


def _statistic(values: Floats, labels: Floats) -> Floats:
    """Operations × labelings: difference of the means over its moderated standard error."""
    runs, runs_b = values.shape[1], int(labels[0].sum())
    runs_a = runs - runs_b
    centred = values - values.mean(axis=1, keepdims=True)
    sum_b = centred @ labels.T
    mean_b, mean_a = sum_b / runs_b, -sum_b / runs_a
    squares = (centred**2).sum(axis=1, keepdims=True) - runs_b * mean_b**2 - runs_a * mean_a**2
    spread = np.sqrt(np.maximum(squares, 0.0) / max(runs - 2, 1) * (1 / runs_a + 1 / runs_b))
    moderated = spread + np.median(spread, axis=0)
    difference = mean_b - mean_a
    # Where nothing varies at all, any difference is beyond chance, and none is none.
    clearest = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    statistic: Floats = np.divide(difference, moderated, out=clearest, where=moderated > 0)
    return statistic


@cache
def labelings(runs_a: int, runs_b: int) -> NDArray[np.bool_]:
    """Labelings × runs, True for a run of B: all assignments of the runs to groups, or 20,000 random ones.

    The true one (A's runs, then B's) is the first row and always counts, so that no p-value is ever 0 (Phipson & Smyth
    2010, doi 10.2202/1544-6115.1585). Random ones are the same each time.
    """
    runs = runs_a + runs_b
    if math.comb(runs, runs_b) <= MOST_LABELINGS:
        chosen = list(itertools.combinations(range(runs - 1, -1, -1), runs_b))
        labels = np.zeros((len(chosen), runs), dtype=bool)
        np.put_along_axis(labels, np.array(chosen), True, axis=1)
        return labels
    true = np.arange(runs) >= runs_a
    drawn = max(FEWEST_LABELINGS, min(MOST_LABELINGS, _MOST_CELLS // runs))
    shuffled = np.random.default_rng(_SEED).permuted(np.tile(true, (drawn - 1, 1)), axis=1)
    return np.vstack([true, shuffled])
