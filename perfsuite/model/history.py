"""Records of finished runs, what comparing them shows, and the noise of such comparisons."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

import msgspec

from perfsuite.model.capacity import CapacityKind
from perfsuite.model.fingerprint import Difference, Fingerprint
from perfsuite.model.plan import SearchBy
from perfsuite.model.summary import Statistics
from perfsuite.model.verdict import Outcome


@dataclass(frozen=True, slots=True)
class Conditions:
    """Under what a run was made. Runs are compared where these agree.

    `scenario_digest` identifies the content of the scenario, whatever its name. `data_size`: rows at the target by
    kind, empty where unknown. `machine`: that of the load. `search_by`, `targets_digest`: of a search for the capacity
    what its load was counted in, and its targets; "" for another run. `check_correctness`: how much of the load checks
    added, a `CheckLevel`; "" for runs that were kept before this was recorded.
    """

    scenario: str
    scenario_digest: str
    users_by_role: dict[str, int]
    host: str
    demo: str | None = None
    data_size: dict[str, int] = field(default_factory=dict)
    read_only: bool = False
    left_out: tuple[str, ...] = ()
    processes: int = 1
    machine: str = ""
    suite_version: str = ""
    search_by: str = ""
    targets_digest: str = ""
    check_correctness: str = ""


OF_ALL_REQUESTS = ("requests", "failures", "failure_rate")
"""Figures that are of all requests, whatever became of them."""


@dataclass(frozen=True, slots=True)
class Measured:
    """Steady-state figures of one operation as one role. ALL stands where it is a total.

    `ok`: the same without failures that the target answered; None where nothing failed, and in runs that were kept
    before this was recorded.
    """

    role: str
    operation: str
    statistics: Statistics
    ok: Statistics | None = None

    def figure(self, metric: str) -> float | None:
        """A field of Statistics as runs are compared by it: counts of all requests, times and throughput without
        answered failures where that is known."""
        figures = self.statistics if metric in OF_ALL_REQUESTS or self.ok is None else self.ok
        value: float | None = getattr(figures, metric)
        return value

    @property
    def is_mixed(self) -> bool:
        """True where times and throughput include failures, since they were kept so."""
        return self.ok is None and self.statistics.failures > 0


@dataclass(frozen=True, slots=True)
class PastCapacity:
    """What a search found. The capacity lies between `low` and `high`, in the unit of `by`; None: that end is open.

    `rps`: completed at both ends, as far as they are known. `first_to_fail`: a target in words, "" where none failed.
    """

    by: SearchBy
    kind: CapacityKind
    low: float | None = None
    high: float | None = None
    estimate: float | None = None
    rps: tuple[float, float] | None = None
    first_to_fail: str = ""


@dataclass(frozen=True, slots=True)
class PastRun:
    """A finished run as history keeps it. `started_at`, `ended_at`: UTC, ISO 8601. `folder`: name below the results
    folder.

    `measured` holds the total, each role, each operation, and each operation as each role. `fingerprint` is None
    where it was not taken or not requested.
    """

    run_id: str
    started_at: str
    folder: str
    outcome: Outcome
    exit_code: int
    conditions: Conditions
    measured: tuple[Measured, ...]
    label: str = ""
    release: str = ""
    target_version: str = ""
    steady_s: float = 0.0
    fingerprint: Fingerprint | None = None
    ended_at: str = ""
    schema: int = 1
    capacity: PastCapacity | None = None
    """None for a run that was no search."""

    def at(self, role: str, operation: str) -> Measured | None:
        """What was measured of an operation as a role (ALL for a total); None when the run has none."""
        found = (one for one in self.measured if (one.role, one.operation) == (role, operation))
        return next(found, None)

    def of(self, role: str, operation: str) -> Statistics | None:
        """The figures of all its requests; None when the run has none."""
        found = self.at(role, operation)
        return found.statistics if found else None


@dataclass(frozen=True, slots=True)
class Baseline:
    """Runs under a name, to compare later ones with. `saved_at`: UTC, ISO 8601.

    Schema history
        1   first layout
    """

    name: str
    saved_at: str
    runs: tuple[PastRun, ...]
    schema: int = 1


class ComparisonOutcome(StrEnum):
    """What became of one figure from A to B."""

    SLOWER = "slower"
    FASTER = "faster"
    SAME = "same"
    CANNOT_TELL = "cannot tell"


class Change(msgspec.Struct, frozen=True):
    """One figure of one operation as one role (ALL for totals), in the runs of A and in those of B.

    `metric` is a field of Statistics. `shift`: Hodges–Lehmann, B − A, in the figure's own unit, with its 95 % CI
    (None where so few runs give none); `shift_rate`: as a fraction of A, None where A is 0. `p_value` is adjusted for
    all operations, None where no test was made. "slower" means worse in any figure: a longer time, more failures,
    less throughput. `reason` is for the user.
    """

    role: str
    operation: str
    metric: str
    a: tuple[float, ...]
    b: tuple[float, ...]
    shift: float
    shift_rate: float | None
    interval: tuple[float, float] | None
    p_value: float | None
    outcome: ComparisonOutcome = msgspec.field(name="word")
    reason: str = ""


SAME_CAPACITY_RATE = 0.1
"""The least change that two searches of a quarter of an hour can exclude: their intervals are about 8 % wide."""


class CapacityOutcome(StrEnum):
    """What became of the capacity from A to B."""

    LOWER = "lower"
    HIGHER = "higher"
    SAME = "same"
    CANNOT_TELL = "cannot tell"


@dataclass(frozen=True, slots=True)
class CapacityChange:
    """The capacity of B compared with that of A. `change`: as a fraction of A, from … to; None: that end is open."""

    a: PastCapacity
    b: PastCapacity
    outcome: CapacityOutcome
    change: tuple[float | None, float | None]


@dataclass(frozen=True, slots=True)
class RunGroup:
    """Runs that are compared as one, under the name that the user gave, the oldest first."""

    name: str
    runs: tuple[PastRun, ...]

    @property
    def run_ids(self) -> tuple[str, ...]:
        """The ids of its runs."""
        return tuple(run.run_id for run in self.runs)

    @property
    def compared(self) -> ComparedRuns:
        """What a comparison records of it."""
        return ComparedRuns(self.name, self.run_ids)


@dataclass(frozen=True, slots=True)
class ComparedRuns:
    """Name and run ids of a group that was compared."""

    name: str
    run_ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Comparison:
    """B compared with A.

    `costs`: differences in what operations cost the database, exact counts. `mismatches`: conditions in which the
    groups differ, though the comparison was forced. `notes`: what can be said and what cannot, for the user.
    `costs_compared`: False where a group has no fingerprint. `capacity`: of two searches; None for other runs.
    """

    a: ComparedRuns
    b: ComparedRuns
    changes: tuple[Change, ...]
    costs: tuple[Difference, ...] = ()
    mismatches: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    costs_compared: bool = True
    capacity: CapacityChange | None = None

    @property
    def refused(self) -> bool:
        """True where nothing was compared: other conditions or, on another machine, no fingerprints."""
        nothing = not self.changes and not self.costs and self.capacity is None
        return nothing and (bool(self.mismatches) or not self.costs_compared)

    @property
    def is_lower(self) -> bool:
        """True where the capacity became lower."""
        return self.capacity is not None and self.capacity.outcome is CapacityOutcome.LOWER

    @property
    def costlier(self) -> tuple[Difference, ...]:
        """The costs that are a regression: whatever is worse; for rows, only what is far more."""
        return tuple(cost for cost in self.costs if cost.worse and _counts(cost))

    @property
    def regressions(self) -> tuple[Change, ...]:
        """The changes for the worse."""
        return tuple(change for change in self.changes if change.outcome is ComparisonOutcome.SLOWER)


ROWS_FACTOR, ROWS_LEAST = 1.5, 20
"""Rows grow with the data at the target: more of them are a regression from here on."""


def _counts(cost: Difference) -> bool:
    if cost.metric != "rows":
        return True
    less, more = cost.before.maximum, cost.after.maximum
    return more - less >= ROWS_LEAST and more >= less * ROWS_FACTOR


@dataclass(frozen=True, slots=True)
class ChangePoint:
    """A run from which on a figure stays on another level. `before`, `after`: medians of the levels beside it."""

    role: str
    operation: str
    metric: str
    run_id: str
    before: float
    after: float
    p_value: float


@dataclass(frozen=True, slots=True)
class MetricNoise:
    """One figure of one operation as one role (ALL for totals). `level`: its median; both rates are fractions of it.

    `chance_rate`: 95 of 100 comparisons of the target with itself (5 + 5 runs) show a smaller shift.
    `detectable_rate`: the true shift for the worse that 9 of 10 such comparisons detect.
    """

    role: str
    operation: str
    metric: str
    level: float
    chance_rate: float
    detectable_rate: float


class Noise(msgspec.Struct, frozen=True):
    """The noise of comparisons under the same conditions. `measured_at`: UTC, ISO 8601."""

    measured_at: str
    conditions: Conditions
    run_ids: tuple[str, ...]
    metrics: tuple[MetricNoise, ...] = msgspec.field(name="floors")

    def chance_rate(self, role: str, operation: str, metric: str) -> float:
        """The `chance_rate` of a figure; 0.0 where it was not measured."""
        of = (role, operation, metric)
        return next((one.chance_rate for one in self.metrics if (one.role, one.operation, one.metric) == of), 0.0)


@dataclass(frozen=True, slots=True)
class NoiseFile:
    """`noise.json` beside the results: the newest measurement of each environment.

    Schema history
        1   first layout
    """

    noises: tuple[Noise, ...] = ()
    schema: int = 1
