"""The readings of a run on the seconds of its steady state, and what can be made from several of them.

A reading at T tells of the second that ends at T, so it stands beside the requests that were due in that second.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.band import Floats
from perfsuite.model import Summary
from perfsuite.model.monitor import PART, Reading

CORE = "machine.core_cpu_percent"
OTHER_CPU = "machine.other_cpu_percent"
STATEMENTS = "postgres.statements_per_request"
ROWS_READ = "postgres.rows_read_per_request"
EXECUTION = "postgres.execution_ms_per_request"
LOOKUPS = "redis.lookups_per_request"
FULL_SCANS = "postgres.full_scans_per_request"
TABLE_SCANS, TABLE_SCAN_ROWS = "postgres.table_full_scans_per_s", "postgres.table_full_scan_rows_per_s"
_PER_REQUEST = {
    STATEMENTS: "postgres.statements_calls_per_s",
    ROWS_READ: "postgres.rows_read_per_s",
    EXECUTION: "postgres.statements_exec_ms_per_s",
    LOOKUPS: "redis.lookups_per_s",
    FULL_SCANS: "postgres.full_scans_per_s",
}
_DERIVED_UNITS = {ROWS_READ: "rows", EXECUTION: "ms"}
_KEPT_PARTS = frozenset({TABLE_SCANS, TABLE_SCAN_ROWS})
SMOOTH_S = 5
"""Requests and what they ask for fall into neighbouring seconds; their ratio is taken over so many."""


@dataclass(frozen=True, slots=True)
class Track:
    """One metric in the steady state. `values`: NaN where nothing was read or there was a gap; `read`: which tells."""

    metric: str
    unit: str
    first_s: int
    values: Floats
    read: Floats
    """1.0 where there was a reading, though it may be a gap."""

    def between(self, start_s: int, stop_s: int) -> Floats:
        """The known values from `start_s` until before `stop_s`."""
        part = self.values[max(start_s - self.first_s, 0) : max(stop_s - self.first_s, 0)]
        return part[~np.isnan(part)]

    @property
    def known(self) -> Floats:
        """All values that are known."""
        return self.values[~np.isnan(self.values)]

    @property
    def seconds(self) -> Floats:
        """The UTC seconds of `known`."""
        return self.first_s + np.flatnonzero(~np.isnan(self.values)).astype(np.float64)


def part_name(metric: str, part: str) -> str:
    """Under which name the track of a part stands, such as that of one table; the metric for the whole."""
    return f"{metric}{PART}{part}" if part else metric


def tracks_of(summary: Summary, readings: Sequence[Reading]) -> dict[str, Track]:
    """Metric → its track in the steady state, derived ones included; {} without a steady state."""
    if summary.steady_start is None or summary.steady_end is None:
        return {}
    first, stop = summary.steady_start, summary.steady_end
    tracks, cores = _read(readings, first, stop)
    requests = np.zeros(stop - first)
    for second in summary.seconds:
        if first <= second.second < stop:
            # What failed for want of the target asked nothing of what stands behind it.
            gone = in_outage(second.second, summary)
            requests[second.second - first] = math.nan if gone else second.statistics.requests
    for name, source in _PER_REQUEST.items():
        if source in tracks:
            tracks[name] = _per_request(name, tracks[source], requests)
    if cores and "machine.cpu_percent" in tracks and "server.cpu_percent" in tracks:
        tracks[OTHER_CPU] = _other_cpu(tracks, cores, summary)
    return tracks


def in_outage(second: int, summary: Summary) -> bool:
    """True in an outage that ended, the second of its end too: some requests failed in it still."""
    return any(each.end is not None and each.start <= second <= each.end for each in summary.outages)


def _read(readings: Sequence[Reading], first: int, stop: int) -> tuple[dict[str, Track], int]:
    """Metric → track, and the number of cores that were told apart."""
    tracks: dict[str, Track] = {}
    cores: set[str] = set()
    for reading in readings:
        place = math.ceil(reading.at_s) - 1 - first
        if not 0 <= place < stop - first:
            continue
        if reading.is_part:
            if reading.metric == CORE:
                cores.add(reading.source)
            if reading.metric not in _KEPT_PARTS:
                continue
        name = part_name(reading.metric, reading.source.partition(PART)[2])
        track = tracks.get(name)
        if track is None:
            nothing = np.full(stop - first, math.nan)
            track = Track(reading.metric, reading.unit, first, nothing, np.zeros(stop - first))
            tracks[name] = track
        track.read[place] = 1.0
        if reading.value is not None:
            track.values[place] = reading.value
    return tracks, len(cores)


def _per_request(name: str, track: Track, requests: Floats) -> Track:
    """A rate by the requests of the same moments; NaN where there were none, or nobody knows."""
    known = ~np.isnan(track.values) & ~np.isnan(requests)
    total = _moving_sum(np.where(known, track.values, 0.0))
    of = _moving_sum(np.where(known, requests, 0.0))
    ratio = np.divide(total, of, out=np.full(total.size, math.nan), where=of > 0).round(6)  # 1e-18 is 0
    return Track(name, _DERIVED_UNITS.get(name, ""), track.first_s, np.where(known, ratio, math.nan), track.read)


def _moving_sum(values: Floats) -> Floats:
    """Of each value and those just before it: what happens in a second is not seen before it."""
    sums = np.concatenate(([0.0], np.cumsum(values)))
    stops = np.arange(1, values.size + 1)
    result: Floats = sums[stops] - sums[np.maximum(stops - SMOOTH_S, 0)]
    return result


def _other_cpu(tracks: Mapping[str, Track], cores: int, summary: Summary) -> Track:
    """CPU that neither the backend, its database's statements, Redis nor the load account for; 100 = one core.

    The database is taken at the time that its statements ran, which is more than the CPU they used.
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
    return Track(OTHER_CPU, "percent", machine.first_s, np.maximum(rest, 0.0), machine.read)


def cores_of(tracks: Mapping[str, Track]) -> float:
    """How many cores the backend may run on; 1 where that is not told."""
    limit = tracks.get("server.cpu_limit_percent")
    return float(limit.known[-1]) / 100 if limit is not None and limit.known.size else 1.0
