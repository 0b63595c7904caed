"""A server elsewhere, by way of the Prometheus that watches it."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from perfsuite.errors import UsageError, nearest
from perfsuite.model.monitor import GENERATOR, METRICS, NETWORK, Reading
from perfsuite.monitor.health import http_trouble, json_object
from perfsuite.monitor.source import Clock, SourceError, readings_of
from perfsuite.target.exchange import USER_AGENT, Request, Transport
from perfsuite.toml_tables import Place, key_lines, line_of

TIMEOUT_S = 5.0

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
        raise UsageError(f"{path}: cannot be read ({error.strerror})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: cannot be read ({error})") from error
    _check(content, _Mistakes(path, key_lines(text)))
    own = content.get("queries", {})
    templates = {metric: query for metric, query in {**DEFAULT_QUERIES, **own}.items() if query}
    default = Queries()
    return Queries(content.get("node", default.node), content.get("process", default.process), templates)


@dataclass(frozen=True, slots=True)
class _Mistakes:
    """Where in which file a mistake is."""

    path: Path
    lines: Mapping[Place, int]

    def wrong(self, place: Place, message: str) -> UsageError:
        """The error to raise about one key."""
        line = line_of(place, self.lines)
        return UsageError(f"{self.path}{'' if line is None else f', line {line}'}: {message}")


def _check(content: Mapping[str, Any], mistakes: _Mistakes) -> None:
    known = {"node", "process", "queries"}
    for key in content:
        if key not in known:
            raise mistakes.wrong((key,), f"unknown key '{key}'{nearest(key, known)}")
    own = content.get("queries", {})
    if not isinstance(own, dict):
        raise mistakes.wrong(("queries",), "[queries] has to be a table of metric = query")
    for metric, query in own.items():
        at = ("queries", metric)
        if isinstance(query, dict):
            name = f"queries.{metric}.{next(iter(query), '')}"
            raise mistakes.wrong(at, f"{name}: put the name of the metric in quotes")
        if not isinstance(query, str):
            raise mistakes.wrong(at, f'queries."{metric}" has to be a text')
        if metric not in METRICS:
            raise mistakes.wrong(at, f"there is no metric '{metric}'{nearest(metric, METRICS)}")
        if METRICS[metric].component in (NETWORK, GENERATOR):
            raise mistakes.wrong(at, f'queries."{metric}": the load tells this of itself, nobody else can')
    for key in ("node", "process"):
        if not isinstance(content.get(key, ""), str):
            raise mistakes.wrong((key,), f"{key} has to be a text")


class PrometheusSource:
    """Instant queries, each of which has to give one number."""

    name, rests = "prometheus", False

    def __init__(self, transport: Transport, queries: Queries, clock: Clock) -> None:
        self._transport, self._clock = transport, clock
        self.has_own_queries = queries != Queries()
        self._expressions = queries.expressions()
        self.metrics: tuple[str, ...] = tuple(self._expressions)

    def open(self) -> list[str]:
        """Ask everything once; queries that give nothing or too much are left out, with a line each."""
        notes, good = [], []
        for metric, expression in self._expressions.items():
            values, trouble = self._ask(expression)
            if len(values) == 1 and not trouble:
                good.append(metric)
            elif trouble:
                notes.append(f"no {metric}: {trouble}")
            elif not values:
                notes.append(f"no {metric}: nothing matches {expression}")
            else:
                notes.append(f"no {metric}: {len(values)} series instead of one; sum() or max() them: {expression}")
        self.metrics = tuple(good)
        if not good:
            notes.append("no query gives a figure: set node and process to match its labels")
        return notes

    def read(self) -> list[Reading]:
        """The present value of each query; a gap where a series has gone."""
        now_s = self._clock.utc_s()
        figures: dict[str, float | None] = {}
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
        raise SourceError("this is not a Prometheus server: /api/v1/query gives something else", final=True)
    result = data.get("result", [])
    samples = [result] if data.get("resultType") == "scalar" else [series.get("value", []) for series in result]
    try:
        return [float(sample[1]) for sample in samples]
    except (IndexError, TypeError, ValueError):
        return []
