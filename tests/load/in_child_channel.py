"""In a process with gevent: a master's and a worker's end of the channel, and peers that do not belong there."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import datetime  # noqa: E402
import os  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from collections.abc import Callable, Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from pathlib import Path  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import msgpack  # noqa: E402
import zmq.green as zmq  # noqa: E402
from locust.exception import RPCError, RPCSendError  # noqa: E402
from locust.rpc.protocol import Message  # noqa: E402

from perfsuite.load.channel import MAX_MESSAGE_BYTES, Channel, ChannelClient, ChannelServer  # noqa: E402
from tests.load.child import ROOT, report  # noqa: E402

HERE = "127.0.0.1"
_WITHIN_S = 8.0
TOKEN = "a token of these tests"


class Master:
    """Echoes every message and keeps what it heard, in order."""

    def __init__(self, channel: Channel, port: int = 0, host: str = HERE) -> None:
        self.end: ChannelServer = channel.Server(host, port)
        self.heard: list[tuple[str, Any]] = []
        self._greenlet = gevent.spawn(self._listen)

    def _listen(self) -> None:
        while True:
            identity, message = self.end.recv_from_client()
            self.heard.append((message.type, message.data))
            self.end.send_to_client(Message("echo", message.data, identity))

    @property
    def listens(self) -> bool:
        return not self._greenlet.dead

    def close(self) -> None:
        self._greenlet.kill()
        self.end.close()


def until(condition: Callable[[], Any], within_s: float = _WITHIN_S) -> float:
    """Seconds until it was true; -1: never in time."""
    start = time.perf_counter()
    while time.perf_counter() < start + within_s:
        if condition():
            return time.perf_counter() - start
        gevent.sleep(0.005)
    return -1.0


@contextmanager
def client(channel: Channel, port: int, identity: str = "w1", host: str = HERE) -> Iterator[ChannelClient]:
    end = channel.Client(host, port, identity)
    try:
        yield end
    finally:
        end.close()


def said(end: ChannelClient, data: Any, identity: str = "w1", within_s: float = _WITHIN_S) -> Any:
    """What the master answers to it; None if nothing in time."""
    end.send(Message("say", data, identity))
    with gevent.Timeout(within_s, False):
        return end.recv().data
    return None


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


def raw(port: int, data: bytes, linger_s: float = 0.05) -> None:
    with socket.create_connection((HERE, port)) as connection:
        try:
            connection.sendall(data)
            gevent.sleep(linger_s)
        except OSError:
            return  # it has hung up


def frames_of(channel: Channel, port: int, frames: list[list[bytes]]) -> None:
    """A client with the token that sends these instead of messages."""
    with client(channel, port, "bad") as end:
        until(lambda: end.connected)
        for frame in frames:
            end.socket.send_multipart(frame)


GREETING = b"\xff" + bytes(8) + b"\x7f" + b"\x03\x00" + b"CURVE".ljust(20, b"\0") + bytes(32)
RAW = (
    b"\xc1",
    b"\x01\x00\xc1",
    b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    os.urandom(5000),
    GREETING[:10],
    GREETING,
    GREETING.replace(b"CURVE", b"NULL\0"),
    GREETING + b"\x04\xc8" + b"\x05HELLO" + bytes(194),
    GREETING + b"\x06" + (2**62).to_bytes(8, "big"),
    b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
)
UNREADABLE = (
    [b"\xc1"],
    [b""],
    [b"\xff" * 100],
    [b"\x93\xa1x"],
    [b"\xdd\xff\xff\xff\xff"],
    [b"\x91" * 5000 + b"\x01"],
    [msgpack.dumps(3)],
    [msgpack.dumps(["x", None])],
    [msgpack.dumps(["x", None, "bad", 4])],
    [msgpack.dumps({"x": 1})],
    [msgpack.dumps(["x", None, "somebody else"])],
    [msgpack.dumps([3, None, "bad"])],
    [msgpack.dumps(["x", None, None])],
    [msgpack.dumps(["x", {"__ObjectId__": 1}, "bad"])],
    [msgpack.dumps(["x", {"__datetime__": 1}, "bad"])],
    [msgpack.dumps(["x", {"__datetime__": 1, "as_str": 5}, "bad"])],
    [b"\x93\xa1x\x81\x90\x01\xa3bad"],
    [msgpack.dumps(["x", None, "bad"]) + b"more"],
    [b"\x93\xa1x\xa2\xff\xfe\xa3bad"],
    [msgpack.dumps(["x", None, "bad"]), b"a second frame"],
    [b"", msgpack.dumps(["x", None, "bad"])],
)


def hostile(channel: Channel) -> dict[str, Any]:
    master = Master(channel)
    for data in RAW:
        raw(master.end.port, data)
    context = zmq.Context()
    for kind in (zmq.DEALER, zmq.REQ, zmq.PUB):  # without CURVE
        plain = context.socket(kind)
        plain.setsockopt(zmq.LINGER, 0)
        plain.connect(f"tcp://{HERE}:{master.end.port}")
        gevent.sleep(0.1)
        try:
            plain.send_multipart([b"\xc1"], zmq.NOBLOCK)
        except zmq.ZMQError:  # it has no connection: that is what is wanted
            plain.close()
            continue
        gevent.sleep(0.1)
        plain.close()
    context.term()
    heard_of_strangers = list(master.heard)
    frames_of(channel, master.end.port, [list(frames) for frames in UNREADABLE])
    until(lambda: master.end.dropped >= len(UNREADABLE))
    with client(channel, master.end.port) as end:
        found = {
            "heard": heard_of_strangers,
            "dropped": master.end.dropped,
            "sent": len(UNREADABLE),
            "listens": master.listens,
            "answer": said(end, 3),
        }
        for frames in ([b"w1", b"\xc1"], [b"w1", b"a", b"b"]):
            master.end.socket.send_multipart(frames)
        found["client's answer"] = said(end, 4)
        found["client dropped"] = end.dropped
    master.close()
    return found


def huge(channel: Channel) -> dict[str, Any]:
    """A frame over the limit from somebody who has the token."""
    master = Master(channel)
    frames_of(channel, master.end.port, [[bytes(MAX_MESSAGE_BYTES + 10_000)]])
    with client(channel, master.end.port) as end:
        found = {"heard": len(master.heard), "answer": said(end, 5)}
        until(lambda: end.connected)
        # and to a client: it must connect again
        master.end.socket.send_multipart([b"w1", bytes(MAX_MESSAGE_BYTES + 10_000)])
        until(lambda: not end.connected)
        found["again"] = until(lambda: end.connected) >= 0
        found["client's answer"] = said(end, 6)
    master.close()
    return found


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HERE, 0))
        return int(one.getsockname()[1])


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


class Proxy:
    """A network between the two: it can cut connections at one end, silently for the other."""

    def __init__(self, target: int) -> None:
        self._target = target
        self._listener = socket.create_server((HERE, 0))
        self.port = int(self._listener.getsockname()[1])
        self._inner: list[socket.socket] = []
        self._outer: list[socket.socket] = []
        self._greenlets = [gevent.spawn(self._accept)]

    def _accept(self) -> None:
        while True:
            outer, _ = self._listener.accept()
            inner = socket.create_connection((HERE, self._target))
            self._outer.append(outer)
            self._inner.append(inner)
            self._greenlets += [gevent.spawn(self._copy, outer, inner), gevent.spawn(self._copy, inner, outer)]

    @staticmethod
    def _copy(source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            return

    def cut(self, silently: bool) -> None:
        """Closes towards the client, and unless silently towards the master."""
        for one in self._outer + ([] if silently else self._inner):
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                continue
        self._outer = []

    def close(self) -> None:
        gevent.killall(self._greenlets)
        for one in (self._listener, *self._inner, *self._outer):
            one.close()


def cuts(channel: Channel, silently: bool, times: int) -> dict[str, Any]:
    """How often a client is heard and answered after its connection was cut."""
    master = Master(channel)
    proxy = Proxy(master.end.port)
    heard = 0
    with client(channel, proxy.port) as end:
        first = said(end, "first")
        for number in range(times):
            until(lambda: end.connected)
            proxy.cut(silently)
            until(lambda: not end.connected)
            until(lambda: end.connected)
            heard += said(end, number) == number
    proxy.close()
    master.close()
    return {"first": first, "heard": heard}


def stopped(channel: Channel) -> dict[str, Any]:
    """A client in another process is stopped while the master sends to it and to another."""
    master = Master(channel)
    command = [sys.executable, "-m", "tests.load.in_child_channel", "--client", str(master.end.port)]
    with subprocess.Popen(command, cwd=ROOT) as process, client(channel, master.end.port) as other:
        until(lambda: ("say", "here") in master.heard, 20)
        os.kill(process.pid, signal.SIGSTOP)
        slowest_s, sent = 0.0, 0
        message = Message("plan", b"x" * 10_000, "stopped")
        begun = time.perf_counter()
        for _ in range(5_000):
            start = time.perf_counter()
            sent += master.end.send_to_client(message)
            slowest_s = max(slowest_s, time.perf_counter() - start)
        all_s = time.perf_counter() - begun
        answer = said(other, 9)
        closing = time.perf_counter()
        master.close()
        closing_s = time.perf_counter() - closing
        process.kill()
        process.wait()
    return {
        "slowest_s": slowest_s,
        "all_s": all_s,
        "sent": sent,
        "undelivered": master.end.undelivered,
        "answer": answer,
        "closing_s": closing_s,
    }


def strangers(channel: Channel) -> dict[str, Any]:
    """What a client says of peers that are no masters, and that it finds the master that takes their place."""
    found: dict[str, Any] = {}
    answers = {
        "http": b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        "plain": GREETING.replace(b"CURVE", b"NULL\0"),
        "hangs up": b"",
    }
    for name, answer in answers.items():
        listener = socket.create_server((HERE, 0))
        port = int(listener.getsockname()[1])

        def serve(listener: socket.socket = listener, answer: bytes = answer) -> None:
            while True:
                connection, _ = listener.accept()
                with connection:
                    if answer:
                        connection.recv(10)
                        connection.sendall(answer)
                        gevent.sleep(0.05)

        greenlet = gevent.spawn(serve)
        with client(channel, port) as end:
            until(lambda end=end: end.problem() is not None)
            found[name] = end.problem()
            greenlet.kill()
            listener.close()
            master = Master(channel, port)
            found[f"{name}, then a master"] = until(lambda end=end: end.connected) >= 0
            master.close()
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
    end.close()
    until(lambda: len(master.heard) == 201, 2)
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
    found["after"] = threads()
    return found


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


SCENES: dict[str, Callable[[Channel], Any]] = {
    "exchanged": exchanged,
    "refused": refused,
    "by key alone": by_key_alone,
    "hostile": hostile,
    "huge": huge,
    "late": late,
    "late by name": lambda channel: late(channel, "localhost"),
    "cut": lambda channel: cuts(channel, False, 20),
    "cut silently": lambda channel: cuts(channel, True, 5),
    "stopped": stopped,
    "strangers": strangers,
    "addresses": addresses,
    "closing": closing,
    "costs": lambda _: costs(),
}


def main(names: list[str]) -> None:
    """The scenes named."""
    if names[:1] == ["--client"]:
        with client(Channel(TOKEN), int(names[1]), "stopped") as end:
            end.send(Message("say", "here", "stopped"))
            while True:
                end.recv()
    channel = Channel(TOKEN)
    report({name: SCENES[name](channel) for name in names})


if __name__ == "__main__":
    main(sys.argv[1:])
