"""A made-up run of the open model in which every second is like the others, told as a run tells it."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import Arrival, FailureKind, LiveSnapshot, LiveState, Plan, Scenario, TargetOutcome, TargetResult
from perfsuite.model.monitor import METRICS, Reading
from perfsuite.model.summary import Statistics
from perfsuite.report.exporter import Exposition
from tests.summary.made_records import Process

READING = ("policyholder", "policy access", "policies.list")
LOOKING = ("senior_agent", "personal dashboard", "dashboard.senior_agent")

READING_OK_MS = [15.0] * 6 + [60.0] * 3
READING_FAILED_MS = [1500.0]
NEVER_BEGAN_MS = [6000.0]
LOOKING_MS = [4.0] * 4 + [800.0]
SERVICE_MS = [12.0] * 10
RESPONSE_MS = {
    "policyholder": [*READING_OK_MS, *READING_FAILED_MS, *NEVER_BEGAN_MS],
    "senior_agent": LOOKING_MS,
}
"""Role → response times of one second."""
REQUESTS = sum(map(len, RESPONSE_MS.values()))
FAILURES = len(READING_FAILED_MS) + len(NEVER_BEGAN_MS)
START_LAG_MS = [2.0] * 10 + [90.0]
DUE = len(START_LAG_MS) + len(NEVER_BEGAN_MS)
QUEUED = 5
"""Actions that were due in the first second and wait for ever."""
LOOP_LAG_MS = [0.5] * 49 + [12.0]
USERS = {"policyholder": 6, "senior_agent": 3}

PLAN = Plan(
    run_id="made_20260301_093000",
    scenario=Scenario("made", 9, 3, 60, arrival=Arrival(12)),
    host="http://127.0.0.1:8015",
    users_by_role=USERS,
    targets=(),
    allowed_hosts=(),
    seed=1,
    created_at="2026-03-01T09:30:00Z",
)
READINGS = {
    name: Reading(0.0, metric.component, name, float(number), metric.unit)
    for number, (name, metric) in enumerate(METRICS.items(), 1)
}
"""Every metric with a value of its own: its place in the catalogue. Metrics of parts too, which are not to be told."""


def _target(name: str, metric: str, limit: float, observed: float | None, outcome: TargetOutcome) -> TargetResult:
    unit = {"avg_ms": "ms", "p95_ms": "ms", "failure_rate": "fraction", "rps": "requests/s"}[metric]
    return TargetResult(name, "all", metric, limit, metric != "rps", observed, unit, outcome, "")


TARGETS = (
    _target("average response time", "avg_ms", 500, 125.0, TargetOutcome.MET),
    _target("95th percentile", "p95_ms", 2000, None, TargetOutcome.NOT_JUDGED),
    _target("failure rate", "failure_rate", 0.01, 0.125, TargetOutcome.MISSED),
    _target("throughput", "rps", 100, 16.0, TargetOutcome.INFORMATION),
)
LIVE = LiveState(
    phase="plateau",
    elapsed_s=30.0,
    total_s=60.0,
    users=USERS,
    users_requested=9,
    rps_now=16.0,
    p95_now_ms=None,
    statistics=Statistics(REQUESTS, FAILURES, None, 16.0, None, None, None, None, None, None, None, None, None),
    steady=True,
    requests=REQUESTS,
    failures=FAILURES,
    unanswered_s=0,
)
MOMENT = LiveSnapshot(PLAN.run_id, PLAN.scenario.name, PLAN.host, LIVE, TARGETS, READINGS)


class MadeRun:
    """Tells an exposition second after second, two load processes of which the second was lost at the start."""

    def __init__(self, exposition: Exposition) -> None:
        self.exposition, self.aggregate, self.seconds = exposition, Aggregate(), 0
        self._one = Process("worker-1")

    def begin(self) -> None:
        """The load begins."""
        self.seconds = 0
        self.aggregate = Aggregate()
        self.exposition.load_begins(PLAN, self.aggregate)
        lost, leader = Process("worker-2"), Process("coordinator")
        queued = self._one.arrivals(0, QUEUED, [])
        self.aggregate.add([queued, lost.generator(0, 99.0), leader.lost(0.5, "worker-2", 3, "died")])
        self.show()

    def go_on(self, seconds: int = 1) -> None:
        """So many seconds pass."""
        for _ in range(seconds):
            self.aggregate.add(self._second(self.seconds))
            self.seconds += 1

    def show(self, *, gap: str = "") -> None:
        """The state of the load is told; `gap`: a metric that could not be read."""
        readings = dict(READINGS)
        if gap:
            readings[gap] = replace(readings[gap], value=None)
        self.exposition.progress(replace(MOMENT, readings=readings))

    def _second(self, second: int) -> list[Record]:
        one = self._one
        return [
            one.requests(
                second, READING_OK_MS, READING_FAILED_MS, where=READING, kind=FailureKind.STATUS, service=SERVICE_MS
            ),
            one.requests(second, LOOKING_MS, where=LOOKING, service=LOOKING_MS),
            one.not_started(second, NEVER_BEGAN_MS, where=READING),
            one.arrivals(second, DUE, START_LAG_MS),
            one.generator(second, 42.0, LOOP_LAG_MS, waited=3.0),
        ]
