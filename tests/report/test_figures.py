"""Numbers for files and for people."""

from __future__ import annotations

import math

import pytest

from perfsuite.report.figures import clock, human, interval_text, limit_text, percent, rounded, with_unit


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("avg_ms", 41.53249, 41.532, id="ms have three decimals"),
        pytest.param("failure_rate", 1 / 3, 0.333333, id="fractions have six"),
        pytest.param("requests", 12, 12, id="counts stay whole"),
        pytest.param("p95_ms", None, None, id="unknown stays unknown"),
        pytest.param("rps", math.inf, None, id="JSON has no infinity"),
    ],
)
def test_rounded(name: str, value: float | None, expected: float | None) -> None:
    assert rounded(name, value) == expected
    assert type(rounded(name, value)) is type(expected)


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        pytest.param("requests", 1204567, "1,204,567", id="thousands"),
        pytest.param("avg_ms", 1240.6, "1,241", id="large times without decimals"),
        pytest.param("avg_ms", 41.26, "41.3", id="one decimal from ten on"),
        pytest.param("avg_ms", 6.126, "6.13", id="two below"),
        pytest.param("failure_rate", 0.0123, "1.23 %", id="per cent"),
        pytest.param("p99_ms", None, "–", id="unknown"),
    ],
)
def test_human(name: str, value: float | None, shown: str) -> None:
    assert human(name, value) == shown


@pytest.mark.parametrize(
    ("fraction", "shown"),
    [
        pytest.param(0.0, "0 %", id="nothing"),
        pytest.param(1.0, "100 %", id="all"),
        pytest.param(0.00001, "< 0.01 %", id="one in 100,000 is not nothing"),
        pytest.param(0.99999, "> 99.99 %", id="all but one is not all"),
    ],
)
def test_percent(fraction: float, shown: str) -> None:
    assert percent(fraction) == shown


def test_limits_and_units() -> None:
    assert limit_text("avg_ms", 500, below=True) == "< 500 ms"
    assert limit_text("failure_rate", 0.01, below=True) == "< 1 %"
    assert limit_text("failure_rate", 0.005, below=True) == "< 0.5 %"
    assert limit_text("rps", 100.0, below=False) == "> 100 req/s"
    assert with_unit("concurrent_users", 220.0) == "220 users"


@pytest.mark.parametrize(
    ("metric", "value", "shown"),
    [
        pytest.param("pool.used_percent p95", 97.54, "97.5 %", id="per cent of a reading"),
        pytest.param("server.memory_bytes max", 1.25e9, "1.2 GB", id="bytes in a size that is read"),
        pytest.param("pool.answer_ms avg", 12.0, "12 ms", id="ms"),
        pytest.param("postgres.longest_query_s max", 3.25, "3.25 s", id="seconds"),
        pytest.param("redis.evictions_per_s max", 4.0, "4/s", id="per second"),
        pytest.param("postgres.blocked_sessions max", 3.0, "3", id="counts have none"),
        pytest.param("max_queries_per_request", 21.0, "21 queries", id="queries"),
        pytest.param("pool.used_percent p95", None, "–", id="not read"),
    ],
)
def test_targets_on_readings_have_the_units_of_the_catalogue(metric: str, value: float | None, shown: str) -> None:
    assert with_unit(metric, value) == shown


@pytest.mark.parametrize(
    ("metric", "interval", "shown"),
    [
        pytest.param("p95_ms", (1_890.4, 2_110.0), "1,890–2,110 ms", id="one unit for both ends"),
        pytest.param("failure_rate", (0.0, 0.00005), "0–< 0.01 %", id="per cent"),
        pytest.param("rps", (24.5, 26.75), "24.5–26.8 req/s", id="a rate"),
        pytest.param("rps", None, "", id="not known"),
    ],
)
def test_intervals(metric: str, interval: tuple[float, float] | None, shown: str) -> None:
    assert interval_text(metric, interval) == shown


def test_clock() -> None:
    assert [clock(0), clock(59.9), clock(600), clock(3723)] == ["00:00", "00:59", "10:00", "1:02:03"]
