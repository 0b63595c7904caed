"""A target that knows the truth about itself: it writes down every request, and what it really took.

    python -m tests.accuracy.truth_server LOG BEHAVIOUR [NUMBER ...]

It prints its port on standard output. When its standard input ends it writes LOG (a `Truth` as JSON) and ends.
It answers the login of the API and `GET /health`; the behaviour tells how long the latter takes:

    fixed MS                    always so long
    lognormal MEDIAN_MS SIGMA   a log-normal service time
    bimodal FAST_MS SLOW_MS     four in five around the one, one in five around the other (each ± 10 %)
    stalling MS                 MS, but in the third of every five seconds (from the first request on) nothing
                                is answered; what came in that second is answered together at its end
    closing MS EVERY            MS, but each connection is closed instead of answering its EVERY-th request
"""

from __future__ import annotations

import asyncio
import gc
import random
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec

CYCLE_S, STALL_FROM_S, STALL_TO_S = 5.0, 2.0, 3.0
_SLOW_SHARE = 0.2
_LOGIN = b"/api/v1/auth/login"

Answer = Callable[[float], float]
"""Seconds (monotonic clock) at which a request came → seconds at which it is to be answered."""


class Served(msgspec.Struct, frozen=True, array_like=True):
    """One request to /health: from the last byte read to the answer written, ns of the monotonic clock.

    `connection`: its number among all that were made.
    """

    request_id: str
    account: str
    began_ns: int
    ended_ns: int
    connection: int = 0


class Connected(msgspec.Struct, frozen=True, array_like=True):
    """One connection that logged in: from the first login to its end, ns; `ended_ns` 0 while it is open."""

    account: str
    began_ns: int
    ended_ns: int


class Truth(msgspec.Struct, frozen=True):
    """What a target knows of a run. `utc_offset_s`: what makes UTC epoch seconds of its clock's seconds."""

    served: list[Served]
    connected: list[Connected]
    utc_offset_s: float
    closed: list[str] = []
    """Ids of requests that were not answered: the connection was closed instead."""


def answers(words: list[str]) -> Answer:
    """The behaviour that is named on the command line."""
    numbers = [float(word) for word in words[1:]]
    rng = random.Random(11)
    match words[0]:
        case "fixed" | "closing":
            return lambda now: now + numbers[0] / 1000
        case "lognormal":
            return lambda now: now + numbers[0] / 1000 * rng.lognormvariate(0, numbers[1])
        case "bimodal":
            fast_s, slow_s = numbers[0] / 1000, numbers[1] / 1000
            return lambda now: now + (slow_s if rng.random() < _SLOW_SHARE else fast_s) * rng.uniform(0.9, 1.1)
        case "stalling":
            return _Stalling(numbers[0] / 1000)
    raise ValueError(words[0])


class _Stalling:
    def __init__(self, undisturbed_s: float) -> None:
        self._undisturbed_s = undisturbed_s
        self._first = 0.0

    def __call__(self, now: float) -> float:
        self._first = self._first or now
        phase = (now - self._first) % CYCLE_S
        waits = STALL_TO_S - phase if STALL_FROM_S <= phase < STALL_TO_S else 0.0
        return now + waits + self._undisturbed_s


class _Server:
    def __init__(self, answer: Answer, closes_every: int) -> None:
        self.answer = answer
        self.closes_every = closes_every
        self.closed: list[str] = []
        self.loop = asyncio.get_running_loop()
        self.served: list[Served] = []
        self.connections: list[_Connection] = []

    def truth(self) -> Truth:
        connected = [Connected(one.account, one.began_ns, one.ended_ns) for one in self.connections if one.account]
        return Truth(self.served, connected, time.time() - time.perf_counter(), self.closed)


class _Connection(asyncio.Protocol):
    def __init__(self, server: _Server) -> None:
        self._server = server
        self._data = b""
        self._transport: asyncio.Transport | None = None
        self.account = ""
        self._requests_seen = 0
        self.began_ns = self.ended_ns = 0
        self._number = len(server.connections)
        server.connections.append(self)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def connection_lost(self, _error: Exception | None) -> None:
        self.ended_ns = time.perf_counter_ns()

    def data_received(self, data: bytes) -> None:
        began_ns = time.perf_counter_ns()
        self._data += data
        for head, body in self._requests():
            if _LOGIN in head.split(b"\r\n", 1)[0]:
                self._log_in(body)
            else:
                self._serve(head, began_ns)

    def _requests(self) -> Iterator[tuple[bytes, bytes]]:
        while (end := self._data.find(b"\r\n\r\n")) >= 0:
            length = int(_header(self._data[:end], b"content-length") or 0)
            if len(self._data) < end + 4 + length:
                return
            head, body = self._data[:end], self._data[end + 4 : end + 4 + length]
            self._data = self._data[end + 4 + length :]
            yield head, body

    def _log_in(self, body: bytes) -> None:
        self.account = str(msgspec.json.decode(body)["phone_number"])
        self.began_ns = self.began_ns or time.perf_counter_ns()
        user = {"user_id": self.account, "role": "any", "status": "active"}
        self._write(
            {
                "access_token": f"token-of-{self.account}",
                "token_type": "bearer",
                "expires_in": 36000,
                "user": user,
                "permissions": [],
            }
        )

    def _serve(self, head: bytes, began_ns: int) -> None:
        self._requests_seen += 1
        if self._requests_seen == self._server.closes_every and self._transport is not None:
            self._server.closed.append(_header(head, b"x-request-id"))
            self._transport.close()
            return
        answer_at = self._server.answer(self._server.loop.time())
        self._server.loop.call_at(answer_at, self._answer, _header(head, b"x-request-id"), began_ns)

    def _answer(self, request_id: str, began_ns: int) -> None:
        self._write({"status": "healthy", "service": "agent-mitra-truth", "version": "1"})
        self._server.served.append(Served(request_id, self.account, began_ns, time.perf_counter_ns(), self._number))

    def _write(self, body: object) -> None:
        content = msgspec.json.encode(body)
        head = f"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {len(content)}\r\n\r\n"
        if self._transport is not None:
            self._transport.write(head.encode() + content)


def _header(head: bytes, name: bytes) -> str:
    start = head.lower().find(b"\r\n" + name + b":")
    if start < 0:
        return ""
    end = head.find(b"\r\n", start + 2)
    return head[start + len(name) + 3 : end if end >= 0 else len(head)].strip().decode()


async def _main(log: Path, words: list[str]) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, hard), hard))
    server = _Server(answers(words), int(words[2]) if words[0] == "closing" else 0)
    listening = await server.loop.create_server(lambda: _Connection(server), "127.0.0.1", 0, backlog=4096)
    print(listening.sockets[0].getsockname()[1], flush=True)  # noqa: T201  that is what it is to print
    await server.loop.run_in_executor(None, sys.stdin.read)
    log.write_bytes(msgspec.json.encode(server.truth()))


if __name__ == "__main__":
    gc.disable()  # nothing here makes cycles, and a pause would be in the middle of the truth
    asyncio.run(_main(Path(sys.argv[1]), sys.argv[2:]))
