"""Load, monitors and findings on one time axis: which charts, which marks in them, and where a figure is drawn."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from perfsuite.model import RunReport, Summary
from perfsuite.model.finding import Evidence, Finding
from perfsuite.model.monitor import PART
from perfsuite.report.page.charts import Axis, Chart, Mark, axis_of
from perfsuite.report.page.load_charts import Limit, load_charts, operation_key, operations_chart
from perfsuite.report.page.monitors import Group, groups_of
from perfsuite.report.page.series import course_of
from perfsuite.report.text import clean
from perfsuite.timeseries import per_request, requests_by_second, tracks_of

_NEAR_PERCENT = 3.0
"""Marks that are nearer to each other stand one below the other."""
_SAME_COURSE = {
    "avg_ms": "avg",
    "failure_rate": "fps",
    "pool.used_percent": "pool.checked_out",
    "postgres.connections_used_percent": "postgres.connections",
    "redis.memory_used_percent": "redis.memory_bytes",
}
"""Figures that are drawn as another one, of which they are a share."""
_BESIDE = {"machine.other_cpu_percent": "machine.cpu_percent"}
"""Figures that findings make from several, and the one of these that shows best what they tell."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a figure is found on the page. `curve`: the id of its line, to be drawn small; "" where it has none."""

    anchor: str
    curve: str = ""


@dataclass(frozen=True, slots=True)
class Timeline:
    """Everything that has a time, on one axis. `start_s`: the UTC second at which the axis begins."""

    axis: Axis
    start_s: int
    load: tuple[Chart, ...]
    groups: tuple[Group, ...]
    marks: tuple[Mark, ...]
    places: Mapping[str, Place]

    @property
    def charts(self) -> tuple[Chart, ...]:
        """All charts, folded ones included, in reading order."""
        return (*self.load, *(chart for group in self.groups for chart in (*group.charts, *group.folded)))

    def place_of(self, evidence: Evidence) -> Place | None:
        """The same, of one operation where the figure is its response time."""
        operation = evidence.label.partition(" as ")[0] if evidence.metric == "avg_ms" else ""
        return self.places.get(operation_key(operation)) or self.place(evidence.metric)

    def place(self, metric: str) -> Place | None:
        """Where a figure of a finding is drawn, or told, or what comes nearest to it; None where nothing does."""
        same = self.places.get(_SAME_COURSE.get(metric, metric)) or self.places.get(metric)
        if same is not None:
            return same
        beside = self.places.get(_BESIDE.get(metric, ""))
        return Place(beside.anchor) if beside else None


def curve_id(chart: Chart, number: int) -> str:
    """The id of a curve of a chart, counted from 0."""
    return f"curve-{chart.name}-{number}"


def timeline_of(report: RunReport, limits: Sequence[Limit]) -> Timeline | None:
    """The time axis of a run with all that stands on it; None for a run of less than two seconds."""
    summary = report.summary
    course = course_of(summary.seconds)
    load = load_charts(course, limits)
    if not load:
        return None
    start_s = summary.seconds[0].second
    unusual = [finding for finding in report.findings if finding.unusual]
    slowest = operations_chart(summary, course, [finding.operation for finding in unusual if finding.operation])
    load[2:2] = [slowest] if slowest else []
    tracks = tracks_of(report.readings, start_s, course.length_s)
    sent = requests_by_second(summary.seconds, start_s, course.length_s)
    groups = groups_of([*tracks, *per_request(tracks, sent)], _steady(summary, start_s))
    axis = axis_of(course)
    marks = _marks(unusual, start_s, axis)
    bare = Timeline(axis, start_s, tuple(load), tuple(groups), marks, _places(load, groups))
    marked = _marks_by_chart(unusual, marks, bare)
    return replace(
        bare,
        load=tuple(replace(chart, marks=marks) for chart in load),
        groups=tuple(
            replace(group, charts=_marked(group.charts, marked), folded=_marked(group.folded, marked))
            for group in groups
        ),
    )


def _steady(summary: Summary, start_s: int) -> tuple[int, int] | None:
    if summary.steady_start is None or summary.steady_end is None:
        return None
    return summary.steady_start - start_s, summary.steady_end - start_s


def _marks(unusual: Sequence[Finding], start_s: int, axis: Axis) -> tuple[Mark, ...]:
    """A mark for each finding that has a moment within the run; findings are numbered as they are shown."""
    moments = sorted(
        (finding.at_s - start_s, number, finding.headline)
        for number, finding in enumerate(unusual, 1)
        if finding.at_s is not None and start_s <= finding.at_s < start_s + axis.length_s
    )
    marks: list[Mark] = []
    for at_s, number, headline in moments:
        near = [mark.level for mark in marks if axis.at(at_s) - axis.at(mark.at_s) < _NEAR_PERCENT]
        level = next(level for level in range(len(near) + 1) if level not in near)
        marks.append(Mark(number, at_s, clean(headline), level))
    return tuple(marks)


def _places(load: Sequence[Chart], groups: Iterable[Group]) -> dict[str, Place]:
    """Metric or figure → its place; of a figure that several charts have, the first. A part is found as its whole."""
    places: dict[str, Place] = {}
    for group in groups:
        if group.still:
            places |= {row[-1].text: Place(group.still.name) for row in group.still.rows}
        for chart in (*group.charts, *group.folded):
            places |= _places_in(chart)
    for chart in reversed(load):
        places |= _places_in(chart)
    return places


def _places_in(chart: Chart) -> dict[str, Place]:
    anchor = f"chart-{chart.name}"
    wholes = {curve.key.partition(PART)[0]: Place(anchor) for curve in chart.curves}
    return wholes | {curve.key: Place(anchor, curve_id(chart, number)) for number, curve in enumerate(chart.curves)}


def _marks_by_chart(unusual: Sequence[Finding], marks: Sequence[Mark], timeline: Timeline) -> dict[str, list[Mark]]:
    """Anchor of a chart → the marks of the findings that have evidence in it."""
    found: dict[str, list[Mark]] = {}
    for mark in marks:
        places = (timeline.place_of(evidence) for evidence in unusual[mark.number - 1].evidence)
        for anchor in dict.fromkeys(place.anchor for place in places if place):
            found.setdefault(anchor, []).append(mark)
    return found


def _marked(charts: Iterable[Chart], marks: Mapping[str, Sequence[Mark]]) -> tuple[Chart, ...]:
    return tuple(replace(chart, marks=tuple(marks.get(f"chart-{chart.name}", ()))) for chart in charts)
