"""How the response times are spread: bars on a logarithmic axis, and how many requests were answered within a time."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate

from perfsuite.model import Summary, TimeBin
from perfsuite.report.figures import exact, percent, rounded, with_unit
from perfsuite.report.page.charts import Scale, Tick, bars, linear, ticks_of
from perfsuite.report.page.load_charts import Limit
from perfsuite.report.page.tables import Cell, Column, Table

_STEPS_TO_TEN = 20
_ROUND = (1.0, 2.0, 5.0)
_FEWEST_BINS = 20
"""Fewer are drawn with empty ones around them: a bar as wide as the page would say more than it knows."""
_MOST_LINES = 10
_RIGHT_FROM = 60.0
_LETTER_PERCENT, _NARROW_LETTER_PERCENT = 1.0, 2.6
"""What a letter of a line's name takes of the width, on a wide page and on one of 390 px."""
_COLUMNS = (
    Column("Within", hint="response time below this"),
    Column("Requests"),
    Column("Share", hint="requests answered within that time, among all"),
    Column("Failed", hint="those of them that failed"),
)


@dataclass(frozen=True, slots=True)
class Line:
    """An upright line in the bars: a percentile or a limit. `at`: per cent from the left; `level`: to keep names apart.

    `narrow_level`: the same on a narrow page, where the limits have no names.
    `right`: its name stands to the left of it, since there is no room to its right.
    """

    text: str
    at: float
    kind: str
    level: int
    narrow_level: int
    right: bool


@dataclass(frozen=True, slots=True)
class Spread:
    """The bars of the requests that succeeded and, on top of them, of those that failed, in a box `width` wide.

    `ticks` and `rows` are those of the two axes; `table` tells the same for who cannot see it.
    """

    width: int
    ok: str
    failed: str
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]
    lines: tuple[Line, ...]
    said: str
    table: Table

    @property
    def levels(self) -> int:
        """How many rows of names the lines need."""
        return max((line.level for line in self.lines), default=-1) + 1

    @property
    def narrow_levels(self) -> int:
        """The same on a narrow page."""
        return max((line.narrow_level for line in self.lines), default=-1) + 1


def spread_of(summary: Summary, limits: Sequence[Limit] = ()) -> Spread | None:
    """The spread over the steady state; None where it had no request."""
    bins = summary.distribution
    whole = sum(each.requests for each in bins)
    if not whole:
        return None
    before = max(_FEWEST_BINS - len(bins), 0) // 2
    width = max(len(bins), _FEWEST_BINS)
    shares = [100.0 * each.requests / whole for each in bins]
    scale = linear(max(shares))
    axis = _Axis(_place(bins[0].low_ms) - before, width)
    return Spread(
        width=width,
        ok=_bars([0.0] * len(bins), [100.0 * each.ok / whole for each in bins], before, scale),
        failed=_bars([100.0 * each.ok / whole for each in bins], shares, before, scale) if any_failed(bins) else "",
        columns=tuple(axis.ticks()),
        rows=ticks_of(scale, [f"{tick:g} %" for tick in scale.ticks]),
        lines=tuple(_lines(summary, limits, axis)),
        said=_said(summary, bins, whole),
        table=_within(bins, whole),
    )


def any_failed(bins: Iterable[TimeBin]) -> bool:
    """True where any request failed."""
    return any(each.failed for each in bins)


def _place(time_ms: float) -> float:
    """Steps of 12 % from 1 ms on: what a bin is wide."""
    return math.log10(max(time_ms, 0.001)) * _STEPS_TO_TEN


@dataclass(frozen=True, slots=True)
class _Axis:
    """From `first`, in steps from 1 ms on, over `width` steps."""

    first: float
    width: int

    def at(self, time_ms: float) -> float:
        return 100.0 * (_place(time_ms) - self.first) / self.width

    def ticks(self) -> Iterable[Tick]:
        times = [step * 10.0**power for power in range(-3, 8) for step in _ROUND]
        seen = [time_ms for time_ms in times if -0.5 <= self.at(time_ms) <= 100.5]
        return (Tick(self.at(time_ms), _tick_text(time_ms, first=time_ms == seen[0])) for time_ms in seen)


def _tick_text(time_ms: float, *, first: bool) -> str:
    """With its unit at the first one, at powers of ten, and for seconds: ticks stand near each other."""
    power = time_ms in (0.001, 0.01, 0.1, 1.0, 10.0, 100.0)
    return _time_text(time_ms) if first or power or time_ms >= 1000 else f"{time_ms:g}"


def _time_text(time_ms: float) -> str:
    return f"{time_ms / 1000:g} s" if time_ms >= 1000 else f"{time_ms:g} ms"


def _bars(lower: Sequence[float], upper: Sequence[float], before: int, scale: Scale) -> str:
    """Bars between two heights, each a little narrower than its bin."""
    edges = [float(before + place) for place in range(len(upper) + 1)]
    if not any(lower):
        return bars(upper, edges, scale)
    return "".join(
        f"M{edge:g} {scale.y(low):.2f}V{scale.y(high):.2f}h1V{scale.y(low):.2f}Z"
        for low, high, edge in zip(lower, upper, edges, strict=False)
        if high > low
    )


def _lines(summary: Summary, limits: Sequence[Limit], axis: _Axis) -> Iterable[Line]:
    """The average and percentiles that are known, and limits that lie within the axis."""
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
        yield Line(text, at, kind, wide.level(at, len(text), right=right), narrow_level, right)


class _Names:
    """Rows of names above the bars, filled from the left. `letter`: per cent of the width that a letter takes."""

    def __init__(self, letter: float) -> None:
        self._letter = letter
        self._taken: list[float] = []

    def level(self, at: float, letters: int, *, right: bool) -> int:
        """The lowest row with room for a name at one side of its line, which is then taken."""
        length = (letters + 1) * self._letter
        begin, end = (at - length, at) if right else (at, at + length)
        level = next((place for place, taken in enumerate(self._taken) if taken <= begin), len(self._taken))
        self._taken[level : level + 1] = [end]
        return level


def _within(bins: Sequence[TimeBin], whole: int) -> Table:
    """How many requests were answered within round times: from the first that any was, to the first that all were."""
    requests = list(accumulate(each.requests for each in bins))
    failed = list(accumulate(each.failed for each in bins))
    ends = [place for place, each in enumerate(bins) if _is_round(each.high_ms)]
    if not ends or requests[ends[-1]] < whole:
        ends.append(len(bins) - 1)
    told = [place for place in ends if requests[place]][-_MOST_LINES:]
    first_whole = next(place for place in told if requests[place] == whole)
    rows = tuple(
        (
            Cell(_time_text(bins[place].high_ms), exact(rounded("ms", bins[place].high_ms))),
            Cell.measured("requests", requests[place]),
            Cell.measured("share_rate", requests[place] / whole, percent(requests[place] / whole)),
            Cell.measured("failures", failed[place]),
        )
        for place in told
        if place <= first_whole
    )
    return Table("within", "Answered within", "Over the steady state, all operations.", _COLUMNS, rows)


def _is_round(time_ms: float) -> bool:
    power = math.floor(math.log10(time_ms) + 1e-9)
    return round(time_ms / 10.0**power, 6) in _ROUND


def _said(summary: Summary, bins: Sequence[TimeBin], whole: int) -> str:
    """The picture in words."""
    totals = summary.totals
    figures = (("half", totals.p50_ms), ("95 %", totals.p95_ms), ("99 %", totals.p99_ms))
    told = [f"{share} within {with_unit('p50_ms', value)}" for share, value in figures if value is not None]
    ends = f"{whole:,} requests took from {_time_text(bins[0].low_ms)} to {_time_text(bins[-1].high_ms)}"
    return f"{ends}{': ' if told else ''}{', '.join(told)}."
