"""What the next read shows, before and after a write, where a cache may have kept the answer."""

from __future__ import annotations

from typing import Any

import pytest
from mitra_backend.defects import DEFECT_ROUTES

from perfsuite.correctness import next_reads, writes
from perfsuite.correctness.check import Check, Held, NotChecked, Outcome, Violated
from perfsuite.correctness.drive import carry_out
from tests.backend.conftest import Serve
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder
from tests.correctness.real_target import outcomes_of

CHECKS = {check.operation: check for check in next_reads.checks()}
BUSY, SILENT, DONE = (503, None), (0, None), (200, {"success": True})


def ended(check: Check, *answers: tuple[int, Any], context: BareContext | None = None) -> Outcome:
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


def test_every_write_of_the_contract_is_checked_here_or_beside_what_else_it_must_keep() -> None:
    others = {check.operation for check in writes.checks()}
    assert CHECKS.keys() | others == set(DEFECT_ROUTES["stale_read"])
    assert not CHECKS.keys() & others
    assert all(check.writes for check in CHECKS.values())


def test_a_healthy_backend_shows_every_write_at_once(api: Api) -> None:
    assert set(outcomes_of(api, CHECKS.values()).values()) == {Held()}


def test_deletions_that_keep_the_row_under_a_status_are_shown_at_once(serve: Serve) -> None:
    deletions = [CHECKS["leads.delete"], CHECKS["policies.delete"]]
    assert set(outcomes_of(serve("soft_deletes"), deletions).values()) == {Held()}


SEEN = {
    "leads.delete": ("no row", "the row as it was"),
    "policies.approve": ("status: active", "status: pending"),
    "policies.delete": ("no row", "the row as it was"),
    "tickets.delete": ("no row", "the row as it was"),
    "tickets.status": ("status: in_progress", "status: open"),
}


def test_writes_that_leave_caches_as_they_are(serve: Serve) -> None:
    outcomes = outcomes_of(serve("stale_read@*"), CHECKS.values())
    found = {check.operation: said(outcome) for check, outcome in outcomes.items()}
    written, read = (text.removeprefix("updated_at: ") for text in found.pop("flags.update"))
    assert read < written
    assert found == SEEN


def test_one_write_that_leaves_caches_as_they_are(serve: Serve) -> None:
    outcomes = outcomes_of(serve("stale_read@policies.approve"), CHECKS.values())
    wrong = [check.operation for check, outcome in outcomes.items() if isinstance(outcome, Violated)]
    assert wrong == ["policies.approve"]


def test_two_rows_of_one_creation_are_no_matter_of_reading(serve: Serve) -> None:
    outcomes = outcomes_of(serve("double_submit@*"), CHECKS.values())
    assert set(outcomes.values()) == {Held()}


LEAD = {"lead_id": "1", "customer_name": "PERF-1", "lead_status": "new"}
GONE = {**LEAD, "lead_status": "inactive"}
MADE = (201, LEAD)


def leads(*rows: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": {"leads": list(rows)}}


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param((leads(LEAD), DONE, leads()), Held(), id="not listed any more"),
        pytest.param((leads(LEAD), DONE, leads(GONE)), Held(), id="kept under a status"),
        pytest.param((leads(),), NotChecked("the list does not show it"), id="not listed before"),
        pytest.param((leads(LEAD), (403, None)), NotChecked("HTTP 403"), id="refused"),
        pytest.param(
            (leads(LEAD), DONE, leads(LEAD), leads(LEAD)), NotChecked(next_reads.NOTHING_CHANGED), id="not deleted"
        ),
        pytest.param((leads(LEAD), DONE, SILENT), NotChecked("no answer"), id="not read"),
    ],
)
def test_a_deletion_without_a_violation(answers: tuple[tuple[int, Any], ...], outcome: Outcome) -> None:
    assert ended(CHECKS["leads.delete"], MADE, *answers) == outcome


def test_a_row_is_used_by_one_check_at_a_time_and_then_by_another() -> None:
    context, (create, *_) = BareContext(), writes.checks()
    assert create.operation == "leads.create"
    assert ended(create, leads(), MADE, leads(LEAD), context=context) == Held()
    assert ended(CHECKS["leads.delete"], leads(LEAD), DONE, leads(), context=context) == Held()
    assert ended(CHECKS["leads.delete"], BUSY, context=context) == NotChecked("HTTP 503")


TICKET = {"ticket_id": "1", "subject": "PERF-1", "status": "open"}
MOVED = {**TICKET, "status": "in_progress"}
BARE = {"ticket_id": "1", "subject": "PERF-1"}
TICKET_MADE = ((200, {"data": {"tickets": [{"customer_id": "h"}]}}), (201, TICKET))


def tickets(*rows: dict[str, Any]) -> tuple[int, Any]:
    return 200, {"data": {"tickets": list(rows)}}


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param((tickets(TICKET), (200, MOVED), tickets(MOVED)), Held(), id="shown"),
        pytest.param((tickets(),), NotChecked("the list does not show it"), id="not listed"),
        pytest.param(
            (tickets(TICKET), (200, TICKET), tickets(TICKET)), NotChecked(next_reads.NOTHING_CHANGED), id="no change"
        ),
        pytest.param(
            (tickets(TICKET), (200, {**TICKET, "status": "OPEN"}), tickets(TICKET)),
            NotChecked(next_reads.NOTHING_CHANGED),
            id="no change, in other letters",
        ),
        pytest.param((tickets(TICKET), (200, MOVED), BUSY), NotChecked("HTTP 503"), id="not read"),
        pytest.param(
            (tickets(TICKET), (200, {"message": "queued"}), tickets(TICKET)),
            NotChecked(next_reads.NOTHING_CHANGED),
            id="accepted without a status",
        ),
        pytest.param(
            (tickets(BARE), (200, MOVED), tickets(BARE)),
            NotChecked(next_reads.NOTHING_CHANGED),
            id="listed without a status",
        ),
    ],
)
def test_a_change_without_a_violation(answers: tuple[tuple[int, Any], ...], outcome: Outcome) -> None:
    assert ended(CHECKS["tickets.status"], *TICKET_MADE, *answers) == outcome


def flags(written: str, name: str = "perf_a") -> tuple[int, Any]:
    return 200, {"data": [{"flag_name": name, "is_enabled": True, "updated_at": written}]}


EARLY, LATE, LATER = "2026-03-01T10:00:00Z", "2026-03-01T10:00:01+00:00", "2026-03-01T15:30:02+05:30"

EXACT, SOON = "2026-03-01T10:00:01.900Z", "2026-03-01T10:00:00.900Z"


def flag(written: str) -> tuple[int, Any]:
    return 200, {"data": {"flag_name": "perf_a", "is_enabled": True, "updated_at": written}}


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param((flags(EARLY), flag(LATE), flags(LATE)), Held(), id="shown"),
        pytest.param((flags(EARLY), flag(LATE), flags(LATER)), Held(), id="and written by another since"),
        pytest.param((flags(EARLY), flag(EXACT), flags(LATE)), Held(), id="shown less exactly"),
        pytest.param((flags(EARLY), flag(SOON), flags(EARLY)), NotChecked(next_reads.NOTHING_CHANGED), id="too soon"),
        pytest.param((flags(EARLY), flag(EARLY), flags(EARLY)), NotChecked(next_reads.NOTHING_CHANGED), id="no change"),
        pytest.param(((200, {"data": []}),), NotChecked("the target has no such row"), id="no flags"),
        pytest.param((flags(EARLY, "dark_mode"),), NotChecked("the target has no such row"), id="no flag for tests"),
        pytest.param((flags(EARLY), BUSY), NotChecked("HTTP 503"), id="not written"),
        pytest.param(
            (flags("never"), flag(LATE), flags(LATE)),
            NotChecked("the target does not say when a row was written"),
            id="without times",
        ),
    ],
)
def test_a_flag_without_a_violation(answers: tuple[tuple[int, Any], ...], outcome: Outcome) -> None:
    assert ended(CHECKS["flags.update"], *answers) == outcome


def test_a_list_of_flags_that_shows_the_time_from_before_a_write() -> None:
    assert said(ended(CHECKS["flags.update"], flags(EARLY), flag(EXACT), flags(EARLY)))
