"""Who may do what: every route, every role, and whose rows."""

import re
from pathlib import Path

import httpx
import pytest
from mitra_backend.permissions import (
    JUNIOR_AGENT,
    PUBLIC_ROUTES,
    ROLES,
    ROLES_BY_PERMISSION,
    ROUTE_NAMES,
    SENIOR_AGENT,
)
from mitra_backend.security import Tokens

from tests.backend.support import BODIES, OTHERS_ROWS, REQUESTS, SECRET, Api, new_policy, others_rows

ROOT = Path(__file__).resolve().parents[2]


def request(api: Api, role: str, name: str) -> httpx.Response:
    """Ask a route as a role, for rows that do not exist or are one's own."""
    method, path = REQUESTS[name]
    body = new_policy(api, "T-perm", agent_id="nobody") if name == "policies.create" else BODIES.get(name)
    return api.call(role, method, path.replace("{own_user}", api.login(role)["user"]["user_id"]), json=body)


@pytest.mark.parametrize("role", ROLES)
@pytest.mark.parametrize("name", REQUESTS)
def test_a_role_reaches_a_route_exactly_when_the_table_says_so(api: Api, name: str, role: str) -> None:
    answer = request(api, role, name)
    if role not in ROLES_BY_PERMISSION[name]:
        assert (answer.status_code, answer.json()) == (403, {"detail": "Not enough permissions"})
    elif answer.status_code == 403:
        # This comes from the rows, after the role was let in.
        assert name in OTHERS_ROWS and role in OTHERS_ROWS[name]
        assert answer.json()["detail"].startswith("Not your own")
    else:
        assert answer.status_code in (200, 201, 404), answer.text
    assert (name in api.login(role)["permissions"]) == (role in ROLES_BY_PERMISSION[name])


@pytest.fixture(scope="module")
def others(api: Api) -> dict[str, tuple[str, str]]:
    return others_rows(api)


@pytest.mark.parametrize(("name", "role"), [(name, role) for name in OTHERS_ROWS for role in OTHERS_ROWS[name]])
def test_a_row_of_somebody_else_is_refused(api: Api, others: dict[str, tuple[str, str]], name: str, role: str) -> None:
    method, path = others[name]
    body = new_policy(api, "T-others", agent_id=others["agents.read"][1].rsplit("/", 1)[1])
    answer = api.call(role, method, path, json=body if name == "policies.create" else BODIES.get(name))
    assert (answer.status_code, answer.json()["detail"][:12]) == (403, "Not your own")


def test_whoever_may_see_rows_of_others_gets_them(api: Api, others: dict[str, tuple[str, str]]) -> None:
    for name, (method, path) in others.items():
        if method == "GET":
            for role in ROLES_BY_PERMISSION[name] - set(OTHERS_ROWS[name]):
                assert api.call(role, method, path).status_code == 200, (name, role)


def test_the_table_and_the_application_name_the_same_routes(api: Api) -> None:
    names = [getattr(route, "name", "") for route in api.app.router.routes]
    offered = sorted(name for name in names if "." in name)
    assert offered == list(ROUTE_NAMES)
    assert set(REQUESTS) == set(ROUTE_NAMES) - PUBLIC_ROUTES


def test_the_table_of_the_docs_is_the_table_of_the_backend() -> None:
    section = (
        (ROOT / "docs" / "backend.md").read_text(encoding="utf-8").partition("## Permissions")[2].partition("\n## ")[0]
    )
    groups = {"all": set(ROLES), "both agents": {SENIOR_AGENT, JUNIOR_AGENT}}
    documented = {}
    for names, roles in re.findall(r"(?m)^\| (`.*`) \| (.*) \|$", section):
        allowed: set[str] = set()
        for role in roles.split(", "):
            allowed |= groups.get(role, {role.replace(" ", "_")})
        documented |= dict.fromkeys(names.strip("`").split("` `"), allowed)
    assert documented == ROLES_BY_PERMISSION


def test_a_policyholder_sees_only_own_policies(api: Api) -> None:
    own = api.get("policyholder", "/policies/?limit=100")
    assert len(own) >= 3
    assert {policy["policyholder_info"]["user_id"] for policy in own} == {api.login("policyholder")["user"]["user_id"]}
    other = next(
        policy
        for policy in api.get("super_admin", "/policies/?limit=100")
        if policy["policyholder_id"] != own[0]["policyholder_id"]
    )
    assert api.get("policyholder", f"/policies/?policyholder_id={other['policyholder_id']}") == []
    assert api.get("policyholder", f"/policies/?agent_id={other['agent_id']}&limit=100") in ([], own)


@pytest.mark.parametrize("role", ["senior_agent", "junior_agent"])
def test_an_agent_sees_only_own_policies_customers_and_leads(api: Api, role: str) -> None:
    agent_id = api.own_agent(role)["agent_id"]
    policies = api.get(role, "/policies/?limit=100")
    assert policies and {policy["agent_id"] for policy in policies} == {agent_id}
    leads = api.get(role, "/leads/?limit=100")["data"]["leads"]
    assert leads and {lead["agent_id"] for lead in leads} == {agent_id}
    other = next(
        agent["agent_id"]
        for agent in api.get("super_admin", "/agents/")["data"]["agents"]
        if agent["agent_id"] != agent_id
    )
    assert api.get(role, f"/policies/?agent_id={other}") == []
    assert api.get(role, f"/leads/?agent_id={other}")["data"]["total"] == 0


def test_the_longer_role_name_of_deployed_versions_is_read() -> None:
    tokens = Tokens(SECRET, 60)
    token = tokens.issue({"sub": "x", "roles": ["insurance_provider_admin"], "permissions": []})
    assert tokens.read(token).role == "provider_admin"
