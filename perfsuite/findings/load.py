"""How slow and how faulty each second was, whatever its mix of operations happened to be.

An average moves when a slow operation is called more often. So each role and operation is held against its own
usual time: the second's slowness is the mean over its requests of ln(time / usual time), which also keeps one slow
request among many from counting for all (times are about log-normal).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.series import in_outage
from perfsuite.model import LOGIN, Summary
from perfsuite.timeseries import Floats

Key = tuple[str, str]
"""Role and operation."""

_FEWEST_SECONDS = 3
"""With fewer, nobody knows what is usual for an operation."""
_BIN_REQUESTS = 10
_FEWEST_BINS = 12
_LONGEST_BIN_S = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """One role and operation in the steady state. By second: requests, and the sum of their times in ms."""

    requests: Floats
    total_ms: Floats

    def mean_ms(self, start: int, stop: int) -> float:
        """The mean over some seconds; NaN without requests."""
        requests = float(self.requests[start:stop].sum())
        return float(self.total_ms[start:stop].sum()) / requests if requests else math.nan


@dataclass(frozen=True, slots=True)
class Load:
    """The steady state by second. `slowness` is NaN in seconds without a request."""

    first_s: int
    cells: Mapping[Key, Cell]
    requests: Floats
    failures: Floats
    total_ms: Floats
    slowness: Floats

    @property
    def seconds(self) -> int:
        """Its length."""
        return int(self.requests.size)

    def mean_ms(self, start: int, stop: int) -> float:
        """The mean response time over some seconds; NaN without requests."""
        return Cell(self.requests, self.total_ms).mean_ms(start, stop)


def load_of(summary: Summary) -> Load | None:
    """None without a steady state. Seconds of an outage that ended have no request: it is an incident of its own."""
    if summary.steady_start is None or summary.steady_end is None or summary.steady_end <= summary.steady_start:
        return None
    first, length = summary.steady_start, summary.steady_end - summary.steady_start
    whole = Cell(np.zeros(length), np.zeros(length))
    failures = np.zeros(length)
    for second in summary.seconds:
        place = second.second - first
        if in_outage(second.second, summary):
            continue
        if 0 <= place < length and second.statistics.avg_ms is not None:
            whole.requests[place] = second.statistics.requests
            whole.total_ms[place] = second.statistics.requests * second.statistics.avg_ms
        if 0 <= place < length:
            failures[place] = second.statistics.failures
    cells = _cells(summary, first, length)
    return Load(first, cells, whole.requests, failures, whole.total_ms, slowness_of(cells.values(), length))


def _cells(summary: Summary, first: int, length: int) -> dict[Key, Cell]:
    cells: dict[Key, Cell] = defaultdict(lambda: Cell(np.zeros(length), np.zeros(length)))
    for row in summary.second_rows:
        place, statistics = int(row.period) - first, row.statistics
        if in_outage(int(row.period), summary):
            continue
        if 0 <= place < length and statistics.avg_ms is not None and statistics.requests:
            cell = cells[row.role, row.operation]
            cell.requests[place] += statistics.requests
            cell.total_ms[place] += statistics.requests * statistics.avg_ms
    return dict(cells)


def slowness_of(cells: Iterable[Cell], length: int) -> Floats:
    """The mean of ln(time / usual) over the requests of each second; NaN where there are none."""
    weighted, weights = slowness_sums(cells, length)
    slowness: Floats = np.divide(weighted, weights, out=np.full(length, math.nan), where=weights > 0)
    return slowness


def slowness_sums(cells: Iterable[Cell], length: int) -> tuple[Floats, Floats]:
    """By second: the sum of ln(time / usual) over the requests, and how many they are."""
    weighted, weights = np.zeros(length), np.zeros(length)
    for cell in cells:
        there = (cell.requests > 0) & (cell.total_ms > 0)
        if there.sum() < _FEWEST_SECONDS:
            continue
        times = np.log(cell.total_ms[there] / cell.requests[there])
        weighted[there] += cell.requests[there] * (times - np.median(times))
        weights[there] += cell.requests[there]
    return weighted, weights


def by_operation(load: Load) -> dict[str, list[Cell]]:
    """Operation → its cells, one for each role; logins are few and mostly of the ramp-up, so they are left out."""
    found: dict[str, list[Cell]] = defaultdict(list)
    for (_role, operation), cell in load.cells.items():
        if operation != LOGIN:
            found[operation].append(cell)
    return dict(found)


def binned(cells: Iterable[Cell], length: int) -> tuple[list[Cell], int]:
    """Cells over bins of so many seconds that each bin has about ten requests; no cells where there are too few."""
    cells = list(cells)
    requests = sum(float(cell.requests.sum()) for cell in cells)
    size = max(1, math.ceil(_BIN_REQUESTS * length / requests)) if requests else length
    if size > _LONGEST_BIN_S or length // size < _FEWEST_BINS:
        return [], size
    whole = length // size * size
    return [Cell(_summed(cell.requests[:whole], size), _summed(cell.total_ms[:whole], size)) for cell in cells], size


def _summed(values: Floats, size: int) -> Floats:
    result: Floats = values.reshape(-1, size).sum(axis=1)
    return result
