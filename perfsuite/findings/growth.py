"""What only grows: memory, descriptors, threads, connections."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.format import duration, quantity, time_of_day
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import FEWEST, Floats, Track, growth_p, theil_sen

GROWTH_P = 1e-4
"""Samples hang together even when thinned, so that chance makes trends more often than it says."""
_BLOCKS, _SHORTEST_BLOCK_S = 40, 3
_STILL_GROWING = 0.4
"""What a program takes while it warms up grows too, but ever more slowly: the last half must grow at least at this
share of the whole's rate."""
_KNEE = 0.2
"""It began to grow in the run where by then this share of the growth was wanting to what a steady one had reached."""
_STEPS = 0.6
"""And it grows in most steps; a single large one is no leak."""
TIME_LEFT = "time until it is used up, at the rate of the last half"
_SOON_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class Growing:
    """A metric that may leak. It counts from `share` of its first value and `least` on, over the steady state.

    `limit`: metric of what is left, or of the percentage used.
    """

    resource: str
    metric: str
    label: str
    share: float
    least: float
    left: str | None = None
    used_percent: str | None = None


GROWING = (
    Growing("memory", "server.memory_bytes", "memory of the backend", 0.1, 16e6, left="machine.memory_available_bytes"),
    Growing(
        "descriptors",
        "server.descriptors",
        "number of open files and sockets of the backend",
        0.3,
        20,
        used_percent="server.descriptors_used_percent",
    ),
    Growing("threads", "server.threads", "number of threads of the backend", 0.5, 20),
    Growing(
        "connections",
        "postgres.connections",
        "number of connections of PostgreSQL",
        0.5,
        10,
        used_percent="postgres.connections_used_percent",
    ),
    Growing(
        "Redis memory", "redis.memory_bytes", "memory of Redis", 1.0, 256e6, used_percent="redis.memory_used_percent"
    ),
)


def growths(tracks: Mapping[str, Track]) -> list[Finding]:
    """What grew through the steady state and was still growing at its end."""
    found = (_growth(growing, tracks) for growing in GROWING if growing.metric in tracks)
    return [finding for finding in found if finding is not None]


def _growth(growing: Growing, tracks: Mapping[str, Track]) -> Finding | None:
    track = tracks[growing.metric]
    at, values = _thinned(track)
    if values.size < FEWEST:
        return None
    half = values.size // 2
    recent_s, grown = float(at[-1] - at[half]), float(values[-1] - values[0])
    if grown < max(growing.share * values[0], growing.least):
        return None
    recent, overall = theil_sen(at[half:], values[half:])[0], theil_sen(at, values)[0]
    grown_lately = recent * recent_s
    if recent < _STILL_GROWING * overall or grown_lately < _STILL_GROWING * grown / 2:
        return None
    if growth_p(values[half:] if half >= FEWEST else values) >= GROWTH_P * (1 if half >= FEWEST else 10):
        return None
    if np.mean(np.diff(values[half:]) > 0) < _STEPS:
        return None
    left_s = _left_s(growing, tracks, recent, float(values[-1]))
    return _told(growing, track.unit, (at, values), recent, left_s if left_s is None or left_s < _SOON_S else None)


def _told(growing: Growing, unit: str, series: tuple[Floats, Floats], per_s: float, left_s: float | None) -> Finding:
    at, values = series
    began = _began(at, values)
    first, last = float(values[began]), float(values[-1])
    at_s = int(at[began]) if began else None
    since = f" from {time_of_day(at_s)} on" if at_s is not None else ""
    soon = f"; at this rate it is used up in {duration(left_s)}" if left_s is not None else ""
    headline = (
        f"The {growing.label} only grew{since}: {quantity(first, unit)} → {quantity(last, unit)} in "
        f"{duration(float(at[-1] - at[began]))}, at the end by {quantity(per_s * 60, unit)} a minute{soon}"
    )
    rows = [Evidence(growing.metric, growing.label, first, last, unit, at_s)]
    if left_s is not None:
        rows.append(Evidence(growing.metric, TIME_LEFT, None, left_s, "s"))
    return Finding(FindingKind.GROWTH, headline, growing.resource, at_s, evidence=tuple(rows))


def _began(at: Floats, values: Floats) -> int:
    """The place from which on it grew, where it had hardly done so before; 0: from the start.

    It is the place farthest below the straight line from the first value to the last.
    """
    below = np.interp(at, at[[0, -1]], values[[0, -1]]) - values
    place = int(np.argmax(below))
    return place if below[place] >= _KNEE * (values[-1] - values[0]) else 0


def _thinned(track: Track) -> tuple[Floats, Floats]:
    """Medians of blocks of samples, at most 40 of them, each of 3 s or more: seconds and values."""
    known, seconds = track.known, track.seconds
    if known.size < FEWEST * _SHORTEST_BLOCK_S:
        return np.empty(0), np.empty(0)
    blocks = min(_BLOCKS, known.size // _SHORTEST_BLOCK_S)
    pairs = zip(np.array_split(seconds, blocks), np.array_split(known, blocks), strict=True)
    medians = [(float(np.median(at)), float(np.median(values))) for at, values in pairs]
    at, values = np.array(medians).T
    return at, values


def _left_s(growing: Growing, tracks: Mapping[str, Track], per_s: float, last: float) -> float | None:
    """How long what is left will do; None where no limit is known."""
    if growing.left is not None and growing.left in tracks and tracks[growing.left].known.size:
        return float(tracks[growing.left].known[-1]) / per_s
    if growing.used_percent is not None and growing.used_percent in tracks:
        used = tracks[growing.used_percent].known
        if used.size and used[-1] > 0 and math.isfinite(last):
            return last * (100 / float(used[-1]) - 1) / per_s
    return None
