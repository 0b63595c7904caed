"""In a process with gevent: what a master and its workers do over a channel; with `costs`, what that costs."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import datetime  # noqa: E402
import socket  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import locust.runners  # noqa: E402
import zmq.green as zmq  # noqa: E402
from locust import User, constant, task  # noqa: E402
from locust.env import Environment  # noqa: E402
from locust.exception import RPCError, RPCSendError  # noqa: E402
from locust.rpc.protocol import Message  # noqa: E402

from perfsuite.load.channel import MAX_MESSAGE_BYTES, Channel  # noqa: E402
from tests.load.channel_ends import HERE, TOKEN, Master, Scenes, client, free_port, played, said, until  # noqa: E402
from tests.load.child import report  # noqa: E402


class Counting(User):  # type: ignore[misc]
    wait_time = constant(0.05)

    @task  # type: ignore[untyped-decorator]
    def count(self) -> None:
        self.environment.events.request.fire(
            request_type="GET", name="x", response_time=1, response_length=0, exception=None, context={}
        )


def exchanged(channel: Channel) -> dict[str, Any]:
    master = Master(channel)
    with client(channel, master.end.port) as end:
        small = said(end, {"a": [1, None, "ü"], "at": datetime.datetime(2026, 1, 2, 3, 4, 5)})
        big = b"x" * 5_000_000
        found = {
            "small": small == {"a": [1, None, "ü"], "at": datetime.datetime(2026, 1, 2, 3, 4, 5)},
            "big": said(end, big) == big,
            "connected": end.connected,
            "problem": end.problem(),
            "unknown": master.end.send_to_client(Message("x", None, "nobody")),
            "undelivered": master.end.undelivered,
        }
        try:
            end.send(Message("x", b"x" * (MAX_MESSAGE_BYTES + 1), "w1"))
        except RPCSendError as error:
            found["too big"] = error.args[0].fields
        found["after too big"] = said(end, 1)
    master.close()
    return found


def refused(channel: Channel) -> dict[str, Any]:
    master = Master(channel)
    with client(Channel("another token"), master.end.port) as wrong, client(channel, master.end.port, "w2") as right:
        wrong.send(Message("say", 1, "w1"))
        found = {
            "after_s": until(lambda: wrong.problem() is not None),
            "problem": wrong.problem(),
            "connected": wrong.connected,
            "right": said(right, 2, "w2"),
            "counted": master.end.refused > 0,
        }
        found["heard"] = master.heard
    master.close()
    return found


def by_key_alone(channel: Channel) -> Any:
    """A client with the master's public key and a pair of its own."""
    keys = channel._keys
    other = Channel("another token")._keys
    stranger = Channel(TOKEN)
    stranger._keys = type(keys)(keys.server_secret, keys.server_public, other.client_secret, other.client_public)
    master = Master(channel)
    with client(stranger, master.end.port) as end:
        end.send(Message("say", 1, "w1"))
        until(lambda: end.problem() is not None)
        gevent.sleep(1.0)  # longer than it takes to connect again
        found = {"problem": end.problem(), "heard": master.heard}
    master.close()
    return found


def late(channel: Channel, host: str = HERE) -> dict[str, Any]:
    """A master that appears after two seconds; one that ends, and one that takes its place."""
    port = free_port()
    with client(channel, port, host=host) as end:
        end.send(Message("say", "early", "w1"))
        unreachable_s = until(lambda: end.problem() is not None)
        problem = end.problem()
        gevent.sleep(2.0)
        master = Master(channel, port)
        found = {
            "unreachable_s": unreachable_s,
            "problem": problem,
            "joined_s": until(lambda: end.connected),
            "problem then": end.problem(),
            "answer": said(end, 7),
        }
        master.close()
        until(lambda: not end.connected)
        until(lambda: end.problem() is not None)
        found["problem without it"] = end.problem()
        second = Master(channel, port)
        found["again_s"] = until(lambda: end.connected)
        found["new answer"] = until(lambda: said(end, 8, within_s=1.0) is not None) >= 0
        second.close()
    return found


def addresses(channel: Channel) -> dict[str, Any]:
    """Where a master can listen and a client can connect; the answer to a message."""
    found: dict[str, Any] = {}
    pairs: tuple[tuple[str, str], ...] = (
        ("127.0.0.1", "localhost"),
        ("localhost", "127.0.0.1"),
        ("::1", "::1"),
        ("::1", "[::1]"),
        ("*", "127.0.0.1"),
        ("*", "::1"),
        ("0.0.0.0", "localhost"),  # noqa: S104
        ("::", "127.0.0.1"),
    )
    if socket.AF_INET6 in {family for family, *_ in socket.getaddrinfo("localhost", 1)}:
        pairs += (("::1", "localhost"),)  # its IPv4 address comes first
    for listens_on, connects_to in pairs:
        master = Master(channel, host=listens_on)
        with client(channel, master.end.port, host=connects_to) as end:
            until(lambda end=end: end.connected)
            found[f"{listens_on} {connects_to}"] = said(end, 10)
        master.close()
    taken = Master(channel)
    for name, make in {
        "in use": lambda: channel.Server(HERE, taken.end.port),
        "not here": lambda: channel.Server("192.0.2.1", 5557),
        "no name": lambda: channel.Server("no-such-name.invalid", 5557),
        "no address": lambda: channel.Client("a b", 5557, "w1"),
        "no port": lambda: channel.Client(HERE, 70000, "w1"),
        "no port to listen on": lambda: channel.Server(HERE, 70000),
    }.items():
        try:
            make()
        except RPCError as error:
            found[name] = (error.args[0].code.name, error.args[0].count("\n"))
    with client(channel, 5557, host="no-such-name.invalid") as end:
        until(lambda: end.problem() is not None)
        found["unknown name"] = end.problem()
    taken.close()
    return found


def threads() -> int:
    return len(list(Path("/proc/self/task").iterdir()))


def closing(channel: Channel) -> dict[str, Any]:
    """How long the ends take to close: with nobody there, and after the last message; what stays behind."""
    before = threads()
    found: dict[str, Any] = {"before": before}
    lonely = channel.Client(HERE, free_port(), "w1")
    lonely.send(Message("say", 1, "w1"))
    receiving = gevent.spawn(lonely.recv)
    gevent.sleep(0.05)
    start = time.perf_counter()
    lonely.close()
    found["lonely_s"] = time.perf_counter() - start
    lonely.close()
    receiving.join(1)
    found["receiver ended by"] = type(receiving.exception).__name__
    found["sent once closed"] = lonely.send(Message("say", 1, "w1"))
    master = Master(channel)
    port = master.end.port
    end = channel.Client(HERE, port, "w1")
    said(end, 1)
    for number in range(200):
        end.send(Message("last", number, "w1"))
    found["lingers_ms"] = end.socket.getsockopt(zmq.LINGER)
    end.close(linger=10_000)  # half a second can be too short on a busy machine
    until(lambda: len(master.heard) == 201)
    found["last words"] = len(master.heard)
    start = time.perf_counter()
    master.close()
    found["master_s"] = time.perf_counter() - start
    at_once = Master(channel, port)  # the port is free
    at_once.close()
    for _ in range(20):
        with client(channel, port) as one:
            one.send(Message("say", 1, "w1"))
            one.close(linger=0)
    until(lambda: threads() == before)
    found["after"] = threads()
    return found


def locusts_runners(channel: Channel) -> dict[str, Any]:
    """Locust's own master and workers over the channel."""
    locust.runners.rpc = channel
    master = Environment(user_classes=[Counting]).create_master_runner(HERE, 0)
    ours = [Environment(user_classes=[Counting]) for _ in range(2)]
    workers = [environment.create_worker_runner(HERE, master.server.port) for environment in ours]
    until(lambda: master.worker_count == 2)
    master.start(4, 4)
    users = until(lambda: master.user_count == 4) >= 0
    counted = until(lambda: master.stats.total.num_requests > 20) >= 0
    master.quit()
    ended = until(lambda: all(worker.state == "stopped" or worker.user_count == 0 for worker in workers)) >= 0
    return {"users": users, "counted": counted, "ended": ended, "dropped": master.server.dropped}


def costs() -> dict[str, float]:
    """Microseconds of processor time for a message there and back, both ends together; for the reader, not judged."""
    from locust.rpc import zmqrpc

    class Plain:
        Server, Client = zmqrpc.Server, zmqrpc.Client

    found = {}
    for name, channel in {"plain": Plain, "curve": Channel(TOKEN)}.items():
        server = channel.Server(HERE, 0)  # type: ignore[attr-defined]
        end = channel.Client(HERE, server.port, "w1")  # type: ignore[attr-defined]

        def echo(server: Any = server) -> None:
            while True:
                server.send_to_client(server.recv_from_client()[1])

        greenlet = gevent.spawn(echo)
        for size in (100, 5_000):
            message = Message("say", b"x" * size, "w1")
            end.send(message)
            end.recv()
            start = time.process_time()
            for _ in range(2_000):
                end.send(message)
                end.recv()
            found[f"{name}, {size} bytes"] = round((time.process_time() - start) / 2_000 * 1e6, 1)
        greenlet.kill()
        end.close()
        server.close()
    return found


ALONE: Scenes = {"closing": closing}
TOGETHER: Scenes = {
    "exchanged": exchanged,
    "refused": refused,
    "by key alone": by_key_alone,
    "late": late,
    "late by name": lambda channel: late(channel, "localhost"),
    "addresses": addresses,
    "locust": locusts_runners,
}

if __name__ == "__main__":
    report(costs() if sys.argv[1:] == ["costs"] else played(ALONE, TOGETHER))
