"""What the fingerprint tells: N+1 with operation and number, and what costs more than before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.findings import Watched, asks_more, find
from perfsuite.model import Row
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.fingerprint import DatabaseInfo, Difference, Fingerprint, Known, OperationCost, Spread, Suspicion
from tests.findings.simulated import Fault, figures, made, summary_of

TEXT = "SELECT name FROM customers WHERE id = $1"
ROWS = (
    Row("steady", "provider_admin", "browsing", "policies.by_status", figures(40, 0, 9.0)),
    Row("steady", "policyholder", "browsing", "policies.list", figures(900, 0, 9.0)),
)


def suspect(role: str, operation: str, queries: int, rows: int | None, shape: str = "a") -> OperationCost:
    answered = Spread(rows, rows) if rows is not None else None
    suspicion = Suspicion(shape, TEXT, Spread(queries, queries), answered)
    return OperationCost(role, operation, "GET", "/p", False, Known.YES, suspicions=(suspicion,))


def told(*costs: OperationCost, differences: tuple[Difference, ...] = ()) -> list[Finding]:
    database = DatabaseInfo("mitra", "15", "1.10", False, True, True)
    fingerprint = Fingerprint("r", "h", "2026-03-01T09:30:00Z", 5, database, costs)
    found = find(summary_of((), (), ROWS), Watched(fingerprint=fingerprint, differences=differences))
    return [finding for finding in found if finding.unusual]


def test_an_n_plus_one_is_told_once_with_every_operation_that_has_it() -> None:
    (finding,) = told(
        suspect("provider_admin", "policies.by_status", 20, 20), suspect("policyholder", "policies.list", 6, 6)
    )

    assert finding.headline == (
        "policies.list runs 6 queries of one kind in one request for 6 rows (as policyholder), which looks like N+1; "
        f"policies.by_status too: {TEXT}"
    )
    assert (finding.kind, finding.role, finding.operation) == (FindingKind.COST, "policyholder", "policies.list")
    assert [row.after for row in finding.evidence] == [6, 20]


def test_the_statement_that_runs_most_in_the_run_comes_first() -> None:
    findings = told(
        suspect("provider_admin", "policies.by_status", 20, None, "a"),
        suspect("policyholder", "policies.list", 6, 6, "b"),
    )

    assert [finding.operation for finding in findings] == ["policies.list", "policies.by_status"]
    assert "20 queries of one kind in one request (as provider_admin)" in findings[1].headline


def test_long_statements_are_cut() -> None:
    cost = suspect("policyholder", "policies.list", 6, 6)
    long = replace(cost.suspicions[0], text="SELECT\n  " + "a, " * 100)

    assert told(replace(cost, suspicions=(long,)))[0].headline.endswith("a, a,…")


GONE = "asking for the same again runs all its queries now, where a cache answered some or all of them before"


def difference(metric: str, before: float, after: float, operation: str = "policies.list") -> Difference:
    return Difference("agent", operation, metric, Spread(before, before), Spread(after, after))


@pytest.mark.parametrize(
    ("found", "resource", "words"),
    [
        (difference("queries", 2, 3), "queries per request", "2 → 3 queries per request"),
        (difference("shared_blocks", 30, 4000), "rows per request", "30 → 4,000 blocks touched per request"),
        (difference("caching", 1, 0), "cache", GONE),
    ],
    ids=["one query more", "an index that is gone", "a cache that is gone"],
)
def test_a_change_for_the_worse_is_told(found: Difference, resource: str, words: str) -> None:
    (finding,) = told(differences=(found,))

    assert (finding.kind, finding.resource) == (FindingKind.CHANGE, resource)
    assert finding.headline == (
        f"policies.list as agent costs the database more than in the earlier fingerprint: {words}"
    )


@pytest.mark.parametrize(
    "found",
    [difference("queries", 3, 2), difference("rows", 20, 21), difference("shared_blocks", 100, 130)],
    ids=["fewer queries", "one row more", "a few blocks more"],
)
def test_what_is_better_or_hardly_more_is_not_told(found: Difference) -> None:
    assert told(differences=(found,)) == []


def test_of_many_changes_the_five_worst_are_told() -> None:
    many = tuple(difference("queries", 2, 3 + number, f"operation.{number}") for number in range(8))

    assert [finding.operation for finding in told(differences=many)] == [f"operation.{n}" for n in (7, 6, 5, 4, 3)]


def grown(metric: str, *changes: tuple[str, str, int, int]) -> tuple[Difference, ...]:
    return tuple(
        Difference(role, operation, metric, Spread(before, before), Spread(after, after))
        for role, operation, before, after in changes
    )


def later(kind: str, differences: tuple[Difference, ...]) -> Finding:
    """The first finding of a run in which the fault began, with what two fingerprints tell of it."""
    run = made(3, 75, 80.0, Fault(kind, 45))
    summary = replace(run.summary, rows=ROWS)
    return find(summary, Watched(run.readings, grown=differences))[0]


def test_more_queries_in_mid_run_are_told_with_operation_and_number_where_they_were_counted() -> None:
    counted = grown("queries", ("provider_admin", "policies.by_status", 1, 21), ("policyholder", "policies.list", 1, 6))
    finding = later("n_plus_one", counted)

    assert (finding.resource, finding.role, finding.operation) == (
        "queries per request",
        "policyholder",
        "policies.list",
    )
    assert finding.at_s is not None
    assert finding.headline.endswith(
        "; measured alone, policies.list as policyholder costs 1 → 6 queries per request, before the load and after it"
    )
    assert "If " not in finding.headline
    assert [(row.metric, row.before, row.after) for row in finding.evidence[-2:]] == [
        ("queries_per_request", 1, 6),
        ("queries_per_request", 1, 21),
    ]


def test_more_rows_in_mid_run_are_told_with_the_operation_whose_blocks_grew() -> None:
    counted = grown("shared_blocks", ("policyholder", "policies.list", 18, 221), ("policyholder", "users.me", 3, 5))
    finding = later("index", counted)

    assert (finding.resource, finding.operation) == ("rows per request", "policies.list")
    assert "policies.list as policyholder costs 18 → 221 blocks touched per request" in finding.headline


def test_queries_that_were_counted_are_told_though_no_reading_shows_them() -> None:
    healthy = made(3, 75, 80.0)
    counted = grown("queries", ("policyholder", "policies.list", 1, 21), ("policyholder", "users.me", 2, 1))
    counted += grown("shared_blocks", ("policyholder", "policies.list", 18, 221))
    first, *others = find(replace(healthy.summary, rows=ROWS), Watched(healthy.readings, grown=counted))

    assert (first.kind, first.resource, first.operation) == (FindingKind.CHANGE, "queries per request", "policies.list")
    assert first.headline == (
        "Measured alone, policies.list as policyholder costs 1 → 21 queries per request, before the load and after it"
    )
    assert not any(finding.unusual for finding in others)


def test_what_grew_stays_away_from_findings_about_something_else() -> None:
    finding = later("lock", grown("queries", ("policyholder", "policies.list", 1, 6)))

    assert finding.resource == "locks"
    assert "measured alone" not in finding.headline


@pytest.mark.parametrize(
    ("kind", "from_s", "asks"),
    [
        pytest.param("n_plus_one", 45, True, id="more queries from some second on"),
        pytest.param("index", 45, True, id="more rows from some second on"),
        pytest.param("index", 0, False, id="so from the start: the first fingerprint has seen it"),
        pytest.param("leak", 45, False, id="something else goes wrong"),
        pytest.param("", 0, False, id="healthy"),
    ],
)
def test_counting_again_is_worth_while_where_the_database_got_more_to_do(kind: str, from_s: int, asks: bool) -> None:
    run = made(3, 75, 80.0, Fault(kind, from_s) if kind else None)

    requests = {second.second: second.statistics.requests for second in run.summary.seconds}
    requests = {at: requests[at] for at in range(run.summary.steady_start or 0, run.summary.steady_end or 0)}

    assert asks_more(requests, run.readings) is asks
