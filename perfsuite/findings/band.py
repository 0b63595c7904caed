"""When does a series leave its band for good, and is it a band at all?

The band is what the beginning of the series shows: its median, and a noise that is the larger of two estimates,
both robust: the median absolute deviation from that median (Hampel 1974, doi 10.1080/01621459.1974.10482962) and
that of the differences between neighbours, which no change of level can widen (von Neumann et al. 1941,
doi 10.1214/aoms/1177731677; with the median instead of the mean). A rise counts when the median of a window lies
so far above the band that the effect matters *and* the noise cannot explain it, as a Shewhart chart for the median
with its limits wide enough for a whole run (Page 1954, doi 10.1093/biomet/41.1-2.100, says why persistence is
asked for). tests/findings/test_no_false_findings.py
simulates how often that is wrong.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from perfsuite.timeseries import Floats, middle

FEWEST_BEFORE = 10
"""Values that a band is made of at least."""
MOST_BEFORE = 60
"""And at most: later ones would let a slow rise become the band."""
_TO_SIGMA = 1.4826  # of a normal distribution: 1 / Φ⁻¹(3/4)
_OF_MEDIAN = math.pi / 2
"""The variance of a median is this many times that of a mean."""
_OUTSIDE_SIGMAS = 2.0


@dataclass(frozen=True, slots=True)
class RiseRule:
    """From where on a rise counts: for `window` values, by `shift`, and by `sigmas` of what noise makes of a window.

    `smoothed`: over how many values the series was smoothed, so only values that far apart show its noise.
    `least_sigma`: of few values the noise may look smaller than it is.
    """

    window: int
    shift: float
    sigmas: float
    smoothed: int = 1
    fewest_before: int = FEWEST_BEFORE
    least_sigma: float = 0.0


@dataclass(frozen=True, slots=True)
class Rise:
    """Positions in the series: out of the band from `start` until before `stop`. Medians before and in it."""

    start: int
    stop: int
    before: float
    after: float


def deviation(values: Floats) -> float:
    """Standard deviation of the bulk of the values, by the median absolute deviation; 0 for none."""
    return _TO_SIGMA * float(np.median(np.abs(values - np.median(values)))) if values.size else 0.0


def noise(values: Floats) -> float:
    """Standard deviation of a series around its level, wherever that changes; 0 for fewer than two values."""
    if values.size < 2:
        return 0.0
    return _TO_SIGMA * float(np.median(np.abs(np.diff(values)))) / math.sqrt(2)


def rises(values: Floats, rule: RiseRule) -> list[Rise]:
    """Every rise out of the band of what came before, in order. The series has no gaps. []: it stays in its band."""
    last = values.size - rule.window
    fewest = rule.fewest_before
    if last < fewest:
        return []
    usual, sigma, count = _bands(values, last, rule)
    windows = np.lib.stride_tricks.sliding_window_view(values, rule.window)[fewest:]
    shifts = np.median(windows, axis=1) - usual
    needed = np.maximum(rule.shift, rule.sigmas * sigma * np.sqrt(_OF_MEDIAN / rule.window + _OF_MEDIAN / count))
    edge = usual + np.maximum(_OUTSIDE_SIGMAS * sigma, rule.shift / 2)
    outside = (windows > edge[:, None]).sum(axis=1)
    found: list[Rise] = []
    for at in np.flatnonzero((shifts >= needed) & (outside >= max(3, rule.window - 1))):
        start = int(at) + fewest + int(np.argmax(windows[at] > edge[at]))
        if found and start < found[-1].stop:
            continue
        stop = _back(values, start, rule.window, float(usual[at] + max(rule.shift, _OUTSIDE_SIGMAS * sigma[at])))
        found.append(Rise(start, stop, float(usual[at]), middle(values[start:stop])))
    return found


def _bands(values: Floats, last: int, rule: RiseRule) -> tuple[Floats, Floats, Floats]:
    """Median, noise and number of the values before each position that has enough of them, to `last`."""
    overall = max(noise(values[:: rule.smoothed]), rule.least_sigma)
    counts = np.minimum(np.arange(rule.fewest_before, last + 1), MOST_BEFORE)
    growing = np.unique(counts)
    before = np.where(np.arange(growing[-1]) < growing[:, None], values[: growing[-1]], np.inf)
    medians = _medians(before, growing)
    sigmas = np.maximum(overall, _TO_SIGMA * _medians(np.abs(before - medians[:, None]), growing))
    place = counts - growing[0]
    return medians[place], sigmas[place], counts.astype(np.float64)


def _medians(rows: Floats, counts: npt.NDArray[np.int64]) -> Floats:
    """Of each row's smallest values, as many as it counts."""
    ordered, row = np.sort(rows, axis=1), np.arange(counts.size)
    middles: Floats = (ordered[row, (counts - 1) // 2] + ordered[row, counts // 2]) / 2
    return middles


def _back(values: Floats, start: int, window: int, edge: float) -> int:
    """Where the series is back below `edge` for most of a window, begun by such a value; its end when it never is."""
    inside = values[start:] <= edge
    if inside.size < window:
        return int(values.size)
    most = np.lib.stride_tricks.sliding_window_view(inside, window).sum(axis=1) > window / 2
    back = np.flatnonzero(most & inside[: most.size])
    return start + int(back[0]) if back.size else int(values.size)
