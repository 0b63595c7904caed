"""Every query of the dashboard is run against a real Prometheus that scrapes a run of known figures."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator

import pytest

from perfsuite.clock import sleep_s, utc_s
from perfsuite.measurements.histogram import BOUNDARIES_MS
from perfsuite.model.monitor import METRICS
from perfsuite.report.exporter import families
from perfsuite.report.exporter.families import base_unit
from tests.deploy.dashboard import RATE_INTERVAL, Query, dashboard, queries
from tests.deploy.programs import PACE, Scraped, scraped
from tests.integration.programs import until
from tests.report.exporter import made_run
from tests.report.exporter.made_run import LOOP_LAG_MS, RESPONSE_MS, SERVICE_MS, START_LAG_MS

pytestmark = pytest.mark.integration

_WITHIN_S = 60.0
ALL_MS = [value for values in RESPONSE_MS.values() for value in values]
ALL_SERVICE_MS = [*SERVICE_MS, *made_run.LOOKING_MS]


# ── what is known of the made run ───────────────────────────────────────────────────────────────────


def quantile(fraction: float, values_ms: list[float]) -> float:
    """What histogram_quantile gives, s: even within the bucket that holds the rank."""
    rank, low, below = fraction * len(values_ms), 0, 0
    for boundary in BOUNDARIES_MS:
        count = sum(value <= boundary for value in values_ms)
        if count >= rank:
            return (low + (boundary - low) * (rank - below) / (count - below)) / 1000
        low, below = boundary, count
    raise AssertionError("beyond the last boundary")


def mean_s(values_ms: list[float]) -> float:
    return sum(values_ms) / len(values_ms) / 1000


RATE = 0.25
"""How far a rate over four seconds of scrapes may be off on a busy machine; ratios of rates are exact."""
EXACT = 1e-6

Known = tuple[dict[str, float], float]
"""Series → value, and how far off it may be (relative)."""

KNOWN: dict[str, Known] = {
    "Run": ({"http://127.0.0.1:8015, made_20260301_093000, made": 1}, EXACT),
    "Phase": ({"plateau": 1}, EXACT),
    "Steady state": ({"": 1}, EXACT),
    "Done": ({"": 0.5}, EXACT),
    "Failed": ({"": 2 / 16}, EXACT),
    "Targets": (
        {
            "avg, all, average response time, seconds, below": 0.5,
            "p95, all, 95th percentile, seconds, below": 2,
            "failure_rate, all, failure rate, ratio, below": 0.01,
            "rps, all, throughput, requests_per_second, above": 100,
            "avg, all, average response time, seconds": 0.125,
            "failure_rate, all, failure rate, ratio": 0.125,
            "rps, all, throughput, requests_per_second": 16,
            "avg, met, all, average response time, seconds": 1,
            "p95, not judged, all, 95th percentile, seconds": 1,
            "failure_rate, missed, all, failure rate, ratio": 1,
            "rps, information, all, throughput, requests_per_second": 1,
        },
        EXACT,
    ),
    "Missed": ({"": 1}, EXACT),
    "Requests per second by role": ({"policyholder": 11 * PACE, "senior_agent": 5 * PACE}, RATE),
    "Users by role": ({"policyholder": 6, "senior_agent": 3, "asked for": 9}, EXACT),
    "Requests per second, busiest operations": (
        {"policies.list as policyholder": 11 * PACE, "dashboard.senior_agent as senior_agent": 5 * PACE},
        RATE,
    ),
    "Failed share by role": ({"policyholder": 2 / 11, "senior_agent": 0}, EXACT),
    "Failures per second by kind": ({"http status": PACE, "not started": PACE}, RATE),
    "Failures per second, worst operations": ({"policies.list as policyholder": 2 * PACE}, RATE),
    "Open model: actions per second": ({"due": 12 * PACE, "begun": 11 * PACE, "not started": PACE}, RATE),
    "Open model: actions that wait": ({"waiting": made_run.QUEUED}, EXACT),
    "Open model: how late actions begin": (
        {"p50": quantile(0.5, START_LAG_MS), "p99": quantile(0.99, START_LAG_MS)},
        EXACT,
    ),
    "All roles": ({f"p{percent}": quantile(percent / 100, ALL_MS) for percent in (50, 95, 99)}, EXACT),
    "95th percentile by role": ({role: quantile(0.95, values) for role, values in RESPONSE_MS.items()}, EXACT),
    "Median by role": ({role: quantile(0.5, values) for role, values in RESPONSE_MS.items()}, EXACT),
    "Average by role": ({role: mean_s(values) for role, values in RESPONSE_MS.items()}, EXACT),
    "Answered within": ({"0.5 s": 13 / 16, "2.0 s": 15 / 16}, EXACT),
    "95th percentile: response and service time": (
        {"response time": quantile(0.95, ALL_MS), "service time": quantile(0.95, ALL_SERVICE_MS)},
        EXACT,
    ),
    "CPU of load processes": ({"worker-1": 0.42, "worker-1 waits for a core": 0.03}, EXACT),
    "Lag of event loops, p99": ({"worker-1": quantile(0.99, LOOP_LAG_MS)}, EXACT),
    "Memory of load processes": ({"worker-1": 50_000_000}, EXACT),
    "Processes lost": ({"": 1}, EXACT),
    "Answering (1) or not (0)": (
        {
            metric.component: made_run.READINGS[name].value or 0
            for name, metric in METRICS.items()
            if name.endswith(".up")
        },
        EXACT,
    ),
}
"""Panel → what its queries give together."""
READING = re.compile(r'(mitra_reading_\w+)\{instance=~"\$instance"\}')
OF_READINGS = {
    family.name: (made_run.READINGS[name].value or 0) / base_unit(METRICS[name].unit).divisor
    for name, family in families.READINGS.items()
}
GROWING = "Requests"
"""The panel whose value grows has a test of its own."""

ALL = list(queries())
PANELS = list(dict.fromkeys(query.panel for query in ALL))
PLAIN = {panel for panel in PANELS if all(READING.fullmatch(query.expression) for query in ALL if query.panel == panel)}
"""Panels that show readings as they are."""


def of_panel(panel: str) -> list[Query]:
    return [query for query in ALL if query.panel == panel]


# ── the queries ─────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    with scraped(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def variables(live: Scraped) -> dict[str, str]:
    """As Grafana fills them in where "All" is chosen."""
    instance = live.instance.replace(".", r"\\.")
    return {"instance": f"({instance})", "role": "(policyholder|senior_agent)", "__rate_interval": RATE_INTERVAL}


def shown(panel: str, live: Scraped) -> dict[str, float]:
    """Series → its newest value, of all queries of a panel, each asked as the panel asks it; NaN shows nothing."""
    found: dict[str, float] = {}
    for query in of_panel(panel):
        expression = query.filled_in(variables(live))
        series = live.prometheus.now(expression) if query.now else live.prometheus.lately(expression)
        assert series, f"{query.panel}: {expression} gives nothing"
        found |= {query.name_of(labels): values[-1] for labels, values in series if not math.isnan(values[-1])}
    return found


def test_no_panel_is_left_out() -> None:
    assert sorted({*KNOWN, *PLAIN, GROWING}) == sorted(PANELS)
    assert not KNOWN.keys() & PLAIN


@pytest.mark.parametrize("panel", KNOWN)
def test_a_panel_shows_what_is_known_of_the_run(panel: str, live: Scraped) -> None:
    known, off = KNOWN[panel]
    expected, deadline = pytest.approx(known, rel=off, abs=1e-9), utc_s() + _WITHIN_S
    # Rates need a few scrapes, and steady ones.
    while (found := attempt(panel, live)) != expected and utc_s() < deadline:
        sleep_s(0.2)
    assert found == expected


def shown_soon(panel: str, live: Scraped) -> dict[str, float]:
    """What a panel shows, as soon as it shows something: on a busy machine scrapes come late."""
    found: dict[str, float] = until(lambda: attempt(panel, live), _WITHIN_S, f"{panel} shows something")
    return found


def attempt(panel: str, live: Scraped) -> dict[str, float]:
    try:
        return shown(panel, live)
    except AssertionError:
        return {}


@pytest.mark.parametrize("panel", sorted(PLAIN))
def test_a_panel_shows_its_readings(panel: str, live: Scraped) -> None:
    names = {query.legend: READING.fullmatch(query.expression) for query in of_panel(panel)}
    assert shown_soon(panel, live) == pytest.approx(
        {legend: OF_READINGS[name[1]] for legend, name in names.items() if name}
    )


def test_the_number_of_requests_is_that_of_whole_seconds(live: Scraped) -> None:
    before = shown_soon(GROWING, live)[""]
    after = until(lambda: (now := shown_soon(GROWING, live)[""]) > before and now, _WITHIN_S, "more requests")
    assert (before % made_run.REQUESTS, after % made_run.REQUESTS) == (0, 0)


def test_the_variables_offer_what_there_is(live: Scraped) -> None:
    offered = {}
    for variable in dashboard()["templating"]["list"][1:]:
        asked = re.fullmatch(r"label_values\((.+), (\w+)\)", variable["query"]["query"])
        assert asked, variable["name"]
        metric = asked[1].replace("$instance", variables(live)["instance"])
        offered[variable["name"]] = live.prometheus.ask(f"label/{asked[2]}/values", **{"match[]": metric})
    assert offered == {"instance": [live.instance], "role": ["policyholder", "senior_agent"]}
