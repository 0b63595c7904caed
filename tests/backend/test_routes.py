"""What each route answers: the fields of the contract, not found, and what is refused as malformed."""

import uuid
from typing import Any

import pytest

from tests.backend.support import Api, new_policy

USER = {"user_id", "email", "phone_number", "first_name", "last_name", "display_name", "role", "status"}
POLICY = {
    "policy_id",
    "policy_number",
    "provider_policy_id",
    "policyholder_id",
    "agent_id",
    "provider_id",
    "policy_type",
    "plan_name",
    "plan_code",
    "category",
    "sum_assured",
    "premium_amount",
    "premium_frequency",
    "premium_mode",
    "application_date",
    "approval_date",
    "start_date",
    "maturity_date",
    "renewal_date",
    "status",
    "sub_status",
    "payment_status",
    "total_payments",
    "outstanding_amount",
    "next_payment_date",
    "created_at",
    "updated_at",
    "policyholder_info",
    "agent_info",
    "provider_info",
}
FIELDS = [
    ("policyholder", "/users/me", USER),
    (
        "super_admin",
        "/dashboard/system-overview",
        "totalUsers activeUsers totalAgents activeAgents totalPolicies activePolicies totalPremium monthlyRevenue"
        " activeSessions systemHealth apiCalls24h pendingApprovals",
    ),
    (
        "provider_admin",
        "/dashboard/provider-overview",
        "totalAgents activeAgents totalPolicies monthlyRevenue pendingVerifications topPerformingAgents recentPolicies",
    ),
    (
        "regional_manager",
        "/dashboard/regional-overview?region=south",
        "totalAgents activeAgents regionalRevenue monthlyGrowth topPerformers regionalStats",
    ),
    (
        "senior_agent",
        "/dashboard/senior-agent-overview",
        "personalStats teamStats monthlyRevenue pendingTasks topCustomers recentActivities",
    ),
    (
        "provider_admin",
        "/dashboard/analytics",
        "totalPremium policiesCount claimsCount recentPolicies recentClaims",
    ),
    ("senior_agent", "/analytics/comprehensive/dashboard", "success generated_at data"),
    ("support_staff", "/analytics/reports/summary", "generated_at current_month"),
    (
        "junior_agent",
        "/agents/profile",
        "agent_id user_id agent_code license_number business_name territory total_policies_sold"
        " total_premium_collected active_policyholders status verification_status hierarchy_level"
        " sub_agents_count user_profile",
    ),
    (
        "junior_agent",
        "/agents/performance/metrics",
        "total_policies total_premium conversion_rate customer_satisfaction monthly_growth active_customers"
        " leads_generated quotes_created presentations_delivered",
    ),
    ("super_admin", "//health", "status service version"),
    ("super_admin", "/health/database", "status database timestamp"),
    ("super_admin", "/health/system", "status memory cpu disk"),
]


@pytest.mark.parametrize(("role", "path", "fields"), FIELDS, ids=[path for _, path, _ in FIELDS])
def test_fields_of_the_contract(api: Api, role: str, path: str, fields: str | set[str]) -> None:
    wanted = set(fields.split()) if isinstance(fields, str) else fields
    assert wanted <= set(api.get(role, path))


def test_every_answer_has_its_time_and_type(api: Api) -> None:
    for path in ("/health", "/api/v1/users/me", "/nowhere"):
        answer = api.http.get(path)
        assert answer.headers["content-type"] == "application/json"
        assert len(answer.headers["x-process-time"].split(".")[1]) == 6


def test_policy_in_full(api: Api) -> None:
    listed = api.get("policyholder", "/policies/")[0]
    policy = api.get("policyholder", f"/policies/{listed['policy_id']}")
    assert policy == listed
    assert set(policy) == POLICY
    assert set(policy["policyholder_info"]) == {"policyholder_id", "user_id", "full_name", "phone_number"}
    assert policy["policyholder_info"]["phone_number"] == "9876543205"
    assert policy["agent_info"]["agent_id"] == policy["agent_id"]
    assert policy["provider_info"]["provider_id"] == policy["provider_id"]
    assert isinstance(policy["sum_assured"], int | float)
    premiums = api.get("policyholder", f"/policies/{policy['policy_id']}/premiums")["premiums"]
    assert len(premiums) == 4
    assert {premium["amount"] for premium in premiums} == {policy["premium_amount"]}
    coverage = api.get("policyholder", f"/policies/{policy['policy_id']}/coverage")["coverage"]
    assert coverage and set(coverage[0]) == {"coverage_type", "amount"}


@pytest.mark.parametrize(
    ("role", "method", "path", "body"),
    [
        ("super_admin", "GET", "/users/{id}", None),
        ("super_admin", "PUT", "/users/{id}", {"first_name": "A"}),
        ("super_admin", "PUT", "/feature-flags/update/{id}", {"is_enabled": True}),
        ("super_admin", "GET", "/agents/{id}", None),
        ("super_admin", "GET", "/agents/{id}/customers", None),
        ("super_admin", "GET", "/analytics/agents/performance/{id}", None),
        ("super_admin", "GET", "/policies/{id}", None),
        ("policyholder", "GET", "/policies/{id}/coverage", None),
        ("policyholder", "GET", "/policies/{id}/premiums", None),
        ("regional_manager", "POST", "/policies/{id}/approve", None),
        ("super_admin", "DELETE", "/policies/{id}", None),
        ("super_admin", "DELETE", "/leads/{id}", None),
        ("support_staff", "GET", "/support/tickets/{id}", None),
        ("support_staff", "PUT", "/support/tickets/{id}/status", {"status": "closed"}),
        ("super_admin", "DELETE", "/support/tickets/{id}", None),
    ],
)
def test_not_found(api: Api, role: str, method: str, path: str, body: Any) -> None:
    answer = api.call(role, method, path.replace("{id}", str(uuid.uuid4())), json=body)
    assert answer.status_code == 404
    assert answer.json()["detail"].endswith("not found")


@pytest.mark.parametrize(
    ("path", "where"),
    [
        pytest.param("/policies/?limit=0", ["query", "limit"], id="no rows"),
        pytest.param("/policies/?limit=101", ["query", "limit"], id="too many rows"),
        pytest.param("/policies/?offset=-1", ["query", "offset"], id="before the beginning"),
        pytest.param("/policies/?offset=99999999999999999999", ["query", "offset"], id="beyond any database"),
        pytest.param("/leads/?limit=x", ["query", "limit"], id="not a number"),
        pytest.param("/agents/?limit=101", ["query", "limit"], id="agents"),
        pytest.param("/support/tickets/?limit=0", ["query", "limit"], id="tickets"),
        pytest.param("/users/?limit=0", ["query", "limit"], id="users"),
    ],
)
def test_bad_paging_is_refused(api: Api, path: str, where: list[str]) -> None:
    answer = api.call("super_admin", "GET", path)
    assert answer.status_code == 422
    problem = answer.json()["detail"][0]
    assert problem["loc"] == where
    assert {"type", "loc", "msg", "input"} <= set(problem)


@pytest.mark.parametrize(
    "change",
    [
        {"sum_assured": 0},
        {"premium_amount": -1},
        {"category": "marine"},
        {"premium_frequency": "weekly"},
        {"start_date": "tomorrow"},
        {"policy_number": ""},
    ],
    ids=lambda change: next(iter(change)),
)
def test_bad_policies_are_refused(api: Api, change: dict[str, Any]) -> None:
    answer = api.call("senior_agent", "POST", "/policies/", json=new_policy(api, "T-bad", **change))
    assert answer.status_code == 422


def test_paths_without_slash_are_sent_to_the_same_host(api: Api) -> None:
    answer = api.call("super_admin", "GET", "/users")
    assert answer.status_code == 307
    assert answer.headers["location"] == f"{api.url}/api/v1/users/"
    assert api.call("super_admin", "POST", "/users/").status_code == 405


@pytest.mark.parametrize(
    ("path", "allowed"), [("/policies/", "GET, POST"), ("/policies/1", "DELETE, GET"), ("/users/1", "GET, PUT")]
)
def test_a_method_that_is_not_offered_is_told_those_that_are(api: Api, path: str, allowed: str) -> None:
    answer = api.call("super_admin", "PATCH", path)
    assert (answer.status_code, answer.headers["allow"]) == (405, allowed)
    assert answer.json() == {"detail": "Method Not Allowed"}


def test_life_of_a_policy(api: Api) -> None:
    body = new_policy(api, "T-life", coverage_details=[{"coverage_type": "death_benefit", "amount": 7}])
    created = api.call("senior_agent", "POST", "/policies/", json=body)
    assert created.status_code == 201
    policy = created.json()
    assert {key: policy[key] for key in body if key in POLICY} == {
        key: value for key, value in body.items() if key in POLICY
    }
    assert (policy["status"], policy["approval_date"]) == ("pending", None)
    path = f"/policies/{policy['policy_id']}"
    assert api.get("senior_agent", path) == policy
    assert api.get("senior_agent", f"{path}/coverage") == {
        "coverage": [{"coverage_type": "death_benefit", "amount": 7}]
    }
    assert api.get("super_admin", "/policies/?policy_number=T-life") == [policy]
    assert api.call("senior_agent", "POST", "/policies/", json=body).status_code == 409
    approved = api.call("regional_manager", "POST", f"{path}/approve").json()
    assert approved["status"] == "active"
    assert approved["approval_date"] is not None
    assert api.call("super_admin", "DELETE", path).status_code == 200
    assert api.call("senior_agent", "GET", path).status_code == 404


def test_a_policy_takes_its_premiums_with_it(api: Api) -> None:
    policy = api.get("super_admin", "/policies/?status=matured")[0]
    path = f"/policies/{policy['policy_id']}"
    assert api.call("super_admin", "DELETE", path).status_code == 200
    with api.app.state.backend.database.read() as session:
        for table in ("premiums", "coverages"):
            query = f"SELECT count(*) FROM {table} WHERE policy_id = '{policy['policy_id']}'"  # noqa: S608 - own id
            assert session.connection().exec_driver_sql(query).scalar() == 0


def test_life_of_a_lead(api: Api) -> None:
    body = {"customer_name": "T lead 100%", "contact_number": "9000000000", "lead_source": "website"}
    lead = api.call("junior_agent", "POST", "/leads/", json=body).json()
    assert {key: lead[key] for key in body} == body
    found = api.get("junior_agent", "/leads/?search=lead 100%25")["data"]
    assert [row["lead_id"] for row in found["leads"]] == [lead["lead_id"]]
    assert api.call("junior_agent", "DELETE", f"/leads/{lead['lead_id']}").status_code == 200
    assert api.get("junior_agent", "/leads/?search=lead 100%25")["data"]["total"] == 0


def test_life_of_a_ticket(api: Api) -> None:
    customer = api.get("support_staff", "/policies/")[0]["policyholder_id"]
    body = {"subject": "T ticket", "description": "d", "customer_id": customer, "priority": "high"}
    ticket = api.call("support_staff", "POST", "/support/tickets/", json=body).json()
    assert ticket["status"] == "open"
    path = f"/support/tickets/{ticket['ticket_id']}"
    moved = api.call("support_staff", "PUT", f"{path}/status", json={"status": "resolved"}).json()
    assert moved["status"] == "resolved"
    assert api.get("support_staff", path) == moved
    found = api.get("support_staff", "/support/tickets/?search=T ticket&status=resolved&priority=high")
    assert found["data"]["tickets"] == [moved]
    assert api.call("super_admin", "DELETE", path).status_code == 200
    unknown = {**body, "customer_id": "nobody"}
    assert api.call("support_staff", "POST", "/support/tickets/", json=unknown).status_code == 404


def test_own_account_and_preferences(api: Api) -> None:
    own = f"/users/{api.login('junior_agent')['user']['user_id']}"
    changed = api.call("junior_agent", "PUT", own, json={"first_name": "Tara"}).json()
    assert changed["first_name"] == "Tara"
    assert api.get("junior_agent", "/users/me")["first_name"] == "Tara"
    assert api.get("junior_agent", "/agents/profile")["user_profile"]["first_name"] == "Tara"
    body = {"theme_preference": "dark", "notification_preferences": {"sms": False}}
    answer = api.call("junior_agent", "PUT", f"{own}/preferences", json=body).json()
    assert answer["success"] is True
    assert {key: answer["data"][key] for key in body} == body
    assert api.call("junior_agent", "PUT", own, json={"role": "super_admin"}).status_code == 422


def test_flags(api: Api) -> None:
    flags = api.get("super_admin", "/feature-flags/all")["data"]
    assert len(flags) == 30
    for wanted in (True, False):
        answer = api.call("super_admin", "PUT", "/feature-flags/update/perf_probe", json={"is_enabled": wanted})
        assert answer.json()["data"]["is_enabled"] is wanted
        now = api.get("super_admin", "/feature-flags/all")["data"]
        assert next(flag for flag in now if flag["flag_name"] == "perf_probe")["is_enabled"] is wanted


@pytest.mark.parametrize(
    ("path", "name", "key"),
    [
        ("/policies/", None, "policy_id"),
        ("/users/", None, "user_id"),
        ("/agents/", "agents", "agent_id"),
        ("/leads/", "leads", "lead_id"),
        ("/support/tickets/", "tickets", "ticket_id"),
    ],
)
def test_pages_join_without_gap_or_double(api: Api, path: str, name: str | None, key: str) -> None:
    def page(limit: int, offset: int) -> list[str]:
        answer = api.get("super_admin", f"{path}?limit={limit}&offset={offset}")
        rows = answer["data"][name] if name else answer
        if name:
            assert (answer["data"]["limit"], answer["data"]["offset"]) == (limit, offset)
            assert answer["data"]["total"] >= len(rows)
        return [row[key] for row in rows]

    assert page(7, 0) + page(7, 7) + page(6, 14) == page(20, 0)
    assert len(set(page(20, 0))) == 20
    assert page(20, 100_000) == []


def test_filters_of_policies_and_users(api: Api) -> None:
    for name, value in (("status", "active"), ("category", "health"), ("policy_type", "motor")):
        rows = api.get("super_admin", f"/policies/?{name}={value}&limit=100")
        assert rows and {row[name] for row in rows} == {value}
    users = api.get("super_admin", "/users/?role=senior_agent")
    assert users and {user["role"] for user in users} == {"senior_agent"}
    found = api.get("super_admin", "/users/?q=9876543205")
    assert [user["phone_number"] for user in found] == ["9876543205"]


def test_pool_figures_and_openapi(api: Api) -> None:
    database = api.get("super_admin", "/health/database")["database"]
    assert database["connection"]["status"] == "connected"
    assert database["pool_stats"]["size"] == database["connection"]["pool_size"]
    assert database["pool_stats"]["checked_out"] >= 1
    assert database["schema"]["revision"] == "0001"
    paths = api.http.get("/openapi.json").json()["paths"]
    assert {"/health", "/api/v1/policies/{policy_id}/premiums", "/api/v1/support/tickets/"} <= set(paths)
    assert {"get", "post"} <= set(paths["/api/v1/leads/"])
