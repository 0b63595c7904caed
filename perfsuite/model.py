"""The records that cross borders between the stages of a run.

Units are in the names: `_ms`, `_s`, `_us`, `rps` = requests per second, `_rate` = a fraction 0…1.
Fields that may be None are unknown or not told (too few samples), never zero.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

ALL = "all"
"""Stands for "every role" / "every operation" in the rows of totals."""

LOGIN = "login"
"""Name of the behaviour and operation under which logins are counted."""


# ── plan ────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Scenario:
    """A load to make. `duration_s` includes the ramp-up; `spawn_rate` is users started a second."""

    name: str
    users: int
    spawn_rate: float
    duration_s: float
    purpose: str = ""


@dataclass(frozen=True, slots=True)
class Target:
    """A limit that the backend has to meet.

    `metric` is a field of Statistics (avg_ms, p95_ms, failure_rate, rps) or "concurrent_users" (peak).
    `below`: met when observed < limit; else met when observed > limit.
    `information_in`: scenarios in which the outcome is shown but does not gate.
    """

    name: str
    metric: str
    limit: float
    below: bool
    role: str | None = None
    operation: str | None = None
    scenarios: tuple[str, ...] = ()
    information_in: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything a run was asked to do. Holds no secret: it is written to `plan.json`."""

    run_id: str
    scenario: Scenario
    host: str
    users_by_role: dict[str, int]
    targets: tuple[Target, ...]
    allowed_hosts: tuple[str, ...]
    seed: int
    created_at: str
    command: tuple[str, ...] = ()
    absent_roles: tuple[str, ...] = ()
    shared_accounts: dict[str, int] = field(default_factory=dict)
    """Roles with fewer accounts than virtual users → number of their accounts."""
    read_only: bool = False
    tolerate_broken: bool = False
    demo: str | None = None
    suite_version: str = ""
    schema: int = 1


@dataclass(frozen=True, slots=True)
class Account:
    """One login of the target. Never written anywhere by the suite."""

    phone_number: str
    password: str = field(repr=False)
    role: str


# ── preflight ───────────────────────────────────────────────────────────────────────────────────────


class Works(StrEnum):
    """What preflight found out about one operation for one role."""

    YES = "ok"
    MISSING = "missing"  # the target does not list it
    BROKEN = "broken"  # it fails without any load
    NO_DATA = "no data"  # it needs an id that the target does not have
    LEFT_OUT = "left out"  # a write, and the run is read-only


@dataclass(frozen=True, slots=True)
class OperationCheck:
    """The outcome of calling one operation once as one role."""

    role: str
    operation: str
    method: str
    path: str
    works: Works
    status: int | None = None
    message: str = ""
    elapsed_ms: float | None = None


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What the target is and offers. Written to `preflight.json`."""

    host: str
    service: str
    version: str
    offered: tuple[str, ...]
    checks: tuple[OperationCheck, ...]
    dead_behaviours: tuple[str, ...] = ()
    """"role / behaviour" of which nothing is left to do."""
    schema: int = 1

    def left_out(self, role: str) -> frozenset[str]:
        """Operations that the load must not make as `role`."""
        return frozenset(
            check.operation
            for check in self.checks
            if check.role == role and check.works in (Works.MISSING, Works.BROKEN, Works.LEFT_OUT)
        )


# ── failures ────────────────────────────────────────────────────────────────────────────────────────


class FailureKind(StrEnum):
    """Why a request failed."""

    STATUS = "http status"
    WRONG_ANSWER = "wrong answer"  # the status was fine, the content was not
    REDIRECT = "redirect"
    RATE_LIMIT = "rate limit"  # 429
    CONNECTION_REFUSED = "connection refused"
    CONNECTION_LOST = "connection lost"
    TIMEOUT = "timeout"
    NAME_NOT_FOUND = "name not found"
    TLS = "tls"
    UNFINISHED = "unfinished"  # still waiting for an answer when the run had to end
    REFUSED_HOST = "host not allowed"

    @property
    def never_answered(self) -> bool:
        """True where no HTTP answer came back at all."""
        return self in _NEVER_ANSWERED


_NEVER_ANSWERED = frozenset(
    {
        FailureKind.CONNECTION_REFUSED,
        FailureKind.CONNECTION_LOST,
        FailureKind.TIMEOUT,
        FailureKind.NAME_NOT_FOUND,
        FailureKind.TLS,
        FailureKind.UNFINISHED,
    }
)


@dataclass(frozen=True, slots=True)
class FailureGroup:
    """Failures of the same kind, with ids stripped from the message. Times are UTC epoch seconds."""

    role: str
    operation: str
    kind: str
    message: str
    count: int
    first_seen: int
    last_seen: int
    request_id: str


# ── summary ─────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Statistics:
    """Figures of a set of requests. Percentiles are None where there are too few samples (10 / (1 − p))."""

    requests: int
    failures: int
    failure_rate: float | None
    rps: float
    avg_ms: float | None
    min_ms: float | None
    max_ms: float | None
    p50_ms: float | None
    p75_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    p999_ms: float | None


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one period ("ramp-up", "steady", "ramp-down") or of one second, for a role, behaviour, operation.

    ALL stands where a row is a total.
    """

    period: str
    role: str
    behaviour: str
    operation: str
    statistics: Statistics


@dataclass(frozen=True, slots=True)
class BehaviourRow:
    """How often users of a role could do what they came for (steady state)."""

    role: str
    behaviour: str
    actions: int
    succeeded: int
    success_rate: float | None
    avg_ms: float | None
    p95_ms: float | None


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the whole run, over all operations. `users`: alive at its end, by role."""

    second: int
    period: str
    statistics: Statistics
    users: dict[str, int]


@dataclass(frozen=True, slots=True)
class UserCounts:
    """Virtual users asked for, and the most that were alive at once."""

    requested: int
    peak: int
    by_role: dict[str, int]


@dataclass(frozen=True, slots=True)
class WholeRun:
    """All requests of the run, whatever the period."""

    requests: int
    failures: int
    wrong_answers: int


@dataclass(frozen=True, slots=True)
class GeneratorHealth:
    """The load side's own state. CPU 100 = one core, the busiest process."""

    processes: int
    cpu_percent_max: float | None
    loop_lag_p99_ms: float | None
    lost_reports: int


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the planned operations could be exercised. Entries read "role / operation"."""

    offered: int
    missing: tuple[str, ...]
    broken: tuple[str, ...]
    left_out: tuple[str, ...]
    not_possible: dict[str, int]
    """Operation → how often it could not be made for want of data."""
    dead_behaviours: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Three independent counts of the same requests. None where that count is not to be had."""

    recorded: int
    locust_total: int | None
    backend_log: int | None

    @property
    def agrees(self) -> bool:
        """True when every count that is known is the same."""
        known = {count for count in (self.recorded, self.locust_total, self.backend_log) if count is not None}
        return len(known) == 1


@dataclass(frozen=True, slots=True)
class Cleanup:
    """What the run made at the target and what became of it."""

    created: int
    removed: int
    not_removed: tuple[str, ...] = ()
    not_restored: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Summary:
    """The figures of one run. `steady_*` are None when the plateau was never reached."""

    run_id: str
    scenario: str
    host: str
    started_at: str
    duration_s: float
    steady_s: float
    steady_start: int | None
    steady_end: int | None
    users: UserCounts
    totals: Statistics
    rows: tuple[Row, ...]
    behaviours: tuple[BehaviourRow, ...]
    seconds: tuple[Second, ...]
    second_rows: tuple[Row, ...]
    """One row per second, role and operation; `period` holds the UTC second as text."""
    failures: tuple[FailureGroup, ...]
    whole_run: WholeRun
    generator: GeneratorHealth
    coverage: Coverage
    reconciliation: Reconciliation
    cleanup: Cleanup | None
    target_lost_at: int | None
    """UTC second from which on the target answered nothing any more, until the end."""
    ended: str
    """"completed", "interrupted", "target lost", or "load process died"."""
    environment: dict[str, str]


@dataclass(frozen=True, slots=True)
class LiveState:
    """Where a run stands, for the live view and the stop conditions.

    `statistics` cover the steady state so far, or everything since the start while there is none
    (`steady` tells which); `rps_now` and `p95_now_ms` the last five whole seconds.
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


# ── verdict ─────────────────────────────────────────────────────────────────────────────────────────


class Outcome(StrEnum):
    """The one-word answer of a run."""

    PASS = "pass"
    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    REGRESSION = "regression"
    INTERRUPTED = "interrupted"


class TargetOutcome(StrEnum):
    """What became of one target."""

    MET = "met"
    MISSED = "missed"
    NOT_JUDGED = "not judged"
    INFORMATION = "information"


@dataclass(frozen=True, slots=True)
class TargetResult:
    """One target beside what was observed. `scope`: "all", "role policyholder", "operation policies.list" …"""

    name: str
    scope: str
    metric: str
    limit: float
    below: bool
    observed: float | None
    unit: str
    outcome: TargetOutcome
    reason: str


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
    """All that the report writers need to know of one run."""

    plan: Plan
    summary: Summary
    verdict: Verdict
