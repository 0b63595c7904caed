"""What a run found out about the correctness of the target under load."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


class CheckLevel(StrEnum):
    """How much of the load may be checks, see `SHARES`."""

    OFF = "off"
    SAMPLE = "sample"
    THOROUGH = "thorough"


SHARES: Mapping[CheckLevel, float] = {CheckLevel.OFF: 0.0, CheckLevel.SAMPLE: 0.02, CheckLevel.THOROUGH: 0.1}
"""Level → the most requests of checks per request of the load."""


class ChecksOff(StrEnum):
    """Why a run checks nothing."""

    OPTION = "option"
    REMOTE = "remote"
    """The default beyond this machine."""
    SEARCH = "search"
    """A search for the capacity makes no checks."""


class Invariant(StrEnum):
    """What must stay true, whatever the load."""

    ISOLATION = "isolation"
    PERMISSIONS = "permissions"
    WRITES = "writes"
    CONTESTS = "contests"
    LISTS = "lists"
    CACHES = "caches"
    ERRORS = "errors"


CheckKey = tuple[str, str, str, tuple[str, ...]]
"""Identifies a check: invariant, rule, operation, roles."""


class CheckResult(StrEnum):
    """How one check ended."""

    HELD = "held"
    VIOLATED = "violated"
    NOT_CHECKED = "not checked"


@dataclass(frozen=True, slots=True)
class Exchanged:
    """A request of a check and what came back: part of the evidence. Holds no secret.

    `actor`: role and position among its accounts, such as "policyholder#2"; `sent_at`: UTC epoch, s; `status`: 0 where
    no answer came.
    """

    actor: str
    operation: str
    request: str
    """Method and path; ids are shortened."""
    request_id: str
    sent_at: float
    status: int


@dataclass(frozen=True, slots=True)
class CheckStep:
    """One request that a check sent, without values: what `replay` does again with others.

    `actor`: as in Exchanged; `token`: what it showed as its token, "own" for a valid one of its own. `request`: method
    and path with names in place of ids. `fields`: of the body, if it has one. `instant`: requests with the same number
    were sent at the same instant; `wait_s`: after so long a wait.
    """

    actor: str
    token: str
    operation: str
    request: str
    fields: tuple[str, ...] = ()
    instant: int = 0
    wait_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Violation:
    """One invariant that did not hold, for one operation and these roles; `count` times."""

    id: str
    """Short, and unique within the run: what `replay` is given."""
    invariant: Invariant
    rule: str
    operation: str
    roles: tuple[str, ...]
    expected: str
    seen: str
    evidence: tuple[Exchanged, ...] = ()
    """Of the first time: the two requests that show it."""
    first_at: float = 0.0
    """UTC epoch, s."""
    count: int = 1
    steps: tuple[CheckStep, ...] = ()
    """Of the first time: all that its check sent, besides what checks before it had learnt; none where the load's own
    answers showed it."""
    under_load_only: bool = False
    """Without load it is not expected to happen."""
    no_replay: str = ""
    """Why no replay can make its check; "" where one may."""

    @property
    def key(self) -> CheckKey:
        """That of its check."""
        return self.invariant.value, self.rule, self.operation, self.roles


@dataclass(frozen=True, slots=True)
class CheckRow:
    """How often one rule was checked for one operation and role, and why it could not be.

    `watched_held` and `watched_violated`: how many of those were answers that the load got anyway.
    """

    invariant: Invariant
    rule: str
    role: str
    operation: str
    held: int = 0
    violated: int = 0
    not_checked: Mapping[str, int] = field(default_factory=dict)
    """Reason → how often."""
    watched_held: int = 0
    watched_violated: int = 0

    @property
    def checks(self) -> int:
        """Those with a result."""
        return self.held + self.violated

    @property
    def watched(self) -> int:
        """Those of them that were answers of the load."""
        return self.watched_held + self.watched_violated


@dataclass(frozen=True, slots=True)
class Correctness:
    """What was checked during a run, and what did not hold.

    `requests`: sent by checks, and by no user; `load_requests`: sent by the load.
    """

    level: CheckLevel
    requests: int = 0
    load_requests: int = 0
    rows: tuple[CheckRow, ...] = ()
    violations: tuple[Violation, ...] = ()
    why_off: ChecksOff | None = None
    """Why nothing was checked; None where checks were on."""

    @property
    def share(self) -> float:
        """Checks per request of the load."""
        return self.requests / self.load_requests if self.load_requests else 0.0

    @property
    def checks(self) -> int:
        """Those with a result."""
        return sum(row.checks for row in self.rows)

    @property
    def held(self) -> int:
        """Those whose invariant held."""
        return sum(row.held for row in self.rows)

    @property
    def watched(self) -> int:
        """Those with a result that were answers of the load; the others sent requests of their own."""
        return sum(row.watched for row in self.rows)

    @property
    def rules(self) -> Mapping[tuple[Invariant, str], tuple[CheckRow, ...]]:
        """The rows of each rule, in their order."""
        found: dict[tuple[Invariant, str], tuple[CheckRow, ...]] = {}
        for row in self.rows:
            key = (row.invariant, row.rule)
            found[key] = (*found.get(key, ()), row)
        return found
