"""Stability of a long run as lines of text and as plain values, the same in every report."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from perfsuite.format import number
from perfsuite.model import RunReport
from perfsuite.model.stability import TABLE_LABEL, Stability, StabilityOutcome
from perfsuite.report.text import clean, heading, rounded

STABILITY_TITLE = "Stability"
_IN_A_LINE = (StabilityOutcome.CANNOT_TELL, StabilityOutcome.SETTLES, StabilityOutcome.STEADY)


def stability_lines(report: RunReport) -> Iterator[str]:
    """A line for each resource that grows, and one for all others; none for a run that was too short."""
    for each in report.stability:
        if each.outcome is StabilityOutcome.GROWS:
            yield clean(f"{heading(each.label)}: {each.reason}")
    others = [
        f"{outcome.value}: {', '.join(labels)}"
        for outcome in _IN_A_LINE
        if (labels := _labels([each.label for each in report.stability if each.outcome is outcome]))
    ]
    if others:
        yield clean(heading("; ".join(others)))


def _labels(labels: Sequence[str]) -> list[str]:
    """Several tables are only counted: a database has many."""
    tables = [label for label in labels if label.startswith(TABLE_LABEL)]
    if len(tables) < 2:
        return list(labels)
    return [*(label for label in labels if label not in tables), f"sizes of {number(len(tables))} tables"]


def stability_dicts(report: RunReport) -> list[dict[str, Any]]:
    """The resources as `summary.json` has them; `lasts_s` counts from the end of the run, null is never or unknown."""
    return [_entry(each) for each in report.stability]


def _entry(each: Stability) -> dict[str, Any]:
    return {
        "metric": each.metric,
        "label": each.label,
        "unit": each.unit,
        "outcome": each.outcome.value,
        "reason": str(each.reason),
        "per_minute": rounded("per_minute", each.per_minute),
        "per_minute_interval": None if each.interval is None else [rounded("", end) for end in each.interval],
        "level": rounded("level", each.level),
        "limit": rounded("limit", each.limit),
        "cause": each.cause and each.cause.value,
        "per_1000_writes": each.per_1000_writes and rounded("", each.per_1000_writes[0]),
        "per_1000_writes_interval": each.per_1000_writes and [rounded("", end) for end in each.per_1000_writes[1:]],
        "lasts_s": None if each.lasts_s is None else [rounded("", end) for end in each.lasts_s],
        "last_good_run": each.last_good_run or None,
        "last_good_per_minute": rounded("per_minute", each.last_good.per_minute if each.last_good else None),
        "last_good_level": rounded("level", each.last_good.level if each.last_good else None),
    }
