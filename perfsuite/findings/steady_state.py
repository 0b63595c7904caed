"""The steady state by second: what the monitors read, and how slow and how faulty the load was.

An average moves when a slow operation is called more often. So each role and operation is compared with its own usual
time: the slowness of a second is the mean of ln(time / usual time) over its requests, which also keeps one slow
request among many from counting for all (times are about log-normal).
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.model import LOGIN, Summary
from perfsuite.model.monitor import PART, Reading
from perfsuite.timeseries import (
    FULL_SCANS,
    STATEMENTS,
    Floats,
    ResponseTimes,
    Track,
    cells_of,
    in_outage,
    middle,
    per_request,
    requests_by_second,
    slowness_of,
    tracks_of,
)

OTHER_CPU = "machine.other_cpu_percent"
TABLE_SCANS, TABLE_SCAN_ROWS = "postgres.table_full_scans_per_s", "postgres.table_full_scan_rows_per_s"
_CORE = "machine.core_cpu_percent"

_BIN_REQUESTS = 10
_FEWEST_BINS = 12
_LONGEST_BIN_S = 10

_WINDOW_S = 10
_MORE_WORK = {STATEMENTS: (1.4, 0.5), FULL_SCANS: (2.0, 0.2)}
"""Figure per request → the factor by which it must rise, and the least difference."""


# ── what the monitors read ──────────────────────────────────────────────────────────────────────────────────


def part_name(metric: str, part: str) -> str:
    """The key of the track of one part, such as one table."""
    return f"{metric}{PART}{part}"


def steady_tracks(summary: Summary, readings: Sequence[Reading]) -> dict[str, Track]:
    """Metric → its track in the steady state, computed ones included; {} without a steady state."""
    if summary.steady_start is None or summary.steady_end is None:
        return {}
    first_s, length_s = summary.steady_start, summary.steady_end - summary.steady_start
    read = tracks_of(readings, first_s, length_s)
    tracks = {track.metric: track for track in reversed(read) if not track.is_part}
    tracks |= {
        part_name(track.metric, track.source.partition(PART)[2]): track
        for track in read
        if track.is_part and track.metric in (TABLE_SCANS, TABLE_SCAN_ROWS)
    }
    tracks |= {track.metric: track for track in per_request(read, _requests(summary, first_s, length_s))}
    cores = sum(track.metric == _CORE for track in read)
    if cores and "machine.cpu_percent" in tracks and "server.cpu_percent" in tracks:
        tracks[OTHER_CPU] = _other_cpu(tracks, cores, summary)
    return tracks


def _requests(summary: Summary, first_s: int, length_s: int) -> Floats:
    """By second; NaN in an outage: requests that failed for lack of the target asked nothing of its database."""
    requests = requests_by_second(summary.seconds, first_s, length_s)
    for place in range(length_s):
        if in_outage(first_s + place, summary):
            requests[place] = math.nan
    return requests


def _other_cpu(tracks: Mapping[str, Track], cores: int, summary: Summary) -> Track:
    """CPU of neither the backend, its database's statements, Redis nor the load; 100 = one core.

    The database counts with the time that its statements ran, which is more than the CPU they used.
    """
    machine = tracks["machine.cpu_percent"]
    rest = machine.values * cores - tracks["server.cpu_percent"].values
    for metric, percent_each in (("redis.cpu_percent", 1.0), ("postgres.statements_exec_ms_per_s", 0.1)):
        if metric in tracks:
            rest = rest - np.nan_to_num(tracks[metric].values) * percent_each
    if "generator.cpu_percent" in tracks:
        rest = rest - np.nan_to_num(tracks["generator.cpu_percent"].values)
    else:
        rest = rest - (summary.generator.cpu_percent_mean or 0.0) * summary.generator.processes
    return replace(machine, metric=OTHER_CPU, unit="percent", values=np.maximum(rest, 0.0))


def asks_more(requests: Mapping[int, int], readings: Sequence[Reading]) -> bool:
    """Do requests ask more of the database at the end of a load than before?

    A first look without proof: it decides whether a second fingerprint is worth its seconds. `requests`: UTC second of
    the steady state → answered requests. False where that is short, and where statements are not monitored.
    """
    if not requests:
        return False
    first_s = min(requests)
    length_s = max(requests) + 1 - first_s
    answered = np.array([requests.get(first_s + place, math.nan) for place in range(length_s)])
    tracks = per_request(tracks_of(readings, first_s, length_s), answered)
    return any(_rose(track.known, *_MORE_WORK[track.metric]) for track in tracks if track.metric in _MORE_WORK)


def _rose(values: Floats, factor: float, least: float) -> bool:
    """Are the last seconds above the lowest level before them? While caches fill, the first ones are high too."""
    if values.size < 2 * _WINDOW_S:
        return False
    before = np.lib.stride_tricks.sliding_window_view(values[:-_WINDOW_S], _WINDOW_S)
    lowest, now = float(np.median(before, axis=1).min()), middle(values[-_WINDOW_S:])
    return now >= factor * lowest and now - lowest >= least


# ── the load ────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class SteadyLoad:
    """The steady state by second. `by_operation`: operation → role → times, without logins, most of which belong to
    the ramp-up. `slowness` is NaN in seconds without a request.
    """

    first_s: int
    all: ResponseTimes
    by_operation: Mapping[str, Mapping[str, ResponseTimes]]
    failures: Floats
    slowness: Floats

    @property
    def seconds(self) -> int:
        """Its length."""
        return int(self.failures.size)

    def failure_rate(self, start: int, stop: int) -> float:
        """The share of the requests that failed; 0 without requests."""
        return float(self.failures[start:stop].sum()) / max(self.all.count(start, stop), 1.0)

    def of(self, operations: Iterable[str]) -> ResponseTimes:
        """Operations as all roles together."""
        parts = [times for name in operations for times in self.by_operation[name].values()]
        return ResponseTimes(
            np.sum([each.requests for each in parts], axis=0), np.sum([each.total_ms for each in parts], axis=0)
        )


def load_of(summary: Summary) -> SteadyLoad | None:
    """None without a steady state. Seconds of an outage that ended count as empty: it is an incident of its own."""
    if summary.steady_start is None or summary.steady_end is None or summary.steady_end <= summary.steady_start:
        return None
    first, length = summary.steady_start, summary.steady_end - summary.steady_start
    every, failures = ResponseTimes(np.zeros(length), np.zeros(length)), np.zeros(length)
    for second in summary.seconds:
        place, statistics = second.second - first, second.statistics
        if not 0 <= place < length or in_outage(second.second, summary):
            continue
        failures[place] = statistics.failures - second.never_left
        if statistics.avg_ms is not None:
            every.requests[place] = statistics.requests
            every.total_ms[place] = statistics.requests * statistics.avg_ms
    cells = cells_of(summary, first, length)
    by_operation: dict[str, dict[str, ResponseTimes]] = defaultdict(dict)
    for (role, operation), times in cells.items():
        if operation != LOGIN:
            by_operation[operation][role] = times
    return SteadyLoad(first, every, dict(by_operation), failures, slowness_of(cells.values(), length))


def binned(cells: Iterable[ResponseTimes], length: int) -> tuple[list[ResponseTimes], int]:
    """The times over bins of about ten requests, and the seconds of a bin; [] where there are too few requests."""
    cells = list(cells)
    requests = sum(float(cell.requests.sum()) for cell in cells)
    size = max(1, math.ceil(_BIN_REQUESTS * length / requests)) if requests else length
    if size > _LONGEST_BIN_S or length // size < _FEWEST_BINS:
        return [], size
    whole = length // size * size
    return [
        ResponseTimes(*(values[:whole].reshape(-1, size).sum(axis=1) for values in (cell.requests, cell.total_ms)))
        for cell in cells
    ], size
