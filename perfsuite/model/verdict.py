"""The judgement of one run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from perfsuite.model.finding import Finding
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.monitor import Reading
from perfsuite.model.plan import Plan
from perfsuite.model.summary import Summary

if TYPE_CHECKING:  # what is kept of runs names their outcomes
    from perfsuite.model.history import Comparison


class Outcome(StrEnum):
    """The one-word answer of a run."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    REGRESSION = "regression"
    INTERRUPTED = "interrupted"

    @property
    def is_of_worth(self) -> bool:
        """True where the figures of such a run say something of the target."""
        return self not in (Outcome.INCONCLUSIVE, Outcome.INTERRUPTED)


class TargetOutcome(StrEnum):
    """What became of one target."""

    MET = "met"
    MISSED = "missed"
    NOT_JUDGED = "not judged"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One target beside what was observed. `scope`: "all", "role policyholder", "operation policies.list" …

    `interval`: where the figure lies with 95 % confidence; None where that is not known. `too_close`: the limit is
    within it, so that another run like this one may well come out the other way.
    """

    name: str
    scope: str
    metric: str
    limit: float
    below: bool
    observed: float | None
    unit: str
    outcome: TargetOutcome
    reason: str
    interval: tuple[float, float] | None = None
    too_close: bool = False


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one run, with its reasons in words for the user. `notes` do not change it."""

    outcome: Outcome
    reasons: tuple[str, ...]
    exit_code: int
    targets: tuple[TargetResult, ...]
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that the report writers need to know of one run.

    `findings`: the most telling first. `readings`: what the monitors read, in any order; empty where nothing was
    watched. `fingerprint`: what each operation costs the database; None where it was not taken. `comparison`: the run
    held against its baseline; None without one.
    """

    plan: Plan
    summary: Summary
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    readings: Sequence[Reading] = ()
    fingerprint: Fingerprint | None = None
    comparison: Comparison | None = None
