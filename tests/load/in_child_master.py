"""Who may join a master, who is lost, and what it bears: with real sockets, in a process with gevent and Locust."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import time  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import locust.runners  # noqa: E402
import msgspec  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.rpc.protocol import Message as RpcMessage  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.load.channel import Channel  # noqa: E402
from perfsuite.load.master import JOINING_SILENT_S, SILENT_S, MasterJob, SuiteMaster  # noqa: E402
from perfsuite.load.messages import (  # noqa: E402
    HEARTBEAT,
    Checked,
    Hello,
    Load,
    Placed,
    Refused,
    Welcome,
    data_of,
    decoded,
    type_of,
)
from perfsuite.load.rpc import rpc_message  # noqa: E402
from perfsuite.load.users import user_classes  # noqa: E402
from perfsuite.load.versions import versions  # noqa: E402
from perfsuite.load.worker_handle import LocalProcess, WorkerHandle  # noqa: E402
from perfsuite.messages import Message  # noqa: E402
from perfsuite.messages.load import WorkerMessage  # noqa: E402
from perfsuite.model import Secrets, WorkerStart  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.suite_errors import LOG_FILE  # noqa: E402
from tests.load.channel_ends import HERE, TOKEN, until  # noqa: E402
from tests.load.child import report  # noqa: E402

_SOON_S = 0.3
"""In which whatever is to come has come."""
_sleep_all = gevent.monkey.get_original("time", "sleep")


class Job(MasterJob):
    """Keeps what it hears."""

    def __init__(self) -> None:
        self.full = False
        self.heard: list[tuple[str, str]] = []
        self.errors: list[str] = []

    def admit(self, hello: Hello) -> Message | None:
        return WorkerMessage.INTERRUPTED() if self.full else None

    def refused(self, hello: Hello | None, why: Message) -> None:
        self.heard.append(("refused", hello.host if hello is not None else ""))

    def connected(self, worker: WorkerHandle) -> None:
        self.heard.append(("connected", worker.name))

    def lost(self, worker: WorkerHandle, why: Message) -> None:
        self.heard.append(("lost", worker.name))

    def failed(self, error: BaseException) -> None:
        self.errors.append(type(error).__name__)


class Bench:
    """A master, and workers of which the test says what they say."""

    def __init__(self) -> None:
        self.channel = Channel(TOKEN)
        locust.runners.rpc = self.channel  # type: ignore[assignment,attr-defined]
        environment: Any = Environment(user_classes=user_classes(ROLES))
        self.job = environment.agentmitra_master = Job()
        self.master = environment.runner = SuiteMaster(environment, HERE, 0)

    def worker(self, identity: str) -> Worker:
        return Worker(self, identity)

    def names(self) -> list[str]:
        return [worker.name for worker in self.master.workers.values()]


class Worker:
    """One worker's end."""

    def __init__(self, bench: Bench, identity: str) -> None:
        self.identity = identity
        self.end = bench.channel.Client(HERE, bench.master.port, identity)
        self.heard: list[tuple[str, Any]] = []
        gevent.spawn(self._listen)

    def _listen(self) -> None:
        while True:
            message = self.end.recv()
            self.heard.append((message.type, message.data))

    def send(self, kind: str, data: Any) -> None:
        self.end.send(RpcMessage(kind, data, self.identity))

    def say(self, message: msgspec.Struct) -> None:
        self.send(type_of(type(message)), data_of(message))

    def hello(self, index: int | None = None, host: str = "load-1", **other: str) -> str:
        """The name it gets, or why it is refused; "" where it gets no answer."""
        return self.asks(Hello({**versions(), **other}, host, 4711, index))

    def asks(self, message: msgspec.Struct) -> str:
        before = len(self.heard)
        self.say(message)
        until(lambda: len(self.heard) > before, 3.0)
        return self.last

    @property
    def last(self) -> str:
        if not self.heard:
            return ""
        kind, data = self.heard[-1]
        if kind == type_of(Welcome):
            return decoded(Welcome, data).name
        if kind == type_of(Refused):
            refused = decoded(Refused, data)
            return f"{'lost' if refused.lost else 'refused'}: {refused.why}"
        return str(kind)

    def beat(self) -> str:
        """What comes back."""
        before = len(self.heard)
        self.send(HEARTBEAT, beat())
        until(lambda: len(self.heard) > before, 3.0)
        return self.last


def beat(**more: int) -> dict[str, Any]:
    return {"state": "ready", "current_cpu_usage": 1, "current_memory_usage": 1, "sent_s": utc_s(), **more}


def joined(bench: Bench, identity: str, index: int | None = None) -> Worker:
    """One that has joined, and can make the load."""
    worker = bench.worker(identity)
    worker.hello(index)
    worker.send("client_ready", locust.__version__)
    until(lambda: bench.master.workers[identity].connected)
    bench.master.workers[identity].checked = True
    return worker


# ── scenes ──────────────────────────────────────────────────────────────────────────────────────────


def admission(bench: Bench) -> dict[str, Any]:
    first, second = bench.worker("a"), bench.worker("b")
    found = {
        "first": first.hello(),
        "again": first.hello(),  # as if the answer had been lost
        "other suite": bench.worker("c").hello(suite="1.0 (old)"),
        "second": second.hello(),
        "versions": versions()["suite"],
    }
    garbled = bench.worker("d")
    garbled.send(type_of(Hello), b"\xc1")
    until(lambda: garbled.heard)
    older = bench.worker("e")
    older.send(type_of(Hello), msgspec.msgpack.encode({"type": "hello", "version": "0.9"}))
    until(lambda: older.heard)
    bench.job.full = True
    found |= {"garbled": garbled.last, "older": older.last, "not wanted": bench.worker("f").hello(host="load-9")}
    found |= {"names": bench.names(), "heard": bench.job.heard, "errors": bench.job.errors}
    return found


def indexes(bench: Bench) -> dict[str, Any]:
    """As pods of a Kubernetes job have them, some of which are started anew."""
    given = [joined(bench, identity, index).last for identity, index in (("a", 2), ("b", 0))]
    same = bench.worker("c").hello(2)
    without = bench.worker("d").hello()
    bench.master.give_up(bench.master.workers["a"], WorkerMessage.INTERRUPTED())
    lives = [bench.worker("e").hello(2)]
    bench.master.give_up(bench.master.workers["e"], WorkerMessage.INTERRUPTED())
    lives.append(bench.worker("f").hello(2))
    return {"given": bench.names()[:2], "same": same, "without": without, "lives": lives, "connected": given}


def gone(bench: Bench) -> dict[str, Any]:
    """Who does not belong, or no longer."""
    stranger, lost = bench.worker("stranger"), joined(bench, "a")
    before = [stranger.beat(), lost.beat()]
    bench.master.give_up(bench.master.workers["a"], WorkerMessage.INTERRUPTED())
    until(lambda: lost.last.startswith("lost"))
    told = lost.last
    clients = list(bench.master.clients)
    bench.master.give_up(bench.master.workers["a"], WorkerMessage.INTERRUPTED())
    heard: list[Checked] = []
    bench.master.listen(Checked, lambda _worker, checked: heard.append(checked))
    again = [lost.beat(), lost.hello(), lost.asks(Checked())]
    left = joined(bench, "b")
    left.send("client_stopped", None)
    until(lambda: ("lost", "worker-2") in bench.job.heard)
    return {
        "before": before, "told": told, "clients": clients, "again": again, "taken": len(heard),
        "heard": bench.job.heard, "errors": bench.job.errors,
    }  # fmt: skip


def malformed(bench: Bench) -> dict[str, Any]:
    """From one that was admitted."""
    worker, placed = joined(bench, "a"), []
    bench.master.listen(Placed, lambda _worker, each: placed.append(each.users))
    worker.say(Placed(1))
    for data in (None, {}, {"sent_s": 1.0}, "text", b"\xc1", 7):
        worker.send(HEARTBEAT, data)
    for data in (None, {}, "text", b"", b"\xc1", data_of(Checked("other")), 7):
        worker.send(type_of(Placed), data)
    worker.send("client_ready", {"not": "a version"})
    worker.send("stats", None)
    worker.send("exception", None)
    worker.send("no such message", [1, 2, 3])
    worker.say(Placed(2))
    until(lambda: len(placed) == 2)
    return {"placed": placed, "answer": worker.beat(), "lost": bench.master.workers["a"].lost,
            "errors": bool(bench.job.errors)}  # fmt: skip


def deaf(bench: Bench) -> dict[str, Any]:
    """They are heard, and say that they hear nothing: one of them again and again, one after it stood still."""
    cut_off, stood_still = joined(bench, "cut off"), joined(bench, "stood still")
    silent = {"silent_s": int(SILENT_S) + 2}
    for _beat in range(2):
        cut_off.send(HEARTBEAT, beat(**silent))
    for more in (silent, {"silent_s": 0}, silent):
        stood_still.send(HEARTBEAT, beat(**more))
    answer = stood_still.beat()
    until(lambda: bench.master.workers["cut off"].lost)
    return {identity: worker.lost for identity, worker in bench.master.workers.items()} | {"answer": answer}


def silence(bench: Bench) -> dict[str, Any]:
    """Times are set back instead of waited for."""
    for identity in ("silent", "joining", "never", "heard"):
        joined(bench, identity)
    workers = bench.master.workers
    workers["joining"].checked = workers["never"].checked = False
    now = time.monotonic()
    workers["silent"].heard_at = workers["joining"].heard_at = now - SILENT_S - 0.1
    workers["never"].heard_at = now - JOINING_SILENT_S - 0.1
    workers["heard"].heard_at = now - 1.0
    until(lambda: workers["silent"].lost and workers["never"].lost)
    return {identity: worker.lost for identity, worker in workers.items()} | {"heard of": bench.job.heard[4:]}


def stopped(bench: Bench) -> dict[str, Any]:
    """The master's whole process stands still for 2.5 s."""
    worker = joined(bench, "a")
    handle = bench.master.workers["a"]
    gevent.sleep(_SOON_S)
    handle.heard_at = time.monotonic() - SILENT_S + 1.0
    _sleep_all(2.5)
    gevent.sleep(_SOON_S)
    return {"lost": handle.lost, "answer": worker.beat()}


def orders(bench: Bench) -> dict[str, Any]:
    """One that does not know of its latest orders is noticed by its heartbeats."""
    worker = joined(bench, "a")
    missed: list[str] = []
    bench.job.missed_order = lambda each: missed.append(each.name)  # type: ignore[method-assign]
    handle = bench.master.workers["a"]
    handle.target, handle.ordered_at = 3, time.monotonic() - 60
    worker.beat()
    before = list(missed)
    bench.master.update_state("running")
    worker.send(HEARTBEAT, beat(seats=0, target=3))
    until(lambda: handle.reported == {"seats": 0, "target": 3})
    known = list(missed)
    worker.send(HEARTBEAT, beat(seats=0, target=2))
    until(lambda: missed)
    return {"before": before, "known": known, "missed": missed}


def no_order(bench: Bench) -> dict[str, Any]:
    """A real worker hears what it does not understand, before it has any load that could report the error."""
    folder = Path(mkdtemp())
    process = LocalProcess(folder, WorkerStart(HERE, bench.master.port, TOKEN, Secrets(())))
    until(lambda: any(worker.connected for worker in bench.master.workers.values()), 45.0)
    (worker,) = bench.master.workers.values()
    bench.master._send_rpc(rpc_message(type_of(Load), b"\xc1", worker.client_id))
    until(lambda: process.exit_code is not None, 10.0)
    code = process.exit_code
    process.close()
    return {"code": code, "log": (folder / LOG_FILE).read_text()}


def main() -> None:
    """All scenes, each with a master of its own."""
    scenes = (admission, indexes, gone, malformed, deaf, silence, stopped, orders, no_order)
    report({scene.__name__: scene(Bench()) for scene in scenes})


if __name__ == "__main__":
    main()
