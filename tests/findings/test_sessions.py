"""How the application uses sessions of its database: idle in a transaction, one for each request."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from perfsuite.findings import Observations, find
from perfsuite.messages import Code
from perfsuite.messages.findings import FindingMessage
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.monitor import METRICS, Reading
from tests.findings.simulated import FIRST_S, made

LENGTH = 60
IDLE, OPENED = "postgres.longest_idle_in_transaction_s", "postgres.sessions_opened_per_s"


def series(metric: str, values: Sequence[float | None]) -> list[Reading]:
    source = metric.split(".")[0]
    return [Reading(FIRST_S + at + 1.0, source, metric, each, METRICS[metric].unit) for at, each in enumerate(values)]


def told(readings: Sequence[Reading], rps: float = 40.0) -> list[Finding]:
    """What is found in a healthy run of 40 requests a second with these readings beside."""
    run = made(7, LENGTH, rps)
    changed = {reading.metric for reading in readings}
    kept = [reading for reading in run.readings if reading.metric not in changed]
    return [each for each in find(run.summary, Observations([*kept, *readings])) if each.unusual]


def test_a_session_idle_in_a_transaction_is_told_with_how_long_and_since_when() -> None:
    ages = [0.0] * 20 + [float(at) for at in range(25)] + [0.0] * 15
    (finding,) = told(series(IDLE, ages))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.INCIDENT, "transactions", FIRST_S + 21)
    assert finding.evidence[0].after == 24
    assert finding.headline == FindingMessage.IDLE_IN_TRANSACTION(for_s=24, at=FIRST_S + 21)


def test_one_that_was_idle_before_the_load_is_told_so() -> None:
    (finding,) = told(series(IDLE, [300.0 + at for at in range(LENGTH)]))

    assert (finding.at_s, finding.evidence[0].after) == (None, 359)
    assert finding.headline == FindingMessage.IDLE_SINCE_BEFORE(for_s=359)


def test_a_transaction_in_the_ramp_up_counts_too() -> None:
    early = [replace(each, at_s=each.at_s - 100) for each in series(IDLE, [12.0])]

    assert [each.resource for each in told(early)] == ["transactions"]


@pytest.mark.parametrize(
    "ages", [pytest.param([10.0] * LENGTH, id="10 s"), pytest.param([None] * LENGTH, id="nobody may look")]
)
def test_shorter_transactions_are_not_told(ages: list[float | None]) -> None:
    assert told(series(IDLE, ages)) == []


def opened(per_s: float) -> list[Reading]:
    return series(OPENED, [float(each) for each in np.random.default_rng(5).poisson(per_s, LENGTH)])


def pool(**values: float) -> list[Reading]:
    return [each for name, value in values.items() for each in series(f"pool.{name}", [value] * LENGTH)]


def without_pool(readings: list[Reading]) -> list[Finding]:
    """As where the application tells nothing of a pool, and PostgreSQL counts no sessions but those of `readings`."""
    run = made(7, LENGTH, 40.0)
    kept = [each for each in run.readings if not each.metric.startswith("pool.") and each.metric != OPENED]
    return [each for each in find(run.summary, Observations([*kept, *readings])) if each.unusual]


@pytest.mark.parametrize(
    ("readings", "code"),
    [
        pytest.param(
            pool(absent=1), FindingMessage.NO_POOL, id="it says so",
        ),
        pytest.param(
            [*pool(absent=1), *opened(8)],
            FindingMessage.NO_POOL_COUNTED,
            id="it says so, and PostgreSQL counts them: a cache answers most requests",
        ),
        pytest.param(
            opened(38), FindingMessage.CONNECTION_PER_REQUEST, id="PostgreSQL counts them"
        ),
    ],
)  # fmt: skip
def test_a_connection_per_request_is_told(readings: list[Reading], code: Code) -> None:
    (finding,) = without_pool(readings)

    assert (finding.kind, finding.resource) == (FindingKind.CONFIGURATION, "connection per request")
    assert finding.headline.code is code
    assert ("opened" in finding.headline.fields) is any(each.metric == OPENED for each in readings)


def test_connections_beyond_a_pool_are_told_beside_its_size() -> None:
    (finding,) = told([*opened(30), *pool(absent=0, size=16)])

    assert finding.headline.details == (FindingMessage.BESIDE_POOL(size=16),)


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param([*opened(0.3), *pool(absent=0)], id="a monitor or a job now and then"),
        pytest.param(opened(12), id="a session for every third request is another matter"),
        pytest.param(opened(38)[:9], id="too few samples"),
    ],
)
def test_sessions_of_a_healthy_application(readings: list[Reading]) -> None:
    assert without_pool(readings) == []


def test_too_few_counts_of_sessions_give_no_figure() -> None:
    (finding,) = without_pool([*pool(absent=1), *opened(38)[:9]])

    assert [row.metric for row in finding.evidence] == ["pool.absent"]
