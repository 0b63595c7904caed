"""Which metrics left their band when the load got slow, and which operations slowed down most.

Much of what changes when answers get slow only follows from it: requests that take longer keep connections longer,
so the pool fills, sessions are active for longer and queues grow, whatever made them take longer. So suspects are
ranked: first what slowness does not bring about by itself (a part that is gone, locks, work per request, CPU that
others use), last what may be a consequence.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from perfsuite.findings.band import deviation
from perfsuite.findings.steady_state import OTHER_CPU, SteadyLoad
from perfsuite.model.finding import Evidence
from perfsuite.timeseries import EXECUTION, FULL_SCANS, LOOKUPS, ROWS_READ, STATEMENTS, Floats, Track, middle

WITHIN_S = 10
"""A metric that left its band at most so long before or after the load is correlated with it."""
_LONGEST_LOOK_S = 30
_GUARD_S = 2
_SIGMAS = 4.0
_MOST_OUTSIDE = 95.0
_SHARE_OUTSIDE, _SHARE_OUTSIDE_SHORT = 0.6, 0.4
_SHORT_S, _TRAILS_S = 10, 2
"""Readings may trail by some seconds: a request counts for the second in which it was due, and is felt until its end.
Of a short incident that is much."""
_FEWEST_BEFORE, _FEWEST_AFTER = 5, 2
COMPARED_FROM_S = _FEWEST_BEFORE + _GUARD_S
"""So many seconds after the first reading there is enough to compare with."""
_SLOWER, _SLOWER_MS = 1.5, 5.0


@dataclass(frozen=True, slots=True)
class Suspect:
    """A metric to look at. It counts as changed beyond `least` in its unit and by `factor` of its usual value.

    `rank`: 0 does not follow from slowness, 9 does. `down`: a fall is bad. `needs`: another metric that must be at
    least at a value meanwhile. `smoothed`: a single second shows in several samples, so only what lasts counts.
    """

    resource: str
    metric: str
    label: str
    rank: int
    least: float
    factor: float = 1.0
    down: bool = False
    needs: tuple[str, float] | None = None
    smoothed: bool = False


_MACHINE_BUSY = ("machine.cpu_percent", 85.0)

SUSPECTS = (
    Suspect("backend process", "server.up", "the backend's process", 0, 0.5, down=True),
    Suspect("PostgreSQL", "postgres.up", "answers of PostgreSQL", 0, 0.5, down=True),
    Suspect("Redis", "redis.up", "answers of Redis", 0, 0.5, down=True),
    Suspect("locks", "postgres.blocked_sessions", "sessions blocked by another session", 1, 0.5),
    Suspect("locks", "postgres.waits_lock", "sessions waiting for a lock", 1, 0.5),
    Suspect("locks", "postgres.locks_waiting", "lock requests not granted", 1, 0.5),
    Suspect("cache", LOOKUPS, "lookups in Redis per request", 2, 0.2, 2.0, down=True, smoothed=True),
    Suspect("cache", "redis.hit_percent", "cache hit ratio of Redis", 2, 20.0, down=True),
    Suspect("queries per request", STATEMENTS, "database statements per request", 3, 0.5, 1.5, smoothed=True),
    Suspect(
        "rows per request",
        FULL_SCANS,
        "reads of large tables from end to end, per request",
        3,
        0.2,
        2.0,
        smoothed=True,
    ),
    Suspect(
        "rows per request",
        ROWS_READ,
        "rows that the database read per request",
        3,
        500.0,
        3.0,
        smoothed=True,
    ),
    Suspect(
        "other processes",
        OTHER_CPU,
        "CPU of other processes (100 % = one core)",
        4,
        40.0,
        1.3,
        needs=_MACHINE_BUSY,
    ),
    Suspect("load generator", "generator.cpu_percent", "CPU of the load generator", 5, 20.0, 1.3),
    Suspect("load generator", "generator.loop_lag_ms", "delay of the load generator's event loop", 5, 20.0, 2.0),
    Suspect("machine", "machine.steal_percent", "CPU time taken by other virtual machines", 4, 10.0),
    Suspect("storage", "machine.iowait_percent", "time waiting for storage", 4, 15.0),
    Suspect("Redis", "redis.evictions_per_s", "keys that Redis threw out", 4, 5.0, 2.0),
    Suspect("Redis", "redis.cpu_percent", "CPU of Redis", 5, 40.0, 1.5),
    Suspect("PostgreSQL", "postgres.deadlocks_per_s", "deadlocks", 5, 0.5),
    Suspect("PostgreSQL cache", "postgres.cache_hit_percent", "cache hit ratio of PostgreSQL", 5, 5.0, down=True),
    Suspect("PostgreSQL memory", "postgres.temp_bytes_per_s", "temporary files of PostgreSQL", 5, 1e5, 2.0),
    Suspect("PostgreSQL", "postgres.waits_io", "sessions waiting for storage", 5, 1.5),
    Suspect("PostgreSQL", "postgres.waits_lwlock", "sessions waiting for a lock inside PostgreSQL", 5, 1.5),
    Suspect("memory", "machine.memory_used_percent", "memory used of the machine", 5, 10.0, 1.1),
    Suspect("network", "machine.tcp_listen_overflows_per_s", "connections dropped, listen queue full", 6, 1.0),
    Suspect("network", "machine.tcp_retransmitted_percent", "TCP segments sent again", 6, 2.0, 3.0),
    Suspect("backend CPU", "server.busiest_process_cpu_percent", "CPU of the backend's busiest process", 6, 20.0, 1.3),
    Suspect("backend CPU", "server.cpu_percent", "CPU of the backend", 6, 20.0, 1.3),
    Suspect("pool", "pool.waiting", "requests waiting for a connection of the pool", 7, 0.5),
    Suspect("pool", "pool.used_percent", "connections of the pool in use", 7, 30.0, 1.3),
    Suspect("connections", "postgres.connections_used_percent", "connections of PostgreSQL in use", 7, 10.0, 1.3),
    Suspect("PostgreSQL", EXECUTION, "time of statements per request", 8, 5.0, 2.0, smoothed=True),
    Suspect("PostgreSQL", "postgres.longest_query_s", "longest statement", 8, 0.5, 2.0),
    Suspect("PostgreSQL", "postgres.connections_active", "sessions running a statement", 8, 2.0, 1.5),
    Suspect(
        "PostgreSQL",
        "postgres.connections_idle_in_transaction",
        "sessions idle in a transaction",
        8,
        2.0,
        2.0,
    ),
    Suspect("cores", "server.cpu_wait_percent", "backend threads waiting for a core", 8, 50.0, 2.0),
    Suspect("descriptors", "server.descriptors_used_percent", "descriptors in use", 9, 10.0, 1.3),
    Suspect("listen queue", "server.listen_queue", "connections waiting to be accepted", 9, 3.0, 2.0),
    Suspect("threads", "server.threads", "threads of the backend", 9, 10.0, 1.5),
    Suspect("application", "pool.up", "answers of the application's health page", 9, 0.5, down=True),
)


@dataclass(frozen=True, slots=True)
class Correlated:
    """A metric that left its band with the load. `distance`: by how many widths of the band."""

    suspect: Suspect
    at_s: int
    before: float
    after: float
    distance: float
    unit: str

    @property
    def evidence(self) -> Evidence:
        """The same as a row to show."""
        return Evidence(self.suspect.metric, self.suspect.label, self.before, self.after, self.unit, self.at_s)


@dataclass(frozen=True, slots=True)
class Slower:
    """A role's operation that took longer: mean times, and its share of all the time that was added."""

    role: str
    operation: str
    before_ms: float
    after_ms: float
    share: float


def correlated_metrics(tracks: Mapping[str, Track], start_s: int, stop_s: int) -> list[Correlated]:
    """The metrics that left their band with the load, the likeliest origins first."""
    found = [
        changed
        for suspect in SUSPECTS
        if suspect.metric in tracks
        and (changed := _correlated(suspect, tracks, start_s, stop_s)) is not None
        and abs(changed.at_s - start_s) <= WITHIN_S
    ]
    return sorted(found, key=lambda changed: (changed.suspect.rank, changed.at_s, -changed.distance))


def _correlated(suspect: Suspect, tracks: Mapping[str, Track], start_s: int, stop_s: int) -> Correlated | None:
    """A metric that was out of its band while the load was, or at the beginning of that."""
    if suspect.smoothed and stop_s - start_s < _SHORT_S:
        return None
    throughout = (min(stop_s, start_s + _LONGEST_LOOK_S), _SHARE_OUTSIDE)
    at_first = (min(stop_s, start_s + _SHORT_S - _TRAILS_S) + _TRAILS_S, _SHARE_OUTSIDE_SHORT)
    looks = (throughout,) if suspect.smoothed else (throughout, at_first)
    found = (_changed(suspect, tracks, (start_s, until_s), share) for until_s, share in looks)
    return next((changed for changed in found if changed is not None), None)


def _changed(suspect: Suspect, tracks: Mapping[str, Track], span: tuple[int, int], share: float) -> Correlated | None:
    """A metric of whose samples in a span of seconds at least a share is out of its band."""
    start_s, stop_s = span
    track = tracks[suspect.metric]
    before, after = track.between(track.first_s, start_s - _GUARD_S), track.between(start_s, stop_s)
    if before.size < _FEWEST_BEFORE or after.size < _FEWEST_AFTER:
        return None
    sign = -1.0 if suspect.down else 1.0
    usual, width = middle(before), band_width(suspect, before, sign)
    outside = sign * (after - usual) > width
    if outside.mean() < share or not _needs_are_met(suspect, tracks, start_s, stop_s):
        return None
    at_s, became = _since(track, sign, sign * usual + width, start_s), middle(after[outside])
    return Correlated(suspect, at_s, usual, became, abs(became - usual) / width, track.unit)


def band_width(suspect: Suspect, before: Floats, sign: float) -> float:
    """How far from its usual value the metric has to be to have left its band. `sign`: -1 where a fall is bad."""
    usual = middle(before)
    spread = float(np.percentile(sign * (before - usual), _MOST_OUTSIDE))
    by_factor = abs(usual) * (1 - 1 / suspect.factor if suspect.down else suspect.factor - 1)
    return max(_SIGMAS * deviation(before), spread, by_factor, suspect.least)


def _needs_are_met(suspect: Suspect, tracks: Mapping[str, Track], start_s: int, stop_s: int) -> bool:
    if suspect.needs is None:
        return True
    metric, least = suspect.needs
    return metric in tracks and middle(tracks[metric].between(start_s, stop_s)) >= least


def _since(track: Track, sign: float, edge: float, start_s: int) -> int:
    """The second near `start_s` from which on the metric was out of its band, single values apart."""
    place = start_s - track.first_s
    first = max(place - WITHIN_S, 0)
    outside = sign * np.nan_to_num(track.values, nan=-sign * math.inf) > edge
    inside = np.flatnonzero(~outside[first:place] & ~np.isnan(track.values[first:place]))
    if inside.size and first + int(inside[-1]) + 1 < place:
        return track.first_s + first + int(inside[-1]) + 1
    later = np.flatnonzero(outside[place:])
    if inside.size:
        return start_s + int(later[0]) if later.size else start_s
    return track.first_s + first if outside[first:place].any() else start_s


def slower_operations(load: SteadyLoad, start: int, stop: int) -> list[Slower]:
    """The operations that took longer from position `start` to `stop` than before, most added time first."""
    found: list[tuple[float, str, str, float, float]] = []
    for operation, roles in load.by_operation.items():
        for role, times in roles.items():
            before, after = times.mean_ms(0, start), times.mean_ms(start, stop)
            if after > max(before * _SLOWER, before + _SLOWER_MS):  # False where one is NaN
                found.append(((after - before) * times.count(start, stop), role, operation, before, after))
    total = sum(added for added, *_others in found)
    found.sort(key=lambda each: -each[0])
    return [Slower(role, operation, before, after, added / total) for added, role, operation, before, after in found]
