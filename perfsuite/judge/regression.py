"""A run held against its baseline: what that makes of its verdict.

Regressed is a figure that became worse by the rule of statistics, or an operation that costs the database more: counts
are exact, so one run on each side shows them. A target that is missed weighs more, and a run that says nothing about
its targets says nothing about a baseline either: what was found is then told among the notes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from statistics import median

from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_REGRESSION
from perfsuite.format import figure, number, plural, signed_percent
from perfsuite.judge.words import name_of
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
        refused = f"it cannot be held against {comparison.a.name}: {why}"
        return _lesser(verdict, Outcome.INCONCLUSIVE, EXIT_INCONCLUSIVE, [refused])
    worse = _became_worse(comparison)
    if worse:
        return _lesser(verdict, Outcome.REGRESSION, EXIT_REGRESSION, worse)
    return replace(verdict, notes=(*verdict.notes, _nothing_found(comparison)))


def _became_worse(comparison: Comparison) -> list[str]:
    """What became worse, a line for each; the costs first, since they are exact."""
    lines = [_cost(cost) for cost in comparison.costlier]
    lines += [_change(change) for change in comparison.regressions]
    shown = [f"{line}, against {comparison.a.name}" for line in lines[:MOST_REASONS]]
    left = len(lines) - len(shown)
    return [*shown, *([f"and {left} more that became worse"] if left else [])]


def _cost(cost: Difference) -> str:
    """ "policies.list as policyholder: 3 → 23 queries per request"."""
    where = f"{cost.operation} as {cost.role}"
    if cost.metric == "caching":
        less, more = "a cache answered queries of repeats", "every repeat runs all of them"
        return f"{where}: {less}, now {more}" if cost.worse else f"{where}: now {less}"
    return f"{where}: {cost.before.told()} → {cost.after.told()} {_UNITS.get(cost.metric, cost.metric)}"


def _change(change: Change) -> str:
    """ "95th percentile of policies.list as policyholder 34 ms → 95 ms (+179 %), slower"."""
    rate = "" if change.shift_rate is None else f" ({signed_percent(change.shift_rate)})"
    before, after = (median(values) for values in (change.a, change.b))
    told = f"{figure(change.metric, before)} → {figure(change.metric, after)}{rate}"
    return f"{name_of(change.metric)} of {_scope(change)} {told}, {_word(change)}"


def _word(change: Change) -> str:
    if change.metric.endswith("_ms"):
        return change.outcome.value
    return {ComparisonOutcome.SLOWER: "worse", ComparisonOutcome.FASTER: "better"}.get(
        change.outcome, change.outcome.value
    )


def _scope(change: Change) -> str:
    if change.operation == ALL:
        return "all requests" if change.role == ALL else f"all requests as {change.role}"
    return change.operation if change.role == ALL else f"{change.operation} as {change.role}"


def _lesser(verdict: Verdict, outcome: Outcome, exit_code: int, reasons: Sequence[str]) -> Verdict:
    """The outcome where nothing weighs more than it; else its reasons are notes."""
    if verdict.outcome is not Outcome.PASS:
        return replace(verdict, notes=(*verdict.notes, *reasons))
    return replace(
        verdict, outcome=outcome, exit_code=exit_code, reasons=tuple(reasons), notes=(*verdict.reasons, *verdict.notes)
    )


def _nothing_found(comparison: Comparison) -> str:
    words = [change.outcome for change in comparison.changes]
    unsure = words.count(ComparisonOutcome.CANNOT_TELL)
    runs = f"{plural(len(comparison.b.run_ids), 'run')} against {plural(len(comparison.a.run_ids), 'run')}"
    told = f"no regression against {comparison.a.name} ({runs})"
    told += f"; {number(unsure)} of {plural(len(words), 'figure')} cannot be told apart" if unsure else ""
    return "; ".join([told, *comparison.notes])
