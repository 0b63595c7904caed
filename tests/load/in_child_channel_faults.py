"""In a process with gevent: a channel among strangers, on a network that fails, and with a stopped client."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import os  # noqa: E402
import signal  # noqa: E402
import socket  # noqa: E402
import subprocess  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import msgpack  # noqa: E402
import zmq.green as zmq  # noqa: E402
from locust.rpc.protocol import Message  # noqa: E402

from perfsuite.load.channel import MAX_MESSAGE_BYTES, Channel  # noqa: E402
from tests.load.channel_ends import HERE, TOKEN, Master, Proxy, Scenes, client, played, said, until  # noqa: E402
from tests.load.child import ROOT, report  # noqa: E402

_SEEN_WITHIN_S = 4.0
"""A busy machine may look only when there is a connection again."""
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


def raw(port: int, data: bytes, linger_s: float = 0.05) -> None:
    with socket.create_connection((HERE, port)) as connection:
        try:
            connection.sendall(data)
            gevent.sleep(linger_s)
        except OSError:
            return  # it has hung up


def frames_of(channel: Channel, port: int, frames: list[list[bytes]], linger: int | None = None) -> None:
    """A client with the token that sends these instead of messages. `linger`: to deliver them, ms."""
    with client(channel, port, "bad") as end:
        until(lambda: end.connected)
        for frame in frames:
            end.socket.send_multipart(frame)
        end.close(linger)


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
    frames_of(channel, master.end.port, [list(frames) for frames in UNREADABLE], linger=10_000)
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
        until(lambda: not end.connected, _SEEN_WITHIN_S)
        found["again"] = until(lambda: end.connected) >= 0
        found["client's answer"] = said(end, 6)
    master.close()
    return found


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
            until(lambda: not end.connected, _SEEN_WITHIN_S)
            until(lambda: end.connected)
            heard += said(end, number) == number
    proxy.close()
    master.close()
    return {"first": first, "heard": heard}


def stopped(channel: Channel) -> dict[str, Any]:
    """A client in another process is stopped while the master sends to it and to another."""
    master = Master(channel)
    command = [sys.executable, "-m", "tests.load.in_child_channel_faults", "--client", str(master.end.port)]
    with subprocess.Popen(command, cwd=ROOT) as process, client(channel, master.end.port) as other:
        until(lambda: ("say", "here") in master.heard, 90)
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


def be_client(port: int) -> None:
    """Another process: says that it is there, and listens."""
    with client(Channel(TOKEN), port, "stopped") as end:
        end.send(Message("say", "here", "stopped"))
        while True:
            end.recv()


ALONE: Scenes = {"huge": huge, "stopped": stopped}
TOGETHER: Scenes = {
    "hostile": hostile,
    "cut": lambda channel: cuts(channel, False, 20),
    "cut silently": lambda channel: cuts(channel, True, 5),
    "strangers": strangers,
}

if __name__ == "__main__":
    if sys.argv[1:2] == ["--client"]:
        be_client(int(sys.argv[2]))
    report(played(ALONE, TOGETHER))
