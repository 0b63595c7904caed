"""A search for the most load that meets all targets: the visits made, and the answer. Loads are users, or actions a
second (see `CapacityPlan`)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from perfsuite.model.plan import Target


class VisitPhase(StrEnum):
    """Why a load is visited."""

    BRACKET = "bracket"
    BISECT = "bisect"
    OVERLOAD = "overload"
    RECOVERY = "recovery"
    FROM_ABOVE = "from_above"
    REFINE = "refine"


@dataclass(frozen=True, slots=True)
class LevelOrder:
    """What the process that leads the load is asked for. `users`: by role, in the open model those of the sessions;
    `rate`: actions a second, None in the closed model."""

    stage: str
    users: dict[str, int]
    spawn_rate: float
    rate: float | None = None


def stage_of(number: int) -> str:
    """The stage that a visit is in the records of a run."""
    return f"visit {number}"


@dataclass(frozen=True, slots=True)
class VisitRecord:
    """A visit that was made: a load, offered in the UTC seconds [first, stop).

    `discard_s`: of its beginning, which do not count. `aborted`: ended early, since a target was far beyond its limit.
    `change_s`: between the order for the load and `first`; users leave once their requests have ended.
    `recovered_s`: so many seconds after the order no target failed any more; None where that did not happen.
    """

    number: int
    load: float
    phase: VisitPhase
    first: int
    stop: int
    discard_s: int = 0
    aborted: bool = False
    generator_limited: bool = False
    recovered_s: int | None = None
    change_s: int = 0


@dataclass(frozen=True, slots=True)
class SearchedTarget:
    """A target as a search sees it: a mean over requests that has to stay below `limit`. `is_share`: of requests over
    the target's own limit, failed, or not satisfied; else the mean is in the unit of the target."""

    target: Target
    limit: float
    is_share: bool


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
    """A load that was tried, all visits together. `means`: of the searched targets in their order; None without
    requests."""

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
    first_to_fail: Target | None = None
    saturation: float | None = None
    usl: UslFit | None = None
    recovery_s: float | None = None
    holds_from_above: bool | None = None
    levels: tuple[Level, ...] = ()
    not_answered: Mapping[str, NotAnswered] = field(default_factory=dict)
    """"search" or the name of a target → why."""

    @property
    def bounds(self) -> tuple[float, float]:
        """Between which loads the capacity lies: 0 and infinity where nothing is known."""
        return self.low or 0.0, next((load for load in (self.high, self.first_fail) if load is not None), math.inf)

    def takes(self, load: float) -> bool | None:
        """Are all targets met at this load? None where the search cannot tell."""
        low, high = self.bounds
        if load <= low:
            return True
        fails = load > high if self.kind is CapacityKind.INTERVAL else load >= high
        return False if fails else None


@dataclass(frozen=True, slots=True)
class CapacityReport:
    """What a search found, and how. `targets`: those that took part, in the order of `Level.means`."""

    answer: CapacityAnswer
    visits: tuple[VisitRecord, ...]
    targets: tuple[SearchedTarget, ...]
