"""Errors under load: a refusal stays the one of before, and what is right gets no error of the server."""

from __future__ import annotations

import pytest

from perfsuite.correctness import errors
from perfsuite.correctness.check import Check, Held, NotChecked, Outcome, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.errors import BEFORE, NO_SERVER_ERROR, REFUSALS, SAME_REFUSAL
from perfsuite.correctness.permissions import routes
from perfsuite.target.catalogue import CATALOGUE
from tests.backend.support import Api
from tests.correctness.carriers import BareGround, SameAnswer
from tests.correctness.real_target import client_of

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
        before = errors.statuses(client)
        client.known[BEFORE] = before
        outcomes = {check: carry_out(check, client, client) for check in CHECKS}
    finally:
        client.close()
    assert before.keys() == {refusal.name for refusal in REFUSALS}
    assert set(before.values()) == {403, 404, 422}
    assert {outcomes[check] for check in of(SAME_REFUSAL)} == {Held()}
    others = {check.operation: outcome for check, outcome in outcomes.items() if outcome != Held()}
    assert others == {"preferences.read": NotChecked("answered with HTTP 405")}


def test_only_what_was_refused_is_kept() -> None:
    assert errors.statuses(SameAnswer(200, {})) == errors.statuses(SameAnswer(503)) == {}
    kept = errors.statuses(SameAnswer(404), lambda check: check.operation == "users.list")
    assert kept == {"users.list as support_staff": 404, "users.list as policyholder": 404}


def outcome_of(status: int, before: int | None) -> Outcome:
    """How the check of a request ends that got one status before the load and gets another under it."""
    check, ground = of(SAME_REFUSAL)[0], BareGround()
    ground.known[BEFORE] = {} if before is None else {REFUSALS[0].name: before}
    return carry_out(check, ground, SameAnswer(status))


@pytest.mark.parametrize("status", [200, 400, 403, 422, 500])
def test_another_status_than_before_is_a_violation(status: int) -> None:
    outcome = outcome_of(status, before=404)
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("HTTP 404, as before the load", f"HTTP {status}")


def test_a_request_that_was_not_refused_before_is_not_checked() -> None:
    assert outcome_of(404, before=None) == NotChecked(errors.NOT_REFUSED_BEFORE)


@pytest.mark.parametrize("status", [0, 429, 502, 503, 504])
def test_a_target_that_is_too_busy_gives_no_result(status: int) -> None:
    ground = BareGround()
    ground.known[BEFORE] = {refusal.name: 404 for refusal in REFUSALS}
    assert all(isinstance(carry_out(check, ground, SameAnswer(status)), NotChecked) for check in CHECKS)


def test_an_error_of_the_server_to_a_request_that_is_right_is_a_violation() -> None:
    check = next(check for check in of(NO_SERVER_ERROR) if check.operation == "users.me")
    outcome = carry_out(check, BareGround(), SameAnswer(500))
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("no error of the server", "HTTP 500")
    assert carry_out(check, BareGround(), SameAnswer(403)) == NotChecked("answered with HTTP 403")
