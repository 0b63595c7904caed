"""The dispatcher of the master: the tables that Locust gets, in a process with Locust."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import time  # noqa: E402
from collections import Counter  # noqa: E402
from dataclasses import dataclass, field  # noqa: E402
from typing import Any  # noqa: E402

from perfsuite.load.dispatcher import PlacingDispatcher  # noqa: E402
from perfsuite.load.inbox import WorkerAccount  # noqa: E402
from perfsuite.load.messages import Hello  # noqa: E402
from perfsuite.load.placement import Placement, users_of  # noqa: E402
from perfsuite.load.users import user_classes  # noqa: E402
from perfsuite.load.worker_handle import WorkerHandle  # noqa: E402
from perfsuite.model import Account  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.roles.mix import start_order, users_by_role  # noqa: E402
from tests.load.child import report  # noqa: E402

CLASSES = user_classes(ROLES)
SLUGS = {one.__name__: one.role.slug for one in CLASSES}
USERS = 91
MIX = users_by_role(USERS, ROLES)
FAST = 10_000.0


def _handle(index: int) -> WorkerHandle:
    return WorkerHandle(f"client-{index}", index, Hello({}, "host", 1), WorkerAccount(f"worker-{index + 1}", "host"))


@dataclass
class Fleet:
    """Workers that do as they are ordered."""

    count: int
    workers: list[WorkerHandle] = field(default_factory=list)
    running: dict[str, Counter[str]] = field(default_factory=dict)
    most: int = 0
    """Users at once, ever."""

    def __post_init__(self) -> None:
        self.workers = [_handle(index) for index in range(self.count)]
        order = start_order({role.slug: MIX[role.slug] for role in ROLES})
        users = users_of([Account(role.slug, "secret", role.slug) for role in ROLES], order)
        self.placement = Placement(users, range(self.count))

    def dispatcher(self, spawn_rate: float = FAST) -> PlacingDispatcher:
        return PlacingDispatcher(self.placement, lambda: self.workers, CLASSES, spawn_rate)

    def take(self, table: dict[str, dict[str, int]]) -> None:
        for client_id, counts in table.items():
            self.running[client_id] = Counter({SLUGS[name]: count for name, count in counts.items() if count})
        self.most = max(self.most, sum(self.each()))

    def each(self) -> list[int]:
        return [self.running.get(worker.client_id, Counter()).total() for worker in self.workers]

    def roles(self) -> dict[str, int]:
        total: Counter[str] = Counter()
        for counts in self.running.values():
            total.update(counts)
        return dict(total)

    def lose(self, position: int) -> None:
        lost = self.workers.pop(position)
        self.running.pop(lost.client_id, None)
        self.placement.move(lost.index, [], [worker.index for worker in self.workers])


def at_once() -> dict[str, Any]:
    fleet = Fleet(3)
    tables = list(fleet.dispatcher())
    for table in tables:
        fleet.take(table)
    return {"tables": len(tables), "each": fleet.each(), "roles": fleet.roles(), "mix": MIX}


def in_order() -> dict[str, Any]:
    """Ten a second would take long; what counts is how many each table adds, and after which time."""
    fleet, began = Fleet(2), time.monotonic()
    sums, times = [], []
    for table in fleet.dispatcher(spawn_rate=30.0):
        fleet.take(table)
        sums.append(sum(fleet.each()))
        times.append(time.monotonic() - began)
    slow, began = Fleet(1), time.monotonic()
    first_two = []
    for table in slow.dispatcher(spawn_rate=2.5):
        slow.take(table)
        first_two.append((sum(slow.each()), time.monotonic() - began))
        if len(first_two) == 2:
            break
    return {"sums": sums, "took_s": times[-1], "slow": first_two}


def losses() -> dict[str, Any]:
    """One of three is lost in the middle, and another one at the end."""
    fleet = Fleet(3)
    for number, table in enumerate(fleet.dispatcher(spawn_rate=300.0)):
        fleet.take(table)
        if number == 0:
            fleet.lose(1)
    middle = [fleet.each(), fleet.roles()]
    fleet.lose(0)
    left = sum(fleet.each())
    for table in fleet.dispatcher():
        fleet.take(table)
    return {"middle": middle, "left": left, "end": [fleet.each(), fleet.roles()], "most": fleet.most, "mix": MIX}


def returning() -> dict[str, Any]:
    """Users of a lost worker do not wait for their turn in a slow ramp-up."""
    fleet = Fleet(2)
    dispatcher = fleet.dispatcher(spawn_rate=10.0)
    fleet.take(next(dispatcher))
    fleet.lose(0)
    lost, slow = fleet.placement.returning, fleet.dispatcher(spawn_rate=0.05)
    slow.hurry(lost)
    fleet.take(next(slow))
    return {"lost": lost, "returning": fleet.placement.returning, "running": sum(fleet.each())}


def late() -> dict[str, Any]:
    """A worker without users gets no order; one that is not in the placement neither."""
    fleet = Fleet(2)
    fleet.workers.append(_handle(7))
    tables = list(fleet.dispatcher())
    again = list(fleet.dispatcher())
    return {
        "clients": sorted({client for table in tables for client in table}),
        "again": [sorted(table) for table in again],
        "targets": [worker.target for worker in fleet.workers],
    }


def none_left() -> list[dict[str, dict[str, int]]]:
    """Locust needs one table, whatever it says."""
    fleet = Fleet(1)
    fleet.workers.clear()
    fleet.placement.remove(0)
    return [{client: {name: count for name, count in counts.items() if count} for client, counts in table.items()}
            for table in fleet.dispatcher()]  # fmt: skip


if __name__ == "__main__":
    report({scene.__name__: scene() for scene in (at_once, in_order, losses, returning, late, none_left)})
