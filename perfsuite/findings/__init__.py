"""Summary + readings + fingerprint → Findings: what left its band and when, what was at its limit, what costs most."""

from perfsuite.findings.demand import asks_more
from perfsuite.findings.find import find
from perfsuite.findings.watched import Watched

__all__ = ["Watched", "asks_more", "find"]
