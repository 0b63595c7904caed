"""The last scrape of a real run, beside what the run itself says at its end."""

from __future__ import annotations

import re
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import accumulate
from pathlib import Path

import httpx
import pytest

from perfsuite.measurements import file as measurements_file
from perfsuite.measurements import records as measurements
from perfsuite.measurements.histogram import BOUNDARIES_MS, ClassicHistogram
from perfsuite.measurements.records import Arrivals, NotStarted, Requests
from perfsuite.monitor import read_readings
from tests.integration.attempts import repeated
from tests.integration.programs import Ended, Program, ended, suite, until
from tests.report.exporter.metrics import Metrics

pytestmark = pytest.mark.integration

_WITHIN_S = 240.0
_BOUNDARIES = (*(str(boundary / 1000) for boundary in BOUNDARIES_MS), "+Inf")


def address_of(program: Program) -> str:
    def told() -> str:
        lines = [line for line in program.out.splitlines() if line.startswith("Metrics: ")]
        return lines[0].removeprefix("Metrics: ") if lines else ""

    return str(until(lambda: told() or not program.running, 150, "the address of the metrics"))


def scraped_to_the_end(program: Program, address: str) -> str:
    """Read again and again until nobody answers any more; what was read last."""
    last, deadline = "", time.monotonic() + _WITHIN_S
    with httpx.Client() as client:
        while time.monotonic() < deadline:
            try:
                last = client.get(address).text
            except httpx.TransportError:
                if not program.running:
                    return last
            time.sleep(0.1)
    pytest.fail(f"the run did not end; it said:\n{program.out}{program.err}")


def run(folder: Path, *arguments: str) -> tuple[Ended, Metrics]:
    results = folder / "results"
    program = suite("--demo", *arguments, "--metrics-port", "0", "--results", str(results))
    try:
        last = scraped_to_the_end(program, address_of(program))
        return ended(program, program.wait(90), results), Metrics(last)
    finally:
        program.end()


Run = tuple[Ended, Metrics]


def told_to_the_end(made: Run) -> bool:
    """Was the end there to be read before it was gone, and did the last second have readings? On a busy machine a
    scrape can come too late, and a reading, too."""
    _done, told = made
    return told.all("mitra_load_phase", "phase").get(("end",)) == 1 and ("server",) in told.all(
        "mitra_reading_server_up", "source"
    )


WAITING = (
    *("--users", "20", "--spawn-rate", "20", "--duration", "8s", "--processes", "2"),
    *("--fault", "error=503:25%@users.me of the load"),
)
"""Users who wait for their answers, of which some fail, in two processes."""
ARRIVING = (
    *("--users", "10", "--spawn-rate", "10", "--duration", "8s", "--arrival-rate", "40"),
    *("--fault", "latency=900ms@policies.list", "--quiet"),
)
"""Actions that begin at their times, more than ten sessions can do; the address is told even when quiet."""


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[Run]]]:
    """Both runs, made at the same time: they mostly wait."""
    asked = {"waiting": WAITING, "arriving": ARRIVING}
    with ThreadPoolExecutor(len(asked)) as pool:
        yield {name: pool.submit(made_of, tmp_path_factory.mktemp(name), options) for name, options in asked.items()}


def made_of(folder: Path, options: tuple[str, ...]) -> Run:
    # How the generator fared is not asked.
    return repeated(lambda place: run(place, *options), folder, told_to_the_end, unfit=lambda _: False)


@pytest.fixture
def waiting(together: dict[str, Future[Run]]) -> Run:
    return together["waiting"].result()


@pytest.fixture
def arriving(together: dict[str, Future[Run]]) -> Run:
    return together["arriving"].result()


either = pytest.mark.parametrize("made", ["waiting", "arriving"])


@pytest.fixture
def made_run(request: pytest.FixtureRequest, made: str) -> Run:
    return request.getfixturevalue(made)  # type: ignore[no-any-return]  # pytest does not know which fixture it is


def records_of(done: Ended) -> list[measurements.Record]:
    return list(measurements_file.read(done.folder / measurements_file.FILE_NAME))


@either
def test_requests_and_failures_are_those_of_the_summary(made_run: Run) -> None:
    done, told = made_run
    requests = told.all("mitra_load_requests_total", "role", "operation")
    failures = told.all("mitra_load_failures_total", "role", "operation", "kind")

    assert done.summary["whole_run"]["requests"] == sum(requests.values()) > 50
    assert done.summary["whole_run"]["failures"] == sum(failures.values()) > 0


@either
def test_requests_and_failures_of_each_operation_are_those_of_the_measurements(made_run: Run) -> None:
    done, told = made_run
    requests, failures = Counter[tuple[str, ...]](), Counter[tuple[str, ...]]()
    for record in records_of(done):
        if isinstance(record, Requests):
            requests[record.role, record.operation] += sum(record.ok.counts.values())
            requests[record.role, record.operation] += sum(record.failed.counts.values())
            for error in record.errors:
                failures[record.role, record.operation, error.kind] += error.count
        elif isinstance(record, NotStarted):
            requests[record.role, record.operation] += sum(record.waited.counts.values())
            failures[record.role, record.operation, "not started"] += sum(record.waited.counts.values())

    told_requests = told.all("mitra_load_requests_total", "role", "operation")
    told_failures = told.all("mitra_load_failures_total", "role", "operation", "kind")
    assert {place: count for place, count in told_requests.items() if count} == +requests
    assert {place: count for place, count in told_failures.items() if count} == +failures
    assert "other" not in {label for place in (*told_requests, *told_failures) for label in place}


def all_times(record: Requests | NotStarted) -> list[measurements.Times]:
    return [record.waited] if isinstance(record, NotStarted) else [record.ok, record.failed]


def service(record: Requests | NotStarted) -> list[measurements.Times]:
    return [] if isinstance(record, NotStarted) else [record.service]


@either
@pytest.mark.parametrize(
    ("name", "times_in"),
    [
        pytest.param("mitra_load_response_time_seconds", all_times, id="response time"),
        pytest.param("mitra_load_service_time_seconds", service, id="service time"),
    ],
)
def test_times_are_those_of_the_measurements(
    made_run: Run, name: str, times_in: Callable[[Requests | NotStarted], list[measurements.Times]]
) -> None:
    done, told = made_run
    expected: dict[str, ClassicHistogram] = {}
    for record in records_of(done):
        if isinstance(record, Requests | NotStarted):
            for times in times_in(record):
                expected.setdefault(record.role, ClassicHistogram()).add(times.counts, times.sum_us)

    counts, sums = told.all(f"{name}_count", "role"), told.all(f"{name}_sum", "role")
    assert counts == {(role,): sum(buckets.counts) for role, buckets in expected.items()}
    assert sums == {(role,): pytest.approx(buckets.sum_us / 1e6, rel=1e-12) for role, buckets in expected.items()}
    assert told.all(f"{name}_bucket", "role", "le") == {
        (role, le): count
        for role, buckets in expected.items()
        for le, count in zip(_BOUNDARIES, accumulate(buckets.counts), strict=True)
    }


def test_actions_of_the_open_model_are_those_of_the_measurements(arriving: Run) -> None:
    done, told = arriving
    arrivals = [record for record in records_of(done) if isinstance(record, Arrivals)]
    due, begun = sum(record.due for record in arrivals), sum(record.begun for record in arrivals)
    never = done.summary["whole_run"]["failures"]

    assert told.one("mitra_load_actions_due_total") == due > 0
    assert told.one("mitra_load_actions_begun_total") == begun > 0
    assert told.one("mitra_load_actions_not_started_total") == due - begun > 0
    assert told.one("mitra_load_action_start_lag_seconds_count") == begun
    assert never >= due - begun


@either
def test_the_run_is_over_in_the_last_scrape(made_run: Run) -> None:
    done, told = made_run
    assert told.labels("mitra_load_run_info") == [
        {"run_id": done.folder.name, "scenario": "basic", "host": done.summary["host"]}
    ]
    assert told.all("mitra_load_phase", "phase")["end",] == 1
    assert set(told.all("mitra_load_users", "role").values()) == {0}
    assert told.one("mitra_load_users_requested") == done.summary["users"]["requested"]
    assert len(told.all("mitra_load_generator_cpu_ratio", "process")) == done.summary["generator"]["processes"]
    assert told.one("mitra_load_processes_lost_total") == 0


@either
def test_targets_are_those_of_the_run(made_run: Run) -> None:
    done, told = made_run
    limits = told.all("mitra_target_limit", "target", "scope", "metric", "unit", "wanted")
    units = {"ms": 1000, "fraction": 1, "requests/s": 1, "users": 1}
    assert {name: limit for (name, *_), limit in limits.items()} == {
        target["name"]: target["limit"] / units[target["unit"]] for target in done.summary["targets"]
    }
    outcomes = told.all("mitra_target_outcome", "target", "scope", "metric", "unit", "outcome")
    assert sum(outcomes.values()) == len(done.summary["targets"])


@either
def test_readings_are_the_last_of_the_file(made_run: Run) -> None:
    done, told = made_run
    of_size = {
        reading.value for reading in read_readings(done.folder / "readings.csv") if reading.metric == "pool.size"
    }
    assert told.all("mitra_reading_server_up", "source") == {("server",): 1}
    assert set(told.all("mitra_reading_pool_size", "source").values()) <= of_size
    assert told.all("mitra_reading_server_memory_bytes", "source")["server",] > 10_000_000


@either
def test_no_secret_is_told(made_run: Run) -> None:
    done, told = made_run
    assert re.findall(r"password|Bearer|eyJ|://[^/\s]*@", told.text) == []
    assert done.left == ()
