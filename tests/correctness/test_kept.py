"""What was written and deleted is looked at again when every cache has expired."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from perfsuite.correctness import kept, next_reads
from perfsuite.correctness.check import Check, Held, NotChecked, Outcome, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.own_rows import showing_deletions
from perfsuite.messages.checks import WhyNot
from perfsuite.target.contract_rules import MAX_AGE_S
from perfsuite.target.write_rules import TICKETS
from tests.backend.conftest import Serve
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder
from tests.correctness.real_target import HurriedConcurrency, client_of

CHECKS = tuple(kept.checks())
STAYS = {check.operation: check for check in CHECKS if check.rule == kept.STAYS}
DELETED = {check.operation: check for check in CHECKS if check.rule == kept.STAYS_DELETED}


def all_of(api: Api) -> tuple[list[Outcome], list[float]]:
    concurrency = HurriedConcurrency()
    client = client_of(api, concurrency=concurrency)
    try:
        return [carry_out(check, client, client) for check in CHECKS], concurrency.waited
    finally:
        client.close()


@pytest.mark.parametrize("faults", [(), ("soft_deletes",)])
def test_a_healthy_backend_keeps_rows_and_deletes_them_for_good(serve: Serve, faults: tuple[str, ...]) -> None:
    outcomes, waited = all_of(serve(*faults))
    assert outcomes == [Held()] * len(CHECKS)
    assert len(waited) == len(CHECKS)
    assert min(waited) > MAX_AGE_S


def test_they_do_not_keep_other_checks_from_their_accounts() -> None:
    assert all(check.shares_accounts and check.writes for check in CHECKS)
    assert STAYS.keys() == {"leads.create", "tickets.create", "policies.create"}
    assert DELETED.keys() == {"leads.delete", "tickets.delete", "policies.delete"}


TICKET = {"ticket_id": "1", "subject": "PERF-1", "customer_id": "h", "status": "open"}
TWIN = {**TICKET, "ticket_id": "2"}
CANCELLED = {**TICKET, "status": "cancelled"}
MADE = ((200, {"data": {"tickets": [{"customer_id": "h"}]}}), (201, TICKET))
DONE, GONE, BUSY = (200, {"success": True}), (404, None), (503, None)


def tickets(*rows: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": {"tickets": list(rows)}}


THERE = tickets(TICKET)


def ended(check: Check, *answers: tuple[int, Any], shows: Sequence[str] = ()) -> tuple[Outcome, float]:
    """How the check ends after exactly these answers, and how long it waited. `shows`: has shown a deletion before."""
    carrier, context = InOrder(*MADE, *answers), BareContext()
    context.known |= {showing_deletions(TICKETS, operation): True for operation in shows}
    outcome = carry_out(check, context, carrier)
    assert len(carrier.sent) == len(answers) + len(MADE)
    return outcome, carrier.waited


@pytest.mark.parametrize(
    ("answers", "outcome", "waits"),
    [
        pytest.param((tickets(),), NotChecked(WhyNot.NOT_LISTED()), False, id="never in the list"),
        pytest.param((THERE, DONE, tickets(), GONE, tickets(), GONE), Held(), True, id="gone"),
        pytest.param(
            (THERE, DONE, tickets(TWIN), GONE, tickets(TWIN), GONE), Held(), True, id="another row with its mark"
        ),
        pytest.param(
            (THERE, DONE, tickets(CANCELLED), (200, CANCELLED), tickets(CANCELLED), (200, CANCELLED)),
            Held(),
            True,
            id="kept",
        ),
        pytest.param((THERE, (403, None)), NotChecked("HTTP 403"), False, id="refused"),
        pytest.param((THERE, DONE, tickets(), BUSY), NotChecked("HTTP 503"), False, id="not read"),
        pytest.param((THERE, DONE, tickets(), GONE, BUSY), NotChecked("HTTP 503"), True, id="not read later"),
        pytest.param(
            (THERE, DONE, tickets(TICKET)),
            Violated("no such row in the list", "the row as it was", ()),
            False,
            id="in the list",
        ),
        pytest.param(
            (THERE, DONE, tickets(), (200, TICKET)),
            Violated("HTTP 404", "HTTP 200", ()),
            False,
            id="there under its id",
        ),
        pytest.param(
            (THERE, DONE, tickets(), GONE, tickets(), (200, TICKET)),
            Violated("HTTP 404", "HTTP 200", ()),
            True,
            id="there again",
        ),
    ],
)
def test_a_deleted_row(answers: tuple[tuple[int, Any], ...], outcome: Outcome, waits: bool) -> None:
    found, waited = ended(DELETED["tickets.delete"], *answers, shows=(TICKETS.lists, TICKETS.read))
    if isinstance(found, Violated):
        assert len(found.replies) == 2
        found = Violated(found.expected, found.seen, ())
    assert found == outcome
    assert waited == (kept.WAIT_S if waits else 0)


MARKED = {**TICKET, "deleted_at": "2026-03-01T10:00:00Z"}


@pytest.mark.parametrize(
    "answers",
    [
        pytest.param((THERE, DONE, tickets(MARKED)), id="in the list"),
        pytest.param((THERE, DONE, tickets(), (200, MARKED)), id="under its id"),
    ],
)
def test_a_deletion_that_may_be_shown_in_another_way_says_nothing(answers: tuple[tuple[int, Any], ...]) -> None:
    assert ended(DELETED["tickets.delete"], *answers) == (NotChecked(next_reads.NOTHING_CHANGED), 0)


def test_a_row_that_comes_back_in_the_list_is_a_violation() -> None:
    outcome, waited = ended(DELETED["tickets.delete"], THERE, DONE, tickets(), GONE, THERE)
    assert isinstance(outcome, Violated)
    assert (outcome.seen, waited) == ("the row as it was", kept.WAIT_S)


def test_a_row_that_another_check_has_deleted_is_looked_for_later() -> None:
    context = BareContext()
    (delete,) = [check for check in next_reads.checks() if check.operation == "tickets.delete"]
    first = InOrder(*MADE, tickets(TICKET), DONE, tickets())
    assert carry_out(delete, context, first) == Held()
    later = InOrder(tickets(), GONE)
    assert carry_out(DELETED["tickets.delete"], context, later) == Held()
    assert ([send.operation for send in later.sent], later.waited) == (["tickets.list", "tickets.read"], kept.WAIT_S)


def test_a_row_that_has_other_values_later() -> None:
    other = {**TICKET, "customer_id": "x"}
    outcome, waited = ended(STAYS["tickets.create"], tickets(TICKET), (200, other))
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen, waited) == ("customer_id: h", "customer_id: x", kept.WAIT_S)
