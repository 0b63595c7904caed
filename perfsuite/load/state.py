"""What the virtual users of one load process share while a run lasts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import gevent

from perfsuite.api.journal import Journal
from perfsuite.api.run import Run
from perfsuite.api.way import way_of
from perfsuite.clock import utc_s
from perfsuite.course import course_of
from perfsuite.errors import SafetyError
from perfsuite.hosts import is_allowed
from perfsuite.load.arrivals import ArrivalDesk
from perfsuite.load.deck import Deck
from perfsuite.load.schedule import Owners, dues
from perfsuite.model import Account, Headers, Plan
from perfsuite.recorder.recorder import Recorder, Sink
from perfsuite.roles.role import Behaviour, Role

LAG_PROBE_S = 0.05
"""How often the event loop is asked how late it is."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a load process is told to do.

    `left_out`: role slug → operations not to be made; `dead`: "role / behaviour" of which nothing is left to do.
    `index` and `start_at` (UTC epoch s): this process among several, and the common start of the open model.
    """

    plan: Plan
    folder: Path
    accounts: tuple[Account, ...]
    left_out: dict[str, frozenset[str]]
    dead: frozenset[str] = frozenset()
    worker: str = "local"
    index: int = 0
    start_at: float = 0.0
    headers: Headers = field(default=(), repr=False)

    def behaviours(self, role: Role) -> list[Behaviour]:
        """What of the role the target can be asked to do."""
        left_out = self.left_out.get(role.slug, frozenset())
        return [
            behaviour
            for behaviour in role.behaviours
            if f"{role.slug} / {behaviour.name}" not in self.dead
            and any(step.operation not in left_out for step in behaviour.steps)
        ]


class AccountPool:
    """Gives each virtual user an account of its own; shares them evenly where there are too few."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._users: dict[str, dict[Account, int]] = {}
        self.add(accounts)

    def add(self, accounts: Iterable[Account]) -> None:
        """Further accounts."""
        for account in accounts:
            self._users.setdefault(account.role, {}).setdefault(account, 0)

    def take(self, role: str) -> Account:
        """An account that nobody uses or, when all are in use, one that the fewest share."""
        users = self._users[role]
        account = min(users, key=users.__getitem__)
        users[account] += 1
        return account

    def give_back(self, account: Account) -> None:
        """One user of the account is gone; it is free again when that was the last."""
        self._users[account.role][account] -= 1


class LoadState:
    """One run in one process: who is alive, what was recorded, and the greenlets that write it down."""

    def __init__(self, order: Order, sink: Sink, *, on_placed: Callable[[int], None]) -> None:
        # Asked again here, where the requests are made: whatever led to this process, no other host is loaded.
        if not is_allowed(order.plan.host, order.plan.allowed_hosts):
            raise SafetyError(f"refused: {order.plan.host} is not among the hosts that this run may load")
        self.order = order
        self.accounts = AccountPool(order.accounts)
        self.random = random.Random(f"{order.plan.seed}/{order.index}")
        journal = Journal(order.folder / f"journal-{order.worker}.jsonl")
        self.way = way_of(order.plan, order.headers)
        self.run = Run.of(order.plan, order.headers, journal=journal)
        self.run.left_out = order.left_out
        self.recorder = Recorder(order.worker, sink)
        self.arrivals: ArrivalDesk | None = None
        """None in the closed model."""
        self.owners = Owners({})
        self._on_placed = on_placed
        self._alive: Counter[str] = Counter()
        self._requested = 0
        self._told_placed = 0
        self._greenlets: list[gevent.Greenlet] = []

    def begin(self, users_requested: int) -> None:
        """The first user is about to start."""
        self._requested = users_requested
        self._greenlets += [gevent.spawn(self._write_every_second), gevent.spawn(self._watch_event_loop)]

    def begin_arrivals(self, roles: Iterable[Role], weights: Mapping[str, int], owners: Owners) -> None:
        """Open model: let actions become due from `order.start_at` on."""
        course = course_of(self.order.plan.scenario)
        if course is None:
            return
        decks = {role.slug: Deck(self.order.behaviours(role), self.random) for role in roles}
        self.owners = owners
        self.arrivals = ArrivalDesk(decks, self.recorder)
        self.arrivals.begin(dues(course, self.order.plan.seed, weights), owners, self.order.index, self.order.start_at)

    def retarget(self, users_requested: int) -> None:
        """The number of users asked for has changed."""
        self._requested = users_requested
        self._look_whether_placed()

    def user_started(self, role: str) -> None:
        """A virtual user begins its first login."""
        self._alive[role] += 1
        self._look_whether_placed()

    def _look_whether_placed(self) -> None:
        if self._alive.total() >= self._requested != self._told_placed:
            self._told_placed = self._requested
            self._on_placed(self._requested)

    def user_stopped(self, role: str) -> None:
        """A virtual user has ended."""
        self._alive[role] -= 1

    def stopping(self) -> None:
        """The load is over; requests in flight may finish."""
        if self.arrivals is not None:
            self.arrivals.close()

    def finish(self, locust_total: int, reason: str) -> None:
        """Write the last record; nothing is recorded afterwards."""
        gevent.killall(self._greenlets)
        self.recorder.end(self._alive, locust_total, reason)
        self.run.journal.close()

    def _write_every_second(self) -> None:
        while True:
            gevent.sleep(1.0 - utc_s() % 1.0)
            self.recorder.tick(self._alive)

    def _watch_event_loop(self) -> None:
        due_at = utc_s() + LAG_PROBE_S
        while True:
            gevent.sleep(max(due_at - utc_s(), 0.0))
            due_at = self.recorder.health.add_lags(due_at, utc_s(), LAG_PROBE_S)
