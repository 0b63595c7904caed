"""What is compared: the figures of an operation, which way is worse, and from where on a change is felt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfsuite.model.history import Measured, PastRun
from perfsuite.model.plan import ALL

LEAST_RATE = 0.05
LEAST_MS = 2.0
LEAST_FAILURE_RATE = 0.005
"""Half of what the failure target allows: 5 requests of 1,000."""
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class Figure:
    """A field of Statistics, as `Measured.figure` gives it. `worse`: 1 where more is worse, −1 where less is."""

    metric: str
    worse: int = 1

    def bound(self, level: float, chance_rate: float) -> float:
        """The smallest change that counts, in the figure's own unit, where A's level is `level`."""
        if self.metric == FAILURES.metric:
            return max(LEAST_FAILURE_RATE, chance_rate * level)
        relative = max(LEAST_RATE, chance_rate) * level
        return max(relative, LEAST_MS) if self.metric.endswith("_ms") else relative

    def badness(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values on a scale on which noise is alike everywhere, and more is worse: logarithms, angles of rates."""
        if self.metric == FAILURES.metric:
            return np.arcsin(np.sqrt(np.clip(values, 0, 1)))
        return self.worse * np.log(np.maximum(values, TINY))


AVERAGE = Figure("avg_ms")
"""The primary figure: every run that made a request has it, and every request has a part in it."""
FAILURES = Figure("failure_rate")
FIGURES = (AVERAGE, Figure("p50_ms"), Figure("p95_ms"), Figure("p99_ms"), Figure("rps", worse=-1), FAILURES)


@dataclass(frozen=True, slots=True)
class Line:
    """One figure of one operation as one role in all runs that have it. `whole`: every run has it."""

    role: str
    operation: str
    figure: Figure
    a: tuple[float, ...]
    b: tuple[float, ...]
    whole: bool

    @property
    def is_primary(self) -> bool:
        """True for the average of the total, of a role, and of an operation."""
        return self.figure is AVERAGE and ALL in (self.role, self.operation)


def lines(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun]) -> list[Line]:
    """Every figure that both sides have, in the order of the first run of A."""
    before, after = [_by_place(run) for run in a_runs], [_by_place(run) for run in b_runs]
    places = dict.fromkeys(place for run in before for place in run)
    found = []
    for role, operation in places:
        for figure in FIGURES:
            a, b = (_told(side, (role, operation), figure.metric) for side in (before, after))
            if a and b:
                whole = len(a) == len(a_runs) and len(b) == len(b_runs)
                found.append(Line(role, operation, figure, a, b, whole))
    return found


_Places = dict[tuple[str, str], Measured]


def _by_place(run: PastRun) -> _Places:
    return {(one.role, one.operation): one for one in run.measured}


def _told(runs: Sequence[_Places], place: tuple[str, str], metric: str) -> tuple[float, ...]:
    values = (run[place].figure(metric) for run in runs if place in run)
    return tuple(float(value) for value in values if value is not None)
