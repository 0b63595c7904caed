"""How the history's database is reached, and its transactions."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from perfsuite.errors import UsageError

FILE_NAME = "history.db"
BUSY_S = 30.0
CONNECT_S = 5

_WRITING = {"history_writing": True}
_TRY_EVERY_S = 0.05


def default_url(results: Path) -> str:
    """The history of a results folder: a file in it."""
    return f"sqlite:///{results / FILE_NAME}"


def read_url(text: str) -> URL:
    """What `--history` names: a PostgreSQL URL, or the path of a SQLite file. Raises UsageError for anything else."""
    if "://" not in text:
        return make_url(f"sqlite:///{text}")
    try:
        url = make_url(re.sub(r"^postgres(ql)?(\+\w+)?://", "postgresql+psycopg://", text))
    except (ArgumentError, ValueError):
        url = None
    if url is None or url.get_backend_name() not in ("sqlite", "postgresql"):
        raise UsageError(
            "--history: must be a PostgreSQL URL or a SQLite file; postgresql://user@host:5432/database is one"
        )
    return url


def file_of(url: URL) -> Path | None:
    """The file of a SQLite database; None for a server."""
    return Path(url.database or FILE_NAME) if url.get_backend_name() == "sqlite" else None


def where_is(url: URL) -> str:
    """The database in messages: a path, or the URL without its password."""
    file = file_of(url)
    return str(file) if file else url.set(drivername="postgresql").render_as_string(hide_password=True)


def make_engine(url: URL, busy_s: float = BUSY_S) -> Engine:
    """An engine that has not connected yet. `busy_s`: how long a SQLite file that others write is waited for."""
    if file_of(url) is None:
        return create_engine(url, connect_args={"connect_timeout": CONNECT_S}, pool_size=1, max_overflow=1)
    engine = create_engine(url, connect_args={"timeout": busy_s})
    event.listen(engine, "connect", lambda connection, _record: _prepare(connection, busy_s))
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes, from its beginning: committed at the end, undone when the block raises."""
    with engine.connect().execution_options(**_WRITING) as connection, connection.begin():
        yield connection


def _prepare(connection: sqlite3.Connection, busy_s: float) -> None:
    connection.isolation_level = None  # transactions are begun below: the driver would begin them too late
    connection.execute(f"PRAGMA busy_timeout={round(busy_s * 1000)}")
    connection.execute("PRAGMA foreign_keys=ON")
    deadline = time.monotonic() + busy_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite does not wait here by itself where another command opens the same new file.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_TRY_EVERY_S)


def _begin(connection: Connection) -> None:
    # A reader that turns writer cannot wait for its turn ("database is locked"): writers say so first.
    is_writing = connection.get_execution_options().get("history_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")
