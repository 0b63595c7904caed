"""What an environment can tell apart, measured by holding the same thing against itself."""

from __future__ import annotations

from dataclasses import dataclass

from perfsuite.model.history import Conditions


@dataclass(frozen=True, slots=True)
class Floor:
    """One figure of one operation as one role (ALL for totals). Both as fractions of the figure.

    `chance_rate`: the shift that the same thing against itself stays within in 95 of 100 comparisons of 5 + 5 runs.
    `detectable_rate`: the true shift for the worse that such a comparison finds in 9 of 10.
    """

    role: str
    operation: str
    metric: str
    chance_rate: float
    detectable_rate: float


@dataclass(frozen=True, slots=True)
class Noise:
    """The floor of later comparisons under the same conditions. `measured_at`: UTC, ISO 8601."""

    measured_at: str
    conditions: Conditions
    run_ids: tuple[str, ...]
    floors: tuple[Floor, ...]
    schema: int = 1

    def floor_rate(self, role: str, operation: str, metric: str) -> float:
        """What chance alone makes of a figure; 0.0 where it was not measured."""
        of = (role, operation, metric)
        return next((one.chance_rate for one in self.floors if (one.role, one.operation, one.metric) == of), 0.0)
