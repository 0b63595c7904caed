"""Many users who log in, look once and wait: all come, none is lost, and a waiting one takes little memory."""

from __future__ import annotations

import resource
import time
from pathlib import Path

from perfsuite.measurements.file import FILE_NAME, Tail
from perfsuite.measurements.records import End, Generator, Phase, Requests, Users, WorkerLost
from perfsuite.model import LOGIN, Scenario
from perfsuite.run.load_process import LoadProcess
from tests.accuracy.idle_roles import ROLES
from tests.accuracy.lab import Load, Outcome, run, wait_until
from tests.accuracy.losses import len_of
from tests.accuracy.table import Row, equal_row

KB_PER_USER = 30
_BESIDE = 200
"""Files that a process has open besides its connections, and some to spare."""
_WITHIN_S = 60
"""A second or two will do where the machine has nothing else to do."""
_WAIT_S = 3
"""Records come once a second."""


def most_users(wanted: int) -> int:
    """As many of these as the target, which is one process, can have connections with."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    return wanted if hard == resource.RLIM_INFINITY else min(wanted, hard - _BESIDE)


def idle(users: int, spawn_rate: float, folder: Path) -> Outcome:
    """Two load processes with so many users between them. It ends once all have looked and waited."""
    seconds = round(users / spawn_rate) + _WITHIN_S
    scenario = Scenario("accuracy", users, spawn_rate, seconds)

    def end(process: LoadProcess, run_folder: Path) -> None:
        tail, came = Tail(run_folder / FILE_NAME), 0

        def all_came() -> bool:
            nonlocal came
            came += sum(len_of(record) for record in tail.read() if isinstance(record, Requests))
            return came >= 2 * users or not process.running

        wait_until(all_came, seconds + _WITHIN_S)
        time.sleep(_WAIT_S)
        process.stop("completed")

    load = Load(scenario, "fixed 0", processes=2, roles_module="tests.accuracy.idle_roles", roles=ROLES)
    return run(load, folder, meanwhile=end)


def idle_rows(users: int, outcome: Outcome) -> list[Row]:
    """Everybody came once and left in order, unless the machine was too busy for all of them to start."""
    name = f"{users:,} users"
    started = "plateau" in {phase.name for phase in outcome.of(Phase)}
    logins = sum(len_of(record) for record in outcome.of(Requests) if record.operation == LOGIN)
    failed = sum(sum(record.failed.counts.values()) for record in outcome.of(Requests))
    at_once: dict[int, dict[str, int]] = {}
    for record in outcome.of(Users):
        # A busy process may report twice in a second.
        at_once.setdefault(record.second, {})[record.worker] = sum(record.by_role.values())
    ends = outcome.of(End)
    kb = kb_per_user(users, outcome)
    return [
        equal_row(name, "logins", users, logins, of_time=not started),
        equal_row(name, "first looks, served and recorded", len(outcome.truth.served), outcome.service().count),
        equal_row(name, "… one of each user", users, len(outcome.truth.served), of_time=not started),
        equal_row(name, "failed requests", 0, failed),
        equal_row(name, "at once at the most", users, max(map(_users, at_once.values())), of_time=not started),
        equal_row(name, "all had started", True, started, of_time=not started),
        equal_row(name, "sent, recorded and in Locust's total", {2 * users}, _totals(ends), of_time=not started),
        equal_row(name, "processes lost", [], [record.lost for record in outcome.of(WorkerLost)], of_time=True),
        Row(name, "memory of a waiting user", "", f"{kb:.1f} kB", f"≤ {KB_PER_USER} kB", kb <= KB_PER_USER),
    ]


def _users(by_worker: dict[str, int]) -> int:
    return sum(by_worker.values())


def _totals(ends: list[End]) -> set[int]:
    return {sum(getattr(end, name) or 0 for end in ends) for name in ("sent", "recorded", "locust_total")}


def kb_per_user(users: int, outcome: Outcome) -> float:
    """By how much the processes grew while the users came."""
    by_worker: dict[str, list[int]] = {}
    for record in outcome.of(Generator):
        by_worker.setdefault(record.worker, []).append(record.memory_bytes)
    return sum(max(sizes) - sizes[0] for sizes in by_worker.values()) / users / 1000
