"""A private PostgreSQL: reached by a Unix socket in its own folder, with a password that only the demo knows."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg

from perfsuite.demo.child import Child, Program
from perfsuite.demo.house import House
from perfsuite.demo.programs import find_program

USER = "mitra"
PORT = "5432"  # of the socket's name only; nothing listens on the network
READY_WITHIN_S = 60.0
_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_SETTINGS = (
    "listen_addresses=",
    f"port={PORT}",
    "shared_preload_libraries=pg_stat_statements",
    "track_io_timing=on",
    "max_connections=100",
    "logging_collector=off",
)


@contextmanager
def running_postgres(house: House) -> Iterator[tuple[Child, str]]:
    """The server and its DSN, ready for work and with pg_stat_statements, until the end of the block."""
    room = house.room("postgres")
    # Both programs from one place: they must be of the same version.
    programs = find_program("initdb").resolve().parent
    password = secrets.token_urlsafe(24)
    _make_cluster(house, programs, password)
    # The data lives as long as the demo: an immediate shutdown loses nothing that is wanted.
    server = Program(
        "PostgreSQL",
        [
            str(programs / "postgres"),
            *("-D", str(room / "data")),
            *("-k", str(room)),
            *(part for setting in _SETTINGS for part in ("-c", setting)),
        ],
        room,
        _ENVIRONMENT,
        house.identity,
        ends_with=signal.SIGQUIT,
    )
    # All is said here, so that no PGHOST or PGPORT of the user's has a say.
    dsn = f"postgresql://{USER}:{password}@/{{}}?host={quote(str(room), safe='')}&port={PORT}"
    with house.running(server) as child:
        child.wait_until(lambda: _answers(dsn.format("postgres")), house.stop, READY_WITHIN_S)
        with psycopg.connect(dsn.format("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE mitra")
        with psycopg.connect(dsn.format("mitra"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield child, dsn.format("mitra")


def _make_cluster(house: House, programs: Path, password: str) -> None:
    room = house.folder / "postgres"
    password_file = room / "password"
    house.secret_file(password_file, password + "\n")
    initdb = Program(
        "initdb",
        [
            str(programs / "initdb"),
            *("--pgdata", str(room / "data")),
            *("--username", USER),
            *("--pwfile", str(password_file)),
            *("--auth", "scram-sha-256"),
            *("--encoding", "UTF8"),
            *("--locale", "C"),
            "--no-sync",
        ],
        room,
        _ENVIRONMENT,
        house.identity,
        ends_with=signal.SIGKILL,
    )
    with house.running(initdb) as child:
        child.finish(house.stop, READY_WITHIN_S)
    password_file.unlink()


def _answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True
