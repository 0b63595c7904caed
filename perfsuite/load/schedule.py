"""When the actions of the open model are due, which role each is for, and which process begins it.

Pure and seeded: every load process computes the same sequence for itself, so nothing has to be sent around.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from perfsuite.model import Arrival
from perfsuite.roles.mix import start_order


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


@dataclass(frozen=True, slots=True)
class Due:
    """One action that is due, `at_s` seconds after the start."""

    at_s: float
    role: str
    turn: int
    """How many actions of the same role were due before."""


def dues(course: Course, seed: int, weights: Mapping[str, int]) -> Iterator[Due]:
    """All actions of a run, over all processes, the roles in proportion to their weights at any moment."""
    order = start_order(dict(weights))
    turns = dict.fromkeys(weights, 0)
    for number, at_s in enumerate(course.times(seed)):
        role = order[number % len(order)]
        yield Due(at_s, role, turns[role])
        turns[role] += 1


class Owners:
    """Which process begins which action: each role's actions go round the sessions of that role.

    An assignment holds for what is due from a moment on, so that processes can be exchanged while a run goes on.
    """

    def __init__(self, sessions: Mapping[str, Sequence[int]]) -> None:
        self._changes: list[tuple[float, dict[str, tuple[int, ...]]]] = [(0.0, _fixed(sessions))]

    def change(self, from_s: float, sessions: Mapping[str, Sequence[int]]) -> None:
        """From that many seconds after the start on: role → process index of each of its sessions."""
        self._changes.append((from_s, _fixed(sessions)))

    def of(self, due: Due) -> int | None:
        """The index of the process that begins it; None when no process has a session of the role."""
        current = next(sessions for start, sessions in reversed(self._changes) if due.at_s >= start)
        of_role = current.get(due.role, ())
        return of_role[due.turn % len(of_role)] if of_role else None


def _fixed(sessions: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {role: tuple(indices) for role, indices in sessions.items()}
