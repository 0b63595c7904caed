"""A PostgreSQL server, through a session of its own that can only read."""

from __future__ import annotations

import re
import time
from collections import Counter
from typing import Any, LiteralString

import psycopg
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.rows import dict_row

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import Reading
from perfsuite.monitor.postgres_queries import (
    APPLICATION_NAME,
    PG_14,
    Part,
    Server,
    joined,
    large_tables,
    own_statements,
    parts_for,
    sessions_metrics,
    table_sizes,
)
from perfsuite.monitor.postgres_tables import TableSizes
from perfsuite.monitor.source import (
    Clock,
    Figures,
    GroupRates,
    Rates,
    SourceError,
    readings_of,
    scrubbed,
    share_percent,
)

STATEMENT_TIMEOUT_MS = 800
_LARGEST_PORT = 65535
_CONNECT_TIMEOUT_S = 2
_SETTINGS = {
    "default_transaction_read_only": "on",
    "statement_timeout": str(STATEMENT_TIMEOUT_MS),
    "lock_timeout": "100",  # the size of a table needs a lock, the weakest one
    "jit": "off",
    "max_parallel_workers_per_gather": "0",
}
_EXTENSION: LiteralString = (
    "SELECT n.nspname AS schema, EXISTS (SELECT FROM pg_attribute WHERE attname = 'total_exec_time'"
    " AND attrelid = (quote_ident(n.nspname) || '.pg_stat_statements')::regclass) AS new_names"
    " FROM pg_extension e JOIN pg_namespace n ON n.oid = e.extnamespace WHERE e.extname = 'pg_stat_statements'"
)
_ABOUT_US: LiteralString = (
    "SELECT current_user AS name, pg_has_role(current_user, 'pg_read_all_stats', 'USAGE') AS sees_all,"
    " current_setting('max_connections')::int AS max_connections"
)
_AT_ONCE = {  # as it is, without a rate
    "postgres.connections": "connections",
    "postgres.locks_waiting": "locks_waiting",
    "postgres.database_bytes": "database_bytes",
    **{name: name.split(".")[1] for name in sessions_metrics()},
}
_PER_S = {
    "postgres.rollbacks_per_s": "xact_rollback",
    "postgres.sessions_opened_per_s": "sessions_opened",
    "postgres.block_reads_per_s": "blks_read",
    "postgres.rows_read_per_s": "tup_returned",
    "postgres.temp_bytes_per_s": "temp_bytes",
    "postgres.deadlocks_per_s": "deadlocks",
    "postgres.wal_bytes_per_s": "wal_bytes",
    "postgres.checkpoints_per_s": "checkpoints",
    "postgres.statements_calls_per_s": "statement_calls",
    "postgres.statements_exec_ms_per_s": "statement_ms",
}
_FULL_SCANS = {
    "postgres.full_scans_per_s": "postgres.table_full_scans_per_s",
    "postgres.full_scan_rows_per_s": "postgres.table_full_scan_rows_per_s",
}
"""Figure of the whole → figure of one table."""
MOST_EVENTS = 16
_ALWAYS = ("postgres.answer_ms", "postgres.connections_limit")

Connection = psycopg.Connection[dict[str, Any]]
Query = LiteralString | sql.Composed
Rows = list[dict[str, Any]]


def read_dsn(dsn: str) -> dict[str, Any]:
    """The settings in a DSN, by libpq's names. Raises SourceError, which does not show it: it may hold a password."""
    wrong = SourceError(MonitorMessage.BAD_DSN(), final=True)
    try:
        # SQLAlchemy names the driver, libpq knows no such thing.
        wanted = conninfo_to_dict(re.sub(r"^(postgres(?:ql)?)\+\w+://", r"\1://", dsn))
    except psycopg.Error:
        raise wrong from None
    ports = str(wanted.get("port") or "").split(",")
    if not all(port == "" or (port.isdecimal() and 0 < int(port) <= _LARGEST_PORT) for port in ports):
        raise wrong  # libpq finds it when it connects only
    return wanted


class PostgresSource:
    """Sessions, locks, work and statements. One statement a second; its own session and statements are left out."""

    name, rests = "postgres", False

    def __init__(self, dsn: str, clock: Clock) -> None:
        self._dsn, self._clock = dsn, clock
        self._password: str | None = None
        self._connection: Connection | None = None
        self._parts: list[Part] = []
        self._own = "{}"
        self._tables: dict[int, str] = {}
        """Names of the tables whose full scans are counted, by id."""
        self._sizes = TableSizes()
        self._events: list[str] = []
        """Wait events that were seen so far."""
        self._max_connections = 0
        self._rates = Rates()
        self._scans, self._scan_rows = GroupRates(), GroupRates()
        self._thrown_out: int | None = None
        self._ours = 0
        """Transactions of ours that have not been seen in the server's count yet."""
        self._ended: tuple[int, float] | None = None
        everything = Server(PG_14, sees_all=True, statements_schema="public")
        self.metrics: tuple[str, ...] = _metrics(parts_for(everything))

    def open(self) -> list[Message]:
        """Connect; what this account or this server lacks. Raises SourceError."""
        try:
            connection = self._connect()
            notes = self._look_around(connection)
            self._look(connection)  # the first look, so that the first reading has rates
        except psycopg.Error as error:
            self.close()
            raise self._trouble(error) from None
        return notes

    def read(self) -> list[Reading]:
        """Figures of this moment; connects anew after a break. Raises SourceError."""
        try:
            if self._connection is None:
                self._look_around(self._connect())
            assert self._connection is not None  # noqa: S101 - made above
            figures, of_parts = self._look(self._connection)
        except psycopg.Error as error:
            if self._connection is None or self._connection.broken or self._connection.closed:
                self.close()
            raise self._trouble(error) from None
        now_s = self._clock.utc_s()
        whole = readings_of(self.name, now_s, {name: figures.get(name) for name in self.metrics})
        return whole + [
            reading for part, own in of_parts.items() for reading in readings_of(f"{self.name}/{part}", now_s, own)
        ]

    def close(self) -> None:
        """End the session."""
        if self._connection is not None:
            self._connection.close()
        self._connection, self._ended = None, None
        self._rates.forget()
        self._scans.forget()
        self._scan_rows.forget()

    def _connect(self) -> Connection:
        wanted = read_dsn(self._dsn)
        self._password = str(wanted["password"]) if wanted.get("password") else None
        settings = " ".join(f"-c {name}={value}" for name, value in _SETTINGS.items())
        ours = {
            "application_name": APPLICATION_NAME,
            "options": f"{wanted.get('options') or ''} {settings}".strip(),
            "connect_timeout": _CONNECT_TIMEOUT_S,
            "tcp_user_timeout": 5000,
        }
        conninfo = make_conninfo(**(wanted | ours))
        self._connection = psycopg.connect(conninfo, autocommit=True, row_factory=dict_row)
        return self._connection

    def _look_around(self, connection: Connection) -> list[Message]:
        """Find out what can be read; a note for everything that cannot."""
        about_us = self._execute(connection, _ABOUT_US)[0]
        found = next(iter(self._execute(connection, _EXTENSION)), None)
        notes: list[Message] = []
        if not about_us["sees_all"]:
            notes.append(MonitorMessage.NO_SESSIONS(account=about_us["name"], metrics=_names(sessions_metrics())))
        if found is None:
            notes.append(MonitorMessage.NO_STATEMENTS())
        server = Server(
            connection.info.server_version,
            bool(about_us["sees_all"]),
            found["schema"] if found else None,
            "total_exec_time" if found and found["new_names"] else "total_time",
        )
        self._max_connections, self._own, self._tables = about_us["max_connections"], "{}", {}
        self._parts = [part for part in parts_for(server) if self._works(connection, part, notes)]
        self.metrics = _metrics(self._parts)
        self._tables = {row["id"]: row["name"] for row in self._execute(connection, large_tables())}
        self._table_sizes(connection)
        if any(part.name == "statements" for part in self._parts) and server.statements_schema is not None:
            self._find_own(connection, server.statements_schema)
        return notes

    def _works(self, connection: Connection, part: Part, notes: list[Message]) -> bool:
        try:
            self._execute(connection, joined([part]), self._values)
        except (
            psycopg.ProgrammingError,  # no right, no such view
            psycopg.NotSupportedError,
            psycopg.errors.ObjectNotInPrerequisiteState,  # not in shared_preload_libraries
        ) as error:
            notes.append(
                MonitorMessage.NO_METRICS(metrics=_names(part.metrics), why=scrubbed(str(error), self._password))
            )
            return False
        return True

    def _find_own(self, connection: Connection, schema: str) -> None:
        self._execute(connection, joined(self._parts), self._values)
        found = self._execute(connection, own_statements(schema), {"mark": f"%{APPLICATION_NAME}%"})
        self._own = "{" + ",".join(str(row["queryid"]) for row in found if row["queryid"] is not None) + "}"

    @property
    def _values(self) -> dict[str, str]:
        return {"own": self._own, "tables": "{" + ",".join(map(str, self._tables)) + "}"}

    def _look(self, connection: Connection) -> tuple[Figures, dict[str, Figures]]:
        """Figures of the whole, and of each large table and each event that was waited for by its name."""
        began = time.perf_counter()
        row = self._execute(connection, joined(self._parts), self._values)[0]
        answer_ms = (time.perf_counter() - began) * 1000
        now_s = self._clock.utc_s()
        figures: Figures = {"postgres.answer_ms": answer_ms}
        figures |= {metric: row.get(column) for metric, column in _AT_ONCE.items()}
        connections, most = row.get("connections"), self._max_connections
        figures["postgres.connections_limit"] = most or None
        figures["postgres.connections_used_percent"] = 100.0 * connections / most if connections is not None else None
        if row.get("statements_thrown_out") != self._thrown_out:
            self._thrown_out = row.get("statements_thrown_out")
            self._rates.forget("statement_calls", "statement_ms")
        rates = {column: self._rates.per_s(column, row.get(column), now_s) for column in _PER_S.values()}
        figures |= {metric: rates[column] for metric, column in _PER_S.items()}
        hits = self._rates.per_s("blks_hit", row.get("blks_hit"), now_s)
        figures["postgres.cache_hit_percent"] = share_percent(hits, rates["blks_read"])
        figures["postgres.transactions_per_s"] = self._transactions(row, now_s)
        of_tables = self._full_scans(row.get("full_scans") or [], now_s)
        for metric, part in _FULL_SCANS.items():
            known = [own[part] for own in of_tables.values()]
            figures[metric] = None if None in known else sum(rate or 0.0 for rate in known)
        if self._sizes.is_due(now_s):
            for table, own in self._table_sizes(connection).items():
                of_tables[table] = of_tables.get(table, {}) | own
        return figures, of_tables | self._waits(row.get("wait_events"))

    def _table_sizes(self, connection: Connection) -> dict[str, Figures]:
        """Nothing while a table is locked against all others, or there are too many files to look at."""
        try:
            return self._sizes.take(self._execute(connection, table_sizes()))
        except (psycopg.errors.LockNotAvailable, psycopg.errors.QueryCanceled, psycopg.errors.UndefinedTable):
            return {}

    def _waits(self, events: list[str] | None) -> dict[str, Figures]:
        """Sessions by wait event; 0 for an event that was seen before."""
        counts = Counter(events or ())
        new = [event for event, _ in counts.most_common() if event not in self._events]
        self._events += new[: MOST_EVENTS - len(self._events)]
        return {} if events is None else {event: {"postgres.waits_by_event": counts[event]} for event in self._events}

    def _full_scans(self, counted: list[tuple[int, int, int]], now_s: float) -> dict[str, Figures]:
        scans = self._scans.each({table: count for table, count, _rows in counted}, now_s)
        rows = self._scan_rows.each({table: count for table, _scans, count in counted}, now_s)
        return {
            self._tables[table]: dict(zip(_FULL_SCANS.values(), (scans[table], rows[table]), strict=True))
            for table, _scans, _rows in counted
        }

    def _transactions(self, row: dict[str, Any], now_s: float) -> float | None:
        """Commits and rollbacks, less those of ours, which the server counts up to a second after they ended."""
        before, self._ended = self._ended, None
        if row.get("xact_commit") is None:
            return None
        self._ended = (row["xact_commit"] + row["xact_rollback"], now_s)
        if before is None or self._ended[0] < before[0] or now_s <= before[1]:
            return None
        ended = self._ended[0] - before[0]
        ours = min(self._ours, ended)
        self._ours -= ours
        return (ended - ours) / (now_s - before[1])

    def _execute(self, connection: Connection, query: Query, values: dict[str, str] | None = None) -> Rows:
        self._ours += 1
        return connection.execute(query, values).fetchall()

    def _trouble(self, error: psycopg.Error) -> SourceError:
        text = scrubbed(_reason(str(error)), self._password)
        for pattern, message, final in _TROUBLES:
            if pattern.search(text) or (error.sqlstate and pattern.search(error.sqlstate)):
                return SourceError(message or MonitorMessage.FAILED(why=text), final=final)
        return SourceError(MonitorMessage.FAILED(why=text))


_TROUBLES = (
    (re.compile("password authentication failed|28P01"), None, True),
    (re.compile("no password supplied"), MonitorMessage.NO_PASSWORD(), True),
    (re.compile("no pg_hba.conf entry|28000"), None, True),
    (re.compile(r"(role|database) \".*\" does not exist"), None, True),
    (re.compile("unsupported startup parameter"), MonitorMessage.POOLER(), True),
    (re.compile("Connection refused"), MonitorMessage.REFUSED(), False),
    (re.compile("No such file or directory"), MonitorMessage.NO_SOCKET(), False),
    (re.compile("could not translate|not known|failed to resolve"), MonitorMessage.UNKNOWN_HOST(), False),
    (re.compile("57014"), MonitorMessage.SLOW_ANSWER(limit_ms=STATEMENT_TIMEOUT_MS), False),
    (re.compile("timeout expired|ConnectionTimeout"), MonitorMessage.NO_CONNECTION(limit_s=_CONNECT_TIMEOUT_S), False),
)


def _reason(text: str) -> str:
    """The line of libpq's message that says why."""
    fatal = re.search(r"FATAL:\s*(.*)", text)
    return fatal.group(1) if fatal else text


def _metrics(parts: list[Part]) -> tuple[str, ...]:
    return (*_ALWAYS, *(metric for part in parts for metric in part.metrics))


def _names(metrics: tuple[str, ...]) -> list[str]:
    return [metric.split(".", 1)[1] for metric in metrics]
