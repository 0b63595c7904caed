"""Cleanup after a run: when the user interrupts twice, and with a demo."""

from __future__ import annotations

import csv
import io
from pathlib import Path

import pytest

from perfsuite.cli.screen import PlainScreen, QuietScreen
from perfsuite.messages.reasons import Reason
from perfsuite.messages.run import RunMessage
from perfsuite.model import Account, FailureKind, Plan, Scenario
from perfsuite.run.cleanup import FailFastClient, clean_after_load, clean_early
from perfsuite.run.context import CommandContext, RunContext
from perfsuite.run.interrupts import Interrupts
from perfsuite.target.exchange import Request
from perfsuite.target.journal import FILE_NAME, Journal, JournalEntry
from tests.target.fake_target import FakeTarget, lost

NOBODY = "http://127.0.0.1:1"
ADMINS = (Account("9876543200", "secret", "super_admin"),)


@pytest.fixture
def interrupted_twice(tmp_path: Path) -> CommandContext:
    """With a run that made a lead."""
    book = Journal(tmp_path / FILE_NAME)
    book.write(JournalEntry("create", "lead", "PERF-1"))
    book.close()
    interrupts = Interrupts()
    interrupts.count = 2
    return CommandContext(tmp_path, PlainScreen(io.StringIO()), interrupts)


def run_of(command: CommandContext, demo: str | None = None) -> RunContext:
    scenario = Scenario("basic", 1, 1, 60)
    plan = Plan("basic_1", scenario, NOBODY, {}, (), (), 1, "2026-03-01T09:30:00Z", demo=demo)
    return command.for_run(plan, ADMINS, command.results)


def test_after_two_interrupts_a_demo_is_not_cleaned(interrupted_twice: CommandContext) -> None:
    assert clean_after_load(run_of(interrupted_twice, "embedded"), "interrupted") == (None, "interrupted")


def test_after_two_interrupts_the_users_own_target_is_cleaned(interrupted_twice: CommandContext) -> None:
    done, ended = clean_after_load(run_of(interrupted_twice), "interrupted")

    assert ended == "interrupted"
    assert done is not None
    assert (done.created, done.removed) == (1, 0)
    why = "Super Admin cannot log in (connection refused, and the run was interrupted twice)"
    assert done.not_removed == (f"lead PERF-1 (may remain): {why}",)


def test_a_target_that_is_gone_at_the_end_leaves_the_run_whole_and_every_row_named(tmp_path: Path) -> None:
    """It went after the load: the run is judged, and a line names the command to try again."""
    book = Journal(tmp_path / FILE_NAME)
    for number in range(12):
        book.write(JournalEntry("create", "lead", f"PERF-{number}"))
    book.close()
    said = io.StringIO()
    context = CommandContext(tmp_path, PlainScreen(said), Interrupts())

    done, ended = clean_after_load(run_of(context), "completed")

    assert ended == "completed"
    assert done is not None
    assert (done.created, done.removed, len(done.not_removed)) == (12, 0, 12)
    first, *rows, last, place = said.getvalue().splitlines()
    assert first == RunMessage.CLEANED_UP(removed=0, created=12)
    assert rows[0] == "  not removed: lead PERF-0 (may remain): Super Admin cannot log in (connection refused)"
    assert (len(rows), last) == (10, f"  … and 2 more; try again with: cleanup {tmp_path}")
    assert place == f"  {RunMessage.IDS_OF_ROWS(which='remain', path=tmp_path / 'rows_remaining.csv')}"
    remaining = list(csv.DictReader((tmp_path / "rows_remaining.csv").read_text().splitlines()))
    assert [row["mark"] for row in remaining] == [f"PERF-{number}" for number in range(12)]
    assert {(row["thing"], row["state"]) for row in remaining} == {("lead", "may remain")}


def test_where_no_verdict_follows_rows_that_remain_are_named_even_when_quiet(tmp_path: Path) -> None:
    book = Journal(tmp_path / FILE_NAME)
    book.write(JournalEntry("create", "lead", "PERF-1", by="9876543203"))
    book.close()
    said = io.StringIO()

    clean_early(run_of(CommandContext(tmp_path, QuietScreen(said), Interrupts())))

    rows = "1 lead (Super Admin cannot log in (connection refused))"
    assert said.getvalue() == f"{Reason.ROWS_MAY_REMAIN(rows=rows)}\n"


def test_after_two_interrupts_cleanup_waits_for_one_missing_answer_only() -> None:
    target = FakeTarget()
    target.give("health.root", lost(FailureKind.TIMEOUT, "no answer in time"))
    client = FailFastClient(target)
    request = Request("GET", "/health", {})

    failures = [failure for _ in range(3) if (failure := client.exchange(request).failure)]

    assert [failure.kind for failure in failures] == [FailureKind.TIMEOUT, *[FailureKind.CONNECTION_LOST] * 2]
    assert failures[1].message == "no answer in time, and the run was interrupted twice"
    assert len(target.sent) == 1


def test_after_two_interrupts_an_answer_that_comes_changes_nothing() -> None:
    target = FakeTarget()
    client = FailFastClient(target)

    assert [client.exchange(Request("GET", "/health", {})).status for _ in range(2)] == [200, 200]
    assert len(target.sent) == 2
