"""Reads pg_stat_statements: an account with read rights is enough, and nothing is changed.

PostgreSQL 13 to 17 and later: columns are found by name, since they depend on the version of the extension, which may
be older than the server.
"""

from __future__ import annotations

import re
import time
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, LiteralString

import psycopg
from psycopg import sql

from perfsuite.errors import TargetError, UsageError
from perfsuite.fingerprint.readings import (
    Counters,
    DatabaseClient,
    Key,
    StatementStatistics,
    StatementText,
    StatisticsSnapshot,
    Totals,
)
from perfsuite.fingerprint.statements import OWN_MARK
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import DatabaseInfo

APPLICATION = "agentmitra-fingerprint"

_CONNECT_WITHIN_S = 5
_ANSWER_WITHIN_S = 10
_FIRST_EXTENSION = (1, 8)

_COLUMNS: tuple[tuple[str, ...], ...] = (
    ("calls",),
    ("rows",),
    ("shared_blks_hit",),
    ("shared_blks_read",),
    ("shared_blks_dirtied",),
    ("shared_blks_written",),
    ("temp_blks_read",),
    ("temp_blks_written",),
    ("wal_bytes",),
    ("total_exec_time", "total_time"),
    ("total_plan_time",),
)
"""In the order of Counters: names of each figure, newest first. A figure without a column is 0."""

_ABOUT = """
SELECT /* agentmitra fingerprint */ current_database() AS name, current_setting('server_version') AS server,
  (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())::bigint AS dbid,
  extension.extversion AS extension, schema.nspname AS schema,
  pg_catalog.pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS may_read,
  current_setting('pg_stat_statements.track', true) AS track,
  current_setting('pg_stat_statements.track_utility', true) AS track_utility,
  current_setting('pg_stat_statements.track_planning', true) AS track_planning,
  current_setting('compute_query_id', true) AS query_id
FROM (SELECT 1) AS one
LEFT JOIN pg_catalog.pg_extension AS extension ON extension.extname = 'pg_stat_statements'
LEFT JOIN pg_catalog.pg_namespace AS schema ON schema.oid = extension.extnamespace
"""
_CLIENTS = """
SELECT /* agentmitra fingerprint */ pid, coalesce(usename, '') AS usename, coalesce(application_name, ''),
  coalesce(greatest(state_change, query_start)::text, '')
FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
  AND application_name NOT LIKE 'agentmitra%%'
"""
_TOTALS = """
SELECT /* agentmitra fingerprint */
  (SELECT coalesce(sum(calls), 0)::bigint FROM {statements}(false)
   WHERE dbid = %(dbid)s AND queryid <> ALL(%(own)s) AND userid <> ALL(%(ignored)s)),
  (SELECT coalesce(array_agg(pid), '{{}}') FROM pg_catalog.pg_stat_activity
   WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid()
     AND application_name NOT LIKE 'agentmitra%%' AND usesysid <> ALL(%(ignored)s) AND state <> 'idle')
"""
_ENTRIES = """
SELECT /* agentmitra fingerprint */ userid::bigint, queryid, {columns} FROM {statements}(false)
WHERE dbid = %(dbid)s AND queryid IS NOT NULL AND queryid <> ALL(%(own)s) AND userid <> ALL(%(ignored)s) {outermost}
"""
_TEXTS = """
SELECT /* agentmitra fingerprint */ entry.userid::bigint, entry.queryid, coalesce(entry.query, ''),
  coalesce(role.rolname, '')
FROM {statements}(true) AS entry LEFT JOIN pg_catalog.pg_roles AS role ON role.oid = entry.userid
WHERE entry.dbid = %(dbid)s AND entry.queryid = ANY(%(queryids)s)
"""
_OWN = """
SELECT /* agentmitra fingerprint */ coalesce(array_agg(queryid), '{{}}') FROM {statements}(true)
WHERE dbid = %(dbid)s AND strpos(query, %(mark)s) > 0 AND queryid IS NOT NULL
"""
_INFO = "SELECT /* agentmitra fingerprint */ dealloc, coalesce(stats_reset::text, '') FROM {info}"
_TRANSACTIONS = """
SELECT /* agentmitra fingerprint */ xact_commit + xact_rollback
FROM pg_catalog.pg_stat_database WHERE datname = current_database()
"""
_IGNORED = "SELECT /* agentmitra fingerprint */ oid::bigint FROM pg_catalog.pg_roles WHERE rolname = ANY(%(users)s)"


@contextmanager
def opened_statistics(dsn: str, ignored_users: Sequence[str] = ()) -> Iterator[StatementStatistics]:
    """Statistics of the database at `dsn`, without those of `ignored_users`.

    Raises UsageError for a DSN that is missing or wrong, TargetError, in one line, for what the database lacks.
    """
    if not dsn.strip():
        raise UsageError(FingerprintMessage.NO_DSN())
    connection = _connected(re.sub(r"^postgres(?:ql)?\+\w+://", "postgresql://", dsn.strip()))
    try:
        yield _PostgresStatistics(connection, ignored_users)
    except psycopg.errors.InsufficientPrivilege as error:
        raise TargetError(FingerprintMessage.NO_PRIVILEGE(why=_line(error))) from error
    except psycopg.Error as error:
        raise TargetError(FingerprintMessage.NOT_READ(why=_line(error))) from error
    finally:
        connection.close()


def _connected(dsn: str) -> psycopg.Connection[tuple[Any, ...]]:
    try:
        connection = psycopg.connect(
            dsn,
            autocommit=True,
            connect_timeout=_CONNECT_WITHIN_S,
            application_name=APPLICATION,
            prepare_threshold=None,
        )
    except psycopg.ProgrammingError:
        # The driver's message would repeat the DSN, which may contain a password.
        raise UsageError(FingerprintMessage.BAD_DSN()) from None
    except psycopg.OperationalError as error:
        raise TargetError(FingerprintMessage.NO_CONNECTION(why=_line(error))) from None
    return connection


def _line(error: psycopg.Error) -> str:
    """The message of the server or the system, without the address, which the user knows."""
    line = " ".join(str(error).split("\n")[0].split())
    said = re.sub(r"^connection failed: (?:connection to server .*? failed: )?(?:FATAL: )?", "", line)
    return said[:200] or type(error).__name__


class _PostgresStatistics:
    def __init__(self, connection: psycopg.Connection[tuple[Any, ...]], ignored_users: Sequence[str]) -> None:
        self._connection = connection
        self.asked = 0
        connection.execute(f"SET statement_timeout = '{_ANSWER_WITHIN_S}s'")
        with connection.cursor(row_factory=psycopg.rows.dict_row) as cursor:
            about = cursor.execute(_ABOUT).fetchone() or {}
        self.info, self.notes = described(about)
        schema = str(about["schema"])
        self._dbid = int(about["dbid"])
        self._statements = sql.Identifier(schema, "pg_stat_statements")
        self._info_view = sql.Identifier(schema, "pg_stat_statements_info") if self.info.evictions_seen else None
        self._entries = self._entries_query()
        self._ignored = [row[0] for row in self._ask(_IGNORED, users=list(ignored_users))]
        self._own: list[int] = []
        self._parsed: dict[Key, tuple[list[Any], Counters]] = {}
        # Each of our statements must have run once before it has an entry.
        self.totals()
        self.snapshot()
        self.texts([(0, 0)])
        self.transactions()
        for _both_times in range(2):
            self._own = list(self._ask(_OWN, mark=OWN_MARK)[0][0])

    def _entries_query(self) -> sql.Composed:
        described_by = self._connection.execute(self._named("SELECT * FROM {statements}(false) LIMIT 0"))
        present = {column.name for column in described_by.description or ()}
        found = [next((name for name in names if name in present), None) for names in _COLUMNS]
        named = (sql.Identifier(name) if name else sql.SQL("0") for name in found)
        types = ("bigint",) * (len(_COLUMNS) - 2) + ("float8",) * 2
        columns = sql.SQL(", ").join(
            sql.SQL("{}::{}").format(name, sql.SQL(kind)) for name, kind in zip(named, types, strict=True)
        )
        outermost = sql.SQL("AND toplevel" if "toplevel" in present else "")
        return sql.SQL(_ENTRIES).format(columns=columns, statements=self._statements, outermost=outermost)

    def _named(self, query: LiteralString) -> sql.Composed:
        return sql.SQL(query).format(statements=self._statements)

    def _ask(self, query: LiteralString | sql.Composed, **parameters: object) -> list[tuple[Any, ...]]:
        self.asked += 1
        composed = query if isinstance(query, sql.Composed) else self._named(query)
        return self._connection.execute(composed, {"dbid": self._dbid, **parameters}).fetchall()

    def totals(self) -> Totals:
        ((calls, busy),) = self._ask(_TOTALS, own=self._own, ignored=self._ignored)
        return Totals(int(calls), frozenset(busy))

    def snapshot(self) -> StatisticsSnapshot:
        rows = self._ask(self._entries, own=self._own, ignored=self._ignored)
        statements: dict[Key, Counters] = {}
        for user, queryid, *figures in rows:
            # A server may have thousands of entries, few of which have changed since the last time.
            known = self._parsed.get((user, queryid))
            if known is None or known[0] != figures:
                known = self._parsed[user, queryid] = (figures, Counters(*figures))
            statements[user, queryid] = known[1]
        evictions, reset_at = None, ""
        if self._info_view is not None:
            ((evictions, reset_at),) = self._ask(sql.SQL(_INFO).format(info=self._info_view))
        clients = tuple(DatabaseClient(*row) for row in self._ask(_CLIENTS))
        return StatisticsSnapshot(time.monotonic(), statements, reset_at, evictions, clients)

    def texts(self, keys: Collection[Key]) -> Mapping[Key, StatementText]:
        rows = self._ask(_TEXTS, queryids=[queryid for _user, queryid in keys])
        return {
            (user, queryid): StatementText(query, name)
            for user, queryid, query, name in rows
            if (user, queryid) in keys
        }

    def transactions(self) -> int:
        return int(self._ask(_TRANSACTIONS)[0][0])


def described(about: Mapping[str, Any]) -> tuple[DatabaseInfo, tuple[str, ...]]:
    """What the statistics contain, and notes on what they do not. Raises TargetError when they contain nothing."""
    name = about["name"]
    if about["track"] is None and not about["extension"]:
        raise TargetError(FingerprintMessage.NOT_LOADED_OR_CREATED(database=name))
    if about["track"] is None:
        raise TargetError(FingerprintMessage.NOT_LOADED())
    if not about["extension"]:
        raise TargetError(FingerprintMessage.NOT_CREATED(database=name))
    version = _version(str(about["extension"]))
    if version < _FIRST_EXTENSION:
        raise TargetError(FingerprintMessage.TOO_OLD(version=about["extension"]))
    if not about["may_read"]:
        raise TargetError(FingerprintMessage.ONLY_OWN_STATEMENTS())
    if about["track"] == "none" or about["query_id"] == "off":
        setting = "pg_stat_statements.track = none" if about["track"] == "none" else "compute_query_id = off"
        raise TargetError(FingerprintMessage.NOT_TRACKED(setting=setting))
    info = DatabaseInfo(
        name=str(name),
        server_version=str(about["server"]),
        extension_version=str(about["extension"]),
        planning_tracked=about["track_planning"] == "on",
        utility_tracked=about["track_utility"] != "off",
        evictions_seen=version >= (1, 9),
    )
    return info, tuple(_limits(info, str(about["track"])))


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())


def _limits(info: DatabaseInfo, track: str) -> Iterator[str]:
    if not info.utility_tracked:
        yield FingerprintMessage.UTILITY_NOT_COUNTED()
    if not info.evictions_seen:
        yield FingerprintMessage.NO_EVICTIONS(version=info.extension_version)
        if track == "all":
            yield FingerprintMessage.INSIDE_FUNCTIONS()
