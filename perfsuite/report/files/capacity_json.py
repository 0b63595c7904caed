"""The answer of a search for the capacity as `summary.json` has it. Loads are in the unit of `by`."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from perfsuite.model import CapacityAnswer, CapacityReport, Level, RunReport, Target
from perfsuite.report.capacity import shares_of
from perfsuite.report.text import rounded


def capacity_dict(report: RunReport) -> dict[str, Any] | None:
    """None for a run that is no search."""
    asked, found = report.plan.capacity, report.capacity
    if asked is None or found is None:
        return None
    answer = found.answer
    return {
        "kind": answer.kind.value,
        "by": asked.by.value,
        "at_least": asked.at_least,
        "takes_at_least": None if asked.at_least is None else answer.takes(asked.at_least),
        "most": asked.most,
        **_numbers(answer),
        "rps": None if answer.rps is None else [rounded("rps", each) for each in answer.rps],
        "first_to_fail": None if answer.first_to_fail is None else _target(answer.first_to_fail),
        "usl": None if answer.usl is None else asdict(answer.usl),
        "holds_from_above": answer.holds_from_above,
        "levels": [_level(level, found) for level in answer.levels],
        "not_answered": {name: why.value for name, why in answer.not_answered.items()},
        "visits": [asdict(visit) for visit in found.visits],
    }


_NUMBERS = (
    *("low", "high", "estimate", "width", "minutes_for_8_percent"),
    *("last_pass", "first_fail", "saturation", "recovery_s"),
)


def _numbers(answer: CapacityAnswer) -> dict[str, Any]:
    return {name: rounded(name, getattr(answer, name)) for name in _NUMBERS}


def _target(target: Target) -> dict[str, Any]:
    return {name: getattr(target, name) for name in ("name", "metric", "limit", "role", "operation")}


def _level(level: Level, found: CapacityReport) -> dict[str, Any]:
    """`targets`: name → its value as a share of its limit; above 1 it is missed. None without requests."""
    shares = zip(found.targets, shares_of(level, found), strict=True)
    names = ("load", "seconds", "requests", "passed", "failed", "aborted", "saturated", "generator_limited")
    return {
        **{name: getattr(level, name) for name in names},
        "rps": rounded("rps", level.requests / level.seconds if level.seconds else 0.0),
        "targets": {each.target.name: rounded("share_rate", share) for each, share in shares},
    }
