"""Published limits and what the run showed: a line for the terminal, a table for the page, entries for programs."""

from __future__ import annotations

from typing import Any

from perfsuite.format import UNKNOWN, bound, duration, figure, number, percent
from perfsuite.model import RunReport
from perfsuite.model.slo_presets import APDEX_T_MS, FEWEST_FOR_APDEX, Compared, apdex_threshold, compared, rating
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.text import rounded

TITLE = "Published limits"
_WITHIN = "within_"
_COLUMNS = (
    Column("Published by", number=False),
    Column("Limit on", number=False),
    Column("Observed"),
    Column("Limit"),
    Column("Met", number=False, hint="in this run, by the figures that targets judge; a scale has no limit"),
    Column("Meaning", number=False),
    Column("Source", number=False),
)


def published_line(report: RunReport) -> str:
    """All of them in a sentence for the terminal; "" if the run says nothing about any of them."""
    known = _compared(report)
    judged = [one for one in known if one.holds is not None]
    if not judged:
        return ""
    beyond = list(dict.fromkeys(one.preset.short for one in judged if not one.holds))
    score = next((one.observed for one in known if apdex_threshold(one.limit.metric) == APDEX_T_MS), None)
    apdex = "" if score is None else f"; Apdex {number(score)} at {figure('avg_ms', APDEX_T_MS)}"
    met = sum(1 for one in judged if one.holds)
    others = f"; not met: {', '.join(beyond)}" if beyond else ""
    return f"{TITLE}, for information: {met} of {len(judged)} met{apdex}{others}"


def published_table(report: RunReport) -> PageTable | None:
    """All of them with their sources; None for a run without requests in the steady state."""
    known = _compared(report)
    if not known:
        return None
    caption = (
        "For information: no effect on the verdict unless targets.toml selects a preset. They cover the requests of the"
        " steady state; a source rarely measures exactly what is measured here."
    )
    return PageTable("published", TITLE, caption, _COLUMNS, tuple(map(_row, known)), open=False)


def _compared(report: RunReport) -> tuple[Compared, ...]:
    """Nothing of a search: its figures are of many loads, overload among them."""
    return () if report.capacity is not None else tuple(compared(report.summary))


def _row(one: Compared) -> tuple[Cell, ...]:
    source, holds = one.preset.source, {True: "yes", False: "no", None: UNKNOWN if one.limit.gate else "no limit"}
    return (
        Cell(one.preset.title),
        Cell(one.limit.name),
        Cell(
            _observed(one), title="" if one.observed is not None else f"{FEWEST_FOR_APDEX} requests or more are needed"
        ),
        Cell(_limit(one)),
        Cell(holds[one.holds], alarm=one.holds is False),
        Cell(one.preset.about),
        Cell(f"{source.title}, {source.year or 'read in 2026'}: {source.url}"),
    )


def _observed(one: Compared) -> str:
    if one.observed is None:
        return UNKNOWN
    if one.limit.metric.startswith(_WITHIN):
        return f"{percent(one.observed)} within"
    if apdex_threshold(one.limit.metric) is not None:
        return f"{number(one.observed)}, {rating(one.observed)}"
    return figure(one.limit.metric, one.observed)


def _limit(one: Compared) -> str:
    metric = one.limit.metric
    if metric.startswith(_WITHIN):
        return duration(float(metric.removeprefix(_WITHIN)) / 1000)
    short = metric.removesuffix("_ms").replace("avg", "average") if metric.endswith("_ms") else "Apdex"
    return f"{short} {bound(metric, one.limit.limit, below=one.limit.below)}"


def published_entries(report: RunReport) -> list[dict[str, Any]]:
    """One entry for each limit, for `summary.json`."""
    return [
        {
            "standard": one.preset.name,
            "name": f"{one.preset.title}: {one.limit.name}",
            "metric": one.limit.metric,
            "limit": one.limit.limit,
            "observed": rounded("share_rate" if one.limit.limit <= 1 else one.limit.metric, one.observed),
            "holds": one.holds,
            "url": one.preset.source.url,
            "year": one.preset.source.year,
        }
        for one in _compared(report)
    ]
