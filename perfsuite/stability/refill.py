"""Two fills with a pause between them in which nothing is written: does a series grow, and by time or by writes?

1. The lower envelope of both fills and of the pause, as in `trend`. What grew in the pause is known twice: by the lines
   through both fills, at its two ends, and by the line through it. It may lie lower as a whole.
2. If the fills grow and the pause does not, the series is judged over the writes instead of over time.
3. What was emptied in the pause and in the second fill did not get beyond the first one's level does not grow.
4. What bends down clearly, as in `trend`, is judged from the middle of the first fill on; where that still bends, by
   the second fill, or by the second half of that. A cache that was filling until then shows so that it is full.
5. Everything else is judged over both fills. It grows only if each of them does, and the end of the second one, too;
   or if the second one does by itself, as in `trend`.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.model.stability import GrowthCause
from perfsuite.stability.trend import (
    FEWEST_WINDOWS,
    MOST_WINDOWS,
    SETTLED_TIMES,
    STEADY_TIMES,
    WINDOW_S,
    Shape,
    Trend,
    Windowed,
    bends_down,
    envelopes,
    judged,
    line_of,
    lowest,
    without_step,
)
from perfsuite.timeseries import Floats, theil_sen

_NORMAL = 1.645
"""Half the width of a 90 % interval, in standard errors."""
_BOTH_WAYS = 0.5
"""What surely grew in the pause by less than this share of its growth by time grows by writes; by more, by time."""
_NEAR = 0.35
"""So near 0, or 1, that share has to be."""
_EXACT = 1e-9
"""No line fits better than to this share of its level."""
_DEVIATION = 1.4826
"""Times the median absolute deviation: the standard deviation of normal noise."""
_FEWEST_OF_PAUSE = 5
_STOPPED = 0.5
"""What ended grows at less than this share of its earlier rate."""


@dataclass(frozen=True, slots=True)
class Fills:
    """Where both fills are in a series, as [start, stop), and the writes that succeeded in each of its seconds."""

    first: tuple[int, int]
    second: tuple[int, int]
    writes: Floats


@dataclass(frozen=True, slots=True)
class RefillTrend:
    """`cause`: only of what grows. `per_1000_writes`: slope and its 90 % interval, if it grows by writes."""

    trend: Trend
    cause: GrowthCause = GrowthCause.UNKNOWN
    per_1000_writes: tuple[float, float, float] | None = None


@dataclass(frozen=True, slots=True)
class _Windows:
    """Middle of each window of the fills in seconds, its value and its highest one.

    `first_count`: those of the first fill. `width`: seconds of each.
    """

    at: Floats
    low: Floats
    high: Floats
    first_count: int
    width: int
    of_window: Windowed

    @property
    def later_first(self) -> int:
        """Where the second half of the first fill begins."""
        return self.first_count - self.first_count // 2

    @property
    def later_second(self) -> int:
        """Where the second half of the second fill begins."""
        return self.first_count + (self.at.size - self.first_count) // 2

    @property
    def halves(self) -> tuple[int, int, int]:
        """Where the halves of both fills begin, but for the first one."""
        return self.later_first, self.first_count, self.later_second


@dataclass(frozen=True, slots=True)
class _Lines:
    """Lines through the end of the first fill, the pause (None: too few readings) and the beginning of the second fill.

    `first_end`, `second_start`, `second_end`: seconds.
    """

    first: _Line
    pause: _Line | None
    second: _Line
    first_end: int
    second_start: int
    second_end: int

    @property
    def gap(self) -> tuple[float, float]:
        """Growth from the end of the first fill to the beginning of the second, and its standard error."""
        grew = self.second.at(self.second_start) - self.first.at(self.first_end)
        return grew, math.hypot(self.first.error(self.first_end), self.second.error(self.second_start))

    @property
    def beyond(self) -> tuple[float, float]:
        """How far the second fill's end is above that of the first, and the standard error of that."""
        above = self.second.at(self.second_end) - self.first.at(self.first_end)
        return above, math.hypot(self.first.error(self.first_end), self.second.error(self.second_end))

    @property
    def in_pause(self) -> tuple[float, float]:
        """Growth in the pause and its standard error, by the gap and by the readings in it."""
        gap, error = self.gap
        if self.pause is None:
            return gap, error
        length = self.second_start - self.first_end
        own, own_error = self.pause.slope * length, self.pause.slope_error * length
        return _weighted((gap, error), (own, own_error))

    @property
    def in_fills(self) -> tuple[float, float]:
        """The slope of both fills, weighted by their errors, and its standard error by the noise of all parts."""
        slope, _error = _weighted(*((line.slope, line.slope_error) for line in (self.first, self.second)))
        lines = [line for line in (self.first, self.pause, self.second) if line is not None]
        residuals = np.concatenate([line.residuals for line in lines])
        free = residuals.size - 2 * len(lines)
        noise = _DEVIATION * float(np.median(np.abs(residuals))) * math.sqrt(residuals.size / free)
        return slope, max(noise / math.hypot(self.first.spread, self.second.spread), _EXACT)


def _weighted(*values: tuple[float, float]) -> tuple[float, float]:
    """The mean of values weighted by their standard errors, and its own."""
    weights = np.array([error**-2 for _value, error in values])
    return float(weights @ [value for value, _error in values]) / float(weights.sum()), float(weights.sum() ** -0.5)


def refill_trend(values: Floats, fills: Fills, least_growth: float, of_window: Windowed = lowest) -> RefillTrend:
    """What a series with two fills does. `least_growth`: less over the whole series counts as none."""
    windows = _windows_of(values, fills, of_window)
    if min(windows.first_count, windows.at.size - windows.first_count) < FEWEST_WINDOWS:
        return RefillTrend(Trend(Shape.TOO_SHORT))
    least_per_s = least_growth / values.size
    lines = _lines_of(values, windows, fills)
    cause, level = _cause(lines, fills), float(np.median(windows.high[-3:]))
    written = np.cumsum(fills.writes)[windows.at.astype(int)]
    if cause is GrowthCause.WRITES and not all(np.ptp(half) for half in np.split(written, windows.halves)):
        cause = GrowthCause.UNKNOWN
    if cause is not GrowthCause.WRITES:
        return RefillTrend(replace(_judged(windows, windows.at, least_per_s, lines, least_growth), level=level), cause)
    scale = float(written[-1] - written[0]) / values.size
    found = _judged(windows, written / scale, least_per_s, lines, least_growth)
    slope, low, high = (each / scale for each in (found.slope_per_s, found.low_per_s, found.high_per_s))
    rate = float(np.concatenate([fills.writes[slice(*fill)] for fill in (fills.first, fills.second)]).mean())
    by_time = Trend(found.shape, slope * rate, low * rate, high * rate, level)
    grows = found.shape is Shape.GROWS
    return RefillTrend(by_time, cause, (slope * 1_000, low * 1_000, high * 1_000) if grows else None)


def _windows_of(values: Floats, fills: Fills, of_window: Windowed) -> _Windows:
    lengths = [stop - start for start, stop in (fills.first, fills.second)]
    wide = math.ceil(max(lengths) / WINDOW_S / MOST_WINDOWS)
    width = WINDOW_S * max(1, min(wide, min(lengths) // WINDOW_S // (FEWEST_WINDOWS + 1)))
    parts = [envelopes(values[start:stop], of_window, width) for start, stop in (fills.first, fills.second)]
    starts = (fills.first[0], fills.second[0])
    at = np.concatenate([part[0] + start for part, start in zip(parts, starts, strict=True)])
    low, high = (np.concatenate([part[place] for part in parts]) for place in (1, 2))
    return _Windows(at, low, high, parts[0][0].size, width, of_window)


def _lines_of(values: Floats, windows: _Windows, fills: Fills) -> _Lines:
    at, low, place = windows.at, windows.low, windows.first_count
    stop = windows.later_second if bends_down(at[place:], low[place:]) else at.size
    pause_at, pause_low, _high = envelopes(values[fills.first[1] : fills.second[0]], windows.of_window, windows.width)
    pause = _Line.through(pause_at, pause_low) if pause_at.size >= _FEWEST_OF_PAUSE else None
    second = _Line.through(at[place:stop], low[place:stop])
    return _Lines(_end_of_first(windows, at), pause, second, fills.first[1], *fills.second)


def _cause(lines: _Lines, fills: Fills) -> GrowthCause:
    """By the share of what the fills' slope would have made of the pause."""
    (grew, error), (slope, slope_error) = lines.in_pause, lines.in_fills
    pause_s = fills.second[0] - fills.first[1]
    if slope <= 0 or not fills.writes.any():
        return GrowthCause.UNKNOWN
    share = grew / slope / pause_s
    error = _NORMAL * math.hypot(error / pause_s, share * slope_error) / slope
    if abs(share) < _NEAR and share + error < _BOTH_WAYS:
        return GrowthCause.WRITES
    return GrowthCause.TIME if share > 1 - _NEAR and share - error > _BOTH_WAYS else GrowthCause.UNKNOWN


def _judged(windows: _Windows, x: Floats, least: float, lines: _Lines, least_growth: float) -> Trend:
    low = windows.low
    if float(np.ptp(low)) < least_growth:
        return line_of(Shape.STEADY, x, low)
    gap, error = lines.gap
    if gap + 2 * error < -least_growth / 2 and lines.beyond[0] < least_growth:
        return _emptied(lines, float(x[-1] - x[windows.first_count - 1]))
    if bends_down(x, low):
        return _by_its_end(windows, x, least, least_growth)
    low, place = without_step(x, low)
    found = _beside_step(x, place, line_of(Shape.UNCLEAR, x, low))
    if found.low_per_s > least:
        return _confirmed(windows, x, low, found, least_growth)
    steady = found.slope_per_s < least and found.high_per_s < STEADY_TIMES * least
    return replace(found, shape=Shape.STEADY) if steady else found


def _beside_step(x: Floats, place: int, found: Trend) -> Trend:
    """With an interval for what both sides of a step show; its height is not known exactly."""
    if not place:
        return found
    both = math.hypot(np.std(x[:place]) * math.sqrt(place), np.std(x[place:]) * math.sqrt(x.size - place))
    wider = float(np.std(x)) * math.sqrt(x.size) / both
    below, above = found.slope_per_s - found.low_per_s, found.high_per_s - found.slope_per_s
    return replace(found, low_per_s=found.slope_per_s - wider * below, high_per_s=found.slope_per_s + wider * above)


def _emptied(lines: _Lines, length: float) -> Trend:
    """What grew from the end of one fill to that of the other."""
    per_s, error = lines.beyond[0] / length, _NORMAL * lines.beyond[1] / length
    return Trend(Shape.SETTLES, per_s, per_s - error, per_s + error)


def _by_its_end(windows: _Windows, x: Floats, least: float, least_growth: float) -> Trend:
    """A series that bends down, by the longest end that does not."""
    low, before, end = windows.low, _end_of_first(windows, x).slope, _end(windows, x, windows.low)
    starts = (windows.later_first, windows.first_count)
    start = next((each for each in starts if not bends_down(x[each:], low[each:])), None)
    found = end if start is None else line_of(Shape.STILL_SETTLING, x[start:], low[start:])
    stopped = max(SETTLED_TIMES * least, _STOPPED * before)
    for part in (found, end):
        if part.low_per_s < least and part.high_per_s < stopped:
            return replace(part, shape=Shape.SETTLES)
    if found.low_per_s > least and start is not None:
        return _confirmed(windows, x, low, found, least_growth)
    return found


def _confirmed(windows: _Windows, x: Floats, low: Floats, found: Trend, least_growth: float) -> Trend:
    """Growth that each fill shows by itself, and that goes on to the end; else that of the second fill, if it grows."""
    place, end = windows.first_count, _end(windows, x, low)
    if end.high_per_s < _STOPPED * found.slope_per_s:
        return replace(end, shape=Shape.SETTLES)
    fills = (_Line.through(x[:place], low[:place]), _Line.through(x[place:], low[place:]))
    if all(fill.slope >= _STOPPED * found.slope_per_s for fill in fills):
        return replace(found, shape=Shape.GROWS)
    second = judged(x[place:], low[place:], least_growth / float(x[-1] - x[place]))
    return second if second.shape is Shape.GROWS else replace(found, shape=Shape.UNCLEAR)


def _end_of_first(windows: _Windows, x: Floats) -> _Line:
    """The first fill, or its second half if it bends down."""
    stop = windows.first_count
    start = windows.later_first if bends_down(x[:stop], windows.low[:stop]) else 0
    return _Line.through(x[start:stop], windows.low[start:stop])


def _end(windows: _Windows, x: Floats, low: Floats) -> Trend:
    """The second half of the second fill, with the noise of the first one as well: it has few windows itself."""
    line, first = _Line.through(x[windows.later_second :], low[windows.later_second :]), _end_of_first(windows, x)
    free = first.free + line.free
    deviation = math.sqrt((first.free * first.deviation**2 + line.free * line.deviation**2) / free)
    error = _NORMAL * (1 + 1 / free) * deviation / line.spread
    return Trend(Shape.STILL_SETTLING, line.slope, line.slope - error, line.slope + error)


@dataclass(frozen=True, slots=True)
class _Line:
    """A Theil–Sen line: its value at `middle`, its slope, how far the times spread, and what is left of each value."""

    middle: float
    value: float
    slope: float
    spread: float
    residuals: Floats

    @classmethod
    def through(cls, at: Floats, values: Floats) -> _Line:
        slope, _value = theil_sen(at, values)
        middle = float(at.mean())
        x = at - middle
        value = float(np.median(values - slope * x))
        return cls(middle, value, slope, float(np.linalg.norm(x)), values - value - slope * x)

    @property
    def free(self) -> int:
        return self.residuals.size - 2

    @property
    def deviation(self) -> float:
        """With what stands out."""
        exact = _EXACT * max(abs(self.value), 1.0)
        return max(float(np.linalg.norm(self.residuals)) / math.sqrt(self.free), exact)

    @property
    def slope_error(self) -> float:
        return self.deviation / self.spread

    def at(self, at: float) -> float:
        return self.value + self.slope * (at - self.middle)

    def error(self, at: float) -> float:
        """The standard error of `at`."""
        return self.deviation * math.hypot(1 / math.sqrt(self.residuals.size), (at - self.middle) / self.spread)
