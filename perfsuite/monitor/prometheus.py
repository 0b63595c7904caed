"""A server elsewhere, through the Prometheus that monitors it, or through a page of metrics in Prometheus' text format.

If several processes share an address, each answer of such a page comes from one of them. Its counters are compared with
the last answer of the same process, which its start time identifies.
"""

from __future__ import annotations

import math
import re
import tomllib
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from perfsuite.errors import UsageError, nearest
from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import GENERATOR, METRICS, NETWORK, Reading
from perfsuite.monitor.application import http_trouble, json_object
from perfsuite.monitor.source import Clock, Figures, Rates, SourceError, readings_of
from perfsuite.target.exchange import USER_AGENT, Answer, Request, Transport
from perfsuite.toml_tables import Place, key_lines, line_of

PROMETHEUS_TIMEOUT_S = 5.0

# Names of node_exporter and of the Prometheus client libraries; $node and $process stand for label matchers.
DEFAULT_QUERIES: Mapping[str, str] = {
    "machine.cpu_percent": '100 * (1 - avg(rate(node_cpu_seconds_total{mode="idle",$node}[1m])))',
    "machine.busiest_core_percent": '100 * (1 - min(rate(node_cpu_seconds_total{mode="idle",$node}[1m])))',
    "machine.memory_used_percent": (
        "100 * (1 - sum(node_memory_MemAvailable_bytes{$node}) / sum(node_memory_MemTotal_bytes{$node}))"
    ),
    "machine.memory_available_bytes": "sum(node_memory_MemAvailable_bytes{$node})",
    "machine.tcp_retransmits_per_s": "sum(rate(node_netstat_Tcp_RetransSegs{$node}[1m]))",
    "machine.tcp_listen_overflows_per_s": "sum(rate(node_netstat_TcpExt_ListenOverflows{$node}[1m]))",
    "server.cpu_percent": "100 * sum(rate(process_cpu_seconds_total{$process}[1m]))",
    "server.memory_bytes": "sum(process_resident_memory_bytes{$process})",
    "server.descriptors": "sum(process_open_fds{$process})",
    "server.descriptors_used_percent": "100 * max(process_open_fds{$process} / process_max_fds{$process})",
}


@dataclass(frozen=True, slots=True)
class Queries:
    """What to ask a Prometheus. `node` and `process` are label matchers, put where $node and $process stand."""

    node: str = 'job=~".*node.*"'
    process: str = 'job=~".*mitra.*"'
    templates: Mapping[str, str] = field(default_factory=lambda: DEFAULT_QUERIES)

    def expressions(self) -> dict[str, str]:
        """Metric → PromQL."""
        return {
            metric: template.replace("$node", self.node).replace("$process", self.process)
            for metric, template in self.templates.items()
        }


def read_queries(path: Path) -> Queries:
    """Queries from TOML: `node`, `process`, and a table `[queries]` that adds to or replaces the defaults.

    An empty query leaves the metric out. Raises UsageError naming file, line and key.
    """
    try:
        text = path.read_text(encoding="utf-8")
        content = tomllib.loads(text)
    except OSError as error:
        raise UsageError(MonitorMessage.QUERIES_UNREADABLE(path=path, why=error.strerror)) from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(MonitorMessage.QUERIES_UNREADABLE(path=path, why=error)) from error
    _check(content, path, key_lines(text))
    own = content.get("queries", {})
    templates = {metric: query for metric, query in {**DEFAULT_QUERIES, **own}.items() if query}
    default = Queries()
    return Queries(content.get("node", default.node), content.get("process", default.process), templates)


def _check(content: Mapping[str, Any], path: Path, lines: Mapping[Place, int]) -> None:
    def wrong(place: Place, why: Message) -> UsageError:
        if (line := line_of(place, lines)) is None:
            return UsageError(MonitorMessage.QUERIES_WRONG(path=path, why=why))
        return UsageError(MonitorMessage.QUERIES_WRONG_LINE(path=path, line=line, why=why))

    known = {"node", "process", "queries"}
    for key in content.keys() - known:
        raise wrong((key,), MonitorMessage.UNKNOWN_KEY(key=key, suggestion=nearest(key, known)))
    own = content.get("queries", {})
    if not isinstance(own, dict):
        raise wrong(("queries",), MonitorMessage.QUERIES_TABLE())
    for metric, query in own.items():
        at = ("queries", metric)
        if isinstance(query, dict):
            raise wrong(at, MonitorMessage.QUOTES(metric=metric, part=next(iter(query), "")))
        if not isinstance(query, str):
            raise wrong(at, MonitorMessage.QUERY_TEXT(metric=metric))
        if metric not in METRICS:
            raise wrong(at, MonitorMessage.UNKNOWN_METRIC(metric=metric, suggestion=nearest(metric, METRICS)))
        if METRICS[metric].component in (NETWORK, GENERATOR):
            raise wrong(at, MonitorMessage.LOAD_METRIC(metric=metric))
    for key in ("node", "process"):
        if not isinstance(content.get(key, ""), str):
            raise wrong((key,), MonitorMessage.KEY_TEXT(key=key))


class PrometheusSource:
    """Instant queries, each of which has to give one number."""

    name, rests = "prometheus", False

    def __init__(self, transport: Transport, queries: Queries, clock: Clock) -> None:
        self._transport, self._clock = transport, clock
        self.has_own_queries = queries != Queries()
        self._expressions = queries.expressions()
        self.metrics: tuple[str, ...] = tuple(self._expressions)

    def open(self) -> list[Message]:
        """Run every query once; those that give nothing or several series are left out, with a note each."""
        notes: list[Message] = []
        good = []
        for metric, expression in self._expressions.items():
            values, trouble = self._ask(expression)
            if len(values) == 1 and not trouble:
                good.append(metric)
            elif trouble:
                notes.append(MonitorMessage.NO_METRICS(metrics=[metric], why=trouble))
            elif not values:
                notes.append(MonitorMessage.NO_SERIES(metric=metric, expression=expression))
            else:
                notes.append(MonitorMessage.MANY_SERIES(metric=metric, series=len(values), expression=expression))
        self.metrics = tuple(good)
        if not good:
            notes.append(MonitorMessage.NO_QUERY_WORKS())
        return notes

    def read(self) -> list[Reading]:
        """The present value of each query; a gap where a series has gone."""
        now_s, figures = self._clock.utc_s(), Figures()
        for metric in self.metrics:
            values, trouble = self._ask(self._expressions[metric])
            good = len(values) == 1 and not trouble and math.isfinite(values[0])
            figures[metric] = values[0] if good else None
        return readings_of(self.name, now_s, figures)

    def close(self) -> None:
        """Close the connection."""
        self._transport.close()

    def _ask(self, expression: str) -> tuple[list[float], str]:
        """The values, and what is wrong with the query. Raises SourceError when nobody answers."""
        target = f"/api/v1/query?{urlencode({'query': expression})}"
        answer = self._transport.exchange(Request("GET", target, {"User-Agent": USER_AGENT}))
        body = json_object(answer)
        if answer.status == 400 and isinstance(body.get("error"), str):
            return [], body["error"].splitlines()[0][:200]
        if trouble := http_trouble(answer):
            raise SourceError(trouble, final=answer.status in (401, 403, 404))
        return _values(body), ""


def _values(body: dict[str, Any]) -> list[float]:
    """The numbers of an answer of Prometheus; raises SourceError when it is not one."""
    data = body.get("data")
    if body.get("status") != "success" or not isinstance(data, dict):
        raise SourceError(MonitorMessage.NO_PROMETHEUS(), final=True)
    result = data.get("result", [])
    samples = [result] if data.get("resultType") == "scalar" else [series.get("value", []) for series in result]
    try:
        return [float(sample[1]) for sample in samples]
    except (IndexError, TypeError, ValueError):
        return []


_TEXT = "text/plain"
"""Requested by its name, since OpenMetrics has another grammar; a server that knows both then sends this one."""
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


def is_metrics_page(answer: Answer) -> bool:
    """True for an answer in the text format: by its content, whatever its address."""
    kind = answer.header("content-type").partition(";")[0].strip().lower()
    known = kind in (_TEXT, "application/openmetrics-text")
    return answer.status == 200 and known and _SAMPLE.search(_text(answer)) is not None


@dataclass(frozen=True, slots=True)
class MetricsPage:
    """A page of metrics: a transport to its server, its path with the query, and figures that others read already."""

    transport: Transport
    target: str
    without: frozenset[str] = frozenset()


class MetricsPageSource:
    """The figures of one page, of the process that answers."""

    name, rests = "prometheus", False

    def __init__(self, page: MetricsPage, clock: Clock) -> None:
        self._page, self._clock = page, clock
        self._target = page.target
        self._rates = Rates()
        self.metrics: tuple[str, ...] = ()

    def open(self) -> list[Message]:
        """Read once, so that the next reading has rates; a line for what the page lacks."""
        samples = self._samples()
        known = {metric for metric, needs in _NEEDS.items() if all(any(n in samples for n in each) for each in needs)}
        self.metrics = tuple(metric for metric in _NEEDS if metric in known - self._page.without)
        if not known:
            raise SourceError(MonitorMessage.GET(target=self._target, why=MonitorMessage.NO_KNOWN_METRIC()), final=True)
        self._figures(samples)
        of_a_machine = any(map(_is_of_machine, known))  # a page of node_exporter, else of an application
        wanted = (metric for metric in _NEEDS if _is_of_machine(metric) == of_a_machine)
        missing = [metric for metric in wanted if metric not in known | self._page.without]
        return [MonitorMessage.MISSING(path=self._target, metrics=missing)] if missing else []

    def read(self) -> list[Reading]:
        """What the page shows now; gaps where a counter was reset."""
        figures = self._figures(self._samples())
        return readings_of(self.name, self._clock.utc_s(), {metric: figures.get(metric) for metric in self.metrics})

    def close(self) -> None:
        """Close the connection."""
        self._page.transport.close()

    def ask(self) -> Answer:
        """The answer to one request for the page; a move to another path of the same server is followed and kept."""
        answer = self._get()
        if answer.status in _MOVED and (target := _moved(self._target, answer.header("location"))):
            self._target = target
            answer = self._get()
        return answer

    def _get(self) -> Answer:
        headers = {"User-Agent": USER_AGENT, "Accept": f"{_TEXT}; version=0.0.4"}
        return self._page.transport.exchange(Request("GET", self._target, headers))

    def _samples(self) -> Mapping[str, Mapping[str, float]]:
        answer = self.ask()
        if trouble := http_trouble(answer):
            absent = not self.metrics and answer.status in (401, 403, 404)
            raise SourceError(MonitorMessage.GET(target=self._target, why=trouble), final=absent)
        if len(answer.body) > _LONGEST_BODY:
            why = MonitorMessage.PAGE_TOO_LONG(length=len(answer.body))
            raise SourceError(MonitorMessage.GET(target=self._target, why=why), final=True)
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
        return {
            "server.cpu_percent": None if cpu is None else 100 * cpu,
            "server.memory_bytes": value("process_resident_memory_bytes"),
            "server.descriptors": opened,
            "server.descriptors_used_percent": 100 * opened / most if opened is not None and most else None,
            "application.requests_per_s": count,
            "application.request_ms": spent / count * _DURATIONS[duration] if count and spent is not None else None,
            "application.requests_in_progress": next((v for n in _IN_PROGRESS if (v := value(n)) is not None), None),
            "machine.cpu_percent": 100 * (1 - idle / every) if idle is not None and every else None,
            "machine.memory_used_percent": 100 * (1 - available / total) if available is not None and total else None,
            "machine.memory_available_bytes": available,
            "machine.tcp_retransmits_per_s": rate("node_netstat_Tcp_RetransSegs"),
            "machine.tcp_listen_overflows_per_s": rate("node_netstat_TcpExt_ListenOverflows"),
        }


class MetricsUrlSource:
    """A URL that is either a page of metrics or a Prometheus server, as its content shows."""

    name, rests = PrometheusSource.name, False

    def __init__(self, page: MetricsPageSource, server: PrometheusSource) -> None:
        self._page, self._server = page, server
        self._chosen: MetricsPageSource | PrometheusSource | None = None
        self.metrics: tuple[str, ...] = server.metrics

    def open(self) -> list[Message]:
        """Find out what it is, and open it."""
        answer = self._page.ask()
        if answer.failure is not None or answer.status >= 500:
            raise SourceError(http_trouble(answer) or MonitorMessage.HTTP(status=answer.status))
        chosen = self._page if is_metrics_page(answer) else self._server
        notes = chosen.open()
        self._chosen, self.metrics = chosen, chosen.metrics
        if chosen is self._page and self._server.has_own_queries:
            notes.insert(0, MonitorMessage.PAGE_TAKES_NO_QUERIES())
        return notes

    def read(self) -> list[Reading]:
        """Its figures."""
        if self._chosen is None:
            self.open()
        return self._chosen.read() if self._chosen is not None else []

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
"""Metric → the samples that it is made of: one of each group is needed."""
_READ = (_BEGAN, *dict.fromkeys(name for needs in _NEEDS.values() for group in needs for name in group))


def _is_of_machine(metric: str) -> bool:
    return metric.startswith("machine.")


def _text(answer: Answer) -> str:
    return answer.body.decode("utf-8", errors="replace")


def _moved(target: str, location: str) -> str:
    """The new place of a page that moved: its own path with or without a slash at the end; else ""."""
    path, mark, query = target.partition("?")
    to = urlsplit(location).path
    return f"{to}{mark}{query}" if to != path and to.rstrip("/") == path.rstrip("/") else ""


def _summed(text: str, own_path: str) -> dict[str, dict[str, float]]:
    """Name of a sample that is read → its sum under "", and for CPU times the sum of what was idle.

    Requests for the page itself are left out, where their labels name it.
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
    from prometheus_client.parser import text_string_to_metric_families  # only where there is such a page

    try:
        for family in text_string_to_metric_families(text):
            yield from ((sample.name, sample.labels, sample.value) for sample in family.samples if sample.name in _READ)
    except ValueError as error:
        raise SourceError(MonitorMessage.PAGE_UNREADABLE(why=error)) from None
