"""The verdict in words: one sentence that someone who never saw the suite understands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from perfsuite.format import clock, figure, number, percent, plural, utc
from perfsuite.model import (
    ALL,
    TARGET_LOST,
    Outcome,
    RunReport,
    SuiteErrorGroup,
    Summary,
    TargetOutcome,
    TargetResult,
)
from perfsuite.report.exercised import exercised
from perfsuite.report.text import clean, heading

_THE_TARGET = "target"
"""Scope of the targets on what a monitor reads."""

LABELS = {
    Outcome.PASS: "PASS",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.REGRESSION: "REGRESSION",
    Outcome.INTERRUPTED: "INTERRUPTED",
}


def sentence(report: RunReport) -> str:
    """What the run says about the backend, in a sentence; in a second, of how much, where its targets are met."""
    outcome = report.verdict.outcome
    met = outcome in (Outcome.PASS, Outcome.REGRESSION) or _only_rows_remain(report)
    of_what = exercised(report.summary) if met else ""
    return " ".join(filter(None, (_SENTENCES[outcome](report), of_what)))


def count_outcomes(report: RunReport) -> dict[TargetOutcome, int]:
    """How many targets had each outcome; all four are there."""
    found = [result.outcome for result in report.verdict.targets]
    return {outcome: found.count(outcome) for outcome in TargetOutcome}


def target_name(result: TargetResult) -> str:
    """The name of a target, with its scope where that is a role or an operation."""
    return clean(result.name if result.scope in (ALL, _THE_TARGET) else f"{result.name} ({result.scope})")


def target_title(result: TargetResult) -> str:
    """The same as a heading."""
    return heading(target_name(result))


def unjudged_reasons(results: Iterable[TargetResult]) -> tuple[str, ...]:
    """Why targets were neither met nor missed: each reason once, after the names of the targets that have it."""
    by_reason: dict[str, list[str]] = {}
    for result in results:
        if result.reason and result.outcome not in (TargetOutcome.MET, TargetOutcome.MISSED):
            by_reason.setdefault(f"{result.outcome.value}: {result.reason}", []).append(target_title(result))
    return tuple(clean(f"{', '.join(names)} {reason}") for reason, names in by_reason.items())


def outcome_text(result: TargetResult) -> str:
    """ "met", "met, too close": a limit within the interval of the figure is told beside the outcome."""
    return f"{result.outcome.value}, too close" if result.too_close else result.outcome.value


def arrival_lines(summary: Summary) -> tuple[str, ...]:
    """How the open model kept to its times, in one line for what was offered and one for how late; () without it."""
    told = summary.arrivals
    if told is None:
        return ()
    never = plural(told.not_started, "action") if told.not_started else "none"
    offered = (
        f"{number(told.asked_per_s)} actions/s asked, {number(told.offered_per_s)}/s offered ({number(told.begun)} of"
        f" {number(told.due)}), {never} not started"
    )
    late = f"begun at most {figure('lag_max_ms', told.lag_max_ms)} late, at the 99th percentile"
    queue = f"{figure('lag_p99_ms', told.lag_p99_ms)}; longest queue {number(told.longest_queue)}"
    return offered, f"{late} {queue}"


def suite_errors_line(groups: Sequence[SuiteErrorGroup]) -> str:
    """ "The suite itself had 3 errors at 2 places; most at PLACE: MESSAGE (suite-errors.log)"; groups: not empty."""
    most = max(groups, key=lambda group: group.count)
    errors = plural(sum(group.count for group in groups), "error")
    where = "at" if len(groups) == 1 else f"at {number(len(groups))} places; most at"
    log = f" ({most.log})" if most.log else ""
    return clean(f"The suite itself had {errors} {where} {most.place}: {most.message}{log}")


def unjudged(count: int) -> str:
    """ "; 2 targets could not be judged", or "" for none."""
    return f"; {plural(count, 'target')} could not be judged" if count else ""


def _passed(report: RunReport) -> str:
    counts = count_outcomes(report)
    met, unknown = counts[TargetOutcome.MET], counts[TargetOutcome.NOT_JUDGED]
    return f"With {_users(report)} the backend met {_which(met, met, unknown)}{unjudged(unknown)}."


def _failed(report: RunReport) -> str:
    counts = count_outcomes(report)
    missed, unknown = counts[TargetOutcome.MISSED], counts[TargetOutcome.NOT_JUDGED]
    whole, lost = report.summary.whole_run, report.summary.target_lost_at
    faults = []
    if missed:
        faults.append(f"missed {_which(missed, missed + counts[TargetOutcome.MET], unknown)}")
    if whole.wrong_answers:
        faults.append(f"gave {plural(whole.wrong_answers, 'wrong answer')}")
    if lost is not None:
        faults.append(f"stopped answering at {utc(lost)[11:19]} UTC")
    elif report.summary.ended == TARGET_LOST:
        faults.append("stopped answering")
    never = report.summary.arrivals.not_started if report.summary.arrivals else 0
    if never:
        faults.append(f"was too slow for the rate asked: {plural(never, 'action')} never began")
    if not faults:
        rate = whole.failures / whole.requests if whole.requests else 0
        faults.append(f"failed {plural(whole.failures, 'request')} of {number(whole.requests)} ({percent(rate)})")
    *first, last = faults
    done = f"{', '.join(first)} and {last}" if first else last
    return f"With {_users(report)} the backend {done}{unjudged(unknown)}."


def _which(count: int, judged: int, unknown: int) -> str:
    """Which targets: "all 5 targets", "the 3 targets that could be judged", "1 of 4 targets"."""
    if count < judged:
        return f"{count} of {judged} targets"
    if not unknown:
        return f"all {count} targets" if count > 1 else "its target"
    return f"the {f'{count} targets' if count > 1 else 'one target'} that could be judged"


def _inconclusive(report: RunReport) -> str:
    if _only_rows_remain(report):
        return f"{_passed(report).removesuffix('.')}, but rows of this run remain at the target."
    return f"This run with {_users(report)} does not tell whether the backend meets its targets."


def _only_rows_remain(report: RunReport) -> bool:
    """The figures of a run that left rows are sound: where that is all, what they say is said."""
    counts, cleanup, verdict = count_outcomes(report), report.summary.cleanup, report.verdict
    met, missed = counts[TargetOutcome.MET], counts[TargetOutcome.MISSED]
    left = bool(cleanup and cleanup.not_removed) and verdict.outcome is Outcome.INCONCLUSIVE
    return left and len(verdict.reasons) == 1 and met > 0 and not missed


def _regression(report: RunReport) -> str:
    return f"With {_users(report)} the backend meets its targets, but is worse than its baseline."


def _interrupted(report: RunReport) -> str:
    ran, planned = clock(report.summary.duration_s), clock(report.plan.scenario.duration_s)
    return f"The run was interrupted after {ran} of {planned}; the figures are of what ran until then."


def _users(report: RunReport) -> str:
    arrivals, peak = report.summary.arrivals, report.summary.users.peak
    if arrivals is None:
        return plural(peak, "user")
    return f"{number(arrivals.asked_per_s)} actions/s asked and {plural(peak, 'session')}"


_SENTENCES = {
    Outcome.PASS: _passed,
    Outcome.FAIL: _failed,
    Outcome.INCONCLUSIVE: _inconclusive,
    Outcome.REGRESSION: _regression,
    Outcome.INTERRUPTED: _interrupted,
}
