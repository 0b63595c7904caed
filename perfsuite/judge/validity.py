"""What makes a run unable to say anything about the target, each with what to do."""

from __future__ import annotations

from perfsuite.judge.words import count, seconds
from perfsuite.model import Plan, Reconciliation, Summary

DIED = "load process died"


def invalid_because(plan: Plan, summary: Summary) -> list[str]:
    """One sentence for each reason; [] for a valid run."""
    reasons = [
        _died(summary),
        _nothing_sent(summary),
        _users_missing(plan, summary),
        _counts_disagree(summary.reconciliation),
        _reports_lost(summary),
    ]
    return [reason for reason in reasons if reason]


def _died(summary: Summary) -> str:
    if summary.ended != DIED:
        return ""
    return f"the load process died after {seconds(summary.duration_s)}: look into its log for why, and run again"


def _nothing_sent(summary: Summary) -> str:
    if summary.whole_run.requests:
        return ""
    return "no request was recorded: look into the log of the load process, or run longer"


def _users_missing(plan: Plan, summary: Summary) -> str:
    users, scenario = summary.users, plan.scenario
    if users.peak >= users.requested:
        return ""
    ramp_up_s = users.requested / scenario.spawn_rate if scenario.spawn_rate > 0 else float("inf")
    found = f"only {users.peak:,} of {users.requested:,} users were started"
    if ramp_up_s >= scenario.duration_s:
        takes = f"at {scenario.spawn_rate:g} users/s that takes {seconds(ramp_up_s)}"
        return f"{found}: {takes} of {seconds(scenario.duration_s)}; raise --spawn-rate or --duration"
    return f"{found}: this machine may be too slow for them; use fewer users or a lower --spawn-rate"


def _counts_disagree(counts: Reconciliation) -> str:
    if counts.agrees:
        return ""
    others = {"Locust": counts.locust_total, "the backend's log": counts.backend_log}
    told = [
        f"{number:,} by {name} ({number - counts.recorded:+,})" for name, number in others.items() if number is not None
    ]
    return (
        f"the counts of requests disagree: {counts.recorded:,} recorded, {', '.join(told)};"
        " run again, with nobody else loading the target"
    )


def _reports_lost(summary: Summary) -> str:
    lost = summary.generator.lost_reports
    if not lost:
        return ""
    return f"{count(lost, 'report')} of the load processes never arrived, so requests are missing here; run again"
