"""Readings of the target and of the load generator, and the catalogue of all metrics that can be read.

A reading at second T is the state at T; a figure "per second", a percentage of time and a ratio of counters
describe the second that ends at T. `None` is a gap: the figure was not available. It never means zero.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

PART = "/"
"""In the source of a reading, what follows is one part of a whole: "machine/core 3", "server/pid 4711"."""

READINGS_NEEDED = 30
"""A target on what a monitor read needs as many readings in the steady state."""

NETWORK, GENERATOR = "network", "generator"
"""Sources that are no monitors: the load's own records contain them."""


class Direction(StrEnum):
    """Which way a figure gets worse. NEUTRAL: it describes the work, and no value is bad by itself."""

    HIGHER_IS_WORSE = "higher is worse"
    LOWER_IS_WORSE = "lower is worse"
    NEUTRAL = "neutral"


@dataclass(frozen=True, slots=True)
class Reading:
    """One figure of one source at one moment. `at_s`: UTC epoch, s. `value` None: a gap."""

    at_s: float
    source: str
    metric: str
    value: float | None
    unit: str

    @property
    def is_part(self) -> bool:
        """True for one core of a machine or one process of a server; the whole has a metric of its own."""
        return PART in self.source

    @property
    def is_of_load(self) -> bool:
        """True where it comes from the load's own records; all else was read at the target."""
        return self.source in (NETWORK, GENERATOR)


@dataclass(frozen=True, slots=True)
class Metric:
    """What a figure means. Where it saturates: at `limit`, or at the value of the metric `limit_metric`.

    `of_parts`: only parts have it, such as one core or one table.
    """

    name: str
    unit: str
    meaning: str
    direction: Direction = Direction.NEUTRAL
    limit: float | None = None
    limit_metric: str | None = None
    of_parts: bool = False

    @property
    def component(self) -> str:
        """What it belongs to: "server", "machine", "pool", "postgres", "redis", "network", "generator" …"""
        return self.name.split(".", 1)[0]


_UP, _DOWN, _AS_IS = Direction.HIGHER_IS_WORSE, Direction.LOWER_IS_WORSE, Direction.NEUTRAL

_METRICS: Final = (
    # ── server: the backend's process and everything that it has started
    Metric("server.up", "count", "1 while the process is there, 0 when it has ended", _DOWN),
    Metric(
        "server.cpu_percent",
        "percent",
        "CPU of all its processes; 100 = one core",
        _UP,
        None,
        "server.cpu_limit_percent",
    ),
    Metric("server.cpu_limit_percent", "percent", "most CPU that it may use: 100 for each core it may run on"),
    Metric(
        "server.busiest_process_cpu_percent",
        "percent",
        "CPU of the process that used most; one Python process rarely gets above 100",
        _UP,
        100.0,
    ),
    Metric("server.process_cpu_percent", "percent", "CPU of one process (a part)", _UP, 100.0, of_parts=True),
    Metric(
        "server.cpu_wait_percent",
        "percent",
        "time in which its threads were ready to run and had no core, summed over threads",
        _UP,
    ),
    Metric("server.processes", "count", "processes in its tree"),
    Metric("server.threads", "count", "threads of all its processes", _UP),
    Metric(
        "server.memory_bytes",
        "bytes",
        "resident memory, summed; memory shared between processes counts in each",
        _UP,
        None,
        "server.memory_limit_bytes",
    ),
    Metric("server.memory_limit_bytes", "bytes", "limit on its memory, of its container or unit; absent without one"),
    Metric("server.descriptors", "count", "open files and sockets of all its processes", _UP),
    Metric(
        "server.descriptors_used_percent",
        "percent",
        "open files and sockets against the limit, of the process nearest to it",
        _UP,
        100.0,
    ),
    Metric("server.context_switches_per_s", "per second", "how often one of its threads was put on a core", _UP),
    Metric("server.disk_read_bytes_per_s", "bytes per second", "read from storage, page cache left out", _UP),
    Metric("server.disk_write_bytes_per_s", "bytes per second", "written towards storage", _UP),
    Metric(
        "server.listen_queue",
        "count",
        "connections that the kernel has accepted and the server has not, over its ports",
        _UP,
    ),
    # ── machine
    Metric("machine.cpu_percent", "percent", "CPU in use, all cores together; 100 = all cores", _UP, 100.0),
    Metric("machine.busiest_core_percent", "percent", "CPU in use of the busiest core", _UP, 100.0),
    Metric("machine.core_cpu_percent", "percent", "CPU in use of one core (a part)", _UP, 100.0, of_parts=True),
    Metric(
        "machine.iowait_percent", "percent", "time in which cores had nothing to do but wait for storage", _UP, 100.0
    ),
    Metric("machine.steal_percent", "percent", "time that the hypervisor gave to other machines", _UP, 100.0),
    Metric("machine.memory_used_percent", "percent", "memory that is not available to programs", _UP, 100.0),
    Metric("machine.memory_available_bytes", "bytes", "memory that programs can still have without swapping", _DOWN),
    Metric(
        "machine.disk_used_percent", "percent", "space in use on the backend's disk, as it reports itself", _UP, 100.0
    ),
    Metric("machine.tcp_retransmits_per_s", "per second", "TCP segments sent again", _UP),
    Metric("machine.tcp_retransmitted_percent", "percent", "of the TCP segments sent, those sent again", _UP),
    Metric(
        "machine.tcp_listen_overflows_per_s", "per second", "connections dropped since a listen queue was full", _UP
    ),
    # ── pool: the application's own database connections, as /api/v1/health/database reports
    Metric("pool.up", "count", "1 when the application answered in time, else 0", _DOWN),
    Metric("pool.answer_ms", "ms", "how long the application took to answer, its wait for a connection included", _UP),
    Metric(
        "pool.absent", "count", "1 when the application says that it keeps no pool (NullPool), 0 when it keeps one", _UP
    ),
    Metric("pool.checked_out", "count", "connections in use, that of this question included", _UP, None, "pool.size"),
    Metric("pool.size", "count", "connections that the pool keeps"),
    Metric("pool.overflow", "count", "connections open beyond the pool's size", _UP),
    Metric(
        "pool.used_percent",
        "percent",
        "connections in use against the pool's size; above 100 it has overflowed",
        _UP,
        100.0,
    ),
    Metric("pool.waiting", "count", "threads that wait for a connection", _UP),
    Metric("pool.database_ms", "ms", "one round trip from the application to its database", _UP),
    # ── PostgreSQL: sessions, of the whole server, the monitor's own left out
    Metric("postgres.up", "count", "1 when it answered in time, else 0", _DOWN),
    Metric("postgres.answer_ms", "ms", "how long the monitor's own question took", _UP),
    Metric("postgres.connections", "count", "client connections", _UP, None, "postgres.connections_limit"),
    Metric("postgres.connections_limit", "count", "max_connections"),
    Metric("postgres.connections_used_percent", "percent", "client connections against max_connections", _UP, 100.0),
    Metric("postgres.connections_active", "count", "sessions in the middle of a statement", _UP),
    Metric("postgres.connections_idle", "count", "sessions that wait for work"),
    Metric(
        "postgres.connections_idle_in_transaction", "count", "sessions that keep a transaction open and do nothing", _UP
    ),
    Metric("postgres.waits_lock", "count", "active sessions that wait for a lock on a row or table", _UP),
    Metric("postgres.waits_lwlock", "count", "active sessions that wait for a lock inside the server", _UP),
    Metric("postgres.waits_io", "count", "active sessions that wait for storage", _UP),
    Metric("postgres.waits_client", "count", "active sessions that wait for their client to read or send", _UP),
    Metric("postgres.waits_ipc", "count", "active sessions that wait for another process of the server", _UP),
    Metric(
        "postgres.waits_other",
        "count",
        "active sessions that wait for something else (timeout, buffer pin, extension)",
        _UP,
    ),
    Metric("postgres.waits_by_event", "count", "active sessions that wait for one event (a part)", _UP, of_parts=True),
    Metric("postgres.locks_waiting", "count", "lock requests that have not been granted", _UP),
    Metric("postgres.blocked_sessions", "count", "sessions that another session blocks", _UP),
    Metric("postgres.longest_query_s", "s", "age of the statement that runs longest; 0 when none runs", _UP),
    Metric("postgres.longest_transaction_s", "s", "age of the oldest open transaction; 0 when none is open", _UP),
    Metric(
        "postgres.longest_idle_in_transaction_s",
        "s",
        "how long a session of this database has kept a transaction open and done nothing; 0 when none does",
        _UP,
    ),
    # ── PostgreSQL: work, of the database that the account is connected to
    Metric("postgres.transactions_per_s", "per second", "transactions ended, the monitor's own left out"),
    Metric("postgres.sessions_opened_per_s", "per second", "sessions opened to it (PostgreSQL 14 or newer)", _UP),
    Metric("postgres.rollbacks_per_s", "per second", "transactions rolled back", _UP),
    Metric(
        "postgres.cache_hit_percent",
        "percent",
        "of the blocks asked for, those found in shared buffers; a gap when none was",
        _DOWN,
    ),
    Metric("postgres.block_reads_per_s", "per second", "blocks not found in shared buffers", _UP),
    Metric("postgres.rows_read_per_s", "per second", "rows read by scans of tables and indexes"),
    Metric("postgres.full_scans_per_s", "per second", "how often large tables were read from end to end", _UP),
    Metric("postgres.full_scan_rows_per_s", "per second", "rows that this read", _UP),
    Metric(
        "postgres.table_full_scans_per_s",
        "per second",
        "how often one large table was read so (a part)",
        _UP,
        of_parts=True,
    ),
    Metric(
        "postgres.table_full_scan_rows_per_s", "per second", "rows that this read of it (a part)", _UP, of_parts=True
    ),
    Metric(
        "postgres.temp_bytes_per_s", "bytes per second", "written to temporary files since work_mem was too small", _UP
    ),
    Metric("postgres.deadlocks_per_s", "per second", "deadlocks broken", _UP),
    Metric("postgres.statements_calls_per_s", "per second", "statements executed (pg_stat_statements)"),
    Metric(
        "postgres.statements_exec_ms_per_s",
        "ms per second",
        "time spent executing statements (pg_stat_statements); 1,000 = one session busy all the time",
        _UP,
    ),
    Metric("postgres.database_bytes", "bytes", "size of the database on disk, indexes included", _UP),
    Metric(
        "postgres.table_bytes",
        "bytes",
        "size of one table with its indexes: the ten largest, and those that change; read every 10 s (a part)",
        _UP,
        of_parts=True,
    ),
    # ── PostgreSQL: work of the whole server
    Metric("postgres.checkpoints_per_s", "per second", "checkpoints, timed and requested", _UP),
    Metric("postgres.wal_bytes_per_s", "bytes per second", "write-ahead log written; on a standby: replayed"),
    # ── Redis
    Metric("redis.up", "count", "1 when it answered in time, else 0", _DOWN),
    Metric("redis.answer_ms", "ms", "how long the monitor's own question took", _UP),
    Metric(
        "redis.cpu_percent", "percent", "CPU of its main thread, which does all commands; 100 = one core", _UP, 100.0
    ),
    Metric("redis.hit_percent", "percent", "of the keys looked up, those found; a gap when none was looked up", _DOWN),
    Metric("redis.lookups_per_s", "per second", "keys looked up"),
    Metric("redis.memory_bytes", "bytes", "memory used for data", _UP),
    Metric(
        "redis.memory_used_percent", "percent", "memory used against maxmemory; absent when that is not set", _UP, 100.0
    ),
    Metric("redis.evictions_per_s", "per second", "keys thrown out for want of memory", _UP),
    Metric(
        "redis.connected_clients",
        "count",
        "client connections, the monitor's own left out",
        _UP,
        None,
        "redis.clients_limit",
    ),
    Metric("redis.clients_limit", "count", "maxclients"),
    Metric("redis.blocked_clients", "count", "clients in a blocking command", _UP),
    Metric("redis.rejected_connections_per_s", "per second", "connections refused since maxclients was reached", _UP),
    Metric("redis.commands_per_s", "per second", "commands done, the monitor's own left out"),
    Metric("redis.slowlog_per_s", "per second", "commands that entered the slow log; a gap once it is full (128)", _UP),
    # ── network: as the load's own requests met it
    Metric("network.connections_opened_per_s", "per second", "connections that its requests opened"),
    Metric(
        "network.connect_ms", "ms", "opening one: name and TCP, mean of those opened; a gap when none was opened", _UP
    ),
    Metric("network.tls_ms", "ms", "TLS of one, mean; a gap when none was opened; absent without TLS", _UP),
    Metric("network.bytes_sent_per_s", "bytes per second", "HTTP sent, heads and bodies"),
    Metric("network.bytes_received_per_s", "bytes per second", "HTTP received, heads and bodies"),
    Metric("network.errors_refused_per_s", "per second", "requests whose connection was refused", _UP),
    Metric(
        "network.errors_reset_per_s", "per second", "requests whose connection broke: reset, or closed too early", _UP
    ),
    Metric("network.errors_timeout_per_s", "per second", "requests without a connection or an answer in time", _UP),
    # ── generator: the processes that make the load
    Metric(
        "generator.cpu_percent",
        "percent",
        "CPU of all load processes; 100 = one core",
        _UP,
        None,
        "generator.cpu_limit_percent",
    ),
    Metric("generator.cpu_limit_percent", "percent", "most CPU that they can use: 100 for each process"),
    Metric(
        "generator.busiest_process_cpu_percent",
        "percent",
        "CPU of the load process that used most; it cannot use more than one core",
        _UP,
        100.0,
    ),
    Metric("generator.loop_lag_ms", "ms", "longest delay of an event loop; what was due in it began later", _UP),
    Metric("generator.users", "count", "virtual users alive; in the open model its sessions"),
    # ── application: by its own page of metrics
    Metric(
        "application.requests_per_s",
        "per second",
        "requests that it counted itself, of whomever, those for its page of metrics left out",
    ),
    Metric("application.request_ms", "ms", "their mean duration by its own clock; a gap when there was none", _UP),
    Metric("application.requests_in_progress", "count", "requests that it is working on", _UP),
    # ── what is asked instead when the backend runs elsewhere
    Metric("health.up", "count", "1 when /api/v1/health/system answered in time, else 0", _DOWN),
    Metric("prometheus.up", "count", "1 when it answered in time, else 0", _DOWN),
)

METRICS: Final[dict[str, Metric]] = {metric.name: metric for metric in _METRICS}
"""Name → metric; every reading's metric is in here."""
