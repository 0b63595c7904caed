"""Faults on the way of a request: late, wrong, foreign, refused or missing answers."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mitra_backend.capacity import CapacityQueue
from mitra_backend.faults import Fault
from mitra_backend.state import FaultBoard

# Where the server puts the connection, so that it can be cut; see server.CuttableProtocol.
TRANSPORT_EXTENSION = "mitra.transport"
_HTML = b"<!doctype html><html><head><title>Welcome</title></head><body>It works!</body></html>"
_JSON = b"application/json"
_LIMITER_FAILED = b'{"detail":"Rate limiter error: pop from an empty deque"}'
MIDDLEWARE_KINDS = frozenset(
    {
        "capacity",
        "cut",
        "error",
        "foreign_answer",
        "latency",
        "leak",
        "missing_field",
        "rate_limit",
        "redirect",
        "stall",
    }
)


class BrokenRateLimiter:
    """As deployed: a limiter in front of all routes that fails by itself, always in the same words."""

    def __init__(self, app: ASGIApp, every: int) -> None:
        self._app = app
        self._every = every
        self._requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, or fail."""
        if scope["type"] == "http":
            self._requests += 1
            if self._requests % self._every == 0:
                await _answer(send, 500, [(b"content-type", _JSON)], _LIMITER_FAILED)
                return
        await self._app(scope, receive, send)


class LoadWatch:
    """Tells the board when a load begins: its requests name their run, all others of the suite what they are for, too.

    Not installed where no fault counts from then on.
    """

    def __init__(self, app: ASGIApp, board: FaultBoard) -> None:
        self._app = app
        self._board = board

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request, and look whose it is."""
        if self._board.load_at is None and scope["type"] == "http":
            run_id = next((value for name, value in scope["headers"] if name == b"x-run-id"), b"")
            if run_id and b"/" not in run_id:
                self._board.load_begins()
        await self._app(scope, receive, send)


class FaultMiddleware:
    """Applies the faults of the board. Not installed where none is of its kinds."""

    def __init__(self, app: ASGIApp, board: FaultBoard, routes: Sequence[BaseRoute]) -> None:
        self._app = app
        self._board = board
        self._routes = routes
        self._leaked: list[bytes] = []
        self._seen: Counter[Fault] = Counter()
        self._bucket: dict[Fault, tuple[float, float]] = {}
        self._queues = {
            fault: CapacityQueue(fault.count, fault.duration_s) for fault in board.faults if fault.kind == "capacity"
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request with the faults that are on for its route now."""
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        scope["route"] = route  # for the request log, where the answer never reaches the router
        name = getattr(route, "name", "")
        faults = _by_kind(f for f in self._board.faults if name in f.routes and self._board.is_on(f))

        async def serve(scope: Scope, receive: Receive, send: Send) -> None:
            await self._serve(faults, scope, receive, send)

        if "capacity" in faults:
            await self._queues[faults["capacity"]].serve(serve, scope, receive, send)
        else:
            await serve(scope, receive, send)

    async def _serve(self, faults: dict[str, Fault], scope: Scope, receive: Receive, send: Send) -> None:
        if "cut" in faults:
            await _cut(scope, receive)
            return
        if "leak" in faults:
            self._leaked.append(b"\x01" * faults["leak"].size_bytes)
        if "latency" in faults:
            await asyncio.sleep(faults["latency"].duration_s)
        if "stall" in faults:
            send = self._stalled(faults["stall"], send)
        answer = self._instead(faults, scope["path"])
        if answer is not None:
            status, headers, body = answer
            await _answer(send, status, headers, body)
        elif "missing_field" in faults:
            await self._app(scope, receive, _FieldRemover(faults["missing_field"].text, send))
        else:
            await self._app(scope, receive, send)

    def _route(self, scope: Scope) -> BaseRoute | None:
        for route in self._routes:
            if route.matches(scope)[0] is Match.FULL:
                return route
        return None

    def _instead(self, faults: dict[str, Fault], path: str) -> tuple[int, list[tuple[bytes, bytes]], bytes] | None:
        """Return status, headers and body of an answer that the application is not asked for."""
        if "rate_limit" in faults and not self._admitted(faults["rate_limit"]):
            headers = [(b"content-type", _JSON), (b"retry-after", b"1")]
            return 429, headers, b'{"detail":"Rate limit exceeded"}'
        if "error" in faults and self._hit(faults["error"]):
            detail = {"detail": "Injected error"}
            return faults["error"].status, [(b"content-type", _JSON)], json.dumps(detail).encode()
        if "redirect" in faults:
            location = (faults["redirect"].text.rstrip("/") + path).encode()
            return 307, [(b"location", location)], b""
        if "foreign_answer" in faults:
            return 200, [(b"content-type", b"text/html; charset=utf-8")], _HTML
        return None

    def _hit(self, fault: Fault) -> bool:
        """Return whether this request is in the share: every twentieth for 5 %, no chance involved."""
        self._seen[fault] += 1
        seen = self._seen[fault]
        return int(seen * fault.share + 1e-9) > int((seen - 1) * fault.share + 1e-9)

    def _admitted(self, fault: Fault) -> bool:
        """Take a token from a bucket that holds the tokens of one second."""
        now = self._board.elapsed_s()
        full = max(fault.rate_per_s, 1.0)
        tokens, since = self._bucket.get(fault, (full, now))
        tokens = min(full, tokens + (now - since) * fault.rate_per_s)
        admitted = tokens >= 1
        self._bucket[fault] = (tokens - 1 if admitted else tokens, now)
        return admitted

    def _stalled(self, fault: Fault, send: Send) -> Send:
        async def stalled_send(message: Message) -> None:
            if message["type"] == "http.response.start":
                await asyncio.sleep(stall_left_s(fault, self._board.elapsed_s(fault)))
            await send(message)

        return stalled_send


def stall_left_s(fault: Fault, elapsed_s: float) -> float:
    """Return how long nothing is answered from now on: 0 outside a stall.

    The first stall begins one period after the fault does, so that a run has a healthy start.
    """
    since_s = elapsed_s - fault.from_s
    if since_s < fault.every_s:
        return 0.0
    return max(0.0, fault.duration_s - since_s % fault.every_s)


def _by_kind(faults: Iterable[Fault]) -> dict[str, Fault]:
    chosen: dict[str, Fault] = {}
    for fault in faults:
        chosen.setdefault(fault.kind, fault)
    return chosen


async def _answer(send: Send, status: int, headers: list[tuple[bytes, bytes]], body: bytes) -> None:
    length = (b"content-length", str(len(body)).encode())
    await send({"type": "http.response.start", "status": status, "headers": [*headers, length]})
    await send({"type": "http.response.body", "body": body})


async def _cut(scope: Scope, receive: Receive) -> None:
    transport = scope.get("extensions", {}).get(TRANSPORT_EXTENSION)
    if transport is None:
        raise ConnectionAbortedError("this server gives no way to cut a connection")
    transport.abort()
    while (await receive())["type"] != "http.disconnect":
        pass


class _FieldRemover:
    """Takes a field out of a JSON answer on its way out; other answers pass as they are."""

    def __init__(self, field: str, send: Send) -> None:
        self._field = field
        self._send = send
        self._start: Message | None = None
        self._body = b""

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._start = message
            return
        self._body += message.get("body", b"")
        if message.get("more_body") or self._start is None:
            return
        headers = [pair for pair in self._start["headers"] if pair[0] != b"content-length"]
        body = self._body
        if self._start["status"] < 300 and (b"content-type", _JSON) in headers:
            body = json.dumps(_without(json.loads(body), self._field)).encode()
        await _answer(self._send, self._start["status"], headers, body)


def _without(value: Any, field: str) -> Any:
    """Return the value without the field, or without its first one; inside envelopes and lists."""
    if isinstance(value, list):
        return [_without(item, field) for item in value]
    if not isinstance(value, dict) or not value:
        return value
    if "success" in value and "data" in value:
        return {**value, "data": _without(value["data"], field)}
    gone = field or next(iter(value))
    if gone not in value:
        # Not a field of the envelope, so one of the rows in it.
        return {key: _without(item, gone) if isinstance(item, list) else item for key, item in value.items()}
    return {key: item for key, item in value.items() if key != gone}
