"""Errors under load: a refusal stays the one of before, and what is right gets no error of the server."""

from __future__ import annotations

import io
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from perfsuite.cli.screen import PlainScreen
from perfsuite.correctness import errors
from perfsuite.correctness.check import WITHOUT_LOAD, Check, Held, NotChecked, Outcome, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.errors import BEFORE, NO_SERVER_ERROR, NOT_EACH_TIME, REFUSALS, SAME_REFUSAL
from perfsuite.correctness.permissions import routes
from perfsuite.correctness.possible import NO_ACCOUNT
from perfsuite.model import PreflightReport
from perfsuite.model.correctness import CheckLevel
from perfsuite.run.before_load import with_state_before
from perfsuite.run.context import CommandContext
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.interrupts import Interrupts
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import ROLES_BY_OPERATION
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder, SameAnswer
from tests.correctness.conftest import Serve
from tests.correctness.real_target import accounts_of, client_of, outcomes_of, violated
from tests.history import folders

CHECKS = tuple(errors.checks())


def of(rule: str) -> list[Check]:
    return [check for check in CHECKS if check.rule == rule]


def test_every_route_that_reads_is_checked() -> None:
    assert {check.operation for check in of(NO_SERVER_ERROR)} == {
        name for name in routes() if not CATALOGUE[name].writes
    }
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_a_healthy_backend_refuses_as_before_and_answers_what_is_right(api: Api) -> None:
    client = client_of(api)
    try:
        before = errors.statuses(client, client)
        client.known[BEFORE] = before
        outcomes = {check: carry_out(check, client, client) for check in CHECKS}
    finally:
        client.close()
    assert before.keys() == {refusal.name for refusal in REFUSALS}
    assert set(before.values()) == {403, 404, 422}
    assert {outcomes[check] for check in of(SAME_REFUSAL)} == {Held()}
    others = {check.operation: outcome for check, outcome in outcomes.items() if outcome != Held()}
    assert others == {"preferences.read": NotChecked("answered with HTTP 405")}


@pytest.mark.parametrize("status", [200, 302, 401, 408, 425, 429, 500, 503, 520])
def test_what_was_granted_or_not_answered_before_the_load_is_not_kept(status: int) -> None:
    assert errors.statuses(BareContext(), SameAnswer(status, {})) == {}


def test_only_what_can_be_checked_is_kept() -> None:
    kept = errors.statuses(BareContext(), SameAnswer(404), lambda check: check.operation == "users.list")
    assert kept == {"users.list as support_staff": 404, "users.list as policyholder": 404}


def outcome_of(status: int, before: int | None, content: bytes = b"", right: int = 200) -> Outcome:
    """How the check of a request ends that got one status before the load and gets another under it.

    `right`: the status that its account gets for a request that is right."""
    check, context = of(SAME_REFUSAL)[0], BareContext()
    context.known[BEFORE] = {} if before is None else {REFUSALS[0].name: before}
    return carry_out(check, context, InOrder((status, None, "", 0.0, content), (right, {})))


@pytest.mark.parametrize("status", [200, 400, 403, 422, 500])
def test_another_status_than_before_is_a_violation(status: int) -> None:
    outcome = outcome_of(status, before=404)
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("HTTP 404, as before the load", f"HTTP {status}")


def test_a_page_of_a_gateway_is_no_other_refusal() -> None:
    page = b"<html>Too many requests from your network</html>"
    assert outcome_of(403, before=404, content=page) == NotChecked("HTTP 403, not JSON")
    assert outcome_of(403, before=403, content=page) == Held()
    assert isinstance(outcome_of(500, before=404, content=b"Internal Server Error"), Violated)


@pytest.mark.parametrize("right", [0, 403, 503])
def test_where_the_account_is_refused_everything_it_is_no_other_refusal(right: int) -> None:
    assert isinstance(outcome_of(403, before=404, right=right), NotChecked)


def test_a_request_that_was_not_refused_before_is_not_checked() -> None:
    assert outcome_of(404, before=None) == NotChecked(errors.NOT_REFUSED_BEFORE)


@pytest.mark.parametrize("status", [0, 302, 401, 408, 429, 501, 502, 503, 504, 507, 520, 530])
def test_a_target_that_is_too_busy_gives_no_result(status: int) -> None:
    context = BareContext()
    context.known[BEFORE] = {refusal.name: 404 for refusal in REFUSALS}
    assert all(isinstance(carry_out(check, context, SameAnswer(status)), NotChecked) for check in CHECKS)


ME = next(check for check in of(NO_SERVER_ERROR) if check.operation == "users.me")


def test_an_operation_that_is_answered_with_an_error_each_time_is_wrong() -> None:
    carrier = InOrder((500, None), (500, None), (500, None))
    outcome = carry_out(ME, BareContext(), carrier)
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen, len(outcome.replies)) == ("no error of the server", "HTTP 500", 2)
    assert carrier.waited == 5.0
    assert carry_out(ME, BareContext(), SameAnswer(403)) == NotChecked("answered with HTTP 403")


@pytest.mark.parametrize("errors", [1, 2])
def test_a_single_error_is_for_the_failure_rate(errors: int) -> None:
    outcome = carry_out(ME, BareContext(), InOrder(*[(500, None)] * errors, (200, {})))
    assert outcome == NotChecked(NOT_EACH_TIME)


def test_without_load_no_error_comes_by_chance() -> None:
    context, carrier = BareContext(), SameAnswer(500)
    context.known[WITHOUT_LOAD] = [ME.roles[0]]
    assert isinstance(carry_out(ME, context, carrier), Violated)
    assert len(carrier.sent) == 1


def test_every_operation_that_the_load_may_send_can_be_replayed(api: Api, tmp_path: Path) -> None:
    replays = tuple(errors.replays())
    client = client_of(api, tmp_path)
    client.known[WITHOUT_LOAD] = list(accounts_of(api))
    try:
        outcomes = {check: carry_out(check, client, client) for check in replays}
    finally:
        client.close()
    every = {(name, role) for name, roles in ROLES_BY_OPERATION.items() for role in roles}
    assert {(check.operation, *check.roles) for check in (*of(NO_SERVER_ERROR), *replays)} == every
    others = {(check.operation, outcome) for check, outcome in outcomes.items() if outcome != Held()}
    assert others == set()


def test_a_write_that_fails_is_replayed(serve: Serve, tmp_path: Path) -> None:
    writes = [check for check in errors.replays() if check.writes]
    api = serve("error=500@policies.approve", "error=500@users.preferences")
    wrong = {"policies.approve", "users.preferences"}
    outcomes = outcomes_of(api, writes, tmp_path)
    assert {operation for operation, _role in violated(outcomes)} == wrong
    assert {role for operation, role in violated(outcomes) if operation == "users.preferences"} == {*accounts_of(api)}


def test_without_an_account_of_whoever_helps_a_write_is_not_replayed() -> None:
    check = next(check for check in errors.replays() if check.operation == "policies.delete")
    context = BareContext()
    context.known[WITHOUT_LOAD] = list(check.roles)
    assert carry_out(check, context, SameAnswer(500)) == NotChecked(NO_ACCOUNT)


# ── before the load ─────────────────────────────────────────────────────────────────────────────────


def seen_before(api: Api, folder: Path, offered: Collection[str] = frozenset(CATALOGUE), **changes: Any) -> set[str]:
    """Requests whose refusal preflight notes for a run with a plan like this."""
    accounts = tuple(account for of_role in accounts_of(api).values() for account in of_role)
    users = {account.role: 1 for account in accounts}
    made = {"users_by_role": users, "check_correctness": CheckLevel.SAMPLE, **changes}
    plan = replace(folders.plan("", host=api.url), **made)
    command = CommandContext(folder, PlainScreen(io.StringIO()), Interrupts(), errors=ErrorCollector(folder))
    report = PreflightReport(api.url, "Agent Mitra", "1", tuple(offered), ())
    return set(with_state_before(report, command.for_run(plan, accounts, folder)).refusals)


def test_before_the_load_it_is_noted_how_the_target_refuses(api: Api, tmp_path: Path) -> None:
    every = {refusal.name for refusal in REFUSALS}
    writing = {refusal.name for refusal in REFUSALS if CATALOGUE[refusal.operation].writes}
    assert seen_before(api, tmp_path) == every
    assert seen_before(api, tmp_path, read_only=True) == every - writing
    assert seen_before(api, tmp_path, CATALOGUE.keys() - {"users.list"}) == every - {
        "users.list as policyholder",
        "users.list as support_staff",
    }
    assert seen_before(api, tmp_path, users_by_role={"policyholder": 3}) == {
        "policies.coverage as policyholder",
        "policies.list as policyholder",
        "users.list as policyholder",
    }


def test_a_run_without_checks_asks_for_no_refusals(api: Api, tmp_path: Path) -> None:
    before = api.app.state.backend.calls.total
    assert seen_before(api, tmp_path, check_correctness=CheckLevel.OFF) == set()
    assert api.app.state.backend.calls.total == before
