"""Findings on the time axis: marks, anchors, and cards with times since the start."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import RunReport
from perfsuite.model.finding import Evidence, Finding, FindingKind
from perfsuite.report.findings import NOT_MONITORED, NOTHING_UNUSUAL
from perfsuite.report.page.findings import findings_section
from perfsuite.report.page.timeline import ChartTimeline, MetricAnchor, timeline_of
from tests.report import example_runs
from tests.report.made_load import START
from tests.report.made_readings import part, read
from tests.report.watched_run import AT_S, onset

SECONDS = 120
LOCKS = MetricAnchor("chart-postgres-locks", "curve-postgres-locks-0")
POOL = MetricAnchor("chart-pool-connections", "curve-pool-connections-0")
STATEMENTS = MetricAnchor("chart-postgres-statements-each", "curve-postgres-statements-each-0")
CORE = MetricAnchor("chart-parts-machine-core-cpu-percent", "curve-parts-machine-core-cpu-percent-0")
MACHINE = MetricAnchor("chart-machine-cpu")
BLOCKED = [0.0] * 30 + [5.0] * 90


def run(*findings: Finding) -> RunReport:
    """Two minutes with a monitored database."""
    readings = (
        *read("postgres.blocked_sessions", BLOCKED),
        *read("pool.checked_out", [float(at % 4) for at in range(SECONDS)]),
        *read("postgres.statements_calls_per_s", [float(at) for at in range(SECONDS)]),
        *read("machine.cpu_percent", [float(at) / 2 for at in range(SECONDS)]),
        *part("machine.core_cpu_percent", "core 1", [float(at) for at in range(SECONDS)]),
        *read("postgres.deadlocks_per_s", [0.0] * SECONDS),
    )
    return replace(example_runs.failed(), findings=findings, readings=readings)


def timeline(*findings: Finding) -> ChartTimeline:
    found = timeline_of(run(*findings), ())
    assert found is not None
    return found


def at(second: int) -> Finding:
    return Finding(FindingKind.INCIDENT, "something happened", "locks", START + second)


def test_all_charts_share_one_axis_and_monitors_follow_the_load() -> None:
    found = timeline(onset())
    assert (found.axis.length_s, found.start_s) == (SECONDS, START)
    assert [chart.name for chart in found.charts] == [
        "requests", "times", "operations", "failures", "users",
        "machine-cpu", "parts-machine-core-cpu-percent", "pool-connections", "postgres-locks",
        "postgres-statements", "postgres-statements-each",
    ]  # fmt: skip
    assert [(tick.text, round(tick.at, 2)) for tick in found.axis.ticks][:3] == [
        ("00:00", 0),
        ("00:10", 8.33),
        ("00:20", 16.67),
    ]
    assert [name.text for name in found.axis.names] == ["ramp-up", "steady"]


def test_a_finding_is_marked_in_the_charts_of_the_load_and_of_its_evidence() -> None:
    found = timeline(onset(), at(500))
    marked = [chart.name for chart in found.charts if chart.marks]
    assert marked == ["requests", "times", "operations", "failures", "users", "pool-connections", "postgres-locks"]
    assert [(mark.number, mark.at_s) for mark in found.marks] == [(1, 30)]


def test_marks_close_to_each_other_are_stacked() -> None:
    found = timeline(at(50), at(30), at(32), at(33), at(36))
    assert [(mark.number, mark.at_s, mark.level) for mark in found.marks] == [
        (2, 30, 0), (3, 32, 1), (4, 33, 2), (5, 36, 0), (1, 50, 0),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("metric", "anchor"),
    [
        pytest.param("postgres.blocked_sessions", LOCKS, id="its own line"),
        pytest.param("avg_ms", MetricAnchor("chart-times", "curve-times-0"), id="the load's"),
        pytest.param("pool.used_percent", POOL, id="a share of it"),
        pytest.param("postgres.statements_per_request", STATEMENTS, id="by request"),
        pytest.param("machine.other_cpu_percent", MACHINE, id="the closest chart, without its line"),
        pytest.param("postgres.deadlocks_per_s", MetricAnchor("constant-postgres"), id="constant: in the table"),
        pytest.param("machine.core_cpu_percent/core 1", CORE, id="a part"),
        pytest.param("machine.core_cpu_percent", MetricAnchor(CORE.anchor), id="all parts"),
        pytest.param("queries_per_request", None, id="in no chart"),
    ],
)  # fmt: skip
def test_anchors(metric: str, anchor: MetricAnchor | None) -> None:
    assert timeline().anchor_of(Evidence(metric, metric, 1.0, 2.0, "count")) == anchor


def test_the_response_time_of_an_operation_has_its_own_line() -> None:
    own = Evidence("avg_ms", "users.me as policyholder: mean time, 93 % of the time added", 6.0, 980.0, "ms", AT_S)
    of_all = replace(own, label="response time, mean")
    found = timeline(replace(onset(), operation="users.me", evidence=(of_all, own)))
    assert [found.anchor_of(each) for each in (own, of_all)] == [
        MetricAnchor("chart-operations", "curve-operations-0"),
        MetricAnchor("chart-times", "curve-times-0"),
    ]


def test_operations_that_findings_name_are_drawn_first_then_those_of_the_most_time() -> None:
    found = timeline(replace(onset(), operation="tickets.list"))
    lines = next(chart for chart in found.charts if chart.name == "operations").curves
    assert [line.label for line in lines][:2] == ["tickets.list", "users.me"]
    assert len(lines) == 6
    slow = lines[1].lows
    assert max(value for value in slow[:30] if value) < 100 < min(value for value in slow[30:] if value)


def test_a_run_of_one_second_has_no_time_axis() -> None:
    report = run()
    assert timeline_of(replace(report, summary=replace(report.summary, seconds=report.summary.seconds[:1])), ()) is None


def test_cards_have_times_since_the_start_and_the_chart_of_each_figure() -> None:
    report = run(onset())
    (card,) = findings_section(report, timeline_of(report, ()), ()).cards
    assert card.headline.startswith(
        "Response times rose (26 ms → 1,140 ms on average, most of it users.me as policyholder) from 00:30 on;"
    )
    assert (card.number, card.about, card.anchor) == (
        1,
        ("locks", "left its normal range", "from 00:30"),
        "chart-times",
    )
    assert [(row.label, row.before, row.after, row.at, row.at_percent, row.anchor) for row in card.rows] == [
        ("response time, mean", "26 ms", "1,140 ms", "00:30", 25.0, "chart-times"),
        ("sessions blocked by another session", "0", "5", "00:29", 29 / 1.2, "chart-postgres-locks"),
        ("connections of the pool in use", "12.5 %", "100 %", "00:32", 32 / 1.2, "chart-pool-connections"),
        ("requests that failed", "0 %", "31 %", "00:30", 25.0, "chart-failures"),
    ]
    assert card.more == ()


def test_a_line_is_drawn_beside_the_first_figure_only_and_more_than_four_are_folded() -> None:
    rows = tuple(Evidence("avg_ms", f"operation {number}", 1.0, 2.0, "ms", AT_S) for number in range(6))
    report = run(replace(onset(), evidence=rows))
    (card,) = findings_section(report, timeline_of(report, ()), ()).cards
    assert [row.curve for row in card.rows] == ["curve-times-0", "", "", ""]
    assert [row.label for row in card.more] == ["operation 4", "operation 5"]


@pytest.mark.parametrize(
    ("kind", "anchor", "about"),
    [
        pytest.param(FindingKind.COST, "cost", "measured without load", id="the fingerprint's table"),
        pytest.param(FindingKind.LIMIT, "", "throughout the steady state", id="drawn nowhere"),
    ],
)
def test_figures_that_no_chart_shows(kind: FindingKind, anchor: str, about: str) -> None:
    row = Evidence("queries_per_request", "queries", None, None, "count")
    report = run(Finding(kind, "N+1", "queries per request", evidence=(row,)))
    (card,) = findings_section(report, timeline_of(report, ()), ("cost",)).cards
    assert (card.anchor, card.rows[0].anchor, card.about[-1]) == (anchor, anchor, about)
    assert (card.rows[0].before, card.rows[0].after, card.rows[0].at) == ("", "no answer", "")


def test_where_the_time_goes_points_at_its_tables() -> None:
    report = example_runs.watched()
    found = findings_section(report, timeline_of(report, ()), ("operations", "roles"))
    assert [(card.headline, card.anchor, card.about) for card in found.always] == [
        ("Most response time goes to users.me: 52 % of it", "operations", ()),
        ("policyholder waits most: 30 % of the requests", "roles", ()),
        ("Most of the time is spent inside the application: 510 ms in it on average", "", ()),
    ]


def test_notes_without_findings() -> None:
    quiet = findings_section(run(), None, ())
    assert (quiet.cards, quiet.note, quiet.not_monitored) == (
        (),
        f"{NOTHING_UNUSUAL}: machine, connection pool, PostgreSQL.",
        "",
    )
    blind = findings_section(replace(run(), readings=()), None, ())
    assert (blind.note, blind.not_monitored) == ("", NOT_MONITORED)
