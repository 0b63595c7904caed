"""Simulated targets whose capacity is known: queues under Poisson arrivals, with state that outlives a change of load.

Each is asked as the real one would be: visit by visit, second by second, requests counted when they end.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from heapq import heappop, heappush, heapreplace

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from perfsuite.capacity.constraints import BEYOND, BEYOND_WINDOW_S, Constraint, SecondSample, constraint_of
from perfsuite.capacity.levels import is_recovered
from perfsuite.capacity.records import Visit, VisitResult
from perfsuite.model import Target

Floats = NDArray[np.float64]
Times = Callable[[np.random.Generator, int], Floats]


def limited(metric: str, limit: float, operation: str | None = None) -> Constraint:
    """The constraint of one target."""
    found = constraint_of(Target(operation or metric, metric, limit, below=True, operation=operation))
    assert found is not None
    return found


@dataclass
class Station:
    """Requests of one kind, with servers of their own, first come first served. `servers` 0: nobody waits."""

    share: float
    servers: int
    times: Times
    free: list[float] = field(default_factory=list)

    def serve(self, arrivals: Floats, rng: np.random.Generator) -> Floats:
        """When each request ends, in s."""
        needed = self.times(rng, arrivals.size)
        if not self.servers:
            return arrivals + needed
        free = self.free = self.free or [0.0] * self.servers
        ends = []
        for arrival, time in zip(arrivals.tolist(), needed.tolist(), strict=True):
            start = free[0] if free[0] > arrival else arrival
            heapreplace(free, start + time)
            ends.append(start + time)
        return np.array(ends)


class Queueing:
    """Stations side by side. `operations`: names of those that have targets of their own."""

    def __init__(self, stations: Sequence[Station], names: Sequence[str]) -> None:
        self.stations, self.names = stations, names

    def serve(self, load: float, arrivals: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        """Ends, and which station served."""
        shares = np.array([each.share for each in self.stations])
        place = rng.choice(len(self.stations), arrivals.size, p=shares) if len(self.stations) > 1 else None
        if place is None:
            return self.stations[0].serve(arrivals, rng), np.zeros(arrivals.size, dtype=np.int64)
        ends = np.empty(arrivals.size)
        for number, station in enumerate(self.stations):
            ends[place == number] = station.serve(arrivals[place == number], rng)
        return ends, place


class Cliff:
    """Fast up to a load, and many times as slow above it. Responds with what is left of earlier loads at once."""

    def __init__(self, at: float, mean_s: float, factor: float) -> None:
        self.names = ("all",)
        self.at, self.mean_s, self.factor = at, mean_s, factor

    def serve(self, load: float, arrivals: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        """Log-normal times."""
        times = lognormal(self.mean_s, 0.4)(rng, arrivals.size) * (self.factor if load > self.at else 1.0)
        return arrivals + times, np.zeros(arrivals.size, dtype=np.int64)


class SoftKnee:
    """Each request takes base · (1 + requests in the target / half): what grows with concurrency, such as locks."""

    def __init__(self, base_s: float, half: float) -> None:
        self.names = ("all",)
        self.base_s, self.half = base_s, half
        self.running: list[float] = []

    def serve(self, load: float, arrivals: Floats, rng: np.random.Generator) -> tuple[Floats, NDArray[np.int64]]:
        """An event at each arrival; the heap holds the ends."""

        running, ends = self.running, []
        noise = rng.lognormal(-0.045, 0.3, arrivals.size).tolist()
        for arrival, factor in zip(arrivals.tolist(), noise, strict=True):
            while running and running[0] <= arrival:
                heappop(running)
            end = arrival + self.base_s * factor * (1 + len(running) / self.half)
            heappush(running, end)
            ends.append(end)
        return np.array(ends), np.zeros(arrivals.size, dtype=np.int64)


@dataclass(frozen=True)
class System:
    """A target that can be made anew, its constraints, and the load at which the first of them reaches its limit.
    `steps`: for a cliff, truth is between a load that passes and the next one that does not."""

    name: str
    make: Callable[[], Queueing | Cliff | SoftKnee]
    constraints: tuple[Constraint, ...]
    truth: float
    saturation: float
    widest: float | None = None
    is_cliff: bool = False


class Bench:
    """Offers visits to one simulated target; its time goes on."""

    def __init__(self, system: System, seed: int, generator_limit: float = math.inf) -> None:
        self.system, self.target = system, system.make()
        self.rng = np.random.default_rng(seed)
        self.generator_limit = generator_limit
        self.now = 0
        self._ends: Floats = np.empty(0)
        self._times: Floats = np.empty(0)
        self._places: NDArray[np.int64] = np.empty(0, dtype=np.int64)

    def offer(self, visit: Visit) -> VisitResult:
        """One visit, ended early as its rules say."""
        constraints = self.system.constraints
        samples: list[list[SecondSample]] = [[] for _ in constraints]
        offered, completed, running = [], [], []
        aborted, recovered_s = False, None
        load = min(visit.load, self.generator_limit)
        for second in range(visit.seconds):
            arrived, places, times = self._second(load)
            offered.append(arrived.size)
            completed.append(times.size)
            running.append(self._ends.size)
            for place, constraint in enumerate(constraints):
                name = constraint.target.operation
                own = times if name is None else times[places == self.target.names.index(name)]
                there = arrived if name is None else arrived[arrived == self.target.names.index(name)]
                samples[place].append(sample_of(constraint, own, there.size))
            recent = [each[max(visit.discard_s, second + 1 - BEYOND_WINDOW_S) :] for each in samples]
            if visit.may_abort and any(c.is_beyond(r) for c, r in zip(constraints, recent, strict=True)):
                aborted = True
                break
            if visit.until_concurrency is not None:
                if recovered_s is None and is_recovered(constraints, samples):
                    recovered_s = second + 1
                if recovered_s is not None and self._ends.size <= visit.until_concurrency:
                    break
        counted = running[visit.discard_s :]
        return VisitResult(
            visit,
            tuple(tuple(each) for each in samples),
            tuple(offered),
            tuple(completed),
            concurrency=sum(counted) / max(len(counted), 1),
            generator_limited=visit.load > 0.9 * self.generator_limit,
            aborted=aborted,
            recovered_s=recovered_s,
        )

    def _second(self, load: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        """Places of the arrivals of one second; places and times of the requests that ended in it."""
        arrivals = self.now + np.sort(self.rng.random(self.rng.poisson(load)))
        ends, places = self.target.serve(load, arrivals, self.rng)
        self.now += 1
        ends, times = np.concatenate([self._ends, ends]), np.concatenate([self._times, ends - arrivals])
        arrived, places = places, np.concatenate([self._places, places])
        ended = ends < self.now
        left = ~ended
        self._ends, self._times, self._places = ends[left], times[left], places[left]
        return arrived, places[ended], times[ended] * 1000


def sample_of(constraint: Constraint, times_ms: Floats, begun: int) -> SecondSample:
    """As `Constraint.sample`, from times."""
    if not constraint.is_share:
        return SecondSample(times_ms.size, float(times_ms.sum()), float((times_ms**2).sum()), 0.0, begun, times_ms.size)
    limit = constraint.target.limit
    over = int((times_ms >= limit).sum())
    return SecondSample(times_ms.size, over, over, int((times_ms >= BEYOND * limit).sum()), begun, times_ms.size)


# ── service times ───────────────────────────────────────────────────────────────────────────────────────────


def exponential(mean_s: float) -> Times:
    return lambda rng, count: rng.exponential(mean_s, count)


def fixed(time_s: float) -> Times:
    return lambda _rng, count: np.full(count, time_s)


def lognormal(mean_s: float, sigma: float) -> Times:
    return lambda rng, count: mean_s * rng.lognormal(-sigma * sigma / 2, sigma, count)


HEAVY = math.sqrt(math.log(5))
"""Sigma of a log-normal with a squared coefficient of variation of 4."""


# ── truth ───────────────────────────────────────────────────────────────────────────────────────────────────


def mmc_beyond(load: float, servers: int, mean_s: float, time_s: float) -> float:
    """P(response time > t) of M/M/c, by Erlang C; Gross & Harris, *Fundamentals of Queueing Theory*."""
    rate, offered = 1 / mean_s, load * mean_s
    blocked = stats.poisson.pmf(servers, offered) / stats.poisson.cdf(servers, offered)
    waits = blocked / (1 - (1 - blocked) * offered / servers)
    drain = servers * rate - load
    if abs(drain - rate) < 1e-9:
        drain += 1e-6
    alone = math.exp(-rate * time_s)
    return (1 - waits) * alone + waits * (drain * alone - rate * math.exp(-drain * time_s)) / (drain - rate)


def mmc_p95_ms(load: float, servers: int, mean_s: float) -> float:
    """The 95th percentile of the response time."""
    return 1000 * optimize.brentq(lambda t: mmc_beyond(load, servers, mean_s, t) - 0.05, 1e-6, 1e4)


def simulated_ms(make: Callable[[], Queueing | SoftKnee], load: float, requests: int, fraction: float | None) -> float:
    """A percentile, or the mean for None, by one very long simulation at one load."""
    rng, target = np.random.default_rng(20_260_101), make()
    now, found = 0.0, []
    for chunk in range(requests // 100_000 + 1):
        arrivals = now + np.cumsum(rng.exponential(1 / load, 100_000))
        ends, _ = target.serve(load, arrivals, rng)
        now = float(arrivals[-1])
        if chunk:
            found.append((ends - arrivals).astype(np.float32))
    times = np.concatenate(found)
    return 1000 * float(times.mean() if fraction is None else np.quantile(times, fraction))


class UserBench(Bench):
    """The same with users instead of arrivals: each sends, waits for the response, thinks, and sends again."""

    def __init__(self, system: System, seed: int, think_s: float, servers: int, times: Times) -> None:
        super().__init__(system, seed)
        self.think_s, self.times = think_s, times
        self.users: list[float] = []  # when each sends next
        self.free = [0.0] * servers

    def _second(self, load: float) -> tuple[NDArray[np.int64], NDArray[np.int64], Floats]:
        rng, users = self.rng, self.users
        while len(users) < load:
            heappush(users, self.now + float(rng.random()) * self.think_s)
        sends, ends = [], []
        while users and users[0] < self.now + 1:
            sent = heappop(users)
            if len(users) >= load:
                continue  # fewer users from now on
            start = max(self.free[0], sent)
            end = start + float(self.times(rng, 1)[0])
            heapreplace(self.free, end)
            sends.append(sent)
            ends.append(end)
            heappush(users, end + float(rng.exponential(self.think_s)))
        self.now += 1
        all_ends, times = (
            np.concatenate([self._ends, ends]),
            np.concatenate([self._times, np.array(ends) - np.array(sends)]),
        )
        ended = all_ends < self.now
        self._ends, self._times = all_ends[~ended], times[~ended]
        return np.zeros(len(sends), dtype=np.int64), np.zeros(int(ended.sum()), dtype=np.int64), times[ended] * 1000
