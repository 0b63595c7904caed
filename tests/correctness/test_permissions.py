"""Who may do what: every route refuses every role and token that it has to, and what it grants shows."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from mitra_backend.permissions import ROLES_BY_PERMISSION

from perfsuite.cleanup import CleanupInput, clean_up
from perfsuite.correctness import permissions
from perfsuite.correctness.check import (
    Check,
    CheckActor,
    Held,
    NotChecked,
    Outcome,
    Reply,
    Send,
    TokenKind,
    Unanswered,
    Violated,
)
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.permissions import DEACTIVATED, REFUSED_ROLE, REFUSED_TOKENS
from perfsuite.correctness.refusal import refusal
from perfsuite.correctness.tokens import NONE_EXPIRED
from perfsuite.messages.checks import WhyNot
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import ConnectionSettings
from perfsuite.target.contract_rules import refused_roles
from perfsuite.target.http_client import HttpClient
from perfsuite.target.run_state import RunState
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder, SameAnswer
from tests.correctness.conftest import Serve
from tests.correctness.real_target import accounts_of, client_of, not_checked, outcomes_of, violated

CHECKS = tuple(permissions.checks())
ROUTES = permissions.routes()


def of(rule: str, operation: str = "") -> list[Check]:
    return [check for check in CHECKS if check.rule == rule and operation in ("", check.operation)]


def test_every_route_is_checked_with_every_role_and_token() -> None:
    assert set(ROUTES) == set(ROLES_BY_PERMISSION) - {"auth.logout"} | {"preferences.read"}
    found = {(check.operation, check.roles[0]) for check in of(REFUSED_ROLE)}
    assert found == {(name, role) for name in ROUTES for role in refused_roles(name)}
    assert {check.operation for check in of(REFUSED_TOKENS[TokenKind.NONE])} == set(ROUTES)
    reading = {name for name in ROUTES if not CATALOGUE[name].writes}
    for kind in (TokenKind.FORGED, TokenKind.UNSIGNED, TokenKind.EXPIRED):
        assert {check.operation for check in of(REFUSED_TOKENS[kind])} == reading
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_what_a_role_may_not_do_at_this_target_alone_must_be_refused() -> None:
    (check,) = permissions.refused_too({"dashboard.regional": ("super_admin",)})
    assert check.key == ("permissions", REFUSED_ROLE, "dashboard.regional", ("regional_manager",))
    assert carry_out(check, BareContext(), SameAnswer(403)) == Held()
    assert isinstance(carry_out(check, BareContext(), SameAnswer(200)), Violated)


def test_what_writes_or_makes_a_row_to_work_on_is_marked() -> None:
    assert not [check for check in CHECKS if CATALOGUE[check.operation].writes and not check.writes]
    assert all(check.writes for check in of(REFUSED_ROLE, "tickets.status"))
    assert not any(check.writes for check in of(REFUSED_ROLE, "tickets.read"))


def test_a_healthy_backend_refuses_all(api: Api) -> None:
    outcomes = outcomes_of(api, CHECKS)
    assert not violated(outcomes)
    reading = {name for name in ROUTES if not CATALOGUE[name].writes}
    assert not_checked(outcomes) == {NONE_EXPIRED: reading, "answered with HTTP 405": {"preferences.read"}}


# ── what slips through ──────────────────────────────────────────────────────────────────────────────


class Granting:
    """A carrier of the healthy backend, except that one operation is granted to everybody."""

    def __init__(self, client: Any, operation: str) -> None:
        self._client, self._operation = client, operation

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        return tuple(
            Reply(send, 200, {}) if send.operation == self._operation else self._client.exchange((send,))[0]
            for send in sends
        )

    def wait(self, seconds: float) -> None:
        self._client.wait(seconds)


@pytest.mark.parametrize(
    "name", ["users.list", "agents.customers", "tickets.delete", "policies.approve", "flags.update"]
)
def test_a_request_that_is_granted_to_a_role_that_may_not_make_it_is_a_violation(api: Api, name: str) -> None:
    client = client_of(api)
    try:
        outcomes = [carry_out(check, client, Granting(client, name)) for check in of(REFUSED_ROLE, name)]
    finally:
        client.close()
    assert len(outcomes) == len(refused_roles(name))
    assert {(one.expected, one.seen) for one in outcomes if isinstance(one, Violated)} == {
        ("HTTP 403 or HTTP 404" if "{" in CATALOGUE[name].template else "HTTP 403", "HTTP 200")
    }


@pytest.mark.parametrize("kind", REFUSED_TOKENS)
def test_a_token_that_is_not_valid_and_is_accepted_is_a_violation(kind: TokenKind) -> None:
    (check,) = of(REFUSED_TOKENS[kind], "users.me")
    carrier = SameAnswer(200, {})
    assert isinstance(carry_out(check, BareContext(), carrier), Violated)
    assert [send.token for send in carrier.sent] == [kind]


def test_another_refusal_than_that_of_the_contract_is_no_violation() -> None:
    (check,) = of(REFUSED_TOKENS[TokenKind.FORGED], "users.me")
    assert carry_out(check, BareContext(), SameAnswer(403)) == NotChecked("answered with HTTP 403")
    assert carry_out(check, BareContext(), SameAnswer(401)) == Held()


def test_a_ticket_that_is_not_found_was_refused_only_where_it_is_there() -> None:
    check, context = of(REFUSED_ROLE, "tickets.read")[0], BareContext()
    gone, there = ({"data": {"tickets": [{"ticket_id": each}]}} for each in ("gone", "there"))
    carrier = InOrder((200, gone), (404, {}), (404, {}), (200, there), (404, {}), (200, {}))

    assert carry_out(check, context, carrier) == NotChecked(WhyNot.NO_DATA())
    assert carry_out(check, context, carrier) == Held()
    asker, helper = check.actors
    once = [(helper, "tickets.list"), (asker, "tickets.read"), (helper, "tickets.read")]
    assert [(send.actor, send.operation) for send in carrier.sent] == once * 2
    assert [send.path["ticket_id"] for send in carrier.sent if send.path] == ["gone"] * 2 + ["there"] * 2


def test_an_empty_list_in_place_of_a_refusal_is_no_result() -> None:
    empty = SameAnswer(200, {"success": True, "data": {"tickets": [], "total": 0}})
    for check in (*of(REFUSED_ROLE, "tickets.list"), *of(REFUSED_TOKENS[TokenKind.NONE], "tickets.list")):
        assert carry_out(check, BareContext(), empty) == NotChecked(WhyNot.NO_ROWS())
    rows = SameAnswer(200, {"success": True, "data": {"tickets": [{"ticket_id": "1"}], "total": 1}})
    assert all(
        isinstance(carry_out(check, BareContext(), rows), Violated) for check in of(REFUSED_ROLE, "tickets.list")
    )


@pytest.mark.parametrize("body", [None, [], {}])
def test_a_write_that_is_granted_needs_no_rows(body: Any) -> None:
    reply = Reply(Send(CheckActor("policyholder"), "tickets.delete"), 200, body)
    assert isinstance(refusal(reply, (403, 404)), Violated)


@pytest.mark.parametrize("status", [401, 403])
def test_the_page_of_a_gateway_that_refuses_is_no_result(status: int) -> None:
    outcomes = [carry_out(check, BareContext(), SameAnswer(status, None, b"<html>denied")) for check in CHECKS]
    assert not [outcome for outcome in outcomes if not isinstance(outcome, NotChecked)]
    (check,) = of(REFUSED_TOKENS[TokenKind.FORGED], "users.me")
    page = SameAnswer(401, None, b"<html>denied")
    assert carry_out(check, BareContext(), page) == NotChecked("answered with HTTP 401, not JSON")


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_target_that_is_too_busy_gives_no_result(status: int) -> None:
    outcomes = [carry_out(check, BareContext(), SameAnswer(status)) for check in CHECKS]
    assert all(isinstance(outcome, NotChecked) for outcome in outcomes)


# ── accounts that are deactivated ───────────────────────────────────────────────────────────────────


def spare(api: Api) -> dict[str, Any]:
    """The account that is deactivated, as it is now."""
    client = client_of(api)
    try:
        user_id = client.user_id(permissions.SPARE)
    finally:
        client.close()
    row: dict[str, Any] = api.get("super_admin", f"/users/{user_id}")
    return row


def journaled(folder: Path) -> list[tuple[str, str, Any]]:
    return [(entry.what, entry.thing, entry.before) for entry in journal.read(folder) if entry.thing == "status"]


NOTED = [("preference", "status", "active"), ("restored", "status", None)]


def test_the_token_of_a_deactivated_account_is_refused_and_the_account_is_active_again(
    api: Api, tmp_path: Path
) -> None:
    outcomes = outcomes_of(api, of(DEACTIVATED), tmp_path)
    assert list(outcomes.values()) == [Held()]
    assert spare(api)["status"] == "active"
    assert journaled(tmp_path) == NOTED


def test_a_token_that_is_accepted_after_its_account_was_deactivated(serve: Serve, tmp_path: Path) -> None:
    faulty = serve("deactivated_token")
    (outcome,) = outcomes_of(faulty, of(DEACTIVATED), tmp_path).values()
    assert isinstance(outcome, Violated)
    assert [(str(reply.send.actor), reply.status) for reply in outcome.replies] == [
        ("super_admin#1", 200),
        ("policyholder#-3", 200),
    ]
    assert spare(faulty)["status"] == "active"
    assert journaled(tmp_path) == NOTED


class Stops:
    """A carrier that is too busy from the n-th request on, for so many of them."""

    def __init__(self, client: Any, first: int, count: int) -> None:
        self._client, self._busy = client, range(first, first + count)
        self._sent = 0

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        self._sent += 1
        if self._sent in self._busy:
            raise Unanswered("HTTP 503")
        replies: tuple[Reply, ...] = self._client.exchange(sends)
        return replies

    def wait(self, seconds: float) -> None:
        pass


@pytest.mark.parametrize(
    ("first", "count", "noted"),
    [
        pytest.param(1, 1, [], id="nobody knows whether it is active"),
        pytest.param(2, 1, NOTED, id="nobody knows whether it is deactivated"),
        pytest.param(3, 2, NOTED, id="restored by another attempt"),
        pytest.param(3, 9, NOTED[:1], id="left to cleanup"),
    ],
)
def test_an_account_is_restored_whatever_happens(
    serve: Serve, tmp_path: Path, first: int, count: int, noted: list[tuple[str, str, Any]]
) -> None:
    api = serve()
    client = client_of(api, tmp_path)
    (check,) = of(DEACTIVATED)
    try:
        outcome = carry_out(check, client, Stops(client, first, count))
    finally:
        client.close()
    assert outcome == NotChecked("HTTP 503")
    assert journaled(tmp_path) == noted
    user_id = client.user_id(permissions.SPARE)
    assert api.get("super_admin", f"/users/{user_id}")["status"] == ("inactive" if noted == NOTED[:1] else "active")
    accounts = tuple(account for of_role in accounts_of(api).values() for account in of_role)
    run = RunState("real_20260301_120000", purpose="cleanup")
    given = CleanupInput(ROLES, accounts, run, HttpClient(ConnectionSettings(api.url)))
    done = clean_up(journal.read(tmp_path), given)
    assert (done.tried, done.cleanup.not_restored) == (int(noted == NOTED[:1]), ())
    assert spare(api)["status"] == "active"


ACTIVE, INACTIVE = (200, {"status": "active"}), (200, {"status": "inactive"})


def deactivated(*answers: tuple[int, Any]) -> tuple[Outcome, BareContext]:
    """After exactly these answers."""
    context, carrier = BareContext(), InOrder(*answers)
    (check,) = of(DEACTIVATED)
    outcome = carry_out(check, context, carrier)
    assert len(carrier.sent) == len(answers)
    return outcome, context


@pytest.mark.parametrize("status", [403, 422])
def test_a_target_that_does_not_deactivate_accounts_is_not_checked(status: int) -> None:
    outcome, context = deactivated(ACTIVE, (status, None))
    assert outcome == NotChecked(permissions.NO_STATUS)
    assert context.changed == {}


def test_an_account_that_somebody_has_deactivated_since_the_login_stays_as_it_is() -> None:
    outcome, context = deactivated(INACTIVE)
    assert outcome == NotChecked(permissions.NOT_ACTIVE)
    assert context.changed == {}


def test_an_account_is_restored_only_where_the_answer_says_so() -> None:
    outcome, context = deactivated(ACTIVE, INACTIVE, (401, None), INACTIVE, (200, {}), ACTIVE)
    assert outcome == Held()
    assert context.changed == {}

    outcome, context = deactivated(ACTIVE, INACTIVE, (401, None), *[(200, {"message": "queued"})] * 3)
    assert outcome == Held()
    assert list(context.changed.values()) == ["active"]
