"""Creations whose rows could not be removed are not made by the load, nor is what works on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.messages import Message
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.model import PreflightReport, Works
from perfsuite.model.role import Behaviour, Role, Step
from perfsuite.preflight.left_out import creations_left_out, depending_on, undeletable_creations, without_creations
from perfsuite.preflight.probe import probe_target
from perfsuite.preflight.run import differences, not_offered
from perfsuite.roles import ROLES
from perfsuite.target.run_state import RunState
from tests.preflight.test_run import asked, check_of, look, plan_of, works_of
from tests.target.fake_target import FakeTarget

FORBIDDEN = {"lead": "HTTP 403: Not allowed"}


def left_out(report: PreflightReport) -> dict[tuple[str, str], str]:
    return {(check.role, check.operation): check.message for check in report.checks if check.works is Works.LEFT_OUT}


def stays(why: str) -> Message:
    return PreflightMessage.CREATION_LEFT_OUT(why=why)


def test_a_creation_whose_row_stayed_is_left_out_with_one_line() -> None:
    report = without_creations(look(FakeTarget()), FORBIDDEN, ROLES)

    assert left_out(report) == {("senior_agent", "leads.create"): stays("HTTP 403: Not allowed")}
    assert report.left_out("senior_agent") == {"leads.create"}
    assert report.dead_behaviours == ()
    assert creations_left_out(report) == (
        PreflightMessage.LEFT_OUT(operation="leads.create", why=stays("HTTP 403: Not allowed")),
    )


def test_what_works_on_such_rows_goes_with_it_and_nothing_else() -> None:
    report = without_creations(look(FakeTarget()), {"policy": "HTTP 405", "ticket": "no answer"}, ROLES)

    on_policies = PreflightMessage.ROWS_LEFT_OUT(operation="policies.create")
    assert left_out(report) == {
        ("senior_agent", "policies.create"): stays("HTTP 405"),
        ("senior_agent", "policies.read"): on_policies,
        ("regional_manager", "policies.approve"): on_policies,
        ("support_staff", "tickets.create"): stays("no answer"),
        ("support_staff", "tickets.status"): PreflightMessage.ROWS_LEFT_OUT(operation="tickets.create"),
    }
    assert check_of(report, "junior_agent", "policies.read").works is Works.YES
    assert report.dead_behaviours == ("senior_agent / policy creation",)
    assert [line.split()[0] for line in creations_left_out(report)] == ["policies.create", "tickets.create"]


def test_nothing_stays_nothing_is_left_out() -> None:
    report = look(FakeTarget())

    assert without_creations(report, {}, ROLES) == report
    assert creations_left_out(report) == ()


@pytest.mark.parametrize(
    ("thing", "creation"), [("lead", "leads.create"), ("policy", "policies.create"), ("ticket", "tickets.create")]
)
def test_where_no_route_deletes_a_row_not_even_preflight_makes_one(thing: str, creation: str) -> None:
    target = FakeTarget()
    target.without = {creation.replace("create", "delete")}

    report = look(target)

    assert target.asked_for(creation) == []
    (line,) = creations_left_out(report)
    assert (line.code, line.fields["operation"]) == (PreflightMessage.LEFT_OUT, creation)
    assert "DELETE /" in line.fields["why"]
    assert {operation for _role, operation in left_out(report)} >= {creation}
    run = RunState("basic_1", purpose="fingerprint")
    called = not_offered(plan_of(), ROLES, probe_target(plan_of().host, target, run), run)
    assert any(creation in operations for operations in called.values())


def test_with_undeletable_creations_they_are_made_all_the_same() -> None:
    target = FakeTarget()
    target.without = {"leads.delete"}

    report = look(target, accept_leftovers=True)

    assert len(target.asked_for("leads.create")) == 1
    assert works_of(report) == {}
    assert undeletable_creations(FORBIDDEN) == (
        PreflightMessage.ROWS_REMAIN(operation="leads.create", why="HTTP 403: Not allowed"),
    )


def test_what_is_not_offered_or_broken_keeps_that_reason() -> None:
    target = FakeTarget()
    target.without = {"tickets.create", "tickets.delete"}
    target.forbidden = {("senior_agent", "leads.create")}

    report = without_creations(look(target), FORBIDDEN | {"ticket": "HTTP 404"}, ROLES)

    assert check_of(report, "support_staff", "tickets.create").works is Works.MISSING
    assert check_of(report, "senior_agent", "leads.create").works is Works.BROKEN


def test_an_operation_that_is_also_used_on_other_rows_stays() -> None:
    def any_row(_session: Any) -> None:
        return None

    steps = (
        Step("policies.create", any_row),
        Step("policies.read", any_row, of_run=True),
        Step("policies.read", any_row),
    )
    role = Role("seller", "Seller", (), 1, 1, 1, (Behaviour("selling", 1, steps),))

    assert depending_on(role, {"policy": "HTTP 403"}) == {"policies.create": "policy"}


def _excluding(*names: str, **more: Any) -> PreflightReport:
    target = FakeTarget()
    scenario = replace(plan_of().scenario, exclude=names)
    run = RunState("basic_1", purpose="preflight", thorough=True)
    report = asked(target, run, replace(plan_of(**more), scenario=scenario))
    assert not {each.operation for each in target.asked} & set(names)
    return report


@pytest.mark.parametrize("more", [{}, {"read_only": True}, {"accept_leftovers": True}], ids=str)
def test_what_the_scenario_excludes_is_left_out_with_what_works_on_its_rows(more: dict[str, bool]) -> None:
    report = _excluding("policies.create", "users.me", **more)

    found, rows = left_out(report), PreflightMessage.ROWS_LEFT_OUT(operation="policies.create")
    assert {place: found[place] for place in found if found[place]} == {
        ("senior_agent", "policies.create"): PreflightMessage.EXCLUDED(),
        ("senior_agent", "policies.read"): rows,
        ("regional_manager", "policies.approve"): rows,
        ("junior_agent", "users.me"): PreflightMessage.EXCLUDED(),
        ("policyholder", "users.me"): PreflightMessage.EXCLUDED(),
    }
    assert "senior_agent / policy creation" in report.dead_behaviours
    assert creations_left_out(report) == ()


def test_an_excluded_operation_that_the_target_lacks_is_excluded() -> None:
    target = FakeTarget()
    target.without = {"leads.list"}
    scenario = replace(plan_of().scenario, exclude=("leads.list",))
    report = asked(target, RunState("basic_1", thorough=True), replace(plan_of(), scenario=scenario))
    assert check_of(report, "senior_agent", "leads.list").works is Works.LEFT_OUT
    assert check_of(report, "senior_agent", "leads.list").message == PreflightMessage.EXCLUDED()
    assert not [line for line in differences(report) if "leads.list" in line]
