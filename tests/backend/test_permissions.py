"""Who may do what: every route, every role, and whose rows."""

import pytest
from mitra_backend.permissions import PUBLIC_ROUTES, ROLES, ROLES_BY_PERMISSION, ROUTE_NAMES
from mitra_backend.security import Tokens

from tests.backend.support import SECRET, Api, new_policy

# One request per protected route; {…} is filled with an id that does not exist.
REQUESTS = {
    "auth.logout": ("POST", "/auth/logout"),
    "users.list": ("GET", "/users/"),
    "users.read": ("GET", "/users/{own_user}"),
    "users.me": ("GET", "/users/me"),
    "users.update": ("PUT", "/users/{own_user}"),
    "users.preferences": ("PUT", "/users/{own_user}/preferences"),
    "flags.list": ("GET", "/feature-flags/all"),
    "flags.update": ("PUT", "/feature-flags/update/perf_probe"),
    "dashboard.system": ("GET", "/dashboard/system-overview"),
    "dashboard.provider": ("GET", "/dashboard/provider-overview"),
    "dashboard.regional": ("GET", "/dashboard/regional-overview?region=south"),
    "dashboard.senior_agent": ("GET", "/dashboard/senior-agent-overview"),
    "dashboard.analytics": ("GET", "/dashboard/analytics"),
    "analytics.comprehensive": ("GET", "/analytics/comprehensive/dashboard"),
    "analytics.reports": ("GET", "/analytics/reports/summary"),
    "analytics.agent": ("GET", "/analytics/agents/performance/nobody"),
    "agents.list": ("GET", "/agents/"),
    "agents.read": ("GET", "/agents/nobody"),
    "agents.customers": ("GET", "/agents/nobody/customers"),
    "agents.profile": ("GET", "/agents/profile"),
    "agents.performance": ("GET", "/agents/performance/metrics"),
    "policies.list": ("GET", "/policies/"),
    "policies.read": ("GET", "/policies/nothing"),
    "policies.coverage": ("GET", "/policies/nothing/coverage"),
    "policies.premiums": ("GET", "/policies/nothing/premiums"),
    "policies.create": ("POST", "/policies/"),
    "policies.approve": ("POST", "/policies/nothing/approve"),
    "policies.delete": ("DELETE", "/policies/nothing"),
    "leads.list": ("GET", "/leads/"),
    "leads.create": ("POST", "/leads/"),
    "leads.delete": ("DELETE", "/leads/nothing"),
    "tickets.list": ("GET", "/support/tickets/"),
    "tickets.read": ("GET", "/support/tickets/nothing"),
    "tickets.create": ("POST", "/support/tickets/"),
    "tickets.status": ("PUT", "/support/tickets/nothing/status"),
    "tickets.delete": ("DELETE", "/support/tickets/nothing"),
}
BODIES = {
    "flags.update": {"is_enabled": True},
    "tickets.status": {"status": "open"},
    "users.update": {"first_name": "Tara"},
    "users.preferences": {"theme_preference": "dark"},
    "leads.create": {"customer_name": "T", "contact_number": "9000000000", "lead_source": "website"},
    "tickets.create": {"subject": "T", "description": "T", "customer_id": "nobody"},
}


@pytest.mark.parametrize("role", ROLES)
def test_each_role_reaches_exactly_the_routes_of_the_table(api: Api, role: str) -> None:
    own_user = api.login(role)["user"]["user_id"]
    reached = set()
    for name, (method, path) in REQUESTS.items():
        body = new_policy(api, "T-perm", agent_id="nobody") if name == "policies.create" else BODIES.get(name)
        answer = api.call(role, method, path.replace("{own_user}", own_user), json=body)
        # "Not your own …" comes from the rows, after the role was let in.
        if answer.status_code != 403 or answer.json()["detail"].startswith("Not your own"):
            assert answer.status_code in (200, 201, 403, 404), f"{name}: {answer.text}"
            reached.add(name)
    assert reached == {name for name, roles in ROLES_BY_PERMISSION.items() if role in roles}
    assert sorted(reached) == api.login(role)["permissions"]


def test_every_protected_route_refuses_a_caller_without_token(api: Api) -> None:
    for name, (method, path) in REQUESTS.items():
        answer = api.http.request(method, f"/api/v1{path}", json=BODIES.get(name))
        assert answer.status_code == 401, name
        assert answer.json() == {"detail": "Authentication required"}


def test_the_table_and_the_application_name_the_same_routes(api: Api) -> None:
    names = [getattr(route, "name", "") for route in api.app.router.routes]
    offered = sorted(name for name in names if "." in name)
    assert offered == list(ROUTE_NAMES)
    assert set(REQUESTS) == set(ROUTE_NAMES) - PUBLIC_ROUTES


def test_a_policyholder_sees_only_own_policies(api: Api) -> None:
    own = api.get("policyholder", "/policies/?limit=100")
    assert len(own) >= 3
    assert {policy["policyholder_info"]["user_id"] for policy in own} == {api.login("policyholder")["user"]["user_id"]}
    other = next(
        policy
        for policy in api.get("super_admin", "/policies/?limit=100")
        if policy["policyholder_id"] != own[0]["policyholder_id"]
    )
    for tail in ("", "/coverage", "/premiums"):
        assert api.call("policyholder", "GET", f"/policies/{other['policy_id']}{tail}").status_code == 403
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
    refused = (f"/agents/{other}", f"/agents/{other}/customers", f"/analytics/agents/performance/{other}")
    assert [api.call(role, "GET", path).status_code for path in refused] == [403, 403, 403]
    assert api.get(role, f"/policies/?agent_id={other}") == []
    assert api.get(role, f"/leads/?agent_id={other}")["data"]["total"] == 0
    others_policy = api.get("super_admin", f"/policies/?agent_id={other}")[0]["policy_id"]
    assert api.call(role, "GET", f"/policies/{others_policy}").status_code == 403


def test_an_agent_sells_only_under_the_own_name(api: Api) -> None:
    other = api.own_agent("junior_agent")["agent_id"]
    answer = api.call("senior_agent", "POST", "/policies/", json=new_policy(api, "T-other", agent_id=other))
    assert answer.status_code == 403


def test_others_accounts_and_leads_are_out_of_reach(api: Api) -> None:
    admin = api.login("super_admin")["user"]["user_id"]
    assert api.call("policyholder", "GET", f"/users/{admin}").status_code == 403
    assert api.call("support_staff", "GET", f"/users/{admin}").status_code == 200
    assert api.call("support_staff", "PUT", f"/users/{admin}", json={}).status_code == 403
    answer = api.call(
        "super_admin", "PUT", f"/users/{api.login('policyholder')['user']['user_id']}/preferences", json={}
    )
    assert answer.status_code == 403
    lead = api.get("junior_agent", "/leads/")["data"]["leads"][0]["lead_id"]
    assert api.call("senior_agent", "DELETE", f"/leads/{lead}").status_code == 403


def test_the_longer_role_name_of_deployed_versions_is_read() -> None:
    tokens = Tokens(SECRET, 60)
    token = tokens.issue({"sub": "x", "roles": ["insurance_provider_admin"], "permissions": []})
    assert tokens.read(token).role == "provider_admin"
