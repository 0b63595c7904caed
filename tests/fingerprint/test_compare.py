"""Exact differences, and what is no difference."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.fingerprint import compare, difference_text, not_compared, render_differences
from perfsuite.model.fingerprint import Difference, Known, OperationCost, Spread
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
    ("before", "after", "told"),
    [
        pytest.param({PREMIUMS: 1}, {PREMIUMS: 3}, "1 → 3 queries per request; {} ×1 → ×3", id="multiplied"),
        pytest.param({POLICIES: 1, PREMIUMS: 2}, ONE, "3 → 1 queries per request; {} gone", id="gone"),
    ],
)
def test_changes_of_a_statement(before: dict[str, int], after: dict[str, int], told: str) -> None:
    difference = _between(operation("policies.list", before), operation("policies.list", after))[0]

    text = told.format("SELECT … FROM premiums WHERE policy_id = $1")
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
    unknown = replace(known, known=Known.UNKNOWN, reason="pg_stat_statements was reset meanwhile")

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
