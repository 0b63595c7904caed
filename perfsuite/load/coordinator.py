"""Leads the load processes of a run: starts them, writes down what they hand over, replaces those that are lost.

`python -m perfsuite.load FOLDER` is this; it makes no load itself and needs neither Locust nor gevent.
Standard input carries one line of JSON with accounts and headers (so that no secret is in a file or a process
list), then stays open: a line "stop REASON" ends the load in order, the end of the file means that the
parent is gone and ends everything at once.
"""

from __future__ import annotations

import os
import selectors
import signal
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import msgspec

from perfsuite.clock import utc_s
from perfsuite.load.messages import EXIT_BROKEN, Ack, Add, Batch, Begin, Ended, Placed, Ready, Report, Stop
from perfsuite.load.worker_handle import WorkerHandle
from perfsuite.measurements.file import FILE_NAME, Writer
from perfsuite.measurements.records import Phase, SuiteErrors, WorkerLost
from perfsuite.messages import Message
from perfsuite.messages.load import LoadMessage
from perfsuite.model import SUITE_FAILED, Account, Plan, Secrets
from perfsuite.suite_errors import LOG_FILE

WORKER = "coordinator"
SILENT_S = 5.0
"""A load process that has said nothing for this long is ended and its users are placed on the others."""
READY_WITHIN_S = 60.0
DRAIN_MARGIN_S = 15.0
"""More than requests in flight may take: for handing over the last records."""
REPLACE_WITHIN_S = 3.0
_LOOK_EVERY_S = 0.1
_SEND_EVERY_S = 0.002
_PAUSED_S = 2.0
_LEAD_S = 0.5
"""Between the order to begin and the first user: time for the order to arrive everywhere."""
_READ_BYTES = 1 << 16


@dataclass(slots=True)
class _Place:
    """One load process and the users it was given."""

    worker: WorkerHandle
    users: list[tuple[int, Account]] = field(default_factory=list)
    """With the number of each in the whole run."""
    placed: int = 0
    ended: bool = False
    lost: bool = False

    @property
    def at_work(self) -> bool:
        return not self.ended and not self.lost


class Coordinator:
    """One run over `plan.processes` load processes."""

    def __init__(self, plan: Plan, folder: Path, users: Sequence[Account], secrets: Secrets | None = None) -> None:
        self._plan = plan
        self._secrets = secrets or Secrets(())
        self._folder = folder
        self._users = list(users)
        self._writer = Writer(folder / FILE_NAME, plan.run_id)  # first: nobody is started whom no file waits for
        self._places = [_Place(WorkerHandle(index, folder)) for index in range(plan.processes)]
        self._sequence = count(1)
        self._selector = selectors.DefaultSelector()
        self._start_at = 0.0
        self._stopping = ""
        self._on_plateau = False
        self._orders = b""

    def run(self, orders: int) -> int:
        """Lead the run to its end; 0 when its record is whole. `orders`: descriptor of the parent's pipe."""
        self._selector.register(orders, selectors.EVENT_READ, self._obey)
        for place in self._places:
            self._selector.register(place.worker.output, selectors.EVENT_READ, place)
        try:
            self._until(lambda: all(place.worker.ready or place.lost for place in self._places), READY_WITHIN_S)
            if not any(place.worker.ready for place in self._places):
                return 1
            self._begin()
            self._until(lambda: self._over or not any(place.at_work for place in self._places), float("inf"))
            return self._finish()
        finally:
            for place in self._places:
                place.worker.kill()
            self._writer.close()

    @property
    def _end_at(self) -> float:
        return self._start_at + self._plan.scenario.duration_s

    @property
    def _over(self) -> bool:
        return bool(self._stopping) or (self._start_at > 0 and utc_s() >= self._end_at)

    def stop(self, reason: str) -> None:
        """End the load in order; the first reason counts."""
        self._stopping = self._stopping or reason

    # ── phases ─────────────────────────────────────────────────────────────────────────────────────

    def _begin(self) -> None:
        """Distribute the users in their order, one to each process in turn."""
        working = [place for place in self._places if place.worker.ready and not place.lost]
        for number, user in enumerate(self._users):
            working[number % len(working)].users.append((number, user))
        sessions = self._sessions()
        self._start_at = utc_s() + _LEAD_S
        for place in working:
            place.worker.heard_at = time.monotonic()  # it had nothing to say until the last one was ready
            rate = self._plan.scenario.spawn_rate * len(place.users) / len(self._users)
            order = Begin(
                place.worker.index,
                [user for _number, user in place.users],
                max(rate, 1e-3),
                self._start_at,
                sessions,
                self._secrets.headers,
                [number for number, _user in place.users],
                self._secrets.key_password,
            )
            if place.users:
                place.worker.send(order)
            else:
                place.ended = True
                place.worker.kill()
        self._phase("ramp-up", self._start_at)

    def _finish(self) -> int:
        """Let the requests in flight finish, and take the last of what was recorded."""
        self._phase("ramp-down", utc_s())
        for place in self._places:
            if place.at_work:
                place.worker.send(Stop(self._stopping or "completed"))
        drain_s = self._plan.stop_timeout_s + DRAIN_MARGIN_S
        self._until(lambda: not any(place.at_work for place in self._places), drain_s)
        for place in self._places:
            if place.at_work:
                self._lose(place, LoadMessage.NOT_FINISHED(limit_s=drain_s))
        self._phase("end", utc_s())
        return 0 if any(place.ended for place in self._places) else 1

    def _phase(self, name: str, at: float) -> None:
        self._writer.write(Phase(WORKER, next(self._sequence), name, at))
        self._writer.flush()

    def _sessions(self) -> dict[str, list[int]]:
        """Role → index of the process that holds each session of the role."""
        sessions: dict[str, list[int]] = {}
        for place in self._places:
            if not place.lost:
                for _number, user in place.users:
                    sessions.setdefault(user.role, []).append(place.worker.index)
        return sessions

    # ── the loop ───────────────────────────────────────────────────────────────────────────────────

    def _until(self, done: Callable[[], bool], within_s: float) -> None:
        """Listen to everybody until `done`, or until the time is over."""
        until = time.monotonic() + within_s
        looked_at = time.monotonic()
        while not done() and time.monotonic() < until:
            # Orders with thousands of accounts are more than a pipe takes at once.
            waiting = any(place.worker.has_unsent for place in self._places)
            for key, _events in self._selector.select(_SEND_EVERY_S if waiting else _LOOK_EVERY_S):
                if isinstance(key.data, _Place):
                    self._listen(key.data)
                else:
                    key.data(key.fd)
            for place in self._places:
                place.worker.flush()
            now = time.monotonic()
            if now - looked_at > _PAUSED_S:
                # It was us who were stopped: nobody can be blamed for silence in that time.
                for place in self._places:
                    place.worker.heard_at = now
            looked_at = now
            self._look_for_losses(now)

    def _listen(self, place: _Place) -> None:
        data = place.worker.read()
        if data is None:
            self._selector.unregister(place.worker.output)
            return
        for report in data:
            self._take(place, report)

    def _take(self, place: _Place, report: Report) -> None:
        match report:
            case Ready():
                place.worker.ready = True
            case Placed(users):
                place.placed = users
                self._look_for_plateau()
            case Batch(number, records):
                for record in records:
                    self._writer.write(record)
                    if isinstance(record, SuiteErrors) and record.ends_load:
                        self.stop(SUITE_FAILED)
                self._writer.flush()
                place.worker.send(Ack(number))
            case Ended() if self._over:
                place.ended = True
            case Ended():
                # Somebody else stopped it: its users are missing as if it had died.
                self._lose(place, LoadMessage.STOPPED())

    def _look_for_plateau(self) -> None:
        if not self._on_plateau and sum(place.placed for place in self._places if not place.lost) >= len(self._users):
            self._on_plateau = True
            self._phase("plateau", utc_s())

    def _obey(self, descriptor: int) -> None:
        data = os.read(descriptor, _READ_BYTES)
        if not data:
            # The parent is gone: nobody will read the rest, and load must not go on unwatched.
            for place in self._places:
                place.worker.kill()
            os._exit(1)
        *lines, self._orders = (self._orders + data).split(b"\n")
        for line in lines:
            command, _, reason = line.decode().partition(" ")
            if command == "stop":
                self.stop(reason or "interrupted")

    # ── losses ─────────────────────────────────────────────────────────────────────────────────────

    def _look_for_losses(self, now: float) -> None:
        for place in self._places:
            if not place.at_work:
                continue
            if (code := place.worker.exit_code) is not None:
                self._lose(place, _death(code))
            elif self._start_at and now - place.worker.heard_at > SILENT_S:
                self._lose(place, LoadMessage.SILENT(silent_s=SILENT_S))

    def _lose(self, place: _Place, reason: Message) -> None:
        """A process is gone, or as good as gone: make sure of it, and give its users to the others."""
        # Killed even where it only sleeps: if it came back, its users would be there twice.
        place.worker.kill()
        while (reports := place.worker.read()) is not None:
            for report in reports:
                self._take(place, report)
        if place.ended:
            return  # it had said goodbye; its last words were still in the pipe
        place.lost = True
        orphans, place.users = place.users, []
        others = [other for other in self._places if other.at_work and other.users]
        again = orphans if others and self._start_at and not self._over else []
        lost = place.worker.name
        self._writer.write(
            WorkerLost(WORKER, next(self._sequence), lost, utc_s(), len(orphans), str(reason), placed=len(again))
        )
        self._writer.flush()
        if again:
            self._place_again(again, others)

    def _place_again(self, orphans: Sequence[tuple[int, Account]], others: Sequence[_Place]) -> None:
        shares: dict[int, list[tuple[int, Account]]] = {}
        for position, orphan in enumerate(orphans):
            place = others[position % len(others)]
            place.users.append(orphan)
            shares.setdefault(place.worker.index, []).append(orphan)
        # Action numbers are the same everywhere; from the next whole second on the new assignment holds.
        at_s, sessions = utc_s() - self._start_at + 1.0, self._sessions()
        for place in others:
            share = shares.get(place.worker.index, [])
            rate = max(len(share) / REPLACE_WITHIN_S, 1.0)
            users, numbers = [user for _number, user in share], [number for number, _user in share]
            place.worker.send(Add(users, rate, at_s, sessions, numbers))


def _death(code: int) -> Message:
    if code < 0:
        # The kernel kills a process that takes the memory others need; nobody else usually does.
        cause = LoadMessage.OUT_OF_MEMORY if code == -signal.SIGKILL else LoadMessage.KILLED
        return cause(signal=signal.Signals(-code).name)
    if code == EXIT_BROKEN:
        return LoadMessage.SUITE_ERROR(log=LOG_FILE)
    return LoadMessage.EXITED(code=code)


def users_of(plan: Plan, accounts: Sequence[Account], start: Sequence[str]) -> list[Account]:
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


def read_plan(folder: Path) -> Plan:
    """The plan out of the run's folder."""
    return msgspec.json.decode((folder / "plan.json").read_bytes(), type=Plan)
