"""The two ends of a channel for tests, and a network between them. For processes with gevent."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import gevent
from locust.rpc.protocol import Message

from perfsuite.load.channel import Channel, ChannelClient, ChannelServer

HERE = "127.0.0.1"
_WITHIN_S = 30.0
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


def free_port() -> int:
    with socket.socket() as one:
        one.bind((HERE, 0))
        return int(one.getsockname()[1])


Scenes = Mapping[str, Callable[[Channel], Any]]


def played(alone: Scenes, together: Scenes) -> dict[str, Any]:
    """What each scene found: first those that measure times or count threads, one by one; then the others at once."""
    channel = Channel(TOKEN)
    found = {name: scene(channel) for name, scene in alone.items()}
    running = {name: gevent.spawn(scene, channel) for name, scene in together.items()}
    gevent.joinall(running.values(), raise_error=True)
    return found | {name: one.get() for name, one in running.items()}


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
