"""The levels of a search for the capacity, for a terminal: while it goes on, and in the summary."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.console import RenderableType
from rich.text import Text

from perfsuite.format import UNKNOWN, number, percent, plural
from perfsuite.messages.capacity import CapacityText
from perfsuite.model import Level, RunReport, SearchBy, Target, VisitRecord
from perfsuite.report.capacity import (
    FAIL,
    PASS,
    UNDECIDED,
    LevelRow,
    capacity_remarks,
    level_rows,
    target_text,
    unit_of,
)
from perfsuite.report.terminal.console import bullet, plain_table
from perfsuite.report.text import heading, shortened

_STYLES = {PASS: "green", FAIL: "red"}
_NAME_LENGTH, _LINE_NAME_LENGTH = 26, 21
_GENERATOR = "generator"
"""The outcome of a level at which that was near its limit."""


def level_parts(report: RunReport, most: int | None) -> Iterator[RenderableType]:
    """The table of the loads that were tried. `most`: only so many, those around the answer."""
    asked, found = report.plan.capacity, report.capacity
    if asked is None or found is None:
        return
    rows = level_rows(found)
    shown = rows if most is None else _around(rows, found.answer.estimate or found.answer.low, most)
    if not shown:
        return
    load = f">{heading(unit_of(asked.by))}"
    table = plain_table(load, ">Seconds", ">Requests/s", "Outcome", ">Of limit", "Worst target")
    for row in shown:
        table.add_row(
            number(row.load),
            number(row.seconds),
            number(row.rps),
            Text(_outcome(row), _STYLES.get(row.outcome, "yellow")),
            UNKNOWN if row.share is None else percent(row.share),
            Text(shortened(row.worst or UNKNOWN, _NAME_LENGTH), no_wrap=True),
        )
    yield table
    if len(shown) < len(rows):
        yield Text(f"and {plural(len(rows) - len(shown), 'more load')} in the report", "dim")


def remark_parts(report: RunReport) -> Iterator[RenderableType]:
    """What goes with the answer."""
    asked, found = report.plan.capacity, report.capacity
    if asked is not None and found is not None:
        yield from (bullet(remark, "dim") for remark in capacity_remarks(found, asked.by))


def visit_line(visit: VisitRecord, level: Level, targets: Sequence[Target], limits: Sequence[float]) -> str:
    """A visit in a line, while the search goes on. `limits`: of the means of `level`."""
    shares = [
        (mean / limit, target_text(target))
        for mean, target, limit in zip(level.means, targets, limits, strict=True)
        if mean is not None
    ]
    share, worst = max(shares, default=(None, UNKNOWN))
    outcome = _GENERATOR if level.generator_limited else PASS if level.passed else FAIL if level.failed else UNDECIDED
    cells = (
        number(visit.number),
        visit.phase.value.replace("_", " "),
        number(visit.load),
        number(level.requests / level.seconds if level.seconds else 0.0),
        outcome,
        percent(share),
        shortened(worst, _LINE_NAME_LENGTH),
    )
    return _line(cells)


def visit_header(by: SearchBy) -> str:
    """The titles above these lines."""
    return _line(("#", "Phase", heading(unit_of(by)), "Requests/s", "Outcome", "Of limit", "Worst target"))


_WIDTHS = (-2, 10, -9, -10, 9, -8, 0)
"""Of the columns; those of numbers, which are at the right, negative. With a name of 21 letters, 80 together."""


def _line(cells: Sequence[str]) -> str:
    padded = [
        cell.rjust(-width) if width < 0 else cell.ljust(width) for cell, width in zip(cells, _WIDTHS, strict=True)
    ]
    return f"{padded[0]} {'  '.join(padded[1:])}".rstrip()


def _outcome(row: LevelRow) -> str:
    limited = CapacityText.GENERATOR_LIMITED() in row.notes
    return _GENERATOR if limited else row.outcome


def _around(rows: Sequence[LevelRow], load: float | None, most: int) -> Sequence[LevelRow]:
    """The nearest ones, the lowest first."""
    nearest = sorted(rows, key=lambda row: abs(row.load - (load or 0.0)))[:most]
    return [row for row in rows if row in nearest]
