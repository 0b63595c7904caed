"""What the next read shows, before and after a write, where a cache may have kept the answer."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from mitra_backend.defects import DEFECT_ROUTES

from perfsuite.correctness import next_reads, settings, writes
from perfsuite.correctness.check import Check, Held, NotChecked, Outcome, Reply, Send, Violated
from perfsuite.correctness.drive import Carrier, carry_out
from perfsuite.messages.checks import WhyNot
from perfsuite.target import journal
from tests.backend.conftest import Serve
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder
from tests.correctness.real_target import client_of, outcomes_of

CHECKS = {check.operation: check for check in next_reads.checks()}
ALONE = {"policies.read", "tickets.read", "users.read"}
"""What is read by its id."""
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
    assert CHECKS.keys() - ALONE | others == set(DEFECT_ROUTES["stale_read"])
    assert CHECKS.keys() >= ALONE
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
SEEN_ALONE = {
    "policies.read": ("status: active", "status: pending"),
    "tickets.read": ("status: in_progress", "status: open"),
    "users.read": ("language_preference: la", "language_preference: te"),
}


def test_writes_that_leave_caches_as_they_are(serve: Serve) -> None:
    outcomes = {check.operation: one for check, one in outcomes_of(serve("stale_read@*"), CHECKS.values()).items()}
    # Rows are not kept by their id there, and of accounts nothing shows that the write was carried out.
    assert {outcomes.pop(name) for name in ALONE} == {Held(), NotChecked(settings.NOT_TAKEN)}
    found = {name: said(outcome) for name, outcome in outcomes.items()}
    written, read = (text.removeprefix("updated_at: ") for text in found.pop("flags.update"))
    assert read < written
    assert found == SEEN


def test_one_write_that_leaves_caches_as_they_are(serve: Serve) -> None:
    outcomes = outcomes_of(serve("stale_read@policies.approve"), CHECKS.values())
    wrong = [check.operation for check, outcome in outcomes.items() if isinstance(outcome, Violated)]
    assert wrong == ["policies.approve"]


class KeptById:
    """A target that keeps rows by id and account, and drops none of them after a write; its lists are always fresh."""

    def __init__(self, carrier: Carrier) -> None:
        self._carrier = carrier
        self._kept: dict[tuple[str, str, str], Reply] = {}

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        if sends[0].operation not in ALONE:
            return self._carrier.exchange(sends)
        (send,) = sends
        key = (str(send.actor), send.operation, str(send.path))
        if key not in self._kept:
            (self._kept[key],) = self._carrier.exchange(sends)
        return (replace(self._kept[key], send=send),)

    def wait(self, seconds: float) -> None:
        self._carrier.wait(seconds)


def test_rows_that_are_kept_by_their_id(api: Api, tmp_path: Path) -> None:
    client = client_of(api, tmp_path)
    try:
        carrier = KeptById(client)
        outcomes = {name: carry_out(check, client, carrier) for name, check in CHECKS.items()}
    finally:
        client.close()
    assert {name: said(outcomes.pop(name)) for name in ALONE} == SEEN_ALONE
    assert set(outcomes.values()) == {Held()}
    changed = [one.what for one in journal.read(tmp_path) if one.thing == "language"]
    assert changed == ["preference", "restored"], "the language is as it was"


def test_two_rows_of_one_creation_are_no_matter_of_reading(serve: Serve) -> None:
    outcomes = outcomes_of(serve("double_submit@*"), CHECKS.values())
    assert set(outcomes.values()) == {Held()}


ACCOUNT = {"user_id": "id of junior_agent#1", "language_preference": "en", "timezone": "Asia/Kolkata"}
LATIN = {**ACCOUNT, "language_preference": "la"}


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param(((200, LATIN),), Held(), id="shown"),
        pytest.param(
            ((200, ACCOUNT), (200, ACCOUNT)), NotChecked(settings.NOT_TAKEN), id="ignored, whatever the update answers"
        ),
        pytest.param(
            ((200, {**ACCOUNT, "language_preference": "hi"}),), NotChecked(settings.SOMEBODY_ELSE), id="changed again"
        ),
        pytest.param((BUSY,), NotChecked("HTTP 503"), id="not read"),
    ],
)
def test_an_account_without_a_violation(answers: tuple[tuple[int, Any], ...], outcome: Outcome) -> None:
    context = BareContext()
    before, back = ((200, ACCOUNT), (200, ACCOUNT), (200, LATIN)), (200, ACCOUNT)
    assert ended(CHECKS["users.read"], *before, *answers, back, context=context) == outcome
    assert context.changed == {}


def test_an_update_of_an_account_that_was_not_answered_is_left_to_whoever_restores_it() -> None:
    context = BareContext()
    assert ended(CHECKS["users.read"], (200, ACCOUNT), (200, ACCOUNT), BUSY, context=context) == NotChecked("HTTP 503")
    assert context.changed == {"junior_agent#1 language": "en"}


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
        pytest.param((leads(),), NotChecked(WhyNot.NOT_LISTED()), id="not listed before"),
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
        pytest.param((tickets(),), NotChecked(WhyNot.NOT_LISTED()), id="not listed"),
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
        pytest.param(((200, {"data": []}),), NotChecked(WhyNot.NO_DATA()), id="no flags"),
        pytest.param((flags(EARLY, "dark_mode"),), NotChecked(WhyNot.NO_DATA()), id="no flag for tests"),
        pytest.param((flags(EARLY), BUSY), NotChecked("HTTP 503"), id="not written"),
        pytest.param(
            (flags("never"), flag(LATE), flags(LATE)),
            NotChecked(WhyNot.NO_TIME()),
            id="without times",
        ),
    ],
)
def test_a_flag_without_a_violation(answers: tuple[tuple[int, Any], ...], outcome: Outcome) -> None:
    assert ended(CHECKS["flags.update"], *answers) == outcome


def test_a_list_of_flags_that_shows_the_time_from_before_a_write() -> None:
    assert said(ended(CHECKS["flags.update"], flags(EARLY), flag(EXACT), flags(EARLY)))
