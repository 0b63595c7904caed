"""What `replay` sends in place of the load's answers: a healthy backend holds, and defects that answers showed show."""

from __future__ import annotations

from contextlib import closing

import pytest

from perfsuite.correctness.catalogue import all_checks
from perfsuite.correctness.check import (
    NO_DATA,
    WITHOUT_LOAD,
    Check,
    Held,
    NotChecked,
    Reply,
    Send,
    Unanswered,
    Violated,
)
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.watched import ASKED, OWN_ANSWER, checks
from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import OWN_LISTS, OWNER_FIELDS
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, SameAnswer
from tests.correctness.conftest import Serve
from tests.correctness.real_target import accounts_of, client_of, not_checked, outcomes_of, violated

CHECKS = tuple(checks())
CACHED = ["policies.list", "leads.list", "users.me", "agents.profile", "dashboard.senior_agent"]


def of(rule: str, *operations: str) -> list[Check]:
    return [check for check in CHECKS if check.rule == rule and (not operations or check.operation in operations)]


def test_a_healthy_backend_holds(api: Api) -> None:
    outcomes = outcomes_of(api, CHECKS)
    assert not violated(outcomes)
    assert not_checked(outcomes) == {"HTTP 405": {"preferences.read"}}


@pytest.mark.parametrize("route", CACHED)
def test_a_cache_without_user_shows_the_answer_of_another(serve: Serve, route: str) -> None:
    routes = {"policies.list": ("policies.list", "policies.page", "policies.by_status")}.get(route, (route,))
    checked = of(OWN_ANSWER, *routes)
    outcomes = outcomes_of(serve(f"cache_without_user@{route}"), [*checked, *of(OWN_LISTS, *routes)])
    assert violated(outcomes) == {(check.operation, check.roles[0]) for check in checked}
    assert all(isinstance(outcomes[check], Held) for check in of(OWN_LISTS, *routes))


def test_a_list_without_a_check_of_owners_shows_rows_of_several(serve: Serve) -> None:
    checked = of(OWN_LISTS, "policies.list", "leads.list")
    outcomes = outcomes_of(serve("no_owner_check@policies.list", "no_owner_check@leads.list"), checked)
    assert violated(outcomes) == {(check.operation, check.roles[0]) for check in checked}
    assert {outcome.seen for outcome in outcomes.values() if isinstance(outcome, Violated)} == {
        "rows of several accounts"
    }


@pytest.mark.parametrize("route", ["policies.list", "leads.list"])
def test_a_cache_without_role_shows_rows_of_several_after_somebody_who_sees_all_has_asked(
    serve: Serve, route: str
) -> None:
    routes = {"policies.list": ("policies.list", "policies.page", "policies.by_status")}.get(route, (route,))
    api, checked = (
        serve(f"cache_without_role@{route}"),
        [check for check in of(OWN_LISTS, *routes) if check.roles != ("policyholder",)],
    )
    with closing(client_of(api)) as client:
        client.known[WITHOUT_LOAD] = list(accounts_of(api))
        outcomes = [carry_out(check, client, client) for check in checked]
    assert checked
    assert {outcome.seen for outcome in outcomes if isinstance(outcome, Violated)} == {"rows of several accounts"}
    assert all(isinstance(outcome, Violated) for outcome in outcomes)


class NobodyElse(SameAnswer):
    """Of those who see everybody's rows, none can log in."""

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        if any((send.operation, send.actor.role) not in OWNER_FIELDS for send in sends):
            raise Unanswered("its login was refused")
        return super().exchange(sends)


def test_whoever_cannot_log_in_does_not_keep_the_asker_from_showing_it() -> None:
    for check in of(OWN_LISTS):
        field = OWNER_FIELDS[check.operation, check.roles[0]]
        context = BareContext()
        context.known[WITHOUT_LOAD] = [role.slug for role in ROLES]
        one, two = ([{field: str(owner)} for owner in range(owners)] for owners in (1, 2))
        place = CATALOGUE[check.operation].lists
        several, own = (NobodyElse(200, {place: rows} if place else rows) for rows in (two, one))
        assert isinstance(carry_out(check, context, several), Violated)
        assert carry_out(check, context, own) == Held()


def test_rows_that_nobody_asked_for(serve: Serve) -> None:
    routes = ("policies.read", "policies.premiums", "users.read", "tickets.read")
    # Payments of somebody else show only where they come for two policies.
    checked = [
        check for check in of(ASKED, *routes) if "premiums" not in check.operation or "support" in check.roles[0]
    ]
    outcomes = outcomes_of(serve(*(f"wrong_rows@{route}" for route in routes)), checked)
    missed = [check.key for check, outcome in outcomes.items() if not isinstance(outcome, Violated)]
    assert missed == []


@pytest.mark.parametrize("status", [0, 429, 503])
def test_a_target_that_is_too_busy_gives_no_result(status: int) -> None:
    outcomes = [carry_out(check, BareContext(), SameAnswer(status)) for check in CHECKS]
    assert all(isinstance(outcome, NotChecked) for outcome in outcomes)


def test_a_target_without_rows_gives_no_result() -> None:
    outcomes = [
        carry_out(check, BareContext(), SameAnswer(200, [])) for check in of(OWN_LISTS) + of(ASKED, "tickets.read")
    ]
    assert {str(outcome) for outcome in outcomes} == {str(NotChecked(NO_DATA))}


def test_no_rule_of_answers_is_called_as_one_whose_checks_send_requests() -> None:
    """Where one of them held, the other one could not be seen to be unchecked."""
    assert {check.rule for check in checks()}.isdisjoint(check.rule for check in all_checks())
