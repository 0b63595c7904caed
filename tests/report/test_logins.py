"""The line of the ramp-up logins: on the terminal, in `report.html`, `summary.md` and `summary.json`."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import Logins, RunReport
from perfsuite.model.monitor import Reading
from perfsuite.report.files.json_file import summary_dict
from perfsuite.report.files.markdown import summary_md
from perfsuite.report.page.facts import facts_of
from perfsuite.report.terminal.summary import CUTS, render_summary
from perfsuite.report.wording import logins_line
from tests.report import example_runs
from tests.report.made_load import START

LOGINS = Logins(91, 2, 0, 9_120.4, 24_300.0, START, START + 28.0, 0, 0.012, 5, 23.4)


def run(logins: Logins | None = LOGINS, cpu: float | None = None, expired: int = 0) -> RunReport:
    report = example_runs.passed()
    whole = replace(report.summary.whole_run, expired=expired)
    readings = [] if cpu is None else [Reading(START + 5.0, "server", "server.cpu_percent", cpu, "percent")]
    summary = replace(report.summary, logins=logins, whole_run=whole)
    return replace(report, summary=summary, readings=readings)


@pytest.mark.parametrize(
    ("report", "line"),
    [
        pytest.param(run(None), "", id="no login"),
        pytest.param(
            run(replace(LOGINS, failures=0)), "91 logins during the ramp-up: 9,120 ms on average, 24,300 ms at most",
            id="the server was not monitored",
        ),
        pytest.param(
            run(cpu=94.2),
            "91 logins during the ramp-up: 9,120 ms on average, 24,300 ms at most, 2 failures; server CPU 94.2 %"
            " of a core",
            id="with all there is",
        ),
    ],
)  # fmt: skip
def test_the_line(report: RunReport, line: str) -> None:
    assert logins_line(report) == line
    if line:
        assert line in render_summary(report, width=120)


def test_the_line_of_logins_is_among_the_first_cuts() -> None:
    assert {"logins": False} in CUTS[:3]
    assert "logins during" not in render_summary(run(), width=80, lines=24)


def test_in_the_other_files() -> None:
    report = run(cpu=94.2, expired=38)
    assert "- 91 logins during the ramp-up: 9,120 ms on average" in summary_md(report)
    facts = {fact.term: fact.lines for fact in facts_of(report)}
    assert facts["Logins"] == (
        logins_line(report),
        "5 later logins to renew tokens",
        "38 requests rejected because a token had expired, repeated after a new login",
    )
    assert summary_dict(report)["logins"] == {
        "ramp_up": 91, "failures": 2, "rate_limited": 0, "avg_ms": 9_120.4, "max_ms": 24_300.0, "began_at": START,
        "ended_at": START + 28.0, "server_cpu_percent": 94.2, "late": 0, "steady_share_rate": 0.012, "later": 5,
        "outlasted_s": 23.4,
    }  # fmt: skip
    assert summary_dict(run(None))["logins"] is None
