"""What the seed decides: what each user does, and for which role and process each action of the open model is.

Pure: every load process computes its part by itself, so nothing is sent around, and the number of processes changes
nothing.
"""

from __future__ import annotations

import random
from collections import Counter, deque
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import blake2b

from perfsuite.load.weighted_round_robin import WeightedRoundRobin
from perfsuite.model import Account
from perfsuite.model.plan import ChangingRate, RateProfile, numbers_of
from perfsuite.model.role import Behaviour, Role
from perfsuite.roles.mix import start_order


@dataclass(frozen=True, slots=True)
class Due:
    """One action that is due, `at_s` seconds after the start."""

    at_s: float
    role: str
    turn: int
    """How many actions of the same role were due before."""
    number: float = 0.0
    """How many actions of any role were expected to be due before: what its time follows from."""


def dues(profile: RateProfile | ChangingRate, seed: int, weights: Mapping[str, int]) -> Iterator[Due]:
    """All actions of a run, over all processes, the roles in proportion to their weights at any moment."""
    order = start_order(dict(weights))
    turns = dict.fromkeys(weights, 0)
    for position, number in enumerate(numbers_of(profile.arrival, seed)):
        at_s, role = profile.time_of(number), order[position % len(order)]
        if at_s >= profile.duration_s:
            return
        yield Due(at_s, role, turns[role], number)
        turns[role] += 1


class SessionAssignment:
    """Which process begins which action: each role's actions go round the sessions of that role.

    An assignment holds for what is due from a moment on, so that processes can be exchanged while a run goes on.
    """

    def __init__(self, sessions: Mapping[str, Sequence[int]]) -> None:
        self._changes: list[tuple[float, dict[str, tuple[int, ...]]]] = [(0.0, _fixed(sessions))]

    def change(self, from_s: float, sessions: Mapping[str, Sequence[int]]) -> None:
        """From that many seconds after the start on: role → process index of each of its sessions."""
        self._changes.append((from_s, _fixed(sessions)))

    def of(self, due: Due) -> int | None:
        """The index of the process that begins it; None when no process has a session of the role."""
        current = next(sessions for start, sessions in reversed(self._changes) if due.at_s >= start)
        of_role = current.get(due.role, ())
        return of_role[due.turn % len(of_role)] if of_role else None


def _fixed(sessions: Mapping[str, Sequence[int]]) -> dict[str, tuple[int, ...]]:
    return {role: tuple(indices) for role, indices in sessions.items()}


@dataclass(frozen=True, slots=True)
class Seat:
    """The place of one user in the run: its number and its account, which others have as well where it is `shared`."""

    number: int
    account: Account
    shared: bool = False


class AccountPool:
    """Gives each virtual user a seat of its own, in the order of their numbers, and then those that became free.
    Accounts are shared in turn where they are too few."""

    def __init__(self, accounts: Iterable[Account], numbers: Sequence[int] = ()) -> None:
        self._accounts: dict[str, list[Account]] = {}
        self._own: dict[str, deque[Seat]] = {}
        self._shared: dict[str, deque[Seat]] = {}
        self._seats: Counter[str] = Counter()
        self._removed: set[int] = set()
        self.add(accounts, numbers)

    def add(self, accounts: Iterable[Account], numbers: Sequence[int] = ()) -> None:
        """Further accounts. `numbers`: those of the users that they are for; without, users are counted by role."""
        for position, account in enumerate(accounts):
            self._accounts.setdefault(account.role, []).append(account)
            number = numbers[position] if numbers else self._seats[account.role]
            self._seats[account.role] += 1
            self.give_back(Seat(number, account))

    def remove(self, numbers: Collection[int]) -> None:
        """Nobody takes the seats of these users any more; one that is taken goes when it is given back."""
        self._removed |= set(numbers)
        for role, free in self._own.items():
            self._own[role] = deque(seat for seat in free if seat.number not in self._removed)

    def take(self, role: str) -> Seat:
        """A free seat, rather with an account that nobody else has; a further one where none is free."""
        for free in (self._own[role], self._shared.get(role)):
            if free:
                return free.popleft()
        number = self._seats[role]
        self._seats[role] += 1
        return Seat(number, self._accounts[role][number % len(self._accounts[role])], shared=True)

    def give_back(self, seat: Seat) -> None:
        """The user of the seat is gone."""
        if not seat.shared and seat.number in self._removed:
            return
        free = self._shared if seat.shared else self._own
        free.setdefault(seat.account.role, deque()).append(seat)


_64_BITS = (1 << 64) - 1


class _Draws:
    """Numbers that follow from a key: SplitMix64 (Steele, Lea and Flood 2014, doi:10.1145/2660193.2660195).

    One of the standard library's generators takes 2.5 kB, as much as half a waiting user.
    """

    __slots__ = ("_state",)

    def __init__(self, key: str) -> None:
        self._state = int.from_bytes(blake2b(key.encode(), digest_size=8).digest(), "big")

    def uniform(self, low: float, high: float) -> float:
        """The next number, low ≤ n < high."""
        self._state = mixed = (self._state + 0x9E3779B97F4A7C15) & _64_BITS
        mixed = (mixed ^ mixed >> 30) * 0xBF58476D1CE4E5B9 & _64_BITS
        mixed = (mixed ^ mixed >> 27) * 0x94D049BB133111EB & _64_BITS
        return low + (high - low) * ((mixed ^ mixed >> 31) >> 11) / (1 << 53)


class UserSchedule:
    """What one user does: follows from the seed, the role and the number of the user alone."""

    __slots__ = ("_behaviours", "_pauses", "_role", "key")

    def __init__(self, seed: int, role: Role, behaviours: Sequence[Behaviour], number: int) -> None:
        self.key = f"{seed}/{role.slug}/{number}"
        """Names the user in everything that is drawn for it."""
        self._role = role
        self._behaviours = WeightedRoundRobin(behaviours, random.Random(f"{self.key}/behaviours"))
        self._pauses = _Draws(f"{self.key}/pauses")

    def start_s(self, within_s: float) -> float:
        """How long after its start the user begins."""
        return _Draws(f"{self.key}/start").uniform(0, within_s)

    def next_behaviour(self) -> Behaviour | None:
        """The next behaviour; None when the target offers nothing that the role does."""
        return self._behaviours.next()

    def think_s(self) -> float:
        """The next think time."""
        role = self._role
        return self._pauses.uniform(role.think_min_s, role.think_max_s) if role.think_max_s else 0.0


def arrival_behaviours(seed: int, role: Role, behaviours: Sequence[Behaviour]) -> WeightedRoundRobin:
    """The behaviours of a role's actions in the open model, in the order in which they become due."""
    return WeightedRoundRobin(behaviours, random.Random(f"{seed}/{role.slug}/arrivals"))
