"""Locust's worker with a lease, the master's clock, and an end at which nothing is lost."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Any, NoReturn

import gevent
import msgspec
from gevent.event import Event
from locust.rpc import Message
from locust.runners import HEARTBEAT_INTERVAL, STATE_INIT, STATE_RUNNING, WorkerRunner

from perfsuite import clock
from perfsuite.load.channel import ChannelProblem
from perfsuite.load.clock_offset import ClockOffset
from perfsuite.load.lease import Lease
from perfsuite.load.messages import HEARTBEAT, Hello, M, Refused, Welcome, decoded, type_of
from perfsuite.load.rpc import encoded, rpc_message

MASTER_GONE_S = 30.0
"""A master that has not answered for so long is gone."""
ROUND_TRIPS = 8
"""Before a worker joins: for the offset of its clock."""
_HELLO_EVERY_S = 1.0
_ROUND_TRIP_EVERY_S = 0.05
_LOOK_EVERY_S = 0.5


class SuiteWorker(WorkerRunner):
    """Joins in three steps: hello, round trips for its clock, then Locust's own `client_ready`.

    `environment.agentmitra_hello` is what it says of itself; `environment.agentmitra_worker` hears of what the master
    wants (see `WorkerJob`).
    """

    def __init__(self, environment: Any, master_host: str, master_port: int) -> None:
        environment.runner = self  # before the first message, which needs it
        self.lease = Lease(clock.own_s)
        self.offset = ClockOffset()
        self._hello: Hello = environment.agentmitra_hello
        self._job: WorkerJob = environment.agentmitra_worker
        self._answer: Welcome | Refused | None = None
        self._answered = Event()
        super().__init__(environment, master_host, master_port)

    def listen(self, kind: type[M], handle: Callable[[M], None], *, concurrent: bool = False) -> None:
        """Call `handle` with each message of a kind. `concurrent`: in a greenlet of its own, for what takes time."""
        self.register_message(
            type_of(kind), lambda environment, msg: handle(decoded(kind, msg.data)), concurrent=concurrent
        )

    def say(self, message: msgspec.Struct) -> None:
        """Send it to the master. What a broken connection loses is sent again by whoever needs it there."""
        self.client.send(encoded(message, self.client_id))

    def problem(self) -> ChannelProblem | None:
        """Why there is no connection to the master; None while there is one, and as long as nothing is known."""
        client: Any = self.client  # of our channel
        problem: ChannelProblem | None = client.problem()
        return problem

    # ── joining ────────────────────────────────────────────────────────────────────────────────────

    def connect_to_master(self) -> None:
        """Ask to join until the master answers. Ends the process by the job where it must not."""
        self.listen(Welcome, self._hear_answer)
        self.listen(Refused, self._hear_refusal)
        self._job.listen(self)
        began = time.monotonic()
        while not self._answered.wait(_HELLO_EVERY_S if self._answer is None else 0.0):
            self._job.waiting_for_master(self, time.monotonic() - began)
            self.say(self._hello)
        if isinstance(self._answer, Refused):
            self._job.refused(self._answer)
        if isinstance(self._answer, Welcome):
            self._job.welcome(self._answer)
        for _beat in range(ROUND_TRIPS):
            self.beat()
            gevent.sleep(_ROUND_TRIP_EVERY_S)
        super().connect_to_master()  # type: ignore[no-untyped-call]

    def _hear_answer(self, answer: Welcome) -> None:
        self._answer = answer
        self._answered.set()

    def _hear_refusal(self, refusal: Refused) -> None:
        if self._answered.is_set():
            self._job.refused(refusal)
        self._answer = refusal
        self._answered.set()

    # ── heartbeats ─────────────────────────────────────────────────────────────────────────────────

    def beat(self) -> None:
        """Send one heartbeat."""
        sent_s = clock.own_s()
        state = {
            "state": self.worker_state,
            "current_cpu_usage": self.current_cpu_usage,
            "current_memory_usage": self.current_memory_usage,
            "sent_s": sent_s,
            "silent_s": self.lease.silent_s,
            **self._job.state(),
        }
        self.client.send(rpc_message(HEARTBEAT, state, self.client_id))

    def heartbeat(self) -> NoReturn:
        """Locust's loop of heartbeats, with ours."""
        while True:
            self.beat()
            gevent.sleep(HEARTBEAT_INTERVAL)

    def heartbeat_timeout_checker(self) -> NoReturn:
        """Locust waits for a master for a minute, by the system clock; this one not so long, by a steady one."""
        while True:
            gevent.sleep(_LOOK_EVERY_S)
            if self.lease.silent_s > self._job.master_gone_s:
                self._job.master_gone(self.lease.silent_s)

    def _hear_echo(self, data: dict[str, float]) -> None:
        received_s = clock.own_s()
        self.lease.renew(data["sent_s"])
        self.offset.add(data["sent_s"], data["master_s"], received_s)
        if not self._hello.local and self.offset.offset_s is not None:
            clock.correct(self.offset.offset_s, at_once=not self._job.makes_load)

    def clock_ms(self) -> tuple[float | None, float | None]:
        """How far this clock is ahead of the master's, and within what, ms; None where it is the same clock."""
        if self._hello.local or self.offset.offset_s is None or self.offset.uncertainty_s is None:
            return None, None
        return -self.offset.offset_s * 1e3, (self.offset.uncertainty_s + abs(clock.pending_s())) * 1e3

    # ── Locust's messages ──────────────────────────────────────────────────────────────────────────

    def handle_message(self, msg: Message) -> None:
        """Locust's messages as it handles them, but for those that would harm an exact load."""
        try:
            self._handle_message(msg)
        except Exception as error:  # noqa: BLE001  it would end the greenlet that listens to the master
            self._job.heard(error, "a message of the master")

    def _handle_message(self, msg: Message) -> None:
        if msg.type == HEARTBEAT and isinstance(msg.data, dict):
            self._hear_echo(msg.data)
        if msg.type == "quit" and self._job.quit():
            return
        if msg.type == "spawn" and self._job.is_leaving:
            return
        if msg.type == "spawn":
            self.last_received_spawn_timestamp = 0  # by the system clock, which somebody may set back meanwhile
        super().handle_message(msg)

    def start_worker(self, user_classes_count: dict[str, int], **_kwargs: Any) -> None:
        """So many users by class from now on: what is missing starts, the youngest beyond that stop.

        Not as Locust does it, which counts users that are about to leave and stops any of the others: after orders in
        quick succession there would be too few.
        """
        self._job.retarget(sum(user_classes_count.values()))
        self.target_user_classes_count = user_classes_count
        self.target_user_count = sum(user_classes_count.values())
        for user_class in self.user_classes:
            user_class.host = self.environment.host or user_class.host
        missing = {name: self._stop_youngest(name, wanted) for name, wanted in user_classes_count.items()}
        self.spawn_users({name: count for name, count in missing.items() if count})
        self.spawning_complete(sum(self.user_classes_count.values()))  # type: ignore[no-untyped-call]
        self.update_state(STATE_RUNNING)
        self.worker_state = STATE_RUNNING

    def _stop_youngest(self, name: str, wanted: int) -> int:
        """Stop the users of a class beyond the number that is wanted, in order; how many are missing."""
        every = [greenlet.args[0] for greenlet in self.user_greenlets if greenlet.args]
        staying = [user for user in every if type(user).__name__ == name and not getattr(user, "leaving", False)]
        staying.sort(key=lambda user: getattr(user, "number", math.inf))
        for user in staying[wanted:]:
            gevent.spawn(user.stop, force=False)  # a request in flight may finish
        return max(wanted - len(staying), 0)

    def drain(self) -> None:
        """Let all users finish; when this returns, everything that they did has been recorded.

        Not in the greenlet that listens to the master: what is recorded has to be acknowledged meanwhile.
        """
        self.stop()
        self.worker_state = STATE_INIT

    def close(self) -> None:
        """Deliver what was said, and end the connection. What listens at it ends first: Locust would open another."""
        self.greenlet.kill(block=False)
        if hasattr(self, "client"):  # not while the master's name is being looked up
            self.client.close()  # type: ignore[no-untyped-call]

    def stats_reporter(self) -> None:  # type: ignore[override]
        """Locust's statistics for the master's page, where there is one."""
        if self._job.reports_to_locust:
            super().stats_reporter()

    def logs_reporter(self) -> None:
        """A worker's log stays with the worker."""


class WorkerJob:
    """What a worker is for: hears what happens between it and the master."""

    reports_to_locust = False
    makes_load = False
    master_gone_s = MASTER_GONE_S
    """Its users have begun."""
    is_leaving = False
    """Its load is over, or about to be: no user starts any more."""

    def listen(self, runner: SuiteWorker) -> None:
        """Register for messages, before the first can come."""

    def waiting_for_master(self, runner: SuiteWorker, seconds: float) -> None:
        """The master has not answered so far."""

    def welcome(self, welcome: Welcome) -> None:
        """It may join."""

    def refused(self, refusal: Refused) -> NoReturn:
        """It may not, or no longer: ends the process."""
        raise NotImplementedError

    def master_gone(self, silent_s: float) -> NoReturn:
        """The master has not answered for `master_gone_s`: ends the process."""
        raise NotImplementedError

    def heard(self, error: BaseException, during: str) -> None:
        """An error that nobody expected."""

    def quit(self) -> bool:
        """The master ends this worker; False: Locust does the rest."""
        return False

    def retarget(self, users: int) -> None:
        """So many users are wanted from now on."""

    def state(self) -> dict[str, Any]:
        """More for each heartbeat."""
        return {}
