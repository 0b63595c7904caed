"""What can be short at a target, nearest to where slowness begins first.

Much of what moves when answers get slow only follows from it: requests that take longer keep connections longer,
so the pool fills, sessions are active for longer and queues grow, whatever made them take longer. So what stands
first here is what slowness does not bring about by itself: a part that is gone, locks, work per request, CPU that
others use. What may be a consequence comes last, and is told first only where nothing before it has moved.
"""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.findings.series import OTHER_CPU
from perfsuite.timeseries import EXECUTION, FULL_SCANS, LOOKUPS, ROWS_READ, STATEMENTS


@dataclass(frozen=True, slots=True)
class Suspect:
    """A metric to look at. It counts as moved beyond `least` in its unit and by `factor` of its usual value.

    `rank`: 0 does not follow from slowness, 9 does. `down`: it is the fall that is bad. `needs`: another metric that
    has to be at least at a value meanwhile. `smoothed`: a single second shows in several samples, so that only
    what lasts counts.
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


MACHINE_BUSY: tuple[str, float] = ("machine.cpu_percent", 85.0)

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
        needs=MACHINE_BUSY,
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
