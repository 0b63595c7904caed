"""Experiment 3: twelve sessions on an endpoint of 500 ms, asked for what they can do and for more."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from perfsuite.judge import judge
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Arrivals, NotStarted
from perfsuite.model import Arrival, Scenario, Summary, Verdict
from perfsuite.model import Outcome as Judged
from perfsuite.summary.summarize import build
from tests.accuracy.lab import Load, Outcome, percentile, preflight_of, run
from tests.accuracy.roles import ROLES
from tests.accuracy.table import Row, equal_row, rate_row

SESSIONS, SERVICE_MS = 12, 500
_SETTLED_S = 3.0


def arrivals(rate: int, seconds: int, folder: Path) -> Outcome:
    """Make the load of experiment 3."""
    scenario = Scenario("accuracy", SESSIONS, SESSIONS, _SETTLED_S + seconds + 1, arrival=Arrival(rate))
    return run(Load(scenario, f"fixed {SERVICE_MS}"), folder)


def within_rows(rate: int, seconds: int, outcome: Outcome) -> list[Row]:
    """What is asked for is offered, and answered."""
    name = f"{SESSIONS} sessions, {rate}/s"
    window = outcome.window(_SETTLED_S, seconds)
    ended = sum(record.ended for record in outcome.requests() if record.second in window)
    began = sum(record.beginnings for record in outcome.of(Arrivals) if record.second in window)
    return [
        rate_row(name, "offered", rate, began / seconds, 0.01),
        rate_row(name, "throughput", rate, ended / seconds, 0.01),
        equal_row(name, "actions not started", 0, not_started(outcome), of_time=True),
    ]


def beyond_rows(rate: int, seconds: int, outcome: Outcome) -> list[Row]:
    """What the target could do, the lag that grows, the actions that never began, and the verdict."""
    name = f"{SESSIONS} sessions, {rate}/s"
    window = outcome.window(_SETTLED_S, seconds)
    could = SESSIONS / (percentile(outcome.true_us(window), 0.5) / 1e6)
    ended = sum(record.ended for record in outcome.requests() if record.second in window)
    due = sum(record.due for record in outcome.of(Arrivals))
    begun = sum(record.begun for record in outcome.of(Arrivals))
    began = sum(record.beginnings for record in outcome.of(Arrivals) if record.second in window)
    in_window = sum(record.due for record in outcome.of(Arrivals) if record.second in window)
    lags = _greatest_lags_us(outcome, window)
    grows = len(lags) >= seconds / 2 and lags == sorted(set(lags))
    grown = f"{lags[0] / 1e6:.2f} s to {lags[-1] / 1e6:.2f} s"
    never = not_started(outcome)
    return [
        rate_row(name, "actions due", rate, in_window / seconds, 0.01),
        rate_row(name, "offered, and what the target can do", could, began / seconds, 0.03),
        rate_row(name, "throughput, and what the target can do", could, ended / seconds, 0.03),
        Row(name, "greatest lag of a second, first to last", "grows", grown, "grows", grows, True),
        Row(name, "actions not started", "some", str(never), "> 0", never > 0),
        equal_row(name, "actions due, and begun + not started", due, begun + never),
        equal_row(name, "verdict", Judged.FAIL.value, verdict_on(outcome).outcome.value, of_time=True),
    ]


def _greatest_lags_us(outcome: Outcome, window: range) -> list[int]:
    """By the second in which the actions were due; where the load ended before all of them began, nobody knows it."""
    greatest, waiting = Counter[int](), Counter[int]()
    for record in outcome.of(Arrivals):
        waiting[record.second] += record.due - record.begun
        greatest[record.second] = max(record.lag.max_us, greatest[record.second])
    return [greatest[second] for second in window if not waiting[second]]


def not_started(outcome: Outcome) -> int:
    """Actions that were due and never began."""
    return sum(sum(record.waited.counts.values()) for record in outcome.of(NotStarted))


def verdict_on(outcome: Outcome) -> Verdict:
    """What the suite says of the run."""
    return judge(outcome.plan, summary_of(outcome), ROLES)


def summary_of(outcome: Outcome) -> Summary:
    """The figures of the run."""
    plan = outcome.plan
    return build(plan, Aggregate.of(outcome.records), preflight=preflight_of(plan), roles=ROLES)
