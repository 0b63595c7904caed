"""What a request costs with two load processes, compared with one: as many requests as fit on one core, in turn.

The target is an nginx on another core, which is never the slower one: a load process that waits for a slow target wakes
up for each answer, and pays for that, however many processes there are.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from bench.generators import roles_one_get
from bench.generators.nginx import nginx
from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import Generator, Phase, Requests
from perfsuite.measurements.totals import values_in
from perfsuite.model import Scenario
from tests.accuracy.lab import Load, assert_ended, plan_of, prepared
from tests.accuracy.table import Row

USERS, RAMP_S, END_S = 25, 3.0, 3.0
"""Users of each process, without think times."""
BOUND = 1.1
_FILES = 4_096


@contextmanager
def _on_core(core: int) -> Iterator[None]:
    """This process, and those that it starts meanwhile."""
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {core})
    try:
        yield
    finally:
        os.sched_setaffinity(0, before)


def cpu_us(processes: int, seconds: int, url: str, folder: Path) -> float:
    """CPU time of all load processes per request, after the ramp-up."""
    users = USERS * processes
    scenario = Scenario("cost", users, users / RAMP_S, RAMP_S + seconds + END_S)
    folder.mkdir(parents=True)
    plan = plan_of(Load(scenario, "", processes, roles_one_get.__name__, roles_one_get.ROLES), url)
    process = prepared(plan, folder)
    try:
        assert_ended(process, scenario.duration_s)
    finally:
        process.close()
    records = Tail(folder / FILE_NAME).read()
    begin = next(record.at for record in records if isinstance(record, Phase) and record.name == "plateau")
    window = range(int(begin) + 2, int(begin) + 2 + seconds - 2)
    health = [record for record in records if isinstance(record, Generator) and record.second in window]
    cells = [record for record in records if isinstance(record, Requests) and record.second in window]
    cpu_s = sum(one.cpu_percent / 100 * one.span_s for one in health)
    requests = sum(values_in(one.ok) + values_in(one.failed) for one in cells)
    return cpu_s / requests * 1e6


def cost_rows(pairs: int, seconds: int, folder: Path) -> list[Row]:
    """The median of the ratios of so many pairs, of which every other one begins with two processes."""
    costs: dict[int, list[float]] = {1: [], 2: []}
    cores = sorted(os.sched_getaffinity(0))
    with nginx(folder / "nginx", cores[-1], _FILES) as server, _on_core(cores[0]):
        for pair in range(pairs):
            for processes in (1, 2) if pair % 2 == 0 else (2, 1):
                costs[processes].append(cpu_us(processes, seconds, server.url, folder / f"{pair}-{processes}"))
    ratio = median(two / one for one, two in zip(costs[1], costs[2], strict=True))
    measured = f"{ratio:.2f} ({median(costs[2]):.1f} and {median(costs[1]):.1f} µs)"
    what = "CPU per request, compared with one process"
    return [Row("two load processes", what, "1", measured, f"≤ {BOUND}", ratio <= BOUND, of_time=True)]
