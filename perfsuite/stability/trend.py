"""Does a series grow, settle, or stay as it is? And how fast?

1. The lower envelope: the minimum of each window of a minute, so that what comes and goes within one, such as memory
   between two garbage collections, leaves no slope. Of response times it is the geometric mean. The first 7 % are left
   out. A series that never leaves a band as wide as the least growth that counts is steady.
2. Does it bend down, as warm-up and caches do? The best of several bent curves (a parabola, broken lines, exponentials)
   is compared with the straight line by its F. From half an hour on the second half is then judged by itself.
3. Is it one step? The best step beside the line is compared the same way, and taken out. It comes after the bend:
   before it, steps would turn caches that fill into leaks.
4. The Theil–Sen slope with Sen's interval of 90 %, widened where neighbouring residuals depend on each other. Growth
   is what exceeds the least growth that counts with its lower end.

Theil 1950; Sen 1968 (doi 10.1080/01621459.1968.10480934); correlated residuals: Yue and Wang 2004
(doi 10.1023/B:WARM.0000043140.61082.60). Mann–Kendall alone is no proof of a leak: Machida et al. 2013
(doi 10.1109/ISSREW.2013.6688905). tests/accuracy/endurance.py simulates how often each shape is called what.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np

from perfsuite.timeseries import Floats

WINDOW_S = 60
MOST_WINDOWS = 60
"""Of longer series the windows are longer."""
FEWEST_WINDOWS = 8
_HALVES_FROM = 2 * FEWEST_WINDOWS
_SKIPPED = 0.07
_KNOWN, _EDGE_SHARE = 0.5, 5
"""A window with fewer values than this share of its seconds is a gap; so is one without any in its first or its last
fifth, whose lowest value would be that of a shorter window."""
_CONFIDENCE = 0.9
_WIDEN, _MOST_CORRELATED = 1.1, 0.5
_SLOWER = 0.7
"""What bends down grows in its second half at less than this share of its first half's rate."""
STEADY_TIMES, SETTLED_TIMES = 2.0, 1.5
"""A slope that may be twice the least that counts still shows a steady series, since its middle is below that."""

_WINDOWS = (5, 6, 7, 8, 9, 12, 15, 20, 30, 45, 60)
_BEND_F = (273.0, 79.0, 37.4, 25.9, 22.3, 17.2, 14.5, 13.2, 12.2, 11.6, 11.4)
_STEP_F = (537.0, 132.0, 88.0, 60.5, 45.5, 31.0, 24.5, 22.3, 20.8, 19.2, 19.2)
"""By windows, the F of the best of all bends that 1 in 200 straight lines with normal noise exceeds, and that of the
best step that 1 in 500 exceeds; from 20,000 lines each."""
_EDGE = 2
"""A bend or a step has at least so many windows on either side."""


class Shape(StrEnum):
    """What a series does. STILL_SETTLING: it grew ever more slowly, and had not stopped at the end. UNCLEAR: neither
    growth nor its absence can be excluded.
    """

    STEADY = "steady"
    SETTLES = "settles"
    GROWS = "grows"
    STILL_SETTLING = "still settling"
    UNCLEAR = "unclear"
    TOO_SHORT = "too short"


@dataclass(frozen=True, slots=True)
class Trend:
    """What a series does; `slope_per_s` with its 90 % interval, `level`: the upper envelope at its end.

    All are NaN where the series is too short.
    """

    shape: Shape
    slope_per_s: float = math.nan
    low_per_s: float = math.nan
    high_per_s: float = math.nan
    level: float = math.nan


Windowed = Callable[[Floats], Floats]
"""Windows, one a row → the value of each."""


def lowest(windows: Floats) -> Floats:
    """The lower envelope: for what fills and is emptied."""
    return np.asarray(np.nanmin(windows, axis=1))


def geometric_mean(windows: Floats) -> Floats:
    """For what varies by factors at random, as response times do: the lowest of a minute is chance alone."""
    return np.asarray(np.exp(np.nanmean(np.log(windows), axis=1)))


def trend_of(values: Floats, least_growth: float, of_window: Windowed = lowest) -> Trend:
    """The trend of one value a second, NaN for gaps. `least_growth`: less over the whole series counts as none."""
    at, low, high = envelopes(values, of_window)
    if at.size < FEWEST_WINDOWS:
        return Trend(Shape.TOO_SHORT)
    return replace(judged(at, low, least_growth / values.size), level=float(np.median(high[-3:])))


def envelopes(values: Floats, of_window: Windowed = lowest, width: int = 0) -> tuple[Floats, Floats, Floats]:
    """Middle of each window in seconds, its value and its highest one. `width`: 0 for the usual one."""
    kept = values[math.ceil(values.size * _SKIPPED) :]
    width = width or WINDOW_S * max(1, math.ceil(kept.size / WINDOW_S / MOST_WINDOWS))
    count = kept.size // width
    if not count:
        return np.empty(0), np.empty(0), np.empty(0)
    begin = values.size - count * width
    windows = values[begin:].reshape(count, width)
    read = ~np.isnan(windows)
    edge = width // _EDGE_SHARE
    known = (read.mean(axis=1) >= _KNOWN) & read[:, :edge].any(axis=1) & read[:, -edge:].any(axis=1)
    at = begin + (np.arange(count) + 0.5) * width
    return at[known], of_window(windows[known]), np.nanmax(windows[known], axis=1)


def judged(at: Floats, low: Floats, least_per_s: float) -> Trend:
    """The trend of windows; `least_per_s`: less counts as none."""
    if float(np.ptp(low)) < least_per_s * float(at[-1] - at[0]):
        return line_of(Shape.STEADY, at, low)
    if bends_down(at, low) and _slows_down(at, low):
        return _bent(at, low, least_per_s)
    low, _place = without_step(at, low)
    found = line_of(Shape.UNCLEAR, at, low)
    if found.low_per_s > least_per_s:
        return replace(found, shape=Shape.GROWS)
    steady = found.slope_per_s < least_per_s and found.high_per_s < STEADY_TIMES * least_per_s
    return replace(found, shape=Shape.STEADY) if steady else found


def bends_down(at: Floats, low: Floats) -> bool:
    """Whether a bent curve explains it clearly better than a line."""
    return _bend_and_step(at, low)[0] > float(np.interp(at.size, _WINDOWS, _BEND_F))


def without_step(at: Floats, low: Floats) -> tuple[Floats, int]:
    """The same without its step, if there clearly is one beside the line, and the place of it; 0 without."""
    _bend, step, place, height = _bend_and_step(at, low)
    clearly = step > float(np.interp(at.size, _WINDOWS, _STEP_F))
    return (low - height * (np.arange(low.size) >= place), place) if clearly else (low, 0)


def _slows_down(at: Floats, low: Floats) -> bool:
    half = at.size // 2
    first, second = line_of(Shape.UNCLEAR, at[:half], low[:half]), line_of(Shape.UNCLEAR, at[-half:], low[-half:])
    return second.slope_per_s < _SLOWER * first.slope_per_s


def _bent(at: Floats, low: Floats, least_per_s: float) -> Trend:
    """A series that grew ever more slowly, by its second half."""
    half = at.size // 2
    if half >= FEWEST_WINDOWS:
        found = judged(at[-half:], low[-half:], 2 * least_per_s)
        shape = {Shape.STEADY: Shape.SETTLES, Shape.UNCLEAR: Shape.STILL_SETTLING}.get(found.shape, found.shape)
        return replace(found, shape=shape)
    found = line_of(Shape.STILL_SETTLING, at[-half:], low[-half:])
    return replace(found, shape=Shape.SETTLES) if found.high_per_s < SETTLED_TIMES * least_per_s else found


def line_of(shape: Shape, at: Floats, low: Floats) -> Trend:
    """The slope of a line and its interval, as a trend of this shape."""
    from scipy import stats  # most of a second; only where a long run is judged

    line = stats.theilslopes(low, at, alpha=_CONFIDENCE)
    slope = float(line.slope)
    wider = _widened(low - line.intercept - slope * at)
    below, above = (slope - float(line.low_slope)) * wider, (float(line.high_slope) - slope) * wider
    return Trend(shape, slope, slope - below, slope + above)


def _widened(residuals: Floats) -> float:
    """The factor by which an interval of independent residuals is too narrow."""
    centred = residuals - residuals.mean()
    spread = float(centred @ centred)
    correlation = float(centred[1:] @ centred[:-1]) / spread if spread > 0 else 0.0
    correlation = min(max(correlation, 0.0), _MOST_CORRELATED)
    return max(_WIDEN, math.sqrt((1 + correlation) / (1 - correlation)))


def _bend_and_step(at: Floats, low: Floats) -> tuple[float, float, int, float]:
    """F of the best curve that bends down, F of the best step, its place and its height."""
    x = (at - at[0]) / float(at[-1] - at[0])
    line, _ = np.linalg.qr(np.column_stack([np.ones_like(x), x]))
    residuals = low - line @ (line.T @ low)
    total, free = float(residuals @ residuals), max(x.size - 4, 1)
    if total <= 0:
        return 0.0, 0.0, 0, 0.0
    places = range(_EDGE, x.size - _EDGE + 1)
    broken = [-np.maximum(x - x[place], 0) for place in places if place < x.size - _EDGE]
    bends = np.array([-x * x, *broken, *(-np.exp(-x / tau) for tau in (0.1, 0.2, 0.4))])
    steps = np.array([np.arange(x.size) >= place for place in places], dtype=np.float64)
    (down, _), (up, norms) = (_explained(curves, line, residuals) for curves in (bends, steps))
    best = int(np.abs(up).argmax())
    return (
        _f_of(max(float(down.max()), 0.0), total, free),
        _f_of(float(up[best]), total, free),
        places[best],
        float(up[best] / norms[best]),
    )


def _explained(curves: Floats, line: Floats, residuals: Floats) -> tuple[Floats, Floats]:
    """How much of the residuals each curve explains beside the line, and the length of what the line leaves of it."""
    beside = curves - (curves @ line) @ line.T
    norms = np.linalg.norm(beside, axis=1)
    return beside @ residuals / norms, norms


def _f_of(explained: float, total: float, free: int) -> float:
    rest = total - explained * explained
    return explained * explained * free / rest if rest > 1e-12 * total else math.inf
