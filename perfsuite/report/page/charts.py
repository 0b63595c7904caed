"""Charts as records, and their geometry: scales with ticks, curves as SVG paths."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

from perfsuite.model.units import number
from perfsuite.report.figures import clock
from perfsuite.report.page.series import Band, Course

HEIGHT = 100.0

Point = tuple[float, float | None]
"""Seconds since the start, and a value; None: a gap, so that the curve begins anew behind it."""

_STEPS = (1.0, 2.0, 2.5, 5.0)
_WHOLE_STEPS = (1.0, 2.0, 5.0)
_CLOSER_LOOK = 0.2
"""A scale that need not begin at zero still spans this share of its highest value, lest noise look like a storm."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Values from `low`, at the bottom, to `high`, at the top. `ticks`: where a line and a number stand."""

    low: float
    high: float
    ticks: tuple[float, ...]
    log: bool = False

    def y(self, value: float) -> float:
        """How far below the top of the box a value stands; what is beyond the scale stands at its end."""
        low, high, at = self.low, self.high, min(max(value, self.low), self.high)
        if self.log:
            low, high, at = math.log10(low), math.log10(high), math.log10(at)
        return HEIGHT * (high - at) / (high - low)


def linear(
    highest: float, lowest: float = 0.0, *, most: int = 4, whole: bool = False, ceiling: float = math.inf
) -> Scale:
    """A scale with round ends and at most `most` steps that holds both values; from zero unless `lowest` is above.

    `whole`: counts, which have no ticks between whole numbers. `ceiling`: what no value can be above.
    """
    if lowest > 0:
        spare = max(highest * _CLOSER_LOOK - (highest - lowest), 0.0)
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
    """The next round step from `least` on."""
    if whole and least <= 1:
        return 1.0
    power = 10.0 ** math.floor(math.log10(least))
    known = (step * power * tens for tens in (1.0, 10.0) for step in (_WHOLE_STEPS if whole else _STEPS))
    return next((step for step in known if step >= least * (1 - 1e-9)), 10.0 * power)


def logarithmic(lowest: float, highest: float) -> Scale:
    """A scale from the next 1, 2 or 5 times a power of ten below to the one above; ticks at powers where these do."""
    steps = [step * 10.0**power for power in range(-3, 9) for step in (1, 2, 5)]
    low = max((step for step in steps if step <= lowest), default=steps[0])
    high = min((step for step in steps if step > max(highest, low)), default=steps[-1])
    powers = tuple(10.0**power for power in range(-3, 9) if low <= 10.0**power <= high)
    return Scale(low, high, powers if len(powers) > 2 else tuple(step for step in steps if low <= step <= high), True)


def line(points: Iterable[Point], scale: Scale) -> str:
    """Lines through the points that follow each other without a gap; what stands alone is a line without a length."""
    return "".join(
        f"M{'L'.join(stretch)}" if len(stretch) > 1 else f"M{stretch[0]}h0" for stretch in _stretches(points, scale)
    )


def dots(points: Iterable[Point], scale: Scale) -> str:
    """Only what stands alone, to be drawn with a broader pen: a line without a length is hardly seen."""
    return "".join(f"M{stretch[0]}h0" for stretch in _stretches(points, scale) if len(stretch) == 1)


def _stretches(points: Iterable[Point], scale: Scale) -> Iterator[list[str]]:
    """The places of what is known, cut at the gaps."""
    for known, stretch in groupby(points, key=lambda point: point[1] is not None):
        if known:
            yield [f"{_number(x)} {_number(scale.y(value))}" for x, value in stretch if value is not None]


def steps(edges: Sequence[float], lower: Sequence[float], upper: Sequence[float], scale: Scale) -> str:
    """The area between two staircases: `edges` are the seconds at which steps begin, and the end of the last one."""
    tops = [f"V{_number(scale.y(high))}H{_number(end)}" for high, end in zip(upper, edges[1:], strict=True)]
    pairs = list(zip(lower, edges[:-1], strict=True))
    bottoms = [f"V{_number(scale.y(low))}H{_number(begin)}" for low, begin in reversed(pairs)]
    return f"M{_number(edges[0])} {_number(scale.y(lower[0]))}{''.join(tops)}{''.join(bottoms)}Z"


def bars(values: Sequence[float], edges: Sequence[float], scale: Scale) -> str:
    """A bar from zero for each value that is not zero, as wide as its span."""
    foot = _number(scale.y(0.0))
    return "".join(
        f"M{_number(begin)} {foot}V{_number(scale.y(value))}H{_number(end)}V{foot}Z"
        for value, begin, end in zip(values, edges[:-1], edges[1:], strict=True)
        if value
    )


def _number(value: float) -> str:
    """With two decimals at most: a hundredth of the height is less than any screen shows."""
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_MOST_TICKS = 12
_NAMED_FROM = 0.09
"""Share of the run from which on a period's name fits into it."""

Told = tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class Tick:
    """A text beside an axis. `at`: per cent of the plot, from its left or its top."""

    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Axis:
    """The one time axis of all charts. `names`: of the periods that are wide enough to be named."""

    length_s: int
    ticks: tuple[Tick, ...]
    bands: tuple[Band, ...]
    names: tuple[Tick, ...]

    def at(self, second: float) -> float:
        """Where a second since the start stands, in per cent of the width."""
        return 100.0 * second / self.length_s if self.length_s else 0.0


@dataclass(frozen=True, slots=True)
class Mark:
    """A moment that a finding points at. `level`: below how many others, that stand near it, it has to stand."""

    number: int
    at_s: int
    title: str
    level: int = 0


@dataclass(frozen=True, slots=True)
class Curve:
    """One line or area. `key`: the metric or figure; `path`: its SVG, `dots`: that of what stands alone between gaps.

    `gaps`: for how long it had no value, in words.
    `usual` and `worst`: its median and its highest, or its lowest where that is worse; "" where the tables tell more.
    `lows` and `highs`: its values by bin, for the pointer; `highs` is empty where they are the same.
    """

    key: str
    label: str
    colour: str
    path: str
    dots: str = ""
    area: bool = False
    usual: str = ""
    worst: str = ""
    gaps: str = ""
    hint: str = ""
    lows: Told = ()
    highs: Told = ()


@dataclass(frozen=True, slots=True)
class Rule:
    """A limit, drawn across the plot at `y` of the curves' box; None: far beyond the scale, so that it is only told."""

    label: str
    colour: str
    y: float | None


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart. `unit`: of all its curves, as the catalogue names it; `bin_s`: seconds that a value covers.

    `ticks`: of the upright axis. `tall`: a chart of the load. `timed`: the times stand below it. `worst`: what the
    curves' worst values are, "most" or "least".
    """

    name: str
    title: str
    unit: str
    note: str
    curves: tuple[Curve, ...]
    ticks: tuple[Tick, ...]
    bin_s: int = 1
    rules: tuple[Rule, ...] = ()
    marks: tuple[Mark, ...] = ()
    tall: bool = True
    timed: bool = True
    worst: str = "most"

    @property
    def said(self) -> str:
        """The chart in words, for those who cannot see it."""
        curves = (
            f"{curve.label}: median {curve.usual}, {self.worst} {curve.worst}." for curve in self.curves if curve.usual
        )
        return " ".join(part for part in (f"{self.title}.", self.note, *curves) if part)


def axis_of(course: Course) -> Axis:
    """The time axis of a run."""
    length = course.length_s
    step = next((step for step in _TICKS_S if length <= step * _MOST_TICKS), _TICKS_S[-1])
    ticks = tuple(Tick(100.0 * second / length, clock(second)) for second in range(0, length + 1, step) if length)
    wide = [band for band in course.bands if band.end - band.start >= _NAMED_FROM * length]
    return Axis(length, ticks, course.bands, tuple(Tick(100.0 * band.start / length, band.name) for band in wide))


def ticks_of(scale: Scale, texts: Iterable[str] = ()) -> tuple[Tick, ...]:
    """The ticks of an upright axis, with their numbers, or with `texts`."""
    shown = tuple(texts) or tuple(map(number, scale.ticks))
    return tuple(Tick(scale.y(value) / HEIGHT * 100, text) for value, text in zip(scale.ticks, shown, strict=True))
