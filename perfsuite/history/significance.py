"""DOC"""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from perfsuite.history.figures import Figure, Line
from perfsuite.model.plan import ALL

MOST_LABELINGS = 20_000
"""Beyond these (8 + 8 runs have 12,870), a random part of them stands for all."""
FEWEST_LABELINGS = 2_000
_MOST_CELLS = 2_000_000
"""Labelings × runs that are held at once: hundreds of runs a side are dealt out less often."""
_SEED = 20_140_601

Labelings = NDArray[np.bool_]
"""Labelings × runs; True where a run is called one of B. The first row is the true one: A's runs, then B's."""


@cache
def labelings(runs_a: int, runs_b: int) -> Labelings:
    """Every way to call `runs_b` of all runs B: all of them, or 20,000 by chance (the same ones each time).

    The true one is the first row and counts in either case, so that no p-value is ever 0 (Phipson & Smyth 2010,
    doi 10.2202/1544-6115.1585).
    """
    runs = runs_a + runs_b
    if math.comb(runs, runs_b) <= MOST_LABELINGS:
        chosen = list(itertools.combinations(range(runs - 1, -1, -1), runs_b))
        dealt = np.zeros((len(chosen), runs), dtype=bool)
        np.put_along_axis(dealt, np.array(chosen), True, axis=1)
        return dealt
    true = np.arange(runs) >= runs_a
    dealt_out = max(FEWEST_LABELINGS, min(MOST_LABELINGS, _MOST_CELLS // runs))
    shuffled = np.random.default_rng(_SEED).permuted(np.tile(true, (dealt_out - 1, 1)), axis=1)
    return np.vstack([true, shuffled])


@cache
def dealt_out(runs_a: int, runs_b: int) -> NDArray[np.float64]:
    """The labelings as numbers, 1 for a run of B: a product with values gives the sum of B's in every labeling."""
    return labelings(runs_a, runs_b).astype(np.float64)


Values = NDArray[np.float64]
"""Operations × runs, A's runs first; the logarithm of a time, so that a shift is a ratio."""


@dataclass(frozen=True, slots=True)
class Adjusted:
    """One-sided p-values an operation, already adjusted for the number of operations."""

    more: Values
    less: Values


def max_t(values: Values, runs_a: int) -> Adjusted:
    """Adjusted p-values of "B is more" and "B is less" for each operation. 5 + 5 runs: 0.004 at the least."""
    return max_t_of([values], runs_a)


def max_t_of(groups: Sequence[Values], runs_a: int) -> Adjusted:
    """The same over several kinds of figures, one after the other: the spread is moderated within each kind."""
    dealt = dealt_out(runs_a, groups[0].shape[1] - runs_a)
    statistic = np.vstack([_statistic(values, dealt) for values in groups])
    return Adjusted(_adjusted(statistic), _adjusted(-statistic))


def _adjusted(statistic: Values) -> Values:
    highest = np.sort(statistic.max(axis=0))
    own = statistic[:, 0] - 1e-9
    adjusted: Values = (len(highest) - np.searchsorted(highest, own)) / len(highest)
    return adjusted


def _statistic(values: Values, dealt: Values) -> Values:
    """Operations × labelings: difference of the means over its moderated standard error."""
    runs, runs_b = values.shape[1], int(dealt[0].sum())
    runs_a = runs - runs_b
    centred = values - values.mean(axis=1, keepdims=True)
    sum_b = centred @ dealt.T
    mean_b, mean_a = sum_b / runs_b, -sum_b / runs_a
    squares = (centred**2).sum(axis=1, keepdims=True) - runs_b * mean_b**2 - runs_a * mean_a**2
    spread = np.sqrt(np.maximum(squares, 0.0) / max(runs - 2, 1) * (1 / runs_a + 1 / runs_b))
    moderated = spread + np.median(spread, axis=0)
    difference = mean_b - mean_a
    # Where nothing varies at all, any difference is beyond chance, and none is none.
    clearest = np.where(difference == 0, 0.0, np.copysign(np.inf, difference))
    statistic: Values = np.divide(difference, moderated, out=clearest, where=moderated > 0)
    return statistic


ALPHA = 0.05
PRIMARY_SHARE, OTHERS_SHARE = 0.72, 0.2
"""The parts of ALPHA that the averages and all other figures have: with 5 + 5 runs 9 and 2 of 252 labelings."""

_Pair = tuple[float, float]
PValues = dict[Line, _Pair]
"""Adjusted p-values of "became worse" and "became better"."""


def p_values(all_lines: Sequence[Line], runs_a: int) -> PValues:
    """For every line that all runs have."""
    whole = [line for line in all_lines if line.whole]
    primary = [line for line in whole if line.is_primary]
    others = [line for line in whole if not line.is_primary]
    found = _weighted(_tested(primary, runs_a), PRIMARY_SHARE) | _weighted(_tested(others, runs_a), OTHERS_SHARE)
    for line in primary:
        if min(found[line]) >= ALPHA:
            continue
        behind = [other for other in others if _belongs(other, line)]
        for other, pair in _tested(behind, runs_a).items():
            # Only what went the same way: an average that became better says nothing of a percentile that did not.
            worse, better = (min(found[other][way], max(pair[way], found[line][way])) for way in range(2))
            found[other] = (worse, better)
    return found


def _belongs(other: Line, primary: Line) -> bool:
    """Figures of the same place and, for an operation, of that operation as each role."""
    same = (other.role, other.operation) == (primary.role, primary.operation)
    return same or (primary.operation != ALL and other.operation == primary.operation)


def _weighted(found: PValues, share: float) -> PValues:
    return {line: (min(1.0, more / share), min(1.0, less / share)) for line, (more, less) in found.items()}


def _tested(tested: Sequence[Line], runs_a: int) -> PValues:
    groups = list(_by_figure(tested))
    if not groups:
        return {}
    adjusted: Adjusted = max_t_of([_badness(group) for group in groups], runs_a)
    ordered = [line for group in groups for line in group]
    return {
        line: (float(more), float(less)) for line, more, less in zip(ordered, adjusted.more, adjusted.less, strict=True)
    }


def _by_figure(tested: Sequence[Line]) -> Iterable[list[Line]]:
    groups: dict[Figure, list[Line]] = {}
    for line in tested:
        groups.setdefault(line.figure, []).append(line)
    return groups.values()


def _badness(group: Sequence[Line]) -> NDArray[np.float64]:
    return group[0].figure.badness(np.array([[*line.a, *line.b] for line in group]))


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
