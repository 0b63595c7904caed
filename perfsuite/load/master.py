"""Locust's master for exact loads: decides who may join and who is lost; the coordinator places the users."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any, NoReturn

import gevent
import msgspec
from locust.rpc import Message as RpcMessage
from locust.runners import STATE_SPAWNING, MasterRunner

from perfsuite.clock import utc_s
from perfsuite.load.inbox import WorkerAccount
from perfsuite.load.messages import HEARTBEAT, Hello, M, Refused, Welcome, decoded, type_of
from perfsuite.load.rpc import encoded, rpc_message
from perfsuite.load.versions import SUITE, difference, versions
from perfsuite.load.worker_handle import WorkerHandle
from perfsuite.messages import Message
from perfsuite.messages.load import LoadMessage, WorkerMessage

SILENT_S = 5.0
"""A worker that has said nothing for this long is given up and its users are placed on the others."""
JOINING_SILENT_S = 60.0
"""The same for one that has not joined yet: it has no users, and on a cold disk the modules of the roles take long."""
_LOOK_EVERY_S = 0.1
_PAUSED_S = 2.0
_DEAF_BEATS = 2


class MasterJob:
    """What a master is for: hears what happens between it and its workers."""

    def admit(self, hello: Hello) -> Message | None:
        """Why this worker may not join; None when it may."""
        return None

    def refused(self, hello: Hello | None, why: Message) -> None:
        """Somebody may not join; None where it could not say who it is."""

    def connected(self, worker: WorkerHandle) -> None:
        """It has joined."""

    def watch(self) -> None:
        """Several times a second: see whether something has happened that no worker says."""

    def lost(self, worker: WorkerHandle, why: Message) -> None:
        """It has died, or fallen silent, or left."""

    def missed_offer(self, worker: WorkerHandle) -> None:
        """It has joined, and does not know of any load."""

    def missed_order(self, worker: WorkerHandle) -> None:
        """It does not know of its latest orders."""

    def failed(self, error: BaseException) -> None:
        """An error that nobody expected."""


class SuiteMaster(MasterRunner):
    """Locust places no users by itself here: `place` does, by the dispatcher that the coordinator sets."""

    def __init__(self, environment: Any, master_bind_host: str, master_bind_port: int) -> None:
        self._job: MasterJob = environment.agentmitra_master
        self.workers: dict[str, WorkerHandle] = {}
        """By Locust's id of the client, in the order of their hellos; lost ones stay."""
        self._resumed_at = 0.0
        """When this process went on after it had been stopped, monotonic s."""
        super().__init__(environment, master_bind_host, master_bind_port)
        self.master_bind_port = self.port  # where it was any: also after Locust has opened it anew
        self.register_message(type_of(Hello), self._hello)

    @property
    def port(self) -> int:
        """On which it listens."""
        return int(self.server.port)

    @property
    def strangers(self) -> int:
        """Connections that were refused before a word, since the peer had another token or none."""
        server: Any = self.server  # of our channel
        return int(server.refused)

    def listen(self, kind: type[M], handle: Callable[[WorkerHandle, M], None]) -> None:
        """Call `handle`, and nobody else, with each message of a kind that comes from a worker that takes part.

        What it raises ends the load: Locust would log it and go on, and what a message said would be lost.
        """

        def on_message(environment: Any, msg: RpcMessage) -> None:
            worker = self.workers.get(msg.node_id)
            if worker is None or worker.lost:
                return
            try:
                handle(worker, decoded(kind, msg.data))
            except Exception as error:  # noqa: BLE001  whatever it is
                self._job.failed(error)

        self.custom_messages[type_of(kind)] = on_message, False

    def say(self, worker: WorkerHandle, message: msgspec.Struct) -> None:
        """Send it. What a broken connection loses is sent again by whoever misses the answer."""
        self._send(worker.client_id, message)

    def _send(self, client_id: str, message: msgspec.Struct) -> None:
        self._send_rpc(encoded(message, client_id))

    def _send_rpc(self, message: RpcMessage) -> None:
        self.server.send_to_client(message)

    # ── joining ────────────────────────────────────────────────────────────────────────────────────

    def _hello(self, environment: Any, msg: RpcMessage) -> None:
        client_id = msg.node_id
        worker = self.workers.get(client_id)
        if worker is None:
            hello, why = self._admitted(msg.data)
            if hello is None or why is not None:
                why = why or _other_version((SUITE, versions()[SUITE], "unknown"))
                self._send(client_id, Refused(str(why)))
                self._job.refused(hello, why)
                return
            worker = self.workers[client_id] = self._handle(client_id, hello)
        if worker.lost:
            self._send(client_id, Refused(str(WorkerMessage.ELSEWHERE()), lost=True))
            return
        worker.heard_at = time.monotonic()
        self.say(worker, Welcome(worker.name))

    def _admitted(self, data: bytes) -> tuple[Hello | None, Message | None]:
        """Who asks, None where another version says hello in another way; and why it may not join."""
        try:
            hello = decoded(Hello, data)
        except (msgspec.MsgspecError, TypeError):
            return None, None
        other = difference(versions(), hello.versions)
        return hello, _other_version(other) if other is not None else self._job.admit(hello)

    def _handle(self, client_id: str, hello: Hello) -> WorkerHandle:
        at_work = {worker.index for worker in self.workers.values() if not worker.lost}
        given = hello.index is not None and hello.index not in at_work
        index = hello.index if given and hello.index is not None else self._free_index()
        self.worker_indexes[client_id] = index
        lives = sum(worker.index == index for worker in self.workers.values())
        name = f"worker-{index + 1}" + (f".{lives + 1}" if lives else "")
        return WorkerHandle(client_id, index, hello, WorkerAccount(name, hello.host))

    def _free_index(self) -> int:
        taken = {worker.index for worker in self.workers.values()}
        return next(index for index in range(len(taken) + 1) if index not in taken)

    # ── who is there ───────────────────────────────────────────────────────────────────────────────

    def heartbeat_worker(self) -> NoReturn:
        """Locust's watch over its workers, with ours: no worker is missing for long and then there again."""
        looked_at = time.monotonic()
        while True:
            gevent.sleep(_LOOK_EVERY_S)
            now = time.monotonic()
            if now - looked_at > _PAUSED_S:
                self._resumed_at = now
                # It was us who were stopped: nobody can be blamed for silence in that time.
                for worker in self.workers.values():
                    worker.heard_at = now
            looked_at = now
            self._job.watch()
            for worker in list(self.workers.values()):
                silent_s = SILENT_S if worker.checked else JOINING_SILENT_S
                if not worker.lost and now - worker.heard_at > silent_s:
                    self.give_up(worker, LoadMessage.SILENT(silent_s=silent_s))

    def give_up(self, worker: WorkerHandle, why: Message) -> None:
        """It takes part no longer, whatever it says from now on."""
        if worker.lost:
            return
        worker.lost = True
        if worker.client_id in self.clients:
            del self.clients[worker.client_id]
        self._send(worker.client_id, Refused(str(why), lost=True))
        self._job.lost(worker, why)

    def dismiss(self, worker: WorkerHandle, why: Message | None = None) -> None:
        """It is not needed any more; `why`, where its work was not done."""
        if why is not None:
            self._send(worker.client_id, Refused(str(why), lost=True))
        self._send_rpc(rpc_message("quit", None, worker.client_id))

    def close(self) -> None:
        """Hear nobody any more, and deliver what was sent: this process may end right after that."""
        self.greenlet.kill()
        server: Any = self.server  # of our channel
        server.close()

    def place(self, dispatcher: Any, users: int, spawn_rate: float) -> None:
        """Order users to start as the dispatcher says; returns when all are. Locust's `start`, with our dispatcher."""
        self._users_dispatcher = dispatcher
        super().start(users, spawn_rate)

    def order(self, worker: WorkerHandle, table: dict[str, int]) -> None:
        """Order one worker once more to have so many users of each class: Locust's message."""
        environment: Any = self.environment
        data = {
            "timestamp": time.time(),
            "user_classes_count": table,
            "host": environment.host,
            "stop_timeout": environment.stop_timeout,
            "parsed_options": vars(environment.parsed_options) if environment.parsed_options else {},
        }
        self._send_rpc(rpc_message("spawn", data, worker.client_id))

    # ── Locust's messages ──────────────────────────────────────────────────────────────────────────

    def handle_message(self, client_id: str, msg: RpcMessage) -> None:
        """Locust's messages as it handles them, but for those from workers that take no part, and heartbeats."""
        try:
            self._handle_message(client_id, msg)
        except Exception as error:  # noqa: BLE001  it would end the greenlet that listens to all workers
            self._job.failed(error)

    def _handle_message(self, client_id: str, msg: RpcMessage) -> None:
        if msg.type == type_of(Hello):
            super().handle_message(client_id, msg)
            return
        worker = self.workers.get(client_id)
        if worker is None or worker.lost:
            why = WorkerMessage.UNKNOWN() if worker is None else WorkerMessage.ELSEWHERE()
            self._send(client_id, Refused(str(why), lost=True))
            return
        worker.heard_at = time.monotonic()
        if msg.type == HEARTBEAT:
            self._heartbeat(worker, msg)
        elif msg.type in ("client_stopped", "quit"):
            self.give_up(worker, LoadMessage.STOPPED())
        else:
            super().handle_message(client_id, msg)
            if msg.type == "client_ready" and not worker.connected:
                worker.connected = True
                self._job.connected(worker)

    def _is_deaf(self, worker: WorkerHandle, silent_s: float) -> bool:
        """Its words arrive, ours do not: it sends no requests, and its users are missing.

        Said twice: a worker that stood still says it once, before it reads what has come meanwhile. So do all of them
        after this process stood still.
        """
        paused = time.monotonic() - self._resumed_at < SILENT_S
        worker.deaf_beats = worker.deaf_beats + 1 if silent_s > SILENT_S and worker.checked and not paused else 0
        return worker.deaf_beats >= _DEAF_BEATS

    def _heartbeat(self, worker: WorkerHandle, msg: RpcMessage) -> None:
        worker.reported = {name: msg.data[name] for name in ("seats", "target", "rates") if name in msg.data}
        worker.placed = msg.data.get("placed", worker.placed)
        worker.done, worker.done_at = msg.data.get("done", 0), msg.data.get("done_at", 0.0)
        if self._is_deaf(worker, msg.data.get("silent_s", 0.0)):
            self.give_up(worker, LoadMessage.DEAF(silent_s=SILENT_S))
            return
        if worker.client_id in self.clients:
            client = self.clients[worker.client_id]
            client.state = msg.data["state"]
            client.cpu_usage = msg.data["current_cpu_usage"]
            client.memory_usage = msg.data["current_memory_usage"]
        echo = {"sent_s": msg.data["sent_s"], "master_s": utc_s()}
        self._send_rpc(rpc_message(HEARTBEAT, echo, worker.client_id))
        if worker.has_missed_order and self.state in ("running", STATE_SPAWNING):
            self._job.missed_order(worker)
        if worker.connected and not worker.checked and not msg.data.get("offered", 1):
            self._job.missed_offer(worker)


def _other_version(other: tuple[str, str, str]) -> Message:
    what, here, there = other
    return WorkerMessage.OTHER_VERSION(what=what, here=here, there=there)
