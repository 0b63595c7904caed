"""Experiments 1 and 2: are the times right, for a known distribution and for a target that stalls?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from perfsuite.measurements.records import Arrivals
from perfsuite.measurements.totals import histogram_of_all
from perfsuite.model import Arrival, Scenario
from tests.accuracy.lab import FRACTIONS, Load, Outcome, percentile, run
from tests.accuracy.table import Row, equal_row, times_row
from tests.accuracy.truth_server import CYCLE_S

LOGNORMAL, BIMODAL = "lognormal 20 0.6", "bimodal 10 60"
SETTLED_S = 3.0
"""By then the sessions have logged in and the arrival rate has grown to its height."""
SAMPLES_FOR_P999 = 10_000
BOUND_US = 300.0
"""So far apart times may be that are shorter than 30 ms; longer ones 1 %."""
STALL_RATE = 200
_UNDISTURBED_MS = 5
_STALLED_P95_US = 750_000.0
"""One request in five waits, evenly between 0 and 1 s: one in twenty waits longer than 0.75 s."""

Allowance = Callable[[float], float]
"""Fraction → µs by which the machine itself may be late there."""


def none(_fraction: float) -> float:
    """Nothing is allowed for."""
    return 0.0


@dataclass(frozen=True, slots=True)
class Distribution:
    """Experiment 1: so many requests a second to a target with such a service time."""

    behaviour: str
    rate: int
    sessions: int
    seconds: int

    @property
    def name(self) -> str:
        """For the table."""
        return f"{self.behaviour.split()[0]}, {self.rate}/s"


def distribution(asked: Distribution, folder: Path) -> Outcome:
    """Make the load of experiment 1."""
    duration_s = SETTLED_S + asked.seconds + 1
    scenario = Scenario("accuracy", asked.sessions, asked.sessions, duration_s, arrival=Arrival(asked.rate))
    return run(Load(scenario, asked.behaviour), folder)


def distribution_rows(asked: Distribution, outcome: Outcome, allowance: Allowance = none) -> list[Row]:
    """Percentiles of service and response time beside those that the target wrote down."""
    window = outcome.window(SETTLED_S, asked.seconds)
    true_us = outcome.true_us(window)
    service, response = outcome.service(window), outcome.response(window)
    rows = [equal_row(asked.name, "requests, whole run", len(outcome.truth.served), outcome.service().count)]
    for what, found in (("service time", service), ("response time", response)):
        for fraction in FRACTIONS:
            if fraction < 0.999 or len(true_us) >= SAMPLES_FOR_P999:
                truth = percentile(true_us, fraction)
                bound_us = max(0.01 * truth, BOUND_US) + allowance(fraction)
                measured = found.percentile_us(fraction) or 0.0
                rows.append(times_row(asked.name, f"{what} p{fraction * 100:g}", truth, measured, bound_us))
    return [*rows, lag_row(asked.name, outcome, window)]


def lag_row(name: str, outcome: Outcome, window: range) -> Row:
    """How late actions began, for information."""
    lags = [record.lag for record in outcome.of(Arrivals) if record.second in window]
    lag = histogram_of_all(lags)
    p50, p99 = lag.percentiles_us((0.5, 0.99))
    measured = f"p50 {(p50 or 0) / 1000:.2f}, p99 {(p99 or 0) / 1000:.2f}, most {lag.max_us / 1000:.2f} ms"
    return Row(name, "lag of the actions", "", measured)


def stalling(sessions: int, cycles: int, folder: Path) -> Outcome:
    """Make the load of experiment 2: 200 actions a second for whole cycles, however many sessions."""
    duration_s = SETTLED_S + cycles * CYCLE_S + 1
    scenario = Scenario("accuracy", sessions, sessions, duration_s, arrival=Arrival(STALL_RATE))
    return run(Load(scenario, f"stalling {_UNDISTURBED_MS}"), folder)


def stalling_rows(sessions: int, cycles: int, outcome: Outcome) -> list[Row]:
    """The 95th percentile of the response time beside the truth, and the service time beside it.

    The truth is from when an action was due, by arithmetic, to when the target wrote its answer: how long it takes
    to drain what had to wait depends on the machine, and is in both. What a stall costs at the very least does not.
    """
    name = f"stalling, {sessions} sessions"
    window = outcome.window(SETTLED_S, int(cycles * CYCLE_S))
    least = percentile(outcome.true_us(window), 0.5) + _STALLED_P95_US
    truth = percentile(_answered_us(outcome, window), 0.95)
    response = outcome.response(window).percentile_us(0.95) or 0.0
    service = outcome.service(window).percentile_us(0.95) or 0.0
    served = percentile(outcome.true_us(window), 0.95)
    told = f"{response / 1000:.2f} ms"
    return [
        times_row(name, "response time p95", truth, response, 0.05 * truth),
        Row(name, "… and by arithmetic, at least", f"{least / 1000:.2f} ms", told, "- 5%", response >= 0.95 * least),
        Row(name, "service time p95 beside it", f"{served / 1000:.2f} ms", f"{service / 1000:.2f} ms"),
        lag_row(name, outcome, window),
    ]


def _answered_us(outcome: Outcome, window: range) -> list[float]:
    """µs from due to answered, of the actions that were due in these seconds, ascending.

    Actions are begun in the order in which they are due, so the k-th request that came to the target is the k-th
    that was due. While sessions are started the rate grows evenly to its height, from then on the gaps are equal.
    """
    ramp_s = outcome.plan.scenario.users / outcome.plan.scenario.spawn_rate
    grown = STALL_RATE * ramp_s / 2
    found = []
    for number, one in enumerate(sorted(outcome.truth.served, key=lambda served: served.began_ns)):
        past = number + 0.5 - grown
        due_s = outcome.start_s + (ramp_s + past / STALL_RATE)
        if past >= 0 and int(due_s) in window:
            found.append((outcome.utc_s(one.ended_ns) - due_s) * 1e6)
    return sorted(found)
