"""What the search asks for, what it is given, and what it answers."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from perfsuite.capacity.constraints import Constraint, SecondSample


class VisitPhase(StrEnum):
    """Why a load is visited."""

    BRACKET = "bracket"
    BISECT = "bisect"
    OVERLOAD = "overload"
    RECOVERY = "recovery"
    FROM_ABOVE = "from_above"
    REFINE = "refine"


@dataclass(frozen=True, slots=True)
class Visit:
    """A load to offer for some seconds.

    `discard_s`: of its beginning, which do not count. `may_abort`: end it once a target is far beyond its limit.
    `until_concurrency`: end it once no more requests than this are in the target and it `is_recovered`; None: never.
    """

    load: float
    seconds: int
    phase: VisitPhase
    discard_s: int = 5
    may_abort: bool = True
    until_concurrency: float | None = None


@dataclass(frozen=True, slots=True)
class VisitResult:
    """What came of a visit. `samples`: by constraint, second by second from the visit's begin. `offered`, `completed`:
    requests of each second. `concurrency`: requests in the target at a time, on average after the discarded seconds.
    `recovered_s`: after so many seconds the target `is_recovered`.
    """

    visit: Visit
    samples: tuple[tuple[SecondSample, ...], ...]
    offered: tuple[int, ...]
    completed: tuple[int, ...]
    concurrency: float = 0.0
    generator_limited: bool = False
    aborted: bool = False
    recovered_s: int | None = None

    @property
    def seconds(self) -> int:
        """How long it took: less than planned where it was ended early."""
        return len(self.completed)


@dataclass(frozen=True, slots=True)
class Done:
    """Nothing is left to try, or no time to try it."""


@dataclass(frozen=True, slots=True)
class SearchSettings:
    """`start`: the first load. `most`: the highest one that may be offered. `open_model`: load is an arrival rate, so
    that a saturated target completes less than is offered; else it is a number of users."""

    constraints: tuple[Constraint, ...]
    duration_s: int = 900
    start: float = 8.0
    most: float = 100_000.0
    open_model: bool = True
    levels: int = 15


class CapacityKind(StrEnum):
    """What was found."""

    INTERVAL = "interval"
    CLIFF = "cliff"
    AT_LEAST = "at_least"
    NONE = "none"


class NotAnswered(StrEnum):
    """Why a part of the question has no answer."""

    GENERATOR = "generator"
    MOST_LOAD = "most_load"
    DURATION = "duration"
    FIRST_LOAD_FAILS = "first_load_fails"
    TOO_FEW_SAMPLES = "too_few_samples"
    METRIC = "metric"


@dataclass(frozen=True, slots=True)
class UslFit:
    """Throughput over concurrency by the Universal Scalability Law. `peak`: concurrency at its maximum; None: no peak
    observed, since the interval of `coherency` includes 0. `interval`: of the peak, 95 %."""

    per_request_rps: float
    contention: float
    coherency: float
    peak: float | None = None
    interval: tuple[float, float] | None = None


@dataclass(frozen=True, slots=True)
class Level:
    """A load that was tried, all visits together. `means`: by constraint; None without requests."""

    load: float
    seconds: int
    requests: int
    passed: bool
    failed: bool
    aborted: bool
    saturated: bool
    generator_limited: bool
    means: tuple[float | None, ...]


@dataclass(frozen=True, slots=True)
class CapacityAnswer:
    """The most load at which all targets hold. `low`, `high`: 95 % CI, or a cliff's last pass and first fail; `high`
    is None for AT_LEAST, both are for NONE. `width`: relative to the middle. `rps`: completed at `low` and at `high`,
    or twice at `low`."""

    kind: CapacityKind
    low: float | None = None
    high: float | None = None
    estimate: float | None = None
    width: float | None = None
    rps: tuple[float, float] | None = None
    minutes_for_8_percent: float | None = None
    last_pass: float | None = None
    first_fail: float | None = None
    first_to_fail: Constraint | None = None
    saturation: float | None = None
    usl: UslFit | None = None
    recovery_s: float | None = None
    holds_from_above: bool | None = None
    levels: tuple[Level, ...] = ()
    not_answered: Mapping[str, NotAnswered] = field(default_factory=dict)
    """"search" or the name of a target → why."""
