"""Rows as they were sent, and settings that two change at the same instant."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from perfsuite.correctness import settings, writes
from perfsuite.correctness.check import Check, Held, NotChecked, Outcome, Reply, Send, Unanswered, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.messages.checks import WhyNot
from perfsuite.target import journal
from tests.backend.conftest import Serve
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder
from tests.correctness.real_target import accounts_of, outcomes_of, violated

CHECKS = {(check.rule, check.operation): check for check in writes.checks()}
CREATIONS = {operation: check for (rule, operation), check in CHECKS.items() if rule == writes.CREATED}
UPDATES = {operation: check for (rule, operation), check in CHECKS.items() if rule == writes.BOTH_COUNT}
BUSY, SILENT = (503, None), (0, None)


def ended(check: Check, *answers: tuple[Any, ...], context: BareContext | None = None) -> Outcome:
    """How the check ends after exactly these answers."""
    carrier = InOrder(*answers)
    outcome = carry_out(check, context or BareContext(), carrier)
    assert len(carrier.sent) == len(answers)
    return outcome


def said(outcome: Outcome) -> tuple[str, str]:
    """Expected and seen, of a violation."""
    assert isinstance(outcome, Violated)
    assert len(outcome.replies) == 2
    return outcome.expected, outcome.seen


# ── creations ───────────────────────────────────────────────────────────────────────────────────────


def test_a_healthy_backend_keeps_what_was_sent(api: Api) -> None:
    assert set(outcomes_of(api, CREATIONS.values()).values()) == {Held()}


def test_creations_that_leave_caches_as_they_are(serve: Serve) -> None:
    outcomes = outcomes_of(serve("stale_read@*"), CREATIONS.values())
    assert [said(outcome) for outcome in outcomes.values()] == [("one row", "no row")] * 3


@pytest.mark.parametrize(("route", "role"), [("leads.create", "senior_agent"), ("tickets.create", "support_staff")])
def test_one_creation_that_makes_two_rows(serve: Serve, route: str, role: str) -> None:
    outcomes = outcomes_of(serve(f"double_submit@{route}"), CREATIONS.values())
    assert violated(outcomes) == {(route, role)}
    assert said(outcomes[CREATIONS[route]]) == ("one row", "2 rows")


LEAD = {"lead_id": "1", "customer_name": "PERF-1", "priority": "low", "contact_number": "9000000000"}
TICKET = {"ticket_id": "1", "subject": "PERF-1", "customer_id": "h", "priority": "low"}
URGENT = {**TICKET, "priority": "high"}
LEAD_MADE, TICKET_MADE = (201, LEAD), (201, TICKET)
TICKETS = (200, {"data": {"tickets": [{"customer_id": "h"}]}})


def leads(*rows: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": {"leads": list(rows)}}


def tickets(*rows: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": {"tickets": list(rows)}}


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param((BUSY,), NotChecked("HTTP 503"), id="not searched"),
        pytest.param((leads(), BUSY), NotChecked("HTTP 503"), id="not created"),
        pytest.param((leads(), (422, None)), NotChecked("HTTP 422"), id="refused"),
        pytest.param((leads(), LEAD_MADE, SILENT), NotChecked("no answer"), id="not listed"),
        pytest.param(
            (leads(), LEAD_MADE, leads(), leads()),
            NotChecked(WhyNot.NOT_LISTED()),
            id="a search that never found anything",
        ),
        pytest.param(
            (leads({"lead_id": "7", "customer_name": "Asha"}),),
            NotChecked(WhyNot.SEARCH_IGNORED()),
            id="a search that is ignored",
        ),
        pytest.param((leads(), LEAD_MADE, leads(LEAD)), Held(), id="as it was sent"),
        pytest.param((leads(), LEAD_MADE, (200, "?")), NotChecked(WhyNot.OTHER_ANSWER()), id="something else"),
    ],
)
def test_a_lead_without_a_violation(answers: tuple[tuple[int, Any], ...], outcome: Outcome) -> None:
    assert ended(CREATIONS["leads.create"], *answers) == outcome


def test_a_field_that_a_creation_leaves_out_may_have_another_form_until_it_was_shown_as_sent() -> None:
    context, check = BareContext(), CREATIONS["leads.create"]

    def shown(number: int, insurance: str) -> Outcome:
        made = {"lead_id": str(number)}
        lead = {**LEAD, **made, "customer_name": f"PERF-{number}", "insurance_type": insurance}
        return ended(check, leads(), (201, made), leads(lead), context=context)

    assert shown(1, "Life Insurance") == Held()
    assert shown(2, "life") == Held()
    assert said(shown(3, "Life Insurance")) == ("insurance_type: life", "insurance_type: Life Insurance")


def test_a_list_without_the_new_row_counts_where_it_has_shown_others() -> None:
    context, check = BareContext(), CREATIONS["leads.create"]
    second = {**LEAD, "lead_id": "2", "customer_name": "PERF-2"}
    assert ended(check, leads(), LEAD_MADE, leads(LEAD), context=context) == Held()
    assert said(ended(check, leads(), (201, second), leads(), context=context)) == ("one row", "no row")


def test_a_list_without_the_new_row_counts_where_another_page_of_it_has_the_row() -> None:
    answers = (leads(), LEAD_MADE, leads(), leads(LEAD))
    assert said(ended(CREATIONS["leads.create"], *answers)) == ("one row", "no row")


@pytest.mark.parametrize(
    ("listed", "single", "expected"),
    [
        pytest.param(
            tickets({**TICKET, "priority": "high"}), (200, TICKET), ("priority: low", "priority: high"), id="list"
        ),
        pytest.param(
            tickets(TICKET), (200, {**TICKET, "customer_id": "x"}), ("customer_id: h", "customer_id: x"), id="row"
        ),
        pytest.param(tickets(TICKET), (404, None), ("HTTP 200", "HTTP 404"), id="not there"),
    ],
)
def test_a_ticket_that_is_not_as_it_was_sent(listed: Any, single: Any, expected: tuple[str, str]) -> None:
    assert said(ended(CREATIONS["tickets.create"], TICKETS, tickets(), TICKET_MADE, listed, single)) == expected


def test_a_page_of_a_gateway_says_nothing_about_a_row() -> None:
    page = (404, None, "", 0.0, b"404 page not found")
    outcome = ended(CREATIONS["tickets.create"], TICKETS, tickets(), TICKET_MADE, tickets(TICKET), page)
    assert outcome == NotChecked("HTTP 404, not JSON")


def test_a_list_may_leave_out_what_the_row_alone_shows() -> None:
    check, less = CREATIONS["tickets.create"], tickets({**TICKET, "priority": None})
    assert ended(check, TICKETS, tickets(), TICKET_MADE, less, (200, TICKET)) == Held()
    lost = (200, {**TICKET, "priority": None})
    assert said(ended(check, TICKETS, tickets(), TICKET_MADE, less, lost)) == ("priority: low", "priority: None")


def test_a_row_of_somebody_else_is_a_violation_that_does_not_show_their_phone_number() -> None:
    answers = (leads(), LEAD_MADE, leads({**LEAD, "contact_number": "9123456780"}))
    expected = ("contact_number: 9000000000", "contact_number: another value")
    assert said(ended(CREATIONS["leads.create"], *answers)) == expected


def test_numbers_may_be_shown_as_text_and_days_with_a_time(api: Api) -> None:
    context = BareContext()
    sold = {"policyholder_id": "h", "agent_id": "a", "provider_id": "p", "policy_type": "t", "plan_name": "n"}
    shown = {
        "policy_id": "1",
        "policy_number": "PERF-1",
        "sum_assured": "500000.00",
        "premium_amount": 12500.0,
        "start_date": "2020-07-02T00:00:00Z",
    }
    check = CREATIONS["policies.create"]
    answers = ((200, [sold]), (200, []), (201, shown), (200, [shown]), (200, shown))
    assert ended(check, *answers, context=context) == Held()


# ── updates at the same instant ─────────────────────────────────────────────────────────────────────


def _settings(api: Api) -> tuple[str, str]:
    phone = accounts_of(api)["junior_agent"][0].phone_number
    me = api.get(phone, "/users/me")
    return me["language_preference"], me["timezone"]


def test_a_healthy_backend_keeps_both_updates_and_everything_is_put_back(api: Api, tmp_path: Path) -> None:
    before = _settings(api)
    assert set(outcomes_of(api, UPDATES.values(), tmp_path).values()) == {Held()}
    assert _settings(api) == before
    entries = [(entry.what, entry.thing, entry.before) for entry in journal.read(tmp_path)]
    changed = [("preference", "language", before[0]), ("preference", "timezone", before[1])]
    assert entries == [*changed, ("restored", "language", None), ("restored", "timezone", None)] * 2


@pytest.mark.parametrize("route", UPDATES)
def test_an_update_that_writes_the_whole_row_loses_the_other(serve: Serve, route: str) -> None:
    faulty = serve(f"lost_update@{route}")
    before = _settings(faulty)
    outcomes = outcomes_of(faulty, UPDATES.values())
    assert violated(outcomes) == {(route, "junior_agent")}
    name, value = said(outcomes[UPDATES[route]])[0].split(": ")
    assert (name, value) in (("language_preference", "la"), ("timezone", "Etc/GMT+12"))
    assert _settings(faulty) == before


ME = (200, {"language_preference": "en", "timezone": "Asia/Kolkata"})
WRITTEN = (200, {})
BOTH = (200, {"language_preference": "la", "timezone": "Etc/GMT+12"})
TIME_ZONE = ("timezone: Etc/GMT+12", "timezone: Asia/Kolkata")
LOST = (200, {"language_preference": "la", "timezone": "Asia/Kolkata"})


@pytest.mark.parametrize(
    ("answers", "outcome", "left"),
    [
        pytest.param((ME, WRITTEN, WRITTEN, BOTH, WRITTEN), Held(), 0, id="both count"),
        pytest.param((BUSY,), NotChecked("HTTP 503"), 0, id="nothing read, nothing written"),
        pytest.param(((200, {"timezone": "UTC"}),), NotChecked(settings.NOT_SHOWN), 0, id="not shown"),
        pytest.param((BOTH,), NotChecked(settings.SOMEBODY_ELSE), 0, id="another run is at it"),
        pytest.param((ME, WRITTEN, SILENT), NotChecked("no answer"), 2, id="may count later: left to cleanup"),
        pytest.param((ME, WRITTEN, WRITTEN, BUSY, WRITTEN), NotChecked("HTTP 503"), 0, id="not read, and put back"),
        pytest.param((ME, WRITTEN, (403, None), LOST, WRITTEN), NotChecked("HTTP 403"), 0, id="one was refused"),
        pytest.param(
            (ME, WRITTEN, WRITTEN, ME, ME, WRITTEN), NotChecked(settings.SOMEBODY_ELSE), 0, id="neither is shown"
        ),
        pytest.param((ME, WRITTEN, WRITTEN, ME, BUSY, WRITTEN), NotChecked("HTTP 503"), 0, id="no proof"),
        pytest.param((ME, WRITTEN, WRITTEN, BOTH, BUSY, WRITTEN), Held(), 0, id="put back at the second attempt"),
        pytest.param((ME, WRITTEN, WRITTEN, BOTH, BUSY, SILENT), Held(), 2, id="not put back: left to cleanup"),
    ],
)
def test_two_updates_without_a_violation(answers: Any, outcome: Outcome, left: int) -> None:
    context = BareContext()
    assert ended(UPDATES["users.update"], *answers, context=context) == outcome
    assert len(context.changed) == left


def test_what_could_not_be_put_back_is_put_back_by_the_next_check() -> None:
    context, check = BareContext(), UPDATES["users.update"]
    assert ended(check, ME, WRITTEN, WRITTEN, BOTH, BUSY, BUSY, context=context) == Held()
    assert ended(check, BOTH, SILENT, BUSY, context=context) == NotChecked(settings.PUT_BACK)
    assert len(context.changed) == 2
    carrier = InOrder(BOTH, WRITTEN)
    assert carry_out(check, context, carrier) == NotChecked(settings.PUT_BACK)
    assert carrier.sent[1].body == {"language_preference": "en", "timezone": "Asia/Kolkata"}
    assert not context.changed
    assert ended(check, BOTH, context=context) == NotChecked(settings.SOMEBODY_ELSE)


def test_updates_that_leave_caches_as_they_are(serve: Serve) -> None:
    faulty = serve("stale_read@users.*")
    before = _settings(faulty)
    for outcome in outcomes_of(faulty, UPDATES.values()).values():
        assert said(outcome) in [("language_preference: la", f"language_preference: {before[0]}"), TIME_ZONE]


def test_an_update_that_the_next_read_does_not_show_and_its_answer_does() -> None:
    stale = (ME, WRITTEN, (200, {"timezone": "Etc/GMT+12"}), ME, ME, WRITTEN)
    check, context = UPDATES["users.preferences"], BareContext()
    assert ended(check, *stale, context=context) == NotChecked(settings.SOMEBODY_ELSE)
    assert ended(check, ME, WRITTEN, WRITTEN, BOTH, WRITTEN, context=context) == Held()
    assert said(ended(check, *stale, *stale, context=context)) == TIME_ZONE, "where a page has shown such values"


IGNORED = (200, {"language_preference": "en", "timezone": "Etc/GMT+12"})


@pytest.mark.parametrize("answer", [IGNORED, WRITTEN])
def test_a_value_that_the_target_does_not_take_is_not_lost(answer: tuple[int, Any]) -> None:
    answers = (ME, answer, answer, IGNORED, answer, IGNORED, WRITTEN)
    assert ended(UPDATES["users.preferences"], *answers) == NotChecked(settings.NOT_TAKEN)


class Locked(InOrder):
    """Nobody can log in when the n-th request is to be sent."""

    def __init__(self, number: int, *answers: tuple[int, Any]) -> None:
        super().__init__(*answers)
        self._number = number

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        self._number -= 1
        if not self._number:
            raise Unanswered(WhyNot.NO_LOGIN())
        return super().exchange(sends)


def test_a_login_that_fails_after_the_updates_does_not_keep_them_from_being_put_back() -> None:
    context, carrier = BareContext(), Locked(3, ME, WRITTEN, WRITTEN, WRITTEN)
    assert carry_out(UPDATES["users.update"], context, carrier) == NotChecked(WhyNot.NO_LOGIN())
    assert (carrier.sent[-1].restores, context.changed) == (True, {})


def test_a_login_that_fails_when_they_are_put_back_is_tried_again() -> None:
    context, carrier = BareContext(), Locked(4, ME, WRITTEN, WRITTEN, BOTH, WRITTEN)
    assert carry_out(UPDATES["users.update"], context, carrier) == Held()
    assert not context.changed


def test_an_update_that_the_next_read_does_not_show_and_another_page_does() -> None:
    stale = (ME, WRITTEN, WRITTEN, ME, LOST, WRITTEN)
    outcome = ended(UPDATES["users.update"], *stale, *stale)
    assert said(outcome) == ("language_preference: la", "language_preference: en")


def test_a_loss_that_is_seen_once_only_is_no_violation() -> None:
    once = (ME, WRITTEN, WRITTEN, LOST, (200, {"timezone": "Etc/GMT+12"}), WRITTEN)
    never = (ME, WRITTEN, WRITTEN, BOTH, WRITTEN)
    check = UPDATES["users.preferences"]
    assert ended(check, *once, *never, *never, *never) == NotChecked(settings.SOMEBODY_ELSE)
    assert said(ended(check, *once, *never, *once)) == TIME_ZONE
