"""One aggregation for all: fed bit by bit while a run goes on, or at once from its file, it gives the same figures."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from perfsuite.measurements import file as measurements_file
from perfsuite.measurements import records as measurements
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import Plan, Summary
from perfsuite.model.monitor import NETWORK
from perfsuite.monitor import latest_readings_of_load
from perfsuite.monitor.readings import readings_of_load
from perfsuite.report.exporter import Exposition
from perfsuite.roles import ROLES
from perfsuite.run.load_run import PLAN_FILE, load
from perfsuite.summary import LiveView, build
from perfsuite.summary.live import KEPT_S
from tests.judge.healthy_runs import Healthy, records_of
from tests.report.exporter.metrics import Metrics, text_of

RUNS = Path(__file__).parents[1] / "golden" / "runs"
HEALTHY = Healthy(users=20, duration_s=90, spawn_rate=2, median_ms=20, memory=0.5, level_sd=0.1, seed=3)


def load_golden(name: str) -> tuple[Plan, list[Record]]:
    folder = RUNS / name
    return load(folder / PLAN_FILE, Plan), list(measurements_file.read(folder / measurements_file.FILE_NAME))


def made_up() -> tuple[Plan, list[Record]]:
    return HEALTHY.plan(), sorted(records_of(HEALTHY), key=lambda record: getattr(record, "second", 0))


class Followed:
    """A finished run, its records fed as they came: second by second, mixed within each."""

    def __init__(self, plan: Plan, records: list[Record]) -> None:
        self.plan, self.records = plan, records
        self.live, self.exposition = LiveView(self.plan), Exposition()
        self.exposition.load_begins(self.plan, self.live.aggregate)
        self.latest: dict[tuple[float, str], float | None] = {}
        batch: list[Record] = []
        for record in self.records:
            batch.append(record)
            if isinstance(record, measurements.Generator):  # the last one of a second
                self._feed(batch)
                batch = []
        self._feed(batch)

    def _feed(self, batch: list[Record]) -> None:
        random.Random(len(batch)).shuffle(batch)
        self.live.feed(batch)
        for reading in latest_readings_of_load(self.live.aggregate).values():
            self.latest[reading.at_s, reading.metric] = reading.value


@pytest.fixture(scope="module", params=[*sorted(path.name for path in RUNS.iterdir()), "made up"])
def followed(request: pytest.FixtureRequest) -> Followed:
    return Followed(*(made_up() if request.param == "made up" else load_golden(request.param)))


@pytest.fixture(scope="module")
def batch(followed: Followed) -> Aggregate:
    return Aggregate.of(followed.records)


@pytest.fixture(scope="module")
def summary(followed: Followed, batch: Aggregate) -> Summary:
    return build(followed.plan, batch, preflight=None, roles=ROLES)


def test_the_live_view_ends_with_the_figures_of_the_summary(followed: Followed, summary: Summary) -> None:
    last = max(second.second for second in summary.seconds)
    state = followed.live.state(last + 2.0)

    assert state.steady
    assert (state.statistics, state.ok) == (summary.totals, summary.ok)
    assert (state.requests, state.failures) == (summary.whole_run.requests, summary.whole_run.failures)


def test_prometheus_reads_the_same_from_both(followed: Followed, batch: Aggregate, summary: Summary) -> None:
    at_once = Exposition()
    at_once.load_begins(followed.plan, batch)
    metrics = Metrics(text_of(at_once))

    assert text_of(followed.exposition) == text_of(at_once)
    requests = metrics.all("mitra_load_requests_total", "role", "operation")
    assert sum(requests.values()) == summary.whole_run.requests
    steps = metrics.all("mitra_load_response_time_seconds_count", "role")
    assert sum(steps.values()) == summary.whole_run.requests


def test_readings_of_the_load_are_the_same_while_it_goes_on_and_afterwards(
    followed: Followed, batch: Aggregate
) -> None:
    afterwards = {(reading.at_s, reading.metric): reading.value for reading in readings_of_load(batch)}
    processes = {key: value for key, value in followed.latest.items() if key[1].startswith("generator.")}
    kept = readings_of_load(followed.live.aggregate)

    assert len(processes) > 20 * 5
    assert processes.items() <= afterwards.items()
    # What a request meets counts in the second in which it was due, and is known when it has ended.
    network = {(reading.at_s, reading.metric): reading.value for reading in kept if reading.source == NETWORK}
    assert network.items() <= afterwards.items()


def test_what_is_forgotten_stays_in_the_sums(followed: Followed, batch: Aggregate) -> None:
    live = followed.live.aggregate

    assert len(live.seconds) == min(len(batch.seconds), KEPT_S)
    assert (live.by_role, live.requests, live.failures) == (batch.by_role, batch.requests, batch.failures)
    assert (live.first, live.last, live.lost_reports) == (batch.first, batch.last, 0)
