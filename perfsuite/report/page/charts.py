"""Charts: scales with ticks, curves as SVG paths, and the records that the page's template draws.

A curve is drawn in a box as wide as the run has seconds and 100 high, which the page stretches over the plot: a second
has the same position in every chart, and drawing needs no measuring. Numbers are text and colours are CSS variables, so
a chart follows the theme of the page.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from perfsuite.format import setting
from perfsuite.timeseries import Point

HEIGHT = 100.0
MOST_ZOOMS = 12
Values = tuple[float | None, ...]
"""Values by bin; None: unknown."""

_STEPS = (1.0, 2.0, 2.5, 5.0)
_WHOLE_STEPS = (1.0, 2.0, 5.0)
_SMALLEST_SPAN = 0.2
"""A scale that does not begin at zero spans at least this share of its highest value, so that noise stays small."""


@dataclass(frozen=True, slots=True)
class Scale:
    """An upright axis from `low` to `high`. `ticks`: values with a grid line and a number."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def y(self, value: float) -> float:
        """Distance of a value from the top of the box; values beyond the scale lie at its end."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return HEIGHT * (high - at) / (high - low)


def linear(
    highest: float, lowest: float = 0.0, *, most: int = 4, whole: bool = False, ceiling: float = math.inf
) -> Scale:
    """A scale with round ends and at most `most` steps that holds both values; from zero unless `lowest` is above.

    `whole`: ticks are whole numbers. `ceiling`: the largest value that the figure can have.
    """
    if lowest > 0:
        spare = max(highest * _SMALLEST_SPAN - (highest - lowest), 0.0)
        above = min(spare / 2, max(ceiling - highest, 0.0))
        highest, lowest = highest + above, max(lowest - (spare - above), 0.0)
    if highest <= lowest:
        highest = lowest + 1.0
    step = _step((highest - lowest) / most, whole=whole)
    while math.ceil(highest / step - 1e-9) - math.floor(lowest / step + 1e-9) > most:
        step = _step(step * 1.01, whole=whole)
    first, last = math.floor(lowest / step + 1e-9), math.ceil(highest / step - 1e-9)
    ticks = tuple(round(number * step, 9) for number in range(first, last + 1))
    return Scale(ticks[0], ticks[-1], ticks)


def _step(least: float, *, whole: bool) -> float:
    """The smallest round step that is at least `least`."""
    if whole and least <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    known = (step * power * tens for tens in (1.0, 10.0) for step in (_WHOLE_STEPS if whole else _STEPS))
    return next((step for step in known if step >= least * (1 - 1e-9)), 10.0 * power)


def logarithmic(lowest: float, highest: float) -> Scale:
    """A scale between values of 1, 2 or 5 times a power of ten; ticks at powers of ten if there are three or more."""
    steps = [step * 10.0**power for power in range(-3, 9) for step in (1, 2, 5)]
    low = max((step for step in steps if step <= lowest), default=steps[0])
    high = min((step for step in steps if step > max(highest, low)), default=steps[-1])
    powers = tuple(10.0**power for power in range(-3, 9) if low <= 10.0**power <= high)
    return Scale(low, high, powers if len(powers) > 2 else tuple(step for step in steps if low <= step <= high), True)


def line(points: Iterable[Point], scale: Scale) -> str:
    """Lines through the points, broken at gaps; a single point between gaps is a line without length."""
    return "".join(
        f"M{'L'.join(stretch)}" if len(stretch) > 1 else f"M{stretch[0]}h0" for stretch in _stretches(points, scale)
    )


def dots(points: Iterable[Point], scale: Scale) -> str:
    """The single points between gaps, to be drawn wider so that they are visible."""
    return "".join(f"M{stretch[0]}h0" for stretch in _stretches(points, scale) if len(stretch) == 1)


def _stretches(points: Iterable[Point], scale: Scale) -> Iterator[list[str]]:
    """The positions of known points, split at the gaps."""
    for known, stretch in groupby(points, key=lambda point: point[1] is not None):
        if known:
            yield [f"{_number(x)} {_number(scale.y(value))}" for x, value in stretch if value is not None]


def steps(edges: Sequence[float], lower: Sequence[float], upper: Sequence[float], scale: Scale) -> str:
    """The area between two step functions. `edges`: the second at which each step begins, and the end of the last."""
    tops = [f"V{_number(scale.y(high))}H{_number(end)}" for high, end in zip(upper, edges[1:], strict=True)]
    pairs = list(zip(lower, edges[:-1], strict=True))
    bottoms = [f"V{_number(scale.y(low))}H{_number(begin)}" for low, begin in reversed(pairs)]
    return f"M{_number(edges[0])} {_number(scale.y(lower[0]))}{''.join(tops)}{''.join(bottoms)}Z"


def bars(values: Sequence[float], edges: Sequence[float], scale: Scale) -> str:
    """A bar from zero for each value other than zero, between its two edges."""
    foot = _number(scale.y(0.0))
    return "".join(
        f"M{_number(begin)} {foot}V{_number(scale.y(value))}H{_number(end)}V{foot}Z"
        for value, begin, end in zip(values, edges[:-1], edges[1:], strict=True)
        if value
    )


def _number(value: float) -> str:
    """With at most two decimals: no screen shows a smaller step."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


@dataclass(frozen=True, slots=True)
class Tick:
    """A text beside an axis. `at`: per cent of the plot from its left or its top."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Period:
    """A period of the run, from `start` to `end` in seconds since the start. `shaded`: not part of the steady state."""

    name: str
    start: int
    end: int
    shaded: bool = False


@dataclass(frozen=True, slots=True)
class TimeAxis:
    """The time axis that all charts share. `names`: of the periods that are wide enough for their name."""

    length_s: int
    ticks: tuple[Tick, ...]
    periods: tuple[Period, ...]
    names: tuple[Tick, ...]

    @property
    def zooms(self) -> tuple[Period, ...]:
        """The periods to zoom to: none where they are too many for buttons."""
        found = tuple(period for period in self.periods if not period.shaded)
        return found if len(found) <= MOST_ZOOMS else ()

    def at(self, second: float) -> float:
        """Position of a second since the start, in per cent of the width."""
        return 100.0 * second / self.length_s if self.length_s else 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """The time of a finding. `level`: its row; marks close to each other use different rows."""

    number: int
    at_s: int
    title: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Curve:
    """One line or area. `key`: its metric; `path`: its SVG; `dots`: single points between gaps.

    `median` and `worst`: in words, "" if the tables have them. `gaps`: how long there was no value, in words.
    `lows` and `highs`: its values by bin for the pointer; `highs` is empty if they equal `lows`.
    """

    key: str
    label: str
    colour: str
    path: str
    dots: str = ""
    area: bool = False
    median: str = ""
    worst: str = ""
    gaps: str = ""
    hint: str = ""
    lows: Values = ()
    highs: Values = ()


@dataclass(frozen=True, slots=True)
class LimitLine:
    """A limit across the plot at `y` of the box; None: above the scale, so only the legend names it."""

    label: str
    colour: str
    y: float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `unit`: of its curves, as the metric catalogue names it; `bin_s`: seconds per value.

    `ticks`: of the upright axis. `tall`: a chart of the load. `timed`: with times below. `worst`: "max" or "min".
    """

    name: str
    title: str
    unit: str
    note: str
    curves: tuple[Curve, ...]
    ticks: tuple[Tick, ...]
    bin_s: int = 1
    limits: tuple[LimitLine, ...] = ()
    marks: tuple[Mark, ...] = ()
    tall: bool = True
    timed: bool = True
    worst: str = "max"

    @property
    def description(self) -> str:
        """The chart in words, for screen readers."""
        curves = (
            f"{each.label}: median {each.median}, {self.worst} {each.worst}." for each in self.curves if each.median
        )
        return " ".join(part for part in (f"{self.title}.", self.note, *curves) if part)


def ticks_of(scale: Scale, texts: Iterable[str] = ()) -> tuple[Tick, ...]:
    """The ticks of an upright axis with their numbers, or with `texts`."""
    shown = tuple(texts) or tuple(map(setting, scale.ticks))
    return tuple(Tick(scale.y(value) / HEIGHT * 100, text) for value, text in zip(scale.ticks, shown, strict=True))
