"""Which checks a run allows, and why it does not allow the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.correctness.catalogue import all_checks, check_of
from perfsuite.correctness.check import Check, CheckActor, CheckContext, Held, Send, Steps, ask
from perfsuite.correctness.possible import (
    BROKEN,
    LEFT_OUT,
    NO_ACCOUNT,
    NO_ROLE,
    NO_SPARE_ACCOUNT,
    NOT_ASKED_FOR,
    NOT_OFFERED,
    ONE_ACCOUNT,
    READ_ONLY,
    READ_ONLY_STAGES,
    Possible,
    possible_in,
)
from perfsuite.model import ApiMapping, OperationCheck, Plan, PreflightReport, Scenario, Works
from perfsuite.model.correctness import Invariant
from perfsuite.model.stages import Stage
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import ALL_ROLES

ACCOUNTS = {"policyholder": 2, "senior_agent": 1, "super_admin": 0}
HOLDER, SECOND = CheckActor("policyholder"), CheckActor("policyholder", 1)


def check(*actors: CheckActor, operation: str = "users.me", uses: tuple[str, ...] = (), writes: bool = False) -> Check:
    def steps(_context: CheckContext) -> Steps:
        yield from ask(Send(actors[0], operation))
        return Held()

    return Check(Invariant.ISOLATION, "a rule", operation, actors, 1, steps, writes, uses=uses)


def why_not(
    each: Check,
    *,
    scenario: Mapping[str, Any] | None = None,
    works: Mapping[tuple[str, str], Works] | None = None,
    missing: frozenset[str] = frozenset(),
    read_only: bool = False,
) -> str:
    made = Scenario("basic", 1, 1, 5, **(scenario or {}))
    plan = Plan("basic_1", made, "http://localhost", {}, (), (), 1, "2026-03-01T09:30:00Z", read_only=read_only)
    checks = tuple(OperationCheck(role, name, "GET", "/", found) for (role, name), found in (works or {}).items())
    report = PreflightReport("http://localhost", "", "", tuple(CATALOGUE.keys() - missing), checks)
    return possible_in(plan, report, ACCOUNTS).why_not(each)


ALLOWED = {"users.list": ("super_admin", "regional_manager"), "policies.read": ()}
OFF = {"pages hold each row once": ("policies.list",), "own rows only": ("*",)}
MAPPING = ApiMapping(allowed=ALLOWED, off=OFF, file="target.toml")


@pytest.mark.parametrize(
    ("rule", "operation", "role", "off"),
    [
        ("pages hold each row once", "policies.list", "senior_agent", True),
        ("pages hold each row once", "leads.list", "senior_agent", False),
        ("own rows only", "policies.read", "policyholder", True),
        ("refused to other roles", "users.list", "regional_manager", True),
        ("refused to other roles", "users.list", "policyholder", False),
        ("refused to other roles", "users.list", "support_staff", False),
        ("refused to other roles", "users.me", "support_staff", False),
        ("no error of the server", "users.list", "support_staff", True),
        ("no error of the server", "users.list", "super_admin", False),
        ("refused as before the load", "users.list", "policyholder", False),
        ("refused without a token", "users.list", "support_staff", False),
        ("what was asked for", "policies.read", "policyholder", True),
    ],
)
def test_what_the_mapping_switches_off(rule: str, operation: str, role: str, *, off: bool) -> None:
    one = replace(check(CheckActor(role), operation=operation), rule=rule)
    possible = Possible({role: 1}, mapping=MAPPING)
    assert possible.why_not(one) == ("switched off in target.toml" if off else "")


def test_roles_that_the_mapping_refuses_are_checked_though_they_fail_without_load() -> None:
    contract, mapped = list(all_checks()), list(all_checks(ALLOWED))
    more = [one for one in mapped if one.key not in {each.key for each in contract}]
    assert {(one.rule, one.operation, *one.roles[:1]) for one in more} == {
        ("refused to other roles", "users.list", "support_staff"),
        *(("refused to other roles", "policies.read", role) for role in ALL_ROLES),
    }
    assert all(check_of(one.key) is not None for one in mapped)
    possible = Possible(dict.fromkeys(ALL_ROLES, 2), broken={("support_staff", "users.list")}, mapping=MAPPING)
    (users,) = [one for one in more if one.operation == "users.list"]
    assert possible.why_not(users) == ""


def test_what_everything_is_there_for_can_be_made() -> None:
    assert why_not(check(HOLDER, SECOND, uses=("policies.list",), writes=True)) == ""


@pytest.mark.parametrize(
    ("each", "why"),
    [
        pytest.param(check(CheckActor("support_staff")), NO_ROLE, id="a role without users"),
        pytest.param(check(CheckActor("super_admin")), NO_ACCOUNT, id="no account"),
        pytest.param(check(HOLDER, CheckActor("senior_agent", 1)), ONE_ACCOUNT, id="a second account"),
    ],
)
def test_accounts_that_are_missing(each: Check, why: str) -> None:
    assert why_not(each) == why


@pytest.mark.parametrize(
    ("users", "accounts", "why"),
    [
        pytest.param(7, 10, "", id="the third from the end is free"),
        pytest.param(8, 10, NO_SPARE_ACCOUNT, id="the load uses it"),
        pytest.param(0, 5, "", id="after the first two, which checks use"),
        pytest.param(0, 4, NO_SPARE_ACCOUNT, id="checks use it"),
        pytest.param(0, 2, ONE_ACCOUNT, id="too few accounts"),
    ],
)
def test_an_account_that_nobody_else_uses(users: int, accounts: int, why: str) -> None:
    each = replace(check(CheckActor("policyholder", -3)), spare=True)
    assert Possible({"policyholder": accounts}, users={"policyholder": users}).why_not(each) == why


@pytest.mark.parametrize(("may", "why"), [(True, ""), (False, NOT_ASKED_FOR)])
def test_an_account_is_deactivated_only_where_the_plan_allows_it(may: bool, why: str) -> None:
    made = Scenario("basic", 1, 1, 5)
    plan = Plan("basic_1", made, "http://localhost", {}, (), (), 1, "2026-03-01T09:30:00Z", may_deactivate=may)
    report = PreflightReport("http://localhost", "", "", tuple(CATALOGUE), ())
    each = replace(check(CheckActor("policyholder", -3)), spare=True)
    assert possible_in(plan, report, {"policyholder": 5}).why_not(each) == why


@pytest.mark.parametrize("operation", ["users.me", "policies.list"])
def test_an_operation_that_the_target_does_not_offer(operation: str) -> None:
    each = check(HOLDER, operation="users.me", uses=("policies.list",))

    assert why_not(each, missing=frozenset({operation})) == NOT_OFFERED


def test_an_operation_that_fails_without_load_for_one_of_the_roles() -> None:
    broken = {("senior_agent", "users.me"): Works.BROKEN}

    assert why_not(check(HOLDER, CheckActor("senior_agent")), works=broken) == BROKEN
    assert why_not(check(HOLDER), works=broken) == ""


def test_an_operation_that_the_scenario_leaves_out() -> None:
    assert why_not(check(HOLDER), scenario={"exclude": ("users.me",)}) == LEFT_OUT
    assert why_not(check(HOLDER), scenario={"operations": ("policies.list",)}) == LEFT_OUT
    assert why_not(check(HOLDER, operation="login"), scenario={"operations": ("policies.list",)}) == ""


def test_a_creation_whose_rows_could_not_be_removed_is_made_by_nobody() -> None:
    left_out = {("senior_agent", "leads.create"): Works.LEFT_OUT}

    assert why_not(check(HOLDER, operation="leads.create", writes=True), works=left_out) == LEFT_OUT


def test_a_read_only_run_has_the_checks_that_read() -> None:
    reads, writes = check(HOLDER), check(HOLDER, writes=True)

    assert why_not(reads, read_only=True) == ""
    assert why_not(writes, read_only=True) == READ_ONLY


def test_of_stages_one_that_writes_is_enough() -> None:
    writes, stage = check(HOLDER, writes=True), Stage("one", 5, 1, None)
    reading = replace(stage, read_only=True)

    assert why_not(writes, scenario={"stages": (reading, stage)}) == ""
    assert why_not(writes, scenario={"stages": (reading, reading)}) == READ_ONLY_STAGES
