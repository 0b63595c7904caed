"""Healthy runs of the open model, simulated action by action over one or two load processes.

Equal or random gaps, a rate that stays or moves; the sessions are less than half busy, and begin a little late.
"""

from __future__ import annotations

import heapq
import math
import random
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from itertools import count

from perfsuite.load.schedule import SessionAssignment, dues
from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import Actions, Arrivals, End, NotStarted, Phase, Record, Requests, Users, times_of
from perfsuite.model import Arrival, Plan, Scenario
from perfsuite.model.plan import rate_profile_of
from perfsuite.model.role import Behaviour, Role
from perfsuite.roles import ROLES
from perfsuite.roles.mix import users_by_role
from tests.judge.healthy_runs import START, Cell, Healthy, healthy_generator

_LOGIN_MS, _SPREAD, _LATE_S = 80.0, 0.5, 0.0003
_BUSY = 0.4
"""Of the time, the sessions of the role that has most to do."""


@dataclass(frozen=True)
class Arriving:
    """What to simulate: `of` without its think times, over so many processes."""

    of: Healthy
    arrival: Arrival
    processes: int

    def plan(self) -> Plan:
        of = self.of
        scenario = Scenario("basic", of.users, of.spawn_rate, of.duration_s, arrival=self.arrival)
        return replace(of.plan(), scenario=scenario, processes=self.processes)


def some_arriving(seed: int) -> Arriving:
    """One of many healthy runs: 20 to 60 s, 10 to 60 sessions, 5 to 60 actions/s."""
    dice = random.Random(f"arriving {seed}")
    users, median_ms = dice.choice((10, 20, 40, 60)), math.exp(dice.uniform(math.log(5), math.log(150)))
    of = Healthy(users, dice.choice((20, 30, 45, 60)), users / dice.uniform(1, 6), median_ms, 0.0, 0.0, seed)
    rate = min(max(dice.uniform(0.5, 1) * _most(of), 5.0), 60.0)
    rate_end = rate * dice.uniform(0.5, 1) if dice.random() < 1 / 4 else None
    return Arriving(of, Arrival(rate, rate_end, poisson=dice.random() < 1 / 2), dice.choice((1, 2)))


def _most(of: Healthy) -> float:
    """Actions a second that keep the sessions of no role busier than `_BUSY`."""
    sessions, weights = users_by_role(of.users, ROLES), sum(role.weight for role in ROLES)
    request_s = of.median_ms / 1000 * math.exp(_SPREAD**2 / 2)
    return min(
        _BUSY * sessions[role.slug] * weights / role.weight / (request_s * _steps(role))
        for role in ROLES
        if sessions[role.slug]
    )


def _steps(role: Role) -> float:
    shares = sum(behaviour.share for behaviour in role.behaviours)
    return sum(len(behaviour.steps) * behaviour.share for behaviour in role.behaviours) / shares


@dataclass
class _Due:
    """Actions of one second."""

    due: int = 0
    begun: int = 0
    beginnings: int = 0
    lag: Histogram = field(default_factory=Histogram)


class _Process:
    def __init__(self, name: str, run: Arriving, dice: random.Random) -> None:
        self.name, self.run, self.dice = name, run, dice
        self.end = run.of.duration_s
        self.number = count(1)
        self.requests: dict[tuple[int, str, str, str], Cell] = defaultdict(Cell)
        self.actions: dict[tuple[int, str, str], Cell] = defaultdict(Cell)
        self.dues: dict[int, _Due] = defaultdict(_Due)
        self.given_up: dict[tuple[int, str, str, str], Histogram] = defaultdict(Histogram)
        self.free: dict[str, list[float]] = defaultdict(list)
        self.started: list[tuple[float, str]] = []
        self.sent = 0

    def session(self, role: Role, at: float) -> None:
        at += self.dice.uniform(0, 1)
        self.started.append((at, role.slug))
        heapq.heappush(self.free[role.slug], self._request(at, at, (role.slug, "login", "login"), _LOGIN_MS))

    def action(self, role: Role, due: float) -> None:
        behaviour: Behaviour = self.dice.choices(role.behaviours, [each.share for each in role.behaviours])[0]
        of_second = self.dues[_second(due)]
        of_second.due += 1
        at = max(due + abs(self.dice.gauss(0, _LATE_S)), self.free[role.slug][0])
        if at >= self.end:
            key = (_second(due), role.slug, behaviour.name, behaviour.steps[0].operation)
            self.given_up[key].add(round((self.end - due) * 1e6))
            return
        of_second.begun += 1
        of_second.lag.add(round((at - due) * 1e6))
        self.dues[_second(at)].beginnings += 1
        asked_at = due
        for step in behaviour.steps:
            at = self._request(asked_at, at, (role.slug, behaviour.name, step.operation), self.run.of.median_ms)
            asked_at = at
        heapq.heapreplace(self.free[role.slug], at)
        self.actions[_second(due), role.slug, behaviour.name].times.add(round((at - due) * 1e6))

    def _request(self, due: float, at: float, where: tuple[str, str, str], median_ms: float) -> float:
        ended = at + median_ms / 1000 * math.exp(self.dice.gauss(0, _SPREAD))
        cell = self.requests[(_second(due), *where)]
        cell.times.add(round((ended - due) * 1e6))
        cell.service.add(round((ended - at) * 1e6))
        self.requests[(_second(ended), *where)].ended += 1
        self.sent += 1
        return ended

    def records(self) -> Iterator[Record]:
        for key, cell in self.requests.items():
            times, service = times_of(cell.times), times_of(cell.service)
            yield Requests(self.name, next(self.number), *key, times, service=service, ended=cell.ended)
        for (second, role, behaviour), cell in self.actions.items():
            done = cell.times.count
            place = (self.name, next(self.number), second, role, behaviour)
            yield Actions(*place, done, done, times_of(cell.times))
        for second, told in self.dues.items():
            place = (self.name, next(self.number), second)
            yield Arrivals(*place, told.due, told.begun, times_of(told.lag), 0, told.beginnings)
        for key, waited in self.given_up.items():
            yield NotStarted(self.name, next(self.number), *key, times_of(waited))
        busy = self.dice.uniform(5, 65)
        for second in range(int(START), math.ceil(START + self.end)):
            alive = Counter(role for at, role in self.started if START + at < second + 1)
            yield Users(self.name, next(self.number), second, dict(alive))
            yield healthy_generator(self.dice, self.name, next(self.number), second, busy)
        yield End(self.name, next(self.number), self.sent, self.sent, "completed")


def _second(at: float) -> int:
    return int(START + at)


def arrival_records_of(run: Arriving) -> list[Record]:
    """All that such a run would have written."""
    plan, dice, roles = run.plan(), random.Random(run.of.seed), {role.slug: role for role in ROLES}
    processes = [_Process(f"worker-{number}", run, dice) for number in range(1, run.processes + 1)]
    sessions: dict[str, list[int]] = defaultdict(list)
    order = [role for role in ROLES for _ in range(plan.users_by_role.get(role.slug, 0))]
    for number, role in enumerate(order):
        index = number % run.processes
        sessions[role.slug].append(index)
        processes[index].session(role, number / run.of.spawn_rate)
    profile, assignment = rate_profile_of(plan.scenario), SessionAssignment(sessions)
    assert profile is not None
    for due in dues(profile, plan.seed, {role.slug: role.weight for role in ROLES if role.slug in sessions}):
        index_of_owner = assignment.of(due)
        assert index_of_owner is not None
        processes[index_of_owner].action(roles[due.role], due.at_s)
    records = [record for process in processes for record in process.records()]
    return records + _phases(processes, plan.scenario.duration_s)


def _phases(processes: Sequence[_Process], end_s: float) -> list[Record]:
    last = max(at for process in processes for at, _role in process.started)
    times = (("ramp-up", 0.0), ("plateau", last), ("ramp-down", end_s), ("end", end_s + 1))
    return [Phase("coordinator", number, name, START + at) for number, (name, at) in enumerate(times, 1)]
