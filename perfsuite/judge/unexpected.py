"""Failed requests of a run that no target on the failure rate is about: more than 1 % of them fail it all the same.

Without this, a targets file that limits only response times would let a run pass in which most requests failed. A
failure-rate target that holds in the scenario, as a gate or as information, replaces the rule for its scope.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from perfsuite.format import number, percent
from perfsuite.judge.evidence import targets_of
from perfsuite.judge.failing import patterns_told
from perfsuite.judge.limits import CLOSE_FAILURES, UNEXPECTED_LEAST, UNEXPECTED_SHARE
from perfsuite.judge.words import FAILURE_RATE
from perfsuite.model import ALL, FailureKind, Plan, Summary, Target

GENERATORS_OWN = frozenset({FailureKind.UNFINISHED, FailureKind.NOT_STARTED, FailureKind.SUITE_ERROR})
"""Failures that are the generator's own in every run. Actions that never began have a rule of their own."""


def too_many_failed(plan: Plan, summary: Summary, not_the_targets: Collection[FailureKind] = ()) -> str:
    """The reason to fail a run; "" for none. `not_the_targets`: kinds that this run's generator may have made."""
    limited = [target for target in targets_of(plan) if target.metric == FAILURE_RATE]
    own = GENERATORS_OWN | frozenset(not_the_targets)
    counted = [
        group
        for group in summary.failures
        if group.kind not in own and not _is_limited(group.role, group.operation, limited)
    ]
    failed = sum(group.count for group in counted)
    requests = _requests(summary, limited)
    if not _too_many(failed, requests):
        return ""
    others = "requests outside the scope of such targets" if limited else "requests"
    alike = {(group.kind, group.message) for group in counted}
    told = patterns_told([each for each in summary.failure_patterns if (each.kind, each.message) in alike])
    why, close = f"; {told}" if told else "", ""
    if not _too_many(failed - CLOSE_FAILURES, requests):
        close = f"; too close to call: {CLOSE_FAILURES} failures fewer would not have failed the run"
    return (
        f"{number(failed)} of {number(requests)} {others} failed ({percent(failed / requests)}), limit"
        f" {percent(UNEXPECTED_SHARE)} where no target on the failure rate holds{close}{why}"
    )


def _too_many(failed: int, requests: int) -> bool:
    """Of fewer requests than one in a hundred can be told of, as if the others up to that number had succeeded."""
    return failed > UNEXPECTED_SHARE * max(requests, UNEXPECTED_LEAST)


def _is_limited(role: str, operation: str, targets: Sequence[Target]) -> bool:
    return any(target.role in (None, role) and target.operation in (None, operation) for target in targets)


def _requests(summary: Summary, limited: Sequence[Target]) -> int:
    """Requests of the whole run that no target on the failure rate is about."""
    if not limited:
        return summary.whole_run.requests
    rows = (row for row in summary.rows if ALL not in (row.role, row.behaviour, row.operation))
    return sum(row.statistics.requests for row in rows if not _is_limited(row.role, row.operation, limited))
