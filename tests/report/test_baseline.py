"""What every report says about a run that is compared with a baseline."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET
from dataclasses import replace

import msgspec
import pytest

from perfsuite.judge import with_baseline
from perfsuite.model import ALL, RunReport
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import Change, ComparedRuns, Comparison, ComparisonOutcome
from perfsuite.report.comparison import summarize_comparison
from perfsuite.report.files.json_file import summary_dict, summary_json
from perfsuite.report.files.junit import junit_xml
from perfsuite.report.files.markdown import summary_md
from perfsuite.report.page.html import report_html
from perfsuite.report.terminal.console import render_verdict
from perfsuite.report.terminal.summary import render_summary
from tests.report import example_runs


def change(outcome: ComparisonOutcome, metric: str = "p95_ms", operation: str = "policies.list") -> Change:
    return Change(
        "policyholder", operation, metric, (30.0, 34.0, 36.0), (95.0,), 61.0, 1.79, (58.5, 65.0), 0.004, outcome
    )


def cost(metric: str, before: float, after: float) -> Difference:
    return Difference("senior_agent", "agents.list", metric, Spread(before, before), Spread(after, after))


A, B = ComparedRuns(example_runs.HOSTILE, ("run-1", "run-2", "run-3")), ComparedRuns("run-9", ("run-9",))
WORSE = Comparison(
    A,
    B,
    (
        change(ComparisonOutcome.SLOWER),
        change(ComparisonOutcome.FASTER, "avg_ms"),
        change(ComparisonOutcome.SAME),
        change(ComparisonOutcome.CANNOT_TELL),
    ),
    (cost("queries", 3, 23), cost("rows", 20, 21), cost("caching", 0, 1)),
    notes=("fewer than 5 + 5 runs",),
)
SAME = replace(WORSE, changes=(change(ComparisonOutcome.SAME),), costs=())
REFUSED = Comparison(A, B, (), mismatches=("other mix of users",))


def compared_with(comparison: Comparison | None) -> RunReport:
    passed = example_runs.passed()
    return replace(passed, comparison=comparison, verdict=with_baseline(passed.verdict, comparison))


def baseline_case(report: RunReport) -> ET.Element:
    cases = ET.fromstring(junit_xml(report)).iter("testcase")  # noqa: S314  our own text
    return next(case for case in cases if str(case.get("name")).startswith("baseline"))


def test_what_is_worse_comes_first() -> None:
    found = summarize_comparison(WORSE)

    assert found.headline == "2 figures worse, 1 better, 1 the same, 1 unclear, compared with 3 runs."
    assert [(each.cells, each.worse) for each in found.changed] == [
        (("agents.list", "senior_agent", "queries per request", "3", "23", "+20", "worse"), True),
        (("policies.list", "policyholder", "p95", "34 ms", "95 ms", "+179 %", "slower"), True),
        (("agents.list", "senior_agent", "rows per request", "20", "21", "+1", "more"), False),
        (("agents.list", "senior_agent", "answers from a cache", "no", "yes", "", "better"), False),
        (("policies.list", "policyholder", "average", "34 ms", "95 ms", "+179 %", "faster"), False),
    ]


@pytest.mark.parametrize(
    ("comparison", "headline"),
    [
        pytest.param(SAME, "Nothing worse, 1 the same, compared with 3 runs.", id="the same"),
        pytest.param(REFUSED, "Not compared: the baseline was measured under other conditions.", id="refused"),
    ],
)
def test_what_is_not_worse(comparison: Comparison, headline: str) -> None:
    found = summarize_comparison(comparison)

    assert (found.headline, found.regressed, found.changed) == (headline, False, ())


def test_totals_are_named() -> None:
    total = msgspec.structs.replace(change(ComparisonOutcome.SLOWER, "rps"), role=ALL, operation=ALL)

    (changed,) = summarize_comparison(replace(SAME, changes=(total,))).changed
    assert changed.cells[:3] == ("all operations", "all roles", "throughput")
    assert changed.cells[-1] == "worse"


def test_the_terminal() -> None:
    shown = render_summary(compared_with(WORSE), width=120)

    assert "2 figures worse, 1 better" in " ".join(shown.split())
    row = next(line for line in shown.splitlines() if "queries per request" in line and "agents.list" in line)
    assert row.split() == ["agents.list", "senior_agent", "queries", "per", "request", "3", "23", "+20", "worse"]
    assert shown.rstrip().endswith("VERDICT: REGRESSION")
    assert "is worse than its baseline" in render_verdict(compared_with(WORSE))
    assert "Compared with" not in render_summary(compared_with(None))


def test_json() -> None:
    content = json.loads(summary_json(compared_with(WORSE)))

    assert (content["verdict"], content["exit_code"]) == ("regression", 5)
    baseline = content["baseline"]
    assert (baseline["runs"], baseline["compared"], baseline["regressions"]) == (["run-1", "run-2", "run-3"], True, 2)
    assert baseline["changes"][0] | {"reason": ""} == {
        "role": "policyholder", "operation": "policies.list", "metric": "p95_ms", "a": [30, 34, 36], "b": [95],
        "shift": 61, "shift_rate": 1.79, "interval": [58.5, 65], "p_value": 0.004, "word": "slower", "reason": "",
    }  # fmt: skip
    assert [(one["metric"], one["regression"]) for one in baseline["costs"]] == [
        ("queries", True), ("rows", False), ("caching", False),
    ]  # fmt: skip
    assert summary_dict(compared_with(REFUSED))["baseline"]["mismatches"] == ["other mix of users"]
    assert summary_dict(compared_with(None))["baseline"] is None


def test_junit() -> None:
    failure = baseline_case(compared_with(WORSE)).find("failure")
    assert failure is not None
    assert failure.get("type") == "regression"
    assert "agents.list, senior_agent, queries per request, 3, 23, +20, worse" in str(failure.text)
    skipped = baseline_case(compared_with(REFUSED)).find("skipped")
    assert skipped is not None
    assert "other mix of users" in str(skipped.get("message"))
    assert [element.tag for element in baseline_case(compared_with(SAME))] == ["system-out"]


def test_markdown() -> None:
    text = summary_md(compared_with(WORSE))

    assert "| agents.list | senior\\_agent | queries per request | 3 | 23 | \\+20 | worse |" in text
    assert "- fewer than 5 \\+ 5 runs" in text
    assert "<script>" not in text


def test_the_page() -> None:
    page = report_html(compared_with(WORSE))

    assert 'id="baseline-title"' in page
    assert "<td>queries per request</td>" in page
    assert "<img src=x" not in page  # the baseline's name is the user's, and escaped
    assert "baseline-title" not in report_html(compared_with(None))
    assert "other mix of users" in report_html(compared_with(REFUSED))
