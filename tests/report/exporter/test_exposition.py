"""What Prometheus reads of a run, and where."""

from __future__ import annotations

import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import httpx
import psutil
import pytest

from perfsuite.cli.main import main
from perfsuite.errors import UsageError
from perfsuite.judge import live_targets
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.messages.report import ReportMessage
from perfsuite.model import LOGIN, FailureKind, Target
from perfsuite.model.monitor import METRICS
from perfsuite.model.plan import RECOVERY
from perfsuite.plan.files import METRICS as TARGET_METRICS
from perfsuite.report.exporter import Exposition, serving
from perfsuite.report.exporter.families import base_unit, reading_name
from perfsuite.summary import build
from tests.report.exporter import made_run
from tests.report.exporter.made_run import MadeRun
from tests.report.exporter.metrics import Metrics, text_of
from tests.summary.made_records import ROLES, Process, make_plan


def made(seconds: int = 3) -> tuple[MadeRun, Metrics]:
    run = MadeRun(Exposition())
    run.begin()
    run.go_on(seconds)
    run.show()
    return run, Metrics(text_of(run.exposition))


def test_before_the_first_load_nothing_is_told() -> None:
    assert text_of(Exposition()) == ""


def test_which_run_it_is() -> None:
    _, told = made()
    run_id = {"run_id": "made_20260301_093000", "scenario": "made", "host": "http://127.0.0.1:8015"}
    assert told.labels("mitra_load_run_info") == [run_id]


def test_requests_and_failures_by_role_operation_and_kind() -> None:
    _, told = made(seconds=3)
    requests = told.all("mitra_load_requests_total", "role", "operation")
    failures = told.all("mitra_load_failures_total", "role", "operation", "kind")

    assert {place: count for place, count in requests.items() if count} == {
        ("policyholder", "policies.list"): 33,
        ("senior_agent", "dashboard.senior_agent"): 15,
    }
    assert {place: count for place, count in failures.items() if count} == {
        ("policyholder", "policies.list", "http status"): 3,
        ("policyholder", "policies.list", "not started"): 3,
    }


def test_what_can_happen_is_there_at_0_from_the_start() -> None:
    run = MadeRun(Exposition())
    run.begin()
    told = Metrics(text_of(run.exposition))
    requests = told.all("mitra_load_requests_total", "role", "operation")
    failures = told.all("mitra_load_failures_total", "role", "operation", "kind")

    assert set(requests.values()) | set(failures.values()) == {0}
    assert {("policyholder", LOGIN), ("policyholder", "policies.list"), ("senior_agent", "leads.create")} <= set(
        requests
    )
    assert {role for role, _ in requests} == set(made_run.USERS)
    assert set(failures) == {(*place, kind.value) for place in requests for kind in FailureKind}
    assert told.all("mitra_load_response_time_seconds_count", "role") == dict.fromkeys(
        [(role,) for role in made_run.USERS], 0
    )


def test_times_by_role() -> None:
    _, told = made(seconds=3)
    name = "mitra_load_response_time_seconds"
    at_or_below = told.all(f"{name}_bucket", "role", "le")

    assert told.all(f"{name}_count", "role") == {("policyholder",): 33, ("senior_agent",): 15}
    assert told.all(f"{name}_sum", "role") == {
        (role,): pytest.approx(3 * sum(times) / 1000) for role, times in made_run.RESPONSE_MS.items()
    }
    assert [at_or_below["policyholder", le] for le in ("0.01", "0.02", "0.07", "0.5", "2.0", "7.0", "+Inf")] == [
        *(0, 18, 27, 27, 30, 33, 33)
    ]
    assert told.all("mitra_load_service_time_seconds_count", "role") == {("policyholder",): 30, ("senior_agent",): 15}


def test_the_open_model() -> None:
    _, told = made(seconds=3)
    assert told.one("mitra_load_actions_due_total") == 3 * 12 + 5
    assert told.one("mitra_load_actions_begun_total") == 3 * 11
    assert told.one("mitra_load_actions_not_started_total") == 3
    assert told.one("mitra_load_action_start_lag_seconds_count") == 3 * 11


def test_users_who_wait_have_no_actions_that_are_due() -> None:
    exposition = Exposition()
    exposition.load_begins(replace(made_run.PLAN, scenario=replace(made_run.PLAN.scenario, arrival=None)), Aggregate())
    told = Metrics(text_of(exposition))

    assert not [name for name in told.names if "action" in name]
    assert "not started" not in {
        kind for *_, kind in told.all("mitra_load_failures_total", "role", "operation", "kind")
    }


def test_the_generator_and_a_lost_process() -> None:
    _, told = made()
    assert told.all("mitra_load_generator_cpu_ratio", "process") == {("worker-1",): 0.42}
    assert told.all("mitra_load_generator_cpu_wait_ratio", "process") == {("worker-1",): 0.03}
    assert told.all("mitra_load_generator_memory_bytes", "process") == {("worker-1",): 50_000_000}
    assert told.all("mitra_load_generator_loop_lag_seconds_count", "process") == {("worker-1",): 150, ("worker-2",): 0}
    assert told.one("mitra_load_processes_lost_total") == 1


def test_the_newest_word_of_a_process_counts_in_whatever_order_it_comes() -> None:
    exposition, process = Exposition(), Process("worker-1")
    exposition.load_begins(made_run.PLAN, aggregate := Aggregate())
    before, after = process.generator(1, 10.0), process.generator(2, 20.0)
    aggregate.add([after, before])
    told = Metrics(text_of(exposition))

    assert told.all("mitra_load_generator_cpu_ratio", "process") == {("worker-1",): 0.2}
    assert told.all("mitra_load_generator_cpu_wait_ratio", "process") == {}  # where the system does not tell


def test_how_the_run_stands() -> None:
    _, told = made()
    assert told.one("mitra_load_elapsed_seconds") == 30
    assert told.one("mitra_load_planned_duration_seconds") == 60
    assert told.one("mitra_load_steady") == 1
    assert told.one("mitra_load_users_requested") == 9
    assert told.all("mitra_load_users", "role") == {("policyholder",): 6, ("senior_agent",): 3}
    phases = told.all("mitra_load_phase", "phase")
    assert phases == {("starting",): 0, ("ramp-up",): 0, ("plateau",): 1, ("ramp-down",): 0, ("end",): 0}


def test_targets_are_in_base_units_and_what_is_not_known_is_absent() -> None:
    _, told = made()
    limits = told.all("mitra_target_limit", "target", "scope", "metric", "unit", "wanted")
    observed = told.all("mitra_target_observed", "target", "scope", "metric", "unit")
    outcomes = told.all("mitra_target_outcome", "target", "scope", "metric", "unit", "outcome")

    assert limits == {
        ("average response time", "all", "avg", "seconds", "below"): 0.5,
        ("95th percentile", "all", "p95", "seconds", "below"): 2,
        ("failure rate", "all", "failure_rate", "ratio", "below"): 0.01,
        ("throughput", "all", "rps", "requests_per_second", "above"): 100,
    }
    assert {name: value for (name, *_), value in observed.items()} == {
        "average response time": 0.125,
        "failure rate": 0.125,
        "throughput": 16,
    }
    assert len(outcomes) == 4 * 4
    assert {(name, outcome) for (name, *_, outcome), value in outcomes.items() if value} == {
        ("average response time", "met"),
        ("95th percentile", "not judged"),
        ("failure rate", "missed"),
        ("throughput", "information"),
    }


@pytest.mark.parametrize("metric", [metric for metric in TARGET_METRICS if metric != RECOVERY])  # known at the end
def test_whatever_a_target_limits_has_a_base_unit(metric: str) -> None:
    run = MadeRun(Exposition())
    run.begin()
    target = Target("mine", metric, 1000.0, below=True)
    results = tuple(live_targets(replace(made_run.PLAN, targets=(target,)), made_run.LIVE, ()))
    run.exposition.progress(replace(made_run.MOMENT, targets=results))
    limits = Metrics(text_of(run.exposition)).all("mitra_target_limit", "metric", "unit", "target", "scope", "wanted")

    unit = {"failure_rate": "ratio", "rps": "requests_per_second", "concurrent_users": "users"}.get(metric, "seconds")
    limit = 1 if unit == "seconds" else 1000
    assert limits == {(metric.removesuffix("_ms"), unit, "mine", "all", "below"): limit}


def test_every_reading_is_told_in_base_units_and_parts_are_not() -> None:
    _, told = made()
    for number, metric in enumerate(METRICS.values(), 1):
        if metric.of_parts:
            assert reading_name(metric) not in told.names, metric.name
            continue
        value = number / base_unit(metric.unit).divisor
        assert told.all(reading_name(metric), "source") == {(metric.component,): value}, metric.name


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        pytest.param("server.cpu_percent", "mitra_reading_server_cpu_ratio", id="a percentage"),
        pytest.param("pool.answer_ms", "mitra_reading_pool_answer_seconds", id="milliseconds"),
        pytest.param("postgres.longest_query_s", "mitra_reading_postgres_longest_query_seconds", id="seconds"),
        pytest.param("redis.memory_bytes", "mitra_reading_redis_memory_bytes", id="bytes"),
        pytest.param("redis.commands_per_s", "mitra_reading_redis_commands_per_second", id="a rate"),
        pytest.param("postgres.wal_bytes_per_s", "mitra_reading_postgres_wal_bytes_per_second", id="a rate of bytes"),
        pytest.param(
            "postgres.statements_exec_ms_per_s",
            "mitra_reading_postgres_statements_exec_seconds_per_second",
            id="a rate of time",
        ),
        pytest.param("pool.size", "mitra_reading_pool_size", id="a number"),
    ],
)
def test_names_of_readings_end_in_their_unit(metric: str, name: str) -> None:
    assert reading_name(METRICS[metric]) == name


def test_every_reading_has_a_name_that_tells_its_unit() -> None:
    suffixes = {metric.name: base_unit(metric.unit).suffix for metric in METRICS.values()}
    assert [name for name, suffix in suffixes.items() if not name.endswith(suffix)] == []


def test_a_gap_is_absent() -> None:
    run, told = made()
    assert "mitra_reading_redis_hit_ratio" in told.names
    run.show(gap="redis.hit_percent")
    assert "mitra_reading_redis_hit_ratio" not in Metrics(text_of(run.exposition)).text


def test_the_last_values_stay_when_the_load_is_over_and_the_next_load_begins_at_0() -> None:
    run, before = made(seconds=3)
    run.exposition.load_over()
    assert text_of(run.exposition) == before.text

    run.exposition.load_begins(replace(made_run.PLAN, run_id="next_20260301_094000"), Aggregate())
    after = Metrics(text_of(run.exposition))
    assert after.labels("mitra_load_run_info")[0]["run_id"] == "next_20260301_094000"
    assert set(after.all("mitra_load_requests_total", "role", "operation").values()) == {0}
    assert "mitra_load_phase" not in after.names  # of the run before


def test_labels_stay_few_whatever_the_records_say() -> None:
    exposition, process = Exposition(), Process()
    exposition.load_begins(made_run.PLAN, aggregate := Aggregate())
    for number in range(1000):
        where = (f"role {number}", "behaviour", f"/things/{number}")
        aggregate.add([process.requests(number, [1.0], [2.0], where=where, kind=f"Error{number}")])
    told = Metrics(text_of(exposition))

    assert told.all("mitra_load_requests_total", "role", "operation")["other", "other"] == 2000
    assert told.all("mitra_load_failures_total", "role", "operation", "kind")["other", "other", "other"] == 1000
    assert told.text.count("mitra_load_requests_total{") < 60
    assert told.all("mitra_load_response_time_seconds_count", "role")["other",] == 2000


def test_counts_are_those_of_the_summary() -> None:
    process, plan = Process(), make_plan()
    records = [
        process.requests(1, [5.0, 3000.0], [60_000.5], where=("reader", "browsing", "policies.list")),
        process.requests(1, [7.0], where=("writer", "creating", "policies.create")),
        process.not_started(2, [10.0, 20.0], where=("writer", "creating", "policies.create")),
    ]
    exposition = Exposition()
    exposition.load_begins(plan, Aggregate.of(records))
    told = Metrics(text_of(exposition))
    whole = build(plan, Aggregate.of(records), preflight=None, roles=ROLES).whole_run

    assert sum(told.all("mitra_load_requests_total", "role", "operation").values()) == whole.requests == 6
    failures = told.all("mitra_load_failures_total", "role", "operation", "kind")
    assert sum(failures.values()) == whole.failures == 3


def test_types_are_those_of_the_samples() -> None:
    _, told = made()
    assert told.types["mitra_load_requests"] == "counter"
    assert told.types["mitra_load_response_time_seconds"] == "histogram"
    assert told.types["mitra_load_users"] == "gauge"


def test_nothing_is_told_of_the_process_that_tells() -> None:
    _, told = made()
    assert all(name.startswith(("mitra_load_", "mitra_target_", "mitra_reading_")) for name in told.names)


def port_of(address: str) -> int:
    return httpx.URL(address).port or 0


def test_what_is_told_is_read_there() -> None:
    run = MadeRun(Exposition())
    run.begin()
    with serving(run.exposition, 0) as address:
        first = httpx.get(address)
        run.go_on()
        second = httpx.get(address)

    assert first.headers["content-type"].startswith("text/plain; version=0.0.4")
    assert Metrics(second.text).one("mitra_load_actions_begun_total") == 11
    assert second.text == text_of(run.exposition) != first.text


def test_it_speaks_openmetrics_to_who_asks_for_it() -> None:
    run = MadeRun(Exposition())
    run.begin()
    with serving(run.exposition, 0) as address:
        answer = httpx.get(address, headers={"Accept": "application/openmetrics-text; version=1.0.0"})

    assert answer.headers["content-type"].startswith("application/openmetrics-text; version=1.0.0")
    assert "# UNIT mitra_load_response_time_seconds seconds\n" in answer.text
    assert answer.text.endswith("# EOF\n")


def test_only_this_machine_can_ask() -> None:
    with serving(Exposition(), 0) as address:
        port = port_of(address)
        listening = {
            connection.laddr.ip
            for connection in psutil.Process().net_connections("inet")
            if connection.status == psutil.CONN_LISTEN and connection.laddr.port == port
        }
    assert listening == {"127.0.0.1"}


def test_port_and_thread_are_gone_afterwards() -> None:
    before = threading.active_count()
    with serving(Exposition(), 0) as address:
        assert httpx.get(address).status_code == 200
        during = threading.active_count()
    assert during > before
    assert threading.active_count() == before
    with socket.create_server(("127.0.0.1", port_of(address))):  # the port is free again
        pass


def test_who_asks_and_says_no_more_holds_up_neither_others_nor_the_end() -> None:
    with serving(Exposition(), 0) as address, socket.create_connection(("127.0.0.1", port_of(address))) as silent:
        silent.sendall(b"GET /metrics HTTP/1.1\r\n")
        assert httpx.get(address).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(address)


def test_a_port_can_be_named() -> None:
    with serving(Exposition(), 0) as address:
        port = port_of(address)
    with serving(Exposition(), port) as again:
        assert again == f"http://127.0.0.1:{port}/metrics"


def test_a_port_in_use_is_named_with_a_fix() -> None:
    with (
        serving(Exposition(), 0) as address,
        pytest.raises(UsageError) as error,
        serving(Exposition(), port_of(address)),
    ):
        pass
    assert error.value.message == ReportMessage.METRICS_PORT_IN_USE(port=port_of(address))


def test_a_run_goes_on_while_it_is_read() -> None:
    run = MadeRun(Exposition())
    run.begin()
    with serving(run.exposition, 0) as address, ThreadPoolExecutor(4) as pool:
        answers = [pool.submit(httpx.get, address) for _ in range(20)]
        for _ in range(200):
            run.go_on()
            run.show()
        read = [Metrics(answer.result().text) for answer in answers]

    for told in read:  # each as of one moment: no second is half told
        begun = told.one("mitra_load_actions_begun_total")
        requests = told.all("mitra_load_requests_total", "role", "operation")
        assert requests["policyholder", "policies.list"] == begun
        assert told.all("mitra_load_response_time_seconds_count", "role")["policyholder",] == begun


# ── the option ──────────────────────────────────────────────────────────────────────────────────────


def test_a_run_whose_port_is_in_use_ends_with_2(capsys: pytest.CaptureFixture[str]) -> None:
    with serving(Exposition(), 0) as address:
        port = str(port_of(address))
        assert main(["--demo", "--metrics-port", port]) == 2
    said = capsys.readouterr()
    assert said.err == f"{ReportMessage.METRICS_PORT_IN_USE(port=port)}\n"
    assert said.out == ""  # the demo was not started


@pytest.mark.parametrize("port", ["65536", "-1", "9764.5", "http", ""])
def test_what_is_no_port_ends_with_2(port: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--dry-run", f"--metrics-port={port}"]) == 2
    said = capsys.readouterr().err
    assert f"{port!r} is not a port: give 1 to 65535, or 0 for a free one" in said


def test_a_dry_run_opens_no_port(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--demo", "--dry-run", "--metrics-port", "0"]) == 0
    assert "Metrics:" not in capsys.readouterr().out
