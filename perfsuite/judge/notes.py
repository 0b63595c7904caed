"""What a reader should know beside the verdict, without changing it."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.judge.words import count, listed
from perfsuite.model import Plan, Summary


def notes_of(plan: Plan, summary: Summary) -> list[str]:
    """One sentence each: what was not exercised and why, shared accounts, absent roles, what was left behind."""
    coverage = summary.coverage
    notes = [
        _left_out(coverage.missing, "not offered by the target"),
        _left_out(coverage.broken, "failing without any load"),
        _left_out(coverage.left_out, "which write, while the run is read-only"),
        _dead(coverage.dead_behaviours),
        *(
            f"{operation} could not be made {count(times, 'time')}: the target holds no data for it"
            for operation, times in coverage.not_possible.items()
            if times
        ),
        *(
            f"{count(plan.users_by_role.get(role, 0), 'user')} as {role} shared {count(accounts, 'account')}"
            for role, accounts in plan.shared_accounts.items()
        ),
        _absent(plan),
        *_left_behind(summary),
    ]
    return [note for note in notes if note]


def _left_out(entries: Sequence[str], which: str) -> str:
    return f"left out, {which}: {listed(entries)}" if entries else ""


def _dead(behaviours: Sequence[str]) -> str:
    return f"nothing is left to do of {listed(behaviours)}: not exercised at all" if behaviours else ""


def _absent(plan: Plan) -> str:
    if not plan.absent_roles:
        return ""
    return f"with {count(plan.scenario.users, 'user')} nobody was there as {listed(plan.absent_roles)}"


def _left_behind(summary: Summary) -> list[str]:
    cleanup = summary.cleanup
    if cleanup is None:
        return []
    left = [f"created by this run and not removed: {listed(cleanup.not_removed)}"] if cleanup.not_removed else []
    changed = [f"changed by this run and not put back: {listed(cleanup.not_restored)}"] if cleanup.not_restored else []
    return left + changed
