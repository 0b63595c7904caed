"""What a request costs the load generator on this machine, and how many load processes a load therefore needs."""

from __future__ import annotations

import math
from dataclasses import dataclass

from perfsuite.model.generator import CPU_MEAN_PERCENT

UNCERTAINTY = 0.3
"""Answers larger or smaller than the canned ones, TLS, connections that are opened anew and other programs on the same
cores: the real cost lies within 30 % of the measured one in most runs."""


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

    `used_percent`: how near its limit each of the planned processes would be.
    """

    rps: float
    processes: int
    fewest: int
    most: int
    used_percent: float


def processes_needed(rps: float, planned: int, calibration: Calibration) -> ProcessNeed:
    """Each process may use a core for `CPU_MEAN_PERCENT` of the time."""
    full = rps * calibration.cpu_us / 1e6 / (CPU_MEAN_PERCENT / 100)

    def whole(processes: float) -> int:
        return max(math.ceil(processes), 1)

    fewest, most = whole(full * (1 - UNCERTAINTY)), whole(full * (1 + UNCERTAINTY))
    return ProcessNeed(rps, whole(full), fewest, most, 100 * full / planned)
