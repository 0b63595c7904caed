"""Kept answers: what is kept without its user or role is found, and figures that may be equal are no violation."""

from __future__ import annotations

from contextlib import closing
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.correctness import caches
from perfsuite.correctness.check import NO_ANSWER, WITHOUT_LOAD, Check, Held, NotChecked, Outcome, Reply, Send, Violated
from perfsuite.correctness.drive import Carrier, carry_out
from perfsuite.target.contract_rules import REGIONAL
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder, SameAnswer, Scripted
from tests.correctness.conftest import Serve
from tests.correctness.real_target import client_of, not_checked, outcomes_of, violated

CHECKS = tuple(caches.checks())


def of(operation: str, rule: str = caches.OWN_FIGURES, role: str = "") -> Check:
    return next(
        check for check in CHECKS if (check.operation, check.rule) == (operation, rule) and role in ("", check.roles[0])
    )


def test_a_healthy_backend_holds(api: Api) -> None:
    outcomes = outcomes_of(api, CHECKS)
    assert set(outcomes.values()) == {Held()}


@pytest.mark.parametrize(
    "routes", [("agents.performance", "dashboard.senior_agent", "dashboard.provider"), ("dashboard.analytics",)]
)
def test_answers_kept_without_their_user(serve: Serve, routes: tuple[str, ...]) -> None:
    outcomes = outcomes_of(serve(*(f"cache_without_user@{route}" for route in routes)), CHECKS)
    own = [check for check in CHECKS if check.rule == caches.OWN_FIGURES]
    assert {check.operation for check in own if isinstance(outcomes[check], Violated)} == set(routes)
    assert {operation for operation, _role in violated(outcomes)} == set(routes)


@pytest.mark.parametrize("routes", [("policies.list", "leads.list", "dashboard.provider"), ("dashboard.analytics",)])
def test_answers_kept_without_the_role(serve: Serve, routes: tuple[str, ...]) -> None:
    outcomes = outcomes_of(serve(*(f"cache_without_role@{route}" for route in routes)), CHECKS)
    others = [check for check in CHECKS if check.rule == caches.OTHER_ROLES and check.operation in routes]
    assert all(isinstance(outcomes[check], Violated) for check in others)
    assert {operation for operation, _role in violated(outcomes)} == set(routes)


def test_lists_without_a_check_of_the_owner_are_not_the_fault_of_a_cache(serve: Serve) -> None:
    outcomes = outcomes_of(serve("no_owner_check@policies.list", "no_owner_check@leads.list"), CHECKS)
    assert not violated(outcomes)
    assert not_checked(outcomes) == {caches.NOT_THE_CACHE: {"policies.list", "leads.list"}}


def performance(
    mine: Any, theirs: Any, *, premiums: tuple[float, float] = (900.0, 800.0), policies: tuple[int, int] = (4, 4)
) -> Outcome:
    """How the check of an agent's figures ends. `premiums`, `policies`: what the profiles of the two say."""
    check = of("agents.performance", role="junior_agent")
    bodies = {}
    for actor, figures, premium, sold in zip(check.actors, (mine, theirs), premiums, policies, strict=True):
        profile = {"user_id": f"id of {actor}", "agent_id": actor, "total_premium_collected": premium}
        profile |= {"total_policies_sold": sold}
        bodies |= {(str(actor), "agents.profile"): [profile], (str(actor), check.operation): [figures]}
    return carry_out(check, BareContext(), Scripted(bodies))


FIGURES = {"total_policies": 4, "total_premium": 900.0, "active_customers": 3, "monthly_growth": 0.0}


def test_figures_that_may_be_equal_prove_nothing() -> None:
    assert performance(FIGURES, FIGURES, premiums=(900.0, 900.0)) == NotChecked(caches.SAME_FIGURES)


@pytest.mark.parametrize(
    ("premiums", "policies"),
    [
        pytest.param((300.0, 400.0), (9, 5), id="those of all agents"),
        pytest.param((900.0, 0.0), (4, 0), id="those of a team, of which one has sold all"),
        pytest.param((900.0, 899.0), (4, 4), id="those of one of the two, and maybe of the other"),
    ],
)
def test_figures_that_are_the_same_for_all_agents_prove_nothing(
    premiums: tuple[float, float], policies: tuple[int, int]
) -> None:
    found = performance(FIGURES, FIGURES, premiums=premiums, policies=policies)
    assert found == NotChecked(caches.SAME_FIGURES)


def test_the_figures_of_one_agent_are_known_by_the_number_of_policies_too() -> None:
    assert isinstance(performance(FIGURES, FIGURES, premiums=(1.0, 1.0), policies=(4, 9)), Violated)
    assert isinstance(performance(FIGURES, FIGURES, premiums=(1.0, 1.0), policies=(9, 4)), Violated)


def test_answers_without_figures_prove_nothing() -> None:
    nothing = dict.fromkeys(FIGURES, 0)
    assert performance(nothing, nothing) == NotChecked(caches.NO_FIGURES)


def test_what_else_is_in_an_answer_proves_nothing() -> None:
    same = dict.fromkeys(FIGURES, 0) | {"year": 2026, "month": 11, "target": 250}
    assert performance(same, same) == NotChecked(caches.NO_FIGURES)


def test_figures_that_differ_hold() -> None:
    assert performance(FIGURES, {**FIGURES, "total_premium": 800.0}) == Held()


def test_the_same_figures_for_two_accounts_are_a_violation_with_both_answers() -> None:
    outcome = performance(FIGURES, FIGURES)
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == (
        "figures of one's own",
        "the same answer as junior_agent#-2, whose figures differ",
    )
    assert [str(reply.send.actor) for reply in outcome.replies] == ["junior_agent#-2", "junior_agent#-1"]


def scopes(mine: int, theirs: int, after: int, shown: int, rule: str = caches.OWN_FIGURES) -> Outcome:
    """How the check of an overview ends that shows both so many policies, with these numbers on the dashboard."""
    check = of("dashboard.provider", rule)
    asker, other = map(str, check.actors)
    dashboards = {(asker, "dashboard.analytics"): [mine, after], (other, "dashboard.analytics"): [theirs]}
    bodies: dict[tuple[str, str], list[Any]] = {
        key: [{"policiesCount": count, "totalPremium": count * 10.0} for count in counts]
        for key, counts in dashboards.items()
    }
    overview = {"totalAgents": 3, "totalPolicies": shown, "monthlyRevenue": 70.5}
    bodies |= {(actor, "dashboard.provider"): [overview] for actor in (asker, other)}
    return carry_out(check, BareContext(), Scripted(bodies))


@pytest.mark.parametrize(
    "seen",
    [
        pytest.param((20, 20, 20, 20), id="two administrators of one provider"),
        pytest.param((20, 21, 21, 20), id="a policy came in between the two"),
        pytest.param((20, 21, 20, 20), id="and one of them has an older answer"),
        pytest.param((20, 30, 20, 50), id="the overview is the same for all"),
        pytest.param((0, 30, 0, 30), id="and one provider has all policies"),
    ],
)
def test_overviews_that_may_be_the_same_for_two_administrators(seen: tuple[int, int, int, int]) -> None:
    assert scopes(*seen) == NotChecked(caches.SAME_FIGURES)


def test_two_scopes_with_one_overview_are_a_violation() -> None:
    assert isinstance(scopes(20, 30, 20, shown=20), Violated)
    assert isinstance(scopes(20, 30, 20, shown=30), Violated)


def test_what_a_super_admin_sees_may_be_what_everybody_sees() -> None:
    assert scopes(20, 60, 20, 60, caches.OTHER_ROLES) == NotChecked(caches.SAME_FIGURES)
    assert isinstance(scopes(20, 60, 20, 20, caches.OTHER_ROLES), Violated)


def test_without_load_an_answer_is_asked_for_again_when_no_cache_has_what_others_asked_before() -> None:
    check, context = of("dashboard.provider", caches.OTHER_ROLES), BareContext()
    context.known[WITHOUT_LOAD] = ["super_admin"]
    everything, own = ({"totalAgents": 3, "totalPolicies": count, "monthlyRevenue": 70.5} for count in (60, 20))
    bodies: dict[tuple[str, str], list[Any]] = {}
    for actor, count in zip(map(str, check.actors), (20, 60), strict=True):
        bodies[actor, "dashboard.analytics"] = [{"policiesCount": count}]
        bodies[actor, "dashboard.provider"] = [everything, own]
    assert isinstance(carry_out(check, context, Scripted(bodies)), Violated)


@pytest.mark.parametrize("status", [0, 403, 429, 500, 503])
def test_a_target_that_does_not_answer_gives_no_result(status: int) -> None:
    outcomes = [carry_out(check, BareContext(), SameAnswer(status)) for check in CHECKS]
    assert all(isinstance(outcome, NotChecked) for outcome in outcomes)


PROFILE = {"user_id": "id of junior_agent#1", "agent_id": "a"}
OWN, FOREIGN, NOBODYS = ({"lead_id": "1", "agent_id": agent} for agent in ("a", "b", None))


@pytest.mark.parametrize(
    ("of_administrator", "own", "outcome"),
    [
        pytest.param([OWN, FOREIGN], [OWN], Held(), id="one's own alone"),
        pytest.param([OWN, FOREIGN], [NOBODYS, OWN], Held(), id="and a row of nobody"),
        pytest.param([OWN, FOREIGN], [], NotChecked(NO_ANSWER), id="no rows"),
        pytest.param([{"lead_id": "2"}], [{"lead_id": "2"}], NotChecked(NO_ANSWER), id="rows that name nobody"),
        pytest.param([OWN], [OWN], NotChecked(NO_ANSWER), id="the administrator sees nothing else"),
    ],
)
def test_a_list_that_could_not_have_shown_the_rows_of_others_is_not_checked(
    of_administrator: list[dict[str, Any]], own: list[dict[str, Any]], outcome: Outcome
) -> None:
    check = next(one for one in CHECKS if one.key[1:] == (caches.OTHER_ROLES, "leads.list", ("junior_agent", REGIONAL)))
    answers = [(200, PROFILE), *((200, {"leads": rows}) for rows in (of_administrator, own))]
    assert carry_out(check, BareContext(), InOrder(*answers)) == outcome


class KeptAndStamped:
    """A target that keeps the figures of an operation for everybody, and says in each answer when it was given."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._kept: dict[str, Reply] = {}
        self._answers = 0

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        (send,) = sends
        if send.operation not in STAMPED:
            return self._carrier.exchange(sends)
        if send.operation not in self._kept:
            (self._kept[send.operation],) = self._carrier.exchange(sends)
        self._answers += 1
        body = {**self._kept[send.operation].body, "generated_at": f"2026-03-01T10:00:{self._answers:02d}Z"}
        return (replace(self._kept[send.operation], send=send, body=body),)

    def wait(self, seconds: float) -> None:
        self._carrier.wait(seconds)


STAMPED = ("agents.performance", "dashboard.senior_agent", "dashboard.provider")


def test_figures_of_somebody_else_are_known_in_spite_of_a_new_time(serve: Serve) -> None:
    # Without caches: a figure that was kept from before another test's policies would be that of nobody.
    api = serve("no_cache")
    checked = [check for check in CHECKS if check.operation in STAMPED and check.rule == caches.OWN_FIGURES]
    with closing(client_of(api)) as client:
        carrier = KeptAndStamped(client)
        outcomes = {check: carry_out(check, client, carrier) for check in checked}
    assert {check.operation for check, outcome in outcomes.items() if isinstance(outcome, Violated)} == {*STAMPED}
