"""The table of the stages, and their bands on the time axis."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import groupby

from perfsuite.format import UNKNOWN, clock, duration, number
from perfsuite.messages.capacity import CapacityText
from perfsuite.model import RunReport, Second, Summary, VisitPhase, VisitRecord
from perfsuite.model.capacity import stage_of
from perfsuite.model.periods import STEADY
from perfsuite.model.stages import READ_ONLY, load_text
from perfsuite.report.capacity import unit_of
from perfsuite.report.page.charts import Period
from perfsuite.report.page.tables import FIGURE_COLUMNS, Cell, Column, PageTable, figure_cells
from perfsuite.report.stages import recovery_lines
from perfsuite.report.text import clean, heading

COUNTED_PHASES = frozenset({VisitPhase.BRACKET, VisitPhase.BISECT, VisitPhase.REFINE})


def stages_table(summary: Summary) -> PageTable | None:
    """One row for each stage; None for a scenario without."""
    if not summary.stages:
        return None
    start = summary.seconds[0].second if summary.seconds else 0
    rows = tuple(
        (
            Cell(clean(stage.name)),
            Cell(load_text(stage.span)),
            Cell(clock(stage.seconds.first - start), str(stage.seconds.first - start)),
            Cell(duration(stage.seconds.length_s), str(stage.seconds.length_s)),
            *figure_cells(stage.statistics),
        )
        for stage in summary.stages
    )
    columns = (
        Column("Stage", number=False),
        Column("Load", number=False),
        Column("From", hint="time since the start of the run"),
        Column("Over", hint="the steady part of the stage, or all of it where it has none"),
        *FIGURE_COLUMNS,
    )
    caption = "Times in ms. Targets are judged over the steady parts of the stages whose load stays the same."
    if any(stage.span.kind == READ_ONLY for stage in summary.stages):
        caption += " Stages in which nothing is written do not count."
    hint = ". ".join(map(str, recovery_lines(summary)))
    return PageTable("stages", "Stages", caption, columns, rows, hint=f"{hint}." if hint else "")


def visits_table(report: RunReport) -> PageTable | None:
    """One row for each visit of a search, folded; None for a run that is no search. Figures are those of its stage."""
    found, search = report.capacity, report.plan.capacity
    if found is None or search is None or not found.visits:
        return None
    start = report.summary.seconds[0].second if report.summary.seconds else 0
    figures = {stage.name: stage.statistics for stage in report.summary.stages}
    unknown = (Cell(UNKNOWN),) * len(FIGURE_COLUMNS)
    rows = tuple(
        (
            Cell(number(visit.number), str(visit.number)),
            Cell(number(visit.load), str(visit.load)),
            Cell(visit.phase.value.replace("_", " ")),
            Cell(clock(visit.first - start), str(visit.first - start)),
            Cell(duration(visit.stop - visit.first), str(visit.stop - visit.first)),
            *(figure_cells(figures[name]) if (name := stage_of(visit.number)) in figures else unknown),
            Cell("; ".join(_notes(visit))),
        )
        for visit in found.visits
    )
    columns = (
        Column("Visit"),
        Column(heading(unit_of(search.by))),
        Column("For", number=False, hint="why this load was visited"),
        Column("From", hint="time since the start of the run"),
        Column("Lasted"),
        *FIGURE_COLUMNS,
        Column("Note", number=False),
    )
    caption = (
        "Times in ms. The visits in their order: bracket and bisect look for the limit, refine measures near it,"
        " recovery waits until the target is back to normal; overload and from above show what it completes at most,"
        " and whether it recovers under load."
    )
    return PageTable("visits", "Visits", caption, columns, rows, open=False)


def _notes(visit: VisitRecord) -> Iterable[str]:
    if visit.aborted:
        yield CapacityText.ABORTED()
    if visit.generator_limited:
        yield CapacityText.GENERATOR_LIMITED()
    if visit.recovered_s is not None:
        yield CapacityText.VISIT_RECOVERED(after_s=visit.recovered_s)


def periods_of(seconds: Sequence[Second], visits: Sequence[VisitRecord] = ()) -> Iterable[Period]:
    """The periods on the time axis; with stages, these; in a search, its visits by their load. What is not steady, or
    does not count, is shaded."""
    start = seconds[0].second
    if visits:
        yield from _visits(start, seconds[-1].second + 1 - start, visits)
        return
    for (stage, period), group in groupby(seconds, key=lambda second: (second.stage, second.period)):
        within = list(group)
        first, end = within[0].second - start, within[-1].second - start + 1
        yield Period(clean(stage) or period, first, end, shaded=period != STEADY)


def _visits(start: int, length_s: int, visits: Sequence[VisitRecord]) -> Iterable[Period]:
    """Of a search: what is before, between and after its visits is shaded too."""
    at = 0
    for visit in visits:
        first, stop = (min(max(second - start, at), length_s) for second in (visit.first, visit.stop))
        counts = min(first + visit.discard_s, stop) if visit.phase in COUNTED_PHASES else stop
        for name, begin, end in (("", at, first), (number(visit.load), first, counts)):
            if begin < end:
                yield Period(name, begin, end, shaded=True)
        if counts < stop:
            yield Period(number(visit.load), counts, stop)
        at = stop
    if at < length_s:
        yield Period("", at, length_s, shaded=True)
