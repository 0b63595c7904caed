"""Resources that were at their limit for most of the steady state, and resources whose use only grew.

The USE method (utilisation, saturation, errors): Gregg 2013, "Thinking Methodically about Performance",
doi 10.1145/2405116.2422876.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.incidents import taken_seconds
from perfsuite.findings.steady_state import OTHER_CPU
from perfsuite.format import change, quantity
from perfsuite.messages import Message
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import FEWEST, LOOKUPS, Floats, Track, growth_p, middle, theil_sen

MOST_OF_IT = 0.5
"""In half of the samples or more."""
FEWEST_SAMPLES = 10
WAITING_SHARE, WAITING_SHARE_FULL = 0.2, 0.05
"""Samples are moments: where requests wait in every fifth of them, they wait for a fifth of the time. Of a pool that
is full in half of them, fewer are enough."""
NO_HITS_PERCENT = 5.0
NO_LOOKUPS = 0.02
"""Per request: a cache that is asked less often than once in fifty requests is not in use."""
GENERATOR_BUSY_PERCENT, GENERATOR_LAG_MS, GENERATOR_THROTTLED_SHARE = 85.0, 50.0, 0.05

GROWTH_P = 1e-4
"""Neighbouring samples depend on each other even when thinned, so chance makes trends more often than it says."""
_BLOCKS, _SHORTEST_BLOCK_S = 40, 3
_STILL_GROWING = 0.4
"""What a program takes while it warms up grows too, but ever more slowly: the last half must grow at least at this
share of the whole's rate."""
_KNEE = 0.2
"""Growth that lags behind a steady one by this share of the whole began there, in the run."""
_STEPS = 0.6
"""And it grows in most steps; a single large one is no leak."""
TIME_LEFT = "time until it is used up, at the rate of the last half"
_SOON_S = 7 * 86_400.0


@dataclass(frozen=True, slots=True)
class ResourceLimit:
    """A metric that is at its limit where at least `share` of the samples are `least` or more."""

    resource: str
    metric: str
    label: str
    least: float
    share: float = MOST_OF_IT


LIMITS = (
    ResourceLimit("connections", "postgres.connections_used_percent", "connections of PostgreSQL in use", 90.0),
    ResourceLimit(
        "connections", "redis.rejected_connections_per_s", "connections that Redis refused", 0.5, WAITING_SHARE
    ),
    ResourceLimit("Redis memory", "redis.evictions_per_s", "keys that Redis threw out for lack of memory", 1.0),
    ResourceLimit("storage", "machine.iowait_percent", "time waiting for storage", 30.0),
    ResourceLimit("machine", "machine.steal_percent", "CPU time taken by other virtual machines", 10.0),
    ResourceLimit("memory", "machine.memory_used_percent", "memory used of the machine", 95.0),
    ResourceLimit("descriptors", "server.descriptors_used_percent", "descriptors in use", 90.0),
    ResourceLimit("PostgreSQL", "postgres.deadlocks_per_s", "deadlocks", 0.5, WAITING_SHARE),
    ResourceLimit(
        "network", "machine.tcp_listen_overflows_per_s", "connections dropped, listen queue full", 0.5, WAITING_SHARE
    ),
    ResourceLimit("backend CPU", "server.busiest_process_cpu_percent", "CPU of the backend's busiest process", 95.0),
    ResourceLimit("listen queue", "server.listen_queue", "connections waiting to be accepted", 5.0),
)

MACHINE_LIMIT = ResourceLimit("CPU of the machine", "machine.cpu_percent", "CPU of the machine", 95.0)
"""No finding of a run at one load: whoever runs the load knows how much of the machine it may take."""


@dataclass(frozen=True, slots=True)
class Growing:
    """A metric that may leak: it must grow by `share` of its first value and by `least` over the steady state.

    `left`: the metric of what is left; `used_percent`: that of the percentage used.
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


# ── at the limit ────────────────────────────────────────────────────────────────────────────────────────────


def resources_at_limit(tracks: Mapping[str, Track], summary: Summary) -> list[Finding]:
    """The likeliest origins of slowness first, possible consequences last."""
    found = [finding for look in (_locks, _cache, _cpu_of_others, _pool) if (finding := look(tracks)) is not None]
    if (finding := _generator(summary)) is not None:
        found.append(finding)
    return found + [finding for limit in LIMITS if (finding := _at_limit(limit, tracks)) is not None]


def target_at_limit(tracks: Mapping[str, Track]) -> list[Finding]:
    """Of these the ones that load can bring to their limit, in the same order; and a machine without idle cores."""
    found = (_locks(tracks), _pool(tracks), *(_at_limit(limit, tracks) for limit in (*LIMITS, MACHINE_LIMIT)))
    return [finding for finding in found if finding is not None]


def _sampled(tracks: Mapping[str, Track], metric: str) -> Floats | None:
    """The known values; None where there are too few to speak of most of the time."""
    track = tracks.get(metric)
    return track.known if track is not None and track.known.size >= FEWEST_SAMPLES else None


def _row(track: Track, label: str, of: Callable[[Floats], float] = middle) -> Evidence:
    return Evidence(track.metric, label, None, float(of(track.known)), track.unit)


def _finding(headline: Message, resource: str, *rows: Evidence) -> Finding:
    return Finding(FindingKind.LIMIT, headline, resource, evidence=rows)


def _at_limit(limit: ResourceLimit, tracks: Mapping[str, Track]) -> Finding | None:
    values = _sampled(tracks, limit.metric)
    if values is None:
        return None
    share = float((values >= limit.least).mean())
    if share < limit.share:
        return None
    row = _row(tracks[limit.metric], limit.label)
    value = quantity(row.after, row.unit)
    return _finding(FindingMessage.AT_LIMIT(what=limit.label, value=value, share=share), limit.resource, row)


def _locks(tracks: Mapping[str, Track]) -> Finding | None:
    blocked = _sampled(tracks, "postgres.blocked_sessions")
    longest = _sampled(tracks, "postgres.longest_query_s")
    if blocked is None or (blocked >= 1).mean() < MOST_OF_IT or (longest is not None and middle(longest) < 0.1):
        return None
    row = _row(tracks["postgres.blocked_sessions"], "sessions blocked by another session", np.mean)
    return _finding(FindingMessage.LOCKED(share=float((blocked >= 1).mean())), "locks", row)


def _cache(tracks: Mapping[str, Track]) -> Finding | None:
    lookups = _sampled(tracks, LOOKUPS)
    if lookups is None:
        return None
    asked = _row(tracks[LOOKUPS], "lookups in Redis per request", np.mean)
    if middle(lookups) <= NO_LOOKUPS and float(np.percentile(lookups, 90)) <= NO_LOOKUPS:
        return _finding(FindingMessage.CACHE_UNUSED(), "cache", asked)
    hits = _sampled(tracks, "redis.hit_percent")
    if hits is None or middle(hits) >= NO_HITS_PERCENT:
        return None
    row = _row(tracks["redis.hit_percent"], "cache hit ratio of Redis")
    return _finding(FindingMessage.CACHE_EMPTY(hits=middle(hits) / 100), "cache", row, asked)


def _cpu_of_others(tracks: Mapping[str, Track]) -> Finding | None:
    if _sampled(tracks, OTHER_CPU) is None:
        return None
    share = float(np.mean(taken_seconds(tracks)))
    if share < MOST_OF_IT:
        return None
    others = _row(tracks[OTHER_CPU], "CPU of other processes (100 % = one core)")
    machine = _row(tracks["machine.cpu_percent"], "CPU of the machine")
    headline = FindingMessage.CPU_OF_OTHERS(cpu=(others.after or 0.0) / 100, share=share)
    return _finding(headline, "other processes", others, machine)


def _pool(tracks: Mapping[str, Track]) -> Finding | None:
    used, waiting = _sampled(tracks, "pool.used_percent"), _sampled(tracks, "pool.waiting")
    if used is None:
        return None
    full = float((used >= 100).mean())
    waited = float((waiting >= 1).mean()) if waiting is not None else 0.0
    enough = WAITING_SHARE_FULL if full >= MOST_OF_IT else WAITING_SHARE
    if waited < enough if waiting is not None else full < 1 - WAITING_SHARE:
        return None
    rows = [_row(tracks["pool.used_percent"], "connections of the pool in use")]
    if waiting is not None:
        rows.insert(0, _row(tracks["pool.waiting"], "requests waiting for a connection of the pool", np.mean))
    size = tracks.get("pool.size")
    if size is None or not size.known.size:
        return _finding(FindingMessage.POOL_FULL(full=full, waited=waited), "pool", *rows)
    headline = FindingMessage.POOL_OF_SIZE_FULL(size=round(float(size.known[-1])), full=full, waited=waited)
    return _finding(headline, "pool", *rows)


def _generator(summary: Summary) -> Finding | None:
    health = summary.generator
    busy, lag_ms = health.cpu_percent_mean, health.loop_lag_p99_ms
    rows = []
    if busy is not None and busy > GENERATOR_BUSY_PERCENT:
        rows.append(Evidence("generator.cpu_percent", "CPU of a load process, mean", None, busy, "percent"))
    if lag_ms is not None and lag_ms > GENERATOR_LAG_MS:
        rows.append(Evidence("generator.loop_lag_ms", "delay of its event loop, p99", None, lag_ms, "ms"))
    if not rows:
        return None
    if (health.throttled_rate or 0.0) >= GENERATOR_THROTTLED_SHARE:
        label = "periods in which a CPU limit stopped it"
        rows.append(Evidence("generator.throttled_rate", label, None, health.throttled_rate, "fraction"))
    figures = [f"{row.label} {quantity(row.after, row.unit)}" for row in rows]
    return _finding(FindingMessage.GENERATOR_AT_LIMIT(figures=figures), "load generator", *rows)


# ── growth ──────────────────────────────────────────────────────────────────────────────────────────────────


def growing_resources(tracks: Mapping[str, Track]) -> list[Finding]:
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
    per_s, overall = theil_sen(at[half:], values[half:])[0], theil_sen(at, values)[0]
    if per_s < _STILL_GROWING * overall or per_s * recent_s < _STILL_GROWING * grown / 2:
        return None
    if growth_p(values[half:] if half >= FEWEST else values) >= GROWTH_P * (1 if half >= FEWEST else 10):
        return None
    if np.mean(np.diff(values[half:]) > 0) < _STEPS:
        return None
    return _growth_finding(growing, track.unit, (at, values), per_s, _left_s(growing, tracks, per_s, float(values[-1])))


def _growth_finding(
    growing: Growing, unit: str, series: tuple[Floats, Floats], per_s: float, left_s: float | None
) -> Finding:
    at, values = series
    began = _began(at, values)
    first, last = float(values[began]), float(values[-1])
    fields = {
        "what": growing.label,
        "change": change(first, last, unit),
        "for_s": round(float(at[-1] - at[began])),
        "per_minute": quantity(per_s * 60, unit),
    }
    at_s = int(at[began]) if began else None
    headline = FindingMessage.GREW(**fields) if at_s is None else FindingMessage.GREW_FROM(at=at_s, **fields)
    rows = [Evidence(growing.metric, growing.label, first, last, unit, at_s)]
    if left_s is not None and left_s < _SOON_S:
        headline = headline.also(FindingMessage.USED_UP(left_s=left_s))
        rows.append(Evidence(growing.metric, TIME_LEFT, None, left_s, "s"))
    return Finding(FindingKind.GROWTH, headline, growing.resource, at_s, evidence=tuple(rows))


def _began(at: Floats, values: Floats) -> int:
    """From which place on it grew: the one farthest below the line from the first value to the last; 0: the first."""
    below = np.interp(at, at[[0, -1]], values[[0, -1]]) - values
    place = int(np.argmax(below))
    return place if below[place] >= _KNEE * (values[-1] - values[0]) else 0


def _thinned(track: Track) -> tuple[Floats, Floats]:
    """Seconds and values: medians of at most 40 blocks of samples, each of 3 s or more."""
    known, seconds = track.known, track.seconds
    if known.size < FEWEST * _SHORTEST_BLOCK_S:
        return np.empty(0), np.empty(0)
    blocks = min(_BLOCKS, known.size // _SHORTEST_BLOCK_S)
    pairs = zip(np.array_split(seconds, blocks), np.array_split(known, blocks), strict=True)
    medians = [(float(np.median(at)), float(np.median(values))) for at, values in pairs]
    at, values = np.array(medians).T
    return at, values


def _left_s(growing: Growing, tracks: Mapping[str, Track], per_s: float, last: float) -> float | None:
    """Seconds until nothing is left; None where no limit is known."""
    if growing.left is not None and growing.left in tracks and tracks[growing.left].known.size:
        return float(tracks[growing.left].known[-1]) / per_s
    if growing.used_percent is not None and growing.used_percent in tracks:
        used = tracks[growing.used_percent].known
        if used.size and used[-1] > 0 and math.isfinite(last):
            return last * (100 / float(used[-1]) - 1) / per_s
    return None
