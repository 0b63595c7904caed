"""P-values for all figures of a comparison, such that a whole comparison raises few false alarms.

Of the 5 % that a comparison may be wrong in, the averages of operations, roles and total have 3.6, by max-T over all
of them. All other figures have 1 together, by max-T as well; the rest is margin. Where an average was found to have
changed, the other figures of that operation are also judged among themselves (gatekeeping: Dmitrienko & Tamhane 2007,
doi 10.1002/pst.291): there nothing can be wrong any more about whether it changed. Why not all in one: a real change of
10 % in one operation of 30 is then found in 63 of 100 comparisons instead of more than 90.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from perfsuite.history.comparison.figures import Figure, Line
from perfsuite.history.comparison.max_t import Adjusted, max_t_of
from perfsuite.model.plan import ALL

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
    adjusted: Adjusted = max_t_of([_values(group) for group in groups], runs_a)
    ordered = [line for group in groups for line in group]
    return {
        line: (float(more), float(less)) for line, more, less in zip(ordered, adjusted.more, adjusted.less, strict=True)
    }


def _by_figure(tested: Sequence[Line]) -> Iterable[list[Line]]:
    groups: dict[Figure, list[Line]] = {}
    for line in tested:
        groups.setdefault(line.figure, []).append(line)
    return groups.values()


def _values(group: Sequence[Line]) -> NDArray[np.float64]:
    return group[0].figure.badness(np.array([[*line.a, *line.b] for line in group]))
