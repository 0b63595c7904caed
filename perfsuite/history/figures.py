"""What is compared: the figures of an operation, which direction is worse, and the smallest change that counts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfsuite.model.history import PastRun
from perfsuite.model.plan import ALL

LEAST_RATE = 0.05
LEAST_MS = 2.0
LEAST_FAILURE_RATE = 0.005
"""Half of what the failure target allows: 5 requests of 1,000."""
TINY = 1e-6


@dataclass(frozen=True, slots=True)
class ComparedMetric:
    """A field of Statistics, as `Measured.figure` gives it. `worse`: 1 where more is worse, −1 where less is."""

    metric: str
    worse: int = 1

    def bound(self, level: float, chance_rate: float) -> float:
        """The smallest change that counts, in the figure's own unit, where A's level is `level`."""
        if self is FAILURES:
            return max(LEAST_FAILURE_RATE, chance_rate * level)
        relative = max(LEAST_RATE, chance_rate) * level
        return max(relative, LEAST_MS) if self.metric.endswith("_ms") else relative

    def badness(self, values: NDArray[np.float64]) -> NDArray[np.float64]:
        """Values on a scale on which noise is alike everywhere, and more is worse: logarithms, angles of rates."""
        if self is FAILURES:
            return np.arcsin(np.sqrt(np.clip(values, 0, 1)))
        return self.worse * np.log(np.maximum(values, TINY))


AVERAGE = ComparedMetric("avg_ms")
"""The primary figure: every run that made a request has it, and every request contributes to it."""
FAILURES = ComparedMetric("failure_rate")
FIGURES = (
    AVERAGE,
    *(ComparedMetric(name) for name in ("p50_ms", "p95_ms", "p99_ms")),
    ComparedMetric("rps", worse=-1),
    FAILURES,
)


@dataclass(frozen=True, slots=True)
class ComparedFigure:
    """One figure of one operation as one role, a value for each run that has it. `in_all`: every run has it."""

    role: str
    operation: str
    figure: ComparedMetric
    a: tuple[float, ...]
    b: tuple[float, ...]
    in_all: bool

    @property
    def is_primary(self) -> bool:
        """True for the average of the total, of a role, and of an operation."""
        return self.figure is AVERAGE and ALL in (self.role, self.operation)


def compared_figures(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun]) -> list[ComparedFigure]:
    """Every figure that both groups have, in the order of the first run of A."""
    a_places, b_places = (
        [{(one.role, one.operation): one for one in run.measured} for run in runs] for runs in (a_runs, b_runs)
    )
    found = []
    for place in dict.fromkeys(place for run in a_places for place in run):
        for figure in FIGURES:
            a, b = (
                tuple(
                    float(value)
                    for run in places
                    if place in run and (value := run[place].figure(figure.metric)) is not None
                )
                for places in (a_places, b_places)
            )
            if a and b:
                in_all = len(a) == len(a_runs) and len(b) == len(b_runs)
                found.append(ComparedFigure(*place, figure, a, b, in_all))
    return found
