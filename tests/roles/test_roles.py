"""The seven roles against part C of the API contract, and each behaviour done once on a target in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.model.role import Behaviour, Role
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.target.contract import OPERATIONS, promised
from tests.target.fake_target import ACCOUNTS, FakeTarget, Notes

# Part C: role, weight, think times; per behaviour its share and its steps, "/5" = in every fifth action.
CONTRACT = {
    ("super_admin", 1, 2, 5): {
        "dashboard KPIs": (30, "dashboard.system analytics.comprehensive"),
        "user management": (20, "users.list users.read users.update/5"),
        "system health": (15, "health.root health.database"),
        "feature flags": (10, "flags.list flags.update/5"),
    },
    ("provider_admin", 2, 1, 3): {
        "dashboard analytics": (40, "dashboard.provider dashboard.analytics"),
        "agent management": (25, "agents.list agents.read agents.customers"),
        "policy oversight": (20, "policies.list policies.read policies.coverage"),
        "reporting": (15, "analytics.reports"),
    },
    ("regional_manager", 3, 1, 2): {
        "team performance": (50, "dashboard.regional analytics.agent analytics.comprehensive"),
        "agent oversight": (30, "agents.list agents.customers"),
        "policy reviews": (20, "policies.by_status policies.read policies.approve/5"),
    },
    ("senior_agent", 10, 0.5, 2): {
        "personal dashboard": (40, "dashboard.senior_agent agents.profile"),
        "customer management": (30, "agents.customers leads.list leads.create/3"),
        "policy creation": (20, "policies.create policies.read"),
        "analytics": (10, "agents.performance analytics.comprehensive"),
    },
    ("junior_agent", 20, 0.5, 1.5): {
        "profile access": (60, "users.me agents.profile"),
        "policy browsing": (25, "policies.page policies.page policies.page policies.read"),
        "basic analytics": (15, "agents.performance"),
    },
    ("policyholder", 50, 1, 4): {
        "profile access": (70, "users.me users.preferences/10"),
        "policy viewing": (20, "policies.list policies.read policies.coverage"),
        "payment access": (10, "policies.premiums"),
    },
    ("support_staff", 5, 1, 3): {
        "ticket management": (50, "tickets.list tickets.read tickets.create/5 tickets.status/5"),
        "customer data access": (30, "policies.by_policyholder users.read"),
        "reporting": (20, "analytics.reports"),
    },
}

PATHS = {
    "dashboard.system": "GET /api/v1/dashboard/system-overview",
    "users.update": "PUT /api/v1/users/{user_id}",
    "users.preferences": "PUT /api/v1/users/{user_id}/preferences",
    "health.root": "GET /health",
    "health.database": "GET /api/v1/health/database",
    "flags.list": "GET /api/v1/feature-flags/all",
    "flags.update": "PUT /api/v1/feature-flags/update/{flag_name}",
    "dashboard.regional": "GET /api/v1/dashboard/regional-overview?region={region}",
    "dashboard.senior_agent": "GET /api/v1/dashboard/senior-agent-overview",
    "analytics.agent": "GET /api/v1/analytics/agents/performance/{agent_id}",
    "analytics.comprehensive": "GET /api/v1/analytics/comprehensive/dashboard",
    "analytics.reports": "GET /api/v1/analytics/reports/summary",
    "agents.performance": "GET /api/v1/agents/performance/metrics",
    "agents.profile": "GET /api/v1/agents/profile",
    "policies.list": "GET /api/v1/policies/",
    "policies.create": "POST /api/v1/policies/",
    "policies.approve": "POST /api/v1/policies/{policy_id}/approve",
    "policies.premiums": "GET /api/v1/policies/{policy_id}/premiums",
    "policies.coverage": "GET /api/v1/policies/{policy_id}/coverage",
    "leads.create": "POST /api/v1/leads/",
    "tickets.list": "GET /api/v1/support/tickets/",
    "tickets.create": "POST /api/v1/support/tickets/",
    "tickets.status": "PUT /api/v1/support/tickets/{ticket_id}/status",
    "login": "POST /api/v1/auth/login",
}

BEHAVIOURS = [
    pytest.param(role, behaviour, id=f"{role.slug}: {behaviour.name}")
    for role in ROLES
    for behaviour in role.behaviours
]


def _told(role: Role) -> dict[str, tuple[int, str]]:
    return {
        behaviour.name: (
            behaviour.share,
            " ".join(step.operation + (f"/{step.every}" if step.every > 1 else "") for step in behaviour.steps),
        )
        for behaviour in role.behaviours
    }


def test_roles_are_those_of_the_contract() -> None:
    reported = {(role.slug, role.weight, role.think_min_s, role.think_max_s): _told(role) for role in ROLES}

    assert reported == CONTRACT
    assert list(reported) == list(CONTRACT)  # the order is that of every table


def test_both_names_of_the_provider_admin_are_known() -> None:
    names = {role.slug: role.api_names for role in ROLES}

    assert names.pop("provider_admin") == ("provider_admin", "insurance_provider_admin")
    assert names == {slug: (slug,) for slug in names}


def test_every_step_and_source_is_in_the_catalogue() -> None:
    used = {step.operation for role in ROLES for behaviour in role.behaviours for step in behaviour.steps}
    used |= {step.operation for role in ROLES for step in role.sources.values()}

    assert used <= set(CATALOGUE)


@pytest.mark.parametrize(("operation", "place"), PATHS.items())
def test_paths_are_those_of_the_contract(operation: str, place: str) -> None:
    assert f"{CATALOGUE[operation].method} {CATALOGUE[operation].path}" == place


@pytest.mark.parametrize(("operation", "fields"), OPERATIONS.items())
def test_fields_that_must_be_there_are_those_of_the_contract(operation: str, fields: str) -> None:
    known = CATALOGUE[operation]

    assert set(known.fields or known.row_fields) == promised(fields)


def test_only_these_operations_write() -> None:
    used = {step.operation for role in ROLES for behaviour in role.behaviours for step in behaviour.steps}

    assert {name for name in used if CATALOGUE[name].writes} == {
        "users.update", "users.preferences", "flags.update", "policies.create", "policies.approve", "leads.create",
        "tickets.create", "tickets.status",
    }  # fmt: skip
    assert not CATALOGUE["login"].writes


@pytest.mark.parametrize(("role", "behaviour"), BEHAVIOURS)
def test_every_behaviour_succeeds_with_all_its_operations(role: Role, behaviour: Behaviour) -> None:
    target, notes = FakeTarget(), Notes()
    run = RunState("basic_1", thorough=True)
    # What other roles of the same process made before.
    run.created["policy"] = [target.policies["policy-5"]]
    session = Session(role, ACCOUNTS[role.slug], target, run, notes)
    assert session.login()
    made_before = len(notes.requests)

    result = session.perform(behaviour)

    made = notes.operations[made_before:]
    assert notes.failures == []
    assert notes.missing == []
    assert result.succeeded
    assert result.requests == len(made)
    steps = [step.operation for step in behaviour.steps]
    sources = [step.operation for step in role.sources.values()]
    extra = [name for name in made if made.count(name) > steps.count(name)]
    assert [name for name in made if name not in extra] == [name for name in steps if name not in extra]
    assert set(extra) <= set(sources)  # beyond its steps, only lists that an id comes from


def _session(slug: str, target: FakeTarget, notes: Notes, run: RunState | None = None) -> Session:
    role = next(role for role in ROLES if role.slug == slug)
    session = Session(role, ACCOUNTS[slug], target, run or RunState("basic_1", thorough=True), notes)
    session.login()
    return session


def _behaviour(session: Session, name: str) -> Behaviour:
    return next(behaviour for behaviour in session.role.behaviours if behaviour.name == name)


def test_pages_are_asked_for_one_after_the_other() -> None:
    target = FakeTarget()
    session = _session("junior_agent", target, Notes())

    session.perform(_behaviour(session, "policy browsing"))

    assert [asked.query for asked in target.asked_for("policies.page")] == [
        {"limit": "20", "offset": "0"},
        {"limit": "20", "offset": "20"},
        {"limit": "20", "offset": "40"},
    ]


def test_a_page_beyond_the_end_does_not_forget_the_rows_of_the_first() -> None:
    target, notes = FakeTarget(), Notes()
    target.policies = {"policy-0": target.policies["policy-0"]}
    session = _session("junior_agent", target, notes)

    session.perform(_behaviour(session, "policy browsing"))

    assert target.asked_for("policies.read")[0].ids == {"policy_id": "policy-0"}
    assert notes.missing == []


def test_the_new_policy_is_read_back_under_its_mark() -> None:
    target = FakeTarget()
    session = _session("senior_agent", target, Notes())

    session.perform(_behaviour(session, "policy creation"))

    body = target.asked_for("policies.create")[0].body
    assert body["policy_number"].startswith("PERF-1-")
    assert body["agent_id"] == "agent-1"
    made = next(key for key, policy in target.policies.items() if policy["policy_number"] == body["policy_number"])
    assert target.asked_for("policies.read")[0].ids == {"policy_id": made}


def test_a_ticket_of_this_run_is_moved_and_no_other() -> None:
    target = FakeTarget()
    session = _session("support_staff", target, Notes())

    session.perform(_behaviour(session, "ticket management"))

    (moved,) = target.asked_for("tickets.status")
    assert moved.ids["ticket_id"].startswith("ticket-new-")
    assert moved.body == {"status": "in_progress"}
    assert target.asked_for("tickets.create")[0].body["customer_id"] == "holder-1"


def test_each_policy_of_this_run_is_approved_once_and_no_other() -> None:
    target, notes = FakeTarget(), Notes()
    session = _session("regional_manager", target, notes)
    session.run.created["policy"] = [target.policies["policy-7"]]
    behaviour = _behaviour(session, "policy reviews")

    session.perform(behaviour)
    session.perform(behaviour)

    assert [asked.ids for asked in target.asked_for("policies.approve")] == [{"policy_id": "policy-7"}]
    assert notes.missing == [("regional_manager", "policy reviews", "policies.approve")]


def test_a_perf_flag_is_turned_over_and_its_first_value_journaled_once(tmp_path: Path) -> None:
    target = FakeTarget()
    run = RunState("basic_1", thorough=True, journal=journal.Journal(tmp_path / "journal.jsonl"))
    session = _session("super_admin", target, Notes(), run)
    behaviour = _behaviour(session, "feature flags")

    for _ in range(3):
        session.perform(behaviour)

    assert [asked.body["is_enabled"] for asked in target.asked_for("flags.update")] == [False, True, False]
    assert list(journal.read(tmp_path)) == [journal.JournalEntry("flag", "flag", "perf_dark", before=True)]


def test_any_other_flag_keeps_the_value_just_read() -> None:
    target = FakeTarget()
    target.flags = {"payments": target.flags["perf_dark"] | {"flag_name": "payments", "is_enabled": False}}
    session = _session("super_admin", target, Notes())

    session.perform(_behaviour(session, "feature flags"))

    (update,) = target.asked_for("flags.update")
    assert (update.ids, update.body) == ({"flag_name": "payments"}, {"is_enabled": False})


def test_the_own_account_is_written_with_the_names_it_has() -> None:
    target = FakeTarget()
    session = _session("super_admin", target, Notes())

    session.perform(_behaviour(session, "user management"))

    (update,) = target.asked_for("users.update")
    assert update.ids == {"user_id": "user-super_admin"}
    assert update.body["first_name"] == "Asha"
    assert set(update.body) == {"first_name", "last_name", "display_name"}


def test_a_policyholder_writes_the_own_preferences_and_reads_own_premiums() -> None:
    target = FakeTarget()
    session = _session("policyholder", target, Notes())

    session.perform(_behaviour(session, "profile access"))
    session.perform(_behaviour(session, "payment access"))

    assert target.asked_for("users.preferences")[0].ids == {"user_id": "user-policyholder"}
    assert target.asked_for("policies.premiums")[0].ids["policy_id"] in {"policy-0", "policy-1", "policy-2"}


def test_without_a_list_of_agents_the_agent_of_a_policy_is_asked_for() -> None:
    target, notes = FakeTarget(), Notes()
    run = RunState("basic_1", left_out={"regional_manager": frozenset({"agents.list"})}, thorough=True)
    session = _session("regional_manager", target, notes, run)

    result = session.perform(_behaviour(session, "team performance"))

    assert result.succeeded
    assert target.asked_for("policies.by_status")[0].query == {"status": "active"}  # never the text {status}
    assert target.asked_for("analytics.agent")[0].ids == {"agent_id": "agent-1"}


def test_a_customer_is_looked_up_by_the_account_behind_the_policyholder() -> None:
    target = FakeTarget()
    target.policies = {"policy-9": target.policies["policy-9"]}
    session = _session("support_staff", target, Notes())

    session.perform(_behaviour(session, "customer data access"))

    assert target.asked_for("policies.by_policyholder")[0].query == {"policyholder_id": "holder-9"}
    assert target.asked_for("users.read")[0].ids == {"user_id": "user-9"}


def test_the_own_account_is_looked_up_where_the_target_does_not_tell_it() -> None:
    target = FakeTarget()
    target.policies = {"policy-9": target.policies["policy-9"] | {"policyholder_info": None}}
    session = _session("support_staff", target, Notes())

    session.perform(_behaviour(session, "customer data access"))

    assert target.asked_for("users.read")[0].ids == {"user_id": "user-support_staff"}
