"""The monitors' figures as charts under those of the load, by what is watched; what never moved as a table."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.model.monitor import METRICS, PART, Direction
from perfsuite.model.units import amount, number
from perfsuite.report.figures import UNKNOWN, exact, rounded
from perfsuite.report.page.charts import Chart, Curve, Rule, Scale, dots, line, linear, ticks_of
from perfsuite.report.page.panels import COMPONENTS, Component, Panel, component_of, label_of, meaning_of, part_of
from perfsuite.report.page.tables import Cell, Column, Table
from perfsuite.report.text import clean, heading, plural
from perfsuite.timeseries import Floats, Track, bin_width, extremes, middle, thinned

_COLOURS = ("--line-avg", "--line-p95", "--line-p50", "--line-p99")
_OTHERS = "--line-max"
_MOST_PARTS = 3
"""Cores or processes that get a line of their own where there are more than a chart can tell apart."""
_NEAR_LIMIT = 0.25
"""A limit is drawn where the figure comes to this share of it; else the curve would lie flat on the ground."""
_FAR_FROM_ZERO = 0.5
_TICKS = 3
_UNIT_WORDS = {
    "percent": "%",
    "count": "",
    "rows": "",
    "bytes": "",
    "bytes per second": "per s",
    "per second": "per s",
    "ms per second": "ms per s",
}


@dataclass(frozen=True, slots=True)
class Group:
    """What is watched as one thing. `level`: main figures that stood still; `still`: all that did, as a table."""

    name: str
    title: str
    charts: tuple[Chart, ...]
    folded: tuple[Chart, ...]
    level: str
    still: Table | None

    @property
    def fold_title(self) -> str:
        """What the folded part holds, in words; "" for nothing."""
        more = plural(len(self.folded), "more chart", "more charts") if self.folded else ""
        still = f"{plural(len(self.still.rows), 'figure')} that stood still" if self.still else ""
        return " and ".join(part for part in (more, still) if part)


@dataclass(frozen=True, slots=True)
class Watched:
    """All tracks of a run. `steady`: begin and end of the steady state in seconds since the start."""

    tracks: Mapping[str, Track]
    parts: Mapping[str, Sequence[Track]]
    steady: tuple[int, int] | None
    width: int


def groups_of(tracks: Sequence[Track], steady: tuple[int, int] | None) -> list[Group]:
    """A group for each component that was read, in a fixed order, unknown ones last; [] where nothing was read."""
    if not tracks:
        return []
    wholes: dict[str, Track] = {}
    parts: dict[str, list[Track]] = defaultdict(list)
    for track in tracks:
        if track.is_part or track.metric in wholes:
            parts[track.metric].append(track)
        else:
            wholes[track.metric] = track
    watched = Watched(wholes, parts, steady, bin_width(len(tracks[0].values)))
    names = {component.name: component for component in COMPONENTS}
    read = dict.fromkeys(component_of(track.metric) for track in tracks)
    others = [Component(name, heading(name.replace("_", " ")), (), (f"{name}.",)) for name in read if name not in names]
    found = (_group(component, watched) for component in (*COMPONENTS, *others) if component.name in read)
    return [group for group in found if group.charts or group.folded or group.still]


def _group(component: Component, watched: Watched) -> Group:
    own = {name: track for name, track in watched.tracks.items() if component_of(name) == component.name}
    in_panels = {metric for panel in component.panels for metric in panel.lines}
    panels = [*component.panels, *(_panel_of(name) for name in own if name not in in_panels)]
    drawn = [(panel.shown, chart) for panel in panels if (chart := _chart(panel, own, watched)) is not None]
    shown = _timed([chart for is_shown, chart in drawn if is_shown])
    parts = {name: found for name, found in watched.parts.items() if component_of(name) == component.name}
    of_parts = [chart for name, found in parts.items() if (chart := _parts_chart(name, found, watched)) is not None]
    folded = _timed([*(chart for is_shown, chart in drawn if not is_shown), *of_parts])
    still = [
        track for track in (*own.values(), *(one for found in parts.values() for one in found)) if not track.varies
    ]
    main = {metric for panel in component.panels if panel.shown for metric in panel.lines}
    return Group(component.name, component.title, shown, folded, _level(still, main), _still(component, still))


def _timed(charts: Sequence[Chart]) -> tuple[Chart, ...]:
    """The times stand below the last of them."""
    return tuple(replace(chart, timed=chart is charts[-1]) for chart in charts)


def _panel_of(metric: str) -> Panel:
    """A folded chart of its own for what shares no panel; its meaning stands beside it."""
    meaning = heading(meaning_of(metric))
    return Panel(
        _id(metric), heading(label_of(metric)), {metric: metric}, f"{meaning}." if meaning else "", shown=False
    )


def _id(metric: str) -> str:
    """The metric as a name for a chart: no character that would have a meaning in a link or in a style."""
    return re.sub(r"[^A-Za-z0-9]+", "-", metric)


def _chart(panel: Panel, own: Mapping[str, Track], watched: Watched) -> Chart | None:
    """The lines of a panel that moved; None where none did."""
    drawn = [own[metric] for metric in panel.lines if metric in own and own[metric].varies]
    if not drawn:
        return None
    limits = {track.metric: limit for track in drawn if (limit := _limit(track.metric, watched.tracks)) is not None}
    scale = _scale(drawn, limits, close=panel.close)
    curves = []
    colours = dict(zip(panel.lines, _COLOURS, strict=False))
    for track in drawn:
        curve = _curve(track, panel.lines[track.metric], colours.get(track.metric, _OTHERS), scale, watched)
        curves.append(curve)
    rules = _rules({colours.get(metric, _OTHERS): value for metric, value in limits.items()}, scale, drawn[0].unit)
    chart = _bare(panel.name, panel.title, panel.note, drawn[0].unit, scale)
    worst = "least" if _falls(drawn[0].metric) else "most"
    return replace(chart, curves=tuple(curves), rules=rules, bin_s=watched.width, worst=worst)


def _bare(name: str, title: str, note: str, unit: str, scale: Scale) -> Chart:
    word = _UNIT_WORDS.get(unit, unit)
    texts = [
        amount(value, unit).removesuffix("/s") if value and unit.startswith("bytes") else number(value)
        for value in scale.ticks
    ]
    return Chart(name, f"{title}, {word}" if word else title, unit, note, (), ticks_of(scale, texts), tall=False)


def _limit(metric: str, tracks: Mapping[str, Track]) -> float | None:
    """Where a metric saturates, as it was read last; None where nothing says so."""
    known = METRICS.get(metric)
    if known is None or known.limit_metric is None:
        return known.limit if known else None
    limit = tracks.get(known.limit_metric)
    return float(limit.known[-1]) if limit is not None and limit.known.size else None


def _scale(drawn: Sequence[Track], limits: Mapping[str, float], *, close: bool) -> Scale:
    values = [float(value) for track in drawn for value in track.known]
    highest, lowest = max(values), min(values)
    tops = [limit for track in drawn if (limit := limits.get(track.metric)) and max(track.known) >= _NEAR_LIMIT * limit]
    unit = drawn[0].unit
    ceiling = 100.0 if unit == "percent" and _falls(drawn[0].metric) else math.inf
    bottom = lowest if close and lowest >= _FAR_FROM_ZERO * highest and not tops else 0.0
    return linear(max(highest, *tops, 0.0), bottom, most=_TICKS, whole=unit == "count", ceiling=ceiling)


def _falls(metric: str) -> bool:
    """True where it is the fall that is bad."""
    return metric in METRICS and METRICS[metric].direction is Direction.LOWER_IS_WORSE


def _curve(track: Track, label: str, colour: str, scale: Scale, watched: Watched) -> Curve:
    lows, highs = extremes(track.values, watched.width)
    begin, end = watched.steady or (0, len(track.values))
    within = track.values[begin:end]
    known = within[~np.isnan(within)]
    gaps = _gaps(track, within)
    worst = np.min if _falls(track.metric) else np.max
    part, points = part_of(track.source), thinned(track.values, watched.width)
    return Curve(
        clean(f"{track.metric}{PART}{part}" if part else track.metric),
        clean(label),
        colour,
        line(points, scale),
        dots(points, scale),
        usual=amount(middle(known), track.unit) if known.size else UNKNOWN,
        worst=amount(float(worst(known)), track.unit) if known.size else UNKNOWN,
        gaps=f"{gaps:,} s of gaps" if gaps else "",
        hint=clean(": ".join(part for part in (track.metric, meaning_of(track.metric)) if part)),
        lows=_short(lows),
        highs=_short(highs) if watched.width > 1 else (),
    )


def _gaps(track: Track, within: Floats) -> int:
    """Seconds without a value. A part begins when it is first seen: a process that was started, an event."""
    known = np.flatnonzero(~np.isnan(within))
    first = int(known[0]) if known.size else within.size
    return int(within.size - known.size - (first if track.is_part else 0))


def _short(values: Floats) -> tuple[float | None, ...]:
    return tuple(rounded("value", value) for value in values.tolist())


def _rules(limits: Mapping[str, float], scale: Scale, unit: str) -> tuple[Rule, ...]:
    """Each limit once, in the colour of the first line that it is for."""
    by_value: dict[float, str] = {}
    for colour, value in limits.items():
        by_value.setdefault(value, colour)
    return tuple(
        Rule(f"limit {amount(value, unit)}", colour, scale.y(value) if value <= scale.high else None)
        for value, colour in by_value.items()
    )


def _parts_chart(metric: str, parts: Sequence[Track], watched: Watched) -> Chart | None:
    """The cores of a machine, the processes of a server: the busiest by name, the others together in one colour."""
    moved = sorted((track for track in parts if track.varies), key=lambda track: max(track.known), reverse=True)
    if not moved:
        return None
    scale = _scale(moved, {}, close=False)
    named = len(moved) if len(moved) <= len(_COLOURS) else _MOST_PARTS
    curves = [
        _curve(track, part_of(track.source) or track.source, colour, scale, watched)
        for track, colour in zip(moved[:named], _COLOURS, strict=False)
    ]
    if others := moved[named:]:
        curves.insert(0, _together(others, scale, watched))
    label = heading(label_of(metric))
    chart = _bare(f"parts-{_id(metric)}", label, "", moved[0].unit, scale)
    return replace(chart, note="The busiest by name." if others else "", curves=tuple(curves), bin_s=watched.width)


def _together(others: Sequence[Track], scale: Scale, watched: Watched) -> Curve:
    path = "".join(line(thinned(track.values, watched.width), scale) for track in others)
    bins = [extremes(track.values, watched.width) for track in others]
    lows = np.fmin.reduce([low for low, _ in bins])
    highs = np.fmax.reduce([high for _, high in bins])
    return Curve("others", f"{len(others)} others", _OTHERS, path, lows=_short(lows), highs=_short(highs))


def _level(still: Iterable[Track], main: set[str]) -> str:
    """The main figures that stood still, with their value: "listen queue 0, deadlocks 0/s"; "" for none."""
    level = (
        f"{label_of(track.metric)} {amount(float(track.known[0]), track.unit)}"
        for track in still
        if track.metric in main and track.known.size and not track.metric.endswith(".up")
    )
    return clean(", ".join(level))


def _still(component: Component, still: Sequence[Track]) -> Table | None:
    """What never moved, with its one value; None where everything did."""
    columns = (Column("Figure", number=False), Column("Value"), Column("Metric", number=False))
    rows = tuple(_still_rows(still))
    caption = "One value for the whole run. – where there were only gaps."
    return Table(f"still-{component.name}", f"{component.title}: stood still", caption, columns, rows) if rows else None


def _still_rows(still: Iterable[Track]) -> Iterator[tuple[Cell, ...]]:
    for track in still:
        part = part_of(track.source)
        label = f"{label_of(track.metric)} ({part})" if part else label_of(track.metric)
        known = float(track.known[0]) if track.known.size else None
        value = (
            Cell(UNKNOWN, title="only gaps")
            if known is None
            else Cell(amount(known, track.unit), exact(rounded("value", known)))
        )
        yield Cell(clean(label), title=meaning_of(track.metric)), value, Cell(clean(track.metric), code=True)
