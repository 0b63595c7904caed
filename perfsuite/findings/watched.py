"""What is known of a run beside the load's own figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfsuite.model import PreflightReport
from perfsuite.model.fingerprint import Difference, Fingerprint
from perfsuite.model.monitor import Reading


@dataclass(frozen=True, slots=True)
class Watched:
    """Readings in any order; `differences`: of the fingerprint from an earlier one. All of it may be missing."""

    readings: Sequence[Reading] = ()
    fingerprint: Fingerprint | None = None
    differences: Sequence[Difference] = ()
    preflight: PreflightReport | None = None
