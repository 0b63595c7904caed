"""One run as the report writers see it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfsuite.model.finding import Finding
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import Comparison
from perfsuite.model.monitor import Reading
from perfsuite.model.plan import Plan
from perfsuite.model.summary import Summary
from perfsuite.model.verdict import Verdict


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
