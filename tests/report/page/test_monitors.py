"""Charts of monitored metrics: which are shown, which are folded, and that no metric is lost."""

from __future__ import annotations

import pytest

from perfsuite.model.monitor import METRICS, Reading
from perfsuite.report.page.charts import Chart
from perfsuite.report.page.monitors import MonitorGroup, component_of, label_of, monitor_groups
from perfsuite.report.page.panels import COMPONENTS
from perfsuite.timeseries import tracks_of
from tests.report.made_load import START
from tests.report.made_readings import part, read

UP = [0.0, 10.0, 20.0, 30.0]


def groups(*readings: list[Reading], steady: tuple[int, int] | None = None) -> dict[str, MonitorGroup]:
    length = max(len(each) for each in readings)
    tracks = tracks_of([reading for each in readings for reading in each], START, length)
    return {group.name: group for group in monitor_groups(tracks, steady)}


def only(group: MonitorGroup) -> Chart:
    (chart,) = group.charts
    return chart


def test_every_metric_of_the_catalogue_is_shown_changing_or_constant() -> None:
    changing = groups(*(read(metric, UP) for metric in METRICS))
    drawn = {
        curve.key for group in changing.values() for chart in (*group.charts, *group.folded) for curve in chart.curves
    }
    assert drawn == set(METRICS)
    constant = groups(*(read(metric, [5.0] * 4) for metric in METRICS))
    assert {row[2].text for group in constant.values() if group.constant for row in group.constant.rows} == set(METRICS)
    assert [group.charts + group.folded for group in constant.values()] == [()] * len(constant)


def test_charts_have_one_unit_at_most_four_lines_and_a_name_of_their_own() -> None:
    names = [panel.name for component in COMPONENTS for panel in component.panels]
    assert len(names) == len(set(names))
    for panel in (panel for component in COMPONENTS for panel in component.panels):
        assert 1 <= len(panel.lines) <= 4, panel.name
        assert len({METRICS[metric].unit for metric in panel.lines if metric in METRICS}) <= 1, panel.name


def test_main_metrics_are_shown_and_others_folded() -> None:
    group = groups(read("redis.memory_bytes", UP), read("redis.cpu_percent", UP), read("redis.slowlog_per_s", UP))[
        "redis"
    ]
    assert [(chart.name, chart.timed) for chart in group.charts] == [("redis-cpu", False), ("redis-memory", True)]
    assert [(chart.title, chart.timed) for chart in group.folded] == [("Slowlog, per s", True)]
    assert group.fold_title == "1 more chart"


def test_constant_metrics_are_listed_and_not_drawn() -> None:
    group = groups(read("postgres.deadlocks_per_s", [0.0] * 4), read("postgres.up", [1.0] * 4),
                   read("postgres.connections_idle", [None] * 4))["postgres"]  # fmt: skip
    assert (group.charts, group.folded) == ((), ())
    assert group.summary == "deadlocks 0/s"
    assert group.constant is not None
    assert [[cell.text for cell in row] for row in group.constant.rows] == [
        ["deadlocks", "0/s", "postgres.deadlocks_per_s"],
        ["up", "1", "postgres.up"],
        ["connections idle", "–", "postgres.connections_idle"],
    ]
    assert group.fold_title == "3 constant metrics"


def test_figures_cover_the_steady_state_and_count_gaps() -> None:
    chart = only(groups(read("redis.hit_percent", [5.0, 80.0, None, 90.0, 70.0, 1.0]), steady=(1, 5))["redis"])
    (curve,) = chart.curves
    assert (curve.median, curve.worst, chart.worst, curve.gaps) == ("80 %", "70 %", "min", "no data for 1 s")
    assert curve.lows == (5, 80, None, 90, 70, 1)
    assert curve.path.count("M") == 2
    assert chart.description == "Cache hit ratio, %. keys found: median 80 %, min 70 %."


def test_a_part_that_came_later_has_no_gap_before_it() -> None:
    waits = part("postgres.waits_by_event", "Lock: relation", [None, None, 3.0, None, 0.0, 1.0])
    whole = read("postgres.up", [1.0] * 6)
    (chart,) = groups([each for each in waits if each.at_s >= START + 2], whole, steady=(0, 6))["postgres"].folded
    assert [(curve.label, curve.worst, curve.gaps) for curve in chart.curves] == [
        ("Lock: relation", "3", "no data for 1 s")
    ]


@pytest.mark.parametrize(
    ("values", "limit", "lines"),
    [
        pytest.param(UP, [40.0] * 4, [("limit 40", 0.0)], id="drawn if the metric comes near it"),
        pytest.param(UP, [1000.0] * 4, [("limit 1,000", None)], id="only in the legend if it is far above"),
        pytest.param(UP, [None] * 4, [], id="not known"),
    ],
)
def test_limits(values: list[float | None], limit: list[float | None], lines: list[tuple[str, float | None]]) -> None:
    found = groups(read("postgres.connections", values), read("postgres.connections_limit", limit))["postgres"]
    assert [(one.label, one.y) for one in only(found).limits] == lines


def test_a_limit_that_two_lines_share_is_drawn_once() -> None:
    busy = [50.0, 100.0, 90.0, 80.0]
    chart = only(groups(read("machine.cpu_percent", busy), read("machine.busiest_core_percent", busy))["machine"])
    assert [limit.label for limit in chart.limits] == ["limit 100 %"]
    assert [tick.text for tick in chart.ticks] == ["0", "50", "100"]


def test_up_to_four_parts_have_a_line_each_and_else_the_busiest() -> None:
    few = groups(*(part("machine.core_cpu_percent", f"core {core}", UP) for core in range(4)))["machine"]
    assert [curve.label for curve in few.folded[0].curves] == ["core 0", "core 1", "core 2", "core 3"]
    many = groups(
        *(part("machine.core_cpu_percent", f"core {core}", [0.0, core * 3.0, 1.0]) for core in range(10)),
        part("machine.core_cpu_percent", "core 10", [7.0, 7.0, 7.0]),
    )["machine"]
    (chart,) = many.folded
    assert [curve.label for curve in chart.curves] == ["7 others", "core 9", "core 8", "core 7"]
    assert (chart.curves[0].lows, chart.curves[0].highs) == ((0, 0, 1), (0, 18, 1))
    assert many.constant is not None
    assert [row[0].text for row in many.constant.rows] == ["core CPU (core 10)"]


def test_an_unknown_metric_has_a_group_and_a_chart() -> None:
    group = groups(read("queue.depth</script>", UP))["queue"]
    assert (group.title, group.charts) == ("Queue", ())
    assert [(chart.name, chart.title) for chart in group.folded] == [("queue-depth-script-", "Depth</script>")]


def test_names() -> None:
    assert component_of("machine.tcp_retransmits_per_s") == "network"
    assert component_of("machine.cpu_percent") == "machine"
    assert label_of("postgres.wal_bytes_per_s") == "write-ahead log"
    assert label_of("machine.core_cpu_percent") == "core CPU"


def test_without_readings_there_is_no_group() -> None:
    assert monitor_groups([], (0, 10)) == []
