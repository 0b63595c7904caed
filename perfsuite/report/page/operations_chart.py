"""The response times of the operations that cost most, each a line of its own: which of them it was, and when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence

from perfsuite.model import ALL, Summary
from perfsuite.report.figures import rounded
from perfsuite.report.page.charts import Chart, Curve, Told, ticks_of
from perfsuite.report.page.plot import Scale, dots, line, logarithmic
from perfsuite.report.page.series import Course
from perfsuite.report.text import clean

_MOST = 6
_COLOURS = 7
_NOTE = "Means, logarithmic scale. The operations that findings name, then those of the most total time."

Cells = dict[str, dict[int, tuple[int, float]]]
"""Operation → place of the point → requests, and their time in all, ms."""


def operations_chart(summary: Summary, course: Course, named: Iterable[str] = ()) -> Chart | None:
    """A line for each of at most six operations; `named` are among them. None where no second tells of any."""
    cells = _cells(summary, course)
    shown = _chosen(summary, cells, named)
    lines = {name: _means(cells[name], len(course.points)) for name in shown}
    known = [value for values in lines.values() for value in values if value]
    if not known:
        return None
    scale = logarithmic(min(known), max(known))
    curves = tuple(_curve(place, name, values, course, scale) for place, (name, values) in enumerate(lines.items()))
    note = _NOTE + (f" A point covers {course.bin_s} s." if course.bin_s > 1 else "")
    return Chart("operations", "Response time by operation, ms", "ms", note, curves, ticks_of(scale), course.bin_s)


def operation_key(operation: str) -> str:
    """The key of an operation's line."""
    return f"operation: {operation}"


def _cells(summary: Summary, course: Course) -> Cells:
    cells: Cells = defaultdict(dict)
    start = summary.seconds[0].second
    for row in summary.second_rows:
        figures = row.statistics
        if figures.avg_ms is None or row.operation == ALL:
            continue
        place = (int(row.period) - start) // course.bin_s
        requests, total_ms = cells[row.operation].get(place, (0, 0.0))
        total_ms += figures.requests * figures.avg_ms
        cells[row.operation][place] = (requests + figures.requests, total_ms)
    return cells


def _chosen(summary: Summary, cells: Cells, named: Iterable[str]) -> Sequence[str]:
    """Those that findings name, then those of the most total time over the steady state, or over all where none is."""
    spent = {
        row.operation: row.statistics.requests * (row.statistics.avg_ms or 0.0)
        for row in summary.rows
        if row.period == "steady" and row.role == row.behaviour == ALL and row.operation != ALL
    }
    if not spent:
        spent = {name: sum(total for _, total in of_name.values()) for name, of_name in cells.items()}
    ordered = (*named, *sorted(spent, key=lambda name: (-spent[name], name)))
    return [name for name in dict.fromkeys(ordered) if name in cells][:_MOST]


def _means(cells: Mapping[int, tuple[int, float]], count: int) -> Told:
    return tuple(_mean(*cells.get(place, (0, 0.0))) for place in range(count))


def _mean(requests: int, total_ms: float) -> float | None:
    return float(rounded("ms", total_ms / requests) or 0.0) if requests else None


def _curve(place: int, name: str, values: Told, course: Course, scale: Scale) -> Curve:
    points = list(zip(course.middles, values, strict=True))
    colour = f"--role-{place % _COLOURS + 1}"
    return Curve(operation_key(name), clean(name), colour, line(points, scale), dots(points, scale), lows=values)
