"""Which of the monitors' figures share a chart, under which heading, and what a reader is shown at once.

Only figures that moved are drawn. So a panel of what is rare, such as deadlocks, costs nothing in a run without any.
"""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.model.monitor import METRICS, PART


@dataclass(frozen=True, slots=True)
class Panel:
    """A chart of figures of one unit, at most four: metric → its name in the legend.

    `shown`: at once, else folded. `close`: the scale need not begin at zero, since only changes tell something.
    """

    name: str
    title: str
    lines: dict[str, str]
    note: str = ""
    shown: bool = True
    close: bool = False


@dataclass(frozen=True, slots=True)
class Component:
    """What is watched as one thing: a heading, its panels in reading order, and whose metrics belong to it."""

    name: str
    title: str
    panels: tuple[Panel, ...]
    prefixes: tuple[str, ...]


COMPONENTS = (
    Component(
        "server",
        "Backend process",
        (
            Panel("server-up", "Process is there", {"server.up": "1: yes, 0: ended"}),
            Panel(
                "server-cpu",
                "CPU",
                {
                    "server.cpu_percent": "all its processes",
                    "server.busiest_process_cpu_percent": "its busiest process",
                    "server.cpu_wait_percent": "waiting for a core",
                },
                "100 % is one core.",
            ),
            Panel("server-memory", "Memory", {"server.memory_bytes": "resident"}, close=True),
            Panel(
                "server-listen",
                "Listen queue",
                {"server.listen_queue": "waiting to be accepted"},
                "Connections that the kernel has and the server does not yet.",
            ),
            Panel(
                "server-count",
                "Threads and descriptors",
                {
                    "server.threads": "threads",
                    "server.descriptors": "open files and sockets",
                    "server.processes": "processes",
                },
                shown=False,
            ),
            Panel(
                "server-disk",
                "Storage",
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
            Panel("health-up", "Health page answers", {"health.up": "1: yes, 0: no"}),
            Panel("prometheus-up", "Prometheus answers", {"prometheus.up": "1: yes, 0: no"}),
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
            Panel("machine-memory", "Memory used", {"machine.memory_used_percent": "of all"}),
        ),
        ("machine.", "health.", "prometheus."),
    ),
    Component(
        "network",
        "Network",
        (
            Panel(
                "network-errors",
                "Requests without an answer",
                {
                    "network.errors_refused_per_s": "connection refused",
                    "network.errors_reset_per_s": "connection broke",
                    "network.errors_timeout_per_s": "not in time",
                },
            ),
            Panel(
                "network-connect",
                "Opening a connection",
                {"network.connect_ms": "name and TCP", "network.tls_ms": "TLS"},
                "Mean of those that the load opened.",
            ),
            Panel(
                "network-overflows", "Connections dropped", {"machine.tcp_listen_overflows_per_s": "listen queue full"}
            ),
            Panel(
                "network-retransmitted",
                "TCP segments sent again",
                {"machine.tcp_retransmitted_percent": "of those sent"},
            ),
            Panel(
                "network-traffic",
                "HTTP of the load",
                {"network.bytes_received_per_s": "received", "network.bytes_sent_per_s": "sent"},
                shown=False,
            ),
        ),
        ("network.", "machine.tcp_"),
    ),
    Component(
        "application",
        "Application by its own metrics",
        (
            Panel("application-requests", "Requests", {"application.requests_per_s": "all that it counted"}),
            Panel("application-duration", "Duration of a request", {"application.request_ms": "by its own clock"}),
            Panel("application-progress", "Requests in progress", {"application.requests_in_progress": "all"}),
        ),
        ("application.",),
    ),
    Component(
        "pool",
        "Connection pool of the application",
        (
            Panel("pool-up", "Application answers", {"pool.up": "1: yes, 0: no"}),
            Panel(
                "pool-connections",
                "Connections",
                {
                    "pool.checked_out": "in use",
                    "pool.waiting": "waiting for one",
                    "pool.overflow": "beyond its size",
                },
            ),
            Panel(
                "pool-answer",
                "Time of its answers",
                {"pool.answer_ms": "its health page", "pool.database_ms": "its database"},
                shown=False,
            ),
        ),
        ("pool.",),
    ),
    Component(
        "postgres",
        "PostgreSQL",
        (
            Panel("postgres-up", "PostgreSQL answers", {"postgres.up": "1: yes, 0: no"}),
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
                "Sessions held by locks",
                {
                    "postgres.blocked_sessions": "blocked by another",
                    "postgres.waits_lock": "wait for row or table",
                    "postgres.waits_lwlock": "wait inside the server",
                    "postgres.locks_waiting": "requests not granted",
                },
            ),
            Panel(
                "postgres-waits",
                "Sessions waiting for something else",
                {
                    "postgres.waits_io": "storage",
                    "postgres.waits_client": "their client",
                    "postgres.waits_ipc": "another process",
                    "postgres.waits_other": "anything else",
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
                "Work",
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
                "Over the last 5 s.",
            ),
            Panel(
                "postgres-scans-each",
                "Full scans per request",
                {"postgres.full_scans_per_request": "all operations"},
                "Over the last 5 s.",
                shown=False,
            ),
            Panel(
                "postgres-rows-each",
                "Rows read per request",
                {"postgres.rows_read_per_request": "all operations"},
                "Over the last 5 s.",
                shown=False,
            ),
            Panel(
                "postgres-time-each",
                "Time in statements per request",
                {"postgres.execution_ms_per_request": "all operations"},
                "Over the last 5 s.",
                shown=False,
            ),
            Panel(
                "postgres-time",
                "Time in statements",
                {"postgres.statements_exec_ms_per_s": "all sessions"},
                "1,000 is one session busy all the time.",
            ),
            Panel(
                "postgres-cache",
                "Found in shared buffers",
                {"postgres.cache_hit_percent": "cache hit ratio"},
                close=True,
            ),
            Panel(
                "postgres-rows",
                "Rows read",
                {"postgres.rows_read_per_s": "all", "postgres.full_scan_rows_per_s": "by full scans"},
                "Full scans: of large tables.",
            ),
            Panel("postgres-scans", "Full scans of large tables", {"postgres.full_scans_per_s": "full scans"}),
            Panel("postgres-deadlocks", "Deadlocks", {"postgres.deadlocks_per_s": "broken"}),
            Panel("postgres-temp", "Temporary files", {"postgres.temp_bytes_per_s": "written"}),
        ),
        ("postgres.",),
    ),
    Component(
        "redis",
        "Redis",
        (
            Panel("redis-up", "Redis answers", {"redis.up": "1: yes, 0: no"}),
            Panel("redis-cpu", "CPU", {"redis.cpu_percent": "main thread"}, "100 % is one core, and its limit."),
            Panel("redis-hits", "Keys found", {"redis.hit_percent": "cache hit ratio"}, close=True),
            Panel(
                "redis-lookups-each",
                "Keys looked up per request",
                {"redis.lookups_per_request": "all operations"},
                "Over the last 5 s.",
            ),
            Panel("redis-memory", "Memory", {"redis.memory_bytes": "used for data"}, close=True),
            Panel(
                "redis-clients",
                "Clients",
                {"redis.connected_clients": "connected", "redis.blocked_clients": "in a blocking command"},
            ),
            Panel("redis-evictions", "Keys thrown out", {"redis.evictions_per_s": "for want of memory"}),
            Panel("redis-rejected", "Connections refused", {"redis.rejected_connections_per_s": "maxclients reached"}),
            Panel(
                "redis-work",
                "Work",
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
                    "generator.cpu_percent": "all its processes",
                    "generator.busiest_process_cpu_percent": "its busiest process",
                },
                "100 % is one core.",
            ),
            Panel("generator-lag", "Delay of its event loop", {"generator.loop_lag_ms": "longest"}),
        ),
        ("generator.",),
    ),
)
"""A metric belongs to the component with the longest prefix that fits; one that no panel has gets a folded chart."""

_WORDS = {"cpu": "CPU", "tcp": "TCP", "wal": "write-ahead log", "temp": "temporary files", "lwlock": "internal lock"}
_UNITS_IN_NAMES = ("_bytes_per_s", "_ms_per_s", "_per_s", "_percent", "_bytes", "_ms", "_s")


def component_of(metric: str) -> str:
    """The name of the component that a metric belongs to; what stands before its dot where none is known."""
    fitting = [
        (len(prefix), component.name)
        for component in COMPONENTS
        for prefix in component.prefixes
        if metric.startswith(prefix)
    ]
    return max(fitting)[1] if fitting else metric.partition(".")[0]


def label_of(metric: str) -> str:
    """The plain name of a metric: "postgres.block_reads_per_s" → "block reads"."""
    name = metric.partition(".")[2] or metric
    suffix = next((suffix for suffix in _UNITS_IN_NAMES if name.endswith(suffix)), "")
    return " ".join(_WORDS.get(word, word) for word in name.removesuffix(suffix).split("_"))


def meaning_of(metric: str) -> str:
    """What a metric means, as the catalogue says; "" where it does not know it."""
    return METRICS[metric].meaning if metric in METRICS else ""


def part_of(source: str) -> str:
    """The part that a source names: "machine/core 3" → "core 3"; "" for a whole."""
    return source.partition(PART)[2]
