"""The smallest difference that comparisons in an environment can detect: a target compared with itself."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec

from perfsuite.model.history import Conditions


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
