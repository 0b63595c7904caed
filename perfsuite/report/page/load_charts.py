"""The charts of the load: requests, response times, failures, users, and the operations that take the most time."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from perfsuite.measurements.minutes import minute_of
from perfsuite.model import ALL, Second, Summary, VisitRecord
from perfsuite.model.periods import STEADY
from perfsuite.report.page.charts import (
    Chart,
    Curve,
    LimitLine,
    Period,
    Scale,
    Values,
    bars,
    dots,
    line,
    linear,
    logarithmic,
    steps,
    ticks_of,
)
from perfsuite.report.page.stages import periods_of
from perfsuite.report.text import clean, rounded

MAX_POINTS = 300
_BIN_WIDTHS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1800, 3600)
_ROLE_COLOURS = 7
_MAX_OPERATIONS = 6

Figures = dict[str, float | int | None]


@dataclass(frozen=True, slots=True)
class LoadSeries:
    """The load over time. `figures`: name → its value in each bin, None if unknown.

    Names: rps, fps, avg, p50, p95, p99, max and `users: ROLE`; in the open model also service, due, begun, queue, lag
    and latest. `edges`: the second at which each bin begins, and the end of the last one.
    """

    figures: Mapping[str, Values]
    edges: tuple[float, ...]
    periods: tuple[Period, ...]
    roles: tuple[str, ...]
    bin_s: int
    length_s: int

    @property
    def middles(self) -> list[float]:
        """The middle of each bin, in seconds since the start."""
        return [(begin + end) / 2 for begin, end in zip(self.edges[:-1], self.edges[1:], strict=True)]

    def knows(self, name: str) -> bool:
        """True if any bin has a value of the figure."""
        return any(value is not None for value in self.figures.get(name, ()))


@dataclass(frozen=True, slots=True)
class LineStyle:
    """A figure to draw: its name in the series, its label, its CSS variable."""

    key: str
    label: str
    colour: str


@dataclass(frozen=True, slots=True)
class TimeLimit:
    """A target's limit on a response time. `figure`: the line it applies to: "avg", "p95", …"""

    figure: str
    label: str
    ms: float


@dataclass(frozen=True, slots=True)
class _Heading:
    name: str
    title: str
    note: str
    unit: str = ""


_REQUESTS = _Heading("requests", "Requests per second", "Completed requests of all operations.")
_TIMES = _Heading("times", "Response time, ms", "Logarithmic scale. Gaps: too few requests for that percentile.", "ms")
_FAILURES = _Heading("failures", "Failures per second", "Failed requests, by the second they were due.")
_USERS = _Heading("users", "Virtual users by role", "Users running at the end of each second.")
_SERVICE = _Heading(
    "service",
    "Response and service time, ms",
    "Averages, by the second a request was due. Service time starts when the request is sent. The distance between the "
    "lines is waiting time, which users experience and service time hides.",
    "ms",
)
_ACTIONS = _Heading(
    "arrivals",
    "Actions due and started per second",
    "By the second an action was due, however late it started. Queued: actions that wait at the end of that second.",
)
_DELAY = _Heading("lag", "Start delay of actions, ms", "From due to started, by the second an action was due.", "ms")
_OPERATIONS = _Heading(
    "operations",
    "Response time by operation, ms",
    "Averages on a logarithmic scale. Operations named in findings first, then those with the most response time.",
    "ms",
)

_REQUEST_LINES = (LineStyle("rps", "requests/s", "--line-avg"),)
_TIME_LINES = (
    LineStyle("avg", "average", "--line-avg"),
    LineStyle("p50", "p50", "--line-p50"),
    LineStyle("p95", "p95", "--line-p95"),
    LineStyle("p99", "p99", "--line-p99"),
    LineStyle("max", "max", "--line-max"),
)
_SERVICE_LINES = (LineStyle("avg", "response time", "--line-p95"), LineStyle("service", "service time", "--line-avg"))
_ACTION_LINES = (
    LineStyle("due", "due", "--line-p50"),
    LineStyle("begun", "started", "--line-avg"),
    LineStyle("queue", "queued", "--line-max"),
)
_DELAY_LINES = (LineStyle("lag", "average", "--line-avg"), LineStyle("latest", "max", "--line-max"))


def load_series(
    seconds: Sequence[Second], visits: Sequence[VisitRecord] = (), minutes: Sequence[Second] = ()
) -> LoadSeries:
    """The load in at most MAX_POINTS bins; `visits`: of a search.

    In a bin of several seconds rates are the mean, response times are weighted by their requests, and percentiles and
    maxima are the highest of its seconds. `minutes`: those that were rolled up, which have the percentiles and service
    times that their seconds lack.
    """
    if not seconds:
        return LoadSeries({}, (), (), (), 1, 0)
    start = seconds[0].second
    length = seconds[-1].second - start + 1
    width = next((width for width in _BIN_WIDTHS_S if length <= width * MAX_POINTS), _BIN_WIDTHS_S[-1])
    begins, bins = [], []
    of_minute = {minute.second: minute for minute in minutes}
    for number, group in groupby(seconds, key=lambda second: (second.second - start) // width):
        begins.append(number * width)
        within = list(group)
        around = {minute: None for second in within if (minute := minute_of(second.second)) in of_minute}
        rolled_up = [of_minute[minute] for minute in around]
        bins.append(_bin_figures(within, min(width, length - number * width), rolled_up))
    names = dict.fromkeys(name for one in bins for name in one)
    return LoadSeries(
        figures={name: tuple(one.get(name) for one in bins) for name in names},
        edges=(*map(float, begins), float(length)),
        periods=tuple(periods_of(seconds, visits)),
        roles=tuple(dict.fromkeys(role for second in seconds for role in second.users)),
        bin_s=width,
        length_s=length,
    )


def role_key(role: str) -> str:
    """The name of a role's users in a series."""
    return f"users: {role}"


def operation_key(operation: str) -> str:
    """The key of an operation's curve."""
    return f"operation: {operation}"


def _bin_figures(seconds: Sequence[Second], length_s: int, minutes: Sequence[Second]) -> Figures:
    statistics = [second.statistics for second in seconds]
    with_percentiles = [each.statistics for each in (*seconds, *minutes)]
    figures: Figures = {
        "rps": rounded("rps", sum(each.rps for each in statistics) / length_s),
        "fps": rounded("rps", sum(each.failures for each in statistics) / length_s),
        "avg": _weighted((each.requests, each.avg_ms) for each in statistics),
        "p50": _highest(each.p50_ms for each in with_percentiles),
        "p95": _highest(each.p95_ms for each in with_percentiles),
        "p99": _highest(each.p99_ms for each in with_percentiles),
        "max": _highest(each.max_ms for each in statistics),
    }
    if any(second.arrivals for second in seconds):
        figures |= _arrivals(seconds, length_s, minutes)
    roles = dict.fromkeys(role for second in seconds for role in second.users)
    return figures | {role_key(role): max(second.users.get(role, 0) for second in seconds) for role in roles}


def _arrivals(seconds: Sequence[Second], length_s: int, minutes: Sequence[Second]) -> Figures:
    """Open model: actions due and started per second, their delay, the queue, and the mean service time."""
    arrivals = [second.arrivals for second in seconds if second.arrivals]
    every = (*seconds, *minutes)
    sent = ((each.statistics.requests - each.breakdown.not_started, each.breakdown) for each in every)
    return {
        "due": rounded("due", sum(each.due for each in arrivals) / length_s),
        "begun": rounded("begun", sum(each.begun for each in arrivals) / length_s),
        "queue": max(each.waiting for each in arrivals),
        "lag": _weighted((each.begun, each.lag_avg_ms) for each in arrivals),
        "latest": _highest(each.lag_max_ms for each in arrivals),
        "service": _weighted((count, breakdown.service_avg_ms) for count, breakdown in sent),
    }


def _weighted(parts: Iterable[tuple[int, float | None]]) -> float | int | None:
    """The mean of means, each with its weight; None without any."""
    known = [(weight, value) for weight, value in parts if weight and value is not None]
    total = sum(weight for weight, _ in known)
    return rounded("ms", sum(weight * value for weight, value in known) / total) if total else None


def _highest(values: Iterable[float | None]) -> float | int | None:
    known = [value for value in values if value is not None]
    return rounded("ms", max(known)) if known else None


def load_charts(series: LoadSeries, limits: Sequence[TimeLimit] = ()) -> list[Chart]:
    """The charts of the load in reading order; [] for a run of less than two seconds, no failures without any.

    `limits` on response times are drawn if they lie within the scale.
    """
    if len(series.edges) < 3:
        return []
    charts = [_plain(_REQUESTS, series, _REQUEST_LINES), _times(series, limits)]
    if series.knows("due"):
        charts += [
            _plain(_SERVICE, series, _SERVICE_LINES),
            _plain(_ACTIONS, series, _ACTION_LINES),
            _plain(_DELAY, series, _DELAY_LINES),
        ]
    if any(series.figures["fps"]):
        charts.append(_failures(series))
    if series.roles:
        charts.append(_users(series))
    return charts


def _plain(heading: _Heading, series: LoadSeries, lines: Sequence[LineStyle]) -> Chart:
    """A chart from zero with the lines that have values."""
    known = {style: series.figures[style.key] for style in lines if series.knows(style.key)}
    scale = linear(max(value for values in known.values() for value in values if value is not None))
    return _chart(heading, series, scale, [_curve(style, series, values, scale) for style, values in known.items()])


def _chart(
    heading: _Heading, series: LoadSeries, scale: Scale, curves: Sequence[Curve], limits: Sequence[LimitLine] = ()
) -> Chart:
    note = heading.note
    if series.bin_s > 1:
        note += f" Each point covers {series.bin_s} s: the mean, for percentiles and maxima the highest."
    ticks = ticks_of(scale)
    return Chart(heading.name, heading.title, heading.unit, note, tuple(curves), ticks, series.bin_s, tuple(limits))


def _curve(style: LineStyle, series: LoadSeries, values: Values, scale: Scale) -> Curve:
    points = list(zip(series.middles, values, strict=True))
    return Curve(style.key, style.label, style.colour, line(points, scale), dots(points, scale), lows=values)


def _times(series: LoadSeries, limits: Sequence[TimeLimit]) -> Chart:
    known = {style: series.figures[style.key] for style in _TIME_LINES if series.knows(style.key)}
    unknown = [style.label for style in _TIME_LINES[1:4] if style not in known]
    times = [value for values in known.values() for value in values if value]
    scale = logarithmic(min(times, default=1.0), max(times, default=1.0))
    missing = f" No second has enough requests for {', '.join(unknown)}." if unknown else ""
    colours = {style.key: style.colour for style in _TIME_LINES}
    drawn = [
        LimitLine(limit.label, colours[limit.figure], scale.y(limit.ms))
        for limit in limits
        if limit.figure in colours and scale.low < limit.ms <= scale.high
    ]
    curves = [_curve(style, series, values, scale) for style, values in known.items()]
    return _chart(_Heading(_TIMES.name, _TIMES.title, _TIMES.note + missing, "ms"), series, scale, curves, drawn)


def _failures(series: LoadSeries) -> Chart:
    values = [value or 0.0 for value in series.figures["fps"]]
    scale = linear(max(values))
    curve = Curve("fps", "failures/s", "--bad", bars(values, series.edges, scale), area=True, lows=tuple(values))
    return _chart(_FAILURES, series, scale, [curve])


def _users(series: LoadSeries) -> Chart:
    """Users of each role, stacked; the last step is drawn to its end."""
    below = [0.0] * (len(series.edges) - 1)
    layers: list[tuple[str, list[float], list[float]]] = []
    for role in series.roles:
        above = [low + (value or 0) for low, value in zip(below, series.figures[role_key(role)], strict=True)]
        layers.append((role, below, above))
        below = above
    scale = linear(max(below), whole=True)
    curves = [
        Curve(
            role_key(role),
            clean(role.replace("_", " ")),
            f"--role-{index % _ROLE_COLOURS + 1}",
            steps(series.edges, lower, upper, scale),
            area=True,
            lows=series.figures[role_key(role)],
        )
        for index, (role, lower, upper) in enumerate(layers)
    ]
    return _chart(_USERS, series, scale, curves)


TimeByBin = dict[int, tuple[int, float]]
"""Number of the bin → requests, and their total response time in ms."""


def operations_chart(summary: Summary, series: LoadSeries, named: Iterable[str] = ()) -> Chart | None:
    """A line for each of at most six operations, `named` ones first; None without any response time."""
    times = _operation_times(summary, series)
    lines = {name: _averages(times[name], len(series.edges) - 1) for name in _shown(summary, times, named)}
    known = [value for values in lines.values() for value in values if value]
    if not known:
        return None
    scale = logarithmic(min(known), max(known))
    curves = [
        _curve(LineStyle(operation_key(name), clean(name), f"--role-{number}"), series, values, scale)
        for number, (name, values) in enumerate(lines.items(), 1)
    ]
    return _chart(_OPERATIONS, series, scale, curves)


def _operation_times(summary: Summary, series: LoadSeries) -> dict[str, TimeByBin]:
    times: dict[str, TimeByBin] = defaultdict(dict)
    start = summary.seconds[0].second
    minutes = {minute.second for minute in summary.minutes}
    for row in summary.second_rows:
        figures, second = row.statistics, int(row.period)
        if figures.avg_ms is not None and row.operation != ALL and second not in minutes:
            _add(times[row.operation], (second - start) // series.bin_s, figures.requests, figures.avg_ms)
    for (_role, operation), known in summary.operation_seconds.items():
        for second, requests, took_us in zip(known.seconds, known.requests, known.took_us, strict=True):
            _add(times[operation], (second - start) // series.bin_s, requests, took_us / requests / 1000)
    return times


def _add(times: TimeByBin, number: int, more: int, avg_ms: float) -> None:
    requests, total_ms = times.get(number, (0, 0.0))
    times[number] = (requests + more, total_ms + more * avg_ms)


def _shown(summary: Summary, times: Mapping[str, TimeByBin], named: Iterable[str]) -> Sequence[str]:
    """The named operations, then those with the most response time in the steady state, or in the run without one."""
    spent = {
        row.operation: row.statistics.requests * (row.statistics.avg_ms or 0.0)
        for row in summary.rows
        if row.period == STEADY and row.role == row.behaviour == ALL and row.operation != ALL
    }
    if not spent:
        spent = {name: sum(total for _, total in bins.values()) for name, bins in times.items()}
    ordered = (*named, *sorted(spent, key=lambda name: (-spent[name], name)))
    return [name for name in dict.fromkeys(ordered) if name in times][:_MAX_OPERATIONS]


def _averages(times: TimeByBin, count: int) -> Values:
    known = {number: rounded("ms", total_ms / requests) for number, (requests, total_ms) in times.items() if requests}
    return tuple(known.get(number) for number in range(count))
