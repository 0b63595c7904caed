"""What the application and a Prometheus tell over HTTP, with answers made up here."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from msgspec import structs

from perfsuite.errors import UsageError
from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model import FailureKind
from perfsuite.monitor.application import POOL_PAGE, SYSTEM_PAGE, PageSource, Probe
from perfsuite.monitor.prometheus import DEFAULT_QUERIES, PrometheusSource, Queries, read_queries
from perfsuite.monitor.sampler import Sampler
from perfsuite.monitor.source import SourceError
from perfsuite.target.exchange import Answer, Failure, Request
from tests.monitor.fakes import FakeClock, FakeSink, FakeSource, figures, until

POOL = {"size": 10, "checked_in": 3, "checked_out": 7, "overflow": 2, "waiting": 4}
DATABASE = {"status": "healthy", "database": {"connection": {"response_time_ms": 1.5}, "pool_stats": POOL}}
SYSTEM = {
    "memory": {"percent": 40.0, "process_gb": 0.25},
    "cpu": {"percent": 75.5, "cores": 4},
    "disk": {"percent": 60.0},
}
REFUSED = Failure(FailureKind.CONNECTION_REFUSED, "connection refused")


def answer(status: int, body: object = None, failure: Failure | None = None) -> Answer:
    return Answer(status, {}, json.dumps(body).encode(), 0.0, 2500, failure)


class FakeTransport:
    """Gives these answers one after the other, the last one for ever."""

    def __init__(self, *answers: Answer) -> None:
        self.answers, self.requests = list(answers), list[Request]()

    def exchange(self, request: Request) -> Answer:
        self.requests.append(request)
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def close(self) -> None:
        self.answers = []


def pool(transport: FakeTransport) -> PageSource:
    return PageSource(POOL_PAGE, transport, "basic_20260101_000000", FakeClock())


def test_the_pool_as_the_application_tells_it() -> None:
    transport = FakeTransport(answer(200, DATABASE))
    source = pool(transport)
    assert source.open() == []
    assert figures(source.read()) == {
        "pool.absent": 0,
        "pool.checked_out": 7,
        "pool.size": 10,
        "pool.overflow": 2,
        "pool.used_percent": 70.0,
        "pool.waiting": 4,
        "pool.database_ms": 1.5,
        "pool.answer_ms": 2.5,
    }
    assert transport.requests[0].target == "/api/v1/health/database"
    assert transport.requests[0].headers["X-Run-ID"] == "basic_20260101_000000/monitor"


def test_figures_that_the_application_does_not_tell_are_named() -> None:
    told = {"database": {"pool_stats": {"size": 10, "checked_out": True, "overflow": None}}}
    source = pool(FakeTransport(answer(200, told)))
    (note,) = source.open()
    assert (note.code, note.fields["path"]) == (MonitorMessage.MISSING, "/api/v1/health/database")
    missing = ("checked_out", "overflow", "used_percent", "waiting", "database_ms")
    assert note.fields["metrics"] == [f"pool.{name}" for name in missing]
    assert figures(source.read()) == {"pool.absent": 0, "pool.size": 10, "pool.answer_ms": 2.5}


@pytest.mark.parametrize(
    ("bad", "why", "final"),
    [
        pytest.param(answer(404), MonitorMessage.HTTP(status=404), True, id="not there"),
        pytest.param(answer(401), MonitorMessage.HTTP(status=401), True, id="not for us"),
        pytest.param(answer(503), MonitorMessage.HTTP(status=503), False, id="not now"),
        pytest.param(answer(200, [1]), MonitorMessage.NO_JSON(), False, id="something else"),
        pytest.param(answer(0, None, REFUSED), MonitorMessage.REFUSED(), False, id="refused"),
    ],
)
def test_a_page_that_is_not_there(bad: Answer, why: Message, final: bool) -> None:
    with pytest.raises(SourceError) as error:
        pool(FakeTransport(bad)).open()
    assert error.value.message == MonitorMessage.GET(target="/api/v1/health/database", why=why)
    assert error.value.final is final


def test_a_page_that_goes_away_in_mid_run_is_asked_on() -> None:
    source = pool(FakeTransport(answer(200, DATABASE), answer(404), answer(200, DATABASE)))
    source.open()
    with pytest.raises(SourceError) as error:
        source.read()
    assert not error.value.final
    assert figures(source.read())["pool.size"] == 10


def test_a_backend_elsewhere_as_it_tells_itself() -> None:
    source = PageSource(SYSTEM_PAGE, FakeTransport(answer(200, SYSTEM)), "run", FakeClock())
    assert source.open() == []
    assert figures(source.read()) == {
        "machine.cpu_percent": 75.5,
        "machine.memory_used_percent": 40.0,
        "machine.disk_used_percent": 60.0,
        "server.memory_bytes": 250_000_000,
    }
    assert {reading.source for reading in source.read()} == {"health"}


# ── as a deployed version tells it ──────────────────────────────────────────────────────────────────

SQLALCHEMY = {
    "pool_class": "QueuePool",
    "checked_at": "2026-11-29T00:00:00Z",
    "pool_size": 20,
    "connections_checked_in": 3,
    "connections_checked_out": 5,
    "overflow_connections": -12,
    "invalid_connections": 0,
}
NONE_KEPT = {"pool_class": "NullPool", "checked_at": "2026-11-29T00:00:00Z"}
CONNECTION = {"status": "connected", "response_time_ms": 3.5, "pool_size": 0, "checked_at": "2026-11-29T00:00:00Z"}


def deployed_page(pool_stats: Mapping[str, object]) -> Answer:
    return answer(200, {"status": "healthy", "database": {"connection": CONNECTION, "pool_stats": pool_stats}})


def test_the_pool_of_a_deployed_version_in_the_names_of_sqlalchemy() -> None:
    source = pool(FakeTransport(deployed_page(SQLALCHEMY)))
    assert source.open() == [MonitorMessage.MISSING(path="/api/v1/health/database", metrics=["pool.waiting"])]
    assert figures(source.read()) == {
        "pool.absent": 0,
        "pool.checked_out": 5,
        "pool.size": 20,
        "pool.overflow": 0,
        "pool.used_percent": 25.0,
        "pool.database_ms": 3.5,
        "pool.answer_ms": 2.5,
    }


def test_no_pool_is_told_as_that_and_the_size_of_the_connection_is_none() -> None:
    source = pool(FakeTransport(deployed_page(NONE_KEPT)))
    assert source.open() == [MonitorMessage.NO_POOL()]
    assert figures(source.read()) == {"pool.absent": 1, "pool.database_ms": 3.5, "pool.answer_ms": 2.5}


NESTED = {
    "status": "healthy",
    "system": {
        "memory": {"total_gb": 7.8, "available_gb": 3.1, "used_gb": 4.3, "usage_percent": 60.3},
        "cpu": {"usage_percent": 12.5, "cores": 2, "cores_logical": 4},
        "disk": {"total_gb": 50.0, "used_gb": 20.0, "usage_percent": 40.0},
    },
    "environment": "staging",
}


def test_the_machine_of_a_deployed_version() -> None:
    source = PageSource(SYSTEM_PAGE, FakeTransport(answer(200, NESTED)), "run", FakeClock())
    assert source.open() == [MonitorMessage.MISSING(path="/api/v1/health/system", metrics=["server.memory_bytes"])]
    assert figures(source.read()) == {
        "machine.cpu_percent": 12.5,
        "machine.memory_used_percent": 60.3,
        "machine.disk_used_percent": 40.0,
    }


class StandingClock(FakeClock):
    """Waits for nothing."""

    def wait(self, wake: threading.Event, seconds: float) -> None:
        return


def beside(page_s: float, waited_s: float) -> tuple[PageSource, FakeTransport]:
    """The page of the machine, which takes so long, with a cheap request that waits so long beside it."""
    page = FakeTransport(structs.replace(answer(200, NESTED), elapsed_us=round(page_s * 1e6)))
    probe = FakeTransport(answer(200, {}), structs.replace(answer(200, {}), elapsed_us=round(waited_s * 1e6)))
    return PageSource(SYSTEM_PAGE, page, "run", StandingClock(), Probe(probe, "/health")), page


def test_a_page_that_stops_the_server_is_asked_before_the_load_and_after_it_alone() -> None:
    source, page = beside(1.02, 0.93)
    clock, sink = FakeClock(), FakeSink()
    working = FakeSource("redis", "redis.memory_bytes", [5])
    sampler = Sampler([source, working], clock, sink)
    sampler.start()
    clock.move_to(1001.0)
    until(lambda: working.reads)
    assert len(page.requests) == 1
    note = sampler.notes()[0].fields["text"]
    assert note.code is MonitorMessage.BLOCKS_SERVER
    assert (note.fields["took_s"], note.fields["waited_s"]) == (1.02, 0.93)
    sampler.stop()

    assert len(page.requests) == 2
    seen = [(at_s, value) for at_s, metric, value in sink.all() if metric == "machine.cpu_percent"]
    assert seen == [(1000.0, 12.5), (1001.0, 12.5)]


@pytest.mark.parametrize(
    ("page_s", "waited_s"),
    [
        pytest.param(0.4, 0.3, id="it does not take half a second"),
        pytest.param(1.0, 0.004, id="slow, and it stops nobody"),
    ],
)
def test_a_page_that_stops_nobody_is_asked_on(page_s: float, waited_s: float) -> None:
    source, page = beside(page_s, waited_s)

    assert source.open() == [MonitorMessage.MISSING(path="/api/v1/health/system", metrics=["server.memory_bytes"])]
    assert not source.rests
    source.read()
    assert len(page.requests) == 2


# ── Prometheus ──────────────────────────────────────────────────────────────────────────────────────


class FakePrometheus:
    """Knows some expressions; `vector` of any other is empty."""

    def __init__(self, known: Mapping[str, Any]) -> None:
        self.known = dict(known)

    def exchange(self, request: Request) -> Answer:
        parts = urlsplit(request.target)
        assert parts.path == "/api/v1/query"
        found = self.known.get(parse_qs(parts.query)["query"][0], [])
        if isinstance(found, Answer):
            return found
        result = [{"metric": {"instance": str(n)}, "value": [1764000000.0, text]} for n, text in enumerate(found)]
        return answer(200, {"status": "success", "data": {"resultType": "vector", "result": result}})

    def close(self) -> None:
        self.known = {}


TWO = Queries(templates={"server.cpu_percent": "sum(cpu{$process})", "machine.cpu_percent": "avg(cpu{$node})"})
CPU, NODE = 'sum(cpu{job=~".*mitra.*"})', 'avg(cpu{job=~".*node.*"})'


def test_queries_become_readings() -> None:
    prometheus = FakePrometheus({CPU: ["12.5"], NODE: ["80"]})
    source = PrometheusSource(prometheus, TWO, FakeClock())
    assert source.open() == []
    assert figures(source.read()) == {"server.cpu_percent": 12.5, "machine.cpu_percent": 80.0}
    prometheus.known = {CPU: [], NODE: ["NaN"]}
    assert figures(source.read()) == {"server.cpu_percent": None, "machine.cpu_percent": None}, "gaps, no zeros"


def test_queries_that_give_no_figure_are_named_and_left_out() -> None:
    wrong = answer(400, {"status": "error", "errorType": "bad_data", "error": "parse error: unexpected end\nmore"})
    source = PrometheusSource(FakePrometheus({CPU: ["1", "2"], NODE: wrong}), TWO, FakeClock())
    assert source.open() == [
        MonitorMessage.MANY_SERIES(metric="server.cpu_percent", series=2, expression=CPU),
        MonitorMessage.NO_METRICS(metrics=["machine.cpu_percent"], why="parse error: unexpected end"),
        MonitorMessage.NO_QUERY_WORKS(),
    ]
    assert source.read() == []
    empty = PrometheusSource(FakePrometheus({CPU: ["1"]}), TWO, FakeClock())
    assert empty.open() == [MonitorMessage.NO_SERIES(metric="machine.cpu_percent", expression=NODE)]


@pytest.mark.parametrize(
    ("bad", "code", "final"),
    [
        pytest.param(answer(0, None, REFUSED), MonitorMessage.REFUSED, False, id="refused"),
        pytest.param(answer(401), MonitorMessage.HTTP, True, id="not allowed"),
        pytest.param(answer(200, {"a": 1}), MonitorMessage.NO_PROMETHEUS, True, id="another server"),
    ],
)
def test_a_prometheus_that_is_not_there(bad: Answer, code: MonitorMessage, final: bool) -> None:
    with pytest.raises(SourceError) as error:
        PrometheusSource(FakePrometheus({CPU: bad}), TWO, FakeClock()).open()
    assert (error.value.message.code, error.value.final) == (code, final)


def test_queries_from_a_file_add_to_the_defaults(tmp_path: Path) -> None:
    path = tmp_path / "queries.toml"
    path.write_text(
        "node = 'instance=\"db1:9100\"'\n[queries]\n"
        '"server.threads" = \'sum(threads{mode="x",$process})\'\n"server.descriptors" = \'\'\n'
    )
    expressions = read_queries(path).expressions()
    assert expressions["server.threads"] == 'sum(threads{mode="x",job=~".*mitra.*"})'
    assert 'node_memory_MemTotal_bytes{instance="db1:9100"}' in expressions["machine.memory_used_percent"]
    assert set(expressions) == set(DEFAULT_QUERIES) - {"server.descriptors"} | {"server.threads"}
    assert not any("$" in expression for expression in expressions.values())


@pytest.mark.parametrize(
    ("text", "line", "code"),
    [
        pytest.param("nodes = 'x'", 1, MonitorMessage.UNKNOWN_KEY, id="key"),
        pytest.param("[queries]\n'server.cpu_percnt' = 'x'", 2, MonitorMessage.UNKNOWN_METRIC, id="metric"),
        pytest.param("[queries]\n'server.cpu_percent' = 1", 2, MonitorMessage.QUERY_TEXT, id="number"),
        pytest.param("queries = 1", 1, MonitorMessage.QUERIES_TABLE, id="no table"),
        pytest.param("node = [", None, None, id="no TOML"),
        pytest.param("process = 1", 1, MonitorMessage.KEY_TEXT, id="matcher"),
        pytest.param("[queries]\nserver.threads = 'x'", 1, MonitorMessage.QUOTES, id="dots"),
        pytest.param("[queries]\n'generator.cpu_percent' = 'x'", 2, MonitorMessage.LOAD_METRIC, id="of the load"),
    ],
)
def test_mistakes_in_the_file_are_named(
    text: str, line: int | None, code: MonitorMessage | None, tmp_path: Path
) -> None:
    path = tmp_path / "queries.toml"
    path.write_text(text)
    with pytest.raises(UsageError) as error:
        read_queries(path)
    assert error.value.fields["path"] == path
    assert error.value.fields.get("line") == line
    assert code is None or error.value.fields["why"].code is code
