"""The section of a search on the page: facts, charts and levels; its visits on the time axis."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import CapacityReport, RunReport, SearchBy, VisitPhase
from perfsuite.report.page.capacity import MOST_LINES, CapacitySection, capacity_section
from perfsuite.report.page.html import report_html
from perfsuite.report.page.page import page_of
from perfsuite.report.page.stages import periods_of, visits_table
from perfsuite.report.page.timeline import timeline_of
from tests.report import example_runs, made_capacity
from tests.report.made_load import START


def section(found: CapacityReport, by: SearchBy = SearchBy.ARRIVAL_RATE) -> CapacitySection:
    made = capacity_section(made_capacity.run_of(found, by))
    assert made is not None
    return made


def by_users() -> RunReport:
    return made_capacity.run_of(made_capacity.by_users(), SearchBy.USERS)


def test_it_comes_first_and_only_in_the_report_of_a_search() -> None:
    page = page_of(by_users())

    assert page.contents[0] == ("Capacity", "capacity")
    assert page.sentence.startswith("Meets all targets up to 313–327 users (95 % CI)")
    assert page_of(example_runs.passed()).capacity is None
    assert 'id="capacity"' not in report_html(example_runs.passed())


def test_facts() -> None:
    interval = dict(section(made_capacity.by_users(), SearchBy.USERS).facts)
    cliff = dict(section(made_capacity.cliff()).facts)
    nothing = dict(section(made_capacity.first_load_fails()).facts)

    assert interval == {
        "95 % CI": "313–327 users", "Width": "4.12 %", "Last pass": "318 users", "First fail": "325 users",
        "Tried": "14 loads in 14 min 5 s", "Requests": "4,349, 0 failed",
    }  # fmt: skip
    assert cliff["Between"] == "95.1–97.0 actions/s"
    assert list(nothing) == ["First fail", "Tried", "Requests"]


def test_figures_over_all_loads_are_left_out() -> None:
    searched, plain = page_of(by_users()), page_of(example_runs.passed())

    assert (searched.figures, searched.distribution) == ((), None)
    assert (len(plain.figures), plain.distribution is not None) == (6, True)


def test_each_load_is_a_shape_at_its_worst_target() -> None:
    chart = section(made_capacity.by_users(), SearchBy.USERS).charts[0]
    first, *_, last = chart.marks

    assert [mark.kind for mark in chart.marks].count("fail") == 5
    assert (first.kind, round(first.x, 2), round(first.y, 1)) == ("undecided", round(800 / 600, 2), 87.0)
    assert (last.kind, last.y) == ("fail", 0.0)
    assert last.title == "512 users: fail, 95th percentile 99.02 % over 1,200 ms, limit 5 %"
    assert "318 users: pass, average response time 490 ms, limit 500 ms" in chart.description


def test_lines_leave_out_loads_at_which_the_generator_was_near_its_limit() -> None:
    found = made_capacity.limited_by_generator()
    counted = [level for level in found.answer.levels if not level.generator_limited]
    chart = section(found).charts[0]

    assert len(counted) < len(chart.marks) == len(found.answer.levels)
    assert chart.lines[0].path.count("L") == len(counted) - 1


def test_the_second_chart_is_of_the_loads_near_the_answer() -> None:
    charts = section(made_capacity.by_users(), SearchBy.USERS).charts

    assert [chart.name for chart in charts] == ["margins", "margins-near"]
    assert [tick.text for tick in charts[1].columns] == ["300", "320", "340", "360"]
    assert len(charts[1].marks) == 9
    assert charts[1].band is not None
    assert 30 < charts[1].band.x < charts[1].band.x + charts[1].band.width < 51
    assert [chart.name for chart in section(made_capacity.first_load_fails()).charts] == ["margins"]


@pytest.mark.parametrize(
    ("found", "text", "is_band"),
    [
        pytest.param(made_capacity.by_rate, "95 % CI", True, id="interval"),
        pytest.param(made_capacity.cliff, "cliff", True, id="cliff"),
        pytest.param(made_capacity.limited_by_generator, "at least", False, id="a line where one end is open"),
    ],
)
def test_the_answer_is_marked_in_the_chart(found: object, text: str, is_band: bool) -> None:
    assert callable(found)
    band = section(found()).charts[0].band

    assert band is not None
    assert (band.text, band.width > 0) == (text, is_band)


def test_shapes_in_use_are_explained() -> None:
    limited = section(made_capacity.limited_by_generator())

    assert [kind for kind, _ in limited.kinds] == ["pass", "undecided", "generator"]
    assert limited.charts[0].saturation is None
    assert section(made_capacity.by_rate()).charts[0].saturation is not None


def test_of_many_targets_those_nearest_their_limits_have_a_line() -> None:
    found = made_capacity.by_rate("one slow operation of 28", 7)
    twice = replace(
        found,
        targets=found.targets * 2,
        answer=replace(
            found.answer, levels=tuple(replace(level, means=level.means * 2) for level in found.answer.levels)
        ),
    )
    made = section(twice)

    assert len(made.charts[0].lines) == MOST_LINES
    assert made.more == 4
    assert [line.label for line in made.charts[0].lines].count("95th percentile of reports") == 2


def test_levels_are_a_table_with_exact_values() -> None:
    table = section(made_capacity.by_users(), SearchBy.USERS).table

    assert [column.title for column in table.columns][:5] == [
        "Users", "Seconds", "Requests", "Requests/s", "Worst target",
    ]  # fmt: skip
    assert [cell.text for cell in table.rows[3][:4]] == ["256", "10", "1,591", "159"]
    assert (table.rows[3][3].value, table.rows[3][7].text) == ("159.1", "pass")
    assert table.rows[-1][7].alarm


def test_each_visit_has_a_row() -> None:
    report = by_users()
    found = report.capacity
    assert found is not None
    table = visits_table(report)
    assert table is not None

    assert len(table.rows) == len(found.visits)
    assert not table.open
    assert [cell.text for cell in table.rows[0][:5]] == ["1", "8", "bracket", "00:00", "10 s"]
    recovery = next(place for place, visit in enumerate(found.visits) if visit.phase is VisitPhase.RECOVERY)
    assert "recovered after" in table.rows[recovery][-1].text
    assert visits_table(example_runs.passed()) is None
    assert ("Visits", "visits-title") not in page_of(report).contents


def test_visits_have_their_load_on_the_time_axis_and_what_does_not_count_is_shaded() -> None:
    report = by_users()
    assert report.capacity is not None
    periods = list(periods_of(report.summary.seconds, report.capacity.visits))
    first, second = report.capacity.visits[:2]
    recovery = next(visit for visit in report.capacity.visits if visit.phase is VisitPhase.RECOVERY)

    assert [(each.name, each.start, each.end, each.shaded) for each in periods[:3]] == [
        ("8", 0, first.discard_s, True),
        ("8", first.discard_s, 10, False),
        ("32", 10, 10 + second.discard_s, True),
    ]
    at = recovery.first - START
    assert [each.shaded for each in periods if each.start <= at < each.end] == [True]
    assert [before.end for before in periods[:-1]] == [after.start for after in periods[1:]]
    assert periods[-1].end == len(report.summary.seconds)


def test_what_is_around_the_visits_is_shaded_too() -> None:
    report = made_capacity.run_of(made_capacity.by_users(), SearchBy.USERS)
    assert report.capacity is not None
    visit = replace(report.capacity.visits[0], first=START + 4, stop=START + 14, discard_s=5)
    periods = list(periods_of(report.summary.seconds, [visit]))

    assert [(each.name, each.start, each.end, each.shaded) for each in periods] == [
        ("", 0, 4, True), ("8", 4, 9, True), ("8", 9, 14, False), ("", 14, len(report.summary.seconds), True),
    ]  # fmt: skip


def test_visits_are_too_many_for_buttons() -> None:
    searched, plain = timeline_of(by_users(), ()), timeline_of(example_runs.passed(), ())

    assert searched is not None
    assert plain is not None
    assert (searched.axis.zooms, len(plain.axis.zooms)) == ((), 1)
    assert {"325", "294"} <= {name.text for name in searched.axis.names}
    assert searched.shaded != plain.shaded
