"""Vega-Lite specifications of the charts, as plain dicts. Colours are CSS variables: the page's theme decides."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from perfsuite.model import Summary
from perfsuite.report.series import Course, course_of, role_key

Spec = dict[str, Any]

_SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json"  # a name, never fetched
_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600)
_CLOCK = (
    "(datum.value >= 3600 ? floor(datum.value / 3600) + ':' : '')"
    " + format(floor(datum.value / 60) % 60, '02') + ':' + format(datum.value % 60, '02')"
)
_ROLE_COLOURS = 7
_NAMED_FROM = 0.09
"""Share of the run from which on a period's name fits above it."""


@dataclass(frozen=True, slots=True)
class Key:
    """An entry of a legend: the page shows them itself, so that they wrap. `colour` is a CSS variable."""

    label: str
    colour: str
    dashed: bool = False


@dataclass(frozen=True, slots=True)
class Chart:
    """One chart: its name in the page, heading, what it shows in words, the specification, and its legend."""

    name: str
    title: str
    note: str
    spec: Spec
    legend: tuple[Key, ...] = ()


@dataclass(frozen=True, slots=True)
class Line:
    """One line of a chart: the key in the points, its name in the legend, its CSS variable."""

    key: str
    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit on a response time, as a target has it. `figure` is the line it holds for: "avg", "p95" …"""

    figure: str
    label: str
    ms: float


_TIME_LINES = (
    Line("avg", "average", "--line-avg"),
    Line("p50", "p50", "--line-p50"),
    Line("p95", "p95", "--line-p95"),
    Line("p99", "p99", "--line-p99"),
    Line("max", "slowest", "--line-max"),
)


def charts_of(summary: Summary, limits: Sequence[Limit] = ()) -> list[Chart]:
    """The charts of a run in reading order; none for a run of less than two seconds, no failures chart without any.

    `limits` on response times are drawn where they are near the lines.
    """
    course = course_of(summary.seconds)
    if len(course.points) < 2:
        return []
    charts = [_requests(course), _times(course, limits)]
    if course.knows("due"):
        charts += _open_model(course)
    if any(point["fps"] for point in course.points):
        charts.append(_failures(course))
    if course.roles:
        charts.append(_users(course))
    return charts


def _requests(course: Course) -> Chart:
    line = Line("rps", "requests/s", "--line-avg")
    note = "Requests that ended in each second, all operations together."
    return Chart("requests", "Requests per second", note + _bin_note(course), _lines_spec(course, [line]))


def _times(course: Course, limits: Sequence[Limit]) -> Chart:
    known = [line for line in _TIME_LINES if course.knows(line.key)]
    unknown = [line.label for line in _TIME_LINES[1:4] if line not in known]
    note = "Logarithmic scale. A line breaks off where a second had too few requests for that percentile"
    note += f"; {', '.join(unknown)} could not be told for any second." if unknown else "."
    spec = _lines_spec(course, known, {"type": "log", "domain": _decades(course, known), "nice": False})
    legend = [Key(line.label, line.colour) for line in known]
    for limit in limits:
        colour = next((line.colour for line in _TIME_LINES if line.key == limit.figure), "")
        if colour and _decades(course, known)[0] < limit.ms <= _decades(course, known)[1]:
            rule = {"type": "rule", "strokeDash": [5, 4], "strokeWidth": 1.25, "color": f"var({colour})"}
            spec["layer"].append({"data": {"values": [{}]}, "mark": rule, "encoding": {"y": {"datum": limit.ms}}})
            legend.append(Key(limit.label, colour, dashed=True))
    return Chart("times", "Response time, ms", note + _bin_note(course), spec, tuple(legend))


_SERVICE = (
    Line("avg", "response time", "--line-p95"),
    Line("service", "service time", "--line-avg"),
)
_ACTIONS = (
    Line("due", "due", "--line-p50"),
    Line("begun", "begun", "--line-avg"),
    Line("queue", "waiting", "--line-max"),
)
_LAG = (Line("lag", "average", "--line-avg"), Line("latest", "latest", "--line-max"))


def _open_model(course: Course) -> list[Chart]:
    """Response beside service time, actions due beside those begun, and how late they began."""
    apart = "Averages by the second that a request was due in. Service time begins with the send: what lies between"
    apart += " the lines is waiting, which those who come feel and plain service times hide."
    due = "By the second that they were due in, however late they began; waiting is the queue at its end."
    late = "From due to begun, by the second that the action was due in."
    return [
        _plain("service", "Response and service time, ms", apart, course, _SERVICE),
        _plain("arrivals", "Actions due and begun per second", due, course, _ACTIONS),
        _plain("lag", "How late actions began, ms", late, course, _LAG),
    ]


def _plain(name: str, title: str, note: str, course: Course, lines: Sequence[Line]) -> Chart:
    """A chart of the lines that are known, each with its key."""
    known = [line for line in lines if course.knows(line.key)]
    legend = tuple(Key(line.label, line.colour) for line in known)
    return Chart(name, title, note + _bin_note(course), _lines_spec(course, known), legend)


def _decades(course: Course, lines: Sequence[Line]) -> list[float]:
    """The ends of the logarithmic scale: the next 1, 2 or 5 times a power of ten below and above all lines."""
    values = [value for point in course.points for line in lines if (value := point[line.key])]
    steps = [step * 10.0**power for power in range(-3, 9) for step in (1, 2, 5)]
    low = max((step for step in steps if step <= min(values, default=1)), default=steps[0])
    return [low, min((step for step in steps if step > max(values, default=1)), default=steps[-1])]


def _failures(course: Course) -> Chart:
    mark = {"type": "rect", "color": "var(--bad)"}
    encoding = {"x": _x(course), "x2": {"field": "end"}, "y": _y("fps"), "y2": {"datum": 0}}
    spec = _spec(course, [{"mark": mark, "encoding": encoding}, *_hover(course, [Line("fps", "failures/s", "")])])
    return Chart("failures", "Failures per second", "Failed requests by the second they were due in.", spec)


def _users(course: Course) -> Chart:
    names = {role_key(role): role.replace("_", " ") for role in course.roles}
    colours = [f"var(--role-{index % _ROLE_COLOURS + 1})" for index in range(len(names))]
    # The last step has to be drawn to its end.
    closed = [*course.points, course.points[-1] | {"t": course.length_s}]
    area = {
        "data": {"values": closed},
        "transform": [{"fold": list(names), "as": ["key", "users"]}, _label_transform(names)],
        "mark": {"type": "area", "interpolate": "step-after", "line": False, "opacity": 0.9},
        "encoding": {
            "x": _x(course),
            "y": _y("users") | {"stack": "zero"},
            "color": _colour(list(names.values()), colours),
            "order": {"field": "place", "type": "quantitative"},
        },
    }
    lines = [Line(key, label, "") for key, label in names.items()]
    spec = _spec(course, [area, *_hover(course, lines)])
    legend = tuple(Key(label, f"--role-{index % _ROLE_COLOURS + 1}") for index, label in enumerate(names.values()))
    note = "Users alive at the end of each second." + _bin_note(course)
    return Chart("users", "Virtual users by role", note, spec, legend)


def _bin_note(course: Course) -> str:
    if course.bin_s == 1:
        return ""
    return f" Each point covers {course.bin_s} s: rates are their mean, percentiles and the slowest their highest."


def _lines_spec(course: Course, lines: list[Line], scale: Spec | None = None) -> Spec:
    names = {line.key: line.label for line in lines}
    layer = {
        "transform": [{"fold": list(names), "as": ["key", "value"]}, _label_transform(names)],
        "mark": {"type": "line", "strokeWidth": 1.75, "strokeJoin": "round", "point": {"size": 9, "filled": True}},
        "encoding": {
            "x": _x(course, "mid"),
            "y": _y("value") | ({"scale": scale} if scale else {}),
            "color": _colour([line.label for line in lines], [f"var({line.colour})" for line in lines]),
        },
    }
    return _spec(course, [layer, *_hover(course, lines)])


def _label_transform(names: dict[str, str]) -> Spec:
    """Turns the key of a folded row into its name in the legend."""
    return {"lookup": "key", "from": {"data": {"values": _pairs(names)}, "key": "key", "fields": ["label", "place"]}}


def _pairs(names: dict[str, str]) -> list[Spec]:
    return [{"key": key, "label": label, "place": place} for place, (key, label) in enumerate(names.items())]


def _colour(labels: list[str], colours: list[str]) -> Spec:
    scale = {"domain": labels, "range": colours}
    return {"field": "label", "type": "nominal", "sort": None, "scale": scale, "legend": None}


def _x(course: Course, field: str = "t") -> Spec:
    step = next((step for step in _TICKS_S if course.length_s <= step * 12), _TICKS_S[-1])
    axis = {"values": list(range(0, course.length_s + 1, step)), "labelExpr": _CLOCK, "title": None, "grid": False}
    return {
        "field": field,
        "type": "quantitative",
        "scale": {"domain": [0, course.length_s], "nice": False},
        "axis": axis | {"labelOverlap": True},
    }


def _y(field: str) -> Spec:
    axis = {"title": None, "tickCount": 4, "format": ",.3~r", "minExtent": 46}
    return {"field": field, "type": "quantitative", "axis": axis}


def _hover(course: Course, lines: list[Line]) -> list[Spec]:
    """An upright rule at the pointer with all figures of that second."""
    tooltip = [{"field": "clock", "type": "nominal", "title": "time"}] + [
        {"field": line.key, "type": "quantitative", "title": line.label, "format": ",.4~r"} for line in lines
    ]
    return [
        {
            "transform": [{"calculate": _CLOCK.replace("datum.value", "datum.t"), "as": "clock"}],
            "params": [
                {
                    "name": "pointed",
                    "select": {
                        "type": "point", "fields": ["mid"], "nearest": True, "on": "pointerover", "clear": "pointerout",
                    },
                }
            ],
            "mark": {"type": "rule", "strokeWidth": 1, "color": "var(--ink-soft)"},
            "encoding": {
                "x": _x(course, "mid"),
                "opacity": {"condition": {"param": "pointed", "empty": False, "value": 0.7}, "value": 0},
                "tooltip": tooltip,
            },
        }
    ]  # fmt: skip


def _bands(course: Course) -> list[Spec]:
    """The periods of the run as shades behind the lines, each with its name where there is room."""
    bands = [asdict(band) for band in course.bands]
    named = [asdict(band) for band in course.bands if band.end - band.start >= _NAMED_FROM * course.length_s]
    x = _x(course, "start")
    names = ["ramp-up", "steady", "ramp-down"]
    shades = {"domain": names, "range": ["var(--band-ramp)", "var(--band-steady)", "var(--band-ramp)"]}
    shade = {"field": "name", "type": "nominal", "scale": shades, "legend": None}
    text = {"type": "text", "align": "left", "baseline": "top", "dx": 5, "fontSize": 10, "y": 4}
    return [
        {"data": {"values": bands}, "mark": "rect", "encoding": {"x": x, "x2": {"field": "end"}, "color": shade}},
        {
            "data": {"values": named},
            "mark": text | {"color": "var(--ink-faint)"},
            "encoding": {"x": x, "text": {"field": "name"}},
        },
    ]


def _spec(course: Course, layers: list[Spec]) -> Spec:
    return {
        "$schema": _SCHEMA,
        "width": "container",
        "height": 190,
        "autosize": {"type": "fit-x", "contains": "padding"},
        "data": {"values": list(course.points)},
        "layer": [*_bands(course), *layers],
        "resolve": {"scale": {"color": "independent"}},
    }
