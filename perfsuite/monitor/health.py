"""What the application tells of itself over HTTP: its pool of database connections, and its machine."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from perfsuite.api.exchange import USER_AGENT, Answer, Request, Transport
from perfsuite.model import FailureKind
from perfsuite.model.monitor import Reading
from perfsuite.monitor.source import Clock, SourceError, readings_of

TIMEOUT_S = 30.0
"""Long on purpose: when the pool is exhausted the question waits with the rest, and asking again would add to it."""

_GB = 1e9


Figures = dict[str, float | None]


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the application, and how its JSON becomes figures (without the time of the answer)."""

    source: str
    path: str
    figures: Callable[[dict[str, Any]], Figures]
    answer_metric: str | None = None


class PageSource:
    """Asks one page of the application. With several processes, it is that of the one which answers."""

    def __init__(self, page: Page, transport: Transport, run_id: str, clock: Clock) -> None:
        self.name = page.source
        self._page, self._transport, self._clock = page, transport, clock
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "X-Run-ID": f"{run_id}/monitor"}
        timed = (page.answer_metric,) if page.answer_metric else ()
        self.metrics: tuple[str, ...] = (*page.figures({}), *timed)
        self._answered = False

    def open(self) -> list[str]:
        """Ask once; which figures the application does not tell."""
        figures = self._ask()
        missing = [metric for metric in self.metrics if figures.get(metric) is None]
        self.metrics = tuple(metric for metric in self.metrics if metric not in missing)
        return [f"{self._page.path} does not tell {', '.join(missing)}"] if missing else []

    def read(self) -> list[Reading]:
        """What the page tells now."""
        figures = self._ask()
        return readings_of(self.name, self._clock.utc_s(), {name: figures.get(name) for name in self.metrics})

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _ask(self) -> Figures:
        answer = self._transport.exchange(Request("GET", self._page.path, self._headers))
        trouble = http_trouble(answer)
        if not trouble and not (body := json_object(answer)):
            trouble = "no JSON object"
        if trouble:
            # A page that is not there at first will not come: asking on would only fill the target's log.
            absent = not self._answered and answer.status in (401, 403, 404, 405)
            raise SourceError(f"GET {self._page.path}: {trouble}", final=absent)
        self._answered = True
        figures = self._page.figures(body)
        if self._page.answer_metric:
            figures[self._page.answer_metric] = answer.elapsed_us / 1000
        return figures


def _pool_figures(body: dict[str, Any]) -> Figures:
    database = _part(body, "database")
    pool = _part(database, "pool_stats")
    size, used = _number(pool, "size"), _number(pool, "checked_out")
    return {
        "pool.checked_out": used,
        "pool.size": size,
        "pool.overflow": _number(pool, "overflow"),
        "pool.used_percent": 100.0 * used / size if used is not None and size else None,
        "pool.waiting": _number(pool, "waiting"),
        "pool.database_ms": _number(_part(database, "connection"), "response_time_ms"),
    }


def _system_figures(body: dict[str, Any]) -> Figures:
    memory = _part(body, "memory")
    process_gb = _number(memory, "process_gb")
    return {
        "machine.cpu_percent": _number(_part(body, "cpu"), "percent"),
        "machine.memory_used_percent": _number(memory, "percent"),
        "machine.disk_used_percent": _number(_part(body, "disk"), "percent"),
        "server.memory_bytes": process_gb * _GB if process_gb is not None else None,
    }


POOL_PAGE = Page("pool", "/api/v1/health/database", _pool_figures, "pool.answer_ms")
"""The application's own pool of database connections; this very question takes one of them."""
SYSTEM_PAGE = Page("health", "/api/v1/health/system", _system_figures)
"""A backend that runs elsewhere: its machine, and its process that answers."""


def http_trouble(answer: Answer) -> str:
    """Why there is no good answer, in words; "" when there is one."""
    if answer.failure is not None:
        return {
            FailureKind.CONNECTION_REFUSED: "nothing listens there (connection refused)",
            FailureKind.NAME_NOT_FOUND: "the name of the host is not known",
        }.get(answer.failure.kind, answer.failure.message)
    return "" if answer.status == 200 else f"HTTP {answer.status}"


def json_object(answer: Answer) -> dict[str, Any]:
    """The body of an answer as an object; {} when it is anything else."""
    try:
        body = msgspec.json.decode(answer.body)
    except msgspec.DecodeError:
        return {}
    return body if isinstance(body, dict) else {}


def _part(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def _number(body: dict[str, Any], key: str) -> float | None:
    value = body.get(key)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
