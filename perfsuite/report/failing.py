"""Failures by pattern, as reports show them: one line for all that failed alike."""

from __future__ import annotations

from collections.abc import Sequence

from perfsuite.format import number
from perfsuite.model import FailurePattern, RunReport
from perfsuite.report.text import clean


def operation_of(pattern: FailurePattern) -> str:
    """Its operation, or how many they are."""
    return pattern.operations[0] if len(pattern.operations) == 1 else f"{number(len(pattern.operations))} operations"


def role_of(pattern: FailurePattern) -> str:
    """Its role, or how many they are."""
    return pattern.roles[0].replace("_", " ") if len(pattern.roles) == 1 else f"{number(len(pattern.roles))} roles"


def remarks(report: RunReport, patterns: Sequence[FailurePattern]) -> tuple[str, ...]:
    """What is regular about some of the failures, a line each; without those that a reason of the verdict tells."""
    reasons = "\n".join(report.verdict.reasons)
    return tuple(clean(pattern.sentence) for pattern in patterns if pattern.spacing and pattern.sentence not in reasons)
