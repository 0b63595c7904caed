"""Each defect of correctness: what a healthy backend does right, the faulty one does wrong, every time.

A test asks both for the same thing. Where a race decides, the requests meet between reading and writing.
"""

import re
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mitra_backend import seed
from mitra_backend.defects import DEFECT_ROUTES, DEFECT_SWITCHES, FORGOTTEN_EVERY
from mitra_backend.main import prepare_database

from perfsuite.target.catalogue import CATALOGUE
from tests.backend.conftest import Serve
from tests.backend.support import BODIES, FACTOR, OTHERS_ROWS, Api, new_policy, others_rows, running, settings_for

ROOT = Path(__file__).resolve().parents[2]


def accounts(api: Api, role: str) -> list[str]:
    """Phone numbers of accounts of a role."""
    listed = seed.credentials(api.app.state.backend.database, FACTOR)
    return [phone for phone, _password, of_role in listed if of_role == role]


def at_once(*calls: Callable[[], Any]) -> list[Any]:
    """What the calls return that all begin together."""
    with ThreadPoolExecutor(len(calls)) as pool:
        return [future.result(60) for future in [pool.submit(call) for call in calls]]


def meeting(api: Api, parties: int = 2) -> Api:
    """The backend whose races are decided: nobody writes before all have read."""
    api.app.state.backend.between = threading.Barrier(parties, timeout=60).wait
    return api


@pytest.mark.parametrize(
    ("route", "role", "path"),
    [
        ("policies.list", "policyholder", "/policies/"),
        ("users.me", "policyholder", "/users/me"),
        ("leads.list", "junior_agent", "/leads/"),
        ("agents.profile", "junior_agent", "/agents/profile"),
        ("agents.performance", "junior_agent", "/agents/performance/metrics"),
        ("dashboard.senior_agent", "senior_agent", "/dashboard/senior-agent-overview"),
        ("dashboard.provider", "provider_admin", "/dashboard/provider-overview"),
        ("dashboard.analytics", "provider_admin", "/dashboard/analytics"),
    ],
)
def test_cache_without_user(api: Api, serve: Serve, route: str, role: str, path: str) -> None:
    def answers(of: Api) -> list[str]:
        return [of.call(phone, "GET", path).text for phone in accounts(of, role)[:2]]

    mine, others = answers(api)
    assert mine != others
    mine, others = answers(serve(f"cache_without_user@{route}"))
    assert mine == others


@pytest.mark.parametrize(
    ("route", "role", "path"),
    [
        ("policies.list", "senior_agent", "/policies/"),
        ("leads.list", "junior_agent", "/leads/"),
        ("dashboard.provider", "provider_admin", "/dashboard/provider-overview"),
        ("dashboard.analytics", "provider_admin", "/dashboard/analytics"),
    ],
)
def test_cache_without_role(api: Api, serve: Serve, route: str, role: str, path: str) -> None:
    def answers(of: Api) -> list[str]:
        return [of.call(who, "GET", path).text for who in ("super_admin", role)]

    everything, own = answers(api)
    assert everything != own
    everything, own = answers(serve(f"cache_without_role@{route}"))
    assert everything == own


def _foreign_statuses(api: Api) -> dict[str, set[int]]:
    """Route of single rows → how roles that may only use their own rows are answered for another's."""
    statuses: dict[str, set[int]] = {}
    rows = others_rows(api)
    sold = new_policy(api, "T-others", agent_id=rows["agents.read"][1].rsplit("/", 1)[1])
    for name, (method, path) in rows.items():
        body = sold if name == "policies.create" else BODIES.get(name)
        statuses[name] = {api.call(role, method, path, json=body).status_code for role in OTHERS_ROWS[name]}
    return statuses


def _owners(api: Api) -> tuple[int, int]:
    """How many policyholders a policyholder sees, and how many agents an agent."""
    policies = api.get("policyholder", "/policies/?limit=100")
    leads = api.get("junior_agent", "/leads/?limit=100")["data"]["leads"]
    return len({row["policyholder_id"] for row in policies}), len({row["agent_id"] for row in leads})


def test_no_owner_check(api: Api, serve: Serve) -> None:
    assert set(OTHERS_ROWS) == set(DEFECT_ROUTES["no_owner_check"]) - {"policies.list", "leads.list"}
    assert _foreign_statuses(api) == {name: {403} for name in OTHERS_ROWS}
    assert _owners(api) == (1, 1)
    faulty = serve("no_owner_check@*")
    assert {name for name, statuses in _foreign_statuses(faulty).items() if statuses & {200, 201}} == set(OTHERS_ROWS)
    assert min(_owners(faulty)) > 1


def test_no_owner_check_on_one_route_leaves_the_others(serve: Serve) -> None:
    faulty = serve("no_owner_check@policies.coverage")
    wrong = {name for name, statuses in _foreign_statuses(faulty).items() if statuses != {403}}
    assert wrong == {"policies.coverage"}
    assert _owners(faulty) == (1, 1)


def test_owner_in_list_only(serve: Serve) -> None:
    faulty = serve("owner_in_list_only@policies.*")
    wrong = {name for name, statuses in _foreign_statuses(faulty).items() if statuses != {403}}
    assert wrong == {"policies.read", "policies.coverage", "policies.premiums"}
    assert _owners(faulty) == (1, 1)


def policies_of_a_race(api: Api, number: str) -> tuple[list[int], int]:
    """The statuses of two creations of one number at once, and how many policies have it then."""
    body = new_policy(api, number)
    statuses = at_once(*[lambda: api.call("senior_agent", "POST", "/policies/", json=body).status_code] * 2)
    return sorted(statuses), len(api.get("super_admin", f"/policies/?policy_number={number}"))


def test_number_race(api: Api, template: Path, tmp_path: Path) -> None:
    assert policies_of_a_race(api, "T-race") == ([201, 409], 1)
    settings = settings_for(template, tmp_path, "number_race")
    prepare_database(settings)
    with running(settings) as faulty:
        assert policies_of_a_race(meeting(faulty), "T-race") == ([201, 201], 2)
    healthy = replace(settings, faults=())
    prepare_database(healthy)
    with running(healthy) as again:
        assert len(again.get("super_admin", "/policies/?policy_number=T-race")) == 1
        assert policies_of_a_race(again, "T-again") == ([201, 409], 1)


@pytest.mark.parametrize("routes", [("users.update", "users.update"), ("users.preferences", "users.update")])
def test_lost_update(serve: Serve, routes: tuple[str, str]) -> None:
    def kept(api: Api) -> set[str]:
        """Which of two changes of different fields remain."""
        user_id = api.login("policyholder")["user"]["user_id"]
        api.login("super_admin")
        first = {"theme_preference": "T-theme"}
        tail = "/preferences" if routes[0] == "users.preferences" else ""
        at_once(
            lambda: api.call("policyholder", "PUT", f"/users/{user_id}{tail}", json=first),
            lambda: api.call("super_admin", "PUT", f"/users/{user_id}", json={"last_name": "T-name"}),
        )
        user = api.get("policyholder", "/users/me")
        return {user["theme_preference"], user["last_name"]} & {"T-theme", "T-name"}

    assert kept(serve()) == {"T-theme", "T-name"}
    assert len(kept(meeting(serve("lost_update@users.*")))) == 1


def _seen_after_writing(api: Api) -> dict[str, bool]:
    """Route → whether a list or page that was read before shows what the route wrote."""
    own = f"/users/{api.login('policyholder')['user']['user_id']}"
    customer = api.get("support_staff", "/policies/?limit=1")[0]["policyholder_id"]
    seen = {}

    def write(name: str, read: tuple[str, str], who: str, method: str, path: str, body: Any = None) -> Any:
        before = api.get(*read)
        answer = api.call(who, method, path, json=body)
        assert answer.status_code in (200, 201), answer.text
        seen[name] = api.get(*read) != before
        return answer.json()

    flags = ("super_admin", "/feature-flags/all")
    now = next(flag for flag in api.get(*flags)["data"] if flag["flag_name"] == "perf_probe")["is_enabled"]
    write("flags.update", flags, "super_admin", "PUT", "/feature-flags/update/perf_probe", {"is_enabled": not now})
    me = ("policyholder", "/users/me")
    write("users.update", me, "policyholder", "PUT", own, {"first_name": "T-seen"})
    write("users.preferences", me, "policyholder", "PUT", f"{own}/preferences", {"theme_preference": "T-seen"})

    def read(who: str, path: str, step: int) -> tuple[str, str]:
        return who, f"{path}&limit={step}"  # another entry of the cache for each step

    path = "/leads/?search=T-seen"
    body = {**BODIES["leads.create"], "customer_name": "T-seen"}
    lead = write("leads.create", read("junior_agent", path, 1), "junior_agent", "POST", "/leads/", body)
    own_lead = f"/leads/{lead['lead_id']}"
    write("leads.delete", read("junior_agent", path, 2), "junior_agent", "DELETE", own_lead)
    path = "/support/tickets/?search=T-seen"
    body = {"subject": "T-seen", "description": "d", "customer_id": customer}
    ticket = write("tickets.create", read("support_staff", path, 1), "support_staff", "POST", "/support/tickets/", body)
    own_ticket = f"/support/tickets/{ticket['ticket_id']}"
    moved = {"status": "closed"}
    write("tickets.status", read("support_staff", path, 2), "support_staff", "PUT", f"{own_ticket}/status", moved)
    write("tickets.delete", read("support_staff", path, 3), "super_admin", "DELETE", own_ticket)
    path = "/policies/?policy_number=T-seen"
    body = new_policy(api, "T-seen")
    policy = write("policies.create", read("senior_agent", path, 1), "senior_agent", "POST", "/policies/", body)
    own_policy = f"/policies/{policy['policy_id']}"
    write("policies.approve", read("senior_agent", path, 2), "super_admin", "POST", f"{own_policy}/approve")
    write("policies.delete", read("senior_agent", path, 3), "super_admin", "DELETE", own_policy)
    return seen


def test_stale_read(serve: Serve) -> None:
    routes = DEFECT_ROUTES["stale_read"]
    assert _seen_after_writing(serve()) == dict.fromkeys(routes, True)
    assert _seen_after_writing(serve("stale_read@*")) == dict.fromkeys(routes, False)


LISTS = {
    "agents.list": ("/agents/?", "agent_id"),
    "leads.list": ("/leads/?", "lead_id"),
    "policies.list": ("/policies/?", "policy_id"),
    "tickets.list": ("/support/tickets/?", "ticket_id"),
    "users.list": ("/users/?", "user_id"),
    "agents.customers": ("/agents/{own}/customers?", "policyholder_id"),
}


def _missing_from_pages(api: Api) -> dict[str, int]:
    """List → how many of its first two rows are on none of the first two pages of one."""
    missing = {}
    for name, (path, key) in LISTS.items():
        full = path.format(own=api.own_agent()["agent_id"])

        def ids(limit: int, offset: int, full: str = full, key: str = key) -> list[str]:
            answer = api.get("super_admin", f"{full}limit={limit}&offset={offset}")
            rows = answer if isinstance(answer, list) else next(iter(answer["data"].values()))
            return [row[key] for row in rows]

        whole = ids(2, 0)
        assert len(whole) == 2
        missing[name] = len(set(whole) - set(ids(1, 0) + ids(1, 1)))
    return missing


def test_skipped_row(api: Api, serve: Serve) -> None:
    assert set(LISTS) == set(DEFECT_ROUTES["skipped_row"])
    assert _missing_from_pages(api) == dict.fromkeys(LISTS, 0)
    assert _missing_from_pages(serve("skipped_row@*")) == dict.fromkeys(LISTS, 1)


def test_deactivated_token(serve: Serve) -> None:
    for fault, expected in (((), 401), (("deactivated_token",), 200)):
        api = serve(*fault)
        account = f"/users/{api.login('policyholder')['user']['user_id']}"
        assert api.call("super_admin", "PUT", account, json={"status": "inactive"}).json()["status"] == "inactive"
        answer = api.call("policyholder", "GET", "/policies/")
        assert answer.status_code == expected
        login = {"phone_number": "9876543205", "password": "testpassword"}
        assert api.http.post("/api/v1/auth/login", json=login).status_code == 401
        assert api.call("super_admin", "PUT", account, json={"status": "active"}).status_code == 200
        assert api.call("policyholder", "GET", "/policies/").status_code == 200
        assert api.http.post("/api/v1/auth/login", json=login).status_code == 200
    assert answer.status_code == 200


def test_who_is_not_active_stays_so_after_a_restart(template: Path, tmp_path: Path) -> None:
    settings = settings_for(template, tmp_path)
    with running(settings) as api:
        user = api.login("policyholder")
        api.call("super_admin", "PUT", f"/users/{user['user']['user_id']}", json={"status": "inactive"})
    with running(settings) as again:
        again.logins["policyholder"] = user
        answer = again.call("policyholder", "GET", "/users/me")
        assert (answer.status_code, answer.json()["detail"]) == (401, "Account is not active")


@pytest.mark.parametrize(
    ("who", "whose", "status", "expected"),
    [
        ("policyholder", "policyholder", "inactive", 403),
        ("super_admin", "super_admin", "inactive", 403),
        ("super_admin", "policyholder", None, 422),
        ("super_admin", "policyholder", "deleted", 422),
    ],
)
def test_who_may_not_change_which_status(api: Api, who: str, whose: str, status: str | None, expected: int) -> None:
    account = f"/users/{api.login(whose)['user']['user_id']}"
    assert api.call(who, "PUT", account, json={"status": status}).status_code == expected
    assert api.get(whose, "/users/me")["status"] == "active"


def test_fail_open(serve: Serve) -> None:
    def status(api: Api, exhausted: bool) -> int:
        """How a policyholder is answered who asks for all users."""
        api.login("policyholder")
        database = api.app.state.backend.database
        with ThreadPoolExecutor(1) as pool, ExitStack() as held:
            for _connection in range(database.pool_size if exhausted else 0):
                held.enter_context(database.read())
            answer = pool.submit(api.call, "policyholder", "GET", "/users/")
            while not answer.done() and not database.pool_figures()["waiting"]:
                threading.Event().wait(0.01)
            held.close()
            return answer.result(20).status_code

    healthy, faulty = serve("pool=2"), serve("pool=2", "fail_open@*")
    assert [status(healthy, exhausted) for exhausted in (False, True)] == [403, 403]
    assert [status(faulty, exhausted) for exhausted in (False, True)] == [403, 200]


def _counted(api: Api) -> list[int]:
    return [
        api.get("super_admin", "/dashboard/system-overview")["totalPolicies"],
        api.get("super_admin", "/analytics/comprehensive/dashboard")["data"]["total_policies"],
        api.get("super_admin", "/analytics/reports/summary")["current_month"]["kpis"]["total_policies"],
    ]


def test_counter_drift(serve: Serve) -> None:
    for faults, counted in (((), FORGOTTEN_EVERY), (("counter_drift@*",), FORGOTTEN_EVERY - 1)):
        api = serve(*faults)
        before = _counted(api)
        for number in range(FORGOTTEN_EVERY):
            created = api.call("senior_agent", "POST", "/policies/", json=new_policy(api, f"T-drift-{number}"))
            assert created.status_code == 201
        assert _counted(api) == [figure + counted for figure in before]


def test_double_submit(serve: Serve) -> None:
    for faults, rows in (((), 1), (("double_submit@*",), 2)):
        api = serve(*faults)
        lead = {**BODIES["leads.create"], "customer_name": "T-double"}
        created = api.call("junior_agent", "POST", "/leads/", json=lead).json()
        found = api.get("junior_agent", "/leads/?search=T-double")["data"]["leads"]
        assert len(found) == rows
        assert created in found
        customer = api.get("support_staff", "/policies/?limit=1")[0]["policyholder_id"]
        ticket = {"subject": "T-double", "description": "d", "customer_id": customer}
        created = api.call("support_staff", "POST", "/support/tickets/", json=ticket).json()
        found = api.get("support_staff", "/support/tickets/?search=T-double")["data"]["tickets"]
        assert len(found) == rows
        assert created in found


def test_every_defect_is_documented_and_tested() -> None:
    kinds = {*DEFECT_ROUTES, *DEFECT_SWITCHES}
    section = (ROOT / "docs" / "backend.md").read_text(encoding="utf-8").partition("### Defects")[2]
    assert set(re.findall(r"(?m)^\| `(\w+)", section.partition("\n## ")[0])) == kinds
    assert {f"test_{kind}" for kind in kinds} <= set(globals())


def test_the_operations_in_which_defects_show_are_those_of_the_suite() -> None:
    section = (ROOT / "docs" / "backend.md").read_text(encoding="utf-8").partition("### Defects")[2]
    last = re.findall(r"(?m)^\| `\w+.*\| ([^|]*) \|$", section.partition("\n## ")[0])
    named = {name for text in last for name in re.findall(r"`(\w+\.\w+)`", text)}
    assert len(last) == len(DEFECT_ROUTES) + len(DEFECT_SWITCHES)
    assert named and named <= set(CATALOGUE)
