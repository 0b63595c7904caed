"""The figures of one run."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.model.failures import FailureGroup


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
