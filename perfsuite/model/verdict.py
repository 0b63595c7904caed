"""The judgement of one run."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from perfsuite.messages import Message


class Outcome(StrEnum):
    """The one-word answer of a run."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    REGRESSION = "regression"
    INTERRUPTED = "interrupted"

    @property
    def is_conclusive(self) -> bool:
        """True where the figures of such a run say something about the target."""
        return self not in (Outcome.INCONCLUSIVE, Outcome.INTERRUPTED)


class TargetOutcome(StrEnum):
    """What became of one target."""

    MET = "met"
    MISSED = "missed"
    NOT_JUDGED = "not judged"
    INFORMATION = "information"


class Remedy(StrEnum):
    """What would let a target be judged that could not be."""

    LONGER = "longer"
    ITERATIONS = "with more iterations"
    USERS = "with more users"
    RATE = "at a higher arrival rate"


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
    reason: Message
    interval: tuple[float, float] | None = None
    too_close: bool = False
    remedies: tuple[Remedy, ...] = ()
    """Of a target that was not judged; () where neither a longer run nor more load would help."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """The judgement of one run, with its reasons. `notes` do not change it.

    `headlines`: what has to be known beside any outcome, so that no output leaves it out.
    """

    outcome: Outcome
    reasons: tuple[Message, ...]
    exit_code: int
    targets: tuple[TargetResult, ...]
    notes: tuple[Message, ...] = ()
    headlines: tuple[Message, ...] = ()

    @property
    def shown_reasons(self) -> tuple[Message, ...]:
        """Reasons and headlines: what every output shows beside the outcome."""
        return (*self.reasons, *self.headlines)
