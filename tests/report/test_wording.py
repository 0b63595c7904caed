"""How much a run exercised, next to its verdict: in the terminal, the page, summary.md, JUnit and summary.json."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace

import pytest

from perfsuite.messages import Message
from perfsuite.messages.report import Headline
from perfsuite.model import Coverage, Outcome, RunReport, WholeRun
from perfsuite.report.files.json_file import summary_json
from perfsuite.report.files.junit import junit_xml
from perfsuite.report.files.markdown import summary_md
from perfsuite.report.page.html import report_html
from perfsuite.report.terminal.console import render_verdict
from perfsuite.report.terminal.summary import render_summary
from perfsuite.report.wording import exercised, not_exercised
from tests.report import example_runs

PLANNED = (
    "senior_agent / login", "senior_agent / policies.create", "senior_agent / policies.read",
    "regional_manager / login", "regional_manager / policies.read", "regional_manager / policies.approve",
    "support_staff / login", "support_staff / tickets.list", "support_staff / tickets.create",
    "support_staff / users.read",
)  # fmt: skip


def coverage(*not_exercised: str, planned: tuple[str, ...] = PLANNED) -> Coverage:
    return Coverage(10, (), (), (), {}, (), planned=planned, not_exercised=not_exercised)


def report(known: Coverage, outcome: Outcome = Outcome.PASS) -> RunReport:
    made = example_runs.passed()
    verdict = replace(made.verdict, outcome=outcome)
    return replace(made, summary=replace(made.summary, coverage=known), verdict=verdict)


@pytest.mark.parametrize(
    ("missing", "names"),
    [
        pytest.param((), (), id="all was exercised"),
        pytest.param(
            ("senior_agent / policies.create", "regional_manager / policies.approve", "support_staff / tickets.list",
             "support_staff / tickets.create"),
            ("policies.create", "policies.approve", "tickets"), id="a kind of which nothing was is named once",
        ),
        pytest.param(
            ("regional_manager / policies.read",), ("policies.read as regional_manager",), id="another role made it"
        ),
        pytest.param(
            tuple(entry for entry in PLANNED if entry.startswith("support_staff")), ("all of support_staff",),
            id="a role of which nothing was",
        ),
        pytest.param(("support_staff / users.read",), ("users.read",), id="the only one of its kind has its own name"),
    ],
)  # fmt: skip
def test_names_of_what_was_not_exercised(missing: tuple[str, ...], names: tuple[str, ...]) -> None:
    assert tuple(not_exercised(coverage(*missing))) == names


def test_five_names_are_listed_and_the_others_counted() -> None:
    planned = tuple(f"reader / kind{number}.{verb}" for number in range(9) for verb in ("list", "read"))
    known = coverage(*(entry for entry in planned if entry.endswith("read")), planned=planned)
    names = "kind0.read, kind1.read, kind2.read, kind3.read, kind4.read and 4 others"
    assert exercised(report(known).summary) == Headline.SOME_EXERCISED(exercised=9, planned=18, names=names)


def test_what_a_name_stands_for_is_counted_by_operations() -> None:
    """Six operations that one name each stands for, and four of a kind that another stands for."""
    planned = tuple(f"reader / {name}.{verb}" for name in "abcdef" for verb in ("list", "read"))
    planned += tuple(f"reader / tickets.{verb}" for verb in ("list", "read", "create", "status"))
    known = coverage(
        *(entry for entry in planned if not entry.endswith(".list") or "tickets" in entry), planned=planned
    )
    names = "tickets, a.read, b.read, c.read, d.read and 2 others"
    assert exercised(report(known).summary) == Headline.SOME_EXERCISED(exercised=6, planned=16, names=names)


MISSING = coverage("senior_agent / policies.create", "support_staff / tickets.list", "support_staff / tickets.create")
SENTENCE = f"{Headline.SOME_EXERCISED(exercised=7, planned=10, names='policies.create and tickets')}."


@pytest.mark.parametrize(
    "render",
    [
        pytest.param(render_summary, id="terminal"),
        pytest.param(lambda made: render_summary(made, lines=23), id="a small terminal"),
        pytest.param(render_verdict, id="--quiet"),
        pytest.param(report_html, id="report.html"),
        pytest.param(summary_md, id="summary.md"),
        pytest.param(junit_xml, id="junit.xml"),
    ],
)
def test_the_sentence_follows_the_verdict(render: Callable[[RunReport], str]) -> None:
    text = " ".join(render(report(MISSING)).replace("\\", "").split())
    assert SENTENCE in text


def test_summary_json_has_the_numbers() -> None:
    content = json.loads(summary_json(report(MISSING)))["coverage"]
    assert (content["planned"], content["exercised"], content["not_exercised"]) == (10, 7, list(MISSING.not_exercised))


def test_all_exercised() -> None:
    assert exercised(report(coverage()).summary) == Headline.ALL_EXERCISED(planned=10)


def test_a_run_without_requests_has_no_sentence() -> None:
    summary = report(coverage(*PLANNED)).summary
    assert exercised(replace(summary, whole_run=WholeRun(0, 0, 0))) is None


def test_a_failed_run_has_the_sentence_only_in_the_section_on_coverage() -> None:
    assert SENTENCE not in render_summary(report(MISSING, Outcome.FAIL))
    assert SENTENCE in " ".join(report_html(report(MISSING, Outcome.FAIL)).split())  # in the section on coverage


@pytest.mark.parametrize(
    ("missing", "sentence"),
    [
        pytest.param(
            ("senior_agent / policies.create",),
            Headline.ALL_BUT_EXCLUDED(exercised=9, planned=10, excluded="policies.create"),
            id="nothing else",
        ),
        pytest.param(
            ("senior_agent / policies.create", "support_staff / tickets.list", "support_staff / tickets.create"),
            Headline.SOME_EXCLUDED(exercised=7, planned=10, excluded="policies.create", names="tickets"),
            id="and others that the run did not reach",
        ),
    ],
)
def test_what_was_excluded_is_apart_from_what_was_not_exercised(missing: tuple[str, ...], sentence: Message) -> None:
    known = replace(coverage(*missing), excluded=("senior_agent / policies.create",))
    assert exercised(report(known).summary) == sentence
