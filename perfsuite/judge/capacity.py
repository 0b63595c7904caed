"""The judgement of a search for the capacity: what its answer makes of its verdict.

Targets decide at each load that was visited, not over the whole search: overload is part of it. So failed requests and
slow answers count in the answer alone. Wrong answers, a lost target, rows that remain and errors of the suite mean the
same as in every run. A search makes no checks of correctness.
"""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.format import number, setting
from perfsuite.judge.load_machine import held_back, limits_met
from perfsuite.judge.notes import notes_of
from perfsuite.judge.validity import (
    counts_invalid_because,
    lost_because,
    nothing_sent,
    rows_remaining,
    suite_errors,
)
from perfsuite.judge.verdict import target_lost, verdict_of, wrong_answers
from perfsuite.messages import Message
from perfsuite.messages.capacity import CapacityReason
from perfsuite.messages.reasons import Reason
from perfsuite.model import (
    INTERRUPTED,
    CapacityAnswer,
    CapacityKind,
    CapacityPlan,
    CapacityReport,
    Outcome,
    Plan,
    SearchBy,
    Summary,
    Verdict,
)
from perfsuite.model.role import Role


def judge_search(plan: Plan, summary: Summary, roles: Sequence[Role], found: CapacityReport) -> Verdict:
    """The verdict on a search."""
    failed = [reason for reason in (wrong_answers(summary), target_lost(summary)) if reason]
    open_because = _invalid_because(summary)
    outcome, reason = answer_outcome(plan.capacity, found.answer) if plan.capacity else (Outcome.INCONCLUSIVE, None)
    if reason is not None and outcome is not Outcome.PASS:
        (failed if outcome is Outcome.FAIL and not open_because else open_because).append(reason)
    open_because += suite_errors(summary)
    remain = rows_remaining(plan, summary)
    open_because += [] if plan.accept_leftovers else remain
    notes = [note for note in notes_of(plan, summary, roles) if note not in remain]
    passed = [reason] if reason is not None and outcome is Outcome.PASS else []
    if summary.ended == INTERRUPTED:
        cut = Reason.INTERRUPTED(duration_s=summary.duration_s, planned_s=plan.scenario.duration_s)
        return verdict_of(Outcome.INTERRUPTED, [cut, *failed], (), [*passed, *open_because, *notes])
    if failed:
        return verdict_of(Outcome.FAIL, failed, (), [*passed, *open_because, *notes])
    if open_because:
        return verdict_of(Outcome.INCONCLUSIVE, open_because, (), [*passed, *notes])
    return verdict_of(Outcome.PASS, passed, (), notes)


def _invalid_because(summary: Summary) -> list[Message]:
    """What a search does not know by its levels alone. Users of a lost process that others took are back at the next
    level."""
    gone = [worker for worker in summary.lost_workers if (worker.placed or 0) < worker.users]
    reasons = [*held_back(summary), *lost_because(summary, gone), *limits_met(summary), nothing_sent(summary)]
    return [*(reason for reason in reasons if reason), *counts_invalid_because(summary)]


def answer_outcome(asked: CapacityPlan, answer: CapacityAnswer) -> tuple[Outcome, Message]:
    """What the answer alone means. With `at_least` it is a gate; else a search passes that has found the limit, or
    reached the most load that it was allowed to offer with all targets met."""
    if asked.at_least is not None:
        reached = answer.takes(asked.at_least)
        fields = {"load": load_text(asked, asked.at_least)}
        if reached is None:
            wide = CapacityReason.TOO_WIDE() if answer.kind is CapacityKind.INTERVAL else None
            return Outcome.INCONCLUSIVE, CapacityReason.GATE_OPEN(**fields).also(wide)
        code, outcome = (
            (CapacityReason.GATE_MET, Outcome.PASS) if reached else (CapacityReason.GATE_MISSED, Outcome.FAIL)
        )
        return outcome, code(**fields)
    if answer.kind in (CapacityKind.INTERVAL, CapacityKind.CLIFF):
        return Outcome.PASS, CapacityReason.FOUND()
    if answer.low is not None and answer.low >= asked.most:
        return Outcome.PASS, CapacityReason.MOST_REACHED(load=load_text(asked, asked.most))
    return Outcome.INCONCLUSIVE, CapacityReason.NOT_FOUND()


def load_text(asked: CapacityPlan, load: float) -> str:
    """ "240 users", "12.5 actions/s"."""
    if asked.by is SearchBy.ARRIVAL_RATE:
        return f"{number(load)} actions/s"
    return f"{setting(load)} {'user' if load == 1 else 'users'}"
