"""What became of one resource over a long run."""

from __future__ import annotations

import math
from dataclasses import dataclass
from enum import StrEnum

from perfsuite.messages import Message

JUDGED_FROM_S = 600.0
"""A shorter run says nothing about stability."""

RESPONSE_TIMES = "response_times"
"""Metric of the series that no monitor reads."""


TABLE_LABEL = "size of table "
"""What the label of a table begins with."""


class StabilityOutcome(StrEnum):
    """What a resource did over the run."""

    STEADY = "steady"
    SETTLES = "settles"
    GROWS = "grows"
    CANNOT_TELL = "cannot tell"


class GrowthCause(StrEnum):
    """What something grows by. UNKNOWN: the run does not show it."""

    TIME = "time"
    WRITES = "writes"
    UNKNOWN = "cannot tell"


@dataclass(frozen=True, slots=True)
class GrowthBefore:
    """What a resource did in an earlier run. `level`: None where it is not known."""

    metric: str
    unit: str
    per_minute: float
    level: float | None = None


@dataclass(frozen=True, slots=True)
class LastGoodRun:
    """The last run of the same scenario that passed, with the growth of its resources."""

    run_id: str
    growth: tuple[GrowthBefore, ...]


@dataclass(frozen=True, slots=True)
class Stability:
    """One resource over the steady state. None: not known.

    `interval`: of `per_minute`, 90 %. `level`: where its highest values were at the end, `limit`: where it is used up.
    `cause`: of what grows. `per_1000_writes`: with its 90 % interval, where it grows by writes.
    """

    metric: str
    label: str
    unit: str
    outcome: StabilityOutcome
    reason: Message
    per_minute: float | None = None
    interval: tuple[float, float] | None = None
    level: float | None = None
    limit: float | None = None
    cause: GrowthCause | None = None
    per_1000_writes: tuple[float, float, float] | None = None
    last_good: GrowthBefore | None = None
    """The same in the last good run of the scenario, `last_good_run`; None and "" where there is none."""
    last_good_run: str = ""

    @property
    def lasts_s(self) -> tuple[float, float] | None:
        """Seconds after the run in which the limit is reached, at the fastest and the slowest growth of the interval.

        Infinite where that is none; None where limit or growth is not known.
        """
        if self.limit is None or self.level is None or self.interval is None:
            return None
        low, high = self.interval
        return self._reached_s(high), self._reached_s(low)

    def _reached_s(self, per_minute: float) -> float:
        left = max((self.limit or 0.0) - (self.level or 0.0), 0.0)
        return left / per_minute * 60 if per_minute > 0 else math.inf
