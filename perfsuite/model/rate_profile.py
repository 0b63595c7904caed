"""How the rate of an open model runs, and when its actions are due. Pure and seeded."""

from __future__ import annotations

import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

from perfsuite.model import Arrival, Scenario


@dataclass(frozen=True, slots=True)
class Course:
    """How the rate runs: from 0 to `rate` within `ramp_s`, then to `rate_end` until `duration_s`."""

    arrival: Arrival
    ramp_s: float
    duration_s: float

    def expected(self, at_s: float) -> float:
        """How many actions are due until `at_s` seconds after the start, on average."""
        rate = self.arrival.rate
        if at_s < self.ramp_s:
            return rate * at_s * at_s / (2 * self.ramp_s)
        past_s = at_s - self.ramp_s
        return rate * self.ramp_s / 2 + rate * past_s + self._slope * past_s * past_s / 2

    def time_of(self, number: float) -> float:
        """The inverse: when so many actions are due, in seconds after the start; inf when never."""
        rate, ramped = self.arrival.rate, self.arrival.rate * self.ramp_s / 2
        if number < ramped:
            return math.sqrt(2 * self.ramp_s * number / rate)
        slope, rest = self._slope, number - ramped
        if slope == 0:
            return self.ramp_s + rest / rate
        root = rate * rate + 2 * slope * rest
        return self.ramp_s + (math.sqrt(root) - rate) / slope if root >= 0 else math.inf

    @property
    def _slope(self) -> float:
        """Growth of the rate over the plateau, 1/s²."""
        plateau_s = self.duration_s - self.ramp_s
        if self.arrival.rate_end is None or plateau_s <= 0:
            return 0.0
        return (self.arrival.rate_end - self.arrival.rate) / plateau_s

    def times(self, seed: int) -> Iterator[float]:
        """When the 1st, 2nd, … action is due, seconds after the start, until the duration is over."""
        rng = random.Random(seed)
        number = 0.0
        while True:
            # Equal gaps begin half a gap after the start; random ones are a Poisson process of unit rate,
            # stretched by the course (time-rescaling theorem).
            number += rng.expovariate(1.0) if self.arrival.poisson else (1.0 if number else 0.5)
            at_s = self.time_of(number)
            if at_s >= self.duration_s:
                return
            yield at_s


def course_of(scenario: Scenario) -> Course | None:
    """The course of a scenario: its rate grows while sessions are started. None in the closed model."""
    if scenario.arrival is None:
        return None
    ramp_s = min(scenario.users / scenario.spawn_rate, scenario.duration_s)
    return Course(scenario.arrival, ramp_s, scenario.duration_s)
