"""Leads one load: offers it to the workers, places its users, writes down what they report, replaces lost workers."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import gevent
import msgspec
from gevent.event import Event

from perfsuite.clock import utc_s
from perfsuite.load.dispatcher import PlacingDispatcher
from perfsuite.load.inbox import Inbox, interval_s
from perfsuite.load.master import SuiteMaster
from perfsuite.load.messages import Ack, Batch, Checked, Drain, Drained, Hello, Load, Placed, Seats, UserSeat
from perfsuite.load.placement import Placement
from perfsuite.load.versions import digest_of_accounts, version_of_module
from perfsuite.load.worker_handle import WorkerHandle
from perfsuite.measurements.file import FILE_NAME, Writer
from perfsuite.measurements.records import Phase, SuiteErrors, WorkerJoined, WorkerLost, WorkerRefused
from perfsuite.messages import Message
from perfsuite.messages.load import LoadMessage
from perfsuite.model import SUITE_FAILED, Account, LevelOrder, Plan
from perfsuite.model.periods import RAMP_DOWN

DRAIN_MARGIN_S = 15.0
"""More than requests in flight may take: for handing over the last records."""
REPLACE_WITHIN_S = 3.0
_LEAD_S = 0.5
"""Between the orders and the first user: time for the orders to arrive everywhere."""
_CHANGE_LEAD_S = 2.0
"""The same for a change in the open model: from then on actions belong to other workers."""
_LOOK_EVERY_S = 0.1
_LOCUSTS_MOST = 100.0
_ASK_AGAIN_S = 2.0


@dataclass(frozen=True, slots=True)
class LoadFiles:
    """What the load is made by: the plan, and the two files of the run's folder that workers need."""

    folder: Path
    plan: Plan
    plan_json: bytes
    preflight_json: bytes

    @classmethod
    def of(cls, folder: Path) -> LoadFiles:
        """From the folder of a run."""
        plan_json = (folder / "plan.json").read_bytes()
        plan = msgspec.json.decode(plan_json, type=Plan)
        return cls(folder, plan, plan_json, (folder / "preflight.json").read_bytes())


class Coordinator:
    """One load over the workers of a master."""

    def __init__(self, files: LoadFiles, accounts: Sequence[Account]) -> None:
        """`accounts`: all that may be used."""
        self._files, self._plan = files, files.plan
        self._accounts = digest_of_accounts(one for one in accounts if one.role in self._plan.users_by_role)
        self._roles = version_of_module(self._plan.roles_module)
        # First: nobody is started whom no file waits for.
        self._writer = Writer(files.folder / FILE_NAME, self._plan.run_id)
        self._inbox = Inbox(files.folder, self._writer)
        self._placement: Placement | None = None
        self._placing: gevent.Greenlet | None = None
        self._dispatcher: PlacingDispatcher | None = None
        self._place_again = 0.0
        """At which rate, as soon as Locust has ended placing; 0 for not at all."""
        self._sessions: dict[str, list[int]] = {}
        self._from_s = 0.0
        self._rates: list[tuple[float, float]] = []
        """Search for the capacity, open model: from so many seconds after the start on, so many actions a second."""
        self._checking: int | None = None
        """Index of the worker that checks the correctness."""
        self._start_at = 0.0
        self._placed_at = 0.0
        self._down_at = math.inf
        self._on_plateau = False
        self._stage, self._stage_at = "", 0.0
        self._over = False
        self._changed = Event()
        self._failures: list[BaseException] = []
        self.stopping = ""
        """Why the load ends before its time; "" while it does not."""

    def attach(self, master: SuiteMaster) -> None:
        """From now on it hears of the master's workers."""
        self._master = master
        master.listen(Checked, self._on_checked)
        master.listen(Placed, self._on_placed)
        master.listen(Batch, self._on_batch)
        master.listen(Drained, self._on_drained)

    # ── workers ────────────────────────────────────────────────────────────────────────────────────

    @property
    def workers(self) -> list[WorkerHandle]:
        """Those that make load or can, in the order of their indices."""
        return sorted(
            (worker for worker in self._master.workers.values() if worker.at_work), key=lambda worker: worker.index
        )

    def offer(self, worker: WorkerHandle) -> None:
        """Ask a worker whether it can make the load."""
        every_s = interval_s(self._plan.load_processes)
        files = self._files
        self._master.say(
            worker, Load(files.plan_json, files.preflight_json, self._accounts, self._roles, worker.index, every_s)
        )

    def _on_checked(self, worker: WorkerHandle, checked: Checked) -> None:
        if checked.why:
            # It ends by itself, and says the same there.
            self._master.give_up(worker, LoadMessage.CANNOT(why=checked.why))
            if not worker.checked:
                self.refused(worker.hello, checked.why)
            return
        worker.checked, worker.spare = True, self._placement is not None
        clock = checked.clock_offset_ms, checked.clock_uncertainty_ms
        worker.account.note_clock(*clock)
        joined = worker.name, worker.hello.host, worker.hello.pid, utc_s(), worker.spare
        self._inbox.add(WorkerJoined, *joined, *clock)
        self._changed.set()

    def refused(self, hello: Hello | None, why: str) -> None:
        """Write down that somebody may not take part."""
        host, pid = (hello.host, hello.pid) if hello is not None else ("", 0)
        self._inbox.add(WorkerRefused, host, pid, utc_s(), why)

    # ── the load ───────────────────────────────────────────────────────────────────────────────────

    def begin(self, users: Sequence[Account], spawn_rate: float = 0.0) -> None:
        """Distribute the users in their order, one to each worker in turn, and let them start. `spawn_rate`: instead of
        the scenario's."""
        workers = self.workers
        self._placement = Placement(users, [worker.index for worker in workers])
        self._start_at = utc_s() + _LEAD_S
        self._order_users(0.0)
        for worker in workers:
            worker.spare = not worker.seats
        self.phase("ramp-up", self._start_at)
        self._place(spawn_rate or self._plan.scenario.spawn_rate, after_s=_LEAD_S)

    def _order_users(self, from_s: float) -> None:
        """Every worker gets its own users, and in the open model who holds which sessions."""
        if self._placement is None:
            return
        is_open, seats = self._plan.scenario.arrival is not None, self._placement.seats()
        self._sessions = self._placement.sessions() if is_open else {}
        self._from_s = from_s
        before, self._checking = self._checking, self._checked_by(seats)
        for worker in self.workers:
            had, worker.seats = worker.seats, seats.get(worker.index, [])
            worker.ordered_at = time.monotonic()
            begins_checks = before != worker.index == self._checking
            if (worker.seats or had) and (is_open or begins_checks or worker.seats != had):
                worker.rates = len(self._rates)
                self._master.say(worker, self._seats_of(worker))

    def _seats_of(self, worker: WorkerHandle) -> Seats:
        checks = worker.index == self._checking
        return Seats(worker.seats, self._start_at, self._from_s, self._sessions, self._rates, checks)

    def _checked_by(self, seats: Mapping[int, list[UserSeat]]) -> int | None:
        """The worker that checks the correctness: the same as before as long as it lives. One alone, so that two checks
        never meet at one account."""
        indices = [worker.index for worker in self.workers]
        return self._checking if self._checking in indices else next((one for one in indices if seats.get(one)), None)

    def _place(self, spawn_rate: float, after_s: float = 0.0) -> None:
        """Let the users that wait start, at a rate, at once also where others are just starting."""
        if self._placing is not None and not self._placing.dead and self._dispatcher is not None:
            self._dispatcher.hurry(spawn_rate)
            # Locust goes on for a moment after it has asked for the last table.
            self._place_again = max(self._place_again, spawn_rate)
            return
        self._place_again = 0.0
        if self._placement is not None:
            classes, users = self._master.user_classes, len(self._placement)
            self._dispatcher = PlacingDispatcher(self._placement, lambda: self.workers, classes, spawn_rate)
            rate = min(spawn_rate, _LOCUSTS_MOST)  # it warns of more, and the dispatcher paces anyway
            self._placing = gevent.spawn_later(after_s, self._master.place, self._dispatcher, users, rate)
            self._placing.link_exception(lambda greenlet: self.failed(greenlet.exception))

    def enter_stage(self, name: str, at: float, *, hold: bool) -> None:
        """The load enters a stage of its scenario. A `hold` stage has a plateau from when all its users are there."""
        self._stage, self._stage_at = name, at
        self._inbox.add(Phase, "stage", at, name)
        self._on_plateau = not hold

    def retarget(self, users: Sequence[Account], spawn_rate: float, *, hold: bool = True) -> None:
        """Change how many users there are: those that are missing start, those that are too many stop.

        Without `hold`, their number changes again soon.
        """
        if self._placement is None or self._over or not self.workers:
            return
        if self._placing is not None:
            self._placing.kill()
        self._placement.retarget(users, [worker.index for worker in self.workers])
        self._order_users(utc_s() - self._start_at + _CHANGE_LEAD_S)
        for worker in self.workers:
            worker.spare = worker.spare and not worker.seats
        self._on_plateau = not hold
        self._place(spawn_rate)

    def enter_level(self, order: LevelOrder, users: Sequence[Account]) -> None:
        """A search visits a load, the first one or another. Its stage begins when the rate changes, or at once."""
        if self._over:
            return
        if self._placement is None:
            self._rates = [] if order.rate is None else [(0.0, order.rate)]
            self.begin(users, order.spawn_rate)
            self.enter_stage(order.stage, self._start_at, hold=True)
            return
        at = utc_s()
        if order.rate is not None:
            at += _CHANGE_LEAD_S if self._plan.expect_workers else _LEAD_S
            self._rates.append((at - self._start_at, order.rate))
        self.retarget(users, order.spawn_rate)
        self.enter_stage(order.stage, at, hold=True)

    def missed_order(self, worker: WorkerHandle) -> None:
        """It does not know of its latest orders: order once more."""
        if self._placement is None or self._over or not worker.at_work:
            return
        worker.ordered_at = time.monotonic()
        self._master.say(worker, self._seats_of(worker))
        if worker.table:
            self._master.order(worker, worker.table)

    def _on_placed(self, worker: WorkerHandle, placed: Placed) -> None:
        worker.placed, self._placed_at = placed.users, utc_s()

    def _look_whether_placed(self) -> None:
        if self._place_again and self._placing is not None and self._placing.dead and not self._over:
            self._place(self._place_again)
        if self._on_plateau or self._placement is None or (self._plan.scenario.stages and not self._stage):
            return
        if sum(each.placed for each in self._master.workers.values() if each.at_work) >= len(self._placement):
            self._on_plateau = True
            at = max(self._placed_at or utc_s(), self._stage_at)
            self._inbox.add(Phase, "plateau", at, self._stage)

    def _look_whether_done(self) -> None:
        """The load goes down from when the first user has made its iterations."""
        first = min((each.done_at for each in self.workers if each.done), default=math.inf)
        if first < self._down_at:
            self._down_at = first
            self.phase(RAMP_DOWN, first)

    @property
    def users_are_done(self) -> bool:
        """All users have made their iterations. Those of a lost worker make theirs anew."""
        done = sum(each.done for each in self.workers)
        return self._placement is not None and 0 < len(self._placement) <= done

    def _on_batch(self, worker: WorkerHandle, batch: Batch) -> None:
        for record in self._inbox.take(worker.account, batch):
            if isinstance(record, SuiteErrors) and record.ends_load:
                self.stop(SUITE_FAILED)
        if self._over:
            self._changed.set()

    def _on_drained(self, worker: WorkerHandle, drained: Drained) -> None:
        if not self._over:
            # Somebody else ended it: its users are missing as if it had died.
            worker.drained = drained
            self._master.give_up(worker, LoadMessage.STOPPED())
            return
        worker.drained = drained
        self._changed.set()

    def stop(self, reason: str) -> None:
        """End the load in order; the first reason counts."""
        self.stopping = self.stopping or reason
        self._changed.set()

    def failed(self, error: BaseException) -> None:
        """An error that nobody expected, or one of the disk: `until` raises it."""
        self._failures.append(error)
        self._changed.set()

    # ── the end ────────────────────────────────────────────────────────────────────────────────────

    @property
    def start_at(self) -> float:
        """When the load began, UTC epoch s."""
        return self._start_at

    @property
    def over(self) -> bool:
        """It is being ended."""
        return self._over

    @property
    def end_at(self) -> float:
        """When the load is over, UTC epoch s."""
        return self._start_at + self._plan.scenario.duration_s

    def until(self, done: Callable[[], bool], within_s: float = float("inf")) -> None:
        """Write down what comes in until `done`, or until the time is over. Raises what failed meanwhile."""
        until = time.monotonic() + within_s
        while not done() and time.monotonic() < until:
            self._changed.wait(_LOOK_EVERY_S)
            self._changed.clear()
            self._look_whether_placed()
            self._look_whether_done()
            loaded = sum(bool(each.seats) for each in self._master.workers.values() if each.at_work)
            if self._failures or self._over or self._inbox.is_due(loaded):
                self.write()

    def write(self) -> None:
        """Write down what came in, and acknowledge it. Raises what failed meanwhile."""
        if self._failures:
            raise self._failures[0]
        written = {id(account) for account in self._inbox.write()}
        for worker in self._master.workers.values():
            if id(worker.account) in written and not worker.lost:
                beside = self._inbox.requests_beside(worker.account) if worker.index == self._checking else 0
                self._master.say(worker, Ack(worker.account.acknowledged, beside))

    def drain(self, reason: str) -> None:
        """Let the requests in flight finish, and take the last of what was recorded."""
        self._over = True
        if self._placing is not None:
            self._placing.kill()
        self.phase(RAMP_DOWN, utc_s())
        within_s = self._plan.stop_timeout_s + DRAIN_MARGIN_S
        until, asked_at = time.monotonic() + within_s, 0.0
        while self.workers and time.monotonic() < until:
            if time.monotonic() - asked_at > _ASK_AGAIN_S:
                asked_at = time.monotonic()
                for worker in self.workers:
                    self._master.say(worker, Drain(reason))
            self.until(lambda: not self.workers, min(_ASK_AGAIN_S, max(until - time.monotonic(), 0.0)))
        self.write()
        for worker in self.workers:
            self._master.give_up(worker, LoadMessage.NOT_FINISHED(limit_s=within_s))

    def finish(self) -> None:
        """Write the ledger, and the end of the file."""
        self.write()
        for worker in self._master.workers.values():
            if worker.checked:
                self._inbox.add_ledger(worker.account, worker.drained, lost=worker.lost)
        self.phase("end", utc_s())
        self.write()

    def close(self) -> None:
        """Close the file."""
        self._writer.close()

    # ── losses ─────────────────────────────────────────────────────────────────────────────────────

    def lost(self, worker: WorkerHandle, why: Message) -> None:
        """Give the users of a worker that is gone to a spare, or to the others."""
        self._changed.set()
        if worker.process is not None:
            # Killed even where it only sleeps: if it came back, its users would be there twice.
            worker.process.kill()
        if not worker.checked and not worker.hello.local:
            return  # it has never been part of the load, and says why where it runs
        users, placed = len(worker.seats), 0
        if self._placement is not None and not self._over and users:
            spares = [each.index for each in self.workers if each.spare]
            others = [each.index for each in self.workers if each.seats]
            placed = self._placement.move(worker.index, spares, others)
            for each in self.workers:
                each.spare = each.spare and not (placed and each.index == spares[0])
        worker.seats = []
        self._inbox.add(WorkerLost, worker.name, utc_s(), users, str(why), placed)
        if placed:
            # Action numbers are the same everywhere; from then on the new assignment holds.
            self._order_users(utc_s() - self._start_at + _CHANGE_LEAD_S)
            self._place(max(placed / REPLACE_WITHIN_S, 1.0))
        elif self._placement is not None:
            self._placement.remove(worker.index)

    def never_joined(self, pid: int, why: Message) -> None:
        """A process of this machine died before it had a name."""
        self._inbox.add(WorkerLost, str(pid), utc_s(), 0, str(why), 0)
        self._changed.set()

    def phase(self, name: str, at: float) -> None:
        """The load enters a phase."""
        self._inbox.add(Phase, name, at)
