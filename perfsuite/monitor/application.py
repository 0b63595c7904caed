"""What the application reports of itself over HTTP: its pool of database connections, and its machine."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model import FailureKind
from perfsuite.model.monitor import Reading
from perfsuite.monitor.source import Clock, Figures, SourceError, readings_of
from perfsuite.target.exchange import USER_AGENT, Answer, Request, Transport

HTTP_TIMEOUT_S = 30.0
"""Long on purpose: if the pool is exhausted, the request waits with the others, and a second one would make it worse.
"""

STOPS_FROM_S = 0.5
"""A page that takes this long, while a request beside it waits as long, blocks the server and is not asked under load.
"""
_PROBE_AFTER_S = 0.1
_WAITED_SHARE = 0.6
"""Share of the page's remaining time that the request beside it must wait."""
_PROBE_ENDS_WITHIN_S = 2.0
_GB = 1e9


def _nothing(_figures: Figures) -> Message | None:
    return None


@dataclass(frozen=True, slots=True)
class Page:
    """A page of the application, and how its JSON becomes figures (without the time of the answer).

    `explains`: why some of them are missing; None where that is not known.
    """

    source: str
    path: str
    figures: Callable[[dict[str, Any]], Figures]
    answer_metric: str | None = None
    explains: Callable[[Figures], Message | None] = _nothing


@dataclass(frozen=True, slots=True)
class Probe:
    """A cheap request on its own connection, sent beside a page that may block the server."""

    transport: Transport
    path: str


class PageSource:
    """Asks one page of the application. With several processes, it is that of the one which answers.

    With a `probe`, opening finds out whether the page blocks the server; if so, the source rests during the load.
    """

    def __init__(self, page: Page, transport: Transport, run_id: str, clock: Clock, probe: Probe | None = None) -> None:
        self.name, self.rests = page.source, False
        self._page, self._transport, self._clock, self._probe = page, transport, clock, probe
        self._headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "X-Run-ID": f"{run_id}/monitor"}
        timed = (page.answer_metric,) if page.answer_metric else ()
        self.metrics: tuple[str, ...] = (*page.figures({}), *timed)
        self._answered = False
        self._first: Figures | None = None
        self._beside: threading.Thread | None = None

    def open(self) -> list[Message]:
        """Ask once; a line for figures that are missing, and for a page that is not asked under load."""
        probe = None if self._probing else self._probe
        figures, notes = self._asked_beside(probe) if probe else (self._ask()[0], [])
        missing = [metric for metric in self.metrics if figures.get(metric) is None]
        self.metrics = tuple(metric for metric in self.metrics if metric not in missing)
        self._first = figures if self.rests else None
        why = self._page.explains(figures)
        if missing and not why:
            why = MonitorMessage.MISSING(path=self._page.path, metrics=missing)
        return [*notes, why] if why else notes

    def read(self) -> list[Reading]:
        """What the page shows now; of a source that rests, first what it showed when it was opened."""
        figures = self._first or self._ask()[0]
        self._first = None
        return readings_of(self.name, self._clock.utc_s(), {name: figures.get(name) for name in self.metrics})

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
        if self._probe is not None and not self._probing:
            self._probe.transport.close()

    @property
    def _probing(self) -> bool:
        """The thread of the probe, which outlived its opening, still uses its transport."""
        return self._beside is not None and self._beside.is_alive()

    def _asked_beside(self, probe: Probe) -> tuple[Figures, list[Message]]:
        """Ask while a cheap request is on its way: the figures, and a note if the page blocked that request."""
        waited: list[Answer] = []
        probe.transport.exchange(Request("GET", probe.path, self._headers))  # which opens the connection

        def beside() -> None:
            self._clock.wait(threading.Event(), _PROBE_AFTER_S)
            waited.append(probe.transport.exchange(Request("GET", probe.path, self._headers)))

        self._beside = threading.Thread(target=beside, name=f"monitor {self.name} probe", daemon=True)
        self._beside.start()
        figures, page_s = self._ask()
        self._beside.join(_PROBE_ENDS_WITHIN_S)
        waited_s = waited[0].elapsed_us / 1e6 if waited else 0.0
        self.rests = page_s >= STOPS_FROM_S and waited_s >= _WAITED_SHARE * (page_s - _PROBE_AFTER_S)
        note = MonitorMessage.BLOCKS_SERVER(path=self._page.path, took_s=page_s, probe=probe.path, waited_s=waited_s)
        return figures, [note] if self.rests else []

    def _ask(self) -> tuple[Figures, float]:
        """The figures, and how long the answer took (s)."""
        answer = self._transport.exchange(Request("GET", self._page.path, self._headers))
        trouble = http_trouble(answer)
        if not trouble and not (body := json_object(answer)):
            trouble = MonitorMessage.NO_JSON()
        if trouble:
            # A page that does not exist at first will not appear: more requests would only fill the target's log.
            absent = not self._answered and answer.status in (401, 403, 404, 405)
            raise SourceError(MonitorMessage.GET(target=self._page.path, why=trouble), final=absent)
        self._answered = True
        figures = self._page.figures(body)
        if self._page.answer_metric:
            figures[self._page.answer_metric] = answer.elapsed_us / 1000
        return figures, answer.elapsed_us / 1e6


def _pool_figures(body: dict[str, Any]) -> Figures:
    """In the names of the contract, or in those of SQLAlchemy as a deployed version has them.

    `connection.pool_size` is not used: it was 0 wherever it was seen, whatever the pool.
    """
    database = _part(body, "database")
    pool = _part(database, "pool_stats")
    size = _number(pool, "size", "pool_size") or None  # a QueuePool of size 0 has no limit
    used, overflow = _number(pool, "checked_out", "connections_checked_out"), _overflow(pool)
    none_kept = str(pool.get("pool_class", "")).rpartition(".")[2] == "NullPool"
    return {
        "pool.absent": 1.0 if none_kept else 0.0 if size is not None else None,
        "pool.checked_out": used,
        "pool.size": size,
        "pool.overflow": overflow,
        "pool.used_percent": 100.0 * used / size if used is not None and size else None,
        "pool.waiting": _number(pool, "waiting"),
        "pool.database_ms": _number(_part(database, "connection"), "response_time_ms"),
    }


def _overflow(pool: dict[str, Any]) -> float | None:
    """SQLAlchemy counts it from minus the pool's size on, until all connections of the pool are open."""
    count = _number(pool, "overflow", "overflow_connections")
    return None if count is None else max(count, 0.0)


def _no_pool(figures: Figures) -> Message | None:
    return MonitorMessage.NO_POOL() if figures["pool.absent"] == 1.0 else None


def _system_figures(body: dict[str, Any]) -> Figures:
    """At the top as in the contract, or within `system`, as a deployed version has it."""
    system = _part(body, "system") or body
    memory = _part(system, "memory")
    process_gb = _number(memory, "process_gb")
    return {
        "machine.cpu_percent": _number(_part(system, "cpu"), "percent", "usage_percent"),
        "machine.memory_used_percent": _number(memory, "percent", "usage_percent"),
        "machine.disk_used_percent": _number(_part(system, "disk"), "percent", "usage_percent"),
        "server.memory_bytes": process_gb * _GB if process_gb is not None else None,
    }


POOL_PAGE = Page("pool", "/api/v1/health/database", _pool_figures, "pool.answer_ms", _no_pool)
"""The application's own pool of database connections; this request itself takes one of them."""
SYSTEM_PAGE = Page("health", "/api/v1/health/system", _system_figures)
"""A backend that runs elsewhere: its machine, and its process that answers."""


def http_trouble(answer: Answer) -> Message | None:
    """Why there is no good answer; None when there is one."""
    if answer.failure is not None:
        known = {
            FailureKind.CONNECTION_REFUSED: MonitorMessage.REFUSED,
            FailureKind.NAME_NOT_FOUND: MonitorMessage.UNKNOWN_HOST,
        }.get(answer.failure.kind)
        return known() if known else MonitorMessage.FAILED(why=answer.failure.message)
    return None if answer.status == 200 else MonitorMessage.HTTP(status=answer.status)


def json_object(answer: Answer) -> dict[str, Any]:
    """The body of an answer as an object; {} when it is anything else."""
    try:
        body = answer.json()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return {}
    return body if isinstance(body, dict) else {}


def _part(body: dict[str, Any], key: str) -> dict[str, Any]:
    value = body.get(key)
    return value if isinstance(value, dict) else {}


def _number(body: dict[str, Any], *keys: str) -> float | None:
    """The number under the first of the keys that holds one; None where none does."""
    for key in keys:
        value = body.get(key)
        if isinstance(value, int | float) and not isinstance(value, bool):
            return value
    return None
