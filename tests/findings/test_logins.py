"""A login storm is told with what to do; logins that cost what they cost alone are none."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.findings import Observations, find
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import LOGIN, Logins, OperationCheck, PreflightReport, Works
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.monitor import Reading
from tests.findings.simulated import FIRST_S, made

BEGAN = FIRST_S - 30
STORM = Logins(91, 0, 0, 9_120.0, 24_300.0, BEGAN, BEGAN + 28.0, 0, 0.001, 3, 23.4)
"""As with bcrypt at cost 12: 91 users at 20/s, 0.25 s of CPU each, one worker."""
CPU = [Reading(BEGAN + second, "server", "server.cpu_percent", 94.0, "percent") for second in range(1, 29)]
OTHER = [Reading(BEGAN + second, "server", "server.cpu_percent", 5.0, "percent") for second in (-1, 0, 29, 60)]


def seen(*alone_ms: float) -> PreflightReport:
    checks = [OperationCheck("policyholder", LOGIN, "POST", "/login", Works.YES, 200, "", value) for value in alone_ms]
    return PreflightReport("http://localhost:8015", "", "", (LOGIN,), tuple(checks))


def told(logins: Logins | None, preflight: PreflightReport | None = None, readings: Any = ()) -> list[Finding]:
    summary = replace(made(3, 40, 80.0, None).summary, logins=logins)
    found = find(summary, Observations(readings, preflight=preflight))
    return [finding for finding in found if finding.kind is FindingKind.LOGINS]


def test_a_storm_names_the_time_alone_the_servers_cpu_and_what_to_do() -> None:
    (storm,) = told(STORM, seen(262.0, 250.0), [*CPU, *OTHER])

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


def test_without_monitor_and_preflight_it_is_told_all_the_same() -> None:
    (storm,) = told(replace(STORM, ended_at=None))

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
    assert told(logins, seen(alone_ms), CPU) == []


def test_a_limit_on_logins_is_told_though_they_were_quick() -> None:
    limited = replace(STORM, avg_ms=20.0, failures=30, rate_limited=30, outlasted_s=0.4)
    (storm,) = told(limited, seen(250.0))

    # At the rate at which they succeeded: 61 in 28 s.
    assert storm.headline.details == (
        FindingMessage.ALONE(mean=250.0),
        FindingMessage.RATE_LIMITED(share=30 / 91),
        FindingMessage.START_AT_RATE(rate=61 / 28),
    )


def test_it_comes_after_what_the_steady_state_shows_and_before_what_is_told_of_every_run() -> None:
    summary = replace(made(3, 40, 80.0, None).summary, logins=STORM)
    kinds = [finding.kind for finding in find(summary, Observations(CPU))]

    unusual = [finding.unusual for finding in find(summary, Observations(CPU))]
    assert kinds.index(FindingKind.LOGINS) == unusual.count(True) - 1  # the last of the unusual ones
