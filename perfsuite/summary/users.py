"""Virtual users alive, second by second, over all load processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

from perfsuite.measurements import Users, WorkerLost
from perfsuite.model import UserCounts

FORGOTTEN_AFTER_S = 5
"""A process that told nothing of its users for longer has none any more: it is gone."""


def users_by_second(
    told: Mapping[str, Mapping[int, Users]],
    seconds: Iterable[int],
    roles: Iterable[str],
    lost: Iterable[WorkerLost] = (),
) -> dict[int, dict[str, int]]:
    """Second → role → users alive at its end: the sum of each process's latest word up to that second.

    Roles without users are there with 0. A process that was `lost` has none from that second on: they were
    placed on the others, and would count twice.
    """
    gone = {record.lost: int(record.at) for record in lost}
    latest: dict[str, Users] = {}
    by_second: dict[int, dict[str, int]] = {}
    slugs = list(roles)
    for second in seconds:
        for worker, of_worker in told.items():
            if second in of_worker:
                latest[worker] = of_worker[second]
        alive: Counter[str] = Counter(dict.fromkeys(slugs, 0))
        for worker, users in latest.items():
            if second - users.second <= FORGOTTEN_AFTER_S and second < gone.get(worker, second + 1):
                alive.update(users.by_role)
        by_second[second] = dict(alive)
    return by_second


def user_counts(requested: int, by_second: Mapping[int, Mapping[str, int]]) -> UserCounts:
    """The most users that were alive at once, and of which roles they were in the first such second."""
    peak = max(by_second, key=lambda second: (sum(by_second[second].values()), -second), default=None)
    by_role = dict(by_second[peak]) if peak is not None else {}
    return UserCounts(requested, sum(by_role.values()), by_role)
