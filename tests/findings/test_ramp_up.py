"""How the target took new connections and logins in the ramp-up."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perfsuite.findings import Observations, find
from perfsuite.findings.ramp_up import slow_connections
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import LOGIN, Breakdown, Logins, OperationCheck, PreflightReport, Second, Summary, Works
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.monitor import METRICS, Reading
from tests.findings.simulated import FIRST_S, figures, made, summary_of

RAMP_S = 10
START = FIRST_S - RAMP_S
QUEUE, DROPS, LAG = "server.listen_queue", "machine.tcp_listen_overflows_per_s", "generator.loop_lag_ms"
USUAL = [5.0] * RAMP_S


def run(connect_ms: Sequence[float | None] = USUAL, connections: int = 4, steady_ms: float = 5.0) -> Summary:
    """A run whose ramp-up opens connections, in so many ms each second; the steady state opens one a second."""
    opened = Breakdown(connections=1, connect_avg_ms=steady_ms)
    early = [
        Second(
            START + at, "ramp-up", figures(8, 0, 20.0), {"all": at},
            Breakdown(connections=0 if time is None else connections, connect_avg_ms=time),
        )
        for at, time in enumerate(connect_ms)
    ]  # fmt: skip
    steady = [Second(FIRST_S + at, "steady", figures(20, 0, 20.0), {"all": 10}, opened) for at in range(30)]
    return replace(summary_of((*early, *steady), ()), steady_start=FIRST_S)


def series(metric: str, values: Sequence[float]) -> list[Reading]:
    source = metric.split(".")[0]
    return [Reading(START + at + 1.0, source, metric, each, METRICS[metric].unit) for at, each in enumerate(values)]


def connections_found(summary: Summary, *readings: list[Reading]) -> list[Finding]:
    return slow_connections(summary, [reading for each in readings for reading in each])


def test_connections_that_were_slow_to_open_are_reported_with_how_fast_they_can_be() -> None:
    (finding,) = connections_found(run([5.0, 6.0, 1010.0, 990.0, *[5.0] * 6]))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.INCIDENT, "ramp-up connections", START + 2)
    slow = FindingMessage.SLOW_TO_OPEN_AT_BEST(connections=8, mean=1000.0, best=5.0)
    assert finding.headline == FindingMessage.RAMP_UP(parts=[slow], at=START + 2)


def test_a_long_queue_and_dropped_connections_are_reported_together() -> None:
    queue = series(QUEUE, [0, 1, 3, 25, 61, 40, 2, 0, 0, 0])
    drops = series(DROPS, [0, 0, 0, 0, 7, 5, 0, 0, 0, 3])
    (finding,) = connections_found(run(), queue, drops)

    parts = [FindingMessage.WAITED_IN_QUEUE(connections=61), FindingMessage.DROPPED(connections=12)]
    assert finding.headline == FindingMessage.RAMP_UP(parts=parts, at=START + 3)
    assert {row.metric: row.after for row in finding.evidence} == {QUEUE: 61, DROPS: 12}


@pytest.mark.parametrize(
    ("connect_ms", "readings"),
    [
        pytest.param(USUAL, [], id="fast all the time"),
        pytest.param([None, 5.0, None, 4.0, *[None] * 6], [], id="few connections"),
        pytest.param([5.0, 5.0, 400.0, *[5.0] * 7], [(LAG, [0, 0, 350, *[0] * 7])], id="the load itself was late"),
        pytest.param(USUAL, [(QUEUE, [0, 25, 0, 12, 14, 3, 0, 0, 0, 0])], id="a queue of a moment"),
        pytest.param(USUAL, [(DROPS, [0, 0, 0, 9, *[0] * 6])], id="drops of other servers on the machine"),
        pytest.param(USUAL, [(DROPS, [0, 0, 0, 9, *[0] * 6]), (QUEUE, [1] * RAMP_S)], id="its own queue was short"),
    ],
)
def test_what_is_healthy(connect_ms: list[float | None], readings: list[tuple[str, list[float]]]) -> None:
    assert connections_found(run(connect_ms), *(series(metric, values) for metric, values in readings)) == []


def test_a_target_far_away_is_slow_by_nature_and_no_finding() -> None:
    assert connections_found(run([250.0, 300.0, 240.0, *[250.0] * 7], steady_ms=250.0)) == []


def test_one_slow_connection_is_no_finding() -> None:
    assert connections_found(run([5.0, 900.0, *[5.0] * 8], connections=1)) == []


def test_two_hundred_healthy_ramp_ups_have_no_finding() -> None:
    """Targets near and far, bursts of the machine, queues of a few, drops of somebody else's now and then."""
    rng = np.random.default_rng(19)
    found = []
    for _ in range(200):
        usual = float(rng.uniform(0.3, 250))
        burst = np.where(rng.random(RAMP_S) < 0.1, rng.uniform(1, 10), 1.0)
        connect = usual + 4.0 * burst * np.exp(rng.normal(0, 0.5, RAMP_S))
        drops = np.where(rng.random(RAMP_S) < 0.02, 2.0, 0.0)
        readings = (series(QUEUE, rng.poisson(0.4, RAMP_S).astype(float)), series(DROPS, drops))
        found += connections_found(run(connect.tolist(), int(rng.integers(1, 20)), usual), *readings)

    assert found == []


def test_it_stands_among_the_findings_of_a_run() -> None:
    healthy = made(3, 60, 80.0)
    slow = run([5.0, 6.0, 1010.0, 990.0, *[5.0] * 6])
    whole = replace(healthy.summary, seconds=(*slow.seconds[:RAMP_S], *healthy.summary.seconds))

    unusual = [each for each in find(whole, Observations(healthy.readings)) if each.unusual]
    assert [each.resource for each in unusual] == ["ramp-up connections"]


BEGAN = FIRST_S - 30
STORM = Logins(91, 0, 0, 9_120.0, 24_300.0, BEGAN, BEGAN + 28.0, 0, 0.001, 3, 23.4)
"""As with bcrypt at cost 12: 91 users at 20/s, 0.25 s of CPU each, one worker."""
CPU = [Reading(BEGAN + second, "server", "server.cpu_percent", 94.0, "percent") for second in range(1, 29)]
OTHER = [Reading(BEGAN + second, "server", "server.cpu_percent", 5.0, "percent") for second in (-1, 0, 29, 60)]


def seen(*alone_ms: float) -> PreflightReport:
    checks = [OperationCheck("policyholder", LOGIN, "POST", "/login", Works.YES, 200, "", value) for value in alone_ms]
    return PreflightReport("http://localhost:8015", "", "", (LOGIN,), tuple(checks))


def storms(logins: Logins | None, preflight: PreflightReport | None = None, readings: Any = ()) -> list[Finding]:
    summary = replace(made(3, 40, 80.0, None).summary, logins=logins)
    found = find(summary, Observations(readings, preflight=preflight))
    return [finding for finding in found if finding.kind is FindingKind.LOGINS]


def test_a_storm_names_the_time_alone_the_servers_cpu_and_what_to_do() -> None:
    (storm,) = storms(STORM, seen(262.0, 250.0), [*CPU, *OTHER])

    assert storm.unusual
    assert (storm.resource, storm.operation, storm.at_s) == ("logins", LOGIN, BEGAN)
    assert [(row.metric, row.before, row.after) for row in storm.evidence] == [
        ("avg_ms", 250.0, 9_120.0), ("server.cpu_percent", None, 94.0),
    ]  # fmt: skip
    assert storm.headline.code is FindingMessage.LOGIN_STORM
    assert storm.headline.fields == {"logins": 91, "mean": 9_120.0, "most": 24_300.0}
    assert storm.headline.details == (
        FindingMessage.ALONE(mean=250.0),
        FindingMessage.OUTLASTED(for_s=23.4),
        FindingMessage.SERVER_CPU(cpu=0.94),
        FindingMessage.START_AT_RATE(rate=91 / 28),
    )


def test_without_monitor_and_preflight_it_is_reported_all_the_same() -> None:
    (storm,) = storms(replace(STORM, ended_at=None))

    assert [detail.code for detail in storm.headline.details] == [
        FindingMessage.OUTLASTED, FindingMessage.START_SLOWLY,
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("logins", "alone_ms"),
    [
        pytest.param(None, 250.0, id="no login was sent"),
        pytest.param(replace(STORM, avg_ms=480.0), 100.0, id="below half a second"),
        pytest.param(replace(STORM, avg_ms=700.0), 250.0, id="a password hash costs as much alone"),
        pytest.param(replace(STORM, outlasted_s=5.0), 250.0, id="it was over within the settling time"),
        pytest.param(replace(STORM, outlasted_s=None), 250.0, id="interrupted while users were started"),
        pytest.param(replace(STORM, ramp_up=9), 250.0, id="too few to make a storm"),
        pytest.param(replace(STORM, avg_ms=260.0, rate_limited=9), 250.0, id="a limit that met hardly any"),
    ],
)
def test_what_is_no_storm(logins: Logins | None, alone_ms: float) -> None:
    assert storms(logins, seen(alone_ms), CPU) == []


def test_a_limit_on_logins_is_reported_though_they_were_quick() -> None:
    limited = replace(STORM, avg_ms=20.0, failures=30, rate_limited=30, outlasted_s=0.4)
    (storm,) = storms(limited, seen(250.0))

    # At the rate at which they succeeded: 61 in 28 s.
    assert storm.headline.details == (
        FindingMessage.ALONE(mean=250.0),
        FindingMessage.RATE_LIMITED(share=30 / 91),
        FindingMessage.START_AT_RATE(rate=61 / 28),
    )


def test_it_comes_after_what_the_steady_state_shows_and_before_what_is_reported_of_every_run() -> None:
    summary = replace(made(3, 40, 80.0, None).summary, logins=STORM)
    kinds = [finding.kind for finding in find(summary, Observations(CPU))]

    unusual = [finding.unusual for finding in find(summary, Observations(CPU))]
    assert kinds.index(FindingKind.LOGINS) == unusual.count(True) - 1  # the last of the unusual ones
