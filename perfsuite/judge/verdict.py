"""The judgement of a run: one outcome, its reasons, its exit code.

An interruption comes first; then what fails the target; then what makes the run say nothing; else it passed.
Errors of the suite itself make a run that would pass inconclusive; a failed one stays failed.
In a run that is not valid, for whatever reason, a missed time or rate does not fail the target: figures that may be
wrong prove nothing. Failed requests do, except those that a generator which was not fit (saturated, or a process of
it lost) makes by itself; wrong answers, errors that the target told, and a target that was lost always do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from perfsuite.errors import (
    EXIT_FAIL,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    EXIT_REGRESSION,
    EXIT_TARGET,
)
from perfsuite.format import duration, figure, number, plural, time_of_day
from perfsuite.judge.failing import patterns_told
from perfsuite.judge.fitness import unfit_because
from perfsuite.judge.limits import NOT_STARTED_SHARE
from perfsuite.judge.notes import notes_of
from perfsuite.judge.on_target import OnTarget, is_on_target
from perfsuite.judge.rate_limit import rate_limited
from perfsuite.judge.targets import judge_targets
from perfsuite.judge.unexpected import too_many_failed
from perfsuite.judge.validity import ended_early, invalid_because, remaining_because, suite_erred_because
from perfsuite.judge.words import FAILURE_RATE, USERS
from perfsuite.model import (
    INTERRUPTED,
    TARGET_LOST,
    FailureKind,
    Outcome,
    Plan,
    Remedy,
    Summary,
    TargetOutcome,
    TargetResult,
    Verdict,
)
from perfsuite.model.role import Role

_EXIT_CODES = {
    Outcome.PASS: EXIT_PASS,
    Outcome.FAIL: EXIT_FAIL,
    Outcome.INCONCLUSIVE: EXIT_INCONCLUSIVE,
    Outcome.REGRESSION: EXIT_REGRESSION,
    Outcome.INTERRUPTED: EXIT_INTERRUPTED,
}
_SEVEREST_FIRST = (EXIT_INTERRUPTED, EXIT_TARGET, EXIT_FAIL, EXIT_REGRESSION, EXIT_INCONCLUSIVE, EXIT_PASS)
_TOLD_TARGETS = 5
_NOTHING_KNOWN = OnTarget()


def judge(plan: Plan, summary: Summary, roles: Sequence[Role], known: OnTarget = _NOTHING_KNOWN) -> Verdict:
    """The verdict on one run. Reasons of lesser weight than the outcome are among the notes."""
    unfit = unfit_because(plan, summary)
    invalid = [*unfit, *invalid_because(plan, summary, roles)]
    observed = judge_targets(plan, summary, roles, known)
    not_the_targets = _GENERATORS_OWN if unfit else _SUITES_OWN
    targets = tuple(_spared(result, summary, not_the_targets, valid=not invalid) for result in observed)
    failed = _failed_because(summary, targets)
    if too_many := too_many_failed(plan, summary, not_the_targets):
        failed.append(too_many)
    if slow := _rate_not_reached(plan, summary):
        (invalid if invalid else failed).append(slow)
    if not any(result.outcome in (TargetOutcome.MET, TargetOutcome.MISSED) for result in observed):
        invalid.append(_nothing_judged(targets, ended_early(summary)))
    notes: list[str] = [*notes_of(plan, summary, roles)]
    if limited := rate_limited(summary):
        (failed if too_many or _failures_missed(targets) else notes).append(limited)
    invalid += suite_erred_because(summary)  # after the targets were spared: a missed one stays missed
    remain = remaining_because(plan, summary)
    invalid += [] if plan.accept_leftovers else remain
    verdict = _outcome(plan, summary, (failed, invalid, notes), targets)
    headlines = tuple(line for line in remain if line not in verdict.reasons)
    return replace(verdict, headlines=headlines, notes=tuple(note for note in verdict.notes if note not in headlines))


def _outcome(
    plan: Plan, summary: Summary, found: tuple[list[str], list[str], list[str]], targets: tuple[TargetResult, ...]
) -> Verdict:
    """`found`: what fails the target, what makes the run say nothing, and what changes nothing."""
    failed, invalid, notes = found
    if summary.ended == INTERRUPTED:
        planned = duration(plan.scenario.duration_s)
        cut = f"interrupted after {duration(summary.duration_s)} of {planned}"
        return _verdict(Outcome.INTERRUPTED, [cut, *failed], targets, invalid + notes)
    if failed:
        return _verdict(Outcome.FAIL, failed, targets, invalid + notes)
    if invalid:
        return _verdict(Outcome.INCONCLUSIVE, invalid, targets, notes)
    return _verdict(Outcome.PASS, [_passed(summary, targets)], targets, notes)


def not_judged(plan: Plan, summary: Summary) -> Verdict:
    """The verdict on a run that could not be judged for an error of the suite."""
    reasons = [*suite_erred_because(summary), *remaining_because(plan, summary)]
    return _verdict(Outcome.INCONCLUSIVE, reasons, (), ())


def severest(exit_codes: Iterable[int]) -> int:
    """The code of several runs together: the first of 130, 3, 1, 5, 4, 0 that is among them.

    4 when there was no run. Raises ValueError for another code: such a run never began.
    """
    return min(exit_codes, key=_SEVEREST_FIRST.index, default=EXIT_INCONCLUSIVE)


def _verdict(
    outcome: Outcome, reasons: Sequence[str], targets: tuple[TargetResult, ...], notes: Sequence[str]
) -> Verdict:
    return Verdict(outcome, tuple(reasons), _EXIT_CODES[outcome], targets, tuple(notes))


_GENERATORS_OWN = frozenset(
    {
        FailureKind.TIMEOUT,
        FailureKind.CONNECTION_LOST,
        FailureKind.UNFINISHED,
        FailureKind.NOT_STARTED,
        FailureKind.SUITE_ERROR,
    }
)
"""Failures that a generator which is too slow, or is killed, makes by itself."""

_SUITES_OWN = frozenset({FailureKind.SUITE_ERROR})
"""Failures that are never the target's."""


_NOT_FIT = "the load generator was not fit to tell whether that is the target's"
_NOT_VALID = "the run is not valid, so that may not be the target's"
_NOT_THE_TARGETS = "without the errors of the suite itself it would not be missed"


def _spared(
    result: TargetResult, summary: Summary, not_the_targets: frozenset[FailureKind], *, valid: bool
) -> TargetResult:
    """A missed target as one that was not judged, where the target may not be the cause.

    In a run that is not `valid` that is any time or rate, but users and what was read at the target stand: a load
    that is less than was asked for asks less of the target. A failure rate stands where enough failures are of other
    kinds than those that are `not_the_targets`.
    """
    if result.outcome is not TargetOutcome.MISSED or result.metric == USERS or is_on_target(result.metric):
        return result
    if result.metric == FAILURE_RATE:
        if (result.observed or 0.0) * (1 - _share_of(not_the_targets, summary)) >= result.limit:
            return result
        why = _NOT_FIT if not_the_targets is _GENERATORS_OWN else _NOT_THE_TARGETS
    elif valid:
        return result
    else:
        why = _NOT_FIT if not_the_targets is _GENERATORS_OWN else _NOT_VALID
    return replace(result, outcome=TargetOutcome.NOT_JUDGED, reason=f"{result.reason}; {why}", too_close=False)


def _share_of(kinds: frozenset[FailureKind], summary: Summary) -> float:
    """The share of the run's failures that are of these kinds; 0 where nothing failed."""
    of_kinds = sum(group.count for group in summary.failures if group.kind in kinds)
    every = sum(group.count for group in summary.failures)
    return of_kinds / every if every else 0.0


def _rate_not_reached(plan: Plan, summary: Summary) -> str:
    """Open model: more actions than the rate is held to never began; "" where it was reached."""
    told = summary.arrivals
    if told is None or told.not_started <= NOT_STARTED_SHARE * told.due:
        return ""
    late = "" if told.lag_max_ms is None else f", others up to {figure('max_ms', told.lag_max_ms)} late"
    return (
        f"{number(told.asked_per_s)} actions/s were asked, {number(told.offered_per_s)}/s could be begun:"
        f" {number(told.not_started)} of {number(told.due)} never began{late}; the target was too slow for that rate,"
        f" or {plural(plan.scenario.users, 'session')} (--users) too few for it"
    )


def _failed_because(summary: Summary, targets: Iterable[TargetResult]) -> list[str]:
    reasons = [_wrong_answers(summary), _target_lost(summary)]
    reasons += [result.reason for result in targets if result.outcome is TargetOutcome.MISSED]
    return [reason for reason in reasons if reason]


def _failures_missed(targets: Iterable[TargetResult]) -> bool:
    return any(result.metric == FAILURE_RATE and result.outcome is TargetOutcome.MISSED for result in targets)


def _wrong_answers(summary: Summary) -> str:
    """Over the whole run: a wrong answer is wrong at any time."""
    wrong = summary.whole_run.wrong_answers
    if not wrong:
        return ""
    told = f"{plural(wrong, 'wrong answer')} (a fine status with wrong content)"
    groups = [group for group in summary.failures if group.kind == FailureKind.WRONG_ANSWER]
    if not groups:
        return told
    most = max(groups, key=lambda group: group.count)
    patterns = [pattern for pattern in summary.failure_patterns if pattern.kind == FailureKind.WRONG_ANSWER]
    if patterns and len(patterns[0].operations) > 1:
        return f"{told}; {patterns_told(patterns)}"
    return f"{told}; most: {most.operation} as {most.role} {number(most.count)} × {most.message}"


def _target_lost(summary: Summary) -> str:
    if summary.target_lost_at is None:
        return "the target was lost, and the load was stopped" if summary.ended == TARGET_LOST else ""
    since = time_of_day(summary.target_lost_at)
    return f"the target was lost: from {since} on no request got an answer; see whether it is still running"


def _nothing_judged(targets: Sequence[TargetResult], early: bool) -> str:
    if not targets:
        return "no target holds in this scenario: add one to the targets file"
    told = "; ".join(f"{result.name}: {result.reason}" for result in targets[:_TOLD_TARGETS])
    more = f"; and {len(targets) - _TOLD_TARGETS} more" if len(targets) > _TOLD_TARGETS else ""
    remedies = {remedy for result in targets for remedy in result.remedies}
    ways = " or ".join(remedy.value for remedy in Remedy if remedy in remedies)
    return f"no target could be judged ({told}{more})" + (f": run {ways}" if ways and not early else "")


def _passed(summary: Summary, targets: Iterable[TargetResult]) -> str:
    outcomes = [result.outcome for result in targets]
    judged = plural(outcomes.count(TargetOutcome.MET), "judged target")
    totals = summary.totals
    steady = f"{duration(summary.steady_s)} of steady state with {plural(totals.requests, 'request')}"
    return f"{judged} met over {steady}, {plural(totals.failures, 'failure')}"
