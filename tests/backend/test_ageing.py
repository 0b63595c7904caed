"""A kept answer differs from a fresh one in those fields only that the contract allows to age."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mitra_backend.quirks import parse_faults

from perfsuite.target.contract_rules import AGEING_FIELDS
from tests.backend.support import BODIES, REQUESTS, Api, new_policy, running, settings_for
from tests.backend.test_defects import accounts

READERS = {
    "super_admin": "users.me users.list flags.list dashboard.system dashboard.provider analytics.comprehensive"
    " agents.list policies.list leads.list tickets.list",
    "provider_admin": "dashboard.provider dashboard.analytics",
    "regional_manager": "dashboard.regional",
    "senior_agent": "dashboard.senior_agent agents.profile agents.performance leads.list policies.list analytics.agent"
    " agents.read agents.customers",
    "policyholder": "users.me users.read policies.list",
    "support_staff": "analytics.reports tickets.list",
}
MADE_AT = {"generated_at"}


@pytest.fixture(scope="module")
def pair(template: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Api, Api]]:
    """Two backends on one database; the second keeps nothing."""
    settings = settings_for(template, tmp_path_factory.mktemp("ageing"))
    with running(settings) as keeping, running(replace(settings, faults=parse_faults(["no_cache"]))) as fresh:
        for role in READERS:
            keeping.login(role)
        fresh.logins = keeping.logins
        yield keeping, fresh


def answers(api: Api) -> dict[tuple[str, str], dict[str, Any]]:
    """(role, route) → the fields of its answer, or of `data` in it."""
    found = {}
    agent_id = api.own_agent()["agent_id"]
    for role, names in READERS.items():
        for name in names.split():
            path = REQUESTS[name][1].replace("nobody", agent_id)
            body = api.get(role, path.replace("{own_user}", api.login(role)["user"]["user_id"]))
            inner = body.get("data", body) if isinstance(body, dict) else body
            found[role, name] = inner if isinstance(inner, dict) else {"rows": inner}
    return found


def aged(pair: tuple[Api, Api]) -> dict[str, set[str]]:
    """Route → the fields in which the kept answer is not what a fresh one is."""
    kept, fresh = map(answers, pair)
    different: dict[str, set[str]] = {}
    for (role, name), fields in kept.items():
        assert fields.keys() == fresh[role, name].keys()
        names = {field for field, value in fields.items() if value != fresh[role, name][field]} - MADE_AT
        if names:
            different.setdefault(name, set()).update(names)
    return different


def write_everything(api: Api) -> Iterator[None]:
    """Do one write after another."""

    def send(who: str, method: str, path: str, body: Any = None) -> Any:
        answer = api.call(who, method, path, json=body)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    own = f"/users/{api.login('policyholder')['user']['user_id']}"
    agent = api.own_agent()["agent_id"]
    members = api.get("super_admin", "/agents/?limit=100")["data"]["agents"]
    member = next(row["agent_id"] for row in members if row["parent_agent_id"] == agent)
    for seller, who in ((agent, "senior_agent"), (member, "super_admin")):
        policy = send(who, "POST", "/policies/", new_policy(api, f"T-{who}", agent_id=seller))
        yield
        send("regional_manager", "POST", f"/policies/{policy['policy_id']}/approve")
        yield
        send("super_admin", "DELETE", f"/policies/{policy['policy_id']}")
        yield
    lead = send("senior_agent", "POST", "/leads/", BODIES["leads.create"])
    yield
    send("senior_agent", "DELETE", f"/leads/{lead['lead_id']}")
    yield
    send("policyholder", "PUT", own, {"display_name": "T-aged"})
    yield
    send("policyholder", "PUT", f"{own}/preferences", {"theme_preference": "T-aged"})
    yield
    send("super_admin", "PUT", "/feature-flags/update/perf_probe", {"is_enabled": True})
    yield
    customer = api.get("support_staff", "/policies/?limit=1")[0]["policyholder_id"]
    ticket = {"subject": "T", "description": "T", "customer_id": customer}
    ticket_id = send("support_staff", "POST", "/support/tickets/", ticket)["ticket_id"]
    yield
    send("support_staff", "PUT", f"/support/tickets/{ticket_id}/status", {"status": "closed"})
    yield
    send("super_admin", "DELETE", f"/support/tickets/{ticket_id}")
    yield
    api.login(accounts(api, "support_staff")[-1])
    yield
    for status in ("inactive", "active"):
        send("super_admin", "PUT", own, {"status": status})
        if status == "active":
            yield


def test_after_each_write_only_the_fields_of_the_contract_are_old(pair: tuple[Api, Api]) -> None:
    allowed = {name: set(fields) for name, fields in AGEING_FIELDS.items()}
    seen: dict[str, set[str]] = {}
    aged(pair)
    for _written in write_everything(pair[0]):
        for name, fields in aged(pair).items():
            assert fields <= allowed.get(name, set()), name
            seen.setdefault(name, set()).update(fields)
    assert seen == allowed
