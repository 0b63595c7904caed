"""The table of what each resource did over a long run."""

from __future__ import annotations

from perfsuite.format import UNKNOWN, quantity
from perfsuite.model import RunReport
from perfsuite.model.stability import Stability, StabilityOutcome
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.stability import STABILITY_TITLE
from perfsuite.report.text import clean, exact, heading, rounded

_COLUMNS = (
    Column("Resource", number=False),
    Column("Outcome", number=False),
    Column("Growth/min", hint="Theil–Sen slope of the lowest value of each window, or of the mean for response times"),
    Column("90 % CI", hint="90 % confidence interval of the growth"),
    Column("Last good run", hint="growth/min in the last run of the scenario that passed"),
    Column("At the end", hint="highest values at the end of the run"),
    Column("Limit", hint="where it is used up"),
    Column("Detail", number=False),
)


def stability_table(report: RunReport) -> PageTable | None:
    """None for a run that was too short."""
    if not report.stability:
        return None
    caption = "Steady state, without its first 7 %. What comes and goes within a minute does not count as growth."
    return PageTable("stability", STABILITY_TITLE, caption, _COLUMNS, tuple(map(_row, report.stability)))


def _row(each: Stability) -> tuple[Cell, ...]:
    interval = UNKNOWN if each.interval is None else " to ".join(quantity(end, each.unit) for end in each.interval)
    return (
        Cell(heading(each.label)),
        Cell(each.outcome.value, alarm=each.outcome is StabilityOutcome.GROWS),
        _figure(each.per_minute, each.unit),
        Cell(interval),
        _before(each),
        _figure(each.level, each.unit),
        _figure(each.limit, each.unit) if each.limit is not None else Cell(UNKNOWN, title="no limit is known"),
        Cell(clean(each.reason)),
    )


def _before(each: Stability) -> Cell:
    if each.last_good is None:
        return Cell(UNKNOWN, title="no earlier run of the scenario passed, or its folder is gone")
    growth = each.last_good.per_minute
    return Cell(quantity(growth, each.unit), exact(rounded("", growth)), title=clean(each.last_good_run))


def _figure(value: float | None, unit: str) -> Cell:
    return Cell(quantity(value, unit), exact(rounded("", value)))
