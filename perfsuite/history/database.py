"""The database of the history: how it is reached, its transactions, its schema, and what can go wrong with it."""

from __future__ import annotations

import re
import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import Connection, Engine, create_engine, event, inspect, text
from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError, DBAPIError, SQLAlchemyError

from perfsuite.errors import UsageError
from perfsuite.messages.history import HistoryMessage

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
        raise UsageError(HistoryMessage.NOT_A_DATABASE())
    return url


def file_of(url: URL) -> Path | None:
    """The file of a SQLite database; None for a server."""
    return Path(url.database or FILE_NAME) if url.get_backend_name() == "sqlite" else None


def where_is(url: URL) -> str:
    """The database in messages: a path, or the URL without its password."""
    file = file_of(url)
    return str(file) if file else url.set(drivername="postgresql").render_as_string(hide_password=True)


def make_engine(url: URL, busy_s: float = BUSY_S) -> Engine:
    """An engine that has not connected yet. `busy_s`: how long to wait for a SQLite file that others write."""
    if file_of(url) is None:
        return create_engine(url, connect_args={"connect_timeout": CONNECT_S}, pool_size=1, max_overflow=1)
    engine = create_engine(url, connect_args={"timeout": busy_s})
    event.listen(engine, "connect", lambda connection, _record: _prepare(connection, busy_s))
    event.listen(engine, "begin", _begin)
    return engine


@contextmanager
def writing(engine: Engine) -> Iterator[Connection]:
    """A transaction that writes from its beginning: committed at the end, rolled back when the block raises."""
    with engine.connect().execution_options(**_WRITING) as connection, connection.begin():
        yield connection


def _prepare(connection: sqlite3.Connection, busy_s: float) -> None:
    connection.isolation_level = None  # transactions begin below: the driver would begin them too late
    connection.execute(f"PRAGMA busy_timeout={round(busy_s * 1000)}")
    connection.execute("PRAGMA foreign_keys=ON")
    deadline = time.monotonic() + busy_s
    while connection.execute("PRAGMA journal_mode").fetchone()[0] != "wal":
        try:
            connection.execute("PRAGMA journal_mode=WAL").fetchone()
        except sqlite3.OperationalError as error:
            # SQLite itself does not wait here when another command opens the same new file.
            if "locked" not in str(error) or time.monotonic() > deadline:
                raise
            time.sleep(_TRY_EVERY_S)


def _begin(connection: Connection) -> None:
    # A reader that turns writer cannot wait ("database is locked"): writers declare themselves first.
    is_writing = connection.get_execution_options().get("history_writing")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if is_writing else "BEGIN")


REVISIONS = ("0001", "0002", "0003", "0004", "0005")
NEWEST = REVISIONS[-1]


class NewerSchemaError(UsageError):
    """The database is of a newer suite, and stays as it is."""


_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 0x50657266  # two commands that begin on one PostgreSQL must not migrate at once


def is_newest(connection: Connection, where: str) -> bool:
    """True where no migration is missing. Raises UsageError for a schema that this suite does not know."""
    if "alembic_version" not in inspect(connection).get_table_names():
        return False
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is not None and found not in REVISIONS:
        raise NewerSchemaError(HistoryMessage.NEWER_SCHEMA(where=where, schema=found, newest=NEWEST))
    return bool(found == NEWEST)


def upgrade(connection: Connection, where: str, revision: str = NEWEST) -> None:
    """Run the missing migrations up to `revision`, within the transaction of the connection."""
    # Here, because most commands find the newest schema, and Alembic is slow to import.
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
    if is_newest(connection, where):
        return  # another command was faster
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


class OutOfReachError(UsageError):
    """The database may be sound, but cannot be used now: disk full, no permission, others write it."""


_KNOWN = (
    (
        UsageError,
        ("malformed", "not a database", "disk image", "no such table", "no such column", "file is encrypted"),
        HistoryMessage.DAMAGED,
    ),
    (OutOfReachError, ("disk is full", "no space left", "disk full", "disk quota"), HistoryMessage.DISK_FULL),
    (OutOfReachError, ("database is locked",), HistoryMessage.LOCKED),
    (
        OutOfReachError,
        ("readonly", "read-only", "unable to open", "permission denied", "disk i/o error"),
        HistoryMessage.NO_ACCESS,
    ),
)
_LONGEST = 160


@contextmanager
def database_errors(where: str) -> Iterator[None]:
    """Turns errors of the database into a UsageError of two lines. `where`: the database, without its password."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        raise database_error(error, where) from error


def database_error(error: Exception, where: str) -> UsageError:
    """The user's message for an error of the database."""
    said = str(error.orig if isinstance(error, DBAPIError) and error.orig else error)
    for kind, marks, code in _KNOWN:
        if any(mark in said.lower() for mark in marks):
            return kind(code(where=where))
    why = " ".join(said.split("\n")[0].split())[:_LONGEST]
    return UsageError(
        HistoryMessage.UNREACHABLE(where=where, why=why)
        if "://" in where
        else HistoryMessage.UNUSABLE(where=where, why=why)
    )
