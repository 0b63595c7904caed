"""What an environment can tell apart, measured by holding the same thing against itself."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.model.history import Conditions


@dataclass(frozen=True, slots=True)
class Floor:
    """One figure of one operation as one role (ALL for totals). `level`: its median; both rates are fractions of it.

    `chance_rate`: the shift that the same thing against itself stays within in 95 of 100 comparisons of 5 + 5 runs.
    `detectable_rate`: the true shift for the worse that such a comparison finds in 9 of 10.
    """

    role: str
    operation: str
    metric: str
    level: float
    chance_rate: float
    detectable_rate: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The floor of later comparisons under the same conditions. `measured_at`: UTC, ISO 8601."""

    measured_at: str
    conditions: Conditions
    run_ids: tuple[str, ...]
    floors: tuple[Floor, ...]

    def floor_rate(self, role: str, operation: str, metric: str) -> float:
        """What chance alone makes of a figure; 0.0 where it was not measured."""
        of = (role, operation, metric)
        return next((one.chance_rate for one in self.floors if (one.role, one.operation, one.metric) == of), 0.0)


@dataclass(frozen=True, slots=True)
class NoiseFile:
    """`noise.json` beside the results: the newest measurement of each environment.

    Schema history
        1   first layout
    """

    noises: tuple[Noise, ...] = ()
    schema: int = 1
