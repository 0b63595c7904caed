"""What the live page tells: the same as the terminal, and the verdict in the end."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.model import LiveSnapshot, RunReport
from perfsuite.report.evidence import ALWAYS_TITLE, TITLE, findings_of
from perfsuite.report.live.page import (
    LAST_S,
    LINES_KEPT,
    LOAD_OVER,
    OVER,
    Card,
    Judged,
    LivePage,
    LiveStory,
    Watched,
    live_files,
)
from perfsuite.report.live.terminal import live_view
from perfsuite.report.terminal.console import render_summary, to_text
from tests.report import example_runs
from tests.report.watched_run import latest, watched

FOLDER = Path("results/moderate_20260301_093000")


def moment(number: int = 1, elapsed_s: float = 35.4, **live: object) -> LiveSnapshot:
    """The example's, in which everything is watched; `live`: what differs."""
    report = example_runs.failed()
    state = replace(example_runs.live(), elapsed_s=elapsed_s, **live)  # type: ignore[arg-type]
    targets = report.verdict.targets
    return LiveSnapshot(f"run_{number}", "moderate", "http://localhost:8015", state, targets, latest())


def page_after(*moments: LiveSnapshot) -> LivePage:
    story = LiveStory()
    for one in moments:
        story.progress(one)
    return story.page


def test_before_a_load_the_last_line_is_the_news() -> None:
    story = LiveStory()
    assert (story.page.badge, story.page.headline) == ("preparing", "Preparing")
    story.say("Demo: starting")
    story.say("Preflight: http://localhost:8015")
    assert (story.page.badge, story.page.headline) == ("preparing", "Preflight: http://localhost:8015")
    assert story.page.lines == ("Demo: starting", "Preflight: http://localhost:8015")
    assert not story.page.loading


def test_a_moment_is_told_as_on_the_terminal() -> None:
    shown = moment(unanswered_s=7, failures=3)
    page, terminal = page_after(shown), to_text(live_view(shown), width=118, color=False)
    told = [page.badge, page.headline, page.clock, page.alert]
    told += [text for role in page.roles for text in (f"{role.name} {role.users}",)]
    told += [text for card in page.cards for text in (card.value, *card.detail.split(" ", 1))]
    told += [text for one in page.watched for text in (*one.name.split(": "), one.value)]
    told += [text for target in page.targets for text in (target.name, target.observed, target.limit, target.outcome)]
    told += [target.reason for target in page.targets]
    assert (len(page.roles), len(page.watched)) == (7, 9)
    assert [text for text in told if text not in terminal] == []
    assert (page.badge, page.clock, page.share) == ("steady", "00:35 / 01:00", pytest.approx(0.59))
    assert page.alert == "No answer from the target for 7 seconds"
    assert page.title == "00:35 / 01:00 steady – moderate"


def test_what_is_said_during_a_load_is_its_news_until_it_is_over() -> None:
    story = LiveStory()
    story.say("Preflight: http://localhost:8015")
    story.progress(moment())
    assert story.page.news == ""
    story.say("Interrupted: requests in flight may finish")
    story.progress(moment())
    assert (story.page.headline, story.page.news) == ("moderate", "Interrupted: requests in flight may finish")
    story.load_over()
    story.say("Cleanup: removed 3 of 3 rows that the run made")
    assert (story.page.headline, story.page.news) == (LOAD_OVER, "")


def test_figures_are_now_with_what_they_were_so_far_below() -> None:
    assert page_after(moment()).cards == (
        Card("Users", "10/10", "", ""),
        Card("Requests", "479", "steady state", ""),
        Card("Req/s", "8.20", "9.04 steady state", ""),
        Card("Avg ms", "17.6", "19.2 steady state", ""),
        Card("p95 ms", "41.3", "50.5 steady state", ""),
        Card("Failures", "0", "steady state", ""),
        Card("Failure rate", "0 %", "steady state", ""),
    )


def test_what_is_not_known_is_a_dash_and_failures_are_alarming() -> None:
    statistics = replace(example_runs.live().statistics, failures=4, failure_rate=0.01)
    page = page_after(moment(statistics=statistics, steady=False, phase="ramp-up", p95_now_ms=None, avg_now_ms=None))
    assert page.badge == "ramp-up"
    assert [card for card in page.cards if card.value == "–"] == [
        Card("Avg ms", "–", "19.2 since the start", ""),
        Card("p95 ms", "–", "50.5 since the start", ""),
    ]
    assert page.cards[5:] == (
        Card("Failures", "4", "since the start", "alarm"),
        Card("Failure rate", "1.00 %", "since the start", "alarm"),
    )


def test_what_is_watched_tells_how_near_its_limit_it_is() -> None:
    readings = latest(postgres__connections=97.0, redis__hit_percent=None)
    page = page_after(replace(moment(), readings=readings))
    told = {one.name: one for one in page.watched}
    assert told["PostgreSQL: connections"] == Watched("PostgreSQL: connections", "97/100", "full", "at its limit")
    assert told["Redis: hits"] == Watched("Redis: hits", "–", "gap", "gap")


def test_the_lines_of_the_last_minutes() -> None:
    page = page_after(*(moment(elapsed_s=second, rps_now=second, p95_now_ms=None) for second in (0.0, 1.0, 2.0, 3.0)))
    told = [(spark.name, spark.now, spark.most) for spark in page.sparks]
    assert told == [
        ("Requests/s", "3 req/s", "highest 3 req/s in the last 00:02"),  # there is no load in second 0
        ("Average", "17.6 ms", "highest 17.6 ms in the last 00:02"),
        ("95th percentile", "–", "needs 200 requests in five seconds"),
        ("Server CPU", "45.2 %", "highest 45.2 % in the last 00:02"),
    ]
    assert {spark.box for spark in page.sparks} == {"0 0 60 100"}
    assert [spark.path for spark in page.sparks] == ["M0 66.67L1 33.33L2 0", "M0 0L1 0L2 0", "", "M0 0L1 0L2 0"]


def test_only_the_last_minutes_are_kept() -> None:
    page = page_after(*(moment(elapsed_s=float(second), rps_now=900.0 - second) for second in range(1, 900)))
    assert page.sparks[0].most == f"highest {LAST_S + 1} req/s in the last 05:00"
    assert page.sparks[0].path.count("L") == LAST_S
    assert page.sparks[0].box == "0 0 300 100"


def test_what_is_not_known_is_a_gap_and_nothing_at_all_lies_at_the_bottom() -> None:
    seconds = (moment(elapsed_s=1.0, avg_now_ms=5.0, rps_now=0.0), moment(elapsed_s=2.0, avg_now_ms=None, rps_now=0.0))
    requests, average, *_others = page_after(*seconds, moment(elapsed_s=3.0, avg_now_ms=10.0, rps_now=0.0)).sparks
    assert (requests.path, average.path) == ("M0 100L1 100L2 100", "M0 50h0M2 0h0")


def test_a_machine_without_a_server_shows_its_own_cpu_and_none_without_any() -> None:
    readings = {"machine.cpu_percent": latest()["machine.cpu_percent"]}
    assert [spark.name for spark in page_after(replace(moment(), readings=readings)).sparks][3:] == ["Machine CPU"]
    page = page_after(replace(moment(), readings={}))
    assert ([spark.name for spark in page.sparks][3:], page.watched) == ([], ())


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_the_verdict_is_that_of_the_terminal(name: str) -> None:
    report = example_runs.EXAMPLES[name]()
    story = LiveStory()
    story.progress(moment())
    story.load_over()
    assert (story.page.badge, story.page.headline, story.page.loading) == ("load over", LOAD_OVER, False)
    story.run_over(report, FOLDER)
    page, judged = story.page, story.page.judged
    assert judged is not None
    printed = render_summary(report, width=110, folder=FOLDER)
    assert judged.printed == printed
    assert printed.endswith(f"VERDICT: {page.badge}\n")
    flat = " ".join(printed.split())
    assert page.headline in flat
    assert [reason for reason in judged.reasons if " ".join(reason.split()) not in flat] == []
    assert judged.folder == "results/moderate_20260301_093000"
    assert page.kind == report.verdict.outcome.value
    assert page.title == f"{page.badge} – {report.summary.scenario}"
    assert page.outcome_title == "Outcome"


def test_figures_and_targets_in_the_end_are_those_of_the_verdict() -> None:
    story = LiveStory()
    story.progress(moment())
    story.run_over(example_runs.failed(), FOLDER)
    cards = {card.name: card for card in story.page.cards}
    assert cards["Users"] == Card("Users", "50/50", "", "")
    assert cards["Req/s"] == Card("Req/s", "42.5", "steady state", "")
    assert cards["Failures"] == Card("Failures", "330", "steady state", "alarm")
    assert [(role.name, role.users) for role in story.page.roles][-2:] == [
        ("policyholder", "15"),
        ("support staff", "5"),
    ]
    assert {spark.now for spark in story.page.sparks} == {""}  # there is no load now
    assert [(target.name, target.outcome) for target in story.page.targets][:1] == [("Average response time", "missed")]


def test_without_a_steady_state_the_last_figures_stay() -> None:
    story = LiveStory()
    story.progress(moment())
    before = story.page.cards
    report = example_runs.interrupted()
    totals = replace(report.summary.totals, requests=0)
    story.run_over(replace(report, summary=replace(report.summary, totals=totals)), FOLDER)
    assert story.page.cards == before


def test_findings_are_told_as_everywhere() -> None:
    report = watched(example_runs.failed())
    story = LiveStory()
    story.run_over(report, FOLDER)
    found, judged = findings_of(report), story.page.judged
    assert judged is not None
    assert judged.findings == found.unusual != ()
    assert (judged.always, judged.note, judged.more) == (found.always, found.note, found.left_out)


def test_the_headings_are_those_of_everywhere() -> None:
    page = live_files()["/"][1].decode()
    name, told = TITLE.rstrip(")").split(" (")
    assert f"{name} <small>{told}</small>" in page
    assert f">{ALWAYS_TITLE}</h2>" in page


def finished(story: LiveStory, number: int, report: RunReport) -> None:
    story.progress(moment(number, rps_now=float(number)))
    story.load_over()
    story.run_over(report, FOLDER)


def test_the_next_scenario_goes_on_beside_the_verdicts_of_those_before() -> None:
    story = LiveStory()
    finished(story, 1, example_runs.passed())
    story.say("Next scenario in 10 s")
    assert (story.page.badge, story.page.earlier) == ("PASS", ())  # the verdict stays until there is load again
    assert story.page.lines == ("Next scenario in 10 s",)
    story.progress(moment(2, rps_now=2.0))
    assert (story.page.badge, story.page.judged, story.page.loading) == ("steady", None, True)
    assert [run.label for run in story.page.earlier] == ["PASS"]
    assert story.page.sparks[0].most == "highest 2 req/s in the last 00:00"
    story.run_over(example_runs.failed(), FOLDER)
    assert (story.page.badge, [run.label for run in story.page.earlier]) == ("FAIL", ["PASS"])


def test_the_end_leaves_the_last_state() -> None:
    story = LiveStory()
    finished(story, 1, example_runs.passed())
    verdict = story.page
    story.end()
    assert story.page == replace(verdict, over=OVER, ended=True)


def test_an_end_without_a_verdict() -> None:
    story = LiveStory()
    story.say("Demo: starting")
    story.end()
    assert (story.page.badge, story.page.headline, story.page.ended) == ("ended", OVER, True)


def test_a_run_that_came_to_nothing_tells_why() -> None:
    story = LiveStory()
    story.say("Preflight: http://localhost:8015")
    story.run_failed("Operations fail before any load:\n  users.me  HTTP 500\nMend them.")
    story.end()
    assert (story.page.badge, story.page.kind) == ("NO RESULT", "fail")
    assert story.page.headline == "Operations fail before any load:"
    assert story.page.judged == Judged(
        "", "NO RESULT", "fail", "Operations fail before any load:", printed="  users.me  HTTP 500\nMend them."
    )


def test_one_that_came_to_nothing_after_another_does_not_show_its_figures() -> None:
    story = LiveStory()
    finished(story, 1, example_runs.passed())
    story.run_failed("nothing listens there")
    page = story.page
    assert (page.cards, page.sparks, page.targets, page.watched, page.roles) == ((), (), (), (), ())
    assert [run.label for run in page.earlier] == ["PASS"]


def test_many_lines_do_not_pile_up() -> None:
    story = LiveStory()
    for number in range(LINES_KEPT + 50):
        story.say(f"line {number}")
    assert (len(story.page.lines), story.page.lines[-1]) == (LINES_KEPT, f"line {LINES_KEPT + 49}")


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
    story = LiveStory()
    story.say(said)
    assert story.page.lines == (shown,)
    story.run_failed(said.replace("\n", " "))
    assert story.page.headline == shown
