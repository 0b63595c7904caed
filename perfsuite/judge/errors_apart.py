"""What a reader should know where targets were judged without failed requests."""

from __future__ import annotations

from perfsuite.judge.evidence import figures_by_scope, targets_of
from perfsuite.judge.limits import FAST_ERRORS_SHARE, SLOW_ERRORS_SHARE
from perfsuite.judge.words import AVERAGE, RPS, count, figure, limit_figure, name_of
from perfsuite.model import Plan, Summary, Target

_SHOWN = (AVERAGE, "p95_ms", RPS)


def fast_errors(summary: Summary) -> str:
    """Why the figures that are judged are worse than those of all requests, which the tables show; "" where not."""
    every, judged = summary.totals, summary.totals_ok
    better = [
        f"{name_of(metric)} {figure(metric, of_judged)} in place of {figure(metric, of_all)}"
        for metric in _SHOWN
        if (of_all := getattr(every, metric)) is not None
        and (of_judged := getattr(judged, metric)) is not None
        and (of_all - of_judged if metric == RPS else of_judged - of_all) > FAST_ERRORS_SHARE * of_judged
    ]
    if not better:
        return ""
    left_out = every.failures - judged.failures
    return f"targets are judged without {count(left_out, 'failed request')}, the tables show them: {', '.join(better)}"


def slow_errors(plan: Plan, summary: Summary) -> list[str]:
    """Times that were judged without failures, and would be worse with them: errors that took long to come."""
    every, judged = figures_by_scope(summary), figures_by_scope(summary, judged=True)
    notes = []
    for target in targets_of(plan):
        scope = (target.role, target.operation)
        if target.metric.endswith("_ms") and target.below and scope in every:
            values = (getattr(figures[scope], target.metric) for figures in (every, judged))
            notes.append(_slow_error(target, *values))
    return notes


def _slow_error(target: Target, of_all: float | None, observed: float | None) -> str:
    if of_all is None or observed is None:
        return ""
    would_miss = observed < target.limit <= of_all
    if not would_miss and of_all <= observed * (1 + SLOW_ERRORS_SHARE):
        return ""
    where = "".join(f" {word} {name}" for word, name in (("of", target.operation), ("as", target.role)) if name)
    limit = f", which would miss the limit of {limit_figure(target.metric, target.limit)}" if would_miss else ""
    return (
        f"failed requests took longer than the others: with them the {name_of(target.metric)}{where} would be"
        f" {figure(target.metric, of_all)}{limit}; without them, as it is judged, it is"
        f" {figure(target.metric, observed)}"
    )
