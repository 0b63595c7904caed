"""What the fingerprint tells: N+1 with operation and number, and what costs more than before."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.findings import Observations, asks_more, find
from perfsuite.messages import Message
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import Row
from perfsuite.model.finding import Finding, FindingKind
from perfsuite.model.fingerprint import (
    CostState,
    DatabaseInfo,
    Difference,
    Fingerprint,
    OperationCost,
    Spread,
    Suspicion,
)
from tests.findings.simulated import Fault, figures, made, summary_of

TEXT = "SELECT name FROM customers WHERE id = $1"
ROWS = (
    Row("steady", "provider_admin", "browsing", "policies.by_status", figures(40, 0, 9.0)),
    Row("steady", "policyholder", "browsing", "policies.list", figures(900, 0, 9.0)),
)


def suspect(role: str, operation: str, queries: int, rows: int | None, shape: str = "a") -> OperationCost:
    answered = Spread(rows, rows) if rows is not None else None
    suspicion = Suspicion(shape, TEXT, Spread(queries, queries), answered)
    return OperationCost(role, operation, "GET", "/p", False, CostState.YES, suspicions=(suspicion,))


def told(*costs: OperationCost, differences: tuple[Difference, ...] = ()) -> list[Finding]:
    database = DatabaseInfo("mitra", "15", "1.10", False, True, True)
    fingerprint = Fingerprint("r", "h", "2026-03-01T09:30:00Z", 5, database, costs)
    found = find(summary_of((), (), ROWS), Observations(fingerprint=fingerprint, differences=differences))
    return [finding for finding in found if finding.unusual]


def test_an_n_plus_one_is_told_once_with_every_operation_that_has_it() -> None:
    (finding,) = told(
        suspect("provider_admin", "policies.by_status", 20, 20), suspect("policyholder", "policies.list", 6, 6)
    )

    assert finding.headline == FindingMessage.N_PLUS_ONE_FOR_ROWS(
        operation="policies.list", role="policyholder", queries=6, rows=6, statement=TEXT
    ).also(FindingMessage.SAME_STATEMENT(operations=["policies.by_status"]))
    assert (finding.kind, finding.role, finding.operation) == (FindingKind.COST, "policyholder", "policies.list")
    assert [row.after for row in finding.evidence] == [6, 20]


def test_the_statement_that_runs_most_in_the_run_comes_first() -> None:
    findings = told(
        suspect("provider_admin", "policies.by_status", 20, None, "a"),
        suspect("policyholder", "policies.list", 6, 6, "b"),
    )

    assert [finding.operation for finding in findings] == ["policies.list", "policies.by_status"]
    assert findings[1].headline.code is FindingMessage.N_PLUS_ONE
    assert (findings[1].role, findings[1].headline.fields["queries"]) == ("provider_admin", 20)


def test_long_statements_are_cut() -> None:
    cost = suspect("policyholder", "policies.list", 6, 6)
    long = replace(cost.suspicions[0], text="SELECT\n  " + "a, " * 100)

    assert told(replace(cost, suspicions=(long,)))[0].headline.fields["statement"].endswith("a, a,…")


def per_request(before: str, after: str, figure: str) -> Message:
    return FindingMessage.DIFFERENCE(before=before, after=after, figure=figure)


def difference(metric: str, before: float, after: float, operation: str = "policies.list") -> Difference:
    return Difference("agent", operation, metric, Spread(before, before), Spread(after, after))


@pytest.mark.parametrize(
    ("found", "resource", "message"),
    [
        (difference("queries", 2, 3), "queries per request", per_request("2", "3", "queries")),
        (difference("shared_blocks", 30, 4000), "rows per request", per_request("30", "4,000", "blocks touched")),
        (difference("caching", 1, 0), "cache", FindingMessage.CACHE_LOST()),
    ],
    ids=["one query more", "an index that is gone", "a cache that is gone"],
)
def test_a_change_for_the_worse_is_told(found: Difference, resource: str, message: Message) -> None:
    (finding,) = told(differences=(found,))

    assert (finding.kind, finding.resource) == (FindingKind.CHANGE, resource)
    assert finding.headline == FindingMessage.COSTLIER(operation="policies.list", role="agent", differences=[message])


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


def costs(before: str, after: str, figure: str) -> Message:
    return FindingMessage.COSTS(
        operation="policies.list", role="policyholder", before=before, after=after, figure=figure
    )


def later(kind: str, differences: tuple[Difference, ...]) -> Finding:
    """The first finding of a run in which the fault began, with what two fingerprints tell of it."""
    run = made(3, 75, 80.0, Fault(kind, 45))
    summary = replace(run.summary, rows=ROWS)
    return find(summary, Observations(run.readings, grown=differences))[0]


def test_more_queries_in_mid_run_are_told_with_operation_and_number_where_they_were_counted() -> None:
    counted = grown("queries", ("provider_admin", "policies.by_status", 1, 21), ("policyholder", "policies.list", 1, 6))
    finding = later("n_plus_one", counted)

    assert (finding.resource, finding.role, finding.operation) == (
        "queries per request",
        "policyholder",
        "policies.list",
    )
    assert finding.at_s is not None
    (_correlated, measured) = finding.headline.details
    assert measured == FindingMessage.MEASURED_ALONE(costs=costs("1", "6", "queries"))
    assert [(row.metric, row.before, row.after) for row in finding.evidence[-2:]] == [
        ("queries_per_request", 1, 6),
        ("queries_per_request", 1, 21),
    ]


def test_more_rows_in_mid_run_are_told_with_the_operation_whose_blocks_grew() -> None:
    counted = grown("shared_blocks", ("policyholder", "policies.list", 18, 221), ("policyholder", "users.me", 3, 5))
    finding = later("index", counted)

    assert (finding.resource, finding.operation) == ("rows per request", "policies.list")
    assert finding.headline.details[-1].fields["costs"] == costs("18", "221", "blocks touched")


def test_queries_that_were_counted_are_told_though_no_reading_shows_them() -> None:
    healthy = made(3, 75, 80.0)
    counted = grown("queries", ("policyholder", "policies.list", 1, 21), ("policyholder", "users.me", 2, 1))
    counted += grown("shared_blocks", ("policyholder", "policies.list", 18, 221))
    first, *others = find(replace(healthy.summary, rows=ROWS), Observations(healthy.readings, grown=counted))

    assert (first.kind, first.resource, first.operation) == (FindingKind.CHANGE, "queries per request", "policies.list")
    assert first.headline == FindingMessage.MORE_QUERIES(costs=costs("1", "21", "queries"))
    assert not any(finding.unusual for finding in others)


def test_what_grew_stays_away_from_findings_about_something_else() -> None:
    finding = later("lock", grown("queries", ("policyholder", "policies.list", 1, 6)))

    assert finding.resource == "locks"
    assert FindingMessage.MEASURED_ALONE not in [detail.code for detail in finding.headline.details]


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
