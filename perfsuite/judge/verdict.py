"""The judgement of a run: one outcome, its reasons, its exit code.

An interruption comes first; then what fails the target; then what makes the run say nothing; else it passed.
Errors of the suite itself make a run that would pass inconclusive; a failed one stays failed.
In a run that is not valid, for whatever reason, a missed time or rate does not fail the target: figures that may be
wrong prove nothing. Failed requests do, except those that a generator which was not fit (saturated, or a process of
it lost) makes by itself; wrong answers, errors that the target reported, and a target that was lost always do. An
invariant that did not hold under load fails every run, and comes before all else.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace

from perfsuite.errors import (
    EXIT_FAIL,
    EXIT_INCONCLUSIVE,
    EXIT_INTERRUPTED,
    EXIT_PASS,
    EXIT_REGRESSION,
    EXIT_TARGET,
)
from perfsuite.format import apart
from perfsuite.judge.correctness import wrong_under_load
from perfsuite.judge.evidence import targets_of
from perfsuite.judge.limits import CLOSE_FAILURES, NOT_STARTED_SHARE, UNEXPECTED_LEAST, UNEXPECTED_SHARE
from perfsuite.judge.metrics import FAILURE_RATE
from perfsuite.judge.monitored import NOTHING_MONITORED, MonitoringData, is_monitored
from perfsuite.judge.notes import notes_of
from perfsuite.judge.targets import frequent_patterns, judge_targets
from perfsuite.judge.validity import (
    ended_early,
    invalid_because,
    longer,
    rows_remaining,
    suite_errors,
    unfit_because,
)
from perfsuite.messages import Message
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import (
    ALL,
    INTERRUPTED,
    TARGET_LOST,
    FailureKind,
    Outcome,
    Plan,
    Remedy,
    Summary,
    Target,
    TargetOutcome,
    TargetResult,
    Verdict,
)
from perfsuite.model.failures import NEVER_THE_TARGETS
from perfsuite.model.plan import CONCURRENT_USERS
from perfsuite.model.role import Role

_EXIT_CODES = {
    Outcome.PASS: EXIT_PASS,
    Outcome.FAIL: EXIT_FAIL,
    Outcome.INCONCLUSIVE: EXIT_INCONCLUSIVE,
    Outcome.REGRESSION: EXIT_REGRESSION,
    Outcome.INTERRUPTED: EXIT_INTERRUPTED,
}
_SEVEREST_FIRST = (EXIT_INTERRUPTED, EXIT_TARGET, EXIT_FAIL, EXIT_REGRESSION, EXIT_INCONCLUSIVE, EXIT_PASS)
_TARGETS_NAMED = 5

_GENERATORS_OWN = NEVER_THE_TARGETS | {
    FailureKind.TIMEOUT,
    FailureKind.CONNECTION_LOST,
    FailureKind.IDLE_CLOSED,
    FailureKind.UNFINISHED,
    FailureKind.NOT_STARTED,
}
"""Failures that a generator which is too slow, or is killed, makes by itself."""
_NEVER_UNEXPECTED = NEVER_THE_TARGETS | {FailureKind.UNFINISHED, FailureKind.NOT_STARTED}
"""Failures that are the generator's own in every run. Actions that never began have a rule of their own."""


def judge(
    plan: Plan, summary: Summary, roles: Sequence[Role], monitored: MonitoringData = NOTHING_MONITORED
) -> Verdict:
    """The verdict on one run. Reasons of lesser weight than the outcome are among the notes."""
    unfit = unfit_because(plan, summary)
    invalid = [*unfit, *invalid_because(plan, summary, roles)]
    observed = judge_targets(plan, summary, roles, monitored)
    not_the_targets = _GENERATORS_OWN if unfit else NEVER_THE_TARGETS
    targets = tuple(_unless_excused(result, summary, not_the_targets, valid=not invalid) for result in observed)
    failed = _failed_because(summary, targets)
    too_many = _too_many_failed(plan, summary, not_the_targets)
    failed += [too_many] if too_many else []
    if slow := _rate_not_reached(plan, summary):
        (invalid if invalid else failed).append(slow)
    if not any(result.outcome in (TargetOutcome.MET, TargetOutcome.MISSED) for result in observed):
        invalid.append(_nothing_judged(summary, targets))
    if aborted := _aborted(summary):
        # Figures of a generator that was not fit prove nothing, also not early.
        (invalid if unfit else failed).insert(0, aborted)
    failed[:0] = wrong_under_load(summary)
    notes = notes_of(plan, summary, roles)
    if limited := _rate_limited(summary):
        (failed if too_many or _failures_missed(targets) else notes).append(limited)
    invalid += suite_errors(summary)  # after the targets were excused: a missed one stays missed
    remain = rows_remaining(plan, summary)
    invalid += [] if plan.accept_leftovers else remain
    verdict = _outcome(plan, summary, (failed, invalid, notes), targets)
    headlines = tuple(line for line in remain if line not in verdict.reasons)
    return replace(verdict, headlines=headlines, notes=tuple(note for note in verdict.notes if note not in headlines))


def _outcome(
    plan: Plan,
    summary: Summary,
    found: tuple[list[Message], list[Message], list[Message]],
    targets: tuple[TargetResult, ...],
) -> Verdict:
    """`found`: what fails the target, what makes the run say nothing, and what changes nothing."""
    failed, invalid, notes = found
    if summary.ended == INTERRUPTED:
        cut = Reason.INTERRUPTED(duration_s=summary.duration_s, planned_s=plan.scenario.duration_s)
        return verdict_of(Outcome.INTERRUPTED, [cut, *failed], targets, invalid + notes)
    if failed:
        return verdict_of(Outcome.FAIL, failed, targets, invalid + notes)
    if invalid:
        return verdict_of(Outcome.INCONCLUSIVE, invalid, targets, notes)
    return verdict_of(Outcome.PASS, [_passed(summary, targets)], targets, notes)


def not_judged(plan: Plan, summary: Summary) -> Verdict:
    """The verdict on a run that could not be judged because of an error of the suite. What was wrong under load fails
    it nevertheless."""
    found = [*suite_errors(summary), *rows_remaining(plan, summary)]
    if wrong := wrong_under_load(summary):
        return verdict_of(Outcome.FAIL, wrong, (), found)
    return verdict_of(Outcome.INCONCLUSIVE, found, (), ())


def severest(exit_codes: Iterable[int]) -> int:
    """The code of several runs together: the first of 130, 3, 1, 5, 4, 0 that is among them.

    4 when there was no run. Raises ValueError for another code: such a run never began.
    """
    return min(exit_codes, key=_SEVEREST_FIRST.index, default=EXIT_INCONCLUSIVE)


def verdict_of(
    outcome: Outcome, reasons: Sequence[Message], targets: tuple[TargetResult, ...], notes: Sequence[Message]
) -> Verdict:
    """The verdict with the exit code of its outcome."""
    return Verdict(outcome, tuple(reasons), _EXIT_CODES[outcome], targets, tuple(notes))


def _passed(summary: Summary, targets: Iterable[TargetResult]) -> Message:
    return Reason.PASSED(
        judged=sum(result.outcome is TargetOutcome.MET for result in targets),
        steady_s=summary.steady_s,
        requests=summary.totals.requests,
        failures=summary.totals.failures,
    )


def _nothing_judged(summary: Summary, targets: Sequence[TargetResult]) -> Message:
    if not targets:
        return Reason.NO_TARGETS()
    why = "; ".join(f"{result.name}: {result.reason}" for result in targets[:_TARGETS_NAMED])
    why += f"; and {len(targets) - _TARGETS_NAMED} more" if len(targets) > _TARGETS_NAMED else ""
    possible = {remedy for result in targets for remedy in result.remedies}
    if Remedy.LONGER in possible:
        possible = possible - {Remedy.LONGER} | {longer(summary)}
    remedies = " or ".join(remedy.value for remedy in Remedy if remedy in possible)
    if not remedies or ended_early(summary):
        return Reason.NOTHING_JUDGED(why=why)
    return Reason.NOTHING_JUDGED_RUN(why=why, remedies=remedies)


# ── what fails the target, and what may not be its fault ────────────────────────────────────────────────────


def _failed_because(summary: Summary, targets: Iterable[TargetResult]) -> list[Message]:
    reasons = [wrong_answers(summary), target_lost(summary)]
    reasons += [result.reason for result in targets if result.outcome is TargetOutcome.MISSED]
    return [reason for reason in reasons if reason]


def _unless_excused(
    result: TargetResult, summary: Summary, not_the_targets: frozenset[FailureKind], *, valid: bool
) -> TargetResult:
    """A missed target as one that was not judged, where the target may not be the cause.

    In a run that is not `valid` that is any time or rate, but users and what was read at the target stand: a load
    that is less than planned demands less of the target. A failure rate stands where enough failures are of other
    kinds than those that are `not_the_targets`.
    """
    if result.outcome is not TargetOutcome.MISSED or result.metric == CONCURRENT_USERS or is_monitored(result.metric):
        return result
    unfit = not_the_targets is _GENERATORS_OWN
    if result.metric == FAILURE_RATE:
        if _failure_rate(result.observed or 0.0, not_the_targets, summary) >= result.limit:
            return result
        own = Detail.GENERATOR_CAUSED() if _share_of(_NEVER_LEFT, summary) else Detail.SUITE_CAUSED()
        why = Detail.GENERATOR_NOT_FIT() if unfit else own
    elif valid:
        return result
    else:
        why = Detail.GENERATOR_NOT_FIT() if unfit else Detail.RUN_NOT_VALID()
    return replace(result, outcome=TargetOutcome.NOT_JUDGED, reason=result.reason.also(why), too_close=False)


_NEVER_LEFT = frozenset({FailureKind.GENERATOR})


def _failure_rate(observed: float, not_the_targets: frozenset[FailureKind], summary: Summary) -> float:
    """The failure rate without failures that are not the target's.

    Those that never left the load machine could not reach the target, so that they are no requests either.
    """
    failed = observed * (1 - _share_of(not_the_targets, summary))
    reached = 1 - observed * _share_of(_NEVER_LEFT, summary)
    return failed / reached if reached > 0 else 0.0


def _share_of(kinds: frozenset[FailureKind], summary: Summary) -> float:
    """The share of the run's failures that are of these kinds; 0 where nothing failed."""
    of_kinds = sum(group.count for group in summary.failures if group.kind in kinds)
    every = sum(group.count for group in summary.failures)
    return of_kinds / every if every else 0.0


def _failures_missed(targets: Iterable[TargetResult]) -> bool:
    return any(result.metric == FAILURE_RATE and result.outcome is TargetOutcome.MISSED for result in targets)


def wrong_answers(summary: Summary) -> Message | None:
    """Over the whole run: a wrong answer is wrong at any time."""
    wrong = summary.whole_run.wrong_answers
    if not wrong:
        return None
    reason = Reason.WRONG_ANSWERS(answers=wrong)
    groups = [group for group in summary.failures if group.kind == FailureKind.WRONG_ANSWER]
    patterns = [pattern for pattern in summary.failure_patterns if pattern.kind == FailureKind.WRONG_ANSWER]
    if not groups:
        return reason
    if patterns and len(patterns[0].operations) > 1:
        return reason.also(Detail.PATTERNS(patterns=frequent_patterns(patterns)))
    most = max(groups, key=lambda group: group.count)
    fields = {"operation": most.operation, "role": most.role, "message": most.message}
    if len(groups) == 1:
        return reason.also(Detail.ALL_IN_ONE(**fields))
    return reason.also(Detail.MOST_IN_ONE(**fields, count=most.count))


def target_lost(summary: Summary) -> Message | None:
    """The target did not answer any more; None where it did."""
    if summary.target_lost_at is not None:
        return Reason.TARGET_LOST(since=summary.target_lost_at)
    return Reason.TARGET_LOST_STOPPED() if summary.ended == TARGET_LOST else None


def _aborted(summary: Summary) -> Message | None:
    """The stop rule that ended the run."""
    rule = summary.aborted
    if rule is None:
        return None
    shown, limit = apart(rule.metric, rule.observed, rule.limit)
    return Reason.ABORTED(target=rule.target, observed=shown, limit=limit, window_s=rule.window_s, at=rule.at)


def _rate_not_reached(plan: Plan, summary: Summary) -> Message | None:
    """Open model: more actions never began than the rate allows for."""
    arrivals = summary.arrivals
    if arrivals is None or arrivals.not_started <= NOT_STARTED_SHARE * arrivals.due:
        return None
    return Reason.RATE_NOT_REACHED(
        asked_per_s=arrivals.asked_per_s,
        begun_per_s=arrivals.offered_per_s,
        not_started=arrivals.not_started,
        due=arrivals.due,
        late="" if arrivals.lag_max_ms is None else Detail.RATE_LAG(lag_ms=arrivals.lag_max_ms),
        sessions=plan.scenario.users,
    )


def _rate_limited(summary: Summary) -> Message | None:
    """Requests of the whole run that the target's rate limit answered, which the application never saw.

    They count as failed, since the planned load was not served; but they say nothing about the application, so they
    are reported apart from its failures.
    """
    whole = summary.whole_run
    if not whole.rate_limited:
        return None
    groups = [group for group in summary.failures if group.kind == FailureKind.RATE_LIMIT]
    answer = max(groups, key=lambda group: group.count).message if groups else "HTTP 429"
    served = whole.requests - whole.rate_limited
    share = (whole.failures - whole.rate_limited) / served if served else 0.0
    reason = Reason.RATE_LIMITED(limited=whole.rate_limited, requests=whole.requests, answer=answer)
    return reason.also(Detail.OTHERS_FAILED(served=served, share=share) if served else None)


# ── failures that no target is about ────────────────────────────────────────────────────────────────────────


def _too_many_failed(plan: Plan, summary: Summary, not_the_targets: Collection[FailureKind]) -> Message | None:
    """More than 1 % of the requests that no target on the failure rate is about.

    Without this, a targets file that limits only response times would let a run pass in which most requests failed.
    A failure-rate target that applies to the scenario, as a gate or as information, replaces the rule for its scope.
    `not_the_targets`: kinds of failures that this run's generator may have made.
    """
    limited = [target for target in targets_of(plan) if target.metric == FAILURE_RATE and not target.stages]
    own = _NEVER_UNEXPECTED | frozenset(not_the_targets)
    counted = [
        group
        for group in summary.failures
        if group.kind not in own and not _is_limited(group.role, group.operation, limited)
    ]
    failed, requests = (
        sum(group.count for group in counted),
        _requests(summary, limited) - _never_left(summary, limited),
    )
    if not _too_many(failed, requests):
        return None
    alike = {(group.kind, group.message) for group in counted}
    patterns = frequent_patterns([each for each in summary.failure_patterns if (each.kind, each.message) in alike])
    fewer = next((n for n in range(1, CLOSE_FAILURES + 1) if not _too_many(failed - n, requests)), None)
    code = Reason.TOO_MANY_FAILED_OUTSIDE if limited else Reason.TOO_MANY_FAILED
    return code(failed=failed, requests=requests, share=failed / requests, limit=UNEXPECTED_SHARE).also(
        Detail.FAILURES_FEWER_RUN(failures=fewer) if fewer else None,
        Detail.PATTERNS(patterns=patterns) if patterns else None,
    )


def _never_left(summary: Summary, limited: Sequence[Target]) -> int:
    """Requests that no target on the failure rate is about, and that the target never saw."""
    return sum(
        group.count
        for group in summary.failures
        if group.kind in _NEVER_LEFT and not _is_limited(group.role, group.operation, limited)
    )


def _too_many(failed: int, requests: int) -> bool:
    """Fewer requests than 100 count as 100, as if the others up to that number had succeeded."""
    return failed > UNEXPECTED_SHARE * max(requests, UNEXPECTED_LEAST)


def _is_limited(role: str, operation: str, targets: Sequence[Target]) -> bool:
    return any(target.role in (None, role) and target.operation in (None, operation) for target in targets)


def _requests(summary: Summary, limited: Sequence[Target]) -> int:
    """Requests of the whole run that no target on the failure rate is about."""
    if not limited:
        return summary.whole_run.requests
    rows = (row for row in summary.rows if ALL not in (row.role, row.behaviour, row.operation))
    return sum(row.statistics.requests for row in rows if not _is_limited(row.role, row.operation, limited))
