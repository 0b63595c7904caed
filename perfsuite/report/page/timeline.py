"""Load, monitored metrics and findings on one time axis: charts, marks of findings, anchors of metrics."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from perfsuite.format import clock
from perfsuite.model import RunReport, Summary
from perfsuite.model.finding import Evidence, Finding
from perfsuite.model.monitor import PART
from perfsuite.report.page.charts import Chart, Mark, Period, Tick, TimeAxis
from perfsuite.report.page.load_charts import (
    LoadSeries,
    TimeLimit,
    load_charts,
    load_series,
    operation_key,
    operations_chart,
)
from perfsuite.report.page.monitors import MonitorGroup, monitor_groups
from perfsuite.report.text import clean
from perfsuite.timeseries import per_request, requests_by_second, tracks_of

_TICKS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400, 43200, 86400)
_MAX_TICKS = 12
_NAMED_FROM = 0.09
"""Share of the run from which on a period is wide enough for its name."""
_SHORT_NAME, _SHORT_NAMED_FROM = 5, 0.04
"""The same for a name of at most so many letters."""
_OF_SEARCH = "The loads that were tried are named at the top; what does not count is shaded"
_NEAR_PERCENT = 3.0
"""Marks closer to each other than this are stacked."""
_DRAWN_AS = {
    "avg_ms": "avg",
    "failure_rate": "fps",
    "pool.used_percent": "pool.checked_out",
    "postgres.connections_used_percent": "postgres.connections",
    "redis.memory_used_percent": "redis.memory_bytes",
}
"""Metric → the curve that shows it, in another unit."""
_SEE = {"machine.other_cpu_percent": "machine.cpu_percent"}
"""A metric that no chart shows → the metric whose chart comes closest."""


@dataclass(frozen=True, slots=True)
class MetricAnchor:
    """Where the page shows a metric. `curve`: the id of its line; "" if it has none."""

    anchor: str
    curve: str = ""


@dataclass(frozen=True, slots=True)
class ChartTimeline:
    """Everything on the time axis. `start_s`: the UTC second at which the axis begins. `shaded`: what is shaded."""

    axis: TimeAxis
    start_s: int
    load: tuple[Chart, ...]
    groups: tuple[MonitorGroup, ...]
    marks: tuple[Mark, ...]
    anchors: Mapping[str, MetricAnchor]
    shaded: str = "Ramp-up and ramp-down are shaded"

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts in reading order, including folded ones."""
        return (*self.load, *(chart for group in self.groups for chart in (*group.charts, *group.folded)))

    def anchor_of(self, evidence: Evidence) -> MetricAnchor | None:
        """Where the page shows the metric of an evidence, or the closest one; None if it shows neither."""
        operation = evidence.label.partition(" as ")[0] if evidence.metric == "avg_ms" else ""
        metric = evidence.metric
        for key in (operation_key(operation), _DRAWN_AS.get(metric, metric), metric):
            if key in self.anchors:
                return self.anchors[key]
        closest = self.anchors.get(_SEE.get(metric, ""))
        return MetricAnchor(closest.anchor) if closest else None


def curve_id(chart: Chart, number: int) -> str:
    """The id of a chart's curve, counted from 0."""
    return f"curve-{chart.name}-{number}"


def timeline_of(report: RunReport, limits: Sequence[TimeLimit]) -> ChartTimeline | None:
    """The time axis of a run with everything on it; None for a run of less than two seconds."""
    summary = report.summary
    visits = report.capacity.visits if report.capacity else ()
    series = load_series(summary.seconds, visits, summary.minutes)
    load = load_charts(series, limits)
    if not load:
        return None
    start_s = summary.seconds[0].second
    unusual = [finding for finding in report.findings if finding.unusual]
    slowest = operations_chart(summary, series, [finding.operation for finding in unusual if finding.operation])
    load[2:2] = [slowest] if slowest else []
    tracks = tracks_of(report.readings, start_s, series.length_s)
    requests = requests_by_second(summary.seconds, start_s, series.length_s)
    groups = monitor_groups([*tracks, *per_request(tracks, requests)], _steady(summary, start_s))
    axis = _axis(series)
    marks = _marks(unusual, start_s, axis)
    bare = ChartTimeline(axis, start_s, tuple(load), tuple(groups), marks, _anchors(load, groups))
    bare = replace(bare, shaded=_OF_SEARCH) if report.capacity else bare
    by_chart = _marks_by_chart(unusual, marks, bare)
    return replace(
        bare,
        load=tuple(replace(chart, marks=marks) for chart in load),
        groups=tuple(
            replace(group, charts=_marked(group.charts, by_chart), folded=_marked(group.folded, by_chart))
            for group in groups
        ),
    )


def _axis(series: LoadSeries) -> TimeAxis:
    length = series.length_s
    step = next((step for step in _TICKS_S if length <= step * _MAX_TICKS), _TICKS_S[-1])
    ticks = tuple(Tick(100.0 * second / length, clock(second)) for second in range(0, length + 1, step))
    wide = [period for period in series.periods if period.name and period.end - period.start >= _least(period) * length]
    # A stage that is steady in part only has its name where it begins.
    firsts = [period for number, period in enumerate(wide) if not number or wide[number - 1].name != period.name]
    names = tuple(Tick(100.0 * period.start / length, period.name) for period in firsts)
    return TimeAxis(length, ticks, series.periods, names)


def _least(period: Period) -> float:
    return _SHORT_NAMED_FROM if len(period.name) <= _SHORT_NAME else _NAMED_FROM


def _steady(summary: Summary, start_s: int) -> tuple[int, int] | None:
    if summary.steady_start is None or summary.steady_end is None:
        return None
    return summary.steady_start - start_s, summary.steady_end - start_s


def _marks(unusual: Sequence[Finding], start_s: int, axis: TimeAxis) -> tuple[Mark, ...]:
    """A mark for each finding with a time within the run, numbered like the findings."""
    timed = sorted(
        (finding.at_s - start_s, number, finding.headline)
        for number, finding in enumerate(unusual, 1)
        if finding.at_s is not None and start_s <= finding.at_s < start_s + axis.length_s
    )
    marks: list[Mark] = []
    for at_s, number, headline in timed:
        near = [mark.level for mark in marks if axis.at(at_s) - axis.at(mark.at_s) < _NEAR_PERCENT]
        level = next(level for level in range(len(near) + 1) if level not in near)
        marks.append(Mark(number, at_s, clean(headline), level))
    return tuple(marks)


def _anchors(load: Sequence[Chart], groups: Iterable[MonitorGroup]) -> dict[str, MetricAnchor]:
    """Metric → where it is shown; the first place if several charts show it. A part is found under its whole."""
    anchors: dict[str, MetricAnchor] = {}
    for group in groups:
        if group.constant:
            anchors |= {row[-1].text: MetricAnchor(group.constant.name) for row in group.constant.rows}
        for chart in (*group.charts, *group.folded):
            anchors |= _anchors_in(chart)
    for chart in reversed(load):
        anchors |= _anchors_in(chart)
    return anchors


def _anchors_in(chart: Chart) -> dict[str, MetricAnchor]:
    anchor = f"chart-{chart.name}"
    wholes = {curve.key.partition(PART)[0]: MetricAnchor(anchor) for curve in chart.curves}
    curves = {curve.key: MetricAnchor(anchor, curve_id(chart, number)) for number, curve in enumerate(chart.curves)}
    return wholes | curves


def _marks_by_chart(
    unusual: Sequence[Finding], marks: Sequence[Mark], timeline: ChartTimeline
) -> dict[str, list[Mark]]:
    """Anchor of a chart → the marks of the findings with evidence in it."""
    found: dict[str, list[Mark]] = {}
    for mark in marks:
        anchors = (timeline.anchor_of(evidence) for evidence in unusual[mark.number - 1].evidence)
        for anchor in dict.fromkeys(each.anchor for each in anchors if each):
            found.setdefault(anchor, []).append(mark)
    return found


def _marked(charts: Iterable[Chart], marks: Mapping[str, Sequence[Mark]]) -> tuple[Chart, ...]:
    return tuple(replace(chart, marks=tuple(marks.get(f"chart-{chart.name}", ()))) for chart in charts)
