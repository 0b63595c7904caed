"""What a chart is: curves, limits and marks over the one time axis of the page.

A chart is whole in the page: its curves are SVG paths, its numbers text. Colours are CSS variables, so that the
page's theme decides.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from perfsuite.model.units import number
from perfsuite.report.figures import clock
from perfsuite.report.page.plot import HEIGHT, Scale
from perfsuite.report.page.series import Band, Course

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
