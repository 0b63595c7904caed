"""The metrics of a run in its steady state, among them those that are computed from several others."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np

from perfsuite.model import Summary
from perfsuite.model.monitor import PART, Reading
from perfsuite.timeseries import Floats, Track, per_request, requests_by_second, tracks_of

CORE = "machine.core_cpu_percent"
OTHER_CPU = "machine.other_cpu_percent"
TABLE_SCANS, TABLE_SCAN_ROWS = "postgres.table_full_scans_per_s", "postgres.table_full_scan_rows_per_s"


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
    cores = sum(track.metric == CORE for track in read)
    if cores and "machine.cpu_percent" in tracks and "server.cpu_percent" in tracks:
        tracks[OTHER_CPU] = _other_cpu(tracks, cores, summary)
    return tracks


def _requests(summary: Summary, first_s: int, length_s: int) -> Floats:
    """By second; NaN in an outage: requests that failed for lack of the target asked nothing of its database."""
    requests = requests_by_second(summary.seconds, first_s, length_s)
    for second in summary.seconds:
        if 0 <= second.second - first_s < length_s and in_outage(second.second, summary):
            requests[second.second - first_s] = math.nan
    return requests


def in_outage(second: int, summary: Summary) -> bool:
    """True in an outage that ended, and in the second of its end: some requests still failed in it."""
    return any(each.end is not None and each.start <= second <= each.end for each in summary.outages)


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


def cores_of(tracks: Mapping[str, Track]) -> float:
    """How many cores the backend may use; 1 where no monitor reports it."""
    limit = tracks.get("server.cpu_limit_percent")
    return float(limit.known[-1]) / 100 if limit is not None and limit.known.size else 1.0
