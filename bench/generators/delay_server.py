"""The server of part e: it answers after random delays and keeps a record of the time that each answer took.

    python -m bench.generators.delay_server [MEDIAN_MS SIGMA SEED]

It prints its port. When its standard input ends, it prints its record as JSON (UTC second of the arrival → bucket of
the histogram → requests) and ends. The delays are log-normal. A
time runs from the arrival of the request, as the kernel stamps it, to the moment just before the answer is sent. It
counts requests for /health, those of the suite's preflight left out; a login and unknown paths are answered at once.
"""

from __future__ import annotations

import gc
import heapq
import json
import random
import select
import socket
import struct
import sys
import time

from bench.generators.canned import HEALTH, health_body
from perfsuite.measurements.histogram import Histogram

MEDIAN_MS, SIGMA, SEED = 5.0, 0.6, 11
_PREPARED = 1 << 16
_SO_TIMESTAMPNS = 35
_SPIN_NS = 1_500_000
"""epoll waits for whole milliseconds: with an answer due sooner the server looks without waiting."""
_STAMP = struct.Struct("qq")
_COUNTED = f"GET {HEALTH} ".encode()
_END = b"\r\n\r\n"
_TOKEN = json.dumps(
    {
        "access_token": "token-1",
        "token_type": "bearer",
        "expires_in": 36000,
        "user": {"user_id": "user-1", "role": "policyholder", "status": "active"},
        "permissions": [],
    }
)


def _answer(body: str, status: str = "200 OK") -> bytes:
    head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n"
    return (head + body).encode()


_HEALTHY, _LOGGED_IN = _answer(health_body()), _answer(_TOKEN)
_UNKNOWN = _answer('{"detail":"Not Found"}', "404 Not Found")


class DelayServer:
    """One event loop over raw sockets. `times`: UTC second of the arrival → its requests."""

    def __init__(self, median_ms: float, sigma: float, seed: int) -> None:
        rng = random.Random(seed)
        self._delays_ns = [
            round(median_ms * 1e6 * rng.lognormvariate(0, sigma)) if median_ms else 0 for _ in range(_PREPARED)
        ]
        self._number = 0
        self.times: dict[int, Histogram] = {}
        self._due: list[tuple[int, int, int]] = []
        """When to answer (ns), which connection, when its request came (ns)."""
        self._connections: dict[int, socket.socket] = {}
        self._begun: dict[int, bytes] = {}
        """Connection → the part of a request that has come."""
        self._listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
        self._listening.setblocking(False)
        self._epoll = select.epoll()
        self._epoll.register(self._listening.fileno(), select.EPOLLIN)

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._listening.getsockname()[1])

    def serve(self, until_readable: int) -> None:
        """Answer until this descriptor has something to read, or ends."""
        self._epoll.register(until_readable, select.EPOLLIN)
        listening, due, poll = self._listening.fileno(), self._due, self._epoll.poll
        while True:
            for number, _event in poll(self._wait_s()):
                if number == listening:
                    self._accept()
                elif number == until_readable:
                    return
                else:
                    self._read(number)
            now_ns = time.time_ns()
            while due and due[0][0] <= now_ns:
                self._send(*heapq.heappop(due)[1:])

    def _wait_s(self) -> float:
        if not self._due:
            return -1.0
        left_ns = self._due[0][0] - time.time_ns()
        return 0.0 if left_ns < _SPIN_NS else (left_ns - _SPIN_NS) / 1e9

    def _accept(self) -> None:
        try:
            while True:
                connection, _address = self._listening.accept()
                connection.setblocking(False)
                connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
                connection.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
                self._connections[connection.fileno()] = connection
                self._epoll.register(connection.fileno(), select.EPOLLIN)
        except BlockingIOError:
            return

    def _read(self, number: int) -> None:
        connection = self._connections[number]
        try:
            data, stamps, _flags, _address = connection.recvmsg(65536, 64)
        except BlockingIOError:
            return
        except OSError:
            data, stamps = b"", []
        if not data:
            self._close(number)
            return
        came_ns = time.time_ns()
        for level, kind, value in stamps:
            if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
                seconds, nanoseconds = _STAMP.unpack(value[:16])
                came_ns = seconds * 1_000_000_000 + nanoseconds
        if number in self._begun:
            data = self._begun.pop(number) + data
        if data.startswith(_COUNTED) and data.endswith(_END):
            if b"/preflight" in data:
                connection.send(_HEALTHY)
            else:
                delay_ns = self._delays_ns[self._number % _PREPARED]
                self._number += 1
                heapq.heappush(self._due, (came_ns + delay_ns, number, came_ns))
        elif not _whole(data):
            self._begun[number] = data
        else:
            connection.send(_LOGGED_IN if b"/auth/login " in data[:100] else _UNKNOWN)

    def _send(self, number: int, came_ns: int) -> None:
        connection = self._connections.get(number)
        if connection is None:
            return
        second = came_ns // 1_000_000_000
        times = self.times.get(second) or self.times.setdefault(second, Histogram())
        times.add((time.time_ns() - came_ns) // 1000)
        try:
            connection.send(_HEALTHY)
        except OSError:
            self._close(number)

    def _close(self, number: int) -> None:
        self._begun.pop(number, None)
        if connection := self._connections.pop(number, None):
            connection.close()


def _whole(data: bytes) -> bool:
    """True when a request has come with its whole body."""
    head, end, body = data.partition(_END)
    if not end:
        return False
    for line in head.split(b"\r\n")[1:]:
        if line[:15].lower() == b"content-length:":
            return len(body) >= int(line[15:])
    return True


def main(words: list[str]) -> None:
    """Serve until standard input ends, then print the record."""
    gc.disable()  # nothing here makes cycles, and a pause would be in the middle of the record
    numbers = [float(word) for word in words] or [MEDIAN_MS, SIGMA, SEED]
    server = DelayServer(numbers[0], numbers[1], int(numbers[2]))
    print(server.port, flush=True)
    server.serve(sys.stdin.fileno())
    print(json.dumps({second: times.counts for second, times in server.times.items()}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
