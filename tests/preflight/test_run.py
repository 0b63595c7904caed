"""Every operation once per role, before any load."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perfsuite.errors import TargetError, UsageError
from perfsuite.messages import Message
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.model import (
    Account,
    ApiMapping,
    FailureKind,
    OperationCheck,
    Plan,
    PreflightReport,
    Scenario,
    Works,
)
from perfsuite.model.correctness import CheckLevel
from perfsuite.preflight.progress import ProgressReporter
from perfsuite.preflight.run import (
    PreflightInput,
    broken_table,
    differences,
    failed_first,
    find_target,
    preflight,
)
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.exchange import Answer, Request, Transport
from perfsuite.target.journal import Journal
from perfsuite.target.run_state import RunState
from tests.target.contract import AGENT, LEAD, row
from tests.target.fake_target import ACCOUNTS, PASSWORD, Asked, FakeTarget, answer, lost
from tests.target.sent_headers import headers_of

WRITES = {name for name, operation in CATALOGUE.items() if operation.writes}


def plan_of(**more: Any) -> Plan:
    scenario = Scenario("basic", 10, 2, 60)
    users = {role.slug: 1 for role in ROLES}
    return Plan("basic_1", scenario, "http://localhost:8015", users, (), (), 1, "2026-03-01T09:30:00Z", **more)


def look(
    target: FakeTarget,
    accounts: Collection[Account] = tuple(ACCOUNTS.values()),
    run: RunState | None = None,
    **more: Any,
) -> PreflightReport:
    run = run or RunState("basic_1", purpose="preflight", thorough=True)
    return asked(target, run, plan_of(**more), accounts)


def asked(
    target: Transport, run: RunState, plan: Plan, accounts: Collection[Account] = tuple(ACCOUNTS.values())
) -> PreflightReport:
    reporter = ProgressReporter(lambda _line: None)
    info = find_target(plan.host, run, lambda: target, reporter)
    return preflight(PreflightInput(plan, info, ROLES, accounts), run, lambda: target, reporter)


def check_of(report: PreflightReport, role: str, operation: str) -> OperationCheck:
    (check,) = [check for check in report.checks if (check.role, check.operation) == (role, operation)]
    return check


def works_of(report: PreflightReport) -> dict[tuple[str, str], Works]:
    return {(check.role, check.operation): check.works for check in report.checks if check.works is not Works.YES}


def test_all_works_on_a_target_that_offers_everything() -> None:
    target = FakeTarget()

    report = look(target)

    assert works_of(report) == {}
    assert (report.service, report.version, report.dead_behaviours) == ("agent-mitra-backend", "2.0", ())
    assert set(report.offered) == CATALOGUE.keys()
    assert [(check.role, check.operation) for check in report.checks] == [
        (role.slug, name)
        for role in ROLES
        for name in dict.fromkeys(
            ["login", *(step.operation for behaviour in role.behaviours for step in behaviour.steps)]
        )
    ]
    assert all(report.left_out(role.slug) == frozenset() for role in ROLES)
    assert broken_table(report) == ""
    assert target.closed


def test_a_check_has_method_path_status_and_time() -> None:
    check = check_of(look(FakeTarget()), "regional_manager", "policies.by_status")

    assert (check.method, check.path, check.status, check.elapsed_ms) == ("GET", "/api/v1/policies/", 200, 1.5)


def test_who_makes_rows_comes_before_who_approves_them() -> None:
    target = FakeTarget()
    look(target)

    made = target.asked_for("policies.create")[0]
    (approved,) = target.asked_for("policies.approve")
    row = next(row for row in target.policies.values() if row["policy_number"] == made.body["policy_number"])
    assert approved.ids == {"policy_id": row["policy_id"]}


def test_what_it_makes_is_journaled(tmp_path: Path) -> None:
    book = Journal(tmp_path / "journal-preflight.jsonl")
    look(FakeTarget(), run=RunState("basic_1", journal=book, thorough=True))

    assert sorted(entry.thing for entry in journal.read(tmp_path) if entry.what == "created") == [
        "lead",
        "policy",
        "ticket",
    ]


def test_what_the_target_does_not_list_is_missing_and_never_asked_for() -> None:
    target = FakeTarget()
    target.without = {"agents.list"}

    report = look(target)

    assert works_of(report) == {
        ("provider_admin", "agents.list"): Works.MISSING,
        ("regional_manager", "agents.list"): Works.MISSING,
    }
    assert "agents.list" not in report.offered
    assert target.asked_for("agents.list") == []
    assert report.left_out("provider_admin") == {"agents.list"}
    assert report.left_out("senior_agent") == frozenset()
    assert report.dead_behaviours == ()  # an agent is known from a policy


def test_what_is_forbidden_to_one_role_is_broken_for_that_role() -> None:
    target = FakeTarget()
    target.forbidden = {("provider_admin", "analytics.reports")}

    report = look(target)

    assert works_of(report) == {("provider_admin", "analytics.reports"): Works.BROKEN}
    check = check_of(report, "provider_admin", "analytics.reports")
    assert (check.status, check.message) == (403, "HTTP 403: Insufficient permissions")
    assert report.left_out("provider_admin") == {"analytics.reports"}
    assert report.left_out("support_staff") == frozenset()
    assert report.dead_behaviours == ("provider_admin / reporting",)
    assert broken_table(report) == (
        "  provider_admin    analytics.reports        GET   /api/v1/analytics/reports/summary:"
        " HTTP 403: Insufficient permissions"
    )


def test_one_failure_among_several_calls_counts() -> None:
    target = FakeTarget()
    offset = answer({"detail": "offset"}, 500)
    target.handle("policies.page", lambda asked: answer([]) if asked.query["offset"] == "0" else offset)

    report = look(target)

    assert works_of(report)["junior_agent", "policies.page"] is Works.BROKEN
    assert failed_first(report) == ()


@pytest.mark.parametrize("operation", ["login", "users.me", "policies.page", "leads.create"])
def test_an_error_of_the_server_that_comes_once_breaks_nothing(operation: str) -> None:
    target = FakeTarget()
    target.give(operation, answer({"detail": "Rate limiter error"}, 500))

    report = look(target)

    assert works_of(report) == {}
    (line,) = failed_first(report)
    assert line.fields["operation"] == operation
    assert "HTTP 500: Rate limiter error" in line.fields["failure"]


def test_only_what_failed_is_judged_when_it_is_tried_again() -> None:
    """The next error of a limiter may meet a step before the one that is tried again."""
    target, seen = FakeTarget(), []
    failed = answer({"detail": "Rate limiter error"}, 500)

    def me(asked: Asked) -> Answer:
        if asked.user["role"] != "junior_agent":
            return answer(asked.user)
        seen.append("asked")
        return failed if len(seen) == 2 else answer(asked.user)

    def profile(asked: Asked) -> Answer:
        agent = row(AGENT, agent_id="agent-1", user_id=asked.user["user_id"])
        return failed if len(seen) == 1 and asked.user["role"] == "junior_agent" else answer(agent)

    target.handle("users.me", me)
    target.handle("agents.profile", profile)

    report = look(target)

    assert (works_of(report), len(seen)) == ({}, 2)
    assert [line.fields["operation"] for line in failed_first(report)] == ["agents.profile"]


@pytest.mark.parametrize("status", [403, 404])
def test_what_the_target_refuses_is_not_asked_for_again(status: int) -> None:
    target = FakeTarget()
    target.give("users.list", answer({"detail": "no"}, status))

    report = look(target)

    assert works_of(report)["super_admin", "users.list"] is Works.BROKEN


def test_a_target_where_agents_see_a_team_is_told_how_to_be_loaded() -> None:
    target = FakeTarget()
    rows = [row(LEAD, lead_id=lead) | {"agent_id": agent} for lead, agent in (("1", "a"), ("2", "b"))]
    target.handle("leads.list", lambda _asked: answer({"leads": rows}))

    check = check_of(look(target), "senior_agent", "leads.list")
    off = plan_of(check_correctness=CheckLevel.OFF)
    state = RunState.of(off, ())
    state.thorough = True
    without = asked(target, state, off)

    rule = "rows with different agent_id, only one's own were asked for"
    assert (check.works, check.message) == (Works.BROKEN, str(PreflightMessage.ROWS_OF_OTHERS(failure=rule)))
    assert works_of(without) == {}


def test_without_data_an_operation_is_neither_broken_nor_left_out() -> None:
    target = FakeTarget()
    target.policies = {
        name: policy for name, policy in target.policies.items() if policy["policyholder_id"] != "holder-1"
    }

    report = look(target)

    assert works_of(report) == {
        ("policyholder", "policies.read"): Works.NO_DATA,
        ("policyholder", "policies.coverage"): Works.NO_DATA,
        ("policyholder", "policies.premiums"): Works.NO_DATA,
    }
    check = check_of(report, "policyholder", "policies.read")
    assert (check.status, check.message) == (None, "needs a policy_id; GET /policies/ answered []")
    assert check_of(report, "policyholder", "policies.list").empty_note == "GET /policies/ answered []"
    assert check_of(report, "junior_agent", "policies.page").empty_note == ""
    assert report.left_out("policyholder") == frozenset()
    assert report.dead_behaviours == ()  # other accounts may own policies


def test_read_only_leaves_every_write_out() -> None:
    target = FakeTarget()

    report = look(target, read_only=True)

    used = {step.operation for role in ROLES for behaviour in role.behaviours for step in behaviour.steps}
    left_out = {operation for (_role, operation), works in works_of(report).items() if works is Works.LEFT_OUT}
    assert left_out == WRITES & used
    assert {request.method for request in target.sent if "/auth/login" not in request.target} == {"GET"}
    assert report.dead_behaviours == ("senior_agent / policy creation",)


def test_read_only_still_reports_what_is_missing() -> None:
    target = FakeTarget()
    target.without = {"tickets.create"}

    report = look(target, read_only=True)

    assert check_of(report, "support_staff", "tickets.create").works is Works.MISSING
    assert check_of(report, "support_staff", "tickets.status").works is Works.LEFT_OUT


@pytest.mark.parametrize("slug", ["super_admin", "support_staff"])
def test_an_account_that_cannot_log_in_is_named_but_not_its_password(slug: str) -> None:
    target = FakeTarget()
    account = Account(ACCOUNTS[slug].phone_number, "wrong-secret", slug)

    with pytest.raises(TargetError) as raised:
        look(target, (ACCOUNTS | {slug: account}).values())

    message = str(raised.value)
    assert raised.value.code is PreflightMessage.CANNOT_LOG_IN
    assert raised.value.fields["account"] == account.phone_number
    assert raised.value.fields["why"] == "HTTP 401: Invalid credentials"
    assert raised.value.fields["fix"] == PreflightMessage.CHECK_ACCOUNTS()
    assert "wrong-secret" not in message
    assert PASSWORD not in message
    assert target.closed


def test_all_accounts_that_cannot_log_in_are_named_at_once() -> None:
    target = FakeTarget()
    wrong = {
        slug: Account(ACCOUNTS[slug].phone_number, "wrong-secret", slug) for slug in ("super_admin", "senior_agent")
    }

    with pytest.raises(TargetError) as raised:
        look(target, (ACCOUNTS | wrong).values())

    assert (raised.value.code, raised.value.fields["accounts"]) == (PreflightMessage.CANNOT_LOG_IN_SEVERAL, 2)
    assert raised.value.fields["each"] == (
        f"{wrong['super_admin'].phone_number} of Super Admin,"
        f" {wrong['senior_agent'].phone_number} of Senior Agent (HTTP 401: Invalid credentials)"
    )
    assert len(str(raised.value).splitlines()) == 2
    # Each role logs in, and nothing else is done once it is known that the run will not be.
    assert len(target.asked_for("login")) == len(ACCOUNTS)
    assert target.asked_for("tickets.create") == []


def test_the_first_account_of_each_role_is_tried() -> None:
    target = FakeTarget()
    second = Account("9000000000", PASSWORD, "policyholder")

    look(target, (*ACCOUNTS.values(), second))

    assert second.phone_number not in {asked.body["phone_number"] for asked in target.asked_for("login")}


def test_roles_without_an_account_are_named() -> None:
    target = FakeTarget()
    accounts = [account for slug, account in ACCOUNTS.items() if slug not in ("policyholder", "support_staff")]

    with pytest.raises(UsageError) as raised:
        look(target, accounts)
    assert raised.value.code is PreflightMessage.NO_ACCOUNT
    assert raised.value.fields["roles"] == ["policyholder", "support_staff"]
    assert target.asked_for("login") == []


def test_behaviours_of_which_nothing_is_left_are_named() -> None:
    target = FakeTarget()
    target.without = {"tickets.list", "tickets.read", "tickets.create", "tickets.status", "policies.premiums"}

    report = look(target)

    assert report.dead_behaviours == ("policyholder / payment access", "support_staff / ticket management")


def test_a_behaviour_whose_ids_come_from_what_is_broken_is_dead() -> None:
    target = FakeTarget()
    target.always("policies.page", answer({"detail": "down"}, 500))

    report = look(target)

    assert works_of(report) == {
        ("junior_agent", "policies.page"): Works.BROKEN,
        ("junior_agent", "policies.read"): Works.NO_DATA,
    }
    assert report.dead_behaviours == ("junior_agent / policy browsing",)


# ── where the deployed API differs ──────────────────────────────────────────────────────────────────


def _mapped(mapping: ApiMapping) -> RunState:
    run = RunState.of(replace(plan_of(), mapping=mapping), (), "preflight")
    run.thorough = True
    return run


def _of(report: PreflightReport, operation: str) -> list[str]:
    return [line for line in differences(report) if f"({operation})" in line]


class WithRoutes:
    """The target in memory without `missing`, and with `more` routes that it lists beside: path → role → status.

    What it is asked beside the contract is in `tried`.
    """

    def __init__(self, missing: set[str], more: Mapping[str, Mapping[str, int]], method: str = "get") -> None:
        self._target = FakeTarget()
        self._target.without = missing
        self.more, self.tried = more, list[tuple[str, str]]()
        listed: dict[str, dict[str, object]] = {path: {method: {}} for path in more}
        for operation in CATALOGUE.values():
            if operation.name not in missing:
                listed.setdefault(operation.template, {})[operation.method.lower()] = {}
        self._target.give("openapi", answer({"paths": listed}))

    def exchange(self, request: Request) -> Answer:
        for path, statuses in self.more.items():
            if re.fullmatch(re.sub(r"\{[^}]*\}", "[^/]+", path), request.target):
                role = headers_of(request)["Authorization"].split(".")[1]
                self.tried.append((role, request.target))
                return answer({}, statuses.get(role, 403))
        return self._target.exchange(request)

    def close(self) -> None:
        self._target.close()


def _look_with(target: WithRoutes) -> PreflightReport:
    run = RunState("basic_1", purpose="preflight", thorough=True)
    return asked(target, run, plan_of())


NOT_LISTED = str(PreflightMessage.NOT_LISTED())


def _not_listed(hint: Message) -> str:
    return str(PreflightMessage.NOT_LISTED_WITH_HINT(hint=hint))


def _answered(*paths: str) -> str:
    return _not_listed(PreflightMessage.CANDIDATE_ANSWERED(paths=", ".join(paths)))


def test_a_missing_route_is_reported_with_those_like_it_that_answered_that_role_best_match_first() -> None:
    more = {
        "/api/v1/agents/all/": {"provider_admin": 200, "regional_manager": 200},
        "/api/v1/agent/": {"provider_admin": 200},
        "/api/v1/agentsx/": {},
        "/api/v1/feature-flags/": {"provider_admin": 200, "regional_manager": 200},
    }
    report = _look_with(WithRoutes({"agents.list"}, more))

    assert [check_of(report, role, "agents.list").message for role in ("provider_admin", "regional_manager")] == [
        _answered("/api/v1/agent/", "/api/v1/agents/all/"),
        _answered("/api/v1/agents/all/"),
    ]
    assert check_of(report, "provider_admin", "agents.list").works is Works.MISSING


def test_a_route_with_an_id_is_tried_with_one_and_reported_with_the_name_of_the_contract() -> None:
    more = {"/api/v1/agent/{id}": {"provider_admin": 200}}
    target = WithRoutes({"agents.read"}, more)
    report = _look_with(target)

    assert check_of(report, "provider_admin", "agents.read").message == _answered("/api/v1/agent/{agent_id}")
    assert target.tried[0][1].startswith("/api/v1/agent/agent-")


def test_a_route_that_nobody_may_read_is_no_hint() -> None:
    report = _look_with(WithRoutes({"agents.list"}, {"/api/v1/agent/": {}}))

    assert check_of(report, "provider_admin", "agents.list").message == NOT_LISTED


def test_a_write_is_never_tried() -> None:
    target = WithRoutes({"leads.create"}, {"/api/v1/lead/": {"senior_agent": 200}}, "post")
    report = _look_with(target)

    not_tried = PreflightMessage.CANDIDATE_WRITES(path="/api/v1/lead/")
    assert check_of(report, "senior_agent", "leads.create").message == _not_listed(not_tried)
    assert target.tried == []


def test_every_missing_field_is_named_though_the_operation_is_broken() -> None:
    target = FakeTarget()
    policy = next(iter(target.policies.values()))
    target.always("policies.page", answer([{"policy_id": policy["policy_id"], "status": "active"}]))

    check = check_of(look(target), "junior_agent", "policies.page")

    assert (check.works, check.message) == (Works.BROKEN, "field missing in a row: policy_number")
    assert "field premium_amount is missing" in check.differs
    assert "field payment_status is missing" in check.differs
    assert len(check.differs) == 12


def test_another_type_is_reported_and_the_operation_works() -> None:
    target = FakeTarget()
    numbers = {"premium_amount": "1200.00", "sum_assured": 5}
    policy = next(iter(target.policies.values()))
    target.always(
        "policies.by_policyholder",
        lambda asked: answer([policy | numbers | {"policyholder_id": asked.query["policyholder_id"]}]),
    )

    check = check_of(look(target), "support_staff", "policies.by_policyholder")

    assert (check.works, check.message) == (Works.YES, "")
    assert check.differs == ("field premium_amount is a text, the contract says a number",)


def test_another_role_is_reported_and_the_run_goes_on() -> None:
    target = FakeTarget()
    target.users[ACCOUNTS["junior_agent"].phone_number]["role"] = "trainee"

    report = look(target)

    differs = PreflightMessage.ROLE_DIFFERS(role="trainee", expected="'junior_agent'")
    assert check_of(report, "junior_agent", "login").differs[-1:] == (differs,)
    assert check_of(report, "junior_agent", "login").works is Works.YES
    assert report.left_out("junior_agent") == frozenset()


def test_both_names_of_the_contract_are_good() -> None:
    target = FakeTarget()
    target.users[ACCOUNTS["provider_admin"].phone_number]["role"] = "insurance_provider_admin"

    assert not any("role is" in reported for reported in check_of(look(target), "provider_admin", "login").differs)


def test_a_mapped_role_is_expected_under_its_name_there() -> None:
    target = FakeTarget()
    mapped = ApiMapping(roles={"junior_agent": "trainee", "senior_agent": "agent"})
    target.users[ACCOUNTS["junior_agent"].phone_number]["role"] = "trainee"

    report = look(target, run=_mapped(mapped))

    assert not any("role is" in reported for reported in check_of(report, "junior_agent", "login").differs)
    differs = PreflightMessage.ROLE_DIFFERS(role="senior_agent", expected="'agent'")
    assert differs in check_of(report, "senior_agent", "login").differs


class Elsewhere:
    """The target in memory, with its leads under another path."""

    def __init__(self, target: FakeTarget) -> None:
        self._target = target
        self.sent: list[str] = []

    def exchange(self, request: Request) -> Answer:
        self.sent.append(request.target)
        return self._target.exchange(
            Request(
                request.method, request.target.replace("/crm/leads", "/api/v1/leads"), request.headers, request.body
            )
        )

    def close(self) -> None:
        self._target.close()


def test_what_is_mapped_is_asked_for_and_reported_where_it_is() -> None:
    target = FakeTarget()
    listed = {
        operation.template.replace("/api/v1/leads", "/crm/leads"): {"get": {}, "post": {}, "put": {}, "delete": {}}
        for operation in CATALOGUE.values()
    }
    target.give("openapi", answer({"paths": listed}))
    elsewhere = Elsewhere(target)
    run = _mapped(ApiMapping({"/api/v1/leads/*": "/crm/leads/*"}))

    report = asked(elsewhere, run, plan_of())

    assert works_of(report) == {}
    assert check_of(report, "senior_agent", "leads.create").path == "/crm/leads/"
    assert {path.split("?")[0] for path in elsewhere.sent if "leads" in path} == {"/crm/leads/"}


# ── a limit of the target ───────────────────────────────────────────────────────────────────────────

LIMITED = answer({"detail": "Rate limit exceeded"}, 429, retry_after="60")


def test_a_limit_that_waiting_does_not_help_is_reported_as_such() -> None:
    target = FakeTarget()
    target.always("users.me", LIMITED)

    report = look(target)

    assert check_of(report, "policyholder", "users.me").message == "HTTP 429, Retry-After 60"
    assert broken_table(report).splitlines()[-1] == f"  ({PreflightMessage.RAISE_LIMIT()})"


def test_a_limit_on_logins_is_not_taken_for_a_wrong_account() -> None:
    target = FakeTarget()
    target.always("login", LIMITED)

    with pytest.raises(TargetError) as raised:
        look(target)

    assert raised.value.code is PreflightMessage.CANNOT_LOG_IN
    assert (raised.value.fields["role"], raised.value.fields["why"]) == ("Senior Agent", "HTTP 429, Retry-After 60")
    assert raised.value.fields["fix"] == PreflightMessage.RAISE_LIMIT()


# ── what is only asked for ids ──────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("without", "fails", "left_out"),
    [
        pytest.param({"preferences.read"}, False, True, id="not listed"),
        pytest.param(set(), True, True, id="listed or not, it fails"),
        pytest.param(set(), False, False, id="offered"),
    ],
)
def test_a_look_up_that_does_not_work_is_not_made_by_the_load(without: set[str], fails: bool, left_out: bool) -> None:
    target = FakeTarget()
    target.without = without
    if fails:
        target.always("preferences.read", answer({"detail": "Not Found"}, 404))

    report = look(target)

    assert report.look_ups_left_out == (("policyholder / preferences.read",) if left_out else ())
    assert ("preferences.read" in report.left_out("policyholder")) is left_out
    assert works_of(report) == {}
    assert check_of(report, "policyholder", "users.preferences").works is Works.YES


@pytest.mark.parametrize(
    "failed",
    [
        pytest.param(answer({"detail": "down"}, 503), id="an error of the server"),
        pytest.param(lost(FailureKind.TIMEOUT, "no answer in time"), id="no answer"),
    ],
)
def test_a_look_up_that_fails_once_is_made_again_before_a_theme_is_changed_without_it(
    failed: Answer, tmp_path: Path
) -> None:
    target, book = FakeTarget(), Journal(tmp_path / "journal.jsonl")
    target.themes["user-policyholder"] = "solarized"
    target.give("preferences.read", failed)

    report = look(target, run=RunState("basic_1", journal=book, thorough=True))
    book.close()

    assert (report.look_ups_left_out, works_of(report)) == ((), {})
    changes = [entry for entry in journal.read(tmp_path) if "theme" in entry.thing]
    assert [(entry.what, entry.before) for entry in changes] == [("preference", "solarized")]
    assert len(target.asked_for("users.preferences")) == 1


def test_where_a_look_up_fails_each_time_the_theme_is_changed_without_it_as_in_the_load(tmp_path: Path) -> None:
    target, book = FakeTarget(), Journal(tmp_path / "journal.jsonl")
    target.always("preferences.read", answer({"detail": "down"}, 503))

    report = look(target, run=RunState("basic_1", journal=book, thorough=True))
    book.close()

    assert report.look_ups_left_out == ("policyholder / preferences.read",)
    assert check_of(report, "policyholder", "users.preferences").works is Works.YES
    assert [entry.what for entry in journal.read(tmp_path) if "theme" in entry.thing] == ["not restorable"]


def failing(target: FakeTarget, role: str, times: int) -> Callable[[Asked], Answer]:
    """Policies as the contract says; the first times that this role asks, an error of the server."""
    left = [times]

    def policies(asked: Asked) -> Answer:
        if asked.user["role"] == role and left[0]:
            left[0] -= 1
            return answer({"detail": "down"}, 503)
        return target.policies_for(asked)

    return policies


def test_a_look_up_that_worked_for_the_next_step_is_not_left_out() -> None:
    target = FakeTarget()
    target.tickets.clear()  # then two steps of the role need a policy
    target.handle("policies.list", failing(target, "support_staff", times=1))

    report = look(target)

    assert report.look_ups_left_out == ()
    assert check_of(report, "support_staff", "tickets.create").works is Works.YES


def test_a_look_up_that_fails_for_one_role_is_made_by_the_others() -> None:
    target = FakeTarget()
    target.handle("policies.list", failing(target, "support_staff", times=2))

    report = look(target)

    assert report.look_ups_left_out == ("support_staff / policies.list",)
    left_out = {role.slug: report.left_out(role.slug) for role in ROLES if report.left_out(role.slug)}
    assert left_out == {"support_staff": {"policies.list"}}
    assert check_of(report, "policyholder", "policies.list").works is Works.YES
