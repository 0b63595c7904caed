"""Every operation once per role, before any load."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import Any

import pytest

from perfsuite.api import journal
from perfsuite.api.catalogue import CATALOGUE
from perfsuite.api.journal import Journal
from perfsuite.api.run import Run
from perfsuite.errors import TargetError, UsageError
from perfsuite.model import Account, OperationCheck, Plan, PreflightReport, Scenario, Works
from perfsuite.preflight import Teller, preflight
from perfsuite.preflight.run import broken_table
from perfsuite.roles import ROLES
from tests.api.fake_target import ACCOUNTS, PASSWORD, FakeTarget, answer

WRITES = {name for name, operation in CATALOGUE.items() if operation.writes}


def _plan(**more: Any) -> Plan:
    scenario = Scenario("basic", 10, 2, 60)
    users = {role.slug: 1 for role in ROLES}
    return Plan("basic_1", scenario, "http://localhost:8015", users, (), (), 1, "2026-03-01T09:30:00Z", **more)


def _look(
    target: FakeTarget, accounts: Collection[Account] = tuple(ACCOUNTS.values()), run: Run | None = None, **more: Any
) -> PreflightReport:
    run = run or Run("basic_1", purpose="preflight", thorough=True)
    return preflight(_plan(**more), ROLES, accounts, run, lambda: target, Teller([].append))


def _check(report: PreflightReport, role: str, operation: str) -> OperationCheck:
    (check,) = [check for check in report.checks if (check.role, check.operation) == (role, operation)]
    return check


def _works(report: PreflightReport) -> dict[tuple[str, str], Works]:
    return {(check.role, check.operation): check.works for check in report.checks if check.works is not Works.YES}


def test_all_works_on_a_target_that_offers_everything() -> None:
    target = FakeTarget()

    report = _look(target)

    assert _works(report) == {}
    assert (report.service, report.version, report.dead_behaviours) == ("agent-mitra-backend", "2.0", ())
    operations = {step.operation for role in ROLES for behaviour in role.behaviours for step in behaviour.steps}
    assert set(report.offered) == operations | {"login"}
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


def test_a_check_tells_method_path_status_and_time() -> None:
    check = _check(_look(FakeTarget()), "regional_manager", "policies.by_status")

    assert (check.method, check.path, check.status, check.elapsed_ms) == ("GET", "/api/v1/policies/", 200, 1.5)


def test_who_makes_rows_comes_before_who_approves_them() -> None:
    target = FakeTarget()
    _look(target)

    made = target.asked_for("policies.create")[0]
    (approved,) = target.asked_for("policies.approve")
    row = next(row for row in target.policies.values() if row["policy_number"] == made.body["policy_number"])
    assert approved.ids == {"policy_id": row["policy_id"]}


def test_what_it_makes_is_journaled(tmp_path: Path) -> None:
    book = Journal(tmp_path / "journal-preflight.jsonl")
    _look(FakeTarget(), run=Run("basic_1", journal=book, thorough=True))

    assert sorted(entry.thing for entry in journal.read(tmp_path) if entry.what == "created") == [
        "lead",
        "policy",
        "ticket",
    ]


def test_what_the_target_does_not_list_is_missing_and_never_asked_for() -> None:
    target = FakeTarget()
    target.without = {"agents.list"}

    report = _look(target)

    assert _works(report) == {
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

    report = _look(target)

    assert _works(report) == {("provider_admin", "analytics.reports"): Works.BROKEN}
    check = _check(report, "provider_admin", "analytics.reports")
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
    target.give("policies.page", answer([]), answer({"detail": "offset"}, 500))

    report = _look(target)

    assert _works(report) == {("junior_agent", "policies.page"): Works.BROKEN}


def test_without_data_an_operation_is_neither_broken_nor_left_out() -> None:
    target = FakeTarget()
    target.policies = {
        name: policy for name, policy in target.policies.items() if policy["policyholder_id"] != "holder-1"
    }

    report = _look(target)

    assert _works(report) == {
        ("policyholder", "policies.read"): Works.NO_DATA,
        ("policyholder", "policies.coverage"): Works.NO_DATA,
        ("policyholder", "policies.premiums"): Works.NO_DATA,
    }
    assert _check(report, "policyholder", "policies.read").status is None
    assert report.left_out("policyholder") == frozenset()
    assert report.dead_behaviours == ()  # other accounts may own policies


def test_read_only_leaves_every_write_out() -> None:
    target = FakeTarget()

    report = _look(target, read_only=True)

    used = {step.operation for role in ROLES for behaviour in role.behaviours for step in behaviour.steps}
    left_out = {operation for (_role, operation), works in _works(report).items() if works is Works.LEFT_OUT}
    assert left_out == WRITES & used
    assert {request.method for request in target.sent if "/auth/login" not in request.target} == {"GET"}
    assert report.dead_behaviours == ("senior_agent / policy creation",)


def test_read_only_still_tells_what_is_missing() -> None:
    target = FakeTarget()
    target.without = {"tickets.create"}

    report = _look(target, read_only=True)

    assert _check(report, "support_staff", "tickets.create").works is Works.MISSING
    assert _check(report, "support_staff", "tickets.status").works is Works.LEFT_OUT


@pytest.mark.parametrize("slug", ["super_admin", "support_staff"])
def test_an_account_that_cannot_log_in_is_named_but_not_its_password(slug: str) -> None:
    target = FakeTarget()
    account = Account(ACCOUNTS[slug].phone_number, "wrong-secret", slug)

    with pytest.raises(TargetError) as raised:
        _look(target, (ACCOUNTS | {slug: account}).values())

    message = str(raised.value)
    assert f"the account {account.phone_number} cannot log in (HTTP 401: Invalid credentials)" in message
    assert "--credentials" in message
    assert "wrong-secret" not in message
    assert PASSWORD not in message
    assert target.closed


def test_the_first_account_of_each_role_is_tried() -> None:
    target = FakeTarget()
    second = Account("9000000000", PASSWORD, "policyholder")

    _look(target, (*ACCOUNTS.values(), second))

    assert second.phone_number not in {asked.body["phone_number"] for asked in target.asked_for("login")}


def test_roles_without_an_account_are_named() -> None:
    target = FakeTarget()
    accounts = [account for slug, account in ACCOUNTS.items() if slug not in ("policyholder", "support_staff")]

    with pytest.raises(UsageError, match="no account for policyholder, support_staff"):
        _look(target, accounts)
    assert target.asked_for("login") == []


def test_behaviours_of_which_nothing_is_left_are_named() -> None:
    target = FakeTarget()
    target.without = {"tickets.list", "tickets.read", "tickets.create", "tickets.status", "policies.premiums"}

    report = _look(target)

    assert report.dead_behaviours == ("policyholder / payment access", "support_staff / ticket management")


def test_a_behaviour_whose_ids_come_from_what_is_broken_is_dead() -> None:
    target = FakeTarget()
    target.always("policies.page", answer({"detail": "down"}, 500))

    report = _look(target)

    assert _works(report) == {
        ("junior_agent", "policies.page"): Works.BROKEN,
        ("junior_agent", "policies.read"): Works.NO_DATA,
    }
    assert report.dead_behaviours == ("junior_agent / policy browsing",)
