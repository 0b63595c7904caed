"""Virtual users alive, second by second, over all load processes."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from perfsuite.measurements.records import Users, WorkerLost
from perfsuite.model import UserCounts

FORGOTTEN_AFTER_S = 5
"""A process that told nothing of its users for longer has none any more: it is gone."""


Told = Mapping[str, Mapping[int, Users]]
"""Process → second → its last word on that second."""


def users_by_second(
    told: Told, seconds: Iterable[int], roles: Iterable[str], lost: Iterable[WorkerLost] = ()
) -> dict[int, dict[str, int]]:
    """Second → role → users alive at its end: the sum of each process's latest word up to that second.

    Roles without users are there with 0. A process that was `lost` has none from that second on: they were
    placed on the others, and would count twice.
    """
    slugs = list(roles)
    by_second: dict[int, dict[str, int]] = {}
    for second, words in _latest_words(told, seconds, lost):
        alive: Counter[str] = Counter(dict.fromkeys(slugs, 0))
        for users in words:
            alive.update(users.by_role)
        by_second[second] = dict(alive)
    return by_second


def logging_in_by_second(told: Told, seconds: Iterable[int], lost: Iterable[WorkerLost] = ()) -> dict[int, int]:
    """Second → users that had not ended the login that they begin with, at its end.

    Before its first word a process counts with that: as many as then, at least, were not logged in.
    """
    first = {worker: min(of_worker) for worker, of_worker in told.items() if of_worker}
    return {
        second: sum(users.logging_in for users in words)
        + sum(told[worker][at].logging_in for worker, at in first.items() if at > second)
        for second, words in _latest_words(told, seconds, lost)
    }


def all_logged_in_at(logging_in: Mapping[int, int], plateau: float) -> float:
    """When all users had ended the login that they begin with, UTC epoch s; infinite where they never had.

    Not before the plateau, when the last one began. Users of a lost process log in once more, which is no ramp-up.
    """
    ends = (second + 1 for second in sorted(logging_in) if not logging_in[second])
    return next((float(end) for end in ends if end >= plateau), math.inf)


def _latest_words(
    told: Told, seconds: Iterable[int], lost: Iterable[WorkerLost]
) -> Iterator[tuple[int, Sequence[Users]]]:
    """Each second with the latest words up to it of the processes that are there."""
    gone = {record.lost: int(record.at) for record in lost}
    latest: dict[str, Users] = {}
    for second in seconds:
        for worker, of_worker in told.items():
            if second in of_worker:
                latest[worker] = of_worker[second]
        yield (
            second,
            [
                users
                for worker, users in latest.items()
                if second - users.second <= FORGOTTEN_AFTER_S and second < gone.get(worker, second + 1)
            ],
        )


def user_counts(requested: int, by_second: Mapping[int, Mapping[str, int]]) -> UserCounts:
    """The most users that were alive at once, and of which roles they were in the first such second."""
    peak = max(by_second, key=lambda second: (sum(by_second[second].values()), -second), default=None)
    by_role = dict(by_second[peak]) if peak is not None else {}
    return UserCounts(requested, sum(by_role.values()), by_role)
