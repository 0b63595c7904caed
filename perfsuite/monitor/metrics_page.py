"""A page of metrics in Prometheus' text format, as client libraries and exporters serve it: read without a Prometheus.

With several processes behind one address, each answer is of one of them: its counters are held against its own last
answer, and told apart by when the process began.
"""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from urllib.parse import urlsplit

from prometheus_client.parser import text_string_to_metric_families

from perfsuite.format import number
from perfsuite.model.monitor import Reading
from perfsuite.monitor.health import http_trouble
from perfsuite.monitor.prometheus import PrometheusSource
from perfsuite.monitor.source import Clock, Rates, SourceError, readings_of
from perfsuite.target.exchange import USER_AGENT, Answer, Request, Transport

_TEXT = "text/plain"
"""Asked for by its name: OpenMetrics has another grammar, and a server that knows both gives this one."""
_SAMPLE = re.compile(r"^[a-zA-Z_:][a-zA-Z0-9_:]*(\{.*\})?[ \t]+[-+0-9.NI]", re.MULTILINE)
_MOVED = frozenset({301, 302, 303, 307, 308})
_LONGEST_BODY = 8_000_000

_DURATIONS: Mapping[str, float] = {
    "http_request_duration_seconds": 1000.0,
    "http_server_request_duration_seconds": 1000.0,
    "http_server_duration_milliseconds": 1.0,
    "starlette_request_duration_seconds": 1000.0,
}
"""Request durations by their usual names → ms in their unit. The first one on the page counts."""
_IN_PROGRESS = ("http_requests_inprogress", "http_server_active_requests", "starlette_requests_in_progress")
_BEGAN, _NODE_CPU = "process_start_time_seconds", "node_cpu_seconds_total"
_READ = (
    *(f"{name}_{part}" for name in _DURATIONS for part in ("sum", "count")),
    *_IN_PROGRESS,
    _BEGAN,
    "process_cpu_seconds_total",
    "process_resident_memory_bytes",
    "process_open_fds",
    "process_max_fds",
    _NODE_CPU,
    "node_memory_MemAvailable_bytes",
    "node_memory_MemTotal_bytes",
    "node_netstat_Tcp_RetransSegs",
    "node_netstat_TcpExt_ListenOverflows",
)
_PROCESS = ("server.cpu_percent", "server.memory_bytes", "server.descriptors", "server.descriptors_used_percent")
_REQUESTS = ("application.requests_per_s", "application.request_ms", "application.requests_in_progress")
_NODE = (
    "machine.cpu_percent",
    "machine.memory_used_percent",
    "machine.memory_available_bytes",
    "machine.tcp_retransmits_per_s",
    "machine.tcp_listen_overflows_per_s",
)

Figures = dict[str, float | None]


def is_metrics_page(answer: Answer) -> bool:
    """True for an answer in the text format: by its content, whatever its address."""
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    known = kind in (_TEXT, "application/openmetrics-text")
    return answer.status == 200 and known and _SAMPLE.search(_text(answer)) is not None


@dataclass(frozen=True, slots=True)
class Place:
    """A page of metrics: a transport to its server, its path with the query, and figures that others tell already."""

    transport: Transport
    target: str
    without: frozenset[str] = frozenset()


class MetricsPageSource:
    """The figures of one page, of the process that answers."""

    name, rests = "prometheus", False

    def __init__(self, place: Place, clock: Clock) -> None:
        self._place, self._clock = place, clock
        self._target = place.target
        self._rates = Rates()
        self.metrics: tuple[str, ...] = ()

    def open(self) -> list[str]:
        """Read once, so that the next reading has rates; a line for what the page does not tell."""
        samples = self._samples()
        told = {metric for metric, needs in _NEEDS.items() if all(any(n in samples for n in each) for each in needs)}
        self.metrics = tuple(metric for metric in _NEEDS if metric in told - self._place.without)
        if not told:
            raise SourceError(
                f"GET {self._target}: none of the metrics that are known is there "
                "(process_…, node_…, http_request_duration_seconds, …)",
                final=True,
            )
        self._figures(samples)
        wanted = (*_REQUESTS, *_PROCESS) if not told & set(_NODE) else _NODE
        missing = [metric for metric in wanted if metric not in told | self._place.without]
        return [f"{self._target} does not tell {', '.join(missing)}"] if missing else []

    def read(self) -> list[Reading]:
        """What the page tells now; gaps where a counter began anew."""
        figures = self._figures(self._samples())
        return readings_of(self.name, self._clock.utc_s(), {metric: figures.get(metric) for metric in self.metrics})

    def close(self) -> None:
        """Close the connection."""
        self._place.transport.close()

    def ask(self) -> Answer:
        """The answer to one request for the page; a move to another path of the same server is followed and kept."""
        answer = self._get()
        if answer.status in _MOVED and (target := _moved(self._target, answer.header("location"))):
            self._target = target
            answer = self._get()
        return answer

    def _get(self) -> Answer:
        headers = {"User-Agent": USER_AGENT, "Accept": f"{_TEXT}; version=0.0.4"}
        return self._place.transport.exchange(Request("GET", self._target, headers))

    def _samples(self) -> Mapping[str, Mapping[str, float]]:
        answer = self.ask()
        if trouble := http_trouble(answer):
            absent = not self.metrics and answer.status in (401, 403, 404)
            raise SourceError(f"GET {self._target}: {trouble}", final=absent)
        if len(answer.body) > _LONGEST_BODY:
            raise SourceError(f"GET {self._target}: a page of {number(len(answer.body))} bytes is not read", final=True)
        return _summed(_text(answer), own_path=urlsplit(self._target).path)

    def _figures(self, samples: Mapping[str, Mapping[str, float]]) -> Figures:
        now_s = self._clock.utc_s()
        process = samples.get(_BEGAN, {}).get("", 0.0)

        def rate(name: str, part: str = "") -> float | None:
            return self._rates.per_s((process, name, part), samples.get(name, {}).get(part), now_s)

        def value(name: str) -> float | None:
            return samples.get(name, {}).get("")

        cpu = rate("process_cpu_seconds_total")
        idle, every = rate(_NODE_CPU, "idle"), rate(_NODE_CPU)
        available, total = value("node_memory_MemAvailable_bytes"), value("node_memory_MemTotal_bytes")
        opened, most = value("process_open_fds"), value("process_max_fds")
        duration = next((name for name in _DURATIONS if f"{name}_count" in samples), "")
        count, spent = rate(f"{duration}_count"), rate(f"{duration}_sum")
        mean = spent / count * _DURATIONS[duration] if count and spent is not None else None
        return {
            "server.cpu_percent": None if cpu is None else 100 * cpu,
            "server.memory_bytes": value("process_resident_memory_bytes"),
            "server.descriptors": opened,
            "server.descriptors_used_percent": 100 * opened / most if opened is not None and most else None,
            "application.requests_per_s": count,
            "application.request_ms": mean,
            "application.requests_in_progress": next((v for n in _IN_PROGRESS if (v := value(n)) is not None), None),
            "machine.cpu_percent": 100 * (1 - idle / every) if idle is not None and every else None,
            "machine.memory_used_percent": 100 * (1 - available / total) if available is not None and total else None,
            "machine.memory_available_bytes": available,
            "machine.tcp_retransmits_per_s": rate("node_netstat_Tcp_RetransSegs"),
            "machine.tcp_listen_overflows_per_s": rate("node_netstat_TcpExt_ListenOverflows"),
        }


class MetricsUrlSource:
    """What stands at a URL: a page of metrics, or a Prometheus that can be asked; its content tells."""

    name, rests = PrometheusSource.name, False

    def __init__(self, page: MetricsPageSource, server: PrometheusSource) -> None:
        self._page, self._server = page, server
        self._chosen: MetricsPageSource | PrometheusSource | None = None
        self.metrics: tuple[str, ...] = server.metrics

    def open(self) -> list[str]:
        """Find out what it is, and open it."""
        answer = self._page.ask()
        if answer.failure is not None or answer.status >= 500:
            raise SourceError(http_trouble(answer))
        chosen = self._page if is_metrics_page(answer) else self._server
        notes = chosen.open()
        self._chosen, self.metrics = chosen, chosen.metrics
        if chosen is self._page and self._server.has_own_queries:
            notes.insert(0, "this is a page of metrics, which takes no queries")
        return notes

    def read(self) -> list[Reading]:
        """Its figures."""
        if self._chosen is None:
            self.open()
        assert self._chosen is not None  # noqa: S101 - chosen above, or it could not be asked
        return self._chosen.read()

    def close(self) -> None:
        """Close the connections."""
        self._page.close()
        self._server.close()


_COUNTS, _SUMS = (tuple(f"{name}_{part}" for name in _DURATIONS) for part in ("count", "sum"))
_NEEDS: Mapping[str, tuple[tuple[str, ...], ...]] = {
    "server.cpu_percent": (("process_cpu_seconds_total",),),
    "server.memory_bytes": (("process_resident_memory_bytes",),),
    "server.descriptors": (("process_open_fds",),),
    "server.descriptors_used_percent": (("process_open_fds",), ("process_max_fds",)),
    "application.requests_per_s": (_COUNTS,),
    "application.request_ms": (_COUNTS, _SUMS),
    "application.requests_in_progress": (_IN_PROGRESS,),
    "machine.cpu_percent": ((_NODE_CPU,),),
    "machine.memory_used_percent": (("node_memory_MemAvailable_bytes",), ("node_memory_MemTotal_bytes",)),
    "machine.memory_available_bytes": (("node_memory_MemAvailable_bytes",),),
    "machine.tcp_retransmits_per_s": (("node_netstat_Tcp_RetransSegs",),),
    "machine.tcp_listen_overflows_per_s": (("node_netstat_TcpExt_ListenOverflows",),),
}
"""Figure → the samples that it is made of: one of each group has to be there."""


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", errors="replace")


def _moved(target: str, location: str) -> str:
    """Where a page has moved to: its own path with or without a slash at the end, as frameworks have it; else ""."""
    path, mark, query = target.partition("?")
    to = urlsplit(location).path
    return f"{to}{mark}{query}" if to != path and to.rstrip("/") == path.rstrip("/") else ""


def _summed(text: str, own_path: str) -> dict[str, dict[str, float]]:
    """Name of a sample that is read → its sum under "", and for CPU times the sum of what was idle.

    Requests for the page itself are left out, where their labels tell them.
    """
    lines = (line for line in text.splitlines() if line.startswith(_READ))
    sums: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for name, labels, value in _parsed("\n".join(lines) + "\n"):
        if own_path in labels.values() or not math.isfinite(value):
            continue
        sums[name][""] += value
        if labels.get("mode") == "idle":
            sums[name]["idle"] += value
    return sums


def _parsed(text: str) -> Iterable[tuple[str, Mapping[str, str], float]]:
    try:
        for family in text_string_to_metric_families(text):
            yield from ((sample.name, sample.labels, sample.value) for sample in family.samples if sample.name in _READ)
    except ValueError as error:
        raise SourceError(f"the page of metrics cannot be read ({error})") from None
