"""The queries for PostgreSQL, by version and rights: parts of one row each, joined to one statement."""

from __future__ import annotations

from dataclasses import dataclass

from psycopg import sql

APPLICATION_NAME = "agentmitra-performance monitor"
PG_14, PG_17 = 140000, 170000

_OTHERS = f"pid <> pg_backend_pid() AND coalesce(application_name, '') <> '{APPLICATION_NAME}'"
_CLIENTS = f"datid IS NOT NULL AND coalesce(backend_type, 'client backend') = 'client backend' AND {_OTHERS}"
_WAITS = ("Lock", "LWLock", "IO", "Client", "IPC")
FEWEST_ROWS = 1000
"""Reading a smaller table from end to end is no problem."""
MOST_TABLES = 32


@dataclass(frozen=True, slots=True)
class Part:
    """A SELECT of one row. `metrics`: what is missing without it."""

    name: str
    select: sql.Composed
    metrics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Server:
    """What the queries depend on. `statements_schema`: where pg_stat_statements is; None without it."""

    version: int
    sees_all: bool
    statements_schema: str | None
    statements_time: str = "total_exec_time"


def parts_for(server: Server) -> list[Part]:
    """All parts that this account can query on this server."""
    parts = [_sessions() if server.sees_all else _connections(), _locks(), _database(), _size(), _full_scans()]
    if server.version >= PG_14:
        parts.append(_opened())
    parts += [_wal(), _checkpoints(server)]
    if server.statements_schema is not None:
        parts.append(_statements(server, server.statements_schema))
    return parts


def joined(parts: list[Part]) -> sql.Composed:
    """One statement, and so one transaction and one round trip, for the figures of all parts.

    Named in a comment after its first word, so that it can be found in pg_stat_statements.
    """
    tables = [sql.SQL("({}) AS {}").format(part.select, sql.Identifier(part.name)) for part in parts]
    head = sql.SQL(f"SELECT /* {APPLICATION_NAME} */ * FROM ")  # noqa: S608 - no input in it
    return head + sql.SQL(" CROSS JOIN ").join(tables)


def sessions_metrics() -> tuple[str, ...]:
    """Figures that need to see the sessions of others."""
    waits = tuple(f"postgres.waits_{kind.lower()}" for kind in (*_WAITS, "other"))
    states = ("active", "idle", "idle_in_transaction")
    return (
        *(f"postgres.connections_{state}" for state in states),
        *waits,
        "postgres.blocked_sessions",
        "postgres.longest_query_s",
        "postgres.longest_transaction_s",
        "postgres.longest_idle_in_transaction_s",
    )


def _plain(name: str, text: str, *metrics: str) -> Part:
    # The texts are of this module alone; percent signs are psycopg's marks for parameters.
    return Part(name, sql.Composed([sql.SQL(text.replace("%", "%%"))]), metrics)


def _connections() -> Part:
    return _plain(
        "sessions",
        f"SELECT count(*) AS connections FROM pg_stat_activity WHERE {_CLIENTS}",  # noqa: S608 - no input in it
        "postgres.connections",
        "postgres.connections_used_percent",
    )


def _sessions() -> Part:
    waits = [
        f"count(*) FILTER (WHERE state = 'active' AND wait_event_type = '{w}') AS waits_{w.lower()}" for w in _WAITS
    ]
    known = ", ".join(f"'{kind}'" for kind in _WAITS)
    columns = (
        "count(*) AS connections",
        "count(*) FILTER (WHERE state IN ('active', 'fastpath function call')) AS connections_active",
        "count(*) FILTER (WHERE state = 'idle') AS connections_idle",
        "count(*) FILTER (WHERE state LIKE 'idle in transaction%') AS connections_idle_in_transaction",
        *waits,
        f"count(*) FILTER (WHERE state = 'active' AND wait_event_type NOT IN ({known})) AS waits_other",
        "coalesce(array_agg(wait_event_type || ': ' || wait_event) FILTER (WHERE state = 'active' AND wait_event"
        " IS NOT NULL), '{}') AS wait_events",
        # Finding out who blocks stops the lock manager for a moment: only for those that wait for a lock at all.
        "count(*) FILTER (WHERE CASE WHEN wait_event_type = 'Lock' THEN cardinality(pg_blocking_pids(pid)) > 0 END)"
        " AS blocked_sessions",
        "coalesce(extract(epoch FROM max(clock_timestamp() - query_start) FILTER (WHERE state = 'active')), 0)::float8"
        " AS longest_query_s",
        # Of this database alone: what other applications on the server do with their transactions is not the target's.
        "coalesce(extract(epoch FROM max(clock_timestamp() - state_change) FILTER (WHERE datname = current_database()"
        " AND state LIKE 'idle in transaction%')), 0)::float8 AS longest_idle_in_transaction_s",
        "coalesce(extract(epoch FROM max(clock_timestamp() - xact_start)), 0)::float8 AS longest_transaction_s",
    )
    return _plain(
        "sessions",
        f"SELECT {', '.join(columns)} FROM pg_stat_activity WHERE {_CLIENTS}",  # noqa: S608 - no input in it
        "postgres.connections",
        "postgres.connections_used_percent",
        *sessions_metrics(),
    )


def _locks() -> Part:
    text = "SELECT count(*) AS locks_waiting FROM pg_locks WHERE NOT granted"
    return _plain("locks", text, "postgres.locks_waiting")


def _database() -> Part:
    return _plain(
        "work",
        "SELECT xact_commit, xact_rollback, blks_hit, blks_read, tup_returned, temp_bytes, deadlocks"
        " FROM pg_stat_database WHERE datname = current_database()",
        "postgres.transactions_per_s",
        "postgres.rollbacks_per_s",
        "postgres.cache_hit_percent",
        "postgres.block_reads_per_s",
        "postgres.rows_read_per_s",
        "postgres.temp_bytes_per_s",
        "postgres.deadlocks_per_s",
    )


def _size() -> Part:
    """By the sizes of its files: unlike the size of a table, it waits for no lock."""
    text = "SELECT pg_database_size(current_database())::float8 AS database_bytes"
    return _plain("size", text, "postgres.database_bytes")


def _opened() -> Part:
    """Sessions ever opened to this database: the server counts them from version 14 on."""
    text = "SELECT sessions AS sessions_opened FROM pg_stat_database WHERE datname = current_database()"
    return _plain("opened", text, "postgres.sessions_opened_per_s")


def _full_scans() -> Part:
    """What was read of the tables that `large_tables` found; by their ids, so that no catalogue is read for it."""
    # Of a table, these functions count its sequential scans and the rows that they read.
    select = sql.SQL(
        "SELECT json_agg(json_build_array(id::bigint, pg_stat_get_numscans(id), pg_stat_get_tuples_returned(id)))"
        " AS full_scans FROM unnest(%(tables)s::oid[]) AS id"
    )
    metrics = ("postgres.full_scans_per_s", "postgres.full_scan_rows_per_s")
    return Part("scans", sql.Composed([select]), metrics)


def _wal() -> Part:
    return _plain(
        "wal",
        "SELECT (CASE WHEN pg_is_in_recovery() THEN pg_last_wal_replay_lsn() ELSE pg_current_wal_lsn() END"
        " - '0/0'::pg_lsn)::float8 AS wal_bytes",
        "postgres.wal_bytes_per_s",
    )


def _checkpoints(server: Server) -> Part:
    if server.version >= PG_17:
        text = "SELECT num_timed + num_requested AS checkpoints FROM pg_stat_checkpointer"
    else:
        text = "SELECT checkpoints_timed + checkpoints_req AS checkpoints FROM pg_stat_bgwriter"
    return _plain("checkpoints", text, "postgres.checkpoints_per_s")


def _statements(server: Server, schema: str) -> Part:
    """Totals over the statements of this database; without their texts, which would be read from a file."""
    # Entries that were thrown out take their counts with them: since 14 the server counts how often that happened.
    thrown_out = sql.SQL("(SELECT dealloc FROM {}.pg_stat_statements_info)").format(sql.Identifier(schema))
    select = sql.SQL(
        "SELECT coalesce(sum(calls), 0)::float8 AS statement_calls, coalesce(sum({time}), 0)::float8 AS statement_ms,"
        " {thrown_out} AS statements_thrown_out FROM {schema}.pg_stat_statements(false)"
        " WHERE dbid = (SELECT oid FROM pg_database WHERE datname = current_database())"
        " AND (queryid IS NULL OR queryid <> ALL (%(own)s::bigint[]))"
    ).format(
        time=sql.Identifier(server.statements_time),
        thrown_out=thrown_out if server.version >= PG_14 else sql.SQL("0"),
        schema=sql.Identifier(schema),
    )
    return Part("statements", select, ("postgres.statements_calls_per_s", "postgres.statements_exec_ms_per_s"))


def large_tables() -> sql.Composed:
    """Ids and names of the largest tables of the database, as large as they are now."""
    rows = "greatest(c.reltuples::bigint, pg_stat_get_live_tuples(c.oid))"  # the first is known only after ANALYZE
    text = (
        f"SELECT /* {APPLICATION_NAME} */ c.oid::bigint AS id,"  # noqa: S608 - no input in it
        " CASE n.nspname WHEN 'public' THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS name"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        f" AND {rows} >= {FEWEST_ROWS} ORDER BY {rows} DESC LIMIT {MOST_TABLES}"
    )
    return sql.Composed([sql.SQL(text)])


def table_sizes() -> sql.Composed:
    """Ids, names and sizes of the tables of the database, with their indexes; the largest ones of many."""
    rank = "greatest(c.relpages, pg_stat_get_live_tuples(c.oid) / 100)"  # the first is known only after ANALYZE
    text = (
        f"SELECT /* {APPLICATION_NAME} */ id, name, pg_total_relation_size(id::oid)::float8 AS bytes FROM ("  # noqa: S608
        "SELECT c.oid::bigint AS id,"
        " CASE n.nspname WHEN 'public' THEN c.relname::text ELSE n.nspname || '.' || c.relname END AS name"
        " FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace"
        " WHERE c.relkind IN ('r', 'm') AND n.nspname NOT IN ('pg_catalog', 'information_schema', 'pg_toast')"
        f" ORDER BY {rank} DESC LIMIT {MOST_TABLES}) AS tables"
    )
    return sql.Composed([sql.SQL(text)])


def own_statements(schema: str) -> sql.Composed:
    """The ids under which this account's monitors are counted."""
    return sql.SQL(
        f"SELECT /* {APPLICATION_NAME} */ queryid FROM {{}}.pg_stat_statements"  # noqa: S608 - no input in it
        " WHERE userid = (SELECT oid FROM pg_roles WHERE rolname = current_user) AND query LIKE %(mark)s"
    ).format(sql.Identifier(schema))
