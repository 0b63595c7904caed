"""Habits of deployed versions: each does what was seen, alone and as part of `as_deployed`, and is off otherwise."""

import logging
import sqlite3
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import jwt
import pytest
from mitra_backend.config import Settings, database_url
from mitra_backend.faults import Fault, FaultError, parse_fault
from mitra_backend.main import prepare_database
from mitra_backend.quirks import DEPLOYED, Quirks, parse_faults, quirks_of
from mitra_backend.seed import credentials
from mitra_backend.state import CROWD, RecentCallers
from sqlalchemy import event

from tests.backend.conftest import Serve
from tests.backend.support import FACTOR, SECRET, Api, new_policy, running

# All that `as_deployed` switches on, but for what makes requests wait for each other.
SWIFT = ("as_deployed", "login_cost=1ms")


def test_as_deployed_is_everything_but_the_rate_limiter() -> None:
    assert quirks_of(parse_faults(["as_deployed"])) == Quirks(
        deployed_health=True,
        blocking_health=True,
        no_pool=True,
        creator_deletes=True,
        soft_deletes=True,
        preferences_page=True,
        deployed_roles=True,
        swallowed_error=True,
        idle_transaction=True,
        token_life_s=60,
        login_cost_s=0.25,
        concurrency_errors=6,
        rate_limiter_every=0,
        empty_lists=frozenset({"flags.list", "policies.list"}),
    )


def test_the_reference_has_none_of_it(api: Api) -> None:
    assert api.app.state.backend.quirks == Quirks() == quirks_of(parse_faults(["pool=2", "no_cache"]))


def test_a_fault_that_is_named_wins_wherever_it_stands() -> None:
    for specs in (["as_deployed", "token_life=5s", "pool=16"], ["pool=16", "token_life=5s", "as_deployed"]):
        quirks = quirks_of(parse_faults(specs))
        assert (quirks.token_life_s, quirks.no_pool, quirks.login_cost_s) == (5, False, 0.25)


def test_the_table_of_the_page_names_each_fault() -> None:
    page = (Path(__file__).parents[2] / "docs" / "backend.md").read_text(encoding="utf-8")
    section = page.split("## As deployed")[1].split("\n## ")[0]
    assert [spec for spec in (*DEPLOYED, "rate_limiter_error") if f"`{spec}`" not in section] == []


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("token_life=60s", Fault("token_life", duration_s=60)),
        ("token_life=-5s", Fault("token_life", duration_s=-5)),
        ("login_cost=250ms", Fault("login_cost", duration_s=0.25)),
        ("concurrency_error", Fault("concurrency_error")),
        ("concurrency_error=3", Fault("concurrency_error", count=3)),
        ("rate_limiter_error=50", Fault("rate_limiter_error", count=50)),
        ("empty_list@flags.list", Fault("empty_list", frozenset({"flags.list"}))),
        ("soft_deletes", Fault("soft_deletes")),
    ],
)
def test_specs(spec: str, expected: Fault) -> None:
    assert parse_fault(spec) == expected


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param("token_life=1.5s", "expected whole seconds", id="a token counts in seconds"),
        pytest.param("concurrency_error=0", "expected a number from 1", id="none at all"),
        pytest.param("soft_deletes=1", "soft_deletes takes no value", id="a switch"),
        pytest.param("as_deployed from 3s", "holds from the start", id="no times"),
        pytest.param("empty_list@users.list", "cannot have this fault", id="lists that are empty as deployed"),
    ],
)
def test_mistakes_are_named(spec: str, message: str) -> None:
    with pytest.raises(FaultError, match=message):
        parse_fault(spec)


def _pool_stats(api: Api) -> dict[str, Any]:
    database = api.get("super_admin", "/health/database")["database"]
    assert database["connection"]["pool_size"] == 0
    stats: dict[str, Any] = database["pool_stats"]
    return stats


def test_the_pool_is_shown_by_its_class(serve: Serve) -> None:
    stats = _pool_stats(serve("deployed_health", "pool=4"))
    assert (stats["pool_class"], stats["pool_size"], stats["connections_checked_out"]) == ("QueuePool", 4, 1)
    assert set(stats) == {
        "pool_class",
        "checked_at",
        "pool_size",
        "connections_checked_in",
        "connections_checked_out",
        "overflow_connections",
        "invalid_connections",
    }
    assert set(_pool_stats(serve("deployed_health", "no_pool"))) == {"pool_class", "checked_at"}


def test_without_a_pool_each_request_opens_a_connection(serve: Serve) -> None:
    for faults, expected in (((), 0), (("no_pool",), 3)):
        api = serve("no_cache", *faults)
        api.get("policyholder", "/policies/")
        opened = _connections_opened(api)
        for _ in range(3):
            api.get("policyholder", "/policies/")
        assert len(opened) == expected


def _connections_opened(api: Api) -> list[object]:
    opened: list[object] = []
    event.listen(api.app.state.backend.database.engine, "connect", lambda *_: opened.append(None))
    return opened


def test_system_health_is_nested(serve: Serve) -> None:
    page = serve("deployed_health").http.get("/api/v1/health/system").json()
    assert set(page) == {"status", "system", "environment", "timestamp"}
    assert set(page["system"]["memory"]) == {"total_gb", "available_gb", "used_gb", "usage_percent"}
    assert set(page["system"]["cpu"]) == {"usage_percent", "cores", "cores_logical"}
    assert set(page["system"]["disk"]) == {"total_gb", "free_gb", "used_gb", "usage_percent"}


def test_system_health_stops_the_server_for_a_second(serve: Serve) -> None:
    api = serve("blocking_health")

    def stopped_s() -> float:
        """So long a request waited that was sent meanwhile."""
        with ThreadPoolExecutor(2) as threads:
            system = threads.submit(api.http.get, "/api/v1/health/system")
            time.sleep(0.2)
            parallel = threads.submit(api.http.get, "/health").result()
        assert float(system.result().headers["X-Process-Time"]) >= 1
        assert "percent" in system.result().json()["cpu"]  # the form is another quirk
        return parallel.elapsed.total_seconds()

    # On a busy machine the first can be so late that it comes last: then it is tried again.
    assert any(stopped_s() > 0.5 for _try in range(10))


def _lead(api: Api) -> str:
    body = {"customer_name": "Perf Lead", "contact_number": "9000000001", "lead_source": "web"}
    answer = api.call("senior_agent", "POST", "/leads/", json=body)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["lead_id"])


def test_only_the_creator_deletes_a_lead(serve: Serve) -> None:
    api = serve("creator_deletes")
    lead_id = _lead(api)
    for who in ("super_admin", "junior_agent"):
        refused = api.call(who, "DELETE", f"/leads/{lead_id}")
        assert (refused.status_code, refused.json()) == (403, {"detail": "You can only delete your own leads"})
    assert api.call("senior_agent", "DELETE", f"/leads/{lead_id}").status_code == 200
    assert api.call("senior_agent", "DELETE", f"/leads/{lead_id}").status_code == 404


def test_deletes_are_soft(serve: Serve) -> None:
    api = serve("soft_deletes")
    lead_id = _lead(api)
    policy = api.call("senior_agent", "POST", "/policies/", json=new_policy(api, "T-soft")).json()
    assert api.call("super_admin", "DELETE", f"/leads/{lead_id}").status_code == 200
    assert api.call("super_admin", "DELETE", f"/policies/{policy['policy_id']}").status_code == 200
    leads = api.get("senior_agent", "/leads/")["data"]["leads"]
    assert [lead["lead_status"] for lead in leads if lead["lead_id"] == lead_id] == ["inactive"]
    assert api.get("super_admin", f"/policies/{policy['policy_id']}")["status"] == "cancelled"


@pytest.mark.parametrize("life_s", [60, 0, -5, 99_999_999_999])
def test_a_token_lives_otherwise_than_the_login_says(serve: Serve, life_s: int) -> None:
    api = serve(f"token_life={life_s}s")
    login = api.login("policyholder")
    claims = jwt.decode(login["access_token"], options={"verify_signature": False})
    assert (login["expires_in"], claims["exp"] - claims["iat"]) == (900, life_s)
    answer = api.call("policyholder", "GET", "/users/me")
    if life_s > 0:
        assert answer.status_code == 200
    else:
        assert (answer.status_code, answer.json()) == (401, {"detail": "Token has expired"})


def test_lists_are_empty_although_there_are_rows(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    api = serve("empty_list@*")
    read = _statements(api)
    assert api.get("super_admin", "/feature-flags/all") == []
    assert [statement for statement in read if "feature_flags" in statement] != []
    assert [record.getMessage() for record in caplog.records] == ["feature flags: no attribute 'tenant'"]
    for who in ("policyholder", "senior_agent", "junior_agent"):
        assert api.get(who, "/policies/") == []
    assert len(api.get("super_admin", "/policies/")) == 20
    agent = api.own_agent()["agent_id"]
    customers = api.get("senior_agent", f"/agents/{agent}/customers")["data"]["customers"]
    assert customers[0]["policyholder_id"]


def _statements(api: Api) -> list[str]:
    seen: list[str] = []
    event.listen(
        api.app.state.backend.database.engine, "before_cursor_execute", lambda _c, _u, text, *_: seen.append(text)
    )
    return seen


def test_preferences_can_be_read_by_their_owner(serve: Serve, api: Api) -> None:
    deployed = serve("preferences_page")
    own = f"/users/{deployed.login('policyholder')['user']['user_id']}/preferences"
    deployed.call("policyholder", "PUT", own, json={"theme_preference": "dark"})
    assert deployed.get("policyholder", own)["data"]["theme_preference"] == "dark"
    assert deployed.call("junior_agent", "GET", own).status_code == 403
    assert "get" in deployed.http.get("/openapi.json").json()["paths"]["/api/v1/users/{user_id}/preferences"]
    assert api.call("policyholder", "GET", own).status_code == 405


def test_roles_have_their_deployed_names_in_table_login_and_token(tmp_path: Path) -> None:
    settings = Settings(database_url(str(tmp_path / "roles.db")), SECRET, seed_factor=FACTOR)
    deployed = replace(settings, faults=parse_faults(["deployed_roles"]))
    prepare_database(deployed)
    assert _names_of_admins(tmp_path / "roles.db") == {"insurance_provider_admin"}
    with running(deployed) as api:
        login = api.login("provider_admin")
        claims = jwt.decode(login["access_token"], options={"verify_signature": False})
        assert (login["user"]["role"], claims["roles"]) == ("insurance_provider_admin", ["insurance_provider_admin"])
        assert api.get("provider_admin", "/dashboard/provider-overview")["totalAgents"]
        assert len(api.get("super_admin", "/users/?role=provider_admin")) == 8
        accounts = credentials(api.app.state.backend.database, FACTOR)
    assert sum(role == "provider_admin" for _phone, _password, role in accounts) == 8
    prepare_database(settings)
    assert _names_of_admins(tmp_path / "roles.db") == {"provider_admin"}


def _names_of_admins(file: Path) -> set[str]:
    connection = sqlite3.connect(file)
    try:
        return {role for (role,) in connection.execute("SELECT role FROM users WHERE role LIKE '%provider_admin'")}
    finally:
        connection.close()


def test_logins_cost_their_time_one_after_the_other(serve: Serve) -> None:
    api = serve("login_cost=150ms")
    body = {"phone_number": "9876543205", "password": "testpassword"}
    before_s, start = time.process_time(), time.perf_counter()
    with ThreadPoolExecutor(4) as threads:
        url = f"{api.url}/api/v1/auth/login"
        answers = list(threads.map(lambda _: httpx.post(url, json=body, timeout=60), range(4)))
    assert [answer.status_code for answer in answers] == [200] * 4
    assert time.perf_counter() - start >= 0.6
    assert time.process_time() - before_s >= 0.6


def test_notes_collide_only_in_a_crowd_and_seldom() -> None:
    recent, errors = RecentCallers(3), []
    for number in range(1, 200):
        try:
            recent.note("one", CROWD)
            recent.note("two", CROWD - 1)
        except RuntimeError as error:
            errors.append((number, str(error)))
    assert errors == [(number, "deque mutated during iteration") for number in (13, 18, 47)]


def test_a_collision_is_an_error_of_the_server(serve: Serve) -> None:
    api = serve("concurrency_error=1")
    api.login("policyholder")
    api.app.state.backend.recent = RecentCallers(1, crowd=1)
    answers = [api.call("policyholder", "GET", "/users/me") for _ in range(30)]
    assert [answer.json() for answer in answers if answer.status_code != 200] == [
        {"detail": "deque mutated during iteration"}
    ]


def test_a_broken_query_is_logged_and_its_answer_invented(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    api = serve("swallowed_error")
    agent = api.own_agent()["agent_id"]
    with caplog.at_level(logging.ERROR, "mitra_backend"):
        answers = [api.get("senior_agent", f"/analytics/agents/performance/{agent}")["data"] for _ in range(2)]
    assert [answer["trends"][0]["premium_collected"] for answer in answers] == [10_500.0] * 2
    assert answers[0]["metrics"]["policies_sold"] > 0
    assert [record.getMessage().count("no such table") for record in caplog.records] == [1, 1]


def test_the_rate_limiter_fails_at_every_101st_request(serve: Serve) -> None:
    api = serve("rate_limiter_error")
    answers = [api.http.get("/health") for _ in range(203)]
    failed = [(number, answer.text) for number, answer in enumerate(answers, 1) if answer.status_code != 200]
    message = '{"detail":"Rate limiter error: pop from an empty deque"}'
    assert failed == [(101, message), (202, message)]
    assert answers[100].status_code == 500


def test_what_is_not_offered_is_not_there(serve: Serve) -> None:
    paths = serve(*SWIFT).http.get("/openapi.json").json()["paths"]
    assert not [path for path in paths if "tickets" in path]
    assert "/api/v1/agents/" not in paths
    assert "/api/v1/feature-flags/update/{flag_name}" not in paths
    assert "/api/v1/agents/{agent_id}/customers" in paths


def test_a_path_without_its_slash_leads_to_the_one_with_it(serve: Serve) -> None:
    api = serve(*SWIFT)
    assert api.call("super_admin", "GET", "/users").status_code == 307
