"""How the target takes the connections of the ramp-up: full queues and slow connects are told, healthy ones are not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from perfsuite.findings import Observations, find
from perfsuite.findings.ramp_up import slow_connections
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import Breakdown, Second, Summary
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


def told(summary: Summary, *readings: list[Reading]) -> list[Finding]:
    return slow_connections(summary, [reading for each in readings for reading in each])


def test_connections_that_were_slow_to_open_are_told_with_how_fast_they_can_be() -> None:
    (finding,) = told(run([5.0, 6.0, 1010.0, 990.0, *[5.0] * 6]))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.INCIDENT, "ramp-up connections", START + 2)
    slow = FindingMessage.SLOW_TO_OPEN_AT_BEST(connections=8, mean=1000.0, best=5.0)
    assert finding.headline == FindingMessage.RAMP_UP(parts=[slow], at=START + 2)


def test_a_long_queue_and_dropped_connections_are_told_together() -> None:
    queue = series(QUEUE, [0, 1, 3, 25, 61, 40, 2, 0, 0, 0])
    drops = series(DROPS, [0, 0, 0, 0, 7, 5, 0, 0, 0, 3])
    (finding,) = told(run(), queue, drops)

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
    assert told(run(connect_ms), *(series(metric, values) for metric, values in readings)) == []


def test_a_target_far_away_is_slow_by_nature_and_no_finding() -> None:
    assert told(run([250.0, 300.0, 240.0, *[250.0] * 7], steady_ms=250.0)) == []


def test_one_slow_connection_is_no_finding() -> None:
    assert told(run([5.0, 900.0, *[5.0] * 8], connections=1)) == []


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
        found += told(run(connect.tolist(), int(rng.integers(1, 20)), usual), *readings)

    assert found == []


def test_it_stands_among_the_findings_of_a_run() -> None:
    healthy = made(3, 60, 80.0)
    slow = run([5.0, 6.0, 1010.0, 990.0, *[5.0] * 6])
    whole = replace(healthy.summary, seconds=(*slow.seconds[:RAMP_S], *healthy.summary.seconds))

    unusual = [each for each in find(whole, Observations(healthy.readings)) if each.unusual]
    assert [each.resource for each in unusual] == ["ramp-up connections"]
