"""Failures that are alike, as the reports show them: one line, and what is regular about them."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.messages import Message
from perfsuite.messages.page import PageMessage
from perfsuite.model import FailureGroup, FailureKind, FailurePattern, Row, RunReport
from perfsuite.report.files.json_file import summary_json
from perfsuite.report.files.markdown import summary_md
from perfsuite.report.page.findings import failures_in_short, findings_section, highlights_of
from perfsuite.report.page.page import page_of
from perfsuite.report.page.tables import worst_role
from perfsuite.report.terminal.summary import render_summary
from tests.report import example_runs
from tests.report.made_load import START

OPERATIONS = ("policies.list", "policies.read", "users.me", "agents.list", "leads.list", "dashboard.system")
MESSAGE = "HTTP 500: pop from an empty deque"
LIMITER = FailurePattern(
    "http status", MESSAGE, 6, OPERATIONS, ("policyholder", "junior_agent"), START + 3, START + 14, 101, False, 2.2, (),
    "7f3a",
)  # fmt: skip
SENTENCE = LIMITER.sentence


def limited() -> RunReport:
    """A run that passed, with six failures of a counter in front of the operations."""
    report = example_runs.passed()
    groups = tuple(
        FailureGroup("policyholder", operation, FailureKind.STATUS, MESSAGE, 1, START + 3, START + 14, "7f3a")
        for operation in OPERATIONS
    )
    return replace(report, summary=replace(report.summary, failures=groups, failure_patterns=(LIMITER,)))


def one_line(text: str) -> str:
    return " ".join(text.split())


def test_the_terminal_shows_one_line_and_the_pattern() -> None:
    text = render_summary(limited())
    assert "       6  6 operations  2 roles  HTTP 500: pop from an empty deque" in text
    assert SENTENCE in one_line(text)


def test_a_pattern_within_a_reason_is_not_repeated() -> None:
    report = limited()
    verdict = replace(report.verdict, reasons=(f"failure rate 1.2 %, limit 1 %; {SENTENCE}",))
    assert one_line(render_summary(replace(report, verdict=verdict))).count("about every 101st request") == 1


def test_summary_md_shows_one_row_and_the_pattern() -> None:
    text = summary_md(limited())
    assert f"| 6 | 6 operations | 2 roles | http status | {MESSAGE} | 7f3a |" in text
    assert f"- {SENTENCE}" in text


def test_summary_json_has_the_pattern_for_programs() -> None:
    (pattern,) = json.loads(summary_json(limited()))["failure_patterns"]
    assert pattern == {
        "kind": "http status", "message": MESSAGE, "count": 6, "operations": list(OPERATIONS),
        "roles": ["policyholder", "junior_agent"], "first_seen": START + 3, "last_seen": START + 14,
        "every_requests": 101, "exact": False, "every_s": 2.2, "seen_before": [], "request_id": "7f3a",
    }  # fmt: skip


def test_the_page_begins_with_the_pattern_and_says_it_above_its_table() -> None:
    report = limited()
    table = page_of(report).failures
    assert table is not None
    assert table.hint == f"{SENTENCE}."
    assert len(table.rows) == 6
    assert [each.text for each in highlights_of(report, findings_section(report, None, ()))] == [f"{SENTENCE}."]


def _failing(counts: dict[str, int]) -> RunReport:
    report = example_runs.passed()
    groups = tuple(
        FailureGroup("policyholder", operation, FailureKind.STATUS, f"HTTP 50{number}", count, START, START, "id")
        for number, (operation, count) in enumerate(counts.items())
    )
    return replace(report, summary=replace(report.summary, failures=groups))


@pytest.mark.parametrize(
    ("counts", "code"),
    [
        pytest.param(
            {"users.me": 2, "policies.list": 1, "leads.list": 1}, PageMessage.FEW_FAILURES,
            id="two failures say little about an operation",
        ),
        pytest.param({"users.me": 3, "policies.list": 1}, PageMessage.FAILED_MOST, id="three do"),
        pytest.param({"users.me": 2}, PageMessage.ONLY_FAILING, id="nothing else failed"),
    ],
)  # fmt: skip
def test_no_operation_is_blamed_for_one_or_two_failures(counts: dict[str, int], code: PageMessage) -> None:
    message = failures_in_short(_failing(counts))
    assert isinstance(message, Message)
    assert message.code is code


def _roles(*failed: int) -> list[Row]:
    statistics = example_runs.passed().summary.totals
    return [
        Row(
            "steady", f"role_{number}", "all", "all",
            replace(statistics, requests=40, failures=count, failure_rate=count / 40, avg_ms=10.0 + number),
        )
        for number, count in enumerate(failed)
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("failed", "holds"),
    [
        pytest.param(
            (2, 0), lambda said: not said or said.code is not PageMessage.HIGHEST_FAILURE_RATE, id="two of forty"
        ),
        pytest.param((3, 0), lambda said: said and said.code is PageMessage.HIGHEST_FAILURE_RATE, id="three of forty"),
    ],
)
def test_no_role_suffers_by_one_or_two_failures(failed: tuple[int, ...], holds: Callable[[Any], bool]) -> None:
    assert holds(worst_role(_roles(*failed)))
