"""One line per request that reached the server, and the `X-Process-Time` header."""

import asyncio
import json
import threading
import time
from collections import deque
from datetime import UTC, datetime
from pathlib import Path

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mitra_backend.state import Calls

FLUSH_INTERVAL_S = 0.25
SCHEMA = 1
NO_ROUTE = "-"


class RequestLog:
    """A file of JSON lines, written in blocks by a thread of its own."""

    def __init__(self, path: Path) -> None:
        self._file = path.open("a", encoding="utf-8")
        self._lines: deque[str] = deque()
        self._closing = threading.Event()
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._run, name="request-log", daemon=True)
        self._thread.start()

    def add(self, record: dict[str, object]) -> None:
        """Take one record; it is in the file within half a second."""
        self._lines.append(json.dumps(record, separators=(",", ":")))

    def flush(self) -> None:
        """Write what was taken so far."""
        with self._lock:
            # Never replaced: whoever adds a line meanwhile may hold it already.
            lines = [self._lines.popleft() for _line in range(len(self._lines))]
            if lines:
                self._file.write("\n".join(lines) + "\n")
                self._file.flush()

    def close(self) -> None:
        """Write the rest and close the file. Call it after the last request."""
        self._closing.set()
        self._thread.join()
        self.flush()
        self._file.close()

    def _run(self) -> None:
        while not self._closing.wait(FLUSH_INTERVAL_S):
            self.flush()


class Telemetry:
    """Outermost middleware: measures every request, faulty and broken-off ones too."""

    def __init__(self, app: ASGIApp, log: RequestLog | None, calls: Calls) -> None:
        self._app = app
        self._log = log
        self._calls = calls

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request and write its line, whatever becomes of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        self._calls.total += 1
        self._calls.in_flight += 1
        arrived = time.time()
        start = time.perf_counter()
        status = 0

        async def measured_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                spent_s = f"{time.perf_counter() - start:.6f}".encode()
                message["headers"] = [*message.get("headers", ()), (b"x-process-time", spent_s)]
            await send(message)

        try:
            await self._app(scope, receive, measured_send)
        except asyncio.CancelledError:
            # Only the end of the server cancels requests. It is the end of this task, so it is not passed on.
            if status == 0:
                await _say_goodbye(measured_send)
        finally:
            # A cut leaves status 0.
            if self._log is not None:
                self._log.add(_record(scope, status, arrived, time.perf_counter() - start))
            # Last: while a request has no line, it is in flight.
            self._calls.in_flight -= 1


async def _say_goodbye(send: Send) -> None:
    headers = [(b"content-type", b"application/json"), (b"connection", b"close")]
    await send({"type": "http.response.start", "status": 503, "headers": headers})
    await send({"type": "http.response.body", "body": b'{"detail":"Server is shutting down"}'})


def _record(scope: Scope, status: int, arrived: float, duration_s: float) -> dict[str, object]:
    run_id = request_id = ""
    for name, value in scope["headers"]:
        if name == b"x-run-id":
            run_id = value.decode("latin-1")
        elif name == b"x-request-id":
            request_id = value.decode("latin-1")
    route = scope.get("route")
    arrived_at = datetime.fromtimestamp(arrived, UTC)
    return {
        "schema": SCHEMA,
        "time": arrived_at.isoformat(timespec="microseconds").replace("+00:00", "Z"),
        "run_id": run_id,
        "request_id": request_id,
        "method": scope["method"],
        "route": getattr(route, "path", NO_ROUTE),
        "name": getattr(route, "name", NO_ROUTE),
        "status": status,
        "duration_s": round(duration_s, 6),
    }
