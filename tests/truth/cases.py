"""Runs whose trouble is known, since it was made: what went wrong, from when on, and what has to be told first."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

import psutil

from perfsuite.target.catalogue import CATALOGUE
from tests.truth.trouble import burnt_cpu, stopped_redis

LATER_S = 30
"""In the load; it has been steady for some twenty seconds by then."""
_BEFORE_LOAD_S = 10
"""Faults count from the start of the backend: fingerprint and preflight come first."""
_FROM = f"from {LATER_S + _BEFORE_LOAD_S}s"
_LATER_RUN_S = 50
_FAULTY_ROUTE = "policies.list"
_N_PLUS_ONE, _LEAK = f"n_plus_one@{_FAULTY_ROUTE}", f"leak=1MB@{_FAULTY_ROUTE}"


@dataclass(frozen=True)
class Queries:
    """What a finding about queries has to name: one of `operations`, and how many each of their requests has more."""

    operations: frozenset[str]
    more: int


@dataclass(frozen=True)
class Case:
    """One kind of trouble. `resource`: what the first finding names; None: there is no finding.

    `trouble`: what the backend cannot do to itself, as a context around the process of the suite, from `at_s` seconds
    of the load on. `alone`: no other run can be made at the same time.
    """

    name: str
    resource: str | None
    faults: tuple[str, ...] = ()
    trouble: Callable[[psutil.Process], AbstractContextManager[None]] | None = None
    at_s: float = 0.0
    users: int = 150
    spawn_rate: int = 75
    duration_s: int = 24
    queries: Queries | None = None
    alone: bool = False

    def options(self, seed: int) -> tuple[str, ...]:
        """Of the command line."""
        faults = (part for fault in self.faults for part in ("--fault", fault))
        load = ("--users", str(self.users), "--spawn-rate", str(self.spawn_rate), "--duration", f"{self.duration_s}s")
        return ("--demo", "full", *load, "--seed", str(seed), *faults)


_OF_ROUTE = frozenset(
    name
    for name, each in CATALOGUE.items()
    if (each.method, each.template) == ("GET", CATALOGUE[_FAULTY_ROUTE].template)
)
_PAGE = Queries(_OF_ROUTE, more=20)
"""All operations that ask the faulty route, for lists of at most twenty rows: one more query for each row."""

CASES = (
    # With the time that a read keeps its connection it is the pool that is scarce, however slow the machine.
    Case("pool of 2", "pool", ("pool=2:15ms",), users=100, spawn_rate=10, duration_s=32),
    Case("N+1", "queries per request", (_N_PLUS_ONE,), queries=_PAGE),
    Case("missing index", "rows per request", ("missing_index",)),
    Case("lock held for 3 s", "locks", ("lock=3s/10s",)),
    Case("cache off", "cache", ("no_cache",)),
    Case("leak", "memory", (_LEAK,), duration_s=34),
    Case("CPU burnt", "other processes", trouble=burnt_cpu, alone=True),
    Case(
        "N+1, later",
        "queries per request",
        (f"{_N_PLUS_ONE} {_FROM}",),
        duration_s=_LATER_RUN_S,
        queries=_PAGE,
    ),
    Case("missing index, later", "rows per request", (f"missing_index {_FROM}",), duration_s=_LATER_RUN_S),
    # The first lock comes one period, 10 s, after the fault has begun.
    Case("lock held for 3 s, later", "locks", (f"lock=3s/10s from {LATER_S}s",), duration_s=_LATER_RUN_S),
    Case("Redis stopped, later", "Redis", trouble=stopped_redis, at_s=LATER_S, duration_s=_LATER_RUN_S),
    Case("cache off, later", "cache", (f"no_cache {_FROM}",), duration_s=_LATER_RUN_S),
    Case("leak, later", "memory", (f"{_LEAK} {_FROM}",), duration_s=_LATER_RUN_S),
    Case("CPU burnt, later", "other processes", trouble=burnt_cpu, at_s=LATER_S, duration_s=_LATER_RUN_S, alone=True),
    # With all logins at once, a slow machine has a storm of them.
    *(Case(f"healthy {number}", None, users=100, spawn_rate=10, duration_s=32) for number in range(1, 11)),
)
"""Not later: a pool of 2, since the backend's pool has its size for good. Not from the start: a stopped Redis, with
which no demo begins."""


BRIEF = tuple(case for case in CASES if case.name in ("Redis stopped, later", "pool of 2", "healthy 1"))
"""Those that `make test` makes: trouble from the start on and later, and none. tests/integration makes an N+1. What a
blocked session looks like is tested with PostgreSQL itself, and what is found of it with simulated runs."""
