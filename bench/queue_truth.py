"""The true capacity of the reference backend with the fault `capacity`, by a simulation of the same users.

    python bench/queue_truth.py --fault capacity=8:50 --limit-ms 120 [--arrivals poisson]

Prints the most users (with --arrivals the most actions a second) at which the 95th percentile of the response times
stays below the limit, and its standard error. Of the suite it uses the roles and how users are shared among them, and
nothing that makes, measures or judges a load. tests/bench/test_queue_truth.py compares it with queueing theory.
"""

from __future__ import annotations

import argparse
import random
import sys
from collections import deque
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass
from heapq import heapify, heappop, heappush, heapreplace
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.model.role import Behaviour, Role, Step  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.roles.mix import users_by_role  # noqa: E402

TOKEN_LIFE_S = 900.0
RENEWED_FROM, RENEWED_TO = 0.6, 0.9
"""A login after this part of the token's life."""
OVERHEAD_S = 0.002
"""What a response takes beside waiting and service: the way to the backend and back, and two event loops."""
SETTLING_S = 60.0
STARTED_WITHIN_S = 20.0
REPLICATIONS = 8
_STEP = 0.04
"""The 95th percentile is simulated at loads so far apart, as a share, around the limit."""

Floats = NDArray[np.float64]
Requests = Generator[tuple[float, bool], float, None]
"""The pause before each request and whether it needs a server. It is sent the time at which the pause begins."""


@dataclass(frozen=True, slots=True)
class ServerPool:
    """So many servers, each of which takes `service_s` for a request; the others wait in order."""

    servers: int
    service_s: float

    @property
    def limit_rps(self) -> float:
        """The most that it can serve."""
        return self.servers / self.service_s


class _Turns:
    """The steps of a role's actions: each behaviour in proportion to its share and without long gaps, and each step
    with `every` above 1 in that many actions once."""

    def __init__(self, role: Role, rng: random.Random) -> None:
        self._left = [[rng.random() * each.share, each] for each in role.behaviours]
        self._total = sum(each.share for each in role.behaviours)
        self._turns = {(each.name, step.every): rng.randrange(step.every) for each, step in _steps(role)}

    def next(self) -> list[Step]:
        """Those of the next action."""
        for place in self._left:
            place[0] += place[1].share
        place = max(self._left, key=lambda each: each[0])
        place[0] -= self._total
        behaviour = place[1]
        every = {step.every for step in behaviour.steps}
        for one in every:
            self._turns[behaviour.name, one] += 1
        return [step for step in behaviour.steps if not self._turns[behaviour.name, step.every] % step.every]


def _steps(role: Role) -> list[tuple[Behaviour, Step]]:
    return [(behaviour, step) for behaviour in role.behaviours for step in behaviour.steps]


def _needs_server(step: Step) -> bool:
    return not step.operation.startswith("health.")


def user(role: Role, rng: random.Random) -> Requests:
    """What one user sends: a login, then actions with a pause after each, and another login before a token expires."""
    turns, pause_s, renew_at = _Turns(role, rng), rng.random() * STARTED_WITHIN_S, 0.0
    now = 0.0
    while True:
        if now + pause_s >= renew_at:
            now = yield pause_s, True
            renew_at, pause_s = now + TOKEN_LIFE_S * rng.uniform(RENEWED_FROM, RENEWED_TO), 0.0
        for step in turns.next():
            now = yield pause_s, _needs_server(step)
            pause_s = 0.0
        pause_s += rng.uniform(role.think_min_s, role.think_max_s)


class Load(Protocol):
    """Something that offers requests to a pool of servers."""

    def response_times_s(self, load: float, seconds: float, seed: int) -> Floats:
        """Those of the requests that are due after the settling time."""


@dataclass(frozen=True, slots=True)
class ClosedLoad:
    """Users who pause after each action. The load is their number, rounded."""

    pool: ServerPool
    roles: Sequence[Role] = ROLES
    overhead_s: float = OVERHEAD_S

    def response_times_s(self, load: float, seconds: float, seed: int) -> Floats:
        """See Load."""
        rng = random.Random(f"{seed}/{round(load)}")
        counts = users_by_role(round(load), self.roles)
        users = [user(role, rng) for role in self.roles for _ in range(counts[role.slug])]
        pool, overhead_s, until, found = self.pool, self.overhead_s, SETTLING_S + seconds, []
        free = [0.0] * pool.servers
        due = [(*next(each), number) for number, each in enumerate(users)]
        heapify(due)
        while due[0][0] < until:
            sent, needs_server, number = due[0]
            end = sent
            if needs_server:
                end = max(sent, free[0]) + pool.service_s
                heapreplace(free, end)
            end += overhead_s
            if sent >= SETTLING_S:
                found.append(end - sent)
            pause_s, needs_server = users[number].send(end)
            heapreplace(due, (end + pause_s, needs_server, number))
        return np.array(found)


@dataclass(slots=True)
class _Action:
    """One action of the open model. `due_at` is its own time until the first request has been sent."""

    role: int
    steps: list[Step]
    due_at: float
    place: int = 0


@dataclass(frozen=True, slots=True)
class OpenLoad:
    """Actions that become due at their times and wait for a session of their role. The load is actions per second."""

    pool: ServerPool
    sessions: int
    poisson: bool
    roles: Sequence[Role] = ROLES
    overhead_s: float = OVERHEAD_S

    def response_times_s(self, load: float, seconds: float, seed: int) -> Floats:
        """See Load. The first request of an action counts from the moment the action was due."""
        pool, overhead_s, found = self.pool, self.overhead_s, []
        free = [0.0] * pool.servers
        actions = self._actions(load, SETTLING_S + seconds, random.Random(f"{seed}/{load}"))
        idle = list(users_by_role(self.sessions, self.roles).values())
        waiting: list[deque[_Action]] = [deque() for _ in self.roles]
        events: list[tuple[float, int, _Action]] = []
        for number, new in enumerate(actions):
            heappush(events, (new.due_at, number, new))
            while events and events[0][0] <= new.due_at:
                now, order, action = heappop(events)
                if not action.place:  # it becomes due, or a session was freed for it
                    if not idle[action.role]:
                        waiting[action.role].append(action)
                        continue
                    idle[action.role] -= 1
                if action.place == len(action.steps):
                    idle[action.role] += 1
                    if waiting[action.role]:
                        heappush(events, (now, order, waiting[action.role].popleft()))
                    continue
                end = now
                if _needs_server(action.steps[action.place]):
                    end = max(now, free[0]) + pool.service_s
                    heapreplace(free, end)
                end += overhead_s
                since = now if action.place else action.due_at
                if since >= SETTLING_S:
                    found.append(end - since)
                action.place += 1
                heappush(events, (end, order, action))
        return np.array(found)

    def _actions(self, rate: float, until: float, rng: random.Random) -> Iterator[_Action]:
        turns = [_Turns(role, rng) for role in self.roles]
        credit, now = [rng.random() * role.weight for role in self.roles], 0.0
        total = sum(role.weight for role in self.roles)
        while now < until:
            now += rng.expovariate(rate) if self.poisson else 1 / rate
            credit = [left + role.weight for left, role in zip(credit, self.roles, strict=True)]
            role = max(range(len(credit)), key=credit.__getitem__)
            credit[role] -= total
            yield _Action(role, turns[role].next(), now)


def p95_ms(load: Load, at: float, seconds: float, seed: int) -> float:
    """The 95th percentile of the response times at one load."""
    return 1000 * float(np.quantile(load.response_times_s(at, seconds, seed), 0.95))


def capacity(load: Load, limit_ms: float, first: float, seconds: float, seed: int = 1) -> tuple[float, float]:
    """The load at which the 95th percentile reaches the limit, and its standard error. `first`: about where."""
    below, above = 0.0, first
    while p95_ms(load, above, seconds, seed) < limit_ms:
        below, above = above, 2 * above
    while above - below > _STEP / 2 * above:
        middle = (below + above) / 2
        below, above = (middle, above) if p95_ms(load, middle, seconds, seed) < limit_ms else (below, middle)
    loads = (below + above) / 2 * (1 + _STEP * np.array([-1.0, -0.5, 0.0, 0.5, 1.0]))
    found = []
    for replication in range(REPLICATIONS):
        times = [p95_ms(load, at, seconds, seed + 1 + replication) for at in loads]
        found.append(float(np.polynomial.Polynomial.fit(times, loads, 2)(limit_ms)))
    return float(np.mean(found)), float(np.std(found, ddof=1) / np.sqrt(REPLICATIONS))


def main() -> int:
    """Print the capacity."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", default="capacity=8:50", help="as given to the backend")
    parser.add_argument("--limit-ms", type=float, default=120.0, help="the limit of the 95th percentile")
    parser.add_argument("--arrivals", choices=("constant", "poisson"), help="the open model; default: users who pause")
    parser.add_argument("--sessions", type=int, default=300, help="of the open model")
    parser.add_argument("--seconds", type=float, default=1_000.0, help="simulated for each load, eight times")
    options = parser.parse_args()
    pool = pool_of(options.fault)
    load: Load = ClosedLoad(pool)
    unit, first = "users", 0.5 * pool.limit_rps
    if options.arrivals:
        load, unit = OpenLoad(pool, options.sessions, options.arrivals == "poisson"), "actions/s"
        first /= 2
    found, error = capacity(load, options.limit_ms, first, options.seconds)
    print(f"{found:.1f} {unit} (standard error {error:.2f})")
    return 0


def pool_of(fault: str) -> ServerPool:
    """The servers of `capacity=SERVERS:SERVICE_MS`."""
    servers, _, service_ms = fault.removeprefix("capacity=").partition(":")
    return ServerPool(int(servers), float(service_ms) / 1000)


if __name__ == "__main__":
    sys.exit(main())
