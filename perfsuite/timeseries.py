"""Series of one value per second: align readings with the load, divide by requests, thin for a chart, test for a trend.

A reading at T describes the second that ends at T, so it belongs to the requests that were due in that second.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import ArrayLike, NDArray

from perfsuite.model import Row, Second, Summary
from perfsuite.model.monitor import PART, Reading
from perfsuite.model.periods import MINUTE_S
from perfsuite.model.readings import ReadingColumns, ReadingSeries
from perfsuite.model.summary_parts import OperationSeconds

Floats = NDArray[np.float64]
"""In a series NaN is a gap."""
Flags = NDArray[np.bool_]
Places = NDArray[np.intp]
Point = tuple[float, float | None]
"""Seconds since the start and a value for a chart; None ends the line."""

STATEMENTS = "postgres.statements_per_request"
ROWS_READ = "postgres.rows_read_per_request"
EXECUTION = "postgres.execution_ms_per_request"
LOOKUPS = "redis.lookups_per_request"
FULL_SCANS = "postgres.full_scans_per_request"
PER_REQUEST = {
    STATEMENTS: ("postgres.statements_calls_per_s", ""),
    ROWS_READ: ("postgres.rows_read_per_s", "rows"),
    EXECUTION: ("postgres.statements_exec_ms_per_s", "ms"),
    LOOKUPS: ("redis.lookups_per_s", ""),
    FULL_SCANS: ("postgres.full_scans_per_s", ""),
}
"""Metric per request → the metric per second it is made from, and its unit."""
SMOOTH_S = 5
"""A request and the statements it runs may fall into neighbouring seconds: ratios are taken over so many."""

MOST_POINTS = 400
"""Points of a curve: each bin gives its lowest and its highest value."""

FEWEST = 8
"""Values from which the normal approximation of Mann–Kendall holds."""

_FEWEST_SECONDS = 3
"""With fewer, the usual time of an operation is not known."""


@dataclass(frozen=True, slots=True)
class Track:
    """One metric of one source, a value for each second from `first_s` (UTC epoch); NaN where there is none."""

    source: str
    metric: str
    unit: str
    first_s: int
    values: Floats
    is_part: bool = False

    @property
    def known(self) -> Floats:
        """The values without the gaps, in time order."""
        return self.values[~np.isnan(self.values)]

    @property
    def seconds(self) -> Floats:
        """The UTC seconds of `known`."""
        return self.first_s + np.flatnonzero(~np.isnan(self.values)).astype(np.float64)

    @property
    def varies(self) -> bool:
        """False where all known values are equal, or none is known."""
        known = self.known
        return bool(known.size) and bool(known.min() != known.max())

    def between(self, start_s: int, stop_s: int) -> Floats:
        """The known values from UTC second `start_s` until before `stop_s`."""
        part = self.values[max(start_s - self.first_s, 0) : max(stop_s - self.first_s, 0)]
        return part[~np.isnan(part)]


def tracks_of(readings: Iterable[Reading], start_s: int, length_s: int) -> list[Track]:
    """A track for each source and metric, in the order of their first readings.

    Readings of other seconds are left out; infinity counts as a gap.
    """
    if isinstance(readings, ReadingColumns):
        return [track for series in readings.series for track in _track_of(series, start_s, length_s)]
    tracks: dict[tuple[str, str], Track] = {}
    for reading in readings:
        place = math.ceil(reading.at_s) - 1 - start_s
        if not 0 <= place < length_s:
            continue
        key = (reading.source, reading.metric)
        track = tracks.get(key)
        if track is None:
            gaps = np.full(length_s, math.nan)
            track = tracks[key] = Track(*key, reading.unit, start_s, gaps, reading.is_part)
        if reading.value is not None and math.isfinite(reading.value):
            track.values[place] = reading.value
    return list(tracks.values())


def _track_of(series: ReadingSeries, start_s: int, length_s: int) -> list[Track]:
    """[] where the series has no reading of these seconds."""
    places = np.ceil(np.asarray(series.at_s)).astype(np.intp) - 1 - start_s
    counted = (places >= 0) & (places < length_s)
    if not counted.any():
        return []
    known, values = np.asarray(series.values), np.full(length_s, math.nan)
    there = counted & np.isfinite(known)
    values[places[there]] = known[there]
    return [Track(series.source, series.metric, series.unit, start_s, values, PART in series.source)]


def requests_by_second(seconds: Iterable[Second], start_s: int, length_s: int) -> Floats:
    """Requests of each second from `start_s` on; 0 where none was recorded."""
    requests = np.zeros(length_s)
    for second in seconds:
        if 0 <= second.second - start_s < length_s:
            requests[second.second - start_s] = second.statistics.requests
    return requests


def per_request(tracks: Iterable[Track], requests: Floats) -> list[Track]:
    """The metrics of PER_REQUEST whose source was read. `requests`: of the seconds of the tracks; NaN is unknown."""
    read: Mapping[str, Track] = {track.metric: track for track in tracks if not track.is_part}
    return [
        Track(read[metric].source, name, unit, read[metric].first_s, _ratios(read[metric].values, requests))
        for name, (metric, unit) in PER_REQUEST.items()
        if metric in read
    ]


def _ratios(values: Floats, requests: Floats) -> Floats:
    """Quotient of the sums over SMOOTH_S seconds; NaN where either is unknown or there was no request."""
    known = ~np.isnan(values) & ~np.isnan(requests)
    total, sent = (_trailing_sum(np.where(known, series, 0.0)) for series in (values, requests))
    ratios = np.divide(total, sent, out=np.full(total.size, math.nan), where=sent > 0).round(6)  # 1e-18 is 0
    return np.where(known, ratios, math.nan)


def _trailing_sum(values: Floats) -> Floats:
    """Sum of each value and those just before it: no effect shows before the second of its cause."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    stops = np.arange(1, values.size + 1)
    result: Floats = sums[stops] - sums[np.maximum(stops - SMOOTH_S, 0)]
    return result


# ── response times ──────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class ResponseTimes:
    """Requests and the sum of their times in ms, by second."""

    requests: Floats
    total_ms: Floats

    def count(self, start: int, stop: int) -> float:
        """Requests from position `start` until before `stop`."""
        return float(self.requests[start:stop].sum())

    def mean_ms(self, start: int, stop: int) -> float:
        """The mean over some seconds; NaN without requests."""
        requests = self.count(start, stop)
        return float(self.total_ms[start:stop].sum()) / requests if requests else math.nan


def in_outage(second: int, summary: Summary) -> bool:
    """True in an outage that ended, and in the second of its end: some requests still failed in it."""
    return any(each.end is not None and each.start <= second <= each.end for each in summary.outages)


def response_ms(row: Row) -> float | None:
    """The mean time from the moment at which requests were due."""
    return row.statistics.avg_ms


def cells_of(
    summary: Summary, first: int, length: int, mean_ms: Callable[[Row], float | None] = response_ms
) -> dict[tuple[str, str], ResponseTimes]:
    """Role and operation → times of the seconds from `first` on. Seconds of an outage that ended are empty.

    Of a minute that was rolled up, its seconds have their own response times; other times are spread over them.
    """
    cells: dict[tuple[str, str], ResponseTimes] = defaultdict(lambda: ResponseTimes(np.zeros(length), np.zeros(length)))
    minutes, by_second = {minute.second for minute in summary.minutes}, mean_ms is response_ms
    for row in summary.second_rows:
        second, requests = int(row.period), row.statistics.requests
        if not requests or (took_ms := mean_ms(row)) is None or (second in minutes and by_second):
            continue
        seconds = range(second, second + MINUTE_S) if second in minutes else (second,)
        cell, share = cells[row.role, row.operation], requests / len(seconds)
        for each in seconds:
            if 0 <= each - first < length and not in_outage(each, summary):
                cell.requests[each - first] += share
                cell.total_ms[each - first] += share * took_ms
    for key, known in summary.operation_seconds.items() if by_second else ():
        _add_seconds(cells[key], known, first, summary)
    return cells


def _add_seconds(cell: ResponseTimes, known: OperationSeconds, first: int, summary: Summary) -> None:
    places = np.asarray(known.seconds) - first
    counted = (places >= 0) & (places < cell.requests.size)
    for outage in summary.outages:
        if outage.end is not None:
            counted &= (places < outage.start - first) | (places > outage.end - first)
    np.add.at(cell.requests, places[counted], np.asarray(known.requests)[counted])
    np.add.at(cell.total_ms, places[counted], np.asarray(known.took_us)[counted] / 1000)


def slowness_of(cells: Iterable[ResponseTimes], length: int) -> Floats:
    """The mean of ln(time / usual) over the requests of each second; NaN where there are none."""
    weighted, weights = slowness_sums(cells, length)
    slowness: Floats = np.divide(weighted, weights, out=np.full(length, math.nan), where=weights > 0)
    return slowness


def slowness_sums(cells: Iterable[ResponseTimes], length: int) -> tuple[Floats, Floats]:
    """By second: the sum of ln(time / usual) over the requests, and how many they are."""
    weighted, weights = np.zeros(length), np.zeros(length)
    for cell in cells:
        there = (cell.requests > 0) & (cell.total_ms > 0)
        if there.sum() < _FEWEST_SECONDS:
            continue
        times = np.log(cell.total_ms[there] / cell.requests[there])
        weighted[there] += cell.requests[there] * (times - np.median(times))
        weights[there] += cell.requests[there]
    return weighted, weights


# ── trends and charts ───────────────────────────────────────────────────────────────────────────────────────


def middle(values: Floats) -> float:
    """The median; NaN without values."""
    return float(np.median(values)) if values.size else math.nan


def runs_of(flags: Flags, shortest: int) -> list[tuple[int, int]]:
    """Start and stop of each unbroken stretch of True that has at least `shortest` values."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], flags, [False])).astype(np.int8)))
    return [
        (int(start), int(stop)) for start, stop in zip(edges[::2], edges[1::2], strict=True) if stop - start >= shortest
    ]


def bin_width(length_s: int) -> int:
    """Seconds per bin of a chart: 1 while every second can be drawn."""
    return 1 if length_s <= MOST_POINTS else math.ceil(2 * length_s / MOST_POINTS)


def thinned(values: Floats, width: int) -> list[Point]:
    """Points of a curve: the lowest and the highest value of each bin, each at its own second.

    A single second that stands out stays visible, however long the run. A gap breaks the curve where it is longer
    than half a bin; shorter ones could not be seen.
    """
    known = np.flatnonzero(~np.isnan(values))
    points: list[Point] = []
    for stretch in np.split(known, np.flatnonzero(np.diff(known) > max(1, width // 2)) + 1):
        if points:
            points.append((int(stretch[0]) - 0.5, None))
        points += [(at + 0.5, float(values[at])) for at in _outline(stretch, values, width)]
    return points


def _outline(places: Places, values: Floats, width: int) -> Sequence[int]:
    """The first and the last place, and between them the lowest and the highest of each bin."""
    if width == 1 or not places.size:
        return [int(at) for at in places]
    kept = {int(places[0]), int(places[-1])}
    for one in np.split(places, np.flatnonzero(np.diff(places // width)) + 1):
        kept |= {int(one[values[one].argmin()]), int(one[values[one].argmax()])}
    return sorted(kept)


def extremes(values: Floats, width: int) -> tuple[Floats, Floats]:
    """The lowest and the highest value of each bin; NaN where it has only gaps."""
    padded = np.full(math.ceil(values.size / width) * width, math.nan)
    padded[: values.size] = values
    bins = padded.reshape(-1, width)
    return np.fmin.reduce(bins, axis=1), np.fmax.reduce(bins, axis=1)


def mann_kendall(values: ArrayLike) -> float:
    """Two-sided p-value of "no trend", by the normal approximation with corrections for ties and continuity.

    1.0 for fewer than 8 values, or when all are equal. Neighbours must be independent: give means or medians over
    blocks of several seconds. Mann 1945 (doi 10.2307/1907187), Kendall 1975.
    """
    score, deviation = _score(values)
    return min(1.0, 2 * NormalDist().cdf(-(abs(score) - 1) / deviation)) if score else 1.0


def growth_p(values: ArrayLike) -> float:
    """One-sided p-value of "does not grow", by the same test; 1.0 for what falls more often than it grows."""
    score, deviation = _score(values)
    return NormalDist().cdf(-(score - 1) / deviation) if score > 0 else 1.0


def theil_sen(at: ArrayLike, values: ArrayLike) -> tuple[float, float]:
    """The median of all pairwise slopes, and the intercept of the line through the medians with it.

    Needs at least two different `at`. Theil 1950, Sen 1968 (doi 10.1080/01621459.1968.10480934).
    """
    from scipy import stats  # most of a second; only where there is a trend

    line = stats.theilslopes(values, at, method="joint")
    return float(line.slope), float(line.intercept)


def _score(values: ArrayLike) -> tuple[float, float]:
    """Pairs that rise less pairs that fall, and the standard deviation of that without a trend.

    The score is 0 for too few values, or when all are equal.
    """
    known = np.asarray(values, dtype=np.float64)
    count = known.size
    if count < FEWEST:
        return 0.0, 1.0
    score = float(np.sign(known[None, :] - known[:, None])[np.triu_indices(count, 1)].sum())
    tied = np.unique(known, return_counts=True)[1].astype(np.float64)
    variance = (count * (count - 1) * (2 * count + 5) - float((tied * (tied - 1) * (2 * tied + 5)).sum())) / 18
    return (score, math.sqrt(variance)) if variance > 0 else (0.0, 1.0)
