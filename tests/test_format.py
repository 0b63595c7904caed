"""The rules of `perfsuite/format.py`, one row each."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest

from perfsuite import format as fmt
from perfsuite.model.monitor import METRICS


@pytest.mark.parametrize(
    ("value", "text"),
    [
        pytest.param(1204567, "1,204,567", id="thousands"),
        pytest.param(1240.6, "1,241", id="digits before the point stay"),
        pytest.param(310.4, "310", id="three significant digits from 100 on"),
        pytest.param(82.54, "82.5", id="… from 10 on"),
        pytest.param(6.126, "6.13", id="… from 1 on"),
        pytest.param(0.4, "0.40", id="two decimals below 1"),
        pytest.param(0.01234, "0.012", id="two significant digits below 0.1"),
        pytest.param(0.00099, "0.00099", id="however small"),
        pytest.param(3.3, "3.30", id="trailing zeros stay"),
        pytest.param(12.0, "12", id="a whole number has no decimals"),
        pytest.param(7.000000000000001, "7", id="noise of the arithmetic is no decimal"),
        pytest.param(9.996, "10.0", id="rounding up does not add a digit"),
        pytest.param(99.97, "100", id="… nor at 100"),
        pytest.param(0.0997, "0.10", id="… nor at 0.1"),
        pytest.param(-82.54, "-82.5", id="negative"),
        pytest.param(-0.0, "0", id="no negative zero"),
        pytest.param(0, "0", id="zero"),
        pytest.param(None, "–", id="unknown"),
        pytest.param(math.inf, "–", id="infinite"),
        pytest.param(math.nan, "–", id="no number"),
    ],
)
def test_number(value: float | None, text: str) -> None:
    assert fmt.number(value) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [
        (0.0, "0 %"),
        (1.0, "100 %"),
        (0.0182, "1.82 %"),
        (0.033, "3.30 %"),
        (0.6707, "67.1 %"),
        (0.005, "0.50 %"),
        pytest.param(0.99535, "99.53 %", id="near 100 % as exact as near 0 %"),
        pytest.param(0.00001, "< 0.01 %", id="one in 100,000 is not none"),
        pytest.param(0.99999, "> 99.99 %", id="all but one is not all"),
        pytest.param(1.47, "147 %", id="more than all"),
        (None, "–"),
    ],
)
def test_percent(fraction: float | None, text: str) -> None:
    assert fmt.percent(fraction) == text


@pytest.mark.parametrize(
    ("fraction", "text"),
    [(0.1234, "+12 %"), (-0.0321, "-3.2 %"), (1.48, "+148 %"), (0.0, "0 %"), (0.0002, "0 %"), (0.0996, "+10 %")],
)
def test_signed_percent(fraction: float, text: str) -> None:
    assert fmt.signed_percent(fraction) == text


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("p95_ms", 2310.4, "2,310 ms"),
        ("min_ms", 0.873, "0.87 ms"),
        ("failure_rate", 0.0125, "1.25 %"),
        ("rps", 120.04, "120 requests/s"),
        ("concurrent_users", 1200.0, "1,200"),
        ("max_queries_per_request", 21.0, "21 queries"),
        ("requests", 1200, "1,200"),
        ("pool.used_percent p95", 97.54, "97.5 %"),
        ("server.memory_bytes max", 1.25e9, "1.25 GB"),
        ("network.bytes_sent_per_s", 812e3, "812 kB/s"),
        ("machine.memory_available_bytes", 512.0, "512 bytes"),
        ("postgres.longest_query_s max", 3.25, "3.25 s"),
        ("postgres.statements_exec_ms_per_s", 4.0, "4 ms/s"),
        ("redis.evictions_per_s max", 4.0, "4/s"),
        ("pool.used_percent p95", None, "–"),
    ],
)
def test_figures_have_the_unit_of_their_name(name: str, value: float | None, text: str) -> None:
    assert fmt.figure(name, value) == text


@pytest.mark.parametrize("name", METRICS)
def test_the_name_of_a_reading_says_its_unit(name: str) -> None:
    assert fmt.unit_of(f"{name} p95") == METRICS[name].unit


def test_a_column_that_names_its_unit_shows_numbers_alone() -> None:
    assert [fmt.plain("avg_ms", 41.26), fmt.plain("failure_rate", 0.0182)] == ["41.3", "1.82 %"]


@pytest.mark.parametrize(
    ("name", "ends", "text"),
    [
        pytest.param("p95_ms", (1_890.4, 2_110.0), "1,890–2,110 ms", id="one unit for both ends"),
        pytest.param("failure_rate", (0.0, 0.00005), "0–0.0050 %", id="per cent"),
        pytest.param("rps", (24.5, 26.75), "24.5–26.8 requests/s", id="a rate"),
        pytest.param("rps", None, "", id="not known"),
    ],
)
def test_interval(name: str, ends: tuple[float, float] | None, text: str) -> None:
    assert fmt.interval_text(name, ends) == text


def test_limits_are_shown_as_they_were_set() -> None:
    assert fmt.bound("avg_ms", 500, below=True) == "< 500 ms"
    assert fmt.bound("failure_rate", 0.005, below=True) == "< 0.5 %"
    assert fmt.bound("rps", 100.0, below=False) == "> 100 requests/s"
    assert fmt.limit_text("avg_ms", 1234.5678) == "1,234.5678 ms"


@pytest.mark.parametrize(
    ("name", "observed", "allowed", "texts"),
    [
        pytest.param("rps", 100.0002, 100, ("100.0002 requests/s", "100 requests/s"), id="as many digits as it takes"),
        pytest.param("failure_rate", 0.0099999, 0.01, ("0.99999 %", "1 %"), id="a hair below 1 %"),
        pytest.param("failure_rate", 0.00001, 0.01, ("0.0010 %", "1 %"), id="some failures are not shown as none"),
        pytest.param("avg_ms", 500.0, 500, ("500 ms", "500 ms"), id="equal is equal"),
    ],
)
def test_what_was_observed_differs_from_its_limit(
    name: str, observed: float, allowed: float, texts: tuple[str, str]
) -> None:
    assert fmt.apart(name, observed, allowed) == texts


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.35, "350 ms"),
        (0.9997, "1 s"),
        (7.52, "7.5 s"),
        (54.0, "54 s"),
        (119.0, "119 s"),
        (150.0, "2 min 30 s"),
        (600.0, "10 min"),
        (3599.9, "1 h"),
        (-3600, "-1 h"),
        (11_100.0, "3 h 5 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert fmt.duration(seconds) == text


@pytest.mark.parametrize(
    ("made", "text"),
    [
        pytest.param(fmt.change(12, 310.2, "ms"), "12 ms → 310 ms", id="change"),
        pytest.param(fmt.change(None, 310.2, "ms"), "310 ms", id="change from what is not known"),
        pytest.param(fmt.change(12, None, "ms"), "12 ms → no answer", id="change to a gap"),
        pytest.param(fmt.quantity(0.25, "fraction"), "25 %", id="fraction"),
        pytest.param(fmt.rough_percent(0.0321), "3.2 %", id="estimate"),
        pytest.param(fmt.plain("server.memory_bytes max", 1.25e9), "1.25 GB", id="bytes keep their unit"),
        pytest.param(fmt.interval_text("p95_ms", (1, 2.5), plain=True), "1–2.50", id="interval without its unit"),
        pytest.param(fmt.plain("lasts_at_least", 90_000), "25 h", id="forecast"),
        pytest.param(fmt.bound("lasts_at_least", 86_400, below=False), "> 24 h", id="limit of a forecast"),
        pytest.param(fmt.signed(1204), "+1,204", id="difference of counts"),
        pytest.param(fmt.p_value(0.0123), "p = 0.012", id="p"),
        pytest.param(fmt.p_value(1e-9), "p < 0.0001", id="tiny p"),
        pytest.param(fmt.plural(1, "query"), "1 query", id="singular"),
        pytest.param(fmt.plural(1204, "query"), "1,204 queries", id="plural of -y"),
        pytest.param(fmt.plural(2, "day"), "2 days", id="plural of -ay"),
        pytest.param(fmt.plural(0, "target was", "targets were"), "0 targets were", id="irregular plural"),
        pytest.param(fmt.listed(["a", "b", "c"]), "a, b, c", id="list"),
        pytest.param(fmt.listed(["a", "b", "c"], 1), "a and 2 more", id="long list"),
        pytest.param(fmt.joined(["a", "b", "c"]), "a, b and c", id="in a sentence"),
        pytest.param(fmt.joined([]), "", id="empty list"),
        pytest.param(fmt.setting(0.1 + 0.2), "0.3", id="what was set"),
        pytest.param(fmt.time_of_day(36_190), "10:03:10 UTC", id="time of day"),
        pytest.param(fmt.utc(36_190), "1970-01-01T10:03:10Z", id="time"),
    ],
)
def test_other_texts(made: str, text: str) -> None:
    assert made == text


@pytest.mark.parametrize(
    ("function", "texts"),
    [
        (fmt.clock, {0: "00:00", 59.9: "00:59", 600: "10:00", 3723: "1:02:03"}),
        (fmt.rough_duration, {3_000: "50 min", 40_000: "11 h", 864_000: "10 days", 1e9: "more than a year"}),
        (fmt.option_duration, {90.0: "1m30s", 3600.0: "1h", 0.5: "0.5s", 0.0: "0s", 3601.0: "1h1s"}),
        (fmt.ordinal, {1: "1st", 2: "2nd", 4: "4th", 11: "11th", 101: "101st", 112: "112th", 1022: "1,022nd"}),
    ],
)
def test_positions(function: Callable[[float], str], texts: dict[float, str]) -> None:
    assert {value: function(value) for value in texts} == texts
