"""Whether everything that the load processes sent arrived."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.judge.ledger import clocks_uncertain, unbalanced
from perfsuite.judge.notes import notes_of
from perfsuite.judge.validity import invalid_because
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Reason, Sign
from perfsuite.model import CUT_OFF, INTERRUPTED, LOAD_DIED, Outcome, RunLedger, Summary, WorkerLedger
from tests.judge.codes import codes
from tests.judge.made_summaries import ROLES, make_plan, make_summary
from tests.judge.test_verdict import verdict_of

GOOD = WorkerLedger("worker-1", "a", sent=60, received=60, requests=5_000, said_requests=5_000)
OTHER = replace(GOOD, worker="worker-2")


def ledger(*workers: WorkerLedger, recorded: int = 10_000, written: bool = True) -> RunLedger:
    return RunLedger(workers, written, recorded)


def reasons(found: RunLedger | None, ended: str = "completed") -> list[Message]:
    summary: Summary = make_summary(make_plan(), ledger=found, ended=ended)
    return [one for one in invalid_because(make_plan(), summary, ROLES) if one.code is Reason.LEDGER]


@pytest.mark.parametrize(
    ("found", "balanced", "gap"),
    [
        pytest.param(ledger(GOOD, OTHER), True, None, id="everything that was sent is there"),
        pytest.param(
            ledger(GOOD, replace(OTHER, received=59)), False,
            Sign.BATCHES_MISSING(worker="worker-2", sent=60, missing=1), id="a batch never arrived",
        ),
        pytest.param(
            ledger(GOOD, replace(OTHER, received=50, lost=True)), False,
            Sign.BATCHES_MISSING(worker="worker-2", sent=60, missing=10), id="though it was lost, it had said so",
        ),
        pytest.param(
            ledger(GOOD, replace(OTHER, sent=None)), False, Sign.BATCHES_UNKNOWN(worker="worker-2"),
            id="it did not say how many",
        ),
        pytest.param(
            ledger(GOOD, replace(OTHER, sent=None, said_requests=None, lost=True)), None, None,
            id="a lost one could not say, which is a reason of its own",
        ),
        pytest.param(
            ledger(GOOD, replace(OTHER, said_requests=5_003)), False,
            Sign.REQUESTS_UNLIKE(worker="worker-2", said=5_003, arrived=5_000), id="it recorded more than arrived",
        ),
        pytest.param(
            ledger(GOOD, OTHER, recorded=9_999), False, Sign.REQUESTS_NOT_WRITTEN(arrived=10_000, recorded=9_999),
            id="what arrived is not in the measurements",
        ),
        pytest.param(ledger(GOOD, replace(OTHER, duplicates=3)), True, None, id="what came twice was counted once"),
        pytest.param(ledger(GOOD, OTHER, written=False), None, Sign.NO_LEDGER(), id="nobody wrote it down"),
    ],
)  # fmt: skip
def test_a_gap_makes_a_run_inconclusive(found: RunLedger, balanced: bool | None, gap: Message | None) -> None:
    assert found.balanced is balanced
    assert reasons(found) == ([] if gap is None else [Reason.LEDGER(gaps=gap)])
    assert verdict_of(make_plan(), ledger=found).outcome is (Outcome.PASS if gap is None else Outcome.INCONCLUSIVE)


def test_older_runs_have_no_ledger_and_stay_as_they_are() -> None:
    assert reasons(None) == []


@pytest.mark.parametrize("ended", [CUT_OFF, LOAD_DIED, INTERRUPTED])
def test_a_load_that_was_cut_off_could_not_write_one(ended: str) -> None:
    assert reasons(ledger(GOOD, written=False), ended) == []


def test_many_gaps_are_not_all_listed() -> None:
    silent = [replace(GOOD, worker=f"worker-{number}", sent=None) for number in range(8)]
    reason = unbalanced(ledger(*silent, recorded=40_000), cut_off=False)

    assert reason is not None
    assert reason.fields["gaps"].endswith("; and 3 more")


def test_a_clock_that_is_not_well_known_is_a_note() -> None:
    exact, vague = replace(GOOD, clock_uncertainty_ms=50.0), replace(OTHER, clock_uncertainty_ms=50.1)
    found = ledger(exact, vague)

    assert clocks_uncertain(ledger(exact)) is None
    note = clocks_uncertain(found)
    assert note is not None
    assert (note.code, note.fields["workers"]) == (Note.CLOCK_UNCERTAIN, ["worker-2"])
    assert Note.CLOCK_UNCERTAIN in codes(notes_of(make_plan(), make_summary(make_plan(), ledger=found), ROLES))
