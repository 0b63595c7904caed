"""The database: one engine, short read and write transactions, figures of the pool."""

import sqlite3
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL, Engine
from sqlalchemy.orm import Session
from sqlalchemy.pool import NullPool, QueuePool

BUSY_TIMEOUT_S = 30
POOL_TIMEOUT_S = 10
# Threads beyond the two cores only fight for the interpreter lock where the database is in the process.
EMBEDDED_POOL_SIZE = 6
SERVER_POOL_SIZE = 16
_WRITING = {"mitra_writing": True}


def _prepare_sqlite(connection: sqlite3.Connection, _record: object) -> None:
    connection.isolation_level = None  # transactions are begun below: the driver would begin them too late
    for pragma in (
        "journal_mode=WAL",
        "synchronous=NORMAL",
        "foreign_keys=ON",
        f"busy_timeout={BUSY_TIMEOUT_S * 1000}",
        "cache_size=-16000",
        "temp_store=MEMORY",
    ):
        connection.execute(f"PRAGMA {pragma}")


def _begin_sqlite(connection: Connection) -> None:
    # A reader that turns writer cannot wait for its turn ("database is locked"): writers say so first.
    writing = connection.get_execution_options().get("mitra_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writing else "BEGIN")


class Database:
    """Engine and transactions. Nothing is opened before first use. Unpooled, each transaction opens a connection.

    `kept_s`: for so much longer does each session for reading keep its connection.
    """

    def __init__(self, url: URL, pool_size: int | None = None, *, pooled: bool = True, kept_s: float = 0.0) -> None:
        self.embedded = url.get_backend_name() == "sqlite"
        self.pool_size = pool_size or (EMBEDDED_POOL_SIZE if self.embedded else SERVER_POOL_SIZE)
        arguments: dict[str, Any] = {"check_same_thread": False} if self.embedded else {"connect_timeout": 5}
        pool: dict[str, Any] = {"poolclass": NullPool}
        if pooled:
            pool = {
                "poolclass": QueuePool,
                "pool_size": self.pool_size,
                "max_overflow": 0,
                "pool_timeout": POOL_TIMEOUT_S,
                "pool_use_lifo": True,
            }
        self.engine: Engine = create_engine(url, connect_args=arguments, **pool)
        if self.embedded:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        self._kept_s = kept_s
        self._writer = threading.Lock()
        self._count = threading.Lock()
        self._waiting = 0

    @contextmanager
    def read(self) -> Iterator[Session]:
        """Give a session for reading; nothing is committed."""
        with Session(self.engine, autoflush=False, expire_on_commit=False) as session:
            self._check_out(session, {})
            if self._kept_s:
                time.sleep(self._kept_s)
            yield session

    @contextmanager
    def write(self) -> Iterator[Session]:
        """Give a session whose work is committed at the end, or rolled back when the block raises."""
        if not self.embedded:
            with self._writing_session() as session:
                yield session
            return
        # SQLite has one writer. Waiting here is fair and wakes at once; its own busy wait sleeps and guesses.
        with self._writer, self._writing_session() as session:
            yield session

    @contextmanager
    def _writing_session(self) -> Iterator[Session]:
        with Session(self.engine, autoflush=False, expire_on_commit=False) as session, session.begin():
            self._check_out(session, _WRITING)
            yield session

    def _check_out(self, session: Session, options: dict[str, Any]) -> None:
        with self._count:
            self._waiting += 1
        try:
            session.connection(execution_options=options)
        finally:
            with self._count:
                self._waiting -= 1

    def gather_statistics(self) -> None:
        """Let PostgreSQL look at tables that were just filled. Its own daemon would do so at some moment of the
        next minute, and change the plans of queries in the middle of a measurement."""
        if not self.embedded:
            with self.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
                connection.execute(text("VACUUM ANALYZE"))

    def pool_figures(self) -> dict[str, int]:
        """Return size, checked_in, checked_out, overflow and the threads now waiting for a connection; empty
        without a pool."""
        pool = self.engine.pool
        if not isinstance(pool, QueuePool):
            return {}
        return {
            "size": pool.size(),
            "checked_in": pool.checkedin(),
            "checked_out": pool.checkedout(),
            "overflow": max(pool.overflow(), 0),
            "waiting": self._waiting,
        }

    @property
    def exhausted(self) -> bool:
        """Return whether all connections of the pool are in use; never without a pool."""
        pool = self.engine.pool
        return isinstance(pool, QueuePool) and pool.checkedout() >= pool.size()

    def close(self) -> None:
        """Close all connections."""
        self.engine.dispose()
