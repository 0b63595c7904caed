"""The same backend on PostgreSQL and Redis."""

import math
import tempfile
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from mitra_backend import models
from mitra_backend.config import Settings, database_url
from mitra_backend.db import Database
from mitra_backend.faults import parse_fault
from mitra_backend.main import prepare_database
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from tests.backend.hostile import PLACES, Attacker, query_parameters
from tests.backend.servers import postgresql, redis_server
from tests.backend.support import FACTOR, SECRET, Api, new_policy, running
from tests.backend.test_defects import meeting, policies_of_a_race

pytestmark = pytest.mark.integration


@pytest.fixture(scope="module")
def postgres_url() -> Iterator[str]:
    with tempfile.TemporaryDirectory() as directory, postgresql(Path(directory)) as url:
        deadline = time.monotonic() + 60
        while True:  # it takes connections a moment before it answers questions
            try:
                prepare_database(Settings(database_url(url), SECRET, seed_factor=FACTOR))
                break
            except OperationalError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
        yield url


def _life_of_a_policy(api: Api, number: str) -> None:
    body = new_policy(api, number)
    created = api.call("senior_agent", "POST", "/policies/", json=body)
    assert created.status_code == 201, created.text
    policy = created.json()
    assert policy["premium_amount"] == 1200.5
    assert policy in api.get("senior_agent", "/policies/?limit=100")
    assert api.call("senior_agent", "POST", "/policies/", json=body).status_code == 409
    path = f"/policies/{policy['policy_id']}"
    assert api.call("regional_manager", "POST", f"{path}/approve").json()["status"] == "active"
    assert api.call("super_admin", "DELETE", path).status_code == 200
    assert policy["policy_id"] not in [row["policy_id"] for row in api.get("senior_agent", "/policies/?limit=100")]


READS = [
    ("super_admin", "/users/?q=a&limit=5"),
    ("super_admin", "/dashboard/system-overview"),
    ("provider_admin", "/dashboard/provider-overview"),
    ("provider_admin", "/dashboard/analytics"),
    ("provider_admin", "/agents/?search=a"),
    ("regional_manager", "/dashboard/regional-overview?region=south"),
    ("senior_agent", "/dashboard/senior-agent-overview"),
    ("senior_agent", "/analytics/comprehensive/dashboard"),
    ("junior_agent", "/agents/performance/metrics"),
    ("junior_agent", "/leads/?search=a"),
    ("policyholder", "/policies/"),
    ("support_staff", "/analytics/reports/summary"),
    ("support_staff", "/support/tickets/?search=premium"),
    ("super_admin", "/health/database"),
]


def test_postgresql_answers_like_sqlite(postgres_url: str, tmp_path: Path) -> None:
    settings = Settings(database_url(postgres_url), SECRET, seed_factor=FACTOR)
    sqlite = Settings(database_url(str(tmp_path / "fresh.db")), SECRET, seed_factor=FACTOR)
    prepare_database(sqlite)
    with running(settings) as one, running(sqlite) as other:
        for role, path in READS:
            here, there = one.get(role, path), other.get(role, path)
            assert set(here) == set(there) if isinstance(here, dict) else len(here) == len(there), path
        agent = one.own_agent()["agent_id"]
        path = f"/analytics/agents/performance/{agent}"
        assert one.get("senior_agent", path) == other.get("senior_agent", path)
        assert one.get("policyholder", "/policies/") == other.get("policyholder", "/policies/")
        assert one.get("junior_agent", "/leads/") == other.get("junior_agent", "/leads/")
        assert one.get("senior_agent", "/agents/profile") == other.get("senior_agent", "/agents/profile")
        _life_of_a_policy(one, "T-pg")


STRICTER = ("NUL", "half a surrogate pair", "object with NUL", "object with half a surrogate pair", "not a character")
"""What PostgreSQL refuses, or might, where SQLite keeps anything."""


def test_postgresql_refuses_or_keeps_as_written(postgres_url: str) -> None:
    with running(Settings(database_url(postgres_url), SECRET, seed_factor=FACTOR)) as api:
        attacker = Attacker(api)
        for name, field in PLACES:
            assert attacker.problems(name, field, (*STRICTER, "fractions of a paisa", "object")) == {}, (name, field)
        for path, parameter in query_parameters(api):
            assert api.call("super_admin", "GET", f"/{path}?{parameter}=%00").status_code == 422, (path, parameter)
        assert api.call("super_admin", "GET", "/policies/%00").status_code == 422


def test_a_number_race_and_its_end_on_postgresql(postgres_url: str) -> None:
    healthy = Settings(database_url(postgres_url), SECRET, seed_factor=FACTOR)
    faulty = replace(healthy, faults=(parse_fault("number_race"),))
    prepare_database(faulty)
    with running(faulty) as api:
        assert policies_of_a_race(meeting(api), "T-race") == ([201, 201], 2)
    prepare_database(healthy)
    with running(healthy) as api:
        assert policies_of_a_race(api, "T-again") == ([201, 409], 1)
        assert len(api.get("super_admin", "/policies/?policy_number=T-race")) == 1


def test_migrations_lead_to_the_models_on_postgresql(postgres_url: str) -> None:
    database = Database(database_url(postgres_url))
    with database.engine.connect() as connection:
        assert compare_metadata(MigrationContext.configure(connection), models.Base.metadata) == []
    database.close()


def test_a_seeded_postgresql_knows_its_tables(postgres_url: str) -> None:
    with closing(Database(database_url(postgres_url))) as database, database.read() as session:
        assert session.scalar(text("SELECT reltuples FROM pg_class WHERE relname = 'policies'")) > 0


def test_lock_holds_readers_up_on_postgresql(postgres_url: str) -> None:
    settings = Settings(database_url(postgres_url), SECRET, faults=(parse_fault("lock=700ms/1s"),))
    with running(settings) as api:
        api.login("policyholder")
        board = api.app.state.backend.board

        def read_s() -> tuple[float, float]:
            """From the beginning of the next lock: when a read was sent, and when it was answered."""
            begins_s = max(1, math.ceil(board.elapsed_s()))
            time.sleep(max(0, begins_s + 0.1 - board.elapsed_s()))
            sent_s = board.elapsed_s() - begins_s
            api.get("policyholder", "/policies/")
            return sent_s, board.elapsed_s() - begins_s

        # On a busy machine a read can come too late for the lock: then the next one is looked at.
        assert any(sent_s < 0.5 and 0.7 <= answered_s < 2 for sent_s, answered_s in (read_s() for _try in range(20)))


def test_a_session_idles_in_transaction_on_postgresql(postgres_url: str) -> None:
    settings = Settings(database_url(postgres_url), SECRET, faults=(parse_fault("idle_transaction"),))
    query = text(
        "SELECT count(*) FROM pg_stat_activity WHERE state = 'idle in transaction' AND query LIKE '%FROM users%'"
    )
    with (
        running(settings) as api,
        closing(Database(database_url(postgres_url))) as database,
        database.read() as session,
    ):
        backend = api.app.state.backend
        api.login("policyholder")
        until = time.monotonic() + 30
        while not session.scalar(query) and time.monotonic() < until:
            session.rollback()
            time.sleep(0.05)
        assert session.scalar(query) == 1
        assert backend.database.pool_figures()["checked_out"] == 1


def test_redis_keeps_answers_and_may_go_away(postgres_url: str, tmp_path: Path) -> None:
    with redis_server(tmp_path) as (url, process):
        settings = Settings(database_url(postgres_url), SECRET, redis_url=url)
        with running(settings) as api, running(settings) as second:
            _life_of_a_policy(api, "T-redis")
            before = second.get("super_admin", "/policies/?policy_number=T-two")
            assert before == []
            created = api.call("senior_agent", "POST", "/policies/", json=new_policy(api, "T-two")).json()
            assert second.get("super_admin", "/policies/?policy_number=T-two") == [created]
            process.terminate()
            process.wait(10)
            assert second.get("super_admin", "/policies/?policy_number=T-two") == [created]
            assert api.call("super_admin", "DELETE", f"/policies/{created['policy_id']}").status_code == 200
            assert second.get("super_admin", "/policies/?policy_number=T-two") == []
