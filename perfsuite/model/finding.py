"""What a run shows about where the time went: evidence for a person to judge, never a cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from perfsuite.messages import Message


class FindingKind(StrEnum):
    """What sort of evidence a finding is."""

    ONSET = "left its band"  # response time or failures, and what left its band with them
    INCIDENT = "for some seconds"  # a resource was at its limit for a while, whatever the load felt of it
    LIMIT = "at its limit"  # a resource that was at its limit for most of the steady state
    CONFIGURATION = "configuration"  # how the target is set up, whatever the load
    LOGINS = "login storm"  # the logins with which users began were more than the target could do at once
    GROWTH = "growth"  # something that only grows
    COST = "database cost"  # what an operation asks of the database for one request
    CHANGE = "changed cost"  # the same, beside an earlier fingerprint
    FASTER = "grows faster than the load"  # an operation's service time, over loads that differ
    FIRST_RESOURCE = "first outside its normal range"  # of all resources, at the lowest load
    WITHIN_RANGE = "within their range"  # all resources, at every load
    SLOWEST = "most time"
    ROLE = "role that waits most"
    OUTSIDE = "time outside the server"
    TOO_FEW = "too few to compare"  # what looks like a change, of too few requests to be sure


COMPARED_FROM_S = 10.0
"""With a shorter steady state there is too little before a change to compare what comes after it with."""

_IN_EVERY_RUN = frozenset(
    {FindingKind.WITHIN_RANGE, FindingKind.SLOWEST, FindingKind.ROLE, FindingKind.OUTSIDE, FindingKind.TOO_FEW}
)


@dataclass(frozen=True, slots=True)
class Evidence:
    """One figure that supports a finding.

    `at_s`: the UTC second in which it left its band; None where it was so from the start, or is a total.
    `before`: its usual value (median), `after`: what it became; None where there is no such value: after None is a gap.
    """

    metric: str
    label: str
    before: float | None
    after: float | None
    unit: str
    at_s: int | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence for a person, and the figures behind it, the most significant first.

    `resource`: what it points at, such as "locks" or "pool"; "" where it is about the load alone. `at_s`: the UTC
    second to point at on the time axis; None where it holds for the whole steady state. `role` and `operation`:
    whom it affects most; None where that is not known.
    """

    kind: FindingKind
    headline: Message
    resource: str = ""
    at_s: int | None = None
    role: str | None = None
    operation: str | None = None
    evidence: tuple[Evidence, ...] = ()

    @property
    def unusual(self) -> bool:
        """False for what every run shows (slowest operations, where the time goes), and for what is not sure."""
        return self.kind not in _IN_EVERY_RUN
