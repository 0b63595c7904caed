"""Runs in stages that never happened: the load rises from stage to stage, and with it what it brings about."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.findings import Observations, find
from perfsuite.model import StageFigures
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.monitor import Reading
from perfsuite.model.stages import Stage, StageSeconds, spans_of
from tests.findings.simulated import CORES, FIRST_S, Floats, Made, Run, figures

RAMP_S, SETTLING_S = 5, 5
MOST_RPS = 350.0
"""Beyond that the simulated backend really is short of CPU."""
OF_LEVELS = (FindingKind.FASTER, FindingKind.FIRST_RESOURCE, FindingKind.WITHIN_RANGE)


@dataclass(frozen=True)
class Steps:
    """Loads in users, each held for some seconds after a ramp, with so many requests a second and user."""

    users: tuple[int, ...] = (50, 100, 150, 200)
    hold_s: int = 45
    rps_each: float = 0.6

    @property
    def stages(self) -> list[Stage]:
        found = []
        for users in self.users:
            found += [Stage(f"to {users}", RAMP_S, users), Stage(str(users), self.hold_s, users)]
        return found

    @property
    def load(self) -> Floats:
        """Users in each second."""
        spans = spans_of(self.stages)
        return np.array([span.level_at(at) for span in spans for at in range(int(span.start_s), int(span.end_s))])


class StagedRun(Run):
    """`steeper`: operations whose times grow with that power of the load; all grow with the power of `every`.

    `scarce`: "pool" or "CPU", from that load on.
    """

    def __init__(
        self, seed: int, steps: Steps, steeper: dict[str, float] | None = None, scarce: tuple[str, int] = ("", 0)
    ) -> None:
        self.load = steps.load
        super().__init__(seed, self.load.size, self.load * steps.rps_each)
        self.steps, self.steeper, self.scarce = steps, steeper or {}, scarce
        self.every = float(self.rng.uniform(0, 0.6))
        self.times = np.maximum(self.load, steps.users[0]) / steps.users[0]

    def _factor(self, operation: str) -> Floats:
        factor: Floats = super()._factor(operation) * self.times ** self.steeper.get(operation, self.every)
        return factor

    def _values(self) -> dict[str, Floats]:
        values = super()._values()
        kind, from_load = self.scarce
        short = self.load >= from_load
        if kind == "pool":
            busy = self.rng.poisson(np.where(short, 18.0, 2.0)) + 1
            values["pool.used_percent"] = 100.0 * np.minimum(busy, 16) / 16
            values["pool.waiting"] = np.maximum(busy - 16, 0.0)
        if kind == "backend CPU":
            busiest = np.where(short, self.rng.uniform(96, 101, self.length), values["server.cpu_percent"])
            values["server.busiest_process_cpu_percent"] = busiest
        return values

    def _readings(self) -> Iterator[Reading]:
        yield from super()._readings()
        for core in range(CORES):
            yield Reading(FIRST_S + self.length, f"machine/core {core}", "machine.core_cpu_percent", 20.0, "percent")

    def made(self) -> Made:
        """With its stages."""
        one = super().made()
        nothing = figures(0, 0, None)
        stages = []
        for span in spans_of(self.steps.stages):
            first, stop = FIRST_S + int(span.start_s), FIRST_S + int(span.end_s)
            steady = (first + SETTLING_S, stop) if span.start_level == span.end_level else None
            stages.append(StageFigures(span, StageSeconds(span.stage.name, first, stop, steady), {}, nothing))
        return Made(replace(one.summary, stages=tuple(stages)), one.readings)


def of_levels(run: Made) -> list[Finding]:
    """What is found about the loads."""
    return [each for each in find(run.summary, Observations(run.readings)) if each.kind in OF_LEVELS]


def any_steps(seed: int) -> Steps:
    """Two to six loads, each 1.3 to 3 times the one before, for 15 to 60 s, with 5 to 60 requests a second at first."""
    rng = np.random.default_rng(70_000 + seed)
    users, hold_s = [int(rng.integers(10, 60))], int(rng.integers(15, 61))
    for _ in range(int(rng.integers(1, 6))):
        users.append(round(users[-1] * rng.uniform(1.3, 3.0 if len(users) < 3 else 1.6)))
    rps_each = min(float(np.exp(rng.uniform(np.log(5), np.log(60)))) / users[0], MOST_RPS / users[-1])
    return Steps(tuple(users), hold_s, rps_each)


def healthy_kinds(seed: int) -> list[FindingKind]:
    return [each.kind for each in of_levels(StagedRun(seed, any_steps(seed)).made())]


def faster(seed: int, operation: str, power: float, steps: Steps | None = None) -> Sequence[str]:
    """The operations that are named."""
    made = StagedRun(seed, steps or Steps(), {operation: power}).made()
    return [
        row.label.partition(":")[0]
        for finding in of_levels(made)
        if finding.kind is FindingKind.FASTER
        for row in finding.evidence
    ]


def first_short(seed: int, resource: str) -> bool:
    """Is the resource named with the load from which on it was short?"""
    users = Steps().users[1 + seed % 3]
    made = StagedRun(seed, Steps(), scarce=(resource, users)).made()
    found = [each for each in of_levels(made) if each.kind is FindingKind.FIRST_RESOURCE]
    return [(each.resource, each.headline.fields["load"]) for each in found] == [(resource, f"{users} users")]
