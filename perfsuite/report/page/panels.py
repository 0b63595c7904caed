"""Which monitored metrics share a chart, under which heading, and which charts are folded.

Only metrics that change are drawn, so a panel for rare events, such as deadlocks, takes no space in a run without any.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart of at most four metrics of one unit. `lines`: metric → its name in the legend.

    `shown`: not folded. `close`: the scale need not begin at zero, because only changes matter.
    """

    name: str
    title: str
    lines: dict[str, str]
    note: str = ""
    shown: bool = True
    close: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """A heading, its panels in reading order, and the prefixes of its metrics (the longest prefix that fits wins)."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    prefixes: tuple[str, ...]


COMPONENTS = (
    Component(
        "server",
        "Backend process",
        (
            Panel("server-up", "Process running", {"server.up": "1: yes, 0: no"}),
            Panel(
                "server-cpu",
                "CPU",
                {
                    "server.cpu_percent": "all processes",
                    "server.busiest_process_cpu_percent": "busiest process",
                    "server.cpu_wait_percent": "waiting for a core",
                },
                "100 % is one core.",
            ),
            Panel("server-memory", "Memory", {"server.memory_bytes": "resident"}, close=True),
            Panel(
                "server-listen",
                "Listen queue",
                {"server.listen_queue": "waiting to be accepted"},
                "Connections that the kernel has accepted and the server has not.",
            ),
            Panel(
                "server-count",
                "Threads, file descriptors, processes",
                {
                    "server.threads": "threads",
                    "server.descriptors": "open files and sockets",
                    "server.processes": "processes",
                },
                shown=False,
            ),
            Panel(
                "server-disk",
                "Disk I/O",
                {"server.disk_read_bytes_per_s": "read", "server.disk_write_bytes_per_s": "written"},
                shown=False,
            ),
        ),
        ("server.",),
    ),
    Component(
        "machine",
        "Machine",
        (
            Panel("health-up", "Health check responds", {"health.up": "1: yes, 0: no"}),
            Panel("prometheus-up", "Prometheus responds", {"prometheus.up": "1: yes, 0: no"}),
            Panel(
                "machine-cpu",
                "CPU",
                {
                    "machine.cpu_percent": "all cores together",
                    "machine.busiest_core_percent": "busiest core",
                    "machine.iowait_percent": "waiting for storage",
                    "machine.steal_percent": "steal",
                },
            ),
            Panel("machine-memory", "Memory used", {"machine.memory_used_percent": "of all memory"}),
        ),
        ("machine.", "health.", "prometheus."),
    ),
    Component(
        "network",
        "Network",
        (
            Panel(
                "network-errors",
                "Requests without a response",
                {
                    "network.errors_refused_per_s": "connection refused",
                    "network.errors_reset_per_s": "connection reset",
                    "network.errors_timeout_per_s": "timeout",
                },
            ),
            Panel(
                "network-connect",
                "Connection setup",
                {"network.connect_ms": "DNS and TCP", "network.tls_ms": "TLS"},
                "Average of the connections that the load opened.",
            ),
            Panel(
                "network-overflows", "Connections dropped", {"machine.tcp_listen_overflows_per_s": "listen queue full"}
            ),
            Panel(
                "network-retransmitted",
                "TCP retransmissions",
                {"machine.tcp_retransmitted_percent": "of the segments sent"},
            ),
            Panel(
                "network-traffic",
                "HTTP traffic of the load",
                {"network.bytes_received_per_s": "received", "network.bytes_sent_per_s": "sent"},
                shown=False,
            ),
        ),
        ("network.", "machine.tcp_"),
    ),
    Component(
        "application",
        "Application metrics",
        (
            Panel("application-requests", "Requests", {"application.requests_per_s": "counted by the application"}),
            Panel("application-duration", "Request duration", {"application.request_ms": "average"}),
            Panel("application-progress", "Requests in progress", {"application.requests_in_progress": "requests"}),
        ),
        ("application.",),
    ),
    Component(
        "pool",
        "Database connection pool",
        (
            Panel("pool-up", "Application responds", {"pool.up": "1: yes, 0: no"}),
            Panel(
                "pool-connections",
                "Connections",
                {
                    "pool.checked_out": "in use",
                    "pool.waiting": "waiting requests",
                    "pool.overflow": "overflow",
                },
            ),
            Panel(
                "pool-answer",
                "Health check time",
                {"pool.answer_ms": "health check", "pool.database_ms": "database round trip"},
                shown=False,
            ),
        ),
        ("pool.",),
    ),
    Component(
        "postgres",
        "PostgreSQL",
        (
            Panel("postgres-up", "PostgreSQL responds", {"postgres.up": "1: yes, 0: no"}),
            Panel(
                "postgres-connections",
                "Connections",
                {
                    "postgres.connections": "all",
                    "postgres.connections_active": "running a statement",
                    "postgres.connections_idle_in_transaction": "idle in a transaction",
                },
            ),
            Panel(
                "postgres-locks",
                "Sessions waiting for locks",
                {
                    "postgres.blocked_sessions": "blocked by another session",
                    "postgres.waits_lock": "row or table lock",
                    "postgres.waits_lwlock": "internal lock (LWLock)",
                    "postgres.locks_waiting": "locks not granted",
                },
            ),
            Panel(
                "postgres-waits",
                "Other waiting sessions",
                {
                    "postgres.waits_io": "storage",
                    "postgres.waits_client": "client",
                    "postgres.waits_ipc": "another process",
                    "postgres.waits_other": "other",
                },
                shown=False,
            ),
            Panel(
                "postgres-longest",
                "Longest running",
                {
                    "postgres.longest_query_s": "statement",
                    "postgres.longest_transaction_s": "transaction",
                    "postgres.longest_idle_in_transaction_s": "idle in a transaction",
                },
            ),
            Panel("postgres-sessions", "Sessions opened", {"postgres.sessions_opened_per_s": "sessions"}),
            Panel(
                "postgres-statements",
                "Throughput",
                {
                    "postgres.statements_calls_per_s": "statements",
                    "postgres.transactions_per_s": "transactions",
                    "postgres.rollbacks_per_s": "rolled back",
                },
            ),
            Panel(
                "postgres-statements-each",
                "Statements per request",
                {"postgres.statements_per_request": "all operations"},
                "Average of the last 5 s.",
            ),
            Panel(
                "postgres-scans-each",
                "Full scans per request",
                {"postgres.full_scans_per_request": "all operations"},
                "Average of the last 5 s.",
                shown=False,
            ),
            Panel(
                "postgres-rows-each",
                "Rows read per request",
                {"postgres.rows_read_per_request": "all operations"},
                "Average of the last 5 s.",
                shown=False,
            ),
            Panel(
                "postgres-time-each",
                "Time in statements per request",
                {"postgres.execution_ms_per_request": "all operations"},
                "Average of the last 5 s.",
                shown=False,
            ),
            Panel(
                "postgres-time",
                "Time in statements",
                {"postgres.statements_exec_ms_per_s": "all sessions"},
                "1,000 is one session that is always busy.",
            ),
            Panel(
                "postgres-cache",
                "Cache hit ratio",
                {"postgres.cache_hit_percent": "found in shared buffers"},
                close=True,
            ),
            Panel(
                "postgres-rows",
                "Rows read",
                {"postgres.rows_read_per_s": "all", "postgres.full_scan_rows_per_s": "by full scans"},
                "Full scans: sequential scans of large tables.",
            ),
            Panel("postgres-scans", "Full scans of large tables", {"postgres.full_scans_per_s": "full scans"}),
            Panel("postgres-deadlocks", "Deadlocks", {"postgres.deadlocks_per_s": "deadlocks"}),
            Panel("postgres-size", "Size of the database", {"postgres.database_bytes": "on disk"}),
            Panel("postgres-temp", "Temporary files", {"postgres.temp_bytes_per_s": "written"}),
        ),
        ("postgres.",),
    ),
    Component(
        "redis",
        "Redis",
        (
            Panel("redis-up", "Redis responds", {"redis.up": "1: yes, 0: no"}),
            Panel(
                "redis-cpu",
                "CPU",
                {"redis.cpu_percent": "main thread"},
                "100 % is one core, its limit.",
            ),
            Panel("redis-hits", "Cache hit ratio", {"redis.hit_percent": "keys found"}, close=True),
            Panel(
                "redis-lookups-each",
                "Keys looked up per request",
                {"redis.lookups_per_request": "all operations"},
                "Average of the last 5 s.",
            ),
            Panel("redis-memory", "Memory", {"redis.memory_bytes": "used for data"}, close=True),
            Panel(
                "redis-clients",
                "Clients",
                {"redis.connected_clients": "connected", "redis.blocked_clients": "blocked"},
            ),
            Panel("redis-evictions", "Keys evicted", {"redis.evictions_per_s": "out of memory"}),
            Panel("redis-rejected", "Connections refused", {"redis.rejected_connections_per_s": "maxclients reached"}),
            Panel(
                "redis-work",
                "Throughput",
                {"redis.commands_per_s": "commands", "redis.lookups_per_s": "keys looked up"},
                shown=False,
            ),
        ),
        ("redis.",),
    ),
    Component(
        "generator",
        "Load generator",
        (
            Panel(
                "generator-cpu",
                "CPU",
                {
                    "generator.cpu_percent": "all processes",
                    "generator.busiest_process_cpu_percent": "busiest process",
                },
                "100 % is one core.",
            ),
            Panel("generator-lag", "Event loop lag", {"generator.loop_lag_ms": "maximum"}),
        ),
        ("generator.",),
    ),
)
"""A metric belongs to the component with the longest prefix that fits; one that no panel has gets a folded chart."""
