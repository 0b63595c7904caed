"""The sockets that the client works on: what it needs of them, and blocking ones for the parent process.

Deadlines are seconds of `time.perf_counter`.
"""

from __future__ import annotations

import select
import socket
import time
from contextlib import suppress
from typing import NamedTuple, Protocol

READ_BYTES = 64 * 1024


class Interrupted(BaseException):
    """Raised in a caller that has to stop waiting for the target. Not an error."""


class Address(NamedTuple):
    """One address of a host: its family, what `connect` takes, and how it is shown."""

    family: int
    sockaddr: tuple[str, int] | tuple[str, int, int, int]

    @property
    def shown(self) -> str:
        """ "127.0.0.1:8015", "[::1]:8015"."""
        host, port = self.sockaddr[:2]
        return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class Socket(Protocol):
    """A connected stream of bytes."""

    def spent(self, idle_s: float) -> bool:
        """True where a connection that was idle for so long can carry no request: the other side closed it, or sent
        what nobody asked for."""

    def send(self, data: bytes, deadline: float) -> None:
        """Send all of it. Raises TimeoutError, OSError, Interrupted."""

    def receive(self, deadline: float) -> bytes:
        """What came, at least a byte; b"" when the other side has closed. Raises as `send`."""

    def ask(self, data: bytes, deadline: float) -> bytes:
        """Send a request, and receive the first piece of what comes; b"" when the other side has closed.

        A target that refuses a request may close before it is all there: what it answered still says why. Raises as
        `send`.
        """

    def close(self) -> None:
        """Close it; never raises."""


class Network(Protocol):
    """Looks names up and connects."""

    def lookup(self, host: str, port: int) -> list[Address]:
        """The addresses of a name or literal address, in the order of preference. Raises OSError (gaierror)."""

    def connect(self, address: Address, deadline: float) -> Socket:
        """A connection. Raises TimeoutError, OSError, Interrupted."""


def addresses_of(found: list[tuple[object, ...]]) -> list[Address]:
    """What `getaddrinfo` found, each address once."""
    return list(dict.fromkeys(Address(int(entry[0]), entry[4]) for entry in found))  # type: ignore[call-overload, arg-type]


class BlockingNetwork:
    """For a process without an event loop: every call waits."""

    def lookup(self, host: str, port: int) -> list[Address]:
        """See Network."""
        return addresses_of(list(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)))

    def connect(self, address: Address, deadline: float) -> BlockingSocket:
        """See Network."""
        raw = socket.socket(address.family, socket.SOCK_STREAM)
        try:
            raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            raw.settimeout(_left_s(deadline))
            raw.connect(address.sockaddr)
        except BaseException:
            raw.close()
            raise
        return BlockingSocket(raw)


class BlockingSocket:
    """See Socket."""

    def __init__(self, raw: socket.socket) -> None:
        self._raw = raw

    def spent(self, idle_s: float) -> bool:
        """See Socket."""
        poll = select.poll()
        poll.register(self._raw, select.POLLIN | select.POLLHUP | select.POLLERR)
        return bool(poll.poll(0))

    def send(self, data: bytes, deadline: float) -> None:
        """See Socket."""
        self._raw.settimeout(_left_s(deadline))
        self._raw.sendall(data)

    def receive(self, deadline: float) -> bytes:
        """See Socket."""
        self._raw.settimeout(_left_s(deadline))
        return self._raw.recv(READ_BYTES)

    def ask(self, data: bytes, deadline: float) -> bytes:
        """See Socket."""
        return sent_and_received(self, data, deadline)

    def close(self) -> None:
        """See Socket."""
        self._raw.close()


def sent_and_received(connected: Socket, data: bytes, deadline: float) -> bytes:
    """See Socket.ask."""
    with suppress(ConnectionResetError, BrokenPipeError):
        connected.send(data, deadline)
    return connected.receive(deadline)


def _left_s(deadline: float) -> float:
    left_s = deadline - time.perf_counter()
    if left_s <= 0:
        raise TimeoutError("timed out")
    return left_s
