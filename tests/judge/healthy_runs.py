"""Healthy runs of the closed model, simulated user by user, as records that a load process would have written.

Everything is as it should be, with the randomness of real runs: users start one by one at jittered moments, log
in, act and pause; the target's level wanders; the generator uses part of a core and its event loop is sometimes
a little late.
"""

from __future__ import annotations

import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Actions, End, Generator, Phase, Record, Requests, Users, times_of
from perfsuite.model import LOGIN, Plan, Scenario, Target
from perfsuite.model.role import Role
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role

START = 1_772_357_400.25
TARGETS = (
    Target("average response time", "avg_ms", 500, True),
    Target("95th percentile", "p95_ms", 2000, True),
    Target("failure rate", "failure_rate", 0.01, True),
    Target("throughput", "rps", 100, False),
    Target("concurrent users", "concurrent_users", 200, False),
)


@dataclass(frozen=True)
class Healthy:
    """What to simulate. `median_ms` of a request; `memory`: how much of its level the target keeps for a second."""

    users: int
    duration_s: float
    spawn_rate: float
    median_ms: float
    memory: float
    level_sd: float
    seed: int

    def plan(self) -> Plan:
        scenario = Scenario("basic", self.users, self.spawn_rate, self.duration_s)
        return Plan(
            run_id="basic_20260301_093000",
            scenario=scenario,
            host="http://staging-api.agentmitra.com",
            users_by_role=users_by_role(self.users, ROLES),
            targets=TARGETS,
            allowed_hosts=(),
            seed=self.seed,
            created_at="2026-03-01T09:30:00Z",
        )


def some(seed: int) -> Healthy:
    """One of many healthy runs: 20 to 60 s, 10 to 60 users."""
    dice = random.Random(seed)
    users = dice.choice((10, 10, 20, 40, 60))
    return Healthy(
        users=users,
        duration_s=dice.choice((20, 20, 30, 45, 60)),
        spawn_rate=users / dice.uniform(1, 6),
        median_ms=math.exp(dice.uniform(math.log(5), math.log(300))),
        memory=dice.uniform(0.0, 0.8),
        level_sd=dice.uniform(0.02, 0.2),
        seed=seed,
    )


@dataclass
class Cell:
    """Requests or actions of one second."""

    times: Histogram = field(default_factory=Histogram)
    service: Histogram = field(default_factory=Histogram)
    server: Histogram = field(default_factory=Histogram)
    ended: int = 0
    pauses: int = 0
    pause_us: int = 0


class _Simulated:
    def __init__(self, run: Healthy, plan: Plan) -> None:
        self.dice = random.Random(run.seed)
        self.run, self.plan = run, plan
        self.end = run.duration_s
        self.requests: dict[tuple[int, str, str, str], Cell] = defaultdict(Cell)
        self.actions: dict[tuple[int, str, str], Cell] = defaultdict(Cell)
        self.started: list[tuple[float, str]] = []
        self.logged_in: list[float] = []
        self.sent = 0
        self.levels = list(self._wander(math.ceil(self.end) + 120))

    def _wander(self, seconds: int) -> Iterator[float]:
        level = 0.0
        for _ in range(seconds):
            fresh = self.run.level_sd * math.sqrt(1 - self.run.memory**2)
            level = self.run.memory * level + self.dice.gauss(0, fresh)
            yield level

    def user(self, role: Role, at: float) -> None:
        at += self.dice.uniform(0, 1)
        self.started.append((at, role.slug))
        at = self._request(at, role.slug, LOGIN, LOGIN, 80.0)
        self.logged_in.append(at)
        turn = 0
        while at < self.end and role.behaviours:
            turn += 1
            began = at
            behaviour = self.dice.choices(role.behaviours, [each.share for each in role.behaviours])[0]
            for step in behaviour.steps:
                if turn % step.every == 0:
                    at = self._request(at, role.slug, behaviour.name, step.operation, self.run.median_ms)
            cell = self.actions[self._second(began), role.slug, behaviour.name]
            cell.times.add(round((at - began) * 1e6))
            pause = self.dice.uniform(role.think_min_s, role.think_max_s)
            pause += abs(self.dice.gauss(0, 0.0005))  # the event loop is a little late
            if at + pause < self.end:  # a pause that the end of the run cuts off is not recorded
                ended = self.actions[self._second(at), role.slug, behaviour.name]
                ended.pauses += 1
                ended.pause_us += round(pause * 1e6)
            at += pause

    def _request(self, at: float, role: str, behaviour: str, operation: str, median_ms: float) -> float:
        if at >= self.end:
            return at
        ms = median_ms * math.exp(self.levels[int(at)] + self.dice.gauss(0, 0.5))
        cell = self.requests[self._second(at), role, behaviour, operation]
        cell.times.add(round(ms * 1000))
        cell.service.add(round(ms * 1000))
        cell.server.add(round(ms * 900))
        self.sent += 1
        self.requests[self._second(at + ms / 1000), role, behaviour, operation].ended += 1
        return at + ms / 1000

    def _second(self, at: float) -> int:
        return int(START + at)

    def records(self) -> Iterator[Record]:
        number = count(1)
        for (second, *where), cell in self.requests.items():
            yield Requests(
                "local", next(number), second, *where, times_of(cell.times), service=times_of(cell.service),
                server=times_of(cell.server), ended=cell.ended,
            )  # fmt: skip
        for (second, role, behaviour), cell in self.actions.items():
            done = cell.times.count
            place = ("local", next(number), second, role, behaviour)
            yield Actions(*place, done, done, times_of(cell.times), cell.pauses, cell.pause_us)
        yield from self._of_seconds(number)
        for name, at in (("ramp-up", 0.0), ("plateau", max(self.started)[0]), ("ramp-down", self.end)):
            yield Phase("coordinator", 1, name, START + at)
        yield Phase("coordinator", 2, "end", START + self.end + 1)
        yield End("local", next(number), self.sent, self.sent, "completed")

    def _of_seconds(self, number: Iterator[int]) -> Iterator[Record]:
        busy = self.dice.uniform(5, 65)
        for second in range(int(START), math.ceil(START + self.end)):
            alive = Counter(role for at, role in self.started if START + at < second + 1)
            logging_in = alive.total() - sum(START + at < second + 1 for at in self.logged_in)
            yield Users("local", next(number), second, dict(alive), logging_in)
            yield healthy_generator(self.dice, "local", next(number), second, busy)


def healthy_generator(dice: random.Random, worker: str, number: int, second: int, busy: float) -> Generator:
    """What a load process that uses about `busy` per cent of a core tells of one second."""
    lag, pauses = Histogram(), Histogram()
    for _ in range(20):
        lag.add(round(dice.lognormvariate(6, 1)))
    for _ in range(dice.randrange(6)):
        pauses.add(round(dice.lognormvariate(7, 1)))
    cpu = min(max(dice.gauss(busy, 8), 0), 100)
    return Generator(
        worker, number, second, cpu, times_of(lag), 60_000_000, times_of(pauses), dice.uniform(0, 8)
    )  # fmt: skip


def records_of(run: Healthy) -> list[Record]:
    """All that such a run would have written."""
    plan = run.plan()
    simulated = _Simulated(run, plan)
    order = [role for role in ROLES for _ in range(plan.users_by_role.get(role.slug, 0))]
    simulated.dice.shuffle(order)
    for number, role in enumerate(order):
        simulated.user(role, number / run.spawn_rate)
    return list(simulated.records())
