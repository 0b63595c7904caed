"""What the virtual users of one load process share while a run lasts."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import gevent

from perfsuite.api.journal import FILE_NAME as JOURNAL_FILE
from perfsuite.api.journal import Journal
from perfsuite.api.run import Run
from perfsuite.clock import utc_s
from perfsuite.measurements import FILE_NAME, Writer
from perfsuite.model import Account, Plan
from perfsuite.recorder.recorder import Recorder

LAG_PROBE_S = 0.05
"""How often the event loop is asked how late it is."""


@dataclass(frozen=True, slots=True)
class Order:
    """What a load process is told to do.

    `left_out`: role slug → operations not to be made; `dead`: "role / behaviour" of which nothing is left to do.
    """

    plan: Plan
    folder: Path
    accounts: tuple[Account, ...]
    left_out: dict[str, frozenset[str]]
    dead: frozenset[str] = frozenset()


class AccountPool:
    """Gives each virtual user an account of its own; shares them evenly where there are too few."""

    def __init__(self, accounts: Iterable[Account]) -> None:
        self._users: dict[str, dict[Account, int]] = {}
        for account in accounts:
            self._users.setdefault(account.role, {})[account] = 0

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

    def __init__(self, order: Order, worker: str = "local") -> None:
        self.order = order
        self.accounts = AccountPool(order.accounts)
        self.random = random.Random(order.plan.seed)
        self.run = Run(order.plan.run_id, left_out=order.left_out, journal=Journal(order.folder / JOURNAL_FILE))
        self.recorder = Recorder(worker, Writer(order.folder / FILE_NAME, order.plan.run_id))
        self._alive: Counter[str] = Counter()
        self._requested = 0
        self._on_plateau = False
        self._greenlets: list[gevent.Greenlet] = []

    def begin(self, users_requested: int) -> None:
        """The first user is about to start."""
        self._requested = users_requested
        self.recorder.phase("ramp-up")
        self._greenlets = [gevent.spawn(self._write_every_second), gevent.spawn(self._watch_event_loop)]

    def retarget(self, users_requested: int) -> None:
        """The number of users asked for has changed (on Locust's page)."""
        self._requested = users_requested

    def user_started(self, role: str) -> None:
        """A virtual user begins its first login. The plateau begins with the last of them."""
        self._alive[role] += 1
        if not self._on_plateau and self._alive.total() >= self._requested:
            self._on_plateau = True
            self.recorder.phase("plateau")

    def user_stopped(self, role: str) -> None:
        """A virtual user has ended."""
        self._alive[role] -= 1

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
        while True:
            due = utc_s() + LAG_PROBE_S
            gevent.sleep(LAG_PROBE_S)
            self.recorder.health.add_lag(max(0, round((utc_s() - due) * 1e6)))
