"""What watching costs the target: CPU of PostgreSQL, Redis and the application, watched and not watched.

Runs the full demo without load, so that what is seen is the monitor's doing. PostgreSQL is given as many different
statements as pg_stat_statements holds, which is the worst case for its totals. Spans of both kinds alternate.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil
import psycopg

from perfsuite.demo.backend import BackendSettings
from perfsuite.demo.client import Demo, running_demo
from perfsuite.monitor import ReadingsWriter, Sampler, SystemClock, Watch, build_sources
from perfsuite.target.connection import ConnectionSettings

BOUND_PERCENT = 1.0
ROUNDS = 2
MONITOR = "monitor itself"


@dataclass(frozen=True, slots=True)
class Cost:
    """CPU seconds of one target over spans of equal length."""

    target: str
    watched_s: float
    not_watched_s: float
    span_s: float

    @property
    def percent(self) -> float:
        """What watching adds, in per cent of one core."""
        return 100.0 * (self.watched_s - self.not_watched_s) / self.span_s


def main() -> int:
    """Measure and print; 1 when a target pays more than the bound."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="of each kind")
    parser.add_argument(
        "--statements", type=int, default=4900, help="different statements to be held (at most 5,000 are)"
    )
    options = parser.parse_args()
    with running_demo("full", BackendSettings(seed_factor=0.1)) as demo:
        fill_statements(demo, options.statements)
        costs = measure(demo, options.seconds)
    print(f"{'target':<14} {'watched':>10} {'not watched':>12} {'difference':>24}")
    for cost in costs:
        print(
            f"{cost.target:<14} {cost.watched_s:>8.2f} s {cost.not_watched_s:>10.2f} s "
            f"{cost.percent:>10.2f} % of one core"
        )
    dear = [cost.target for cost in costs if cost.percent >= BOUND_PERCENT and cost.target != MONITOR]
    print(
        f"bound: below {BOUND_PERCENT:g} % of one core per target: {'missed by ' + ', '.join(dear) if dear else 'held'}"
    )
    return 1 if dear else 0


def measure(demo: Demo, seconds: int) -> list[Cost]:
    """Not watched and watched, in turn."""
    span_s = seconds / ROUNDS
    spent: dict[bool, dict[str, float]] = {True: {}, False: {}}
    time.sleep(3)  # what the filling has left to do
    for _ in range(ROUNDS):
        for watched in (False, True):
            for target, cpu_s in span(demo, span_s, watched=watched).items():
                spent[watched][target] = spent[watched].get(target, 0.0) + cpu_s
    return [Cost(target, spent[True][target], spent[False][target], float(seconds)) for target in spent[True]]


def span(demo: Demo, seconds: float, *, watched: bool) -> dict[str, float]:
    """CPU seconds of each target in one span; opening and closing the monitor's sessions included."""
    before = cpu_s(demo)
    if watched:
        clock = SystemClock()
        watch = Watch("monitor_cost", ConnectionSettings(demo.host), str(demo.pid), demo.postgres_dsn, demo.redis_url)
        with tempfile.TemporaryDirectory() as folder:
            sampler = Sampler(build_sources(watch, clock), clock, ReadingsWriter(Path(folder) / "readings.csv"))
            sampler.start()
            time.sleep(seconds)
            after = cpu_s(demo)  # while the session's process is still there to be asked
            sampler.stop()
            for note in sampler.notes():
                print(note)
    else:
        time.sleep(seconds)
        after = cpu_s(demo)
    return {target: after[target] - before[target] for target in after}


def cpu_s(demo: Demo) -> Mapping[str, float]:
    """Target → CPU seconds so far, with the children that have ended."""
    roots = {"application": demo.pid, "PostgreSQL": demo.server_pids["postgres"], "Redis": demo.server_pids["redis"]}
    totals = {target: tree_cpu_s(pid) for target, pid in roots.items()}
    own = psutil.Process(os.getpid()).cpu_times()
    return totals | {MONITOR: own.user + own.system}


def tree_cpu_s(pid: int) -> float:
    """CPU of a process and its descendants, those included that have ended."""
    total = 0.0
    process = psutil.Process(pid)
    for member in [process, *process.children(recursive=True)]:
        times = member.cpu_times()
        total += times.user + times.system + times.children_user + times.children_system
    return total


def fill_statements(demo: Demo, count: int) -> None:
    """Different statements, until pg_stat_statements holds so many."""
    if demo.postgres_dsn is None:
        raise SystemExit("the demo has no PostgreSQL")
    with psycopg.connect(demo.postgres_dsn, autocommit=True) as connection:
        for number in range(count):  # names and numbers would not make them different, operators do
            operators = (" + 1", " - 1")
            terms = "".join(operators[number >> bit & 1] for bit in range(count.bit_length()))
            connection.execute(f"SELECT 1{terms}".encode())
        held = connection.execute("SELECT count(*) FROM pg_stat_statements(false)").fetchall()[0][0]
        print(f"statements in pg_stat_statements: {held}")


if __name__ == "__main__":
    raise SystemExit(main())
