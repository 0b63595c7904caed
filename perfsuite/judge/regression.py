"""A run compared with its baseline: what that makes of its verdict.

A regression is a figure that became worse by the rule of statistics, or an operation that costs the database more:
counts are exact, so one run in each group shows them. A target that is missed weighs more, and a run that says nothing
about its targets says nothing about a baseline either: what was found is then among the notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_REGRESSION
from perfsuite.format import figure, signed_percent
from perfsuite.judge.metrics import name_of
from perfsuite.messages import Message
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import ALL, Outcome, Verdict
from perfsuite.model.fingerprint import Difference
from perfsuite.model.history import Change, Comparison, ComparisonOutcome

MOST_REASONS = 10

_UNITS = {
    "queries": "queries per request",
    "rows": "rows per request",
    "shared_blocks": "blocks per request",
    "temp_blocks": "blocks of temporary files per request",
}


def with_baseline(verdict: Verdict, comparison: Comparison | None) -> Verdict:
    """The verdict, with what the comparison found: REGRESSION where the targets are met and something got worse."""
    if comparison is None:
        return verdict
    if comparison.refused:
        why = "; ".join(comparison.mismatches or comparison.notes)
        refused = Reason.NOT_COMPARABLE(baseline=comparison.a.name, why=why)
        return _lesser(verdict, Outcome.INCONCLUSIVE, EXIT_INCONCLUSIVE, [refused])
    worse = _became_worse(comparison)
    if worse:
        return _lesser(verdict, Outcome.REGRESSION, EXIT_REGRESSION, worse)
    return replace(verdict, notes=(*verdict.notes, _nothing_found(comparison)))


def _became_worse(comparison: Comparison) -> list[Message]:
    """What became worse, one reason each; the costs first, since they are exact."""
    baseline = comparison.a.name
    reasons = [_cost(cost, baseline) for cost in comparison.costlier]
    reasons += [_change(change, baseline) for change in comparison.regressions]
    left = len(reasons) - MOST_REASONS
    return [*reasons[:MOST_REASONS], *([Reason.MORE_BECAME_WORSE(more=left)] if left > 0 else [])]


def _cost(cost: Difference, baseline: str) -> Message:
    fields = {"operation": cost.operation, "role": cost.role, "baseline": baseline}
    if cost.metric == "caching":
        return (Reason.CACHE_LOST if cost.worse else Reason.CACHE_GAINED)(**fields)
    unit = _UNITS.get(cost.metric, cost.metric)
    return Reason.COSTS_MORE(**fields, before=cost.before.text, after=cost.after.text, unit=unit)


def _change(change: Change, baseline: str) -> Message:
    before, after = (figure(change.metric, median(values)) for values in (change.a, change.b))
    outcome = change.outcome.value
    if not change.metric.endswith("_ms"):
        names = {ComparisonOutcome.SLOWER: "worse", ComparisonOutcome.FASTER: "better"}
        outcome = names.get(change.outcome, outcome)
    return Reason.BECAME_WORSE(
        figure=f"{name_of(change.metric)} of {_scope(change)}",
        before=before,
        after=after,
        change="" if change.shift_rate is None else f" ({signed_percent(change.shift_rate)})",
        outcome=outcome,
        baseline=baseline,
    )


def _scope(change: Change) -> str:
    if change.operation == ALL:
        return "all requests" if change.role == ALL else f"all requests as {change.role}"
    return change.operation if change.role == ALL else f"{change.operation} as {change.role}"


def _lesser(verdict: Verdict, outcome: Outcome, exit_code: int, reasons: Sequence[Message]) -> Verdict:
    """The outcome where nothing weighs more than it; else its reasons are notes."""
    if verdict.outcome is not Outcome.PASS:
        return replace(verdict, notes=(*verdict.notes, *reasons))
    return replace(
        verdict, outcome=outcome, exit_code=exit_code, reasons=tuple(reasons), notes=(*verdict.reasons, *verdict.notes)
    )


def _nothing_found(comparison: Comparison) -> Message:
    outcomes = [change.outcome for change in comparison.changes]
    unsure = outcomes.count(ComparisonOutcome.CANNOT_TELL)
    return Reason.NO_REGRESSION(
        baseline=comparison.a.name, runs=len(comparison.b.run_ids), baseline_runs=len(comparison.a.run_ids)
    ).also(
        Detail.CANNOT_TELL(unsure=unsure, figures=len(outcomes)) if unsure else None,
        *(Detail.COMPARISON_NOTE(note=note) for note in comparison.notes),
    )
