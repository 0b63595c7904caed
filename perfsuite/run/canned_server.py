"""A server of canned answers in a process of its own: `python -m perfsuite.run.canned_server`.

Prints its port on standard output and ends with standard input. It does as little as a server can, so that a load
process meets no other limit than its own.
"""

from __future__ import annotations

import selectors
import socket
import sys
from dataclasses import dataclass, field
from typing import Any

import msgspec

from perfsuite.target.canned import CannedTarget

_READ_BYTES = 1 << 16
_HEAD_END = b"\r\n\r\n"
_LENGTH = b"content-length:"
_BACKLOG = 4096


@dataclass(slots=True)
class _Client:
    socket: socket.socket
    data: bytes = field(default=b"", repr=False)


class CannedServer:
    """Answers on one port until `orders` ends."""

    def __init__(self) -> None:
        self._target = CannedTarget()
        self._known: dict[bytes, bytes] = {}
        """First line of a request without a body → its whole answer."""
        self._selector = selectors.DefaultSelector()
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=_BACKLOG)
        self._listening.setblocking(False)
        self.port: int = self._listening.getsockname()[1]

    def run(self, orders: int) -> None:
        """Answer until the descriptor `orders` ends."""
        self._selector.register(self._listening, selectors.EVENT_READ, None)
        self._selector.register(orders, selectors.EVENT_READ, self)
        while True:
            for key, _events in self._selector.select():
                if key.data is self:
                    return
                if key.data is None:
                    self._accept()
                else:
                    self._serve(key.data)

    def _accept(self) -> None:
        connection, _address = self._listening.accept()
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._selector.register(connection, selectors.EVENT_READ, _Client(connection))

    def _serve(self, client: _Client) -> None:
        try:
            received = client.socket.recv(_READ_BYTES)
            client.data += received
            while received and (answer := self._next(client)):
                client.socket.sendall(answer)
        except OSError:
            received = b""
        if not received:
            self._selector.unregister(client.socket)
            client.socket.close()

    def _next(self, client: _Client) -> bytes:
        """The answer to the first request in the client's data; b"" while it is not there in full."""
        data = client.data
        end = data.find(_HEAD_END)
        if end < 0:
            return b""
        first = data[: data.find(b"\r\n")]
        if first.startswith(b"GET "):
            client.data = data[end + len(_HEAD_END) :]
            known = self._known.get(first)
            if known is None:
                known = self._known[first] = self._answer(first, None)
            return known
        start, length = end + len(_HEAD_END), _content_length(data[:end])
        if len(data) < start + length:
            return b""
        client.data = data[start + length :]
        return self._answer(first, msgspec.json.decode(data[start : start + length]) if length else None)

    def _answer(self, first: bytes, sent: dict[str, Any] | None) -> bytes:
        method, path, _version = first.decode("ascii").split(" ")
        body = self._target.answer(method, path, sent)
        status, content = ("404 Not Found", b"{}") if body is None else ("200 OK", msgspec.json.encode(body))
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        return head.encode("ascii") + content


def _content_length(head: bytes) -> int:
    for line in head.split(b"\r\n"):
        if line.lower().startswith(_LENGTH):
            return int(line[len(_LENGTH) :])
    return 0


if __name__ == "__main__":
    server = CannedServer()
    print(server.port, flush=True)  # noqa: T201  that is what it is to print
    server.run(sys.stdin.fileno())
