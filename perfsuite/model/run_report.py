"""A run as the outputs show it: while it is in progress, and when it has ended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from perfsuite.model.capacity import CapacityReport
from perfsuite.model.finding import Finding
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import Comparison
from perfsuite.model.monitor import Reading
from perfsuite.model.plan import Plan
from perfsuite.model.stability import Stability
from perfsuite.model.summary import Statistics, Summary
from perfsuite.model.verdict import TargetResult, Verdict


@dataclass(frozen=True, slots=True)
class LiveLine:
    """One role or one operation over the last seconds; `avg_ms` is None without a request."""

    name: str
    requests: int
    avg_ms: float | None
    failures: int


@dataclass(frozen=True, slots=True)
class LiveFailure:
    """Requests of one operation that failed alike, since the start."""

    operation: str
    kind: str
    message: str
    count: int


@dataclass(frozen=True, slots=True)
class LiveState:
    """The state of a run in progress, for the live view and the stop conditions.

    `statistics` cover the steady state so far, or everything since the start while there is none
    (see `steady`); `rps_now`, `p95_now_ms` and `avg_now_ms` the last five whole seconds.
    """

    phase: str
    elapsed_s: float
    total_s: float
    users: dict[str, int]
    users_requested: int
    rps_now: float
    p95_now_ms: float | None
    statistics: Statistics
    steady: bool
    requests: int
    failures: int
    unanswered_s: int
    """Length of the unbroken stretch of seconds, up to now, in which no request got any HTTP answer."""
    avg_now_ms: float | None = None
    roles: tuple[LiveLine, ...] = ()
    """Over the last 30 s, in the order of the plan."""
    operations: tuple[LiveLine, ...] = ()
    """Over the last 30 s, the slowest first."""
    failed: tuple[LiveFailure, ...] = ()
    """The most frequent first; of many, the first ten."""
    ok: Statistics | None = None
    """`statistics` as targets judge them, see Summary.totals_ok; None where they are the same."""
    generator_percent: int | None = None
    """How near its limit the load generator was over the last ten seconds; 100: saturated. None where not known."""
    violations: int = 0
    """Invariants that did not hold, for one operation and some roles each."""


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """What is shown of a run in progress, once a second: on the terminal, as a page, to Prometheus.

    `readings`: metric → its latest reading, gaps too; empty where nothing is monitored.
    """

    run_id: str
    scenario: str
    host: str
    live: LiveState
    targets: tuple[TargetResult, ...] = ()
    readings: Mapping[str, Reading] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RunReport:
    """All that the report writers need to know of one run.

    `findings`: the most significant first. `readings`: what the monitors read, in any order; empty where nothing was
    monitored. `fingerprint`: what each operation costs the database; None where it was not taken. `comparison`: the run
    compared with its baseline; None without one. `stability`: of each resource; () for runs of less than ten minutes.
    `capacity`: what a search found; None for a run that is none. `folder`: where its files are, for commands to name.
    """

    plan: Plan
    summary: Summary
    verdict: Verdict
    findings: tuple[Finding, ...] = ()
    readings: Sequence[Reading] = ()
    fingerprint: Fingerprint | None = None
    comparison: Comparison | None = None
    stability: tuple[Stability, ...] = ()
    capacity: CapacityReport | None = None
    folder: str = ""
