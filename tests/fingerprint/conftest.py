"""Reference backends on a real PostgreSQL, started once for all tests here."""

from __future__ import annotations

import csv
import os
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql

from perfsuite.cleanup import CleanupInput, clean_up
from perfsuite.demo.backend import BackendSettings
from perfsuite.demo.client import Demo, running_demo
from perfsuite.demo.programs import FULL_DEMO, find_program
from perfsuite.errors import TargetError
from perfsuite.fingerprint.run import FingerprintSettings, fingerprint
from perfsuite.model import Account, Cleanup, Plan, Scenario
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.role import Role
from perfsuite.roles import ROLES, junior_agent, policyholder, provider_admin, support_staff
from perfsuite.target import journal
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.http_client import HttpClient
from perfsuite.target.journal import Journal
from perfsuite.target.run_state import RunState

SEED_FACTOR = 0.1


def _count(connection: psycopg.Connection[tuple[object, ...]], table: str) -> object:
    query = sql.SQL("SELECT count(*) FROM {}").format(sql.Identifier(table))
    return connection.execute(query).fetchall()[0][0]


@dataclass(frozen=True)
class Backend:
    """A reference backend with its database."""

    demo: Demo
    accounts: tuple[Account, ...]

    @property
    def dsn(self) -> str:
        assert self.demo.postgres_dsn is not None
        return self.demo.postgres_dsn

    def connect(self, dsn: str = "") -> psycopg.Connection[tuple[object, ...]]:
        """A session in the database."""
        return psycopg.connect(dsn or self.dsn, autocommit=True)

    def rows(self) -> dict[str, int]:
        """How many rows each table has."""
        with self.connect() as connection:
            names = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'").fetchall()
            return {str(name): int(str(_count(connection, str(name)))) for (name,) in names}

    def take(
        self, folder: Path, roles: tuple[Role, ...] = ROLES, *, read_only: bool = False, repeats: int = 3
    ) -> Fingerprint:
        """A fingerprint with its journal in `folder`."""
        users = {role.slug: 1 for role in roles}
        scenario = Scenario("fingerprint", len(roles), 1, 1)
        plan = Plan("fp_1", scenario, self.demo.host, users, (), (), 1, "2026-03-01T09:30:00Z", read_only=read_only)
        book = Journal(folder / "journal-fingerprint.jsonl")
        left_out = {policyholder.ROLE.slug: frozenset({"preferences.read"})}  # which the backend does not list
        run = RunState(plan.run_id, purpose="fingerprint", left_out=left_out, journal=book, thorough=True)
        settings = FingerprintSettings(self.dsn, repeats=repeats, quiet_s=0.5, cold_wait_s=0)
        try:
            return fingerprint(
                plan, roles, self.accounts, run, lambda: HttpClient(ConnectionSettings(self.demo.host)), settings
            )
        finally:
            book.close()

    def clean(self, folder: Path) -> Cleanup:
        """Remove what a fingerprint made."""
        transport = HttpClient(ConnectionSettings(self.demo.host))
        try:
            run = RunState("fp_1", purpose="cleanup")
            return clean_up(list(journal.read(folder)), CleanupInput(ROLES, self.accounts, run, transport)).cleanup
        finally:
            transport.close()

    @contextmanager
    def meanwhile(self, queries: Iterable[LiteralString], every_s: float) -> Iterator[None]:
        """Somebody else at work in the database, with one query after the other."""
        over = threading.Event()

        def work() -> None:
            with psycopg.connect(self.dsn, autocommit=True, application_name="somebody else") as connection:
                for query in queries:
                    if over.wait(every_s):
                        break
                    connection.execute(query)

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()


@contextmanager
def _running(*faults: str) -> Iterator[Backend]:
    try:
        for name in FULL_DEMO:
            find_program(name)
    except TargetError as error:
        if os.environ.get("CI") == "true":
            pytest.fail(str(error))
        pytest.skip(str(error))
    with running_demo("full", BackendSettings(seed_factor=SEED_FACTOR, faults=faults)) as demo:
        with demo.credentials.open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
        yield Backend(demo, tuple(Account(row["phone_number"], row["password"], row["role"]) for row in rows))


@dataclass(frozen=True)
class Taken:
    """A fingerprint, where its journal is, and the rows before it and after cleanup."""

    fingerprint: Fingerprint
    folder: Path
    cleanup: Cleanup
    rows_before: dict[str, int]
    rows_after: dict[str, int]


@pytest.fixture(scope="session")
def backend() -> Iterator[Backend]:
    """A healthy backend."""
    with _running() as running:
        yield running


@pytest.fixture(scope="session")
def healthy(backend: Backend, tmp_path_factory: pytest.TempPathFactory) -> Taken:
    """The first fingerprint of the healthy backend, cleaned up."""
    folder = tmp_path_factory.mktemp("healthy")
    before = backend.rows()
    taken = backend.take(folder)
    cleanup = backend.clean(folder)
    return Taken(taken, folder, cleanup, before, backend.rows())


@pytest.fixture(scope="session")
def n_plus_one(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fingerprint]:
    """The fingerprint of a backend that reads each policy of a list once more."""
    with _running("n_plus_one@policies.list") as running:
        roles = (provider_admin.ROLE, policyholder.ROLE, support_staff.ROLE)
        yield running.take(tmp_path_factory.mktemp("n_plus_one"), roles, read_only=True)


@pytest.fixture(scope="session")
def missing_index(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Fingerprint]:
    """The fingerprint of a backend whose larger tables lack their indexes."""
    with _running("missing_index") as running:
        yield running.take(tmp_path_factory.mktemp("missing_index"), (junior_agent.ROLE,), read_only=True)
