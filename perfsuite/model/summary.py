"""The figures of one run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from perfsuite.model.cleanup import Cleanup
from perfsuite.model.correctness import Correctness
from perfsuite.model.failures import FailureGroup, FailurePattern, SuiteErrorGroup
from perfsuite.model.generator import GeneratorHealth
from perfsuite.model.stages import Recovery, StageSeconds, StageSpan
from perfsuite.model.summary_parts import (
    NO_SERVER_TIMES,
    Aborted,
    AddressConnections,
    Coverage,
    CutOff,
    Logins,
    OperationSeconds,
    Outage,
    RawSampleFiles,
    Reconciliation,
    Remark,
    ServerTimes,
    SlowestRequest,
    UserCounts,
)
from perfsuite.model.workers import LostWorker, RunLedger

PERCENTILES: Mapping[str, float] = MappingProxyType(
    {"p50_ms": 0.5, "p75_ms": 0.75, "p90_ms": 0.9, "p95_ms": 0.95, "p99_ms": 0.99, "p999_ms": 0.999}
)
"""Field of Statistics → fraction of the requests at or below it."""
_SAMPLES_BEYOND = 10


def samples_needed(fraction: float) -> int:
    """The fewest samples for a percentile: 10 / (1 − p), so that 10 are expected beyond it; 200 for p95."""
    return round(_SAMPLES_BEYOND / (1 - fraction))


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
class Breakdown:
    """Where the time of a set of requests went. None where it is not known, or for too few requests.

    response = waiting + connect + tls + service, and service = server + outside. `waiting`: until a session of
    the open model was free, or the generator came to it. `outside`: network, proxies, and queues before the
    application. `connect_avg_ms` and `tls_avg_ms` are means over the connections opened, `waiting_avg_ms` and the
    others over the requests. `not_started` were due and never sent: they are in no other figure here.
    """

    service_avg_ms: float | None = None
    service_p50_ms: float | None = None
    service_p95_ms: float | None = None
    server_told: int = 0
    server_avg_ms: float | None = None
    server_p95_ms: float | None = None
    outside_avg_ms: float | None = None
    waiting_avg_ms: float | None = None
    connections: int = 0
    connect_avg_ms: float | None = None
    tls_avg_ms: float | None = None
    not_started: int = 0


NO_BREAKDOWN = Breakdown()


@dataclass(frozen=True, slots=True)
class Row:
    """Figures of one period ("ramp-up", "steady", "ramp-down") or of one second, for a role, behaviour, operation.

    ALL stands where a row is a total. `ok`: the figures that targets judge, without failures that the target answered;
    None where nothing failed, so that they are those of `statistics`.
    """

    period: str
    role: str
    behaviour: str
    operation: str
    statistics: Statistics
    breakdown: Breakdown = NO_BREAKDOWN
    ok: Statistics | None = None

    @property
    def judged(self) -> Statistics:
        """The figures that targets, baselines and comparisons use."""
        return self.ok or self.statistics


@dataclass(frozen=True, slots=True)
class StageFigures:
    """One stage that began. `users_by_role`: planned at its end. `breakdown` as in the rows.

    The figures are over `seconds.counted`: the steady part of a hold stage, else the whole stage.
    """

    span: StageSpan
    seconds: StageSeconds
    users_by_role: dict[str, int]
    statistics: Statistics
    ok: Statistics | None = None
    recovery: Recovery | None = None

    @property
    def name(self) -> str:
        """Of the stage."""
        return self.span.stage.name

    @property
    def judged(self) -> Statistics:
        """The figures that targets use."""
        return self.ok or self.statistics


@dataclass(frozen=True, slots=True)
class TimeBin:
    """Requests of the steady state whose response time lay from `low_ms` up to, but not at, `high_ms`."""

    low_ms: float
    high_ms: float
    ok: int
    failed: int
    """Actions that never began are among them, with the time that they had waited."""

    @property
    def requests(self) -> int:
        """Both together."""
        return self.ok + self.failed


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
class SecondArrivals:
    """Open model: the actions that were due in one second, whenever they began, and the queue at its end."""

    due: int
    begun: int
    lag_avg_ms: float | None
    lag_max_ms: float | None
    waiting: int


@dataclass(frozen=True, slots=True)
class Second:
    """One second of the whole run, over all operations. `users`: alive at its end, by role."""

    second: int
    period: str
    statistics: Statistics
    users: dict[str, int]
    breakdown: Breakdown = NO_BREAKDOWN
    arrivals: SecondArrivals | None = None
    """None in the closed model."""
    never_left: int = 0
    """Of the failures, those on limits of the load machine."""
    stage: str = ""
    """Of a scenario with stages; "" outside all of them."""


@dataclass(frozen=True, slots=True)
class ArrivalFigures:
    """How the open model kept to its times, over the steady state; all counts are of actions, not of requests.

    `asked_per_s`: mean of the rate that was planned. `offered_per_s`: actions that began in the steady state,
    whenever they were due, over its length. `begun`, lag: of those that were due in it, whenever they began.
    """

    asked_per_s: float
    offered_per_s: float
    due: int
    begun: int
    not_started: int
    not_started_whole_run: int
    lag_avg_ms: float | None
    lag_p99_ms: float | None
    lag_max_ms: float | None
    longest_queue: int


@dataclass(frozen=True, slots=True)
class WholeRun:
    """All requests of the run, whatever the period."""

    requests: int
    failures: int
    wrong_answers: int
    rate_limited: int = 0
    """Of the failures, those that the target's rate limit answered (HTTP 429)."""
    expired: int = 0
    """Further requests, refused because a token had expired; each was repeated after a login and counts then."""
    retries: int = 0
    """Requests that were repeated over a new connection, since the target had closed an idle one. Each counts once."""


@dataclass(frozen=True, slots=True)
class Occupancy:
    """Little's law for one role in the steady state (closed model): what its users spent their time on.

    `users`: mean number alive. `accounted`: the mean number that were acting or pausing, by the time that actions
    took and the mean pause after each. `in_login`: mean number that were logging in, at most. `cut`: how many were
    in an action that never ended, at most. `cycle_s`: mean action time + mean pause, or the mean login where that
    is longer.
    """

    role: str
    users: float
    actions: int
    accounted: float
    in_login: float
    cycle_s: float
    cut: int = 0


@dataclass(frozen=True, slots=True)
class Drift:
    """A trend inside the steady state: the figure's value on the trend line at its beginning and at its end."""

    figure: str
    start: float
    end: float
    p_value: float


@dataclass(frozen=True, slots=True)
class TargetFigures:
    """What is known about one target beyond its figure.

    `interval`: 95 % interval of the figure; None where the steady state is too short for one.
    `value`: the figure itself where the rows do not hold it (Apdex), else None.
    """

    metric: str
    role: str | None
    operation: str | None
    interval: tuple[float, float] | None
    value: float | None = None
    stages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Within:
    """How many requests of the steady state succeeded within a time."""

    limit_ms: float
    succeeded: int


INTERRUPTED = "interrupted"
TARGET_LOST = "target lost"
LOAD_DIED = "load process died"
SUITE_FAILED = "suite error"
"""An error of the suite itself ended the load."""
ABORTED = "stop rule"
"""A target had been missed for as long as its stop rule allows."""
CUT_OFF = "cut off"
"""Nobody wrote down how the run ended: the suite itself was killed, its machine stopped, or it still runs."""


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
    """One row per second (or minute that was rolled up), role and operation; `period` holds the UTC second as text."""
    failures: tuple[FailureGroup, ...]
    whole_run: WholeRun
    generator: GeneratorHealth
    coverage: Coverage
    reconciliation: Reconciliation
    cleanup: Cleanup | None
    target_lost_at: int | None
    """UTC second from which on the target answered nothing any more, until the end."""
    ended: str
    """"completed", INTERRUPTED, TARGET_LOST, LOAD_DIED, SUITE_FAILED, ABORTED or CUT_OFF."""
    environment: dict[str, str]
    arrivals: ArrivalFigures | None = None
    """None in the closed model."""
    lost_workers: tuple[LostWorker, ...] = ()
    occupancy: tuple[Occupancy, ...] = ()
    drifts: tuple[Drift, ...] = ()
    target_figures: tuple[TargetFigures, ...] = ()
    within: tuple[Within, ...] = ()
    """For the published limits, shortest time first."""
    distribution: tuple[TimeBin, ...] = ()
    """Response times of the steady state over all operations, in bins that follow each other without a gap."""
    suite_errors: tuple[SuiteErrorGroup, ...] = ()
    """Errors of the suite itself, in the load and outside it."""
    logins: Logins | None = None
    """None where none was sent."""
    server_times: ServerTimes = NO_SERVER_TIMES
    remarks: tuple[Remark, ...] = ()
    """What answers reported and was not used, the most frequent first."""
    clock_set_s: float = 0.0
    """By how much the system clock was set forward during the run; negative: back. The run's own clock is not."""
    failure_patterns: tuple[FailurePattern, ...] = ()
    """`failures` by kind and message alone, the most frequent first."""
    ok: Statistics | None = None
    """`totals` as targets judge them; None where nothing failed, so that they are the same."""
    outages: tuple[Outage, ...] = ()
    """When the target did not answer, in the order of time."""
    cut_off: tuple[CutOff, ...] = ()
    """What the end of the load cut off, of the steady state."""
    connections: tuple[AddressConnections, ...] = ()
    """Whole run, by address; () in older files."""

    slowest: tuple[SlowestRequest, ...] = ()
    """The ten slowest requests of each role, behaviour and operation, in the order of the rows; the slowest first."""

    raw_samples: RawSampleFiles | None = None
    """None without `--raw-samples`."""

    ledger: RunLedger | None = None
    """None in older files."""

    correctness: Correctness | None = None
    """None in older files."""

    aborted: Aborted | None = None
    """The stop rule that ended the run; None where none did."""
    stages: tuple[StageFigures, ...] = ()
    """Of a scenario with stages: those that began."""
    stage_rows: tuple[Row, ...] = ()
    """The rows of each stage, with its name as the period; then those of stages that a target names together."""

    minutes: tuple[Second, ...] = ()
    """Of a long run: the figures of each minute that was rolled up, at its first second. Its `seconds` lack percentiles
    and most of the breakdown."""
    operation_seconds: Mapping[tuple[str, str], OperationSeconds] = field(default_factory=dict)
    """Role and operation → its seconds in these minutes."""

    def is_steady(self, second: int) -> bool:
        """True for a second of the steady state."""
        if self.stages:
            spans = [stage.seconds.steady for stage in self.stages if stage.seconds.steady is not None]
            return any(start <= second < end for start, end in spans)
        return (
            self.steady_start is not None
            and self.steady_end is not None
            and (self.steady_start <= second < self.steady_end)
        )

    @property
    def totals_ok(self) -> Statistics:
        """Figures of the steady state that targets, baselines and comparisons use.

        Without failures that the target answered: an error is not speed. Timeouts, unfinished requests and actions
        that never began are there with the time that they had waited, among `failures`. `rps` counts successes.
        """
        return self.ok or self.totals
