"""The charts of the load: requests, response times, failures, users, and the operations that cost most."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from perfsuite.model import ALL, Summary
from perfsuite.model.periods import STEADY
from perfsuite.report.figures import rounded
from perfsuite.report.page.charts import (
    Chart,
    Curve,
    Rule,
    Scale,
    Told,
    bars,
    dots,
    line,
    linear,
    logarithmic,
    steps,
    ticks_of,
)
from perfsuite.report.page.series import Course, role_key
from perfsuite.report.text import clean

_ROLE_COLOURS = 7


@dataclass(frozen=True, slots=True)
class Line:
    """A figure of the course to be drawn: its key in the points, its name, its CSS variable."""

    key: str
    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on a response time, as a target has it. `figure` is the line it holds for: "avg", "p95" …"""

    figure: str
    label: str
    ms: float


@dataclass(frozen=True, slots=True)
class _Head:
    name: str
    title: str
    note: str
    unit: str = ""


_REQUESTS = _Head("requests", "Requests per second", "Requests that ended in each second, all operations together.")
_TIMES = _Head("times", "Response time, ms", "Logarithmic scale.", "ms")
_FAILURES = _Head("failures", "Failures per second", "Failed requests by the second they were due in.")
_USERS = _Head("users", "Virtual users by role", "Users alive at the end of each second.")
_SERVICE = _Head(
    "service",
    "Response and service time, ms",
    "Averages by the second that a request was due in. Service time begins with the send: what lies between the "
    "lines is waiting, which those who come feel and plain service times hide.",
    "ms",
)
_ACTIONS = _Head(
    "arrivals",
    "Actions due and begun per second",
    "By the second that they were due in, however late they began; waiting is the queue at its end.",
)
_LAG = _Head("lag", "How late actions began, ms", "From due to begun, by the second that the action was due in.", "ms")

_REQUEST_LINES = (Line("rps", "requests/s", "--line-avg"),)
_TIME_LINES = (
    Line("avg", "average", "--line-avg"),
    Line("p50", "p50", "--line-p50"),
    Line("p95", "p95", "--line-p95"),
    Line("p99", "p99", "--line-p99"),
    Line("max", "slowest", "--line-max"),
)
_SERVICE_LINES = (Line("avg", "response time", "--line-p95"), Line("service", "service time", "--line-avg"))
_ACTION_LINES = (
    Line("due", "due", "--line-p50"),
    Line("begun", "begun", "--line-avg"),
    Line("queue", "waiting", "--line-max"),
)
_LAG_LINES = (Line("lag", "average", "--line-avg"), Line("latest", "latest", "--line-max"))


def load_charts(course: Course, limits: Sequence[Limit] = ()) -> list[Chart]:
    """The charts of the load in reading order; none for a run of less than two seconds, no failures without any.

    `limits` on response times are drawn where they are near the lines.
    """
    if len(course.points) < 2:
        return []
    charts = [_plain(_REQUESTS, course, _REQUEST_LINES), _times(course, limits)]
    if course.knows("due"):
        charts += [
            _plain(_SERVICE, course, _SERVICE_LINES),
            _plain(_ACTIONS, course, _ACTION_LINES),
            _plain(_LAG, course, _LAG_LINES),
        ]
    if any(point["fps"] for point in course.points):
        charts.append(_failures(course))
    if course.roles:
        charts.append(_users(course))
    return charts


def _plain(head: _Head, course: Course, lines: Sequence[Line]) -> Chart:
    """A chart from zero of the lines that are known."""
    known = [line for line in lines if course.knows(line.key)]
    scale = linear(max(value for each in known for value in _values(course, each.key) if value is not None))
    return _chart(head, course, scale, [_curve(course, each, _values(course, each.key), scale) for each in known])


def _chart(head: _Head, course: Course, scale: Scale, curves: Sequence[Curve], rules: Sequence[Rule] = ()) -> Chart:
    note = head.note
    if course.bin_s > 1:
        note += f" A point covers {course.bin_s} s: rates are their mean, percentiles and the slowest their highest."
    return Chart(head.name, head.title, head.unit, note, tuple(curves), ticks_of(scale), course.bin_s, tuple(rules))


def _values(course: Course, key: str) -> Told:
    return tuple(point[key] for point in course.points)


def _curve(course: Course, drawn: Line, values: Told, scale: Scale) -> Curve:
    points = list(zip(course.middles, values, strict=True))
    return Curve(drawn.key, drawn.label, drawn.colour, line(points, scale), dots(points, scale), lows=values)


def _times(course: Course, limits: Sequence[Limit]) -> Chart:
    known = [each for each in _TIME_LINES if course.knows(each.key)]
    unknown = [each.label for each in _TIME_LINES[1:4] if each not in known]
    values = [value for each in known for value in _values(course, each.key) if value]
    scale = logarithmic(min(values, default=1.0), max(values, default=1.0))
    note = f"{_TIMES.note} Gaps: too few requests for that percentile"
    note += f"; no second had enough for {', '.join(unknown)}." if unknown else "."
    colours = {each.key: each.colour for each in _TIME_LINES}
    rules = [
        Rule(limit.label, colours[limit.figure], scale.y(limit.ms))
        for limit in limits
        if limit.figure in colours and scale.low < limit.ms <= scale.high
    ]
    curves = [_curve(course, each, _values(course, each.key), scale) for each in known]
    return _chart(_Head("times", _TIMES.title, note, "ms"), course, scale, curves, rules)


def _failures(course: Course) -> Chart:
    values = [point["fps"] or 0.0 for point in course.points]
    scale = linear(max(values))
    curve = Curve("fps", "failures/s", "--bad", bars(values, course.edges, scale), area=True, lows=tuple(values))
    return _chart(_FAILURES, course, scale, [curve])


def _users(course: Course) -> Chart:
    """Users of each role, stacked; the last step is drawn to its end."""
    below = [0.0] * len(course.points)
    layers: list[tuple[str, list[float], list[float], Told]] = []
    for role in course.roles:
        values = _values(course, role_key(role))
        above = [low + (value or 0) for low, value in zip(below, values, strict=True)]
        layers.append((role, below, above, values))
        below = above
    scale = linear(max(below), whole=True)
    edges = course.edges
    curves = [
        Curve(
            role_key(role),
            clean(role.replace("_", " ")),
            f"--role-{index % _ROLE_COLOURS + 1}",
            steps(edges, lower, upper, scale),
            area=True,
            lows=values,
        )
        for index, (role, lower, upper, values) in enumerate(layers)
    ]
    return _chart(_USERS, course, scale, curves)


_MOST = 6
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
    curves = tuple(
        _curve(course, Line(operation_key(name), clean(name), f"--role-{number}"), values, scale)
        for number, (name, values) in enumerate(lines.items(), 1)
    )
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
        if row.period == STEADY and row.role == row.behaviour == ALL and row.operation != ALL
    }
    if not spent:
        spent = {name: sum(total for _, total in of_name.values()) for name, of_name in cells.items()}
    ordered = (*named, *sorted(spent, key=lambda name: (-spent[name], name)))
    return [name for name in dict.fromkeys(ordered) if name in cells][:_MOST]


def _means(cells: Mapping[int, tuple[int, float]], count: int) -> Told:
    return tuple(_mean(*cells.get(place, (0, 0.0))) for place in range(count))


def _mean(requests: int, total_ms: float) -> float | None:
    return float(rounded("ms", total_ms / requests) or 0.0) if requests else None
