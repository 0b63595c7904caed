"""Monitored metrics as charts below those of the load, grouped by component; metrics that never change as a table."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.format import UNKNOWN, duration, plural, quantity, setting
from perfsuite.model.monitor import METRICS, PART, Direction
from perfsuite.report.page.charts import Chart, Curve, LimitLine, Scale, Values, dots, line, linear, ticks_of
from perfsuite.report.page.panels import COMPONENTS, Component, Panel
from perfsuite.report.page.tables import Cell, Column, PageTable
from perfsuite.report.text import clean, exact, heading, rounded
from perfsuite.timeseries import Floats, Track, bin_width, extremes, middle, thinned

_COLOURS = ("--line-avg", "--line-p95", "--line-p50", "--line-p99")
_OTHERS = "--line-max"
_NAMED_PARTS = 3
"""Cores or processes with a line of their own if there are more of them than colours."""
_NEAR_LIMIT = 0.25
"""Share of its limit from which on the scale includes the limit; below, the curve would be too flat to read."""
_FAR_FROM_ZERO = 0.5
_TICKS = 3
_UNIT_NAMES = {
    "percent": "%",
    "count": "",
    "rows": "",
    "bytes": "",
    "bytes per second": "per s",
    "per second": "per s",
    "ms per second": "ms per s",
}
_ABBREVIATIONS = {
    "cpu": "CPU",
    "tcp": "TCP",
    "wal": "write-ahead log",
    "temp": "temporary files",
    "lwlock": "internal lock",
}
_LABELS = {
    "network.errors_refused_per_s": "refused connections",
    "network.errors_reset_per_s": "reset connections",
    "network.errors_timeout_per_s": "timeouts",
    "machine.tcp_retransmitted_percent": "TCP retransmissions",
    "postgres.waits_lock": "waits for row or table locks",
    "postgres.waits_lwlock": "waits for internal locks",
    "postgres.locks_waiting": "locks not granted",
}
"""Metrics whose name does not read well as a label."""
_UNITS_IN_NAMES = ("_bytes_per_s", "_ms_per_s", "_per_s", "_percent", "_bytes", "_ms", "_s")


@dataclass(frozen=True, slots=True)
class MonitorGroup:
    """The metrics of a component. `summary`: its main constant metrics in a line; `constant`: all of them."""

    name: str
    title: str
    charts: tuple[Chart, ...]
    folded: tuple[Chart, ...]
    summary: str
    constant: PageTable | None

    @property
    def fold_title(self) -> str:
        """ "2 more charts, 5 constant metrics": the folded content in words; "" for none."""
        charts = plural(len(self.folded), "more chart", "more charts") if self.folded else ""
        constant = plural(len(self.constant.rows), "constant metric") if self.constant else ""
        return ", ".join(part for part in (charts, constant) if part)


@dataclass(frozen=True, slots=True)
class _Tracks:
    """All tracks of a run. `steady`: the steady state in seconds since the start; `width`: seconds per bin."""

    wholes: Mapping[str, Track]
    parts: Mapping[str, Sequence[Track]]
    steady: tuple[int, int] | None
    width: int


def component_of(metric: str) -> str:
    """The name of the component that a metric belongs to; its prefix if no component is known."""
    fitting = [
        (len(prefix), component.name)
        for component in COMPONENTS
        for prefix in component.prefixes
        if metric.startswith(prefix)
    ]
    return max(fitting)[1] if fitting else metric.partition(".")[0]


def label_of(metric: str) -> str:
    """The plain name of a metric: "postgres.block_reads_per_s" → "block reads"."""
    if metric in _LABELS:
        return _LABELS[metric]
    name = metric.partition(".")[2] or metric
    suffix = next((suffix for suffix in _UNITS_IN_NAMES if name.endswith(suffix)), "")
    return " ".join(_ABBREVIATIONS.get(part, part) for part in name.removesuffix(suffix).split("_"))


def _meaning(metric: str) -> str:
    return METRICS[metric].meaning if metric in METRICS else ""


def _part(track: Track) -> str:
    """The part that a source names: "machine/core 3" → "core 3"; "" for a whole."""
    return track.source.partition(PART)[2]


def monitor_groups(tracks: Sequence[Track], steady: tuple[int, int] | None) -> list[MonitorGroup]:
    """A group for each monitored component, in a fixed order, unknown components last."""
    if not tracks:
        return []
    wholes: dict[str, Track] = {}
    parts: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        if track.is_part or track.metric in wholes:
            parts[track.metric].append(track)
        else:
            wholes[track.metric] = track
    found = _Tracks(wholes, parts, steady, bin_width(len(tracks[0].values)))
    known = {component.name for component in COMPONENTS}
    read = dict.fromkeys(component_of(track.metric) for track in tracks)
    others = [Component(name, heading(name.replace("_", " ")), (), (f"{name}.",)) for name in read if name not in known]
    groups = (_group(component, found) for component in (*COMPONENTS, *others) if component.name in read)
    return [group for group in groups if group.charts or group.folded or group.constant]


def _group(component: Component, tracks: _Tracks) -> MonitorGroup:
    own = {name: track for name, track in tracks.wholes.items() if component_of(name) == component.name}
    parts = {name: found for name, found in tracks.parts.items() if component_of(name) == component.name}
    in_panels = {metric for panel in component.panels for metric in panel.lines}
    panels = [*component.panels, *(_panel_of(name) for name in own if name not in in_panels)]
    drawn = [(panel.shown, chart) for panel in panels if (chart := _chart(panel, own, tracks)) is not None]
    of_parts = [chart for name, found in parts.items() if (chart := _parts_chart(name, found, tracks)) is not None]
    constant = [
        track for track in (*own.values(), *(one for found in parts.values() for one in found)) if not track.varies
    ]
    main = {metric for panel in component.panels if panel.shown for metric in panel.lines}
    return MonitorGroup(
        name=component.name,
        title=component.title,
        charts=_timed([chart for shown, chart in drawn if shown]),
        folded=_timed([*(chart for shown, chart in drawn if not shown), *of_parts]),
        summary=_summary([track for track in constant if track.metric in main]),
        constant=_constant_table(component, constant),
    )


def _timed(charts: Sequence[Chart]) -> tuple[Chart, ...]:
    """The charts, with times below the last one."""
    return tuple(replace(chart, timed=chart is charts[-1]) for chart in charts)


def _panel_of(metric: str) -> Panel:
    """A folded chart for a metric that no panel has, with its meaning as a note."""
    meaning = heading(_meaning(metric))
    note = f"{meaning}." if meaning else ""
    return Panel(_id(metric), heading(label_of(metric)), {metric: metric}, note, shown=False)


def _id(metric: str) -> str:
    """The metric as the name of a chart, without characters that have a meaning in links or CSS."""
    return re.sub(r"[^A-Za-z0-9]+", "-", metric)


def _chart(panel: Panel, own: Mapping[str, Track], tracks: _Tracks) -> Chart | None:
    """The metrics of a panel that change; None if none does."""
    drawn = [own[metric] for metric in panel.lines if metric in own and own[metric].varies]
    if not drawn:
        return None
    limits = {track.metric: limit for track in drawn if (limit := _limit(track.metric, tracks.wholes)) is not None}
    scale = _scale(drawn, limits, close=panel.close)
    colours = dict(zip(panel.lines, _COLOURS, strict=False))
    chart = _empty_chart(panel.name, panel.title, drawn[0].unit, scale)
    return replace(
        chart,
        note=panel.note,
        curves=tuple(
            _curve(track, panel.lines[track.metric], colours.get(track.metric, _OTHERS), scale, tracks)
            for track in drawn
        ),
        limits=_limit_lines(
            {colours.get(metric, _OTHERS): limit for metric, limit in limits.items()}, scale, chart.unit
        ),
        bin_s=tracks.width,
        worst="min" if _falls(drawn[0].metric) else "max",
    )


def _empty_chart(name: str, title: str, unit: str, scale: Scale) -> Chart:
    unit_name = _UNIT_NAMES.get(unit, unit)
    texts = [
        quantity(value, unit).removesuffix("/s") if value and unit.startswith("bytes") else setting(value)
        for value in scale.ticks
    ]
    title = f"{title}, {unit_name}" if unit_name else title
    return Chart(name, title, unit, "", (), ticks_of(scale, texts), tall=False)


def _limit(metric: str, tracks: Mapping[str, Track]) -> float | None:
    """The value at which a metric saturates, as last read; None if unknown."""
    known = METRICS.get(metric)
    if known is None or known.limit_metric is None:
        return known.limit if known else None
    limit = tracks.get(known.limit_metric)
    return float(limit.known[-1]) if limit is not None and limit.known.size else None


def _scale(drawn: Sequence[Track], limits: Mapping[str, float], *, close: bool) -> Scale:
    highest, lowest = (float(find([find(track.known) for track in drawn])) for find in (np.max, np.min))
    tops = [limit for track in drawn if (limit := limits.get(track.metric)) and max(track.known) >= _NEAR_LIMIT * limit]
    unit = drawn[0].unit
    ceiling = 100.0 if unit == "percent" and _falls(drawn[0].metric) else math.inf
    bottom = lowest if close and lowest >= _FAR_FROM_ZERO * highest and not tops else 0.0
    return linear(max(highest, *tops, 0.0), bottom, most=_TICKS, whole=unit == "count", ceiling=ceiling)


def _falls(metric: str) -> bool:
    """True if low values are the bad ones."""
    return metric in METRICS and METRICS[metric].direction is Direction.LOWER_IS_WORSE


def _curve(track: Track, label: str, colour: str, scale: Scale, tracks: _Tracks) -> Curve:
    lows, highs = extremes(track.values, tracks.width)
    begin, end = tracks.steady or (0, len(track.values))
    steady = track.values[begin:end]
    known = steady[~np.isnan(steady)]
    gaps = _gaps(track, steady)
    worst = np.min if _falls(track.metric) else np.max
    part, points = _part(track), thinned(track.values, tracks.width)
    return Curve(
        clean(f"{track.metric}{PART}{part}" if part else track.metric),
        clean(label),
        colour,
        line(points, scale),
        dots(points, scale),
        median=quantity(middle(known), track.unit) if known.size else UNKNOWN,
        worst=quantity(float(worst(known)), track.unit) if known.size else UNKNOWN,
        gaps=f"no data for {duration(gaps)}" if gaps else "",
        hint=clean(": ".join(part for part in (track.metric, _meaning(track.metric)) if part)),
        lows=_rounded(lows),
        highs=_rounded(highs) if tracks.width > 1 else (),
    )


def _gaps(track: Track, values: Floats) -> int:
    """Seconds without a value. A part, such as a process, begins when it is first seen."""
    known = np.flatnonzero(~np.isnan(values))
    first = int(known[0]) if known.size else values.size
    return int(values.size - known.size - (first if track.is_part else 0))


def _rounded(values: Floats) -> Values:
    return tuple(rounded("value", value) for value in values.tolist())


def _limit_lines(limits: Mapping[str, float], scale: Scale, unit: str) -> tuple[LimitLine, ...]:
    """Each limit once, in the colour of the first metric that has it."""
    by_value: dict[float, str] = {}
    for colour, value in limits.items():
        by_value.setdefault(value, colour)
    return tuple(
        LimitLine(f"limit {quantity(value, unit)}", colour, scale.y(value) if value <= scale.high else None)
        for value, colour in by_value.items()
    )


def _parts_chart(metric: str, parts: Sequence[Track], tracks: _Tracks) -> Chart | None:
    """Cores of a machine or processes of a server: the busiest by name, the others together in one colour."""
    drawn = sorted((track for track in parts if track.varies), key=lambda track: max(track.known), reverse=True)
    if not drawn:
        return None
    scale = _scale(drawn, {}, close=False)
    named = len(drawn) if len(drawn) <= len(_COLOURS) else _NAMED_PARTS
    curves = [
        _curve(track, _part(track) or track.source, colour, scale, tracks)
        for track, colour in zip(drawn[:named], _COLOURS, strict=False)
    ]
    if others := drawn[named:]:
        curves.insert(0, _together(others, scale, tracks.width))
    chart = _empty_chart(f"parts-{_id(metric)}", heading(label_of(metric)), drawn[0].unit, scale)
    note = "The busiest have a line of their own." if others else ""
    return replace(chart, note=note, curves=tuple(curves), bin_s=tracks.width)


def _together(others: Sequence[Track], scale: Scale, width: int) -> Curve:
    path = "".join(line(thinned(track.values, width), scale) for track in others)
    bins = [extremes(track.values, width) for track in others]
    lows = _rounded(np.fmin.reduce([low for low, _ in bins]))
    highs = _rounded(np.fmax.reduce([high for _, high in bins]))
    return Curve("others", f"{len(others)} others", _OTHERS, path, lows=lows, highs=highs)


def _summary(constant: Iterable[Track]) -> str:
    """ "listen queue 0, deadlocks 0/s"; "" for none."""
    return clean(
        ", ".join(
            f"{label_of(track.metric)} {quantity(float(track.known[0]), track.unit)}"
            for track in constant
            if track.known.size and not track.metric.endswith(".up")
        )
    )


def _constant_table(component: Component, constant: Sequence[Track]) -> PageTable | None:
    columns = (Column("Name", number=False), Column("Value"), Column("Metric", number=False))
    caption = "Metrics with the same value throughout the run; – if there was never a reading."
    title = f"{component.title}: constant metrics"
    rows = tuple(_constant_rows(constant))
    return PageTable(f"constant-{component.name}", title, caption, columns, rows) if rows else None


def _constant_rows(constant: Iterable[Track]) -> Iterator[tuple[Cell, ...]]:
    for track in constant:
        part = _part(track)
        label = f"{label_of(track.metric)} ({part})" if part else label_of(track.metric)
        known = float(track.known[0]) if track.known.size else None
        value = (
            Cell(UNKNOWN, title="no reading")
            if known is None
            else Cell(quantity(known, track.unit), exact(rounded("value", known)))
        )
        yield Cell(clean(label), title=_meaning(track.metric)), value, Cell(clean(track.metric), code=True)
