"""PostgreSQL: a real one, with accounts that have exactly the rights that the documentation gives."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, closing
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import Reading
from perfsuite.monitor import postgres_queries
from perfsuite.monitor.postgres import PostgresSource
from perfsuite.monitor.postgres_queries import APPLICATION_NAME, Server, joined, parts_for
from perfsuite.monitor.postgres_tables import EVERY_S
from perfsuite.monitor.source import SourceError, SystemClock
from tests.monitor.conftest import Postgres
from tests.monitor.fakes import FakeClock, figures, until

GRANTS = ("GRANT pg_monitor TO watcher",)
pytestmark = pytest.mark.integration


@pytest.fixture
def source(postgres: Postgres) -> Iterator[PostgresSource]:
    """Opened, as an account that has pg_monitor and nothing else."""
    with closing(PostgresSource(postgres.account("watcher", *GRANTS), FakeClock())) as opened:
        assert opened.open() == []
        yield opened


def look(source: PostgresSource) -> dict[str, float | None]:
    clock = source._clock
    assert isinstance(clock, FakeClock)
    clock.move_to(clock.utc_s() + 1)
    return figures(source.read())


def parts_of(readings: Sequence[Reading], metric: str) -> dict[str, float | None]:
    return {reading.source: reading.value for reading in readings if reading.metric == metric and reading.is_part}


def ours(seen: dict[str, float | None], metric: str) -> float:
    value = seen[f"postgres.{metric}"]
    assert value is not None, metric
    return value


def test_an_account_with_pg_monitor_sees_everything(source: PostgresSource) -> None:
    seen = look(source)
    known = {name.removeprefix("postgres.") for name, value in seen.items() if value is not None}
    assert known >= {
        "answer_ms", "connections", "connections_limit", "connections_used_percent", "connections_active",
        "connections_idle", "connections_idle_in_transaction", "waits_lock", "waits_lwlock", "waits_io",
        "waits_client", "waits_ipc", "waits_other", "blocked_sessions", "longest_query_s", "longest_transaction_s",
        "locks_waiting", "transactions_per_s", "rollbacks_per_s", "block_reads_per_s", "rows_read_per_s",
        "full_scans_per_s", "full_scan_rows_per_s", "temp_bytes_per_s", "deadlocks_per_s", "wal_bytes_per_s",
        "database_bytes", "checkpoints_per_s", "longest_idle_in_transaction_s", "sessions_opened_per_s",
        "statements_calls_per_s", "statements_exec_ms_per_s",
    }  # fmt: skip
    assert (ours(seen, "connections_limit"), ours(seen, "deadlocks_per_s")) == (100, 0)
    assert ours(seen, "database_bytes") > 1_000_000


def test_sessions_by_state_and_who_blocks_whom(source: PostgresSource, postgres: Postgres, stack: ExitStack) -> None:
    before = look(source)
    holder, waiter, idle = (stack.enter_context(postgres.connect()) for _ in range(3))
    holder.execute("CREATE TABLE IF NOT EXISTS held (id int)")
    idle.execute("SELECT 1")
    holder.execute("BEGIN")
    holder.execute("LOCK TABLE held")
    waiting = threading.Thread(target=waiter.execute, args=("SELECT * FROM held",))
    waiting.start()

    def seen() -> dict[str, float | None]:
        return look(source)

    until(lambda: ours(seen(), "waits_lock") == 1)
    events = parts_of(source.read(), "postgres.waits_by_event")
    assert events == {"postgres/Lock: relation": 1}
    now = seen()
    assert ours(now, "connections") - ours(before, "connections") == 3
    assert ours(now, "connections_used_percent") == ours(now, "connections")  # of 100
    assert ours(now, "connections_active") == 1, "the one that waits; the monitor itself is left out"
    assert ours(now, "connections_idle_in_transaction") == 1
    assert ours(now, "locks_waiting") == 1
    assert ours(now, "blocked_sessions") == 1
    assert ours(now, "longest_query_s") > 0
    assert ours(now, "longest_transaction_s") >= ours(now, "longest_query_s")
    assert 0 < ours(now, "longest_idle_in_transaction_s") <= ours(now, "longest_transaction_s")
    holder.execute("ROLLBACK")
    waiting.join()
    after = seen()
    assert (ours(after, "waits_lock"), ours(after, "blocked_sessions"), ours(after, "longest_query_s")) == (0, 0, 0)
    assert ours(after, "longest_idle_in_transaction_s") == 0
    assert parts_of(source.read(), "postgres.waits_by_event") == {"postgres/Lock: relation": 0}, "0, and not a gap"


def test_transactions_of_another_database_are_not_the_targets(
    source: PostgresSource, postgres: Postgres, stack: ExitStack
) -> None:
    other = stack.enter_context(postgres.connect(make_conninfo(postgres.dsn, dbname="postgres")))
    other.execute("BEGIN")
    seen = look(source)

    assert ours(seen, "connections_idle_in_transaction") == 1, "connections are of the whole server"
    assert ours(seen, "longest_idle_in_transaction_s") == 0


def test_sessions_that_were_opened_are_counted(source: PostgresSource, postgres: Postgres) -> None:
    assert source._connection is not None
    look(source)
    for _ in range(7):
        with postgres.connect() as connection:
            connection.execute("SELECT 1")
    counted = 0.0
    # A session tells the server of itself when it ends, which the client does not wait for.
    for _ in range(1000):
        counted += ours(look(source), "sessions_opened_per_s")
        if counted >= 7:
            break
        time.sleep(0.005)
    assert 7 <= counted <= 8, "the one that made the account may be told late"


def test_work_is_counted_and_the_monitors_own_is_not(source: PostgresSource, postgres: Postgres) -> None:
    quiet = [look(source) for _ in range(30)]
    assert sum(ours(seen, "transactions_per_s") for seen in quiet) <= 3
    assert [ours(seen, "statements_calls_per_s") for seen in quiet] == [0] * 30
    assert source._connection is not None
    source._connection.execute("SELECT pg_stat_force_next_flush()")  # 30 looks took 30 ms, not 30 s
    look(source)
    with postgres.connect() as connection:
        connection.execute("CREATE TABLE work AS SELECT n, repeat('x', 500) t FROM generate_series(1, 20000) n")
        for _ in range(50):
            connection.execute("SELECT count(*) FROM work WHERE n = 1")
        connection.execute("SET work_mem = '64kB'")
        connection.execute("SELECT count(*) FROM (SELECT * FROM work ORDER BY t, n) s")
        with pytest.raises(psycopg.errors.DivisionByZero):
            connection.execute("SELECT 1/0")
        connection.execute("CHECKPOINT")
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")
    seen = look(source)
    assert 50 <= ours(seen, "transactions_per_s") <= 70
    assert 1 <= ours(seen, "rollbacks_per_s") <= 2
    assert 50 <= ours(seen, "statements_calls_per_s") <= 70
    assert ours(seen, "statements_exec_ms_per_s") > 5
    assert ours(seen, "temp_bytes_per_s") > 1_000_000
    assert ours(seen, "wal_bytes_per_s") > 100_000
    assert ours(seen, "rows_read_per_s") >= 50 * 20_000
    assert 0 < ours(seen, "cache_hit_percent") <= 100
    # The server counts a checkpoint a moment after CHECKPOINT has returned.
    until(lambda: ours(seen, "checkpoints_per_s") >= 1 or ours(look(source), "checkpoints_per_s") >= 1)


def test_large_tables_that_are_read_from_end_to_end(postgres: Postgres) -> None:
    with postgres.connect() as connection, closing(PostgresSource(postgres.dsn, FakeClock())) as source:
        connection.execute("CREATE TABLE large AS SELECT n FROM generate_series(1, 2000) AS n")
        connection.execute("CREATE TABLE small AS SELECT n FROM generate_series(1, 100) AS n")
        connection.execute("CREATE INDEX ON large (n)")
        connection.execute("ANALYZE")
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")
        source.open()
        look(source)
        for _ in range(3):
            connection.execute("SELECT count(*) FROM large")
            connection.execute("SELECT * FROM large WHERE n = 7")
            connection.execute("SELECT count(*) FROM small")
        connection.execute("SELECT pg_stat_force_next_flush()")
        connection.execute("SELECT 1")
        clock = source._clock
        assert isinstance(clock, FakeClock)
        clock.move_to(clock.utc_s() + 1)
        readings = source.read()

    seen = figures([reading for reading in readings if not reading.is_part])
    assert (ours(seen, "full_scans_per_s"), ours(seen, "full_scan_rows_per_s")) == (3, 6000)
    parts = {(each.source, each.metric): each.value for each in readings if each.is_part}
    assert parts["postgres/large", "postgres.table_full_scans_per_s"] == 3
    assert parts["postgres/large", "postgres.table_full_scan_rows_per_s"] == 6000
    assert ("postgres/small", "postgres.table_full_scans_per_s") not in parts


def test_sizes_of_tables_without_waiting_for_a_lock(postgres: Postgres) -> None:
    with (
        postgres.connect() as connection,
        postgres.connect() as other,
        closing(PostgresSource(postgres.dsn, FakeClock())) as source,
    ):
        connection.execute(
            "CREATE TABLE sized AS SELECT n, repeat('x', 1000) AS text FROM generate_series(1, 500) AS n"
        )
        source.open()
        clock = source._clock
        assert isinstance(clock, FakeClock)
        sizes = []
        for step in ("fill", "lock", "free"):
            if step == "fill":
                connection.execute("INSERT INTO sized SELECT n, repeat('x', 999) FROM generate_series(1, 500) AS n")
            clock.move_to(clock.utc_s() + EVERY_S)
            with other.transaction():
                if step == "lock":
                    other.execute("LOCK TABLE sized IN ACCESS EXCLUSIVE MODE")
                readings = source.read()
            assert ours(figures([each for each in readings if not each.is_part]), "connections_limit") > 0
            sizes.append(parts_of(readings, "postgres.table_bytes").get("postgres/sized"))

    filled, locked, free = sizes
    assert filled is not None and filled > 1_000_000
    assert (locked, free) == (None, filled)


def test_statistics_that_are_reset_are_a_gap(source: PostgresSource, postgres: Postgres) -> None:
    with postgres.connect() as connection:
        for _ in range(20):
            connection.execute("SELECT 42")
        look(source)
        connection.execute("SELECT pg_stat_statements_reset()")
    assert look(source)["postgres.statements_calls_per_s"] is None
    assert look(source)["postgres.statements_calls_per_s"] is not None


def test_it_can_only_read_and_gives_itself_a_name_and_a_limit(source: PostgresSource, postgres: Postgres) -> None:
    assert source._connection is not None
    with pytest.raises(psycopg.errors.ReadOnlySqlTransaction):
        source._connection.execute("CREATE TABLE never (id int)")
    with pytest.raises(psycopg.errors.QueryCanceled):
        source._connection.execute("SELECT pg_sleep(5)")
    with postgres.connect() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = %s", [APPLICATION_NAME]
        ).fetchone()
    assert row == (1,)


def test_an_account_without_pg_monitor_says_what_is_missing(postgres: Postgres, stack: ExitStack) -> None:
    source = stack.enter_context(closing(PostgresSource(postgres.account("plain"), FakeClock())))
    (note,) = source.open()
    assert (note.code, note.fields["account"]) == (MonitorMessage.NO_SESSIONS, "plain")
    assert note.fields["metrics"] == [
        *("connections_active", "connections_idle", "connections_idle_in_transaction", "waits_lock", "waits_lwlock"),
        *("waits_io", "waits_client", "waits_ipc", "waits_other", "blocked_sessions", "longest_query_s"),
        *("longest_transaction_s", "longest_idle_in_transaction_s"),
    ]
    seen = look(source)
    assert "postgres.connections_active" not in seen
    stack.enter_context(postgres.connect())
    assert ours(look(source), "connections") == ours(seen, "connections") + 1
    assert ours(seen, "transactions_per_s") >= 0
    assert ours(seen, "statements_calls_per_s") >= 0


def test_a_right_that_is_taken_away_is_told_by_part(postgres: Postgres, stack: ExitStack) -> None:
    with postgres.connect() as connection:
        connection.execute("REVOKE SELECT ON pg_locks FROM PUBLIC")
        stack.callback(lambda: postgres.connect().execute("GRANT SELECT ON pg_locks TO PUBLIC").connection.close())
    source = stack.enter_context(closing(PostgresSource(postgres.account("watcher", *GRANTS), FakeClock())))
    assert source.open() == [
        MonitorMessage.NO_METRICS(metrics=["locks_waiting"], why="permission denied for view pg_locks")
    ]
    assert "postgres.locks_waiting" not in look(source)


def test_a_database_without_the_extension(postgres: Postgres, stack: ExitStack) -> None:
    with postgres.connect() as connection:
        connection.execute("DROP DATABASE IF EXISTS bare")
        connection.execute("CREATE DATABASE bare")
    dsn = make_conninfo(postgres.account("watcher", *GRANTS), dbname="bare")
    source = stack.enter_context(closing(PostgresSource(dsn, FakeClock())))
    (note,) = source.open()
    assert note.code is MonitorMessage.NO_STATEMENTS
    assert "postgres.statements_calls_per_s" not in look(source)


def test_a_session_that_was_ended_is_a_gap_and_comes_again(source: PostgresSource, postgres: Postgres) -> None:
    with postgres.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = %s", [APPLICATION_NAME]
        )
    with pytest.raises(SourceError) as error:
        look(source)
    assert not error.value.final
    assert look(source)["postgres.transactions_per_s"] is None
    assert ours(look(source), "transactions_per_s") >= 0


SECRET = "s3cr3t%21pass"


@pytest.mark.parametrize(
    ("change", "message", "final"),
    [
        pytest.param(
            {"password": SECRET},
            MonitorMessage.FAILED(why='password authentication failed for user "watcher"'),
            True,
            id="password",
        ),
        pytest.param(
            {"dbname": "nowhere"},
            MonitorMessage.FAILED(why='database "nowhere" does not exist'),
            True,
            id="no such database",
        ),
        pytest.param({"host": "127.0.0.1", "port": "1"}, MonitorMessage.REFUSED(), False, id="refused"),
        pytest.param({"host": "no-such-host.invalid"}, MonitorMessage.UNKNOWN_HOST(), False, id="name"),
        pytest.param({"host": "/nowhere"}, MonitorMessage.NO_SOCKET(), False, id="no socket"),
    ],
)
def test_trouble_is_one_clear_line_without_secrets(
    change: dict[str, Any], message: Message, final: bool, postgres: Postgres
) -> None:
    dsn = make_conninfo(postgres.account("watcher", *GRANTS), **change)
    with pytest.raises(SourceError) as error:
        PostgresSource(dsn, SystemClock()).open()
    text = error.value.message
    assert (text, error.value.final) == (message, final)
    assert "\n" not in text
    assert "pass-of-watcher" not in text
    assert SECRET not in text
    assert error.value.__cause__ is None


@pytest.mark.parametrize(
    "dsn", ["postgresql://a:s3cr3t%@h/x", "postgresqlx://a:s3cr3t@h/x", "s3cr3t", "pasword=s3cr3t"]
)
def test_a_dsn_that_cannot_be_read_is_not_shown(dsn: str) -> None:
    with pytest.raises(SourceError) as error:
        PostgresSource(dsn, SystemClock()).open()
    assert error.value.message == MonitorMessage.BAD_DSN()
    assert error.value.final


def test_the_dsn_of_sqlalchemy_is_understood(postgres: Postgres) -> None:
    with closing(PostgresSource(postgres.dsn.replace("postgresql://", "postgresql+psycopg://"), FakeClock())) as source:
        assert source.open() == []


def text_of(server: Server) -> str:
    return joined(parts_for(server)).as_string(None)


def test_queries_fit_the_version() -> None:
    old = text_of(Server(120000, sees_all=True, statements_schema="ext", statements_time="total_time"))
    assert 'sum("total_time")' in old
    assert "pg_stat_statements_info" not in old
    assert "checkpoints_req" in old
    middle = text_of(Server(140000, sees_all=True, statements_schema="ext"))
    assert '"ext".pg_stat_statements_info' in middle
    assert "checkpoints_req" in middle
    new = text_of(Server(170000, sees_all=True, statements_schema="ext"))
    assert "FROM pg_stat_checkpointer" in new
    assert "checkpoints_req" not in new
    assert "statements" not in text_of(Server(170000, sees_all=True, statements_schema=None))


def test_only_what_waits_for_a_lock_is_asked_who_blocks_it() -> None:
    (sessions, *_) = parts_for(Server(150000, sees_all=True, statements_schema=None))
    assert "CASE WHEN wait_event_type = 'Lock' THEN cardinality(pg_blocking_pids(pid))" in sessions.select.as_string(
        None
    )
    assert set(postgres_queries.sessions_metrics()) <= set(sessions.metrics)
