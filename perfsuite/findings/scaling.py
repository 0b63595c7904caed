"""The operations whose service time grows faster than the load.

Service times count from the send, each role with its share of the requests, so that no mix changes them. Their noise is
that of a jackknife over blocks of seconds, since neighbouring seconds depend on each other (Künsch 1989, doi
10.1214/aos/1176347265); two levels are compared by Welch's t test of ln(service time / load) (1947, doi
10.1093/biomet/34.1-2.28), with Bonferroni's correction for all operations and pairs of levels.
tests/findings/test_levels.py simulates how often that is wrong.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from perfsuite.findings.levels import LoadLevel, RunAtLevels, together
from perfsuite.format import change
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import LOGIN, Row, Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import Floats, Places, ResponseTimes, cells_of

ALPHA = 0.01
"""Chance of any false finding in a run, if seconds were independent."""
_SLOWER, _SLOWER_MS = 1.5, 5.0
"""Less than that nobody feels, whatever the load did."""
_LOAD_FACTOR = 1.2
"""Levels nearer to each other are not compared."""
_SAME_LOAD, _GROUP_S = 1.1, 12
"""Levels so near to each other count as one for operations, and so do low ones until they have as many seconds."""
_FEWEST_BLOCKS, _MANY_BLOCKS, _BLOCK_S, _SHORTEST_BLOCK_S = 4, 6, 3, 2
_FEWEST_REQUESTS, _FEWEST_OF_ROLE = 10, 3


@dataclass(frozen=True, slots=True)
class _Growth:
    """An operation at two levels: its mean service times, and by which factor more than the load they grew."""

    operation: str
    low: LoadLevel
    high: LoadLevel
    before_ms: float
    after_ms: float

    @property
    def excess(self) -> float:
        """1: it grew as the load did."""
        return self.after_ms / self.before_ms / (self.high.load / self.low.load)


def faster_operations(run: RunAtLevels, summary: Summary) -> Iterator[Finding]:
    """One finding with all operations whose service time grows faster than the load, the steepest first; or none."""
    found = sorted(_faster(run, summary), key=lambda growth: -growth.excess)
    if not found:
        return
    most, others = found[0], found[1:]
    headline = FindingMessage.GROWS_FASTER(
        operation=most.operation,
        times=most.after_ms / most.before_ms,
        high=run.load_text(most.high),
        low=run.load_text(most.low),
        change=change(most.before_ms, most.after_ms, "ms"),
        load_times=most.high.load / most.low.load,
    )
    if others:
        headline = headline.also(FindingMessage.ALSO_FASTER(operations=[each.operation for each in others]))
    rows = tuple(
        Evidence(
            "service_avg_ms",
            f"{each.operation}: mean time from the send, at {run.load_text(each.low)} and {run.load_text(each.high)}",
            each.before_ms,
            each.after_ms,
            "ms",
            run.at_s(each.high),
        )
        for each in found
    )
    yield Finding(FindingKind.FASTER, headline, at_s=run.at_s(most.high), operation=most.operation, evidence=rows)


def _faster(run: RunAtLevels, summary: Summary) -> Iterator[_Growth]:
    """Each operation that grows faster than the load between any two levels, where it does so most.

    Times are divided by the load of their second, so that they stay comparable within levels that count as one.
    """
    load = np.ones(run.length_s)
    for level in run.levels:
        load[level.places] = level.load
    roles: dict[str, list[ResponseTimes]] = defaultdict(list)
    for (_, operation), times in cells_of(summary, run.first_s, run.length_s, _service_ms).items():
        if operation != LOGIN:
            roles[operation].append(ResponseTimes(times.requests, times.total_ms / load))
    groups = [(group, _blocks(group.places)) for group in _grouped(run.levels)]
    known = [(group, blocks) for group, blocks in groups if len(blocks) >= _FEWEST_BLOCKS]
    pairs = [(low, high) for low, high in combinations(known, 2) if high[0].load >= _LOAD_FACTOR * low[0].load]
    tests = len(roles) * len(pairs)
    for operation, cells in roles.items():
        sums = {id(blocks): _sums(cells, blocks) for _, blocks in known}
        grown = (
            _growth(operation, (low, sums[id(before)]), (high, sums[id(after)]), ALPHA / tests)
            for (low, before), (high, after) in pairs
        )
        most = max((each for each in grown if each is not None), key=lambda each: each.excess, default=None)
        if most is not None:
            yield most


def _service_ms(row: Row) -> float | None:
    """From the send; where that is not recorded, from the moment it was due."""
    service_ms = row.breakdown.service_avg_ms
    return row.statistics.avg_ms if service_ms is None else service_ms


def _grouped(levels: Sequence[LoadLevel]) -> list[LoadLevel]:
    """Levels near to each other as one, and low ones until they have enough seconds."""
    groups: list[list[LoadLevel]] = []
    for level in levels:
        near = bool(groups) and level.load <= _SAME_LOAD * groups[-1][0].load
        few = len(groups) == 1 and sum(each.places.size for each in groups[0]) < _GROUP_S
        if near or (few and level is not levels[-1]):
            groups[-1].append(level)
        else:
            groups.append([level])
    return [together(group) for group in groups]


def _blocks(places: Places) -> list[Places]:
    """The seconds in blocks of three or more; of two where there would be few."""
    count = min(places.size // _SHORTEST_BLOCK_S, max(_MANY_BLOCKS, places.size // _BLOCK_S))
    return np.array_split(places, count) if count else []


def _sums(cells: Sequence[ResponseTimes], blocks: Sequence[Places]) -> tuple[Floats, Floats]:
    """Requests and their times over the load, by role and block."""
    requests, total_ms = (
        np.array([[series[block].sum() for block in blocks] for series in kind])
        for kind in ([cell.requests for cell in cells], [cell.total_ms for cell in cells])
    )
    return requests, total_ms


def _growth(
    operation: str,
    low: tuple[LoadLevel, tuple[Floats, Floats]],
    high: tuple[LoadLevel, tuple[Floats, Floats]],
    alpha: float,
) -> _Growth | None:
    """None where it does not grow faster than the load, by so much that it matters and noise cannot explain it."""
    (before, after) = (sums for _, sums in (low, high))
    kept = (_least_left(before[0]) >= _FEWEST_OF_ROLE) & (_least_left(after[0]) >= _FEWEST_OF_ROLE)
    shares = np.where(kept, before[0].sum(axis=1) + after[0].sum(axis=1), 0.0)
    if min(sums[0][kept].sum() for sums in (before, after)) < _FEWEST_REQUESTS:
        return None
    before_ln, before_var = _log_mean(*before, shares)
    after_ln, after_var = _log_mean(*after, shares)
    before_ms, after_ms = math.exp(before_ln) * low[0].load, math.exp(after_ln) * high[0].load
    found = _Growth(operation, low[0], high[0], before_ms, after_ms)
    if found.after_ms < max(_SLOWER * found.before_ms, found.before_ms + _SLOWER_MS) or found.excess <= 1:
        return None
    from scipy import stats  # most of a second; only where something may have grown

    freedom = (before_var + after_var) ** 2 / (
        before_var**2 / (before[0].shape[1] - 1) + after_var**2 / (after[0].shape[1] - 1)
    )
    score = math.log(found.excess) / math.sqrt(before_var + after_var)
    return found if float(stats.t.sf(score, freedom)) < alpha else None


def _least_left(requests: Floats) -> Floats:
    """Requests of each role without its fullest block."""
    left: Floats = requests.sum(axis=1) - requests.max(axis=1)
    return left


def _log_mean(requests: Floats, total_ms: Floats, shares: Floats) -> tuple[float, float]:
    """ln of the mean over the roles with a share, and its variance by leaving out each block in turn."""
    roles = shares > 0
    requests, total_ms, weights = requests[roles], total_ms[roles], shares[roles] / shares[roles].sum()
    every, every_ms = requests.sum(axis=1, keepdims=True), total_ms.sum(axis=1, keepdims=True)
    without = np.log(weights @ ((every_ms - total_ms) / (every - requests)))
    blocks = without.size
    variance = (blocks - 1) / blocks * float(((without - without.mean()) ** 2).sum())
    return float(np.log(weights @ (every_ms / every))[0]), max(variance, 1e-12)
