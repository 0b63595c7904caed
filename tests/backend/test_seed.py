"""The seeded data: same number, same rows; everybody has something to do."""

from collections import Counter
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from mitra_backend import models, seed
from mitra_backend.config import Settings, database_url
from mitra_backend.db import Database
from mitra_backend.main import prepare_database
from mitra_backend.permissions import AGENT_ROLES, POLICYHOLDER
from sqlalchemy import func, select

from tests.backend.support import FACTOR, SECRET


def _ids(file: Path, seed_number: int) -> list[str]:
    settings = Settings(database_url(str(file)), SECRET, seed=seed_number, seed_factor=FACTOR)
    prepare_database(settings)
    prepare_database(settings)  # a filled database is left as it is
    database = Database(settings.database_url)
    with database.read() as session:
        ids = list(session.scalars(select(models.Premium.id).order_by(models.Premium.id)))
        ids += session.scalars(select(models.Lead.customer_name).order_by(models.Lead.lead_id))
    database.close()
    return ids


def test_the_same_number_makes_the_same_rows(tmp_path: Path) -> None:
    first = _ids(tmp_path / "a.db", 7)
    assert first == _ids(tmp_path / "b.db", 7)
    assert first != _ids(tmp_path / "c.db", 8)


def test_amounts_at_factor_one() -> None:
    wanted = seed.amounts(1)
    assert (wanted.policyholders, wanted.policies, wanted.leads, wanted.tickets) == (2000, 5000, 1000, 500)
    assert wanted.policies * wanted.premiums_per_policy == 20_000
    assert wanted.senior_agents + wanted.junior_agents >= 101


@pytest.mark.parametrize("factor", [0.01, 1, 2])
def test_three_hundred_users_by_weight_have_their_own_accounts(factor: float) -> None:
    wanted = seed.amounts(factor)
    share = 300 if factor >= 1 else 91
    per_role = {
        role: -(-share * weight // 91) for role, weight in zip("abcdefg", (1, 2, 3, 10, 20, 50, 5), strict=True)
    }
    have = (*list(wanted.staff.values())[:3], wanted.senior_agents, wanted.junior_agents)
    assert all(number >= need for number, need in zip(have, list(per_role.values())[:5], strict=True))
    assert wanted.login_policyholders >= per_role["f"]
    assert wanted.staff["support_staff"] >= per_role["g"]


def test_everybody_has_something_to_do(template: Path) -> None:
    database = Database(database_url(str(template)))
    listed = seed.credentials(database, FACTOR)
    by_role = Counter(role for _, _, role in listed)
    assert len({phone for phone, _, _ in listed}) == len(listed)
    assert {str(9876543200 + number) for number in range(7)} <= {phone for phone, _, _ in listed}
    phones = {role: [phone for phone, _, one in listed if one == role] for role in by_role}
    with database.read() as session:
        owners = (
            select(models.User.phone_number)
            .join(models.Policyholder, models.Policyholder.user_id == models.User.user_id)
            .join(models.Policy, models.Policy.policyholder_id == models.Policyholder.policyholder_id)
            .join(models.Premium, models.Premium.policy_id == models.Policy.policy_id)
        )
        assert set(phones[POLICYHOLDER]) <= set(session.scalars(owners))
        agents = select(models.User.phone_number).join(models.Agent, models.Agent.user_id == models.User.user_id)
        for owned in (models.Policy, models.Policyholder, models.Lead):
            busy = set(session.scalars(agents.join(owned, owned.agent_id == models.Agent.agent_id)))
            assert all(set(phones[role]) <= busy for role in AGENT_ROLES)
    database.close()


def test_the_migrations_lead_to_the_models(template: Path) -> None:
    database = Database(database_url(str(template)))
    with database.engine.connect() as connection:
        context = MigrationContext.configure(connection)
        assert compare_metadata(context, models.Base.metadata) == []
        assert connection.scalar(select(func.count()).select_from(models.FeatureFlag)) == 30
    database.close()
