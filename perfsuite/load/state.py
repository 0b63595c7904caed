"""What the virtual users of one load process share while a run lasts."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import gevent

from perfsuite.clock import utc_s
from perfsuite.correctness.watch import AnswerWatcher
from perfsuite.errors import SafetyError
from perfsuite.load.arrivals import ArrivalQueue
from perfsuite.load.checker import Checker, CheckOrder
from perfsuite.load.gevent_socket import GeventNetwork
from perfsuite.load.lease import NoLease, Permission
from perfsuite.load.schedule import AccountPool, SessionAssignment, arrival_behaviours, dues
from perfsuite.load.sent import SentCount
from perfsuite.measurements.raw_samples import MOST_BYTES, RawSamples, file_name
from perfsuite.measurements.recorder import Recorder
from perfsuite.measurements.sink import RecordSink
from perfsuite.messages.target import TargetMessage
from perfsuite.model import Account, Headers, Plan
from perfsuite.model.plan import ChangingRate, rate_profile_of
from perfsuite.model.role import Behaviour, Role
from perfsuite.model.stages import spans_of
from perfsuite.suite_errors import SuiteErrorLog
from perfsuite.target.catalogue import WRITING
from perfsuite.target.connection import ConnectionSettings, connection_settings
from perfsuite.target.hosts import is_allowed
from perfsuite.target.http_client import HttpClient
from perfsuite.target.journal import Journal
from perfsuite.target.run_state import RunState

LEFT_OUT_EVERY_S = 0.1
"""How often it is looked whether operations that write are left out."""
LAG_PROBE_S = 0.05
"""How often the event loop is asked how late it is."""

log = logging.getLogger(__name__)


class BackgroundEnded(Exception):
    """Something that has to go on as long as the load does has ended."""


@dataclass(frozen=True, slots=True)
class LoadOrder:
    """What a load process has to do.

    `left_out`: role slug → operations not to be made; `dead`: "role / behaviour" of which nothing is left to do.
    `index` and `start_at` (UTC epoch s): this process among several, and the common start of the open model.
    `numbers`: of the users, in the whole run, that the accounts are for; none where users are counted as they come.
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
    numbers: tuple[int, ...] = ()
    key_password: str = field(default="", repr=False)
    checks: CheckOrder | None = None
    """None where it makes no checks of correctness, or only later."""
    watched: tuple[Account, ...] = field(default=(), repr=False)
    """All accounts of the run, where its answers are watched; none where they are not."""

    @property
    def connection(self) -> ConnectionSettings:
        """How the target is reached."""
        return connection_settings(self.plan, self.headers, self.key_password)

    @property
    def without_writes(self) -> dict[str, frozenset[str]]:
        """What is left out in a stage that only reads."""
        return {role: left_out | WRITING for role, left_out in self.left_out.items()}

    def behaviours(self, role: Role) -> list[Behaviour]:
        """What of the role the target can be asked to do."""
        left_out = self.left_out.get(role.slug, frozenset())
        return [
            behaviour
            for behaviour in role.behaviours
            if f"{role.slug} / {behaviour.name}" not in self.dead
            and any(step.operation not in left_out for step in behaviour.steps)
        ]


def _log_mute(error: Exception) -> None:
    log.error("what was recorded cannot be written down: %s", error)


class LoadState:
    """One run in one process: who is alive, what was recorded, and the greenlets that write it down."""

    def __init__(
        self,
        order: LoadOrder,
        sink: RecordSink,
        *,
        on_placed: Callable[[int], None],
        on_mute: Callable[[Exception], None] = _log_mute,
        permission: Permission | None = None,
    ) -> None:
        """`on_placed`: all users asked for have started. `on_mute`: not even errors can be handed over any more.

        `permission`: asked before each request; always given without.
        """
        # Asked again here, where the requests are made: whatever led to this process, no other host is loaded.
        if not is_allowed(order.plan.host, order.plan.allowed_hosts):
            raise SafetyError(TargetMessage.NOT_OF_THIS_RUN(host=order.plan.host))
        self.order = order
        self.accounts = AccountPool(order.accounts, order.numbers)
        journal = Journal(order.folder / f"journal-{order.worker}.jsonl")
        self.connection = order.connection
        self.run = RunState.of(order.plan, order.headers, journal=journal)
        self.run.left_out = order.left_out
        self.recorder = Recorder(order.worker, sink)
        if order.plan.raw_samples:
            most_bytes = MOST_BYTES // order.plan.load_processes
            self.recorder.raw = RawSamples(order.folder / file_name(order.worker), most_bytes)
        self.arrivals: ArrivalQueue | None = None
        """None in the closed model."""
        self.assignment = SessionAssignment({})
        self.sent = SentCount()
        self.permission = permission or NoLease()
        self.recorder.held_back_s = self.permission.take_held_back_s
        own = (order.key_password,) if order.key_password else ()
        self.secrets = (*self.run.secrets, *{account.password for account in order.accounts}, *own)
        """Texts that must not get into a message."""
        self.errors = SuiteErrorLog(order.folder, self.secrets)
        self._ends_load = False
        self._on_placed = on_placed
        self._spans = spans_of(order.plan.scenario.stages)
        self._behaviours: dict[str, list[Behaviour]] = {}
        self._on_mute = on_mute
        self._alive: Counter[str] = Counter()
        self.users_done = 0
        """Users that have made all their iterations; they are not alive any more."""
        self.first_done_at = 0.0
        """When the first of them had, UTC epoch s; 0 before."""
        self._requested = 0
        self._notified_placed = 0
        self._background: dict[Callable[[], None], gevent.Greenlet] = {}
        self.waiting: set[Callable[[], tuple[int, str, str] | None]] = set()
        """Of each user: asks which request it waits for."""
        self.checker: Checker | None = None
        """None where this process makes no checks of correctness."""
        self._watcher = AnswerWatcher(self.run, order.watched, order.plan.mapping)
        self.run.watch = self._watcher.of if order.watched else None
        self._changing_rate: ChangingRate | None = None
        if order.plan.capacity is not None:
            self.recorder.in_flight = self._in_flight
            arrival = order.plan.scenario.arrival
            self._changing_rate = ChangingRate(arrival) if arrival is not None else None

    def begin(self, users_requested: int) -> None:
        """The first user is about to start."""
        self._requested = users_requested
        loops = [self._write_every_second, self._watch_event_loop]
        if self.recorder.raw is not None:
            loops.append(self._write_raw_samples)
        if any(span.stage.read_only for span in self._spans):
            loops.append(self._follow_stages)
        for loop in loops:
            self._background[loop] = gevent.spawn(loop)
        self.begin_checks(self.order.checks)

    def begin_checks(self, order: CheckOrder | None) -> None:
        """From now on this process checks the correctness; an order that it has already does no harm."""
        if order is None or self.checker is not None:
            return
        run = RunState.of(self.order.plan, self.order.headers, "check", self.run.journal)
        self.checker = Checker(
            order, run, self.recorder, self.permission, lambda: HttpClient(self.connection, GeventNetwork())
        )
        self._background[self._check_correctness] = gevent.spawn(self._check_correctness)

    def begin_arrivals(self, roles: Iterable[Role], weights: Mapping[str, int], assignment: SessionAssignment) -> None:
        """Open model: let actions become due from `order.start_at` on."""
        plan = self.order.plan
        profile = self._changing_rate or rate_profile_of(plan.scenario)
        if profile is None:
            return
        seed = plan.seed
        behaviours = {role.slug: arrival_behaviours(seed, role, self.order.behaviours(role)) for role in roles}
        self.assignment = assignment
        self.arrivals = ArrivalQueue(
            behaviours,
            self.recorder,
            on_error=lambda error: self.failed(error, "an action became due"),
            on_death=self._arrivals_died,
        )
        self.arrivals.begin(dues(profile, seed, weights), assignment, self.order.index, self.order.start_at)

    def change_rate(self, rates: Sequence[tuple[float, float]]) -> None:
        """All changes of the rate in a search for the capacity, see `ChangingRate`; those that are known do no harm."""
        if self._changing_rate is not None and rates:
            self._changing_rate.change(rates)
            if self.arrivals is not None:
                self.arrivals.retime(self._changing_rate.time_of)

    def behaviours(self, role: Role) -> list[Behaviour]:
        """What of the role the target can be asked to do; found once for all its users."""
        if role.slug not in self._behaviours:
            self._behaviours[role.slug] = self.order.behaviours(role)
        return self._behaviours[role.slug]

    def _in_flight(self) -> list[tuple[int, str, str, int]]:
        counts = Counter(known for ask in self.waiting if (known := ask()) is not None)
        if self.arrivals is not None:
            counts.update(self.arrivals.waiting())
        return [(*request, count) for request, count in counts.items()]

    def retarget(self, users_requested: int) -> None:
        """The number of users asked for has changed."""
        self._requested = users_requested
        self._look_whether_placed()

    def user_started(self, role: str) -> None:
        """A virtual user begins its first login."""
        self._alive[role] += 1
        self._look_whether_placed()

    def _look_whether_placed(self) -> None:
        if self.users_alive + self.users_done >= self._requested != self._notified_placed:
            self._notified_placed = self._requested
            self._on_placed(self._requested)

    def user_stopped(self, role: str) -> None:
        """A virtual user has ended."""
        self._alive[role] -= 1

    def user_done(self, role: str) -> None:
        """A virtual user has made all its iterations."""
        self.user_stopped(role)
        self.users_done += 1
        self.first_done_at = self.first_done_at or utc_s()

    @property
    def users_alive(self) -> int:
        """Virtual users that have started and not ended."""
        return self._alive.total()

    def stopping(self) -> None:
        """The load is over; requests in flight may finish."""
        if self.arrivals is not None:
            self.arrivals.close()
        if self.checker is not None:
            self.checker.stop()

    def finish(self, locust_total: Callable[[], int], reason: str) -> None:
        """Write the last record; nothing is recorded afterwards. `locust_total`: requests by Locust's own count."""
        gevent.killall(list(self._background.values()))
        if self.checker is not None:
            with self.counting("the end of the checks"):
                self.checker.finish()
        with self.counting("the last records"):
            self._report_watched(last=True)
            self.recorder.rest(self._alive)
        total = 0
        with self.counting("Locust's own count"):
            total = locust_total()
        with self.counting("the journal"):
            self.run.journal.close()
        self._report_errors()
        counts = {"sent": self.sent.sent, "unrecorded": self.sent.unrecorded, "retries": self.sent.retries}
        counts["done"] = self.users_done
        self.recorder.end(total, reason, **counts)

    # ── errors of the suite itself ─────────────────────────────────────────────────────────────────

    def failed(self, error: BaseException, during: str, secrets: Iterable[str] = ()) -> None:
        """An exception that nobody expected: it is counted, and the load goes on."""
        self.errors.add(error, during, secrets)

    @contextmanager
    def counting(self, during: str) -> Iterator[None]:
        """What is raised in the block is counted, and the load goes on after it."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  no error of the suite may end the load, and none may disappear
            self.failed(error, during)

    def foreign_request(self, **event: Any) -> None:
        """A request of a user that is not ours, by Locust's event: that it was sent is known by that alone."""
        self.sent.sent += 1
        try:
            self.recorder.foreign_request(**event)
        except Exception as error:  # noqa: BLE001  Locust would swallow it
            self.sent.unrecorded += 1
            self.failed(error, "a request of a user that is not the suite's")

    def _arrivals_died(self, error: BaseException) -> None:
        """No more actions become due: such a load says nothing any more."""
        self._ends_load = True
        self.failed(error, "the pacing of arrivals ended by it")

    def _report_errors(self) -> None:
        if new := self.errors.new():
            self.recorder.errors(new, ends_load=self._ends_load)

    # ── what goes on besides the users ─────────────────────────────────────────────────────────────

    def _write_every_second(self) -> None:
        while True:
            gevent.sleep(1.0 - utc_s() % 1.0)
            with self.counting("writing down what was recorded"):
                self._report_watched()
                self.recorder.tick(self._alive)
            self._look_after_background()
            try:
                self._report_errors()
            except Exception as error:  # noqa: BLE001  whatever it is, nobody would hear of it
                self._on_mute(error)

    def _report_watched(self, *, last: bool = False) -> None:
        """What the answers showed since the last time. `last`: and for which rules they never could have."""
        taken = list(self._watcher.take(last=last))
        never = self._watcher.never() if last and self.checker is not None else ()
        for key, result, found in (*taken, *never):
            self.recorder.check_ended(key, result, watched=True, **found)

    def _write_raw_samples(self) -> None:
        """In small parts between those that wait for answers, whose times it must not lengthen."""
        while (raw := self.recorder.raw) is not None:
            gevent.sleep(1.5 - utc_s() % 1.0)  # in the middle of a second: at its turn other things are written
            with self.counting("writing the raw samples"):
                while raw.write():
                    gevent.sleep(0)
                raw.flush()
            self._look_after_background()

    def _follow_stages(self) -> None:
        """Leave out operations that write while a stage is read-only."""
        while True:
            with self.counting("following the stages"):
                now_s = utc_s() - self.order.start_at
                reads = any(span.stage.read_only and span.start_s <= now_s < span.end_s for span in self._spans)
                self.run.left_out = self.order.without_writes if reads else self.order.left_out
                if self.checker is not None:
                    self.checker.may_write = not reads
            gevent.sleep(LEFT_OUT_EVERY_S)
            self._look_after_background()

    def _check_correctness(self) -> None:
        if self.checker is not None:
            self.checker.loop(self.sent, self.order.start_at, self.failed)

    def _watch_event_loop(self) -> None:
        due_at = utc_s() + LAG_PROBE_S
        while True:
            gevent.sleep(max(due_at - utc_s(), 0.0))
            next_at = utc_s() + LAG_PROBE_S
            with self.counting("watching the event loop"):
                next_at = self.recorder.health.add_lags(due_at, utc_s(), LAG_PROBE_S)
            due_at = next_at
            self._look_after_background()

    def _look_after_background(self) -> None:
        """Each of them looks after the others: one that has ended is counted as an error and begun again."""
        for loop, greenlet in self._background.items():
            if greenlet.dead:
                self._background[loop] = gevent.spawn(loop)
                with self.counting("it was begun again"):
                    raise BackgroundEnded(f"{loop.__name__} had ended")
