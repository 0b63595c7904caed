"""Private PostgreSQL and Redis: each reached by a Unix socket in its own folder, with a password of the demo's own."""

from __future__ import annotations

import secrets
import signal
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import quote

import psycopg
from redis import Redis
from redis.exceptions import RedisError

from perfsuite.demo.child import Child, Program
from perfsuite.demo.programs import find_program
from perfsuite.demo.sandbox import Sandbox

_USER = "mitra"
_PORT = "5432"  # of the socket's name only; nothing listens on the network
_POSTGRES_READY_WITHIN_S, _REDIS_READY_WITHIN_S = 60.0, 20.0
_POSTGRES_ENVIRONMENT = {"PATH": "/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"}
_POSTGRES_SETTINGS = (
    "listen_addresses=",
    f"port={_PORT}",
    "shared_preload_libraries=pg_stat_statements",
    "track_io_timing=on",
    "max_connections=100",
    "logging_collector=off",
)


@contextmanager
def running_postgres(sandbox: Sandbox) -> Iterator[tuple[Child, str]]:
    """PostgreSQL with pg_stat_statements, and its DSN, until the end of the block."""
    folder = sandbox.subfolder("postgres")
    # Both programs from one place: they must be of the same version.
    programs = find_program("initdb").resolve().parent
    password = secrets.token_urlsafe(24)
    _init_cluster(sandbox, programs, folder, password)
    server = Program(
        "PostgreSQL",
        [
            str(programs / "postgres"),
            *("-D", str(folder / "data")),
            *("-k", str(folder)),
            *(part for setting in _POSTGRES_SETTINGS for part in ("-c", setting)),
        ],
        folder,
        _POSTGRES_ENVIRONMENT,
        sandbox.identity,
        # Immediate shutdown: nobody needs the data after the demo.
        ends_with=signal.SIGQUIT,
        dies_with=signal.SIGQUIT,
    )
    # The DSN is complete, so that the user's PGHOST or PGPORT changes nothing.
    dsn = f"postgresql://{_USER}:{password}@/{{}}?host={quote(str(folder), safe='')}&port={_PORT}"
    with sandbox.running(server) as child:
        child.wait_until(lambda: _postgres_answers(dsn.format("postgres")), sandbox.stop, _POSTGRES_READY_WITHIN_S)
        with psycopg.connect(dsn.format("postgres"), autocommit=True) as connection:
            connection.execute("CREATE DATABASE mitra")
        with psycopg.connect(dsn.format("mitra"), autocommit=True) as connection:
            connection.execute("CREATE EXTENSION pg_stat_statements")
        yield child, dsn.format("mitra")


def _init_cluster(sandbox: Sandbox, programs: Path, folder: Path, password: str) -> None:
    password_file = folder / "password"
    sandbox.secret_file(password_file, password + "\n")
    initdb = Program(
        "initdb",
        [
            str(programs / "initdb"),
            *("--pgdata", str(folder / "data")),
            *("--username", _USER),
            *("--pwfile", str(password_file)),
            *("--auth", "scram-sha-256"),
            *("--encoding", "UTF8"),
            *("--locale", "C"),
            "--no-sync",
        ],
        folder,
        _POSTGRES_ENVIRONMENT,
        sandbox.identity,
        ends_with=signal.SIGKILL,
    )
    with sandbox.running(initdb) as child:
        child.finish(sandbox.stop, _POSTGRES_READY_WITHIN_S)
    password_file.unlink()


def _postgres_answers(dsn: str) -> bool:
    try:
        psycopg.connect(dsn, connect_timeout=2).close()
    except psycopg.OperationalError:
        return False
    return True


@contextmanager
def running_redis(sandbox: Sandbox) -> Iterator[tuple[Child, str]]:
    """Redis, which writes nothing to disk, and its URL, until the end of the block."""
    folder = sandbox.subfolder("redis")
    password = secrets.token_urlsafe(24)
    socket, configuration = folder / "redis.sock", folder / "redis.conf"
    lines = (
        "port 0",
        f'unixsocket "{socket}"',
        "unixsocketperm 700",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        "daemonize no",
        f'dir "{folder}"',
    )
    sandbox.secret_file(configuration, "\n".join(lines) + "\n")
    command = [str(find_program("redis-server")), str(configuration)]
    server = Program("Redis", command, folder, {"PATH": "/usr/bin:/bin", "LC_ALL": "C"}, sandbox.identity)
    url = f"unix://:{password}@{quote(str(socket))}?db=0"
    with sandbox.running(server) as child:
        child.wait_until(lambda: _redis_answers(url), sandbox.stop, _REDIS_READY_WITHIN_S)
        yield child, url


def _redis_answers(url: str) -> bool:
    client = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()
