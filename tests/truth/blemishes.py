"""What a run without a fault must not say beside its findings."""

from __future__ import annotations

from perfsuite.model import Outcome, RunReport

BY_CHANCE = frozenset(
    {"super_admin / users.update", "super_admin / flags.update", "regional_manager / policies.approve"}
)
"""Every fifth action of one behaviour of few users: in a short run perhaps never."""


def blemishes(report: RunReport, *, quiet: bool) -> list[str]:
    """Names of what a run against a healthy target says and must not, each with what it says.

    `quiet`: the machine had room, so that nothing of the run's own can be excused by it either.
    """
    summary, cleanup = report.summary, report.summary.cleanup
    said = {
        "failures": summary.failure_patterns,
        "errors of the suite": summary.suite_errors,
        "violations": summary.correctness is None or summary.correctness.violations,
        "outages": summary.outages,
        "remarks": summary.remarks,
        "server's time not used": not summary.server_times.used and summary.server_times,
        "expired tokens": summary.whole_run.expired,
        "clock": abs(summary.clock_set_s) >= 1 and summary.clock_set_s,
        "rows": cleanup is None or (*cleanup.not_removed, *cleanup.soft_deleted, *cleanup.not_restored),
        "empty lists": summary.coverage.empty,
    }
    if quiet:
        said |= _of_the_run(report)
    return [f"{name}: {what}" for name, what in said.items() if what]


def _of_the_run(report: RunReport) -> dict[str, object]:
    """What a full machine can make of a run, too."""
    summary, logins = report.summary, report.summary.logins
    return {
        "verdict": report.verdict.outcome is not Outcome.PASS and report.verdict.reasons,
        "too close to call": [result.reason for result in report.verdict.targets if result.too_close],
        "cut off": summary.cut_off,
        "still logging in": logins is None or logins.late,
        "not exercised": set(summary.coverage.not_exercised) - BY_CHANCE,
        "drifts": summary.drifts,
    }
