"""What the monitors read, on the seconds of the load: by second, thinned for a curve, and in bins for the pointer."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import median

from perfsuite.model.monitor import Reading
from perfsuite.report.page.charts import Point

MOST_POINTS = 400
"""Of a curve, each bin giving its lowest and its highest."""

SMOOTH_S = 5
"""Requests and what they ask for fall into neighbouring seconds; their ratio is taken over so many."""
PER_REQUEST = {
    "postgres.statements_per_request": ("postgres.statements_calls_per_s", ""),
    "postgres.rows_read_per_request": ("postgres.rows_read_per_s", ""),
    "postgres.execution_ms_per_request": ("postgres.statements_exec_ms_per_s", "ms"),
    "redis.lookups_per_request": ("redis.lookups_per_s", ""),
    "postgres.full_scans_per_request": ("postgres.full_scans_per_s", ""),
}
"""What is made from a metric and the requests of the same seconds, as findings name it, and its unit."""

Values = Sequence[float | None]


@dataclass(frozen=True, slots=True)
class Track:
    """One metric of one source, a value for each second of the run; None where it was not read, or was a gap.

    A reading at T tells of the second that ends at T, so it stands beside the requests that were due in that second.
    """

    source: str
    metric: str
    unit: str
    part: bool
    values: list[float | None] = field(default_factory=list)

    @property
    def known(self) -> list[float]:
        """The values that were read, in time order."""
        return [value for value in self.values if value is not None]

    @property
    def moved(self) -> bool:
        """False where all that is known of it is one value, or nothing."""
        known = self.known
        return bool(known) and min(known) != max(known)


def tracks_of(readings: Sequence[Reading], start_s: int, length_s: int) -> list[Track]:
    """A track for each source and metric that was read, in the order of their first readings.

    What was read before the load or after it is left out, and so is a metric that was read only then.
    """
    tracks: dict[tuple[str, str], Track] = {}
    for reading in readings:
        place = math.ceil(reading.at_s) - 1 - start_s
        if not 0 <= place < length_s:
            continue
        key = (reading.source, reading.metric)
        track = tracks.get(key)
        if track is None:
            nothing: list[float | None] = [None] * length_s
            track = tracks[key] = Track(reading.source, reading.metric, reading.unit, reading.is_part, nothing)
        if reading.value is not None and math.isfinite(reading.value):
            track.values[place] = reading.value
    return list(tracks.values())


def per_request(tracks: Iterable[Track], requests: Mapping[int, int]) -> list[Track]:
    """What each request asked for, over the last SMOOTH_S seconds. `requests`: second since the start → how many."""
    read = {track.metric: track for track in tracks if not track.part}
    return [
        Track(read[metric].source, name, unit, part=False, values=_ratios(read[metric].values, requests))
        for name, (metric, unit) in PER_REQUEST.items()
        if metric in read
    ]


def _ratios(values: Values, requests: Mapping[int, int]) -> list[float | None]:
    """Of each second and those just before it: what happens in a second is not seen before it."""
    ratios: list[float | None] = []
    for at, value in enumerate(values):
        known = [(values[second], requests.get(second, 0)) for second in range(max(at - SMOOTH_S + 1, 0), at + 1)]
        sent = sum(count for asked, count in known if asked is not None)
        asked_for = sum(asked for asked, _ in known if asked is not None)
        ratios.append(asked_for / sent if value is not None and sent else None)
    return ratios


def bin_width(length_s: int) -> int:
    """Seconds that a bin has in a run of that length: 1 while each second can be drawn."""
    return 1 if length_s <= MOST_POINTS else math.ceil(2 * length_s / MOST_POINTS)


def thinned(values: Values, width: int) -> list[Point]:
    """Points for a curve: of each bin its lowest and its highest value, each at its own second.

    So a single second that stands out stays visible, however long the run. A gap of half a bin or more breaks the
    curve; shorter ones could not be seen.
    """
    points: list[Point] = []
    for begin, end in _stretches(values, max(1, width // 2)):
        if points:
            points.append((begin - 0.5, None))
        known = [(at, value) for at in range(begin, end) if (value := values[at]) is not None]
        points += [(at + 0.5, value) for at, value in _ends(known, width)]
    return points


def _stretches(values: Values, shortest_gap: int) -> list[tuple[int, int]]:
    """Begin and end of what is known, cut at gaps of that length."""
    known = [at for at, value in enumerate(values) if value is not None]
    if not known:
        return []
    cuts = [(before, after) for before, after in pairwise(known) if after - before > shortest_gap]
    begins = [known[0], *(after for _, after in cuts)]
    ends = [*(before + 1 for before, _ in cuts), known[-1] + 1]
    return list(zip(begins, ends, strict=True))


def _ends(known: Sequence[tuple[int, float]], width: int) -> list[tuple[int, float]]:
    """The first and the last point, and between them the lowest and the highest of each bin, in time order."""
    if width == 1:
        return list(known)
    bins: dict[int, list[tuple[int, float]]] = {}
    for point in known:
        bins.setdefault(point[0] // width, []).append(point)
    kept = {known[0], known[-1]}
    for points in bins.values():
        kept |= {min(points, key=_value), max(points, key=_value)}
    return sorted(kept)


def _value(point: tuple[int, float]) -> float:
    return point[1]


def extremes(values: Values, width: int) -> tuple[list[float | None], list[float | None]]:
    """The lowest and the highest of each bin; None where it has only gaps."""
    bins = [[value for value in values[at : at + width] if value is not None] for at in range(0, len(values), width)]
    return [min(known, default=None) for known in bins], [max(known, default=None) for known in bins]


def middle(values: Sequence[float]) -> float | None:
    """The median; None of nothing."""
    return median(values) if values else None
