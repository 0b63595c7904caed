"""A page of metrics read without a Prometheus: what it tells, how it is known from a Prometheus, what is left out."""

from __future__ import annotations

import json
from collections.abc import Mapping

import pytest
from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector, generate_latest

from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model import FailureKind
from perfsuite.monitor.prometheus import (
    MetricsPage,
    MetricsPageSource,
    MetricsUrlSource,
    PrometheusSource,
    Queries,
    is_metrics_page,
)
from perfsuite.monitor.source import SourceError
from perfsuite.target.exchange import Answer, Failure, Request
from tests.monitor.fakes import FakeClock, figures

TEXT = "text/plain; version=0.0.4; charset=utf-8"
REFUSED = Answer(0, {}, b"", 0.0, 0, Failure(FailureKind.CONNECTION_REFUSED, "connection refused"))


def page(text: str, kind: str = TEXT) -> Answer:
    return Answer(200, {"content-type": kind}, text.encode(), 0.0, 900)


def process(cpu_s: float, count: int, spent_s: float, *, began: float = 5.0) -> Answer:
    """As a FastAPI application serves it."""
    return page(
        "# HELP process_cpu_seconds_total Total user and system CPU time spent in seconds.\n"
        "# TYPE process_cpu_seconds_total counter\n"
        f"process_cpu_seconds_total {cpu_s}\n"
        f"process_start_time_seconds {began}\n"
        "process_resident_memory_bytes 1.5e+08\n"
        "process_open_fds 40.0\n"
        "process_max_fds 160.0\n"
        "# TYPE http_request_duration_seconds histogram\n"
        f'http_request_duration_seconds_bucket{{handler="/a",le="0.1",method="GET"}} {count}\n'
        f'http_request_duration_seconds_count{{handler="/a",method="GET"}} {count}\n'
        f'http_request_duration_seconds_sum{{handler="/a",method="GET"}} {spent_s}\n'
        'http_request_duration_seconds_count{handler="/metrics",method="GET"} 1e+06\n'
        'http_request_duration_seconds_sum{handler="/metrics",method="GET"} 1e+06\n'
        'http_requests_inprogress{handler="/a",method="GET"} 3\n'
    )


class Pages:
    """A server: path → its answers one after the other, the last one for ever; 404 elsewhere."""

    def __init__(self, pages: Mapping[str, list[Answer]]) -> None:
        self.pages = {path: list(answers) for path, answers in pages.items()}
        self.asked: list[str] = []

    def exchange(self, request: Request) -> Answer:
        self.asked.append(request.target)
        answers = self.pages.get(request.target, [Answer(404, {}, b"", 0.0, 100)])
        return answers.pop(0) if len(answers) > 1 else answers[0]

    def close(self) -> None:
        self.pages = {}


def source_of(*answers: Answer, without: frozenset[str] = frozenset()) -> tuple[MetricsPageSource, FakeClock]:
    clock = FakeClock()
    place = MetricsPage(Pages({"/metrics": list(answers)}), "/metrics", without)
    return MetricsPageSource(place, clock), clock


def test_the_page_of_an_application_fills_its_process_and_its_requests() -> None:
    source, clock = source_of(process(10.0, 100, 5.0), process(10.5, 140, 7.0))
    assert source.open() == []
    clock.move_to(1002.0)
    assert figures(source.read()) == {
        "server.cpu_percent": 25.0,
        "server.memory_bytes": 150_000_000,
        "server.descriptors": 40,
        "server.descriptors_used_percent": 25.0,
        "application.requests_per_s": 20.0,
        "application.request_ms": 50.0,
        "application.requests_in_progress": 3,
    }, "requests for the page itself are left out"
    clock.move_to(1003.0)
    again = figures(source.read())
    assert (again["application.requests_per_s"], again["application.request_ms"]) == (0.0, None), "no request, no mean"


def test_another_process_that_answers_is_held_against_its_own_last_answer() -> None:
    first, other = process(10.0, 100, 5.0), process(900.0, 9_000, 800.0, began=6.0)
    source, clock = source_of(first, other, process(11.0, 120, 6.0), process(902.0, 9_004, 801.0, began=6.0))
    source.open()
    seen = []
    for second in (1001.0, 1002.0, 1003.0):
        clock.move_to(second)
        seen.append(figures(source.read()))
    assert [one["server.cpu_percent"] for one in seen] == [None, 50.0, 100.0]
    assert [one["application.requests_per_s"] for one in seen] == [None, 10.0, 2.0]


def test_a_counter_that_began_anew_is_a_gap() -> None:
    source, clock = source_of(process(10.0, 100, 5.0), process(0.5, 4, 0.1))
    source.open()
    clock.move_to(1001.0)
    assert figures(source.read())["server.cpu_percent"] is None


def test_what_the_client_library_of_prometheus_serves_is_read() -> None:
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    durations = Histogram("http_request_duration_seconds", "d", ["handler"], registry=registry)
    Counter("other", "with a text that is hard to read", ["a"], registry=registry).labels('}"\n 1').inc()
    durations.labels("/a").observe(0.25)
    answer = page(generate_latest(registry).decode())
    source, clock = source_of(answer)

    assert is_metrics_page(answer)
    assert source.open() == [MonitorMessage.MISSING(path="/metrics", metrics=["application.requests_in_progress"])]
    clock.move_to(1001.0)
    seen = figures(source.read())
    assert seen["server.memory_bytes"] is not None
    assert seen["server.memory_bytes"] > 1e6
    assert seen["application.requests_per_s"] == 0


def test_a_node_exporter_fills_the_machine() -> None:
    def node(idle: float, busy: float) -> Answer:
        return page(
            f'node_cpu_seconds_total{{cpu="0",mode="idle"}} {idle}\n'
            f'node_cpu_seconds_total{{cpu="0",mode="user"}} {busy}\n'
            "node_memory_MemAvailable_bytes 2e9\nnode_memory_MemTotal_bytes 8e9\nnode_netstat_Tcp_RetransSegs 7\n"
        )

    source, clock = source_of(node(100, 50), node(100.25, 50.75))
    assert source.open() == [MonitorMessage.MISSING(path="/metrics", metrics=["machine.tcp_listen_overflows_per_s"])]
    clock.move_to(1001.0)
    assert figures(source.read()) == {
        "machine.cpu_percent": 75.0,
        "machine.memory_used_percent": 75.0,
        "machine.memory_available_bytes": 2e9,
        "machine.tcp_retransmits_per_s": 0,
    }


def test_what_another_source_reads_is_left_to_it() -> None:
    source, _clock = source_of(process(1, 1, 1), without=frozenset({"server.cpu_percent", "server.memory_bytes"}))
    source.open()
    assert not {"server.cpu_percent", "server.memory_bytes"} & set(source.metrics)
    assert "server.descriptors" in source.metrics


@pytest.mark.parametrize(
    ("answer", "code", "final"),
    [
        pytest.param(page("go_goroutines 7\n"), MonitorMessage.NO_KNOWN_METRIC, True, id="others"),
        pytest.param(page("process_open_fds x\n"), MonitorMessage.PAGE_UNREADABLE, False, id="damaged"),
        pytest.param(Answer(401, {}, b"", 0.0, 1), MonitorMessage.HTTP, True, id="not for us"),
        pytest.param(REFUSED, MonitorMessage.REFUSED, False, id="refused"),
    ],
)
def test_a_page_that_cannot_be_used(answer: Answer, code: MonitorMessage, final: bool) -> None:
    source, _clock = source_of(answer)
    with pytest.raises(SourceError) as error:
        source.open()
    message = error.value.message
    assert code in (message.code, getattr(message.fields["why"], "code", None))
    assert error.value.final is final


@pytest.mark.parametrize(
    ("answer", "is_page"),
    [
        pytest.param(page("up 1\n"), True, id="text"),
        pytest.param(page("up 1\n", "application/openmetrics-text; version=1.0.0"), True, id="OpenMetrics"),
        pytest.param(page("<html>up 1</html>", "text/html"), False, id="a page for people"),
        pytest.param(page("it works\n"), False, id="another text"),
        pytest.param(page('{"status": "success"}', "application/json"), False, id="JSON"),
        pytest.param(Answer(302, {"location": "/graph"}, b"", 0.0, 1), False, id="the front page of a Prometheus"),
    ],
)
def test_a_page_of_metrics_is_known_by_its_content(answer: Answer, is_page: bool) -> None:
    assert is_metrics_page(answer) is is_page


# ── at a URL ────────────────────────────────────────────────────────────────────────────────────────


def at_url(server: Pages, target: str, queries: Queries | None = None) -> MetricsUrlSource:
    clock = FakeClock()
    return MetricsUrlSource(
        MetricsPageSource(MetricsPage(server, target), clock), PrometheusSource(server, queries or Queries(), clock)
    )


def test_a_url_of_a_page_is_read_as_one() -> None:
    server = Pages({"/metrics": [process(1, 1, 1)]})
    source = at_url(server, "/metrics", Queries(node="x"))

    assert source.open() == [MonitorMessage.PAGE_TAKES_NO_QUERIES()]
    assert figures(source.read())["server.descriptors"] == 40
    assert set(server.asked) == {"/metrics"}
    assert "server.descriptors" in source.metrics


def test_a_page_whose_path_lacks_its_slash_is_found() -> None:
    moved = Answer(307, {"location": "http://10.0.0.7:8015/metrics/"}, b"", 0.0, 1)
    source = at_url(Pages({"/metrics": [moved], "/metrics/": [process(1, 1, 1)]}), "/metrics")

    assert source.open() == []


def test_a_url_of_a_prometheus_is_asked_by_queries() -> None:
    good = json.dumps({"status": "success", "data": {"resultType": "scalar", "result": [0, "12.5"]}}).encode()
    query = "/api/v1/query?query=cpu"
    server = Pages({"/": [Answer(302, {"location": "/query"}, b"", 0.0, 1)], query: [Answer(200, {}, good, 0.0, 1)]})
    source = at_url(server, "/", Queries(templates={"server.cpu_percent": "cpu"}))

    assert source.open() == []
    assert figures(source.read()) == {"server.cpu_percent": 12.5}


def test_what_does_not_answer_at_first_may_come() -> None:
    server = Pages({"/metrics": [REFUSED, Answer(503, {}, b"", 0.0, 1), process(1, 1, 1)]})
    source = at_url(server, "/metrics")
    for code in (MonitorMessage.REFUSED, MonitorMessage.HTTP):
        with pytest.raises(SourceError) as error:
            source.open()
        assert (error.value.message.code, error.value.final) == (code, False)
    assert figures(source.read())["server.descriptors"] == 40
