"""The monitors' main figures of a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import pytest

from perfsuite.model import LiveSnapshot
from perfsuite.model.monitor import Reading
from perfsuite.report.live.figures import Gauge, GaugeState, alert_text, gauges, gauges_in_short
from tests.report import example_runs
from tests.report.watched_run import latest, reading

FINE, NEAR, FULL, GAP = GaugeState.FINE, GaugeState.NEAR, GaugeState.FULL, GaugeState.GAP


def moment(readings: Mapping[str, Reading]) -> LiveSnapshot:
    return LiveSnapshot("r", "basic", "http://localhost:8015", example_runs.live(), (), readings)


def test_all_of_a_demo_in_their_order() -> None:
    assert gauges(moment(latest())) == (
        Gauge("server", "CPU", "45.2 %", FINE),
        Gauge("server", "machine CPU", "61 %", FINE),
        Gauge("server", "listen queue", "0", FINE),
        Gauge("server", "pool", "3/16", FINE),
        Gauge("PostgreSQL", "connections", "12/100", FINE),
        Gauge("PostgreSQL", "blocked", "0", FINE),
        Gauge("PostgreSQL", "cache hits", "99.9 %", FINE),
        Gauge("Redis", "hits", "81.2 %", FINE),
        Gauge("Redis", "memory", "3.20 MB", FINE),
    )


def test_only_what_is_there() -> None:
    shown = gauges(moment({"machine.cpu_percent": reading("machine.cpu_percent", 12.0)}))
    assert shown == (Gauge("server", "machine CPU", "12 %", FINE),)
    assert gauges(moment({})) == ()


@pytest.mark.parametrize(
    ("label", "changed", "text", "state"),
    [
        pytest.param("CPU", {"server__cpu_percent": 199.0}, "199 %", FULL, id="all cores it may use"),
        pytest.param(
            "CPU", {"server__busiest_process_cpu_percent": 97.0}, "45.2 %", FULL, id="one process fills its core"
        ),
        pytest.param("machine CPU", {"machine__cpu_percent": 79.9}, "79.9 %", FINE, id="just not near"),
        pytest.param("machine CPU", {"machine__cpu_percent": 80.0}, "80 %", NEAR, id="near"),
        pytest.param("machine CPU", {"machine__cpu_percent": 95.0}, "95 %", FULL, id="at the limit"),
        pytest.param("pool", {"pool__checked_out": 19.0}, "19/16", FULL, id="overflow"),
        pytest.param("pool", {"pool__waiting": 1.0}, "3/16", NEAR, id="somebody waits"),
        pytest.param("pool", {"pool__checked_out": None, "pool__waiting": None}, "–", GAP, id="a gap is no zero"),
        pytest.param("pool", {"pool__size": None}, "3", FINE, id="a limit that is not known"),
        pytest.param("connections", {"postgres__connections": 96.0}, "96/100", FULL, id="connections"),
        pytest.param("blocked", {"postgres__blocked_sessions": 1.0}, "1", NEAR, id="a blocked session"),
        pytest.param("listen queue", {"server__listen_queue": 5.0}, "5", NEAR, id="connections wait"),
        pytest.param("cache hits", {"postgres__cache_hit_percent": 100.0}, "100 %", FINE, id="all hits"),
        pytest.param("memory", {"redis__memory_used_percent": 96.0}, "3.20 MB", FULL, id="maxmemory"),
        pytest.param("memory", {"redis__memory_bytes": 1.25e9}, "1.25 GB", FINE, id="without maxmemory"),
    ],
)
def test_text_and_state(label: str, changed: Mapping[str, float | None], text: str, state: GaugeState) -> None:
    shown = {gauge.label: gauge for gauge in gauges(moment(latest(**changed)))}
    assert (shown[label].text, shown[label].state) == (text, state)


@pytest.mark.parametrize(
    ("used", "state"),
    [
        pytest.param(40, FINE, id="room"),
        pytest.param(79, FINE, id="just not near"),
        pytest.param(80, NEAR, id="near"),
        pytest.param(99, NEAR, id="not saturated"),
        pytest.param(100, FULL, id="saturated"),
    ],
)
def test_how_near_its_limit_the_generator_is(used: int, state: GaugeState) -> None:
    shown = replace(moment({}), live=replace(example_runs.live(), generator_percent=used))

    assert gauges(shown) == (Gauge("generator", "capacity used", f"{used} %", state),)
    assert gauges_in_short(shown) == f"generator {used} %"


@pytest.mark.parametrize(
    ("readings", "told"),
    [
        pytest.param(latest(), "server 45.2 % CPU, db 12/100", id="the usual two"),
        pytest.param(latest(server__cpu_percent=None), "server – CPU, db 12/100", id="a gap"),
        pytest.param(
            latest(pool__checked_out=16.0, machine__cpu_percent=99.0),
            "server 45.2 % CPU, machine CPU 99 %, pool 16/16, db 12/100",
            id="and what is at its limit",
        ),
        pytest.param({"machine.cpu_percent": reading("machine.cpu_percent", 61.0)}, "machine 61 % CPU", id="no server"),
        pytest.param({}, "", id="nothing is watched"),
    ],
)
def test_in_short(readings: Mapping[str, Reading], told: str) -> None:
    assert gauges_in_short(moment(readings)) == told


@pytest.mark.parametrize(
    ("violations", "unanswered_s", "text"),
    [
        pytest.param(0, 0, "", id="all is well"),
        pytest.param(1, 0, "Wrong under load: 1 violation", id="a violation"),
        pytest.param(0, 4, "No response from the target for 4 seconds", id="silence"),
        pytest.param(
            2, 4, "Wrong under load: 2 violations; No response from the target for 4 seconds", id="both"
        ),
    ],
)  # fmt: skip
def test_what_is_shown_in_red(violations: int, unanswered_s: int, text: str) -> None:
    assert alert_text(replace(example_runs.live(), violations=violations, unanswered_s=unanswered_s)) == text
