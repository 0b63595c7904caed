"""Which role the next user has. Locust's own distribution drifts from the weights; ours is exact."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from math import ceil
from typing import Any

import gevent
from locust.dispatch import UsersDispatcher

from perfsuite.load.placement import Placement
from perfsuite.load.worker_handle import WorkerHandle
from perfsuite.model.role import Role
from perfsuite.roles import ROLES
from perfsuite.roles.mix import start_order, users_by_role

_RETURN_EVERY_S = 1.0
_LOOK_EVERY_S = 0.1


class RoleDispatcher(UsersDispatcher):
    """Starts users in the fixed order of `roles.mix`; on every plateau the counts are those of the mix.

    Growing starts what is missing and stops nobody; shrinking stops what is too much, youngest first.
    """

    def new_dispatch(self, target_user_count: int, spawn_rate: float, user_classes: list[Any] | None = None) -> None:
        """Begin to move towards `target_user_count` users. The names of the parameters are Locust's."""
        super().new_dispatch(target_user_count=target_user_count, spawn_rate=spawn_rate, user_classes=user_classes)
        if not any(map(has_role, self._user_classes)):
            return  # nothing of the suite's: Locust knows best
        order = self._order(target_user_count)
        wanted = Counter(order)
        have = self._have()
        self._user_generator = self._endless(
            _without(order, {name: min(count, wanted[name]) for name, count in have.items()})
        )
        self._put_surplus_last(wanted)

    def _order(self, total: int) -> list[str]:
        """The user classes, by name, of the 1st, 2nd, … of `total` users."""
        names = {kind_of(user_class).slug: user_class.__name__ for user_class in self._user_classes}
        return [names[slug] for slug in start_order(users_by_kind(total, self._user_classes))]

    def _have(self) -> Counter[str]:
        have: Counter[str] = Counter()
        for users in self._users_on_workers.values():
            have.update(users)
        return have

    def _endless(self, names: list[str]) -> Iterator[str | None]:
        yield from names
        while True:
            yield None

    def _put_surplus_last(self, wanted: Counter[str]) -> None:
        """Order the active users so that Locust, which stops from the end, stops those beyond the mix."""
        kept: Counter[str] = Counter()
        stay: list[Any] = []
        leave: list[Any] = []
        for worker, name in self._active_users:
            kept[name] += 1
            (stay if kept[name] <= wanted[name] else leave).append((worker, name))
        self._active_users = stay + leave

    def _user_gen(self) -> Iterator[str | None]:
        # Asked by Locust when it distributes anew over workers: from the first user on.
        if not any(map(has_role, self._user_classes)):
            own: Iterator[str | None] = super()._user_gen()
            return own
        return self._endless(self._order(self._target_user_count))


class PlacingDispatcher:
    """Orders the users of a placement to start on their workers, in their order, at a rate.

    For Locust's master, which asks for the next table of users as soon as it has sent one. Who is placed may change
    meanwhile: each table is made when it is asked for.
    """

    dispatch_in_progress = True
    """Keeps Locust from distributing users by itself when workers come or go."""

    def __init__(
        self,
        placement: Placement,
        workers: Callable[[], Sequence[WorkerHandle]],
        user_classes: Sequence[Any],
        spawn_rate: float,
    ) -> None:
        self._placement = placement
        self._workers = workers
        self._classes = {role_of(user_class).slug: user_class.__name__ for user_class in user_classes}
        self._at_once = max(1, int(spawn_rate))
        self._every_s = self._at_once / spawn_rate
        self._at_once_returning = 0
        """So many users do not wait for their turn."""
        self._first = True

    def hurry(self, at_once: float) -> None:
        """Users of a worker that was lost wait before all others: let so many of them start with each table, one a
        second."""
        self._at_once_returning = max(self._at_once_returning, ceil(at_once))

    def new_dispatch(self, target_user_count: int, spawn_rate: float, user_classes: list[Any] | None = None) -> None:
        """Locust is about to ask. The names of the parameters are Locust's."""

    def add_worker(self, worker_node: Any) -> None:
        """A worker came: it is a spare."""

    def remove_worker(self, worker_node: Any) -> None:
        """A worker went: the placement knows."""

    def __iter__(self) -> PlacingDispatcher:
        return self

    def __next__(self) -> dict[str, dict[str, int]]:
        """Locust's id of each worker that something changes for → user class → how many it is to have."""
        while self._first or self._placement.waiting:
            if not self._first:
                self._wait()
            self._placement.start(
                max(self._at_once, self._at_once_returning) if self._placement.returning else self._at_once
            )
            tables = self._tables()
            if tables or self._first:
                self._first = False
                return tables or {"": dict.fromkeys(self._classes.values(), 0)}
        raise StopIteration

    def _wait(self) -> None:
        """Until the next users may start; a second where some return."""
        until = time.monotonic() + self._every_s
        began = time.monotonic()
        while (now := time.monotonic()) < until and not (self._placement.returning and now >= began + _RETURN_EVERY_S):
            gevent.sleep(min(until - now, _LOOK_EVERY_S))

    def _tables(self) -> dict[str, dict[str, int]]:
        started, tables = self._placement.started(), {}
        for worker in self._workers():
            counts = started.get(worker.index, Counter())
            table = {name: counts[slug] for slug, name in self._classes.items()}
            if table != worker.table and (counts or worker.table):
                worker.table, worker.target, worker.ordered_at = table, counts.total(), time.monotonic()
                tables[worker.client_id] = table
        return tables


def has_role(user_class: Any) -> bool:
    """True for the suite's own user classes."""
    return isinstance(getattr(user_class, "role", None), Role)


def role_of(user_class: Any) -> Role:
    """The role that one of the suite's own user classes stands for."""
    role: Role = user_class.role
    return role


def kind_of(user_class: Any) -> Role:
    """Its role; for a user class of somebody else's, one that does nothing, with the class's name and weight."""
    name = user_class.__name__
    return role_of(user_class) if has_role(user_class) else Role(name, name, (), user_class.weight, 0.0, 0.0, ())


def users_by_kind(total: int, user_classes: Iterable[Any]) -> dict[str, int]:
    """How many of so many users are of each role, and of each user class of somebody else's, by its name."""
    kinds = [kind_of(user_class) for user_class in user_classes]
    positions = {role.slug: position for position, role in enumerate(ROLES)}
    return users_by_role(total, sorted(kinds, key=lambda kind: positions.get(kind.slug, len(positions))))


def _without(order: list[str], have: dict[str, int]) -> list[str]:
    """The order less, per name, its first `have` places."""
    left = dict(have)
    rest = []
    for name in order:
        if left.get(name, 0) > 0:
            left[name] -= 1
        else:
            rest.append(name)
    return rest
