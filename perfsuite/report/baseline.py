"""A run held against its baseline: what every report says about it."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import msgspec

from perfsuite.format import figure, number, plural, signed, signed_percent
from perfsuite.model import ALL
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import Change, Comparison, ComparisonOutcome
from perfsuite.report.figures import rounded
from perfsuite.report.page.tables import Cell, Column, Table
from perfsuite.report.text import clean

COLUMNS = ("What", "Role", "Figure", "Baseline", "This run", "Change", "Result")
MOST_ROWS = 200
ALL_ROLES = "all roles"

_FIGURES = {
    "avg_ms": "average",
    "rps": "throughput",
    "failure_rate": "failure rate",
    "queries": "queries per request",
    "rows": "rows per request",
    "shared_blocks": "blocks per request",
    "temp_blocks": "temporary blocks per request",
    "caching": "answers from a cache",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One figure that is not what it was: the cells under COLUMNS, and whether it is a regression."""

    cells: tuple[str, ...]
    worse: bool


@dataclass(frozen=True, slots=True)
class Held:
    """What to show. `headline` says it in one sentence; `notes` what could not be said."""

    name: str
    headline: str
    lines: tuple[Line, ...]
    notes: tuple[str, ...]
    refused: bool

    @property
    def regressed(self) -> bool:
        """True where something became worse."""
        return any(line.worse for line in self.lines)


def held_of(comparison: Comparison) -> Held:
    """What became worse comes first, then what became better; what stayed is only counted."""
    worse = [_cost_line(cost, worse=True) for cost in comparison.costlier]
    worse += [_change_line(change) for change in comparison.regressions]
    others = [_cost_line(cost, worse=False) for cost in comparison.costs if cost not in comparison.costlier]
    others += [_change_line(change) for change in comparison.changes if change.outcome is ComparisonOutcome.FASTER]
    notes = [*comparison.mismatches, *comparison.notes]
    return Held(
        clean(comparison.a.name),
        _headline(comparison, len(worse)),
        (*worse, *others),
        tuple(map(clean, notes)),
        comparison.refused,
    )


def baseline_table(comparison: Comparison | None) -> Table | None:
    """The same for the page; None without a baseline, or where every figure stayed what it was."""
    held = held_of(comparison) if comparison else None
    if held is None or not held.lines:
        return None
    columns = tuple(Column(title, number=False) for title in COLUMNS)
    rows = tuple(
        tuple(Cell(text, alarm=line.worse and place == len(line.cells) - 1) for place, text in enumerate(line.cells))
        for line in held.lines[:MOST_ROWS]
    )
    left = len(held.lines) - MOST_ROWS
    caption = f"Figures that changed.{f' {number(left)} more are in summary.json.' if left > 0 else ''}"
    return Table("baseline", f"Against {held.name}", caption, columns, rows)


def baseline_dict(comparison: Comparison | None) -> dict[str, Any] | None:
    """For `summary.json`; None without a baseline."""
    if comparison is None:
        return None
    return {
        "name": comparison.a.name,
        "runs": list(comparison.a.run_ids),
        "compared": not comparison.refused,
        "regressions": len(comparison.costlier) + len(comparison.regressions),
        "changes": [_change_dict(change) for change in comparison.changes],
        "costs": [asdict(cost) | {"regression": cost in comparison.costlier} for cost in comparison.costs],
        "mismatches": list(comparison.mismatches),
        "notes": list(comparison.notes),
    }


def _change_dict(change: Change) -> dict[str, Any]:
    def told(value: float | None) -> float | None:
        return rounded(change.metric, value)

    record: dict[str, Any] = msgspec.to_builtins(change)
    return record | {
        "a": [told(value) for value in change.a],
        "b": [told(value) for value in change.b],
        "shift": told(change.shift),
        "shift_rate": rounded("shift_rate", change.shift_rate),
        "interval": [told(end) for end in change.interval] if change.interval else None,
        "p_value": rounded("p_value_rate", change.p_value),
    }


def _headline(comparison: Comparison, worse: int) -> str:
    if comparison.refused:
        return "Not compared: it was made under other conditions."
    words = [change.outcome for change in comparison.changes]
    against = plural(len(comparison.a.run_ids), "run")
    parts = [f"{plural(worse, 'figure')} worse" if worse else "Nothing worse"]
    parts += [f"{number(count)} {told}" for word, told in _WORDS.items() if (count := words.count(word))]
    return f"{', '.join(parts)}, against {against}."


_WORDS = {
    ComparisonOutcome.FASTER: "better",
    ComparisonOutcome.SAME: "the same",
    ComparisonOutcome.CANNOT_TELL: "that cannot be told apart",
}


def _cost_line(cost: Difference, *, worse: bool) -> Line:
    result = "worse" if worse else "more" if cost.worse else "less"
    change = cost.after.maximum - cost.before.maximum
    cells = (cost.operation, cost.role, _FIGURES.get(cost.metric, cost.metric))
    if cost.metric == "caching":
        told = [_yes(value) for value in (cost.before, cost.after)]
        return Line((*map(clean, cells), *told, "", result if worse else "better"), worse)
    return Line((*map(clean, cells), cost.before.text, cost.after.text, signed(round(change)), result), worse)


def _change_line(change: Change) -> Line:
    before, after = (median(values) for values in (change.a, change.b))
    rate = signed_percent(change.shift_rate)
    time = change.metric.endswith("_ms")
    worse = change.outcome is ComparisonOutcome.SLOWER
    result = change.outcome.value if time else "worse" if worse else "better"
    operation = "all operations" if change.operation == ALL else change.operation
    role = ALL_ROLES if change.role == ALL else change.role
    name = _FIGURES.get(change.metric) or change.metric.removesuffix("_ms").replace("p999", "p99.9")
    cells = (operation, role, name, figure(change.metric, before), figure(change.metric, after), rate, result)
    return Line(tuple(map(clean, cells)), worse)


def _yes(value: Spread) -> str:
    return "yes" if value.maximum else "no"
