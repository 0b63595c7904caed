"""`summary.md`: what it says, and that a table stays a table whatever a message holds."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from perfsuite.model import SearchBy
from perfsuite.report.capacity import capacity_remarks
from perfsuite.report.correctness import correctness_line, evidence_lines, violation_line
from perfsuite.report.files.markdown import summary_md
from perfsuite.report.text import markdown
from tests.report import example_runs, made_capacity, made_correctness


def test_verdict_targets_and_failures_of_a_failed_run() -> None:
    text = summary_md(example_runs.failed())
    assert text.startswith("## ❌ FAIL: moderate\n\nWith 50 users the backend missed")
    assert "| Failure rate | &lt; 1 % | 7.19 % |  | ❌ missed |" in text
    slowest = text[text.index("### Slowest operations") :]
    assert slowest.splitlines()[4].startswith("| users.me | junior\\_agent | 620 | 1,660 |")


def test_the_open_model_and_a_target_too_close_to_call() -> None:
    text = summary_md(example_runs.open_model())
    assert "- 30 actions/s requested, 24.1/s achieved \\(1,278 of 1,590 actions, 312 not started\\)\n" in text
    assert "- Largest start delay 7,210 ms, 99th percentile 7,150 ms; longest queue 331\n" in text
    assert "| 48.1–2,050 ms | ✅ met (close) | 95th percentile 49 ms, limit" in text


def test_a_search_has_its_answer_and_its_levels() -> None:
    found = made_capacity.by_users()
    text = summary_md(made_capacity.run_of(found, SearchBy.USERS))
    table = text[text.index("### Loads tried") :].splitlines()

    assert text.splitlines()[2].startswith(
        "Meets all targets up to 313–327 users \\(95 % CI\\), 160 requests/s. First to"
    )
    assert f"### Capacity\n\n- {markdown(capacity_remarks(found, SearchBy.USERS)[0])}\n" in text
    assert table[2].startswith("| Users | Seconds | Requests | Requests/s | Worst target |")
    assert table[7] == "| 256 | 10 | 1,591 | 159 | average response time | 164 ms | 500 ms | pass |  |"
    assert text.startswith("## ✅ PASS: capacity of basic\n")
    assert "of steady state" not in text
    assert "### Capacity" not in summary_md(example_runs.passed())


def test_errors_of_the_suite_have_a_table_of_their_own() -> None:
    text = summary_md(example_runs.open_model())
    assert "| 12 | roles.mine:41 arguments | KeyError: 'agent\\_id' | suite-errors.log |" in text
    assert "Errors of the suite" not in summary_md(example_runs.passed())


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_every_row_has_as_many_cells_as_its_heading(name: str) -> None:
    text = summary_md(example_runs.EXAMPLES[name]())
    for table in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        assert len({len(re.findall(r"(?<!\\)\|", row)) for row in table.splitlines()}) == 1


def test_markup_from_the_target_is_text() -> None:
    text = summary_md(example_runs.failed())
    assert "<img" not in text and "</script" not in text
    assert "&lt;/script&gt;&lt;img src=x" in text


def test_without_a_steady_state_there_is_no_table_of_operations() -> None:
    text = summary_md(example_runs.interrupted())
    assert "none in the steady state" in text
    assert "Slowest operations" not in text


def test_findings_with_their_evidence_and_where_the_time_goes() -> None:
    lines = summary_md(example_runs.watched()).splitlines()
    at = lines.index("### Findings (evidence of where to look, not causes)")
    assert lines[at + 2].startswith("- Response times rose \\(26 ms → 1,140 ms on average")
    assert lines[at + 4] == "  - sessions blocked by another session: 0 → 5, at 00:29"
    assert "- and 2 more in the report" in lines
    where = lines.index("### Where the time goes")
    assert lines[where + 3] == "- policyholder waits most: 30 % of the requests"


def test_where_nothing_was_monitored_the_options_are_named() -> None:
    text = summary_md(example_runs.passed())
    assert "Nothing was monitored at the target: --monitor-server, " in text
    assert "Findings" not in text


def test_violations_come_before_all_figures_with_their_evidence() -> None:
    text = summary_md(example_runs.wrong_under_load())
    found = text[text.index("### Correctness under load") :].splitlines()
    first = made_correctness.VIOLATIONS[0]
    assert found[2:5] == [
        f"- v1, isolation, own rows only: {markdown(violation_line(first))}",
        *(f"  - {markdown(line)}" for line in evidence_lines(first)),
    ]
    assert text.index("### Correctness under load") < text.index("of steady state")
    assert f"- {markdown(correctness_line(made_correctness.VIOLATED))}\n" in text
    assert "more violation" not in text


def test_many_violations_are_cut() -> None:
    report = example_runs.wrong_under_load()
    many = replace(made_correctness.VIOLATED, violations=made_correctness.VIOLATIONS * 4)
    text = summary_md(replace(report, summary=replace(report.summary, correctness=many)))
    assert "\n2 more violations in `summary.json`.\n" in text
    assert "### Correctness" not in summary_md(example_runs.passed())
