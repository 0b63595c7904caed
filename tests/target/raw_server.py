"""A server at the level of bytes, which behaves as the last part of a path says."""

from __future__ import annotations

import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import Self

Respond = Callable[[socket.socket], bool]
"""Writes an answer; True when the connection stays open."""

SLOW_S = 0.3


def _text(*lines: str, body: bytes = b"", keep: bool = True) -> Respond:
    content = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + body

    def respond(connection: socket.socket) -> bool:
        connection.sendall(content)
        return keep

    return respond


def _ok(body: bytes = b'{"a":1}', *headers: str, status: str = "200 OK") -> Respond:
    return _text(f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", *headers, body=body)


def _after(seconds: float, respond: Respond) -> Respond:
    def later(connection: socket.socket) -> bool:
        time.sleep(seconds)
        return respond(connection)

    return later


def _drip(connection: socket.socket) -> bool:
    """A body that never stalls for long and never ends."""
    connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(200):
        connection.sendall(b"x")
        time.sleep(0.05)
    return False


BEHAVIOURS: dict[str, Respond] = {
    "json": _ok(b'{"a":1}', "Content-Type: application/json", "X-Process-Time: 0.001"),
    "two-times": _ok(b"{}", "X-Process-Time: 0.001", "X-Name: a", "x-process-time: 0.002"),
    "then-close": _text("HTTP/1.1 200 OK", "Content-Length: 2", body=b"{}", keep=False),
    "silent": _after(5, lambda _connection: False),
    "drip": _drip,
    "slow": _after(SLOW_S, _ok()),
    "redirect": _ok(b"", "Location: http://elsewhere.invalid/x", status="307 Temporary Redirect"),
    "cookie": _ok(b"{}", "Set-Cookie: session=of-one-account"),
    "query": _ok(b"", status="404 Not Found"),  # of a Prometheus, which this is not
    "too-much": _text("HTTP/1.1 200 OK", "Content-Length: 2", body=b"{}and more"),
}


class Listener:
    """Listens on a free port of a loopback address until the end of the context; each connection has a thread."""

    def __init__(self, address: str = "127.0.0.1") -> None:
        self.connections = 0
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        self._listener = socket.create_server((address, 0), family=family, backlog=64)
        self.port = self._listener.getsockname()[1]

    def _serve(self, connection: socket.socket, number: int) -> None:
        raise NotImplementedError

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                connection, _address = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._serve, args=(connection, self.connections), daemon=True).start()


class RawServer(Listener):
    """A server that behaves as the last part of a path says."""

    def __init__(self, certificate: Path | None = None) -> None:
        super().__init__()
        self.log: list[tuple[int, str, bytes]] = []
        """Connection, method and path, head and body of each request."""
        self._certificate = certificate

    @property
    def host(self) -> str:
        return f"https://localhost:{self.port}" if self._certificate else f"http://127.0.0.1:{self.port}"

    def seen(self, case: str) -> list[tuple[int, str]]:
        """(connection, path) of the requests whose path begins with /case/, connections counted from 1."""
        found = [
            (number, line.split()[1]) for number, line, _raw in self.log if line.split()[1].startswith(f"/{case}/")
        ]
        order = list(dict.fromkeys(number for number, _path in found))
        return [(order.index(number) + 1, path) for number, path in found]

    def raw(self, case: str) -> list[bytes]:
        return [raw for _number, line, raw in self.log if line.split()[1].startswith(f"/{case}/")]

    def _serve(self, connection: socket.socket, number: int) -> None:
        with suppress(OSError), connection:
            if self._certificate:
                context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
                context.load_cert_chain(self._certificate)
                connection = context.wrap_socket(connection, server_side=True)
            while raw := request_from(connection):
                line = raw.split(b"\r\n")[0].decode()
                self.log.append((number, line.removesuffix(" HTTP/1.1"), raw))
                behaviour = line.split()[1].split("?")[0].rsplit("/", 1)[1]
                if not BEHAVIOURS[behaviour](connection):
                    break
            with suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)


def request_from(connection: socket.socket) -> bytes:
    """One whole request; b"" when the client is gone."""
    raw = b""
    while b"\r\n\r\n" not in raw:
        data = connection.recv(65536)
        if not data:
            return b""
        raw += data
    head, _, body = raw.partition(b"\r\n\r\n")
    lengths = [line for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
    missing = int(lengths[0].split(b":")[1]) - len(body) if lengths else 0
    while missing > 0:
        data = connection.recv(65536)
        raw, missing = raw + data, missing - len(data)
    return raw


@contextmanager
def nobody_listens() -> Iterator[str]:
    """A host on whose port nobody listens, and nobody else will while the test runs."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{taken.getsockname()[1]}"
