"""Summary + readings + fingerprint → Findings: what left its band and when, what was at its limit, what costs most."""

from perfsuite.findings.find import Observations, find
from perfsuite.findings.steady_state import asks_more

__all__ = ["Observations", "asks_more", "find"]
