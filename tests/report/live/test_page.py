"""What the live page tells: the same as the terminal, and the verdict in the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.model import LiveSnapshot, RunReport
from perfsuite.report.findings import ALWAYS_TITLE, TITLE, findings_of
from perfsuite.report.live.figures import alert_text
from perfsuite.report.live.page import (
    ENDED,
    LAST_S,
    LINES_KEPT,
    LOAD_OVER,
    FigureCard,
    FinishedRun,
    LivePage,
    LivePageBuilder,
    NamedValue,
    live_files,
)
from perfsuite.report.live.terminal import live_view
from perfsuite.report.terminal.console import to_text
from perfsuite.report.terminal.summary import render_summary
from tests.report import example_runs
from tests.report.watched_run import latest, watched

FOLDER = Path("results/moderate_20260301_093000")


def snapshot(number: int = 1, elapsed_s: float = 35.4, **live: object) -> LiveSnapshot:
    """The example's, in which everything is watched; `live`: what differs."""
    report = example_runs.failed()
    state = replace(example_runs.live(), elapsed_s=elapsed_s, **live)  # type: ignore[arg-type]
    targets = report.verdict.targets
    return LiveSnapshot(f"run_{number}", "moderate", "http://localhost:8015", state, targets, latest())


def page_after(*snapshots: LiveSnapshot) -> LivePage:
    builder = LivePageBuilder()
    for one in snapshots:
        builder.progress(one)
    return builder.page


def test_before_a_load_the_last_line_is_the_news() -> None:
    builder = LivePageBuilder()
    assert (builder.page.badge, builder.page.headline) == ("preparing", "Preparing")
    builder.say("Demo: starting")
    builder.say("Preflight: http://localhost:8015")
    assert (builder.page.badge, builder.page.headline) == ("preparing", "Preflight: http://localhost:8015")
    assert builder.page.lines == ("Demo: starting", "Preflight: http://localhost:8015")
    assert not builder.page.loading


def test_a_moment_is_told_as_on_the_terminal() -> None:
    shown = snapshot(unanswered_s=7, failures=3)
    page, terminal = page_after(shown), to_text(live_view(shown), width=118, color=False)
    texts = [page.badge, page.headline, page.clock, page.alert]
    texts += [text for role in page.roles for text in (f"{role.name} {role.value}",)]
    texts += [text for card in page.cards for text in (card.value, *card.detail.split(" ", 1))]
    texts += [text for one in page.monitored for text in (*one.name.split(": "), one.value)]
    texts += [text for target in page.targets for text in (target.name, target.observed, target.limit, target.outcome)]
    texts += [target.reason for target in page.targets]
    assert (len(page.roles), len(page.monitored)) == (7, 9)
    assert [text for text in texts if text not in terminal] == []
    assert (page.badge, page.clock, page.share) == ("steady", "00:35 / 01:00", pytest.approx(0.59))
    assert page.alert == alert_text(shown.live) != ""
    assert page.title == "00:35 / 01:00 steady – moderate"


def test_what_is_said_during_a_load_is_its_news_until_it_is_over() -> None:
    builder = LivePageBuilder()
    builder.say("Preflight: http://localhost:8015")
    builder.progress(snapshot())
    assert builder.page.news == ""
    builder.say("Interrupted: requests in flight may finish")
    builder.progress(snapshot())
    assert (builder.page.headline, builder.page.news) == ("moderate", "Interrupted: requests in flight may finish")
    builder.load_over()
    builder.say("Cleanup: removed 3 of 3 rows that the run made")
    assert (builder.page.headline, builder.page.news) == (LOAD_OVER, "")


def test_figures_are_now_with_what_they_were_so_far_below() -> None:
    assert page_after(snapshot()).cards == (
        FigureCard("Users", "10/10", "", ""),
        FigureCard("Requests", "479", "steady state", ""),
        FigureCard("Requests/s", "8.20", "9.04 steady state", ""),
        FigureCard("Avg ms", "17.6", "19.2 steady state", ""),
        FigureCard("p95 ms", "41.3", "50.5 steady state", ""),
        FigureCard("Failures", "0", "steady state", ""),
        FigureCard("Failure rate", "0 %", "steady state", ""),
    )


def test_what_is_not_known_is_a_dash_and_failures_are_alarming() -> None:
    statistics = replace(example_runs.live().statistics, failures=4, failure_rate=0.01)
    page = page_after(snapshot(statistics=statistics, steady=False, phase="ramp-up", p95_now_ms=None, avg_now_ms=None))
    assert page.badge == "ramp-up"
    assert [card for card in page.cards if card.value == "–"] == [
        FigureCard("Avg ms", "–", "19.2 since the start", ""),
        FigureCard("p95 ms", "–", "50.5 since the start", ""),
    ]
    assert page.cards[5:] == (
        FigureCard("Failures", "4", "since the start", "alarm"),
        FigureCard("Failure rate", "1 %", "since the start", "alarm"),
    )


def test_what_is_watched_tells_how_near_its_limit_it_is() -> None:
    readings = latest(postgres__connections=97.0, redis__hit_percent=None)
    page = page_after(replace(snapshot(), readings=readings))
    texts = {one.name: one for one in page.monitored}
    assert texts["PostgreSQL: connections"] == NamedValue("PostgreSQL: connections", "97/100", "full", "at its limit")
    assert texts["Redis: hits"] == NamedValue("Redis: hits", "–", "gap", "gap")


def test_the_lines_of_the_last_minutes() -> None:
    page = page_after(*(snapshot(elapsed_s=second, rps_now=second, p95_now_ms=None) for second in (0.0, 1.0, 2.0, 3.0)))
    texts = [(spark.name, spark.now, spark.peak) for spark in page.sparks]
    assert texts == [
        ("Requests/s", "3 requests/s", "peak 3 requests/s in the last 00:02"),  # there is no load in second 0
        ("Average", "17.6 ms", "peak 17.6 ms in the last 00:02"),
        ("95th percentile", "–", "needs 200 requests in five seconds"),
        ("Server CPU", "45.2 %", "peak 45.2 % in the last 00:02"),
    ]
    assert {spark.box for spark in page.sparks} == {"0 0 60 100"}
    assert [spark.path for spark in page.sparks] == ["M0 66.67L1 33.33L2 0", "M0 0L1 0L2 0", "", "M0 0L1 0L2 0"]


def test_only_the_last_minutes_are_kept() -> None:
    page = page_after(*(snapshot(elapsed_s=float(second), rps_now=400.0 - second) for second in range(1, 400)))
    assert page.sparks[0].peak == f"peak {LAST_S + 1} requests/s in the last 05:00"
    assert page.sparks[0].path.count("L") == LAST_S
    assert page.sparks[0].box == "0 0 300 100"


def test_what_is_not_known_is_a_gap_and_nothing_at_all_lies_at_the_bottom() -> None:
    seconds = (
        snapshot(elapsed_s=1.0, avg_now_ms=5.0, rps_now=0.0),
        snapshot(elapsed_s=2.0, avg_now_ms=None, rps_now=0.0),
    )
    requests, average, *_others = page_after(*seconds, snapshot(elapsed_s=3.0, avg_now_ms=10.0, rps_now=0.0)).sparks
    assert (requests.path, average.path) == ("M0 100L1 100L2 100", "M0 50h0M2 0h0")


def test_a_machine_without_a_server_shows_its_own_cpu_and_none_without_any() -> None:
    readings = {"machine.cpu_percent": latest()["machine.cpu_percent"]}
    assert [spark.name for spark in page_after(replace(snapshot(), readings=readings)).sparks][3:] == ["Machine CPU"]
    page = page_after(replace(snapshot(), readings={}))
    assert ([spark.name for spark in page.sparks][3:], page.monitored) == ([], ())


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_the_verdict_is_that_of_the_terminal(name: str) -> None:
    report = example_runs.EXAMPLES[name]()
    builder = LivePageBuilder()
    builder.progress(snapshot())
    builder.load_over()
    assert (builder.page.badge, builder.page.headline, builder.page.loading) == ("load finished", LOAD_OVER, False)
    builder.run_over(report, FOLDER)
    page, result = builder.page, builder.page.result
    assert result is not None
    printed = render_summary(report, width=110, folder=FOLDER)
    assert result.printed == printed
    assert printed.endswith(f"VERDICT: {page.badge}\n")
    flat = " ".join(printed.split())
    assert page.headline in flat
    assert [reason for reason in result.reasons if " ".join(reason.split()) not in flat] == []
    assert result.folder == "results/moderate_20260301_093000"
    assert page.kind == report.verdict.outcome.value
    assert page.title == f"{page.badge} – {report.summary.scenario}"
    assert page.outcome_title == "Outcome"


def test_figures_and_targets_in_the_end_are_those_of_the_verdict() -> None:
    builder = LivePageBuilder()
    builder.progress(snapshot())
    builder.run_over(example_runs.failed(), FOLDER)
    cards = {card.name: card for card in builder.page.cards}
    assert cards["Users"] == FigureCard("Users", "50/50", "", "")
    assert cards["Requests/s"] == FigureCard("Requests/s", "42.5", "steady state", "")
    assert cards["Failures"] == FigureCard("Failures", "330", "steady state", "alarm")
    assert [(role.name, role.value) for role in builder.page.roles][-2:] == [
        ("policyholder", "15"),
        ("support staff", "5"),
    ]
    assert {spark.now for spark in builder.page.sparks} == {""}  # there is no load now
    assert [(target.name, target.outcome) for target in builder.page.targets][:1] == [
        ("Average response time", "missed")
    ]


def test_without_a_steady_state_the_last_figures_stay() -> None:
    builder = LivePageBuilder()
    builder.progress(snapshot())
    before = builder.page.cards
    report = example_runs.interrupted()
    totals = replace(report.summary.totals, requests=0)
    builder.run_over(replace(report, summary=replace(report.summary, totals=totals)), FOLDER)
    assert builder.page.cards == before


def test_findings_are_told_as_everywhere() -> None:
    report = watched(example_runs.failed())
    builder = LivePageBuilder()
    builder.run_over(report, FOLDER)
    found, result = findings_of(report), builder.page.result
    assert result is not None
    assert result.findings == found.unusual != ()
    assert (result.always, result.note, result.more) == (found.always, found.note, found.left_out)


def test_the_headings_are_those_of_everywhere() -> None:
    page = live_files()["/"][1].decode()
    name, texts = TITLE.rstrip(")").split(" (")
    assert f"{name} <small>{texts}</small>" in page
    assert f">{ALWAYS_TITLE}</h2>" in page


def finished(builder: LivePageBuilder, number: int, report: RunReport) -> None:
    builder.progress(snapshot(number, rps_now=float(number)))
    builder.load_over()
    builder.run_over(report, FOLDER)


def test_the_next_scenario_goes_on_beside_the_verdicts_of_those_before() -> None:
    builder = LivePageBuilder()
    finished(builder, 1, example_runs.passed())
    builder.say("Next scenario in 10 s")
    assert (builder.page.badge, builder.page.earlier) == ("PASS", ())  # the verdict stays until there is load again
    assert builder.page.lines == ("Next scenario in 10 s",)
    builder.progress(snapshot(2, rps_now=2.0))
    assert (builder.page.badge, builder.page.result, builder.page.loading) == ("steady", None, True)
    assert [run.label for run in builder.page.earlier] == ["PASS"]
    assert builder.page.sparks[0].peak == "peak 2 requests/s in the last 00:00"
    builder.run_over(example_runs.failed(), FOLDER)
    assert (builder.page.badge, [run.label for run in builder.page.earlier]) == ("FAIL", ["PASS"])


def test_the_end_leaves_the_last_state() -> None:
    builder = LivePageBuilder()
    finished(builder, 1, example_runs.passed())
    verdict = builder.page
    builder.end()
    assert builder.page == replace(verdict, end_notice=ENDED, ended=True)


def test_an_end_without_a_verdict() -> None:
    builder = LivePageBuilder()
    builder.say("Demo: starting")
    builder.end()
    assert (builder.page.badge, builder.page.headline, builder.page.ended) == ("ended", ENDED, True)


def test_a_run_that_came_to_nothing_tells_why() -> None:
    builder = LivePageBuilder()
    builder.say("Preflight: http://localhost:8015")
    builder.run_failed("Operations fail before any load:\n  users.me  HTTP 500\nMend them.")
    builder.end()
    assert (builder.page.badge, builder.page.kind) == ("NO RESULT", "fail")
    assert builder.page.headline == "Operations fail before any load:"
    assert builder.page.result == FinishedRun(
        "", "NO RESULT", "fail", "Operations fail before any load:", printed="  users.me  HTTP 500\nMend them."
    )


def test_one_that_came_to_nothing_after_another_does_not_show_its_figures() -> None:
    builder = LivePageBuilder()
    finished(builder, 1, example_runs.passed())
    builder.run_failed("nothing listens there")
    page = builder.page
    assert (page.cards, page.sparks, page.targets, page.monitored, page.roles) == ((), (), (), (), ())
    assert [run.label for run in page.earlier] == ["PASS"]


def test_many_lines_do_not_pile_up() -> None:
    builder = LivePageBuilder()
    for number in range(LINES_KEPT + 50):
        builder.say(f"line {number}")
    assert (len(builder.page.lines), builder.page.lines[-1]) == (LINES_KEPT, f"line {LINES_KEPT + 49}")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        pytest.param(
            "postgres: postgresql://watcher:geheim@db/mitra: no answer", "postgres: postgresql://…db/mitra: no answer",
            id="a name and a password",
        ),
        pytest.param("redis://:geheim@localhost:6379", "redis://…localhost:6379", id="a password alone"),
        pytest.param("host=db password=geheim user=x", "host=db password=… user=x", id="a DSN in words"),
        pytest.param("http://localhost:8015/a@b", "http://localhost:8015/a@b", id="an @ in a path is no password"),
        pytest.param("two\nlines\x1b[31m\u202e", "two lines [31m ", id="not printable"),
    ],
)  # fmt: skip
def test_lines_are_printable_and_hold_no_password(said: str, shown: str) -> None:
    builder = LivePageBuilder()
    builder.say(said)
    assert builder.page.lines == (shown,)
    builder.run_failed(said.replace("\n", " "))
    assert builder.page.headline == shown
