"""Exact differences, and what is no difference."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.fingerprint.compare import compare, not_compared, rows_read_in_vain
from perfsuite.fingerprint.output import difference_text, render_differences, write_fingerprint
from perfsuite.model import OperationCheck, PreflightReport, Works
from perfsuite.model.fingerprint import CostState, Difference, Fingerprint, OperationCost, Spread
from perfsuite.run.fingerprint import with_rows_read
from tests.fingerprint.made import POLICIES, PREMIUMS, UPDATE, fingerprint, operation

ONE = {POLICIES: 1}
N_PLUS_ONE = {POLICIES: 1, PREMIUMS: 20}


def _between(before: OperationCost, after: OperationCost) -> list[Difference]:
    return compare(fingerprint(before), fingerprint(after))


def test_a_new_statement_is_named_with_its_number() -> None:
    queries, *others = _between(
        operation("policies.list", ONE, ONE), operation("policies.list", N_PLUS_ONE, N_PLUS_ONE)
    )

    assert difference_text(queries) == (
        "senior_agent policies.list: 1 → 21 queries per request; SELECT … FROM premiums WHERE policy_id = $1 ×20"
    )
    assert [(other.metric, other.before, other.after) for other in others] == [
        ("rows", Spread(1, 1), Spread(21, 21)),
        ("shared_blocks", Spread(3, 3), Spread(63, 63)),
    ]


@pytest.mark.parametrize(
    ("before", "after", "reported"),
    [
        pytest.param({PREMIUMS: 1}, {PREMIUMS: 3}, "1 → 3 queries per request; {} ×1 → ×3", id="multiplied"),
        pytest.param({POLICIES: 1, PREMIUMS: 2}, ONE, "3 → 1 queries per request; {} gone", id="gone"),
    ],
)
def test_changes_of_a_statement(before: dict[str, int], after: dict[str, int], reported: str) -> None:
    difference = _between(operation("policies.list", before), operation("policies.list", after))[0]

    text = reported.format("SELECT … FROM premiums WHERE policy_id = $1")
    assert difference_text(difference) == f"senior_agent policies.list: {text}"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(operation("x", ONE, ONE), operation("x", ONE, ONE), id="the same"),
        pytest.param(operation("x", ONE, {}), operation("x", {}, ONE), id="the cache was warm on one side"),
        pytest.param(
            operation("x", {POLICIES: 1, UPDATE: 1}, ONE, arguments=(0, 0)),
            operation("x", ONE, ONE, arguments=(0, 0)),
            id="a write that is due now and then",
        ),
        pytest.param(operation("x", ONE, blocks=100), operation("x", ONE, blocks=119), id="blocks of dead rows"),
        pytest.param(operation("x", ONE, blocks=3), operation("x", ONE, blocks=9), id="a few blocks"),
    ],
)
def test_no_difference(before: OperationCost, after: OperationCost) -> None:
    assert _between(before, after) == []


def test_a_page_that_is_empty_does_not_hide_the_others() -> None:
    before = operation("x", ONE, ONE, arguments=(0, 1))
    after = operation("x", N_PLUS_ONE, ONE, arguments=(0, 1))

    assert _between(before, after)[0].metric == "queries"


def test_more_blocks_for_the_same_statements() -> None:
    (difference,) = _between(operation("x", ONE, blocks=222), operation("x", ONE, blocks=4021))

    assert difference_text(difference) == "senior_agent x: 222 → 4,021 blocks per request"
    assert difference.worse


def test_a_cache_that_is_gone() -> None:
    (difference,) = _between(operation("x", ONE, ONE, again={}), operation("x", ONE, ONE, again=ONE))

    assert difference_text(difference) == (
        "senior_agent x: repeats run fewer queries (a cache) → repeats run all queries again"
    )
    assert difference.worse


def test_an_operation_that_needed_no_database() -> None:
    (difference, *_more) = _between(operation("health.root", {}, {}), operation("health.root", ONE, ONE))

    assert (difference.metric, difference.before, difference.after) == ("queries", Spread(0, 0), Spread(1, 1))


def test_queries_come_first_then_what_is_worst() -> None:
    before = fingerprint(*(operation(name, ONE) for name in "abc"))
    after = fingerprint(operation("a", ONE, blocks=900), operation("b", {POLICIES: 4}), operation("c", {POLICIES: 9}))

    found = compare(before, after)
    assert [(each.metric, each.operation) for each in found[:2]] == [("queries", "c"), ("queries", "b")]
    assert found[-1].metric == "shared_blocks"


def test_what_is_not_known_is_not_compared() -> None:
    known = operation("x", ONE)
    unknown = replace(known, known=CostState.UNKNOWN, reason="pg_stat_statements was reset meanwhile")

    assert _between(known, unknown) == []
    assert not_compared(fingerprint(known, operation("old", ONE)), fingerprint(unknown, operation("new", ONE))) == [
        "senior_agent x: unknown after (pg_stat_statements was reset meanwhile)",
        "senior_agent new: not in the earlier fingerprint",
        "senior_agent old: not in the later fingerprint",
    ]


def test_differences_as_text() -> None:
    assert render_differences([], ["senior_agent x: unknown after (…)"]) == (
        "no difference\nnot compared: senior_agent x: unknown after (…)\n"
    )


# ── unanswered ──────────────────────────────────────────────────────────────────────────────────────


FLAGS = "SELECT feature_flags.flag_id, feature_flags.flag_name FROM feature_flags"
WHO = "SELECT users.user_id, users.role FROM users JOIN roles ON users.role = roles.name WHERE user_id = $1"
COUNT = "SELECT count(*) FROM feature_flags"


def flags_list(*texts: str, answered: int = 0, read: int = 12) -> OperationCost:
    """The list of flags: each of its statements reads `read` rows, a count one."""
    cost = operation("flags.list", *([dict.fromkeys(texts, 1)] * 3), rows=answered)
    rows = {text: 1 if text == COUNT else read for text in texts}
    statements = tuple(
        replace(each, rows=Spread(*[rows[each.text]] * 2)) if each.text in rows else each for each in cost.statements
    )
    return replace(cost, statements=statements)


def me() -> OperationCost:
    return operation("users.me", *([{WHO: 1}] * 3), rows=None)


@pytest.mark.parametrize(
    ("cost", "rows"),
    [
        pytest.param(flags_list(FLAGS), 12, id="rows were read, and the answer is empty"),
        pytest.param(flags_list(FLAGS, WHO, COUNT), 12, id="who asks and a count are no rows of the list"),
        pytest.param(flags_list(FLAGS, read=0), 0, id="there are none"),
        pytest.param(flags_list(FLAGS, answered=12), 0, id="they were answered"),
        pytest.param(replace(flags_list(FLAGS), known=CostState.UNKNOWN), 0, id="nobody knows what it costs"),
    ],
)
def test_rows_read_for_nothing(cost: OperationCost, rows: int) -> None:
    assert rows_read_in_vain(fingerprint(me(), cost), "senior_agent", "flags.list") == rows


def _report(*checks: OperationCheck) -> PreflightReport:
    return PreflightReport("http://t", "agent-mitra-backend", "2", (), checks)


def _checks(role: str) -> tuple[OperationCheck, OperationCheck]:
    empty = "GET /feature-flags/all answered []"
    listed = OperationCheck(role, "flags.list", "GET", "/x", Works.YES, 200, empty_answer=empty)
    needs = f"needs a flag_name; {empty}"
    return listed, OperationCheck(role, "flags.update", "PUT", "/y", Works.NO_DATA, message=needs)


def test_the_reason_names_what_the_database_read(tmp_path: Path) -> None:
    write_fingerprint(_known(), tmp_path)
    other = _checks("provider_admin")

    report = with_rows_read(_report(*_checks("senior_agent"), *other), tmp_path)

    listed, update, *untouched = report.checks
    assert listed.empty_note == "GET /feature-flags/all answered [] although the database read 12 rows"
    assert update.message == f"needs a flag_name; {listed.empty_note}"
    assert tuple(untouched) == other  # of that role nothing was measured


def _known() -> Fingerprint:
    return fingerprint(me(), flags_list(FLAGS))


def test_without_a_fingerprint_nothing_is_said_of_the_database(tmp_path: Path) -> None:
    report = _report(*_checks("senior_agent"))

    assert with_rows_read(report, tmp_path) == report
