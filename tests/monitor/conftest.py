"""Private PostgreSQL and Redis of these tests, in a temporary folder that goes with them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from redis import Redis

from perfsuite.demo.programs import find_program, server_identity
from perfsuite.demo.sandbox import Sandbox, opened_sandbox
from perfsuite.demo.servers import running_postgres, running_redis
from perfsuite.demo.stop import stop_on
from perfsuite.errors import TargetError


def need(*programs: str) -> None:
    """Where a program is missing the test is skipped, and fails in CI."""
    try:
        for program in programs:
            find_program(program)
    except TargetError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))


@contextmanager
def sandbox_for(program: str) -> Iterator[Sandbox]:
    """A folder for a server."""
    need(program)
    reading, writing = os.pipe()
    try:
        with stop_on(reading) as stop, opened_sandbox(server_identity(), stop) as sandbox:
            yield sandbox
    finally:
        os.close(writing)
        os.close(reading)


@dataclass(frozen=True)
class Postgres:
    """A private server. `pid` is that of its first process."""

    dsn: str
    pid: int

    def connect(self, dsn: str = "") -> psycopg.Connection[tuple[object, ...]]:
        """A session of its owner."""
        return psycopg.connect(dsn or self.dsn, autocommit=True)

    def account(self, name: str, *grants: str) -> str:
        """The DSN of a fresh account with exactly these rights."""
        with self.connect() as connection:
            connection.execute(f"DROP ROLE IF EXISTS {name}".encode())
            connection.execute(f"CREATE ROLE {name} LOGIN PASSWORD 'pass-of-{name}'".encode())
            for grant in grants:
                connection.execute(grant.encode())
        return make_conninfo(self.dsn, user=name, password=f"pass-of-{name}")


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """PostgreSQL with pg_stat_statements."""
    with sandbox_for("initdb") as sandbox, running_postgres(sandbox) as (child, dsn):
        yield Postgres(dsn, child.pid)


@dataclass(frozen=True)
class PrivateRedis:
    """A private server."""

    url: str
    pid: int

    def account(self, name: str, *rules: str) -> str:
        """The URL of a fresh account with exactly these rights."""
        with Redis.from_url(self.url) as client:
            client.execute_command("ACL", "DELUSER", name)
            client.execute_command("ACL", "SETUSER", name, "on", f">pass-of-{name}", "resetkeys", "nocommands", *rules)
        return self.url_as(name, f"pass-of-{name}")

    def url_as(self, name: str, password: str) -> str:
        """The URL with another account."""
        return f"unix://{quote(name)}:{quote(password)}@{urlsplit(self.url).path}"


@pytest.fixture(scope="session")
def redis_server() -> Iterator[PrivateRedis]:
    """Redis with a password."""
    with sandbox_for("redis-server") as sandbox, running_redis(sandbox) as (child, url):
        yield PrivateRedis(url, child.pid)


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    """For what a test opens."""
    with ExitStack() as opened:
        yield opened
