"""The section of a search for the most load: answer, margin of each target over the load, and the loads tried."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from perfsuite.format import CI, duration, number, percent, plural
from perfsuite.messages.capacity import CapacityText
from perfsuite.model import CapacityAnswer, CapacityKind, CapacityReport, RunReport, SearchBy
from perfsuite.model.finding import FindingKind
from perfsuite.report.capacity import (
    CAPACITY_TITLE,
    FAIL,
    LEVEL_COLUMNS,
    PASS,
    UNDECIDED,
    LevelRow,
    capacity_remarks,
    level_cells,
    level_rows,
    load_text,
    range_text,
    shares_of,
    target_text,
    unit_of,
)
from perfsuite.report.page.charts import HEIGHT, Scale, Tick, dots, line, linear, ticks_of
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.text import clean, exact, heading, rounded

MOST_LINES = 6
_HIGHEST_SHARE = 2.0
_SHARES = linear(_HIGHEST_SHARE)
_NEAR = 0.18
"""The second chart shows the loads within this share of the answer."""
_FEWEST_NEAR = 4
_MOST_TICKS = 6
_RIGHT_FROM = 60.0
GENERATOR = "generator"
_KIND_NAMES = {CapacityKind.CLIFF: "cliff", CapacityKind.INTERVAL: CI}


@dataclass(frozen=True, slots=True)
class LevelMark:
    """A load that was tried, at its worst target: per cent from the left and the top of the plot.

    `kind`: pass, fail, undecided, or generator, as a shape. `title`: in words.
    """

    x: float
    y: float
    kind: str
    title: str


@dataclass(frozen=True, slots=True)
class MarginLine:
    """A target's share of its limit over the load, as SVG paths; `dots`: single points between gaps."""

    label: str
    colour: str
    path: str
    dots: str


@dataclass(frozen=True, slots=True)
class LoadMark:
    """An upright line, or a band `width` wide, with its name; in per cent of the plot. `right`: named to its left."""

    text: str
    x: float
    width: float
    right: bool


@dataclass(frozen=True, slots=True)
class MarginChart:
    """Margins over the loads from `columns[0]` to `columns[-1]`, in a box 100 wide and 100 high."""

    name: str
    title: str
    columns: tuple[Tick, ...]
    lines: tuple[MarginLine, ...]
    marks: tuple[LevelMark, ...]
    band: LoadMark | None
    saturation: LoadMark | None
    description: str


@dataclass(frozen=True, slots=True)
class CapacitySection:
    """The whole section. `rows`: ticks of the upright axis, `limit_y`: where all limits lie on it. `more`: how many
    targets have no line."""

    title: str
    facts: tuple[tuple[str, str], ...]
    remarks: tuple[str, ...]
    unit: str
    charts: tuple[MarginChart, ...]
    rows: tuple[Tick, ...]
    limit_y: float
    kinds: tuple[tuple[str, str], ...]
    more: int
    table: PageTable


def capacity_section(report: RunReport) -> CapacitySection | None:
    """None for a run that is no search."""
    found, plan = report.capacity, report.plan.capacity
    if found is None or plan is None:
        return None
    rows = level_rows(found)
    drawn = _drawn(found)
    return CapacitySection(
        title=CAPACITY_TITLE,
        facts=tuple(_facts(report, found.answer, plan.by)),
        remarks=tuple(f"{clean(line)}." for line in (*_of_resources(report), *capacity_remarks(found, plan.by))),
        unit=unit_of(plan.by),
        charts=tuple(_charts(found, rows, drawn, plan.by)),
        rows=ticks_of(_SHARES, [percent(share) for share in _SHARES.ticks]),
        limit_y=_SHARES.y(1.0),
        kinds=_kinds(rows),
        more=len(found.targets) - len(drawn),
        table=_table(rows, plan.by),
    )


def _of_resources(report: RunReport) -> Iterator[str]:
    """Which resource left its normal range first, or that none did."""
    kinds = (FindingKind.FIRST_RESOURCE, FindingKind.WITHIN_RANGE)
    yield from (finding.headline for finding in report.findings if finding.kind in kinds)


def _facts(report: RunReport, answer: CapacityAnswer, by: SearchBy) -> Iterator[tuple[str, str]]:
    """What is known of: interval, width, last pass, first fail."""
    if answer.low is not None and answer.high is not None:
        name = "Between" if answer.kind is CapacityKind.CLIFF else CI
        yield name, f"{range_text(answer.low, answer.high, by)} {unit_of(by)}"
    if answer.width is not None:
        yield "Width", percent(answer.width)
    if answer.last_pass is not None:
        yield "Last pass", load_text(answer.last_pass, by)
    if answer.first_fail is not None:
        yield "First fail", load_text(answer.first_fail, by)
    seconds = sum(level.seconds for level in answer.levels)
    yield "Tried", f"{plural(len(answer.levels), 'load')} in {duration(seconds)}"
    whole = report.summary.whole_run
    yield "Requests", f"{number(whole.requests)}, {number(whole.failures)} failed"


def _kinds(rows: Sequence[LevelRow]) -> tuple[tuple[str, str], ...]:
    """The shapes that occur, with their names."""
    names = ((PASS, "passed"), (FAIL, "failed"), (UNDECIDED, "undecided"), (GENERATOR, "load generator near its limit"))
    used = {_kind(row) for row in rows}
    return tuple((kind, name) for kind, name in names if kind in used)


def _kind(row: LevelRow) -> str:
    limited = any(note.code is CapacityText.GENERATOR_LIMITED for note in row.notes)
    return GENERATOR if limited else row.outcome


# ── charts


def _drawn(found: CapacityReport) -> tuple[int, ...]:
    """Places of the targets with a line: those nearest their limits at the load nearest the answer, in their order."""
    levels, answer = found.answer.levels, found.answer
    if not levels:
        return ()
    centre = next(
        (load for load in (answer.estimate, answer.low, answer.first_fail) if load is not None), levels[-1].load
    )
    near = sorted(levels, key=lambda level: abs(level.load - centre))
    shares = [
        next((share for level in near if (share := shares_of(level, found)[place]) is not None), -1.0)
        for place in range(len(found.targets))
    ]
    known = [place for place, share in enumerate(shares) if share >= 0]
    return tuple(sorted(sorted(known, key=lambda place: -shares[place])[:MOST_LINES]))


def _charts(
    found: CapacityReport, rows: Sequence[LevelRow], drawn: Sequence[int], by: SearchBy
) -> Iterator[MarginChart]:
    """All loads; and those near the answer where they are too close to each other in the first chart."""
    if not rows:
        return
    answer = found.answer
    highest = max(rows[-1].load, answer.high or 0.0)
    yield _Plot(found, rows, drawn, by).chart("margins", "All loads", linear(highest, most=_MOST_TICKS))
    ends = [end for end in (answer.low, answer.high) if end is not None]
    if not ends:
        return
    low, high = ends[0] * (1 - _NEAR), ends[-1] * (1 + _NEAR)
    near = [row.load for row in rows if low <= row.load <= high]
    if len(near) >= _FEWEST_NEAR and len(near) < len(rows):
        scale = _around(min(near[0], *ends), max(near[-1], *ends))
        yield _Plot(found, rows, drawn, by).chart("margins-near", "Near the limit", scale)


def _around(low: float, high: float) -> Scale:
    """A scale whose ends are a little beyond these loads."""
    step = linear(high - low, most=_MOST_TICKS).ticks[1]
    ends = low - step / 2, high + step / 2
    ticks = tuple(number * step for number in range(int(ends[0] // step) + 1, int(ends[1] // step) + 1))
    return Scale(*ends, ticks)


@dataclass(frozen=True, slots=True)
class _Plot:
    """What the charts are made from."""

    found: CapacityReport
    rows: Sequence[LevelRow]
    drawn: Sequence[int]
    by: SearchBy

    def chart(self, name: str, title: str, scale: Scale) -> MarginChart:
        answer = self.found.answer
        saturation = answer.saturation
        return MarginChart(
            name=name,
            title=title,
            columns=tuple(Tick(_x(value, scale), number(value)) for value in scale.ticks),
            lines=tuple(self._line(place, colour, scale) for colour, place in enumerate(self.drawn, 1)),
            marks=tuple(self._mark(row, scale) for row in self.rows if scale.low <= row.load <= scale.high),
            band=_band(answer, scale),
            saturation=_upright("saturation", saturation, saturation, scale) if saturation is not None else None,
            description=self._description(title, scale),
        )

    def _line(self, place: int, colour: int, scale: Scale) -> MarginLine:
        """Through the loads that count. Drawn beyond the ends of the plot, which cuts it off."""
        points = [
            (_x(level.load, scale), shares_of(level, self.found)[place])
            for level in self.found.answer.levels
            if not level.generator_limited
        ]
        label = target_text(self.found.targets[place].target)
        return MarginLine(heading(label), f"--role-{colour}", line(points, _SHARES), dots(points, _SHARES))

    def _mark(self, row: LevelRow, scale: Scale) -> LevelMark:
        y = _SHARES.y(row.share or 0.0) / HEIGHT * 100
        return LevelMark(_x(row.load, scale), y, _kind(row), self._text(row))

    def _text(self, row: LevelRow) -> str:
        worst = f", {row.worst} {row.value}, limit {row.limit}" if row.worst else ""
        return "; ".join((f"{load_text(row.load, self.by)}: {row.outcome}{worst}", *row.notes))

    def _description(self, title: str, scale: Scale) -> str:
        """The chart in words: what each load in it did."""
        shown = [row for row in self.rows if scale.low <= row.load <= scale.high]
        levels = ". ".join(map(self._text, shown))
        return f"{title}: share of its limit that the worst target used. {levels}."


def _x(load: float, scale: Scale) -> float:
    return 100.0 * (load - scale.low) / (scale.high - scale.low)


def _band(answer: CapacityAnswer, scale: Scale) -> LoadMark | None:
    """The answer: from its low to its high end; a line where it has one end only."""
    if answer.low is None:
        return None
    if answer.high is None:
        return _upright("at least", answer.low, answer.low, scale)
    return _upright(_KIND_NAMES[answer.kind], answer.low, answer.high, scale)


def _upright(text: str, low: float, high: float, scale: Scale) -> LoadMark | None:
    """None where it lies outside."""
    if high < scale.low or low > scale.high:
        return None
    x, end = (min(max(_x(load, scale), 0.0), 100.0) for load in (low, high))
    return LoadMark(text, x, end - x, x > _RIGHT_FROM)


# ── the table


def _table(rows: Sequence[LevelRow], by: SearchBy) -> PageTable:
    columns = (
        Column(heading(unit_of(by))),
        *(Column(title, number=place < 3) for place, title in enumerate(LEVEL_COLUMNS)),
    )
    caption = (
        "Each load that was tried, all visits to it together. A load passes or fails only if its requests show it with"
        " 99 % confidence; else it is undecided. A percentile is judged by the share of requests over its limit."
    )
    return PageTable("levels", "Loads tried", caption, columns, tuple(_row(row) for row in rows))


def _row(row: LevelRow) -> tuple[Cell, ...]:
    exacts = (row.load, row.seconds, row.requests, row.rps)
    texts = level_cells(row)
    figures = [Cell(text, exact(rounded("", value))) for text, value in zip(texts, exacts, strict=False)]
    worst, value, limit, outcome, notes = texts[len(exacts) :]
    share = "" if row.share is None else exact(rounded("share_rate", row.share))
    return (
        *figures,
        Cell(worst),
        Cell(value, share),
        Cell(limit),
        Cell(outcome, alarm=row.outcome == FAIL),
        Cell(notes),
    )
