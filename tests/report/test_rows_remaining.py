"""Rows that remain at the target are in every output, next to the verdict."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from collections.abc import Callable
from dataclasses import replace

import pytest

from perfsuite.judge import judge
from perfsuite.messages.reasons import Reason
from perfsuite.model import Cleanup, Outcome, Remaining, RowLeft, RunReport, SoftDeleted
from perfsuite.report.files.csv_files import remaining_csv
from perfsuite.report.files.json_file import summary_json
from perfsuite.report.files.junit import junit_xml
from perfsuite.report.files.markdown import summary_md
from perfsuite.report.page.html import report_html
from perfsuite.report.terminal.console import render_verdict
from perfsuite.report.terminal.summary import render_summary
from perfsuite.report.wording import sentence
from perfsuite.roles import ROLES
from tests.report import example_runs

HEADLINE = Reason.ROWS_REMAIN(rows="2 leads")
FORBIDDEN = Remaining("lead", "HTTP 403: Not your own", False, 2)
LEFT = Cleanup(10, 8, ("lead a: HTTP 403: Not your own", "lead b: HTTP 403: Not your own"), remaining=(FORBIDDEN,))


def run(example: Callable[[], RunReport], *, accept: bool = False) -> RunReport:
    """An example whose rows remain, judged anew."""
    report = example()
    plan, summary = replace(report.plan, accept_leftovers=accept), replace(report.summary, cleanup=LEFT)
    return replace(report, plan=plan, summary=summary, verdict=judge(plan, summary, ROLES))


EXAMPLES = [
    pytest.param(example_runs.passed, False, id="inconclusive for that"),
    pytest.param(example_runs.passed, True, id="accepted"),
    pytest.param(example_runs.failed, False, id="a fail"),
    pytest.param(example_runs.interrupted, False, id="interrupted"),
]
OUTPUTS: dict[str, Callable[[RunReport], str]] = {
    "terminal": lambda report: " ".join(render_summary(report, lines=24).split()),
    "quiet": lambda report: " ".join(render_verdict(report).split()),
    "page": report_html,
    "markdown": summary_md,
    "junit": junit_xml,
    "json": summary_json,
}


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(("example", "accept"), EXAMPLES)
def test_every_output_says_so_once(example: Callable[[], RunReport], accept: bool, output: str) -> None:
    assert OUTPUTS[output](run(example, accept=accept)).count(HEADLINE) == 1


def test_the_sentence_keeps_what_was_measured() -> None:
    report = run(example_runs.passed)

    assert report.verdict.outcome is Outcome.INCONCLUSIVE
    assert sentence(report).endswith(
        ", but rows of this run remain at the target. All 25 operations (counted per role) were exercised."
    )
    assert sentence(report).startswith("With ")


def test_junit_carries_the_number() -> None:
    root = ET.fromstring(junit_xml(run(example_runs.failed)))  # noqa: S314 - our own text
    found = {each.get("name"): each.get("value") for each in root.iter("property")}
    assert found["rows_remaining"] == "2"


def test_the_summary_for_programs_has_the_groups_and_the_soft_deletes() -> None:
    report = run(example_runs.passed)
    kept = replace(LEFT, soft_deleted=(SoftDeleted("policy", "cancelled", 3),))
    content = json.loads(summary_json(replace(report, summary=replace(report.summary, cleanup=kept))))

    assert content["cleanup"]["remaining"] == [
        {"thing": "lead", "reason": "HTTP 403: Not your own", "again": False, "rows": 2, "uncertain": False}
    ]
    assert content["cleanup"]["soft_deleted"] == [{"thing": "policy", "status": "cancelled", "rows": 3}]


def test_the_rows_as_csv_those_that_should_be_gone_first() -> None:
    rows = (
        RowLeft("lead", "l1", "PERF-1", "9876543203", "inactive"),
        RowLeft("policy", "p1", "PERF-2", "9876543203", reason="=HTTP 403"),
    )

    assert list(csv.reader(io.StringIO(remaining_csv(rows)))) == [
        ["thing", "id", "mark", "created_by", "state", "reason"],
        ["policy", "p1", "PERF-2", "9876543203", "not removed", "'=HTTP 403"],
        ["lead", "l1", "PERF-1", "9876543203", "inactive", ""],
    ]
