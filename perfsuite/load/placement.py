"""Which worker has which users. Pure: the master orders what this says, the dispatcher says when."""

from __future__ import annotations

import heapq
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfsuite.load.messages import UserSeat
from perfsuite.model import Account


@dataclass(slots=True)
class _Seat:
    number: int
    account: Account
    worker: int
    started: bool = False


class Placement:
    """The users of a run in their order, each with a number, an account and the index of its worker."""

    def __init__(self, users: Sequence[Account], workers: Sequence[int]) -> None:
        """The users go to the workers in turn."""
        self._seats = [_Seat(number, user, workers[number % len(workers)]) for number, user in enumerate(users)]
        self._next = len(users)
        self._returning: set[int] = set()

    def __len__(self) -> int:
        return len(self._seats)

    def start(self, count: int) -> None:
        """The next `count` users that have not been ordered to start are."""
        for seat in self._seats:
            if count <= 0:
                return
            if not seat.started:
                seat.started = True
                self._returning.discard(seat.number)
                count -= 1

    @property
    def waiting(self) -> int:
        """Users that have not been ordered to start."""
        return sum(not seat.started for seat in self._seats)

    @property
    def returning(self) -> int:
        """Of these, the ones that had started on a worker that was lost."""
        return len(self._returning)

    def move(self, lost: int, spares: Sequence[int], others: Sequence[int]) -> int:
        """Give the users of a lost worker to a spare, the first, or without one to the others in turn.

        They have to start again. How many these are; 0 where nobody is left to take them.
        """
        takers = list(spares[:1]) or list(others)
        orphans = [seat for seat in self._seats if seat.worker == lost]
        for position, seat in enumerate(orphans if takers else ()):
            seat.worker = takers[position % len(takers)]
            if seat.started:
                self._returning.add(seat.number)
            seat.started = False
        return len(orphans) if takers else 0

    def remove(self, worker: int) -> None:
        """Nobody takes the users of this worker: they are gone."""
        self._seats = [seat for seat in self._seats if seat.worker != worker]
        self._returning &= {seat.number for seat in self._seats}

    def retarget(self, users: Sequence[Account], workers: Sequence[int]) -> None:
        """From now on as many users of each role as `users` has: the youngest beyond that leave, those that are missing
        go to the workers with the fewest users. A number is never given twice."""
        missing = Counter(user.role for user in users)
        stay = []
        for seat in self._seats:
            if missing[seat.account.role] > 0:
                missing[seat.account.role] -= 1
                stay.append(seat)
        self._seats = stay
        self._returning &= {seat.number for seat in stay}
        of_worker = Counter(seat.worker for seat in stay)
        fewest = [(of_worker[index], position, index) for position, index in enumerate(workers)]
        heapq.heapify(fewest)
        unused = Counter(users) - Counter(seat.account for seat in stay)
        for user in users:
            if missing[user.role] > 0 and unused[user] > 0:
                missing[user.role] -= 1
                unused[user] -= 1
                has, position, index = fewest[0]
                self._seats.append(_Seat(self._next, user, index))
                self._next += 1
                heapq.heapreplace(fewest, (has + 1, position, index))

    def seats(self) -> dict[int, list[UserSeat]]:
        """Worker → its users, in the order in which they start."""
        seats: dict[int, list[UserSeat]] = {}
        for seat in self._seats:
            account = seat.account
            seats.setdefault(seat.worker, []).append(UserSeat(seat.number, account.role, account.phone_number))
        return seats

    def started(self) -> dict[int, Counter[str]]:
        """Worker → how many of each role are to be running on it."""
        started: dict[int, Counter[str]] = {}
        for seat in self._seats:
            counts = started.setdefault(seat.worker, Counter())
            if seat.started:
                counts[seat.account.role] += 1
        return started

    def sessions(self) -> dict[str, list[int]]:
        """Role → index of the worker that holds each session of the role."""
        sessions: dict[str, list[int]] = {}
        for seat in self._seats:
            sessions.setdefault(seat.account.role, []).append(seat.worker)
        return sessions


def users_of(accounts: Iterable[Account], start: Sequence[str]) -> list[Account]:
    """An account for each user in their order of starting; shared in turn where a role has too few."""
    of_role: dict[str, list[Account]] = {}
    for account in accounts:
        of_role.setdefault(account.role, []).append(account)
    turns: Counter[str] = Counter()
    users = []
    for role in start:
        known = of_role[role]
        users.append(known[turns[role] % len(known)])
        turns[role] += 1
    return users
