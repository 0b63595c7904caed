"""What is known of a run beside the load's own figures."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from perfsuite.model import PreflightReport
from perfsuite.model.fingerprint import Difference, Fingerprint
from perfsuite.model.monitor import Reading


@dataclass(frozen=True, slots=True)
class Watched:
    """Readings in any order. All of it may be missing.

    `differences`: of the fingerprint from that of an earlier run; `grown`: of one taken after the load from the one
    taken before it.
    """

    readings: Sequence[Reading] = ()
    fingerprint: Fingerprint | None = None
    differences: Sequence[Difference] = ()
    grown: Sequence[Difference] = ()
    preflight: PreflightReport | None = None
