"""What was at its limit for most of the steady state: utilisation, saturation, errors.

The USE method: Gregg 2013, "Thinking Methodically about Performance", doi 10.1145/2405116.2422876.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.episodes import taken_seconds
from perfsuite.findings.series import OTHER_CPU
from perfsuite.format import percent, quantity
from perfsuite.model import Summary
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.timeseries import LOOKUPS, Floats, Track, middle

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


@dataclass(frozen=True, slots=True)
class Limit:
    """A metric that is at its limit from `least` on (`down`: up to it) in at least `share` of the samples."""

    resource: str
    metric: str
    says: str
    least: float
    share: float = MOST_OF_IT


LIMITS = (
    Limit("connections", "postgres.connections_used_percent", "connections of PostgreSQL in use", 90.0),
    Limit("connections", "redis.rejected_connections_per_s", "connections that Redis refused", 0.5, WAITING_SHARE),
    Limit("Redis memory", "redis.evictions_per_s", "keys that Redis threw out for want of memory", 1.0),
    Limit("storage", "machine.iowait_percent", "time waiting for storage", 30.0),
    Limit("machine", "machine.steal_percent", "CPU time taken by other virtual machines", 10.0),
    Limit("memory", "machine.memory_used_percent", "memory used of the machine", 95.0),
    Limit("descriptors", "server.descriptors_used_percent", "descriptors in use", 90.0),
    Limit("PostgreSQL", "postgres.deadlocks_per_s", "deadlocks", 0.5, WAITING_SHARE),
    Limit(
        "network", "machine.tcp_listen_overflows_per_s", "connections dropped, listen queue full", 0.5, WAITING_SHARE
    ),
    Limit("backend CPU", "server.busiest_process_cpu_percent", "CPU of the backend's busiest process", 95.0),
    Limit("listen queue", "server.listen_queue", "connections waiting to be accepted", 5.0),
)


def limits(tracks: Mapping[str, Track], summary: Summary) -> list[Finding]:
    """Nearest to where slowness begins first: what may follow from something else comes last."""
    special = (_locks, _cache, _other_cpu, _pool)
    found = [finding for look in special if (finding := look(tracks)) is not None]
    if (finding := _generator(summary)) is not None:
        found.append(finding)
    return found + [finding for limit in LIMITS if (finding := _at_limit(limit, tracks)) is not None]


def _sampled(tracks: Mapping[str, Track], metric: str) -> Floats | None:
    """The known values, where there are enough to speak of most of the time."""
    track = tracks.get(metric)
    return track.known if track is not None and track.known.size >= FEWEST_SAMPLES else None


def _at_limit(limit: Limit, tracks: Mapping[str, Track]) -> Finding | None:
    values = _sampled(tracks, limit.metric)
    if values is None:
        return None
    share = float((values >= limit.least).mean())
    if share < limit.share:
        return None
    row = _row(tracks[limit.metric], limit.says, middle)
    told = f"{limit.says}: {quantity(row.after, row.unit)} (median), at its limit in {percent(share)} of the samples"
    return _finding(told, limit.resource, row)


def _row(track: Track, label: str, of: Callable[[Floats], float]) -> Evidence:
    return Evidence(track.metric, label, None, float(of(track.known)), track.unit)


def _finding(headline: str, resource: str, *rows: Evidence) -> Finding:
    return Finding(FindingKind.LIMIT, headline[0].upper() + headline[1:], resource, evidence=rows)


def _locks(tracks: Mapping[str, Track]) -> Finding | None:
    blocked = _sampled(tracks, "postgres.blocked_sessions")
    longest = _sampled(tracks, "postgres.longest_query_s")
    if blocked is None or (blocked >= 1).mean() < MOST_OF_IT or (longest is not None and middle(longest) < 0.1):
        return None
    row = _row(tracks["postgres.blocked_sessions"], "sessions blocked by another session", np.mean)
    told = f"sessions of PostgreSQL blocked each other in {percent(float((blocked >= 1).mean()))} of the samples"
    return _finding(told, "locks", row)


def _cache(tracks: Mapping[str, Track]) -> Finding | None:
    lookups = _sampled(tracks, LOOKUPS)
    if lookups is None:
        return None
    asked = _row(tracks[LOOKUPS], "lookups in Redis per request", np.mean)
    if middle(lookups) <= NO_LOOKUPS and float(np.percentile(lookups, 90)) <= NO_LOOKUPS:
        return _finding(
            "the cache was not used: Redis is there, and no request looked anything up in it", "cache", asked
        )
    hits = _sampled(tracks, "redis.hit_percent")
    if hits is None or middle(hits) >= NO_HITS_PERCENT:
        return None
    row = _row(tracks["redis.hit_percent"], "cache hit ratio of Redis", middle)
    return _finding(
        f"the cache had hardly anything: {quantity(row.after, 'percent')} of the lookups found their key",
        "cache",
        row,
        asked,
    )


def _other_cpu(tracks: Mapping[str, Track]) -> Finding | None:
    if OTHER_CPU not in tracks or _sampled(tracks, OTHER_CPU) is None:
        return None
    share = float(np.mean(taken_seconds(tracks)))
    if share < MOST_OF_IT:
        return None
    others = _row(tracks[OTHER_CPU], "CPU of other processes (100 % = one core)", middle)
    machine = _row(tracks["machine.cpu_percent"], "CPU of the machine", middle)
    told = (
        f"other processes used {quantity(others.after, 'percent')} of a core (median), on a machine that was full in "
        f"{percent(share)} of the samples"
    )
    return _finding(told, "other processes", others, machine)


def _pool(tracks: Mapping[str, Track]) -> Finding | None:
    used, waiting = _sampled(tracks, "pool.used_percent"), _sampled(tracks, "pool.waiting")
    if used is None:
        return None
    full = float((used >= 100).mean())
    waited = float((waiting >= 1).mean()) if waiting is not None else 0.0
    enough = WAITING_SHARE_FULL if full >= MOST_OF_IT else WAITING_SHARE
    if waited < enough if waiting is not None else full < 1 - WAITING_SHARE:
        return None
    rows = [_row(tracks["pool.used_percent"], "connections of the pool in use", middle)]
    if waiting is not None:
        rows.insert(0, _row(tracks["pool.waiting"], "requests waiting for a connection of the pool", np.mean))
    size = tracks.get("pool.size")
    of = f" of {quantity(float(size.known[-1]), 'count')} connections" if size is not None and size.known.size else ""
    told = (
        f"the application's pool{of} was full in {percent(full)} of the samples, with requests waiting for one "
        f"in {percent(waited)}"
    )
    return _finding(told, "pool", *rows)


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
    told = " and ".join(f"{row.label} {quantity(row.after, row.unit)}" for row in rows)
    return _finding(f"the load generator itself was at its limit: {told}", "load generator", *rows)
