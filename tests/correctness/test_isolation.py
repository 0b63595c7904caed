"""Own rows only: what a healthy backend refuses, one without the check of the owner grants."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest
from mitra_backend.defects import DEFECT_ROUTES

from perfsuite.correctness import isolation
from perfsuite.correctness.check import (
    WITHOUT_LOAD,
    Check,
    CheckActor,
    Held,
    NotChecked,
    Outcome,
    Reply,
    Send,
    Violated,
)
from perfsuite.correctness.drive import Carrier, carry_out
from perfsuite.messages.checks import WhyNot
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import OWN_ROWS_ONLY
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder, SameAnswer
from tests.correctness.conftest import Serve
from tests.correctness.real_target import client_of, not_checked, outcomes_of, violated

CHECKS = tuple(isolation.checks())

NOT_OFFERED = {"preferences.read"}
"""The reference backend has no page of preferences."""


def of(*operations: str) -> list[Check]:
    return [check for check in CHECKS if check.operation in operations]


def pairs_of(route: str) -> set[tuple[str, str]]:
    """(operation, role) that a route without the check of the owner grants to somebody."""
    name = {"policies.list": "policies.by_policyholder", "leads.list": "leads.search"}.get(route, route)
    return {(check.operation, check.roles[0]) for check in of(name)}


def test_every_role_is_checked_with_every_route_of_rows_with_an_owner() -> None:
    routes = {(CATALOGUE[name].method, CATALOGUE[name].template): name for name in reversed(OWN_ROWS_ONLY)}
    expected = {(name, role) for name in routes.values() for role in OWN_ROWS_ONLY[name]}
    found = [(check.operation, check.roles[0]) for check in CHECKS if check.rule == isolation.OWN_ROWS]
    assert sorted(found) == sorted(expected)
    assert len({check.key for check in CHECKS}) == len(CHECKS)


def test_a_healthy_backend_refuses_all(api: Api) -> None:
    outcomes = outcomes_of(api, CHECKS)
    assert not violated(outcomes)
    assert not_checked(outcomes) == {"answered with HTTP 405": NOT_OFFERED}


class KeptById:
    """A target that keeps rows by their id, whoever asked for them, in front of the check of their owner."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._kept: dict[tuple[str, str], Reply] = {}

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        (send,) = sends
        key = (CATALOGUE[send.operation].template, str(send.path))
        if not send.path or CATALOGUE[send.operation].method != "GET":
            return self._carrier.exchange(sends)
        if key not in self._kept:
            (reply,) = self._carrier.exchange(sends)
            if not reply.ok:
                return (reply,)
            self._kept[key] = reply
        return (replace(self._kept[key], send=send),)

    def wait(self, seconds: float) -> None:
        self._carrier.wait(seconds)


def test_rows_that_a_cache_keeps_by_their_id_for_everybody(api: Api) -> None:
    alone = [check for check in of(*OWN_ROWS_ONLY) if CATALOGUE[check.operation].method == "GET"]
    client = client_of(api)
    try:
        carrier = KeptById(client)
        first, second = ({check: carry_out(check, client, carrier) for check in alone} for _round in range(2))
    finally:
        client.close()
    wrong = {check: outcome for check, outcome in second.items() if isinstance(outcome, Violated)}
    assert {check.operation for check in wrong} == {check.operation for check in alone} - NOT_OFFERED
    assert not violated(first), "nobody has asked for most rows yet"
    assert all([reply.send.actor for reply in one.replies] == [*reversed(check.actors)] for check, one in wrong.items())


def test_a_replay_asks_as_the_owner_from_the_first_time_on(api: Api) -> None:
    check = next(check for check in of("users.read") if check.rule == isolation.OWN_ROWS)
    with closing(client_of(api)) as client:
        client.known[WITHOUT_LOAD] = [*check.roles]
        assert isinstance(carry_out(check, client, KeptById(client)), Violated)


def _accounts(api: Api) -> Any:
    return [{**row, "updated_at": "", "last_login_at": ""} for row in api.get("super_admin", "/users/?limit=100")]


def test_a_backend_without_any_check_of_owners_grants_all_and_nobody_is_changed(serve: Serve) -> None:
    faulty = serve("no_owner_check@*")
    before = _accounts(faulty)
    outcomes = outcomes_of(faulty, CHECKS)
    assert violated(outcomes) == set().union(*map(pairs_of, DEFECT_ROUTES["no_owner_check"]))
    assert not_checked(outcomes) == {"answered with HTTP 405": NOT_OFFERED}
    assert _accounts(faulty) == before


@pytest.mark.parametrize("route", ["policies.list", "leads.list", "policies.create", "leads.delete"])
def test_no_check_of_owners_on_one_route_shows_there_alone(serve: Serve, route: str) -> None:
    kin = {"policies.by_policyholder", "leads.search", "policies.create", "leads.delete", "policies.read"}
    outcomes = outcomes_of(serve(f"no_owner_check@{route}"), of(*kin))
    assert violated(outcomes) == pairs_of(route)


def test_owners_looked_at_in_lists_alone(serve: Serve) -> None:
    outcomes = outcomes_of(serve("owner_in_list_only@*"), CHECKS)
    assert violated(outcomes) == set().union(*map(pairs_of, DEFECT_ROUTES["owner_in_list_only"]))


def test_what_a_cache_mixes_up_is_no_missing_check_of_owners(serve: Serve) -> None:
    faulty = serve("cache_without_user@policies.list", "cache_without_user@leads.list")
    assert not violated(outcomes_of(faulty, CHECKS))


def test_the_evidence_is_the_answer_to_the_owner_and_the_one_to_somebody_else(serve: Serve) -> None:
    (check,) = [each for each in of("policies.coverage") if each.key[1:] == KEY]
    (outcome,) = outcomes_of(serve("no_owner_check@policies.coverage"), [check]).values()
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("HTTP 403 or HTTP 404", "HTTP 200")
    assert [(str(reply.send.actor), reply.send.operation) for reply in outcome.replies] == [
        ("policyholder#2", "policies.list"),
        ("policyholder#1", "policies.coverage"),
    ]


KEY = (isolation.OWN_ROWS, "policies.coverage", ("policyholder",))


@pytest.mark.parametrize("status", [0, 429, 500, 503])
def test_a_target_that_is_too_busy_gives_no_result(status: int) -> None:
    outcomes = [carry_out(check, BareContext(), SameAnswer(status)) for check in CHECKS]
    assert all(isinstance(outcome, NotChecked) for outcome in outcomes)


@pytest.mark.parametrize("status", [403, 404])
def test_the_page_of_a_gateway_that_refuses_is_no_result(status: int) -> None:
    page = SameAnswer(status, None, b"<html>denied")
    outcomes = [carry_out(check, BareContext(), page) for check in CHECKS]
    assert not [outcome for outcome in outcomes if not isinstance(outcome, NotChecked)]
    (check,) = [each for each in of("policies.read") if each.rule == isolation.OWN_ROWS and each.roles == KEY[2]]
    answers = InOrder((200, [POLICY]), (status, None, "", 0.0, b"<html>denied"), (200, [POLICY]))
    assert carry_out(check, BareContext(), answers) == NotChecked(f"answered with HTTP {status}, not JSON")


@pytest.mark.parametrize("status", [403, 404])
def test_both_refusals_of_the_contract_hold(status: int) -> None:
    carrier = SameAnswer(status)
    (check,) = [
        each for each in of("users.read") if each.actors == (CheckActor("policyholder"), CheckActor("policyholder", 1))
    ]
    assert carry_out(check, BareContext(), carrier) == Held()
    assert [dict(send.path) for send in carrier.sent] == [{"user_id": "id of policyholder#2"}]


@pytest.mark.parametrize("operation", ["users.update", "users.preferences"])
def test_a_change_of_somebody_else_s_account_has_no_field_to_write(operation: str) -> None:
    for check in of(operation):
        carrier = SameAnswer(403)
        assert carry_out(check, BareContext(), carrier) == Held()
        assert [send.body for send in carrier.sent] == [{}]


POLICY, OTHER = ({"policy_id": each, "policyholder_info": {"user_id": "id of policyholder#2"}} for each in "12")


@pytest.mark.parametrize(
    ("now", "outcome"),
    [
        pytest.param([OTHER, POLICY], Held(), id="there"),
        pytest.param([OTHER], NotChecked(WhyNot.NO_DATA()), id="deleted since"),
        pytest.param([], NotChecked(WhyNot.NO_DATA()), id="none is left"),
    ],
)
def test_a_policy_that_is_not_found_was_refused_only_where_it_is_there(
    now: list[dict[str, Any]], outcome: Outcome
) -> None:
    (check,) = [each for each in of("policies.read") if each.rule == isolation.OWN_ROWS and each.roles == KEY[2]]
    carrier = InOrder((200, [POLICY]), (404, None), (200, now))
    assert carry_out(check, BareContext(), carrier) == outcome
    assert [send.operation for send in carrier.sent] == ["policies.list", "policies.read", "policies.list"]


def searched_leads(*agents: Any) -> Outcome:
    """Of a search in which every agent finds all leads: one that names this agent, for each of these."""
    (check,) = [each for each in of("leads.search") if each.roles == ("junior_agent",)]
    leads = [{"lead_id": str(number), "agent_id": agent, "customer_name": "A"} for number, agent in enumerate(agents)]
    profile = {"user_id": "id of junior_agent#1", "agent_id": "a1"}
    carrier = InOrder((200, {"data": {"leads": leads}}), (200, profile), (200, {"data": {"leads": leads}}))
    return carry_out(check, BareContext(), carrier)


def test_a_lead_that_no_agent_has_yet_is_nobody_s() -> None:
    assert isinstance(searched_leads(None, "a2"), Violated)
    assert searched_leads(None, None) == NotChecked(WhyNot.NO_AGENT_NAMED())
    assert searched_leads("a1", None) == NotChecked(WhyNot.OTHERS_ANSWER())
