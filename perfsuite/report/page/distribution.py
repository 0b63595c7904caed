"""Distribution of the response times: bars on a logarithmic axis, and the share of requests within round times."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from perfsuite.format import figure, number, percent, setting
from perfsuite.model import Summary, TimeBin
from perfsuite.report.page.charts import Scale, Tick, bars, linear, ticks_of
from perfsuite.report.page.load_charts import TimeLimit
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.text import exact, rounded

_STEPS_PER_DECADE = 20
_ROUND = (1.0, 2.0, 5.0)
_MIN_BINS = 20
"""Fewer bins are drawn with empty ones around them, so that a bar is never as wide as the page."""
_MAX_ROWS = 10
_RIGHT_FROM = 60.0
_LETTER_PERCENT, _NARROW_LETTER_PERCENT = 1.0, 2.6
"""Width of a letter of a marker's name, on a wide page and on one of 390 px."""
_COLUMNS = (
    Column("Within", hint="response time up to this"),
    Column("Requests"),
    Column("Share", hint="requests within that time, of all requests"),
    Column("Failed", hint="failed requests within that time"),
)


@dataclass(frozen=True, slots=True)
class Marker:
    """An upright line: average, percentile or limit. `at`: per cent from the left; `level`: the row of its name.

    `narrow_level`: the same on a narrow page, where limits have no names. `right`: the name is to its left, because
    there is no space to its right.
    """

    text: str
    at: float
    kind: str
    level: int
    narrow_level: int
    right: bool


@dataclass(frozen=True, slots=True)
class Distribution:
    """Bars of successful requests and, on top of them, of failed ones, in a box `width` wide.

    `columns` and `rows`: the ticks of the two axes. `description`: the chart in words; `table`: the same in figures.
    """

    width: int
    ok: str
    failed: str
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]
    markers: tuple[Marker, ...]
    description: str
    table: PageTable

    @property
    def levels(self) -> int:
        """Rows that the names of the markers need."""
        return max((marker.level for marker in self.markers), default=-1) + 1

    @property
    def narrow_levels(self) -> int:
        """The same on a narrow page."""
        return max((marker.narrow_level for marker in self.markers), default=-1) + 1


def distribution_of(summary: Summary, limits: Sequence[TimeLimit] = ()) -> Distribution | None:
    """The distribution in the steady state; None without requests."""
    bins = summary.distribution
    whole = sum(each.requests for each in bins)
    if not whole:
        return None
    before = max(_MIN_BINS - len(bins), 0) // 2
    width = max(len(bins), _MIN_BINS)
    ok = [100.0 * each.ok / whole for each in bins]
    shares = [100.0 * each.requests / whole for each in bins]
    scale = linear(max(shares))
    axis = _LogAxis(_position(bins[0].low_ms) - before, width)
    return Distribution(
        width=width,
        ok=_bars([0.0] * len(bins), ok, before, scale),
        failed=_bars(ok, shares, before, scale) if any(each.failed for each in bins) else "",
        columns=tuple(axis.ticks()),
        rows=ticks_of(scale, [f"{setting(tick)} %" for tick in scale.ticks]),
        markers=tuple(_markers(summary, limits, axis)),
        description=_description(summary, bins, whole),
        table=_cumulative(bins, whole),
    )


def _position(time_ms: float) -> float:
    """Position in steps of 12 % (the width of a bin) from 1 ms on."""
    return math.log10(max(time_ms, 0.001)) * _STEPS_PER_DECADE


@dataclass(frozen=True, slots=True)
class _LogAxis:
    """The logarithmic axis: `width` steps from step `first` on."""

    first: float
    width: int

    def at(self, time_ms: float) -> float:
        return 100.0 * (_position(time_ms) - self.first) / self.width

    def ticks(self) -> Iterable[Tick]:
        times = [step * 10.0**power for power in range(-3, 8) for step in _ROUND]
        seen = [time_ms for time_ms in times if -0.5 <= self.at(time_ms) <= 100.5]
        return (Tick(self.at(time_ms), _tick_text(time_ms, first=time_ms == seen[0])) for time_ms in seen)


def _tick_text(time_ms: float, *, first: bool) -> str:
    """With its unit only for the first tick, powers of ten and seconds, because ticks are close to each other."""
    power = time_ms in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
    return _time_text(time_ms) if first or power or time_ms >= 1000 else setting(time_ms)


def _time_text(time_ms: float) -> str:
    return f"{setting(time_ms / 1000)} s" if time_ms >= 1000 else f"{setting(time_ms)} ms"


def _bars(lower: Sequence[float], upper: Sequence[float], before: int, scale: Scale) -> str:
    """Bars between two heights."""
    edges = [float(before + place) for place in range(len(upper) + 1)]
    if not any(lower):
        return bars(upper, edges, scale)
    return "".join(
        f"M{edge:g} {scale.y(low):.2f}V{scale.y(high):.2f}h1V{scale.y(low):.2f}Z"
        for low, high, edge in zip(lower, upper, edges, strict=False)
        if high > low
    )


def _markers(summary: Summary, limits: Sequence[TimeLimit], axis: _LogAxis) -> Iterable[Marker]:
    """The known average and percentiles, and the limits within the axis."""
    totals = summary.totals
    known = [
        ("average", totals.avg_ms, "avg"),
        ("p50", totals.p50_ms, "p50"),
        ("p95", totals.p95_ms, "p95"),
        ("p99", totals.p99_ms, "p99"),
        *((limit.label, limit.ms, "limit") for limit in limits),
    ]
    found = sorted((axis.at(time_ms), text, kind) for text, time_ms, kind in known if time_ms is not None)
    wide, narrow = _Names(_LETTER_PERCENT), _Names(_NARROW_LETTER_PERCENT)
    for at, text, kind in found:
        if not 0 <= at <= 100:
            continue
        right = at > _RIGHT_FROM
        narrow_level = 0 if kind == "limit" else narrow.level(at, len(text), right=right)
        yield Marker(text, at, kind, wide.level(at, len(text), right=right), narrow_level, right)


class _Names:
    """Rows of names above the bars, filled from the left. `letter`: width of a letter in per cent."""

    def __init__(self, letter: float) -> None:
        self._letter = letter
        self._taken: list[float] = []

    def level(self, at: float, letters: int, *, right: bool) -> int:
        """Take the lowest row with space for the name beside its marker."""
        length = (letters + 1) * self._letter
        begin, end = (at - length, at) if right else (at, at + length)
        level = next((place for place, taken in enumerate(self._taken) if taken <= begin), len(self._taken))
        self._taken[level : level + 1] = [end]
        return level


def _cumulative(bins: Sequence[TimeBin], whole: int) -> PageTable:
    """Requests within round times, from the first time with any request to the first with all of them."""
    requests = list(accumulate(each.requests for each in bins))
    failed = list(accumulate(each.failed for each in bins))
    ends = [place for place, each in enumerate(bins) if _is_round(each.high_ms)]
    if not ends or requests[ends[-1]] < whole:
        ends.append(len(bins) - 1)
    shown = [place for place in ends if requests[place]][-_MAX_ROWS:]
    first_whole = next(place for place in shown if requests[place] == whole)
    rows = tuple(
        (
            Cell(_time_text(bins[place].high_ms), exact(rounded("ms", bins[place].high_ms))),
            Cell.measured("requests", requests[place]),
            Cell.measured("share_rate", requests[place] / whole, percent(requests[place] / whole)),
            Cell.measured("failures", failed[place]),
        )
        for place in shown
        if place <= first_whole
    )
    return PageTable("within", "Requests by response time", "Steady state, all operations; cumulative.", _COLUMNS, rows)


def _is_round(time_ms: float) -> bool:
    power = math.floor(math.log10(time_ms) + 1e-9)
    return round(time_ms / 10.0**power, 6) in _ROUND


def _description(summary: Summary, bins: Sequence[TimeBin], whole: int) -> str:
    """The chart in words."""
    totals = summary.totals
    figures = (("half", totals.p50_ms), ("95 %", totals.p95_ms), ("99 %", totals.p99_ms))
    shares = [f"{share} within {figure('p50_ms', value)}" for share, value in figures if value is not None]
    ends = f"{number(whole)} requests took from {_time_text(bins[0].low_ms)} to {_time_text(bins[-1].high_ms)}"
    return f"{ends}{': ' if shares else ''}{', '.join(shares)}."
