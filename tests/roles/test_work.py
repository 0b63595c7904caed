"""What a scenario makes of the roles."""

from __future__ import annotations

import pytest

from perfsuite.model import Scenario
from perfsuite.roles import ROLES
from perfsuite.roles.mix import arriving_rps, offered_rps, users_by_role
from perfsuite.roles.work import left_out_by, operations_of, roles_of, sending_roles

PLAIN = Scenario("own", 20, 5, 60)


def _with(**work: object) -> Scenario:
    return Scenario("own", 20, 5, 60, **work)  # type: ignore[arg-type]


def test_a_usual_scenario_changes_nothing() -> None:
    assert roles_of(PLAIN, ROLES) == sending_roles(PLAIN, ROLES) == ROLES


def test_users_follow_the_given_weights_among_the_chosen_roles() -> None:
    chosen = _with(roles=("super_admin", "junior_agent", "policyholder"), weights={"policyholder": 1, "super_admin": 3})
    assert users_by_role(23, roles_of(chosen, ROLES)) == {"super_admin": 3, "junior_agent": 19, "policyholder": 1}


def test_a_chosen_role_without_users_is_raised_to_one_as_soon_as_there_are_as_many_users_as_roles() -> None:
    chosen = roles_of(_with(roles=("super_admin", "junior_agent", "policyholder")), ROLES)
    assert users_by_role(3, chosen) == {"super_admin": 1, "junior_agent": 1, "policyholder": 1}
    assert users_by_role(2, chosen) == {"super_admin": 0, "junior_agent": 1, "policyholder": 1}


def test_actions_of_the_open_model_are_shared_by_the_given_weights() -> None:
    chosen = sending_roles(_with(roles=("junior_agent", "policyholder"), weights={"junior_agent": 150}), ROLES)
    users = {"junior_agent": 15, "policyholder": 5}
    rate = [arriving_rps(8.0, users, chosen, counted=[role.slug]) / role.requests_per_action() for role in chosen]
    assert rate == [pytest.approx(6.0), pytest.approx(2.0)]


@pytest.mark.parametrize(("factor", "rps"), [(0.5, 8.0), (2.0, 2.0), (0.0, float("inf"))])
def test_the_expected_load_follows_the_think_times(factor: float, rps: float) -> None:
    (role,) = roles_of(_with(roles=("policyholder",), think_time_factor=factor), ROLES)
    requests = role.requests_per_action()
    assert offered_rps({"policyholder": 10}, [role], 0.0) == pytest.approx(rps * requests)


def test_what_is_excluded_goes_with_what_works_on_its_rows() -> None:
    scenario = _with(exclude=("policies.create", "users.me"))
    by_role = {role.slug: sorted(left_out_by(scenario, role)) for role in ROLES}
    assert by_role == {
        "super_admin": [],
        "provider_admin": [],
        "regional_manager": ["policies.approve"],
        "senior_agent": ["policies.create", "policies.read"],
        "junior_agent": ["users.me"],
        "policyholder": ["users.me"],
        "support_staff": [],
    }
    sent = {role.slug: operations_of([role]) for role in sending_roles(scenario, ROLES)}
    assert "policies.create" not in sent["senior_agent"]
    assert "policies.read" in sent["junior_agent"]


def test_only_the_operations_named_are_sent() -> None:
    (role,) = sending_roles(_with(roles=("policyholder",), operations=("users.me",)), ROLES)
    assert [behaviour.name for behaviour in role.behaviours] == ["profile access"]
    assert role.requests_per_action() == 1.0
