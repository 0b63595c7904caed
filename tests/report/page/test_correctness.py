"""What was checked under load, on the page."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.correctness import watched
from perfsuite.correctness.catalogue import all_checks
from perfsuite.messages.correctness import CorrectnessText
from perfsuite.messages.page import PageMessage
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import RunReport
from perfsuite.model.correctness import CheckLevel, CheckRow, ChecksOff, Correctness, Invariant
from perfsuite.report.correctness import correctness_line, cost_line
from perfsuite.report.page.correctness import MatrixCell, RequestRow, correctness_section
from perfsuite.report.page.html import report_html
from perfsuite.report.page.page import page_of
from tests.report import example_runs
from tests.report.made_correctness import BUDGET, HEALTHY, UNREACHED, VIOLATED, VIOLATIONS

ROLES = ("senior agent", "junior agent", "policyholder", "support staff")
NONE = MatrixCell("none")


def with_checks(found: Correctness | None) -> RunReport:
    report = example_runs.passed()
    return replace(report, summary=replace(report.summary, correctness=found))


def test_each_violation_with_its_evidence_and_how_to_send_it_again() -> None:
    section = correctness_section(example_runs.wrong_under_load())
    assert section is not None and section.first
    assert (section.sentence, section.hint) == (f"{correctness_line(VIOLATED)}.", f"{cost_line(VIOLATED)}.")
    assert [card.id for card in section.violations] == ["v1", "v2", "v3"]
    first, second, _third = section.violations
    assert first.headline == "policies.read as policyholder: own rows only"
    assert first.about == ("isolation", CorrectnessText.FIRST_AT(count=12, at=int(VIOLATIONS[0].first_at)))
    assert (first.expected, first.seen) == ("HTTP 403", "HTTP 200")
    assert first.evidence == (
        RequestRow("policyholder#1", "GET /api/v1/policies/7f3a", "HTTP 200", "09:30:31 UTC", "9b-1"),
        RequestRow("policyholder#2", "GET /api/v1/policies/7f3a", "HTTP 200", "09:30:31 UTC", "9b-2"),
    )
    assert first.command == "python run_performance_tests.py replay /srv/runs/basic_20260301_093000 v1"
    assert second.headline == "policies.update as policyholder and junior agent: own rows only"


def test_one_that_cannot_be_replayed_has_the_reason_in_place_of_the_command() -> None:
    found = replace(VIOLATED, violations=(replace(VIOLATIONS[0], no_replay="no token"), *VIOLATIONS[1:]))
    section = correctness_section(with_checks(found))
    assert section is not None
    first, second, _third = section.violations
    assert (first.command, first.no_replay) == ("", ReplayMessage.NEVER(why="no token"))
    assert (bool(second.command), second.no_replay) == (True, "")
    page = report_html(with_checks(found))
    assert f"{ReplayMessage.NEVER(why='no token')}." in page
    assert page.count(ReplayMessage.AGAIN_WITH(command="")) == 2


def test_many_violations_are_cut() -> None:
    section = correctness_section(with_checks(replace(VIOLATED, violations=VIOLATIONS * 17)))
    assert section is not None
    assert (len(section.violations), section.more) == (50, "1 more violation in summary.json.")


def test_the_matrix_has_a_row_for_each_rule_and_a_column_for_each_role() -> None:
    section = correctness_section(with_checks(VIOLATED))
    assert section is not None and section.matrix is not None
    assert section.matrix.roles == ROLES
    assert [(title, [row.rule for row in rows]) for title, rows in section.matrix.groups] == [
        ("Isolation", ["own rows only"]),
        ("Permissions", ["refused to other roles"]),
        ("Writes", ["reads back as written"]),
        ("Contests", ["one winner"]),
    ]
    ((_isolation, (own_rows,)), (_permissions, (refused,)), _writes, (_contests, (race,))) = section.matrix.groups
    account = MatrixCell("unchecked", title="only one account (1)")
    assert own_rows.cells == (account, NONE, MatrixCell("violated", "13 of 16", "2 of 2"), NONE)
    assert own_rows.total == MatrixCell("violated", "13 of 16", "2 of 3", "only one account (1)")
    assert refused.cells[2:] == (
        MatrixCell("unchecked", title=f"{BUDGET} (1)"),
        MatrixCell("violated", "2 of 7", "2 of 2", "HTTP 503 (2)"),
    )
    assert race.cells[1] == MatrixCell("unchecked", title=f"HTTP 503 (3), {BUDGET} (1)")


def test_each_rule_has_a_table_of_its_operations_and_roles() -> None:
    section = correctness_section(with_checks(VIOLATED))
    assert section is not None
    assert [(one.rule, one.reached) for one in section.operations] == [
        ("Isolation: own rows only", "2 of 3 reached"),
        ("Permissions: refused to other roles", "2 of 3 reached"),
        ("Writes: reads back as written", "1 of 1 reached"),
        ("Contests: one winner", "0 of 1 reached"),
    ]
    own_rows, refused, _written, race = section.operations
    assert own_rows.roles == ("senior agent", "policyholder")
    assert own_rows.rows == (
        ("leads.read", (MatrixCell("unchecked", "a"), NONE)),
        ("policies.read", (NONE, MatrixCell("violated", "12 of 12"))),
        ("policies.update", (NONE, MatrixCell("violated", "1 of 4"))),
    )
    assert own_rows.reasons == (("a", "only one account (1)"),)
    assert refused.rows[0] == ("agents.list", (MatrixCell("unchecked", "a"), MatrixCell("held", "4")))
    assert race.reasons == (("a", f"HTTP 503, {BUDGET} (1)"),)


def test_a_table_for_every_pair_of_all_checks_keeps_the_page_small() -> None:
    rows = tuple(
        CheckRow(
            check.invariant, check.rule, check.roles[0], check.operation, not_checked={f"HTTP {500 + place % 4}": 1}
        )
        for place, check in enumerate([*all_checks(), *watched.checks()])
    )
    empty, full = (report_html(with_checks(replace(UNREACHED, rows=shown))) for shown in ((), rows))
    assert full.count('class="unchecked"') > 0.9 * len(rows)  # a check of two pairs of accounts is one pair here
    assert len(full) - len(empty) < 130_000


def test_violated_cells_differ_by_more_than_their_colour() -> None:
    html = report_html(example_runs.wrong_under_load())
    cell = '<b><span aria-hidden="true">✗ </span><span class="unseen">violated: </span>13 of 16</b>'
    assert html.count(cell) == 2  # of the role and of all; below, the cells of its two operations
    assert html.count('class="unseen">violated: ') == 4 + 3


def test_what_a_file_switches_off_is_in_the_matrix() -> None:
    why = "switched off in target.toml"
    rows = (
        CheckRow(Invariant.LISTS, "pages", "senior_agent", "leads.list", not_checked={why: 1}),
        CheckRow(Invariant.LISTS, "pages", "policyholder", "policies.list", held=2),
    )
    report = with_checks(replace(HEALTHY, rows=rows))
    section = correctness_section(report)
    assert section is not None and section.matrix is not None and section.not_checked is not None
    ((_lists, (pages,)),) = section.matrix.groups
    off = MatrixCell("unchecked", why, title=f"{why} (1)")
    assert (pages.cells, pages.total) == (
        (off, MatrixCell("held", "2")),
        MatrixCell("held", "2", "1 of 2", f"{why} (1)"),
    )
    assert f"<small>not checked: {why}</small>" in report_html(report)
    assert [[cell.text for cell in row][2:4] for row in section.not_checked.rows] == [[why, "1"]]


def test_what_was_not_checked_and_why() -> None:
    section = correctness_section(with_checks(VIOLATED))
    assert section is not None and section.not_checked is not None
    assert [[cell.text for cell in row] for row in section.not_checked.rows] == [
        ["Isolation", "own rows only", "only one account", "1", "1", "senior agent", "leads.read"],
        ["Permissions", "refused to other roles", "HTTP 503", "2", "0", "support staff", "agents.list"],
        ["Permissions", "refused to other roles", BUDGET, "1", "1", "policyholder", "agents.list"],
        ["Contests", "one winner", "HTTP 503", "3", "1", "junior agent", "policies.create"],
        ["Contests", "one winner", BUDGET, "1", "1", "junior agent", "policies.create"],
    ]


def test_a_reason_that_holds_for_all_roles_says_so() -> None:
    rows = tuple(
        CheckRow(Invariant.PERMISSIONS, "refused to other roles", role, "users.list", not_checked={BUDGET: 1})
        for role in ("junior_agent", "senior_agent", "policyholder")
    )
    section = correctness_section(with_checks(replace(UNREACHED, rows=rows)))
    assert section is not None and section.not_checked is not None
    assert [cell.text for cell in section.not_checked.rows[0]][3:] == ["3", "3", "all", "users.list"]


@pytest.mark.parametrize(
    ("found", "place"),
    [
        pytest.param(VIOLATED, 0, id="first where something was wrong"),
        pytest.param(HEALTHY, 2, id="after targets and findings where all held"),
        pytest.param(UNREACHED, 2, id="where nothing had a result"),
        pytest.param(Correctness(CheckLevel.OFF, why_off=ChecksOff.OPTION), 2, id="where nothing was checked"),
    ],
)
def test_its_place_on_the_page(found: Correctness, place: int) -> None:
    report = with_checks(found)
    assert [anchor for _title, anchor in page_of(report).contents].index("correctness") == place
    html = report_html(report)
    titles = sorted(("correctness", "targets", "distribution"), key=lambda name: html.index(f'id="{name}-title"'))
    assert titles.index("correctness") == min(place, 1)
    assert html.count('id="correctness"') == 1


@pytest.mark.parametrize(
    ("why_off", "hint"),
    [
        (ChecksOff.OPTION, f"{PageMessage.CHECK_IT()}."),
        (ChecksOff.REMOTE, f"{PageMessage.CHECK_IT()}."),
        (ChecksOff.SEARCH, ""),
    ],
)
def test_nothing_was_checked(why_off: ChecksOff, hint: str) -> None:
    found = Correctness(CheckLevel.OFF, why_off=why_off)
    section = correctness_section(with_checks(found))
    assert section is not None
    assert (section.sentence, section.hint) == (f"{correctness_line(found)}.", hint)
    assert (section.violations, section.matrix, section.operations, section.not_checked) == ((), None, (), None)


def test_a_run_that_is_older_than_these_checks_has_no_section() -> None:
    assert correctness_section(with_checks(None)) is None
    assert 'id="correctness"' not in report_html(with_checks(None))


def test_without_any_check_there_is_no_matrix() -> None:
    section = correctness_section(with_checks(Correctness(CheckLevel.SAMPLE)))
    assert section is not None and section.matrix is None
