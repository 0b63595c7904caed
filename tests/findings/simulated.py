"""Runs that never happened: requests and readings with the noise of real ones, healthy or with a fault.

Shapes are those of the reference backend under `--demo full` on a machine that others use too: Poisson counts,
log-normal times with a common slow drift and bursts of the machine, rows read with heavy tails.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from perfsuite.findings.steady_state import TABLE_SCAN_ROWS, TABLE_SCANS
from perfsuite.model import (
    ALL,
    Coverage,
    GeneratorHealth,
    Reconciliation,
    Row,
    Second,
    Statistics,
    Summary,
    UserCounts,
    WholeRun,
)
from perfsuite.model.monitor import METRICS, Reading

Floats = NDArray[np.float64]
FIRST_S = 1_772_357_400
BEFORE_S = 15
"""Ramp-up and settling time, as far as they go."""
CORES = 2
OPERATIONS = (  # role, operation, share of the requests, usual time in ms, queries
    ("policyholder", "users.me", 0.25, 3.0, 1),
    ("policyholder", "policies.list", 0.20, 8.0, 2),
    ("policyholder", "policies.read", 0.15, 4.0, 1),
    ("junior_agent", "policies.page", 0.15, 9.0, 2),
    ("junior_agent", "leads.list", 0.08, 6.0, 2),
    ("senior_agent", "dashboard.senior_agent", 0.07, 22.0, 9),
    ("support_staff", "tickets.list", 0.06, 6.0, 2),
    ("regional_manager", "agents.list", 0.04, 25.0, 2),
)
SLOW_WITH_INDEX = frozenset({"policies.list", "policies.page"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong, from which second of the run on."""

    kind: str
    from_s: int = 0
    for_s: int = 10_000

    def seconds(self, length: int) -> NDArray[np.bool_]:
        """Where in the steady state it holds."""
        at = np.arange(length) + BEFORE_S
        return (at >= self.from_s) & (at < self.from_s + self.for_s)


@dataclass(frozen=True)
class Made:
    summary: Summary
    readings: list[Reading]


class Run:
    """One run of `length` seconds of steady state at `rps` requests a second, or as many as it has for each second."""

    def __init__(self, seed: int, length: int, rps: float | Floats, fault: Fault | None = None) -> None:
        self.rng = np.random.default_rng(seed)
        self.length, self.rps = length, rps
        self.kind = fault.kind if fault else ""
        self.on = fault.seconds(length) if fault else np.zeros(length, dtype=bool)
        self.machine = self._machine()
        self.slower = np.exp(self._wander(0.08, 0.9)) * (1 + 0.5 * np.maximum(self.machine - 60, 0) / 40)
        self.requests = np.zeros(length)

    def _wander(self, deviation: float, memory: float) -> Floats:
        """A slow drift: each value hangs on the one before."""
        steps = self.rng.normal(0, deviation * np.sqrt(1 - memory**2), self.length)
        values = np.zeros(self.length)
        for place in range(self.length):
            values[place] = memory * values[place - 1] + steps[place]
        return values

    def _machine(self) -> Floats:
        """CPU of the machine, in bursts of others."""
        base = self.rng.uniform(8, 40) + np.abs(self.rng.normal(0, 4, self.length))
        at = 0
        while (at := at + int(self.rng.exponential(40)) + 1) < self.length:
            base[at : at + int(self.rng.integers(2, 10))] += self.rng.uniform(10, 70)
        return np.minimum(base, 100.0)

    def made(self) -> Made:
        """Its summary and its readings."""
        summary = self._summary(list(self._rows()))  # counts the requests, on which readings depend
        return Made(summary, list(self._readings()))

    def _factor(self, operation: str) -> Floats:
        """By how much the fault lengthens the operation in each second, and what it adds."""
        factor = np.ones(self.length)
        if self.kind == "n_plus_one" and operation == "policies.list":
            factor[self.on] = 5.0
        if self.kind == "index" and operation in SLOW_WITH_INDEX:
            factor[self.on] = 6.0
        if self.kind == "one_slow" and operation == "tickets.list":
            factor[self.on] = 9.0
        if self.kind == "no_cache":
            factor[self.on] = 1.6
        if self.kind == "cpu":
            factor[self.on] = 2.5
        return factor

    def _rows(self) -> Iterator[Row]:
        stuck = self.on if self.kind == "lock" else np.zeros(self.length, dtype=bool)
        for role, operation, share, usual_ms, _queries in OPERATIONS:
            rate = self.rps * share * np.where(stuck, 0.5, 1.0)
            counts = self.rng.poisson(rate, self.length)
            at = np.repeat(np.arange(self.length), counts)
            times = usual_ms * np.exp(self.rng.normal(-0.2, 0.6, at.size)) * (self.slower * self._factor(operation))[at]
            times += self._added_ms(operation, at)
            total = np.bincount(at, weights=times, minlength=self.length)
            self.requests += counts
            for place in np.flatnonzero(counts):
                shown = figures(int(counts[place]), 0, float(total[place] / counts[place]))
                yield Row(str(FIRST_S + int(place)), role, ALL, operation, shown)

    def _added_ms(self, operation: str, at: NDArray[np.intp]) -> Floats:
        """What single requests wait for beside."""
        added = np.zeros(at.size)
        if self.kind == "lock" and operation.startswith("policies"):
            added = np.where(self.on[at], self.rng.uniform(200, 3000, at.size), 0.0)
        if self.kind == "redis":
            added = np.where(self.on[at] & (self.rng.random(at.size) < 0.06), 1000.0, 0.0)
        if self.kind == "pool":
            added = np.where(self.on[at], self.rng.exponential(40, at.size), 0.0)
        return added

    @staticmethod
    def _second(at: int, rows: list[Row]) -> Second:
        requests = sum(row.statistics.requests for row in rows)
        total = sum(row.statistics.requests * (row.statistics.avg_ms or 0) for row in rows)
        return Second(FIRST_S + at, "steady", figures(requests, 0, total / requests if requests else None), {"all": 10})

    def _summary(self, rows: list[Row]) -> Summary:
        by_second: dict[str, list[Row]] = {}
        for row in rows:
            by_second.setdefault(row.period, []).append(row)
        seconds = tuple(self._second(at, by_second.get(str(FIRST_S + at), [])) for at in range(self.length))
        return summary_of(seconds, tuple(rows))

    def _readings(self) -> Iterator[Reading]:
        for metric, values in (self._values() | self._session_values()).items():
            gone = self.kind == "redis" and metric.startswith("redis.") and metric != "redis.up"
            for place, value in enumerate(values):
                shown = None if gone and self.on[place] else float(value)
                yield Reading(FIRST_S + place + 1.0, metric.split(".")[0], metric, shown, METRICS[metric].unit)
        yield from self._table_readings()
        for core in range(CORES):
            yield Reading(FIRST_S + 1.0, f"machine/core {core}", "machine.core_cpu_percent", 20.0, "percent")

    def _session_values(self) -> dict[str, Floats]:
        """Of a pool that keeps its connections, and transactions that end with their request. Draws of their own."""
        rng = np.random.default_rng(self.length)
        return {
            "pool.absent": np.zeros(self.length),
            "postgres.sessions_opened_per_s": rng.poisson(0.1, self.length).astype(float),
            "postgres.longest_idle_in_transaction_s": rng.exponential(0.02, self.length),
        }

    def _table_readings(self) -> Iterator[Reading]:
        """Reports read the large tables from end to end now and then; without their index most lists do."""
        per_request = {
            "premiums": 0.07,
            "holders": 0.04,
            "policies": np.where(self.on & (self.kind == "index"), 0.7, 0.05),
        }
        whole = np.zeros(self.length)
        for table, often in per_request.items():
            scans = self.rng.poisson(np.maximum(self.requests, 0.0) * often).astype(float)
            whole += scans
            for metric, values in ((TABLE_SCANS, scans), (TABLE_SCAN_ROWS, scans * 5000.0)):
                for place, value in enumerate(values):
                    yield Reading(FIRST_S + place + 1.0, f"postgres/{table}", metric, float(value), "per second")
        for place, value in enumerate(whole):
            yield Reading(FIRST_S + place + 1.0, "postgres", "postgres.full_scans_per_s", float(value), "per second")

    def _values(self) -> dict[str, Floats]:
        rng, length, on, requests = self.rng, self.length, self.on, np.maximum(self.requests, 0.0)
        server = np.minimum(requests * 0.22 + rng.normal(2, 1, length), 95).clip(0.5)
        n1 = on & (self.kind == "n_plus_one")
        uncached = on & (self.kind in ("no_cache", "redis"))
        per_request = np.where(n1, 1.8 + 0.2 * 20, np.where(uncached, 3.9, 1.8))
        statements = requests * per_request * np.exp(rng.normal(0, 0.35, length))
        rows_read = requests * np.where(on & (self.kind == "index"), 6000, 700) * np.exp(rng.normal(-0.4, 1.2, length))
        lookups = requests * np.where(on & (self.kind == "no_cache"), 0.0, 2.08) * np.exp(rng.normal(0, 0.1, length))
        blocked = np.where(on & (self.kind == "lock"), rng.integers(5, 16, length), rng.random(length) < 0.01)
        longest = np.where(on & (self.kind == "lock"), rng.uniform(1, 3, length), rng.exponential(0.01, length))
        cpu = on & (self.kind == "cpu")
        size = 2 if self.kind == "pool" else 16
        busy = rng.poisson(np.where(on & (self.kind == "pool"), 6.0, requests * 0.006)) + 1
        leaked = np.cumsum(np.where(on & (self.kind == "leak"), 1.0e6, 0.0))
        warm = 150e6 + 3e6 * np.log1p(np.arange(length)) + rng.normal(0, 3e4, length)
        return {
            "server.up": np.ones(length),
            "server.cpu_percent": server,
            "server.busiest_process_cpu_percent": server,
            "server.cpu_limit_percent": np.full(length, 100.0 * CORES),
            "server.cpu_wait_percent": rng.exponential(8, length) * np.where(cpu, 10, 1),
            "server.memory_bytes": warm + leaked,
            "server.threads": np.full(length, 13.0),
            "server.descriptors": 40.0 + rng.poisson(3, length),
            "server.listen_queue": (rng.random(length) < 0.02) * 1.0,
            "machine.cpu_percent": np.where(cpu, 99.0, np.minimum(self.machine + server / CORES, 100)),
            "machine.memory_available_bytes": np.full(length, 20e9),
            "machine.iowait_percent": rng.exponential(0.5, length),
            "pool.up": np.ones(length),
            "pool.size": np.full(length, float(size)),
            "pool.used_percent": 100.0 * np.minimum(busy, size) / size,
            "pool.waiting": np.maximum(busy - size, 0.0),
            "postgres.up": np.ones(length),
            "postgres.connections_used_percent": np.full(length, 12.0),
            "postgres.connections_active": np.where(blocked > 1, blocked, rng.poisson(0.3, length)).astype(float),
            "postgres.blocked_sessions": blocked.astype(float),
            "postgres.waits_lock": blocked.astype(float),
            "postgres.longest_query_s": longest,
            "postgres.cache_hit_percent": 99.5 - rng.exponential(0.3, length),
            "postgres.statements_calls_per_s": statements,
            "postgres.statements_exec_ms_per_s": statements * rng.gamma(4, 0.04, length),
            "postgres.rows_read_per_s": rows_read,
            "redis.up": np.where(on & (self.kind == "redis"), 0.0, 1.0),
            "redis.lookups_per_s": lookups,
            "redis.hit_percent": np.clip(rng.normal(78, 5, length), 0, 100),
            "redis.cpu_percent": rng.exponential(1, length),
        }


def figures(requests: int, failures: int, avg_ms: float | None) -> Statistics:
    rate = failures / requests if requests else None
    return Statistics(requests, failures, rate, requests, avg_ms, *[None] * 8)


def summary_of(seconds: tuple[Second, ...], rows: tuple[Row, ...], period_rows: tuple[Row, ...] = ()) -> Summary:
    """A summary whose steady state is made of these seconds."""
    requests = sum(second.statistics.requests for second in seconds)
    return Summary(
        run_id="simulated_20260301_093000",
        scenario="simulated",
        host="http://localhost:8015",
        started_at="2026-03-01T09:30:00Z",
        duration_s=float(len(seconds)),
        steady_s=float(len(seconds)),
        steady_start=FIRST_S if seconds else None,
        steady_end=FIRST_S + len(seconds) if seconds else None,
        users=UserCounts(10, 10, {"all": 10}),
        totals=figures(requests, 0, 10.0),
        rows=period_rows,
        behaviours=(),
        seconds=seconds,
        second_rows=rows,
        failures=(),
        whole_run=WholeRun(requests, 0, 0),
        generator=GeneratorHealth(1, 20.0, 4.0, 0, cpu_percent_mean=10.0),
        coverage=Coverage(8, (), (), (), {}, ()),
        reconciliation=Reconciliation(requests, None, None),
        cleanup=None,
        target_lost_at=None,
        ended="completed",
        environment={},
    )


def made(seed: int, length: int, rps: float, fault: Fault | None = None) -> Made:
    return Run(seed, length, rps, fault).made()
