"""The simulation that gives the true capacity, where queueing theory gives it too."""

from __future__ import annotations

import math
from functools import cache

import numpy as np
import pytest
from scipy import optimize, stats

from bench.queue_truth import (
    SETTLING_S,
    ClosedLoad,
    Floats,
    OpenLoad,
    ServerPool,
    capacity,
    p95_ms,
    pool_of,
)
from perfsuite.model.role import Behaviour, Role, Step
from perfsuite.roles import ROLES

ONE_REQUEST = Role("policyholder", "Policyholder", (), 1, 1.0, 3.0, (Behaviour("profile", 1, (Step("users.me"),)),))


@cache
def at_most_waiting(servers: int, load: float) -> Floats:
    """P(at most 0, 1, 2, … requests wait) of M/D/c. `load`: arrivals in a service time.

    The number in the system, seen once in a service time, is a Markov chain: those in service leave, others arrive.
    """
    size = 10 * servers + 60
    arrivals = stats.poisson.pmf(np.arange(size), load)
    chain = np.array([np.roll(arrivals, left) * (np.arange(size) >= left) for left in _left(size, servers)])
    balance = chain.T - np.eye(size)
    balance[-1] = 1.0
    shares: Floats = np.linalg.solve(balance, np.eye(size)[-1])
    return np.cumsum(shares)[servers:]


def _left(size: int, servers: int) -> list[int]:
    return [max(present - servers, 0) for present in range(size)]


def md_c_waits_at_most(pool: ServerPool, rate: float, wait_s: float) -> float:
    """P(wait ≤ t) of M/D/c; Franx 2001, doi:10.1016/S0167-6377(01)00108-0."""
    services = math.floor(wait_s / pool.service_s) + 1
    numbers = np.arange(services * pool.servers)
    rest = rate * (services * pool.service_s - wait_s)
    waiting = at_most_waiting(pool.servers, rate * pool.service_s)
    return float(stats.poisson.pmf(numbers, rest) @ waiting[services * pool.servers - 1 - numbers])


def md_c_p95_ms(pool: ServerPool, rate: float) -> float:
    wait_s = optimize.brentq(lambda wait: md_c_waits_at_most(pool, rate, wait) - 0.95, 0, 6 * pool.service_s)
    return 1000 * (wait_s + pool.service_s)


def test_the_theory_is_that_of_one_server_where_there_is_one() -> None:
    """Erlang 1909: P(no wait) = 1 - ρ; P(wait ≤ t) = (1 - ρ) e^(λt) up to a service time."""
    pool = ServerPool(1, 0.1)

    assert md_c_waits_at_most(pool, 7.0, 0.0) == pytest.approx(0.3, abs=1e-9)
    assert md_c_waits_at_most(pool, 7.0, 0.06) == pytest.approx(0.3 * math.exp(0.42), abs=1e-9)


@pytest.mark.parametrize(("servers", "used"), [(1, 0.7), (8, 0.8), (20, 0.85)])
def test_poisson_arrivals_of_single_requests_are_m_d_c(servers: int, used: float) -> None:
    pool = ServerPool(servers, 0.05)
    rate = used * pool.limit_rps
    load = OpenLoad(pool, 2_000, poisson=True, roles=[ONE_REQUEST], overhead_s=0.0)

    assert p95_ms(load, rate, 100_000 / rate, 1) == pytest.approx(md_c_p95_ms(pool, rate), rel=0.03)


def test_no_more_users_than_servers_never_wait() -> None:
    times = ClosedLoad(ServerPool(20, 0.05), overhead_s=0.003).response_times_s(20, 300, 1)

    assert set(times.round(9)) == {0.053, 0.003}  # health pages need no server


def test_users_in_overload_get_what_the_servers_can_do() -> None:
    """Little's law: users = rate x (response time + pause), and the rate is that of the servers."""
    pool, users = ServerPool(4, 0.05), 400
    times = ClosedLoad(pool, [ONE_REQUEST], overhead_s=0.0).response_times_s(users, 500, 1)

    assert times.size / 500 == pytest.approx(pool.limit_rps, rel=0.01)
    assert times.mean() == pytest.approx(users / pool.limit_rps - ONE_REQUEST.think_mean_s, rel=0.01)


def test_the_roles_send_as_many_requests_as_their_steps_say() -> None:
    pool = ServerPool(100_000, 0.0)
    seconds, users = 1_000, 91
    per_s = sum(role.weight * role.requests_per_action() / role.think_mean_s for role in ROLES)
    closed = ClosedLoad(pool, overhead_s=0.0).response_times_s(users, seconds, 1)
    # Logins are beside them: one in 11 minutes.
    assert closed.size / seconds == pytest.approx(per_s + users / 675, rel=0.01)

    actions = 50.0
    per_action = sum(role.weight * role.requests_per_action() for role in ROLES) / sum(role.weight for role in ROLES)
    opened = OpenLoad(pool, users, poisson=False, overhead_s=0.0).response_times_s(actions, seconds, 1)
    assert opened.size / seconds == pytest.approx(actions * per_action, rel=0.01)


def test_actions_wait_for_a_session() -> None:
    """Two sessions for actions that take 100 ms each: of 25 a second 20 begin, so the wait grows by a
    fifth of the time."""
    load = OpenLoad(ServerPool(100, 0.1), 2, poisson=False, roles=[ONE_REQUEST], overhead_s=0.0)
    times = load.response_times_s(25.0, 60, 1)

    assert times[-1] == pytest.approx((SETTLING_S + 60) / 5, rel=0.02)


class Straight:
    """A target whose 95th percentile is as many ms as it has load, give or take a little."""

    def response_times_s(self, load: float, seconds: float, seed: int) -> Floats:
        noise = np.random.default_rng([seed, round(1000 * load)]).normal(0, 0.5)
        return np.full(100, (load + noise) / 1000)


def test_the_capacity_is_where_the_percentile_reaches_the_limit() -> None:
    found, error = capacity(Straight(), 137.0, 50.0, 1.0)

    assert found == pytest.approx(137.0, abs=4 * error)
    assert 0 < error < 0.5


def test_the_pool_is_that_of_the_fault() -> None:
    assert pool_of("capacity=8:12.5") == ServerPool(8, 0.0125)
