"""The verdict in words: one sentence that someone who never saw the suite understands."""

from __future__ import annotations

from perfsuite.model import Outcome, RunReport, TargetOutcome
from perfsuite.report.figures import clock, percent
from perfsuite.report.text import plural, utc

LABELS = {
    Outcome.PASS: "PASS",
    Outcome.FAIL: "FAIL",
    Outcome.INCONCLUSIVE: "INCONCLUSIVE",
    Outcome.REGRESSION: "REGRESSION",
    Outcome.INTERRUPTED: "INTERRUPTED",
}


def sentence(report: RunReport) -> str:
    """What the run says about the backend, in one sentence."""
    return _SENTENCES[report.verdict.outcome](report)


def count_outcomes(report: RunReport) -> dict[TargetOutcome, int]:
    """How many targets had each outcome; all four are there."""
    found = [result.outcome for result in report.verdict.targets]
    return {outcome: found.count(outcome) for outcome in TargetOutcome}


def unjudged(count: int) -> str:
    """ "; 2 targets could not be judged", or "" for none."""
    return f"; {plural(count, 'target')} could not be judged" if count else ""


def _passed(report: RunReport) -> str:
    counts = count_outcomes(report)
    met = counts[TargetOutcome.MET]
    which = f"the {met} targets that could be judged" if met > 1 else "the one target that could be judged"
    if met > 1 and not counts[TargetOutcome.NOT_JUDGED]:
        which = f"all {met} targets"
    return f"With {_users(report)} the backend met {which}{unjudged(counts[TargetOutcome.NOT_JUDGED])}."


def _failed(report: RunReport) -> str:
    counts = count_outcomes(report)
    missed, judged = counts[TargetOutcome.MISSED], counts[TargetOutcome.MISSED] + counts[TargetOutcome.MET]
    whole, lost = report.summary.whole_run, report.summary.target_lost_at
    faults = []
    if missed:
        faults.append(f"missed {missed} of {plural(judged, 'judged target')}")
    if whole.wrong_answers:
        faults.append(f"gave {plural(whole.wrong_answers, 'wrong answer')}")
    if lost is not None:
        faults.append(f"stopped answering at {utc(lost)[11:19]} UTC")
    if not faults:
        rate = whole.failures / whole.requests if whole.requests else 0
        faults.append(f"failed {plural(whole.failures, 'request')} of {whole.requests:,} ({percent(rate)})")
    *first, last = faults
    done = f"{', '.join(first)} and {last}" if first else last
    return f"With {_users(report)} the backend {done}{unjudged(counts[TargetOutcome.NOT_JUDGED])}."


def _inconclusive(report: RunReport) -> str:
    return f"This run with {_users(report)} does not tell whether the backend meets its targets."


def _regression(report: RunReport) -> str:
    return f"With {_users(report)} the backend meets its targets, but is slower than the baseline."


def _interrupted(report: RunReport) -> str:
    ran, planned = clock(report.summary.duration_s), clock(report.plan.scenario.duration_s)
    return f"The run was interrupted after {ran} of {planned}, so nothing is judged; this is what ran until then."


def _users(report: RunReport) -> str:
    return plural(report.summary.users.peak, "user")


_SENTENCES = {
    Outcome.PASS: _passed,
    Outcome.FAIL: _failed,
    Outcome.INCONCLUSIVE: _inconclusive,
    Outcome.REGRESSION: _regression,
    Outcome.INTERRUPTED: _interrupted,
}
