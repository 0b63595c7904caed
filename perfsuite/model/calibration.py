"""What a request costs the load generator on this machine, and how many load processes a load therefore needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perfsuite.model.generator import CPU_MEAN_PERCENT

LEAST_COST, MOST_COST = 0.45, 1.3
"""The real cost of a request as a share of the measured one. A process near its limit serves many events each time it
wakes up, and spends about half on each (`make bench`). Larger answers, TLS, new connections and other programs on the
same cores cost up to 30 % more."""


@dataclass(frozen=True, slots=True)
class Calibration:
    """`cpu_us`: CPU time of a load process per request with the roles' mix, measured over `requests` of them.

    `cores`: how many this machine gives to its programs. `measured_at`: UTC epoch, s.
    """

    cpu_us: float
    requests: int
    cores: float
    measured_at: float


@dataclass(frozen=True, slots=True)
class ProcessNeed:
    """How many load processes `rps` requests/s need: about `processes`, from `fewest` to `most`.

    `used_percent`: how near its limit each of the planned processes would be, `used_least_percent` and
    `used_most_percent` by the least and the most that a request may cost.
    """

    rps: float
    processes: int
    fewest: int
    most: int
    used_percent: float

    @property
    def used_least_percent(self) -> float:
        """See above."""
        return self.used_percent * LEAST_COST

    @property
    def used_most_percent(self) -> float:
        """See above."""
        return self.used_percent * MOST_COST


def processes_needed(rps: float, planned: int, calibration: Calibration) -> ProcessNeed:
    """Each process may use a core for `CPU_MEAN_PERCENT` of the time."""
    full = rps * calibration.cpu_us / 1e6 / (CPU_MEAN_PERCENT / 100)

    def whole(processes: float) -> int:
        return max(math.ceil(processes), 1)

    fewest, most = whole(full * LEAST_COST), whole(full * MOST_COST)
    return ProcessNeed(rps, whole(full), fewest, most, 100 * full / planned)
