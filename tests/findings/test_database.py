"""What the application asks of its database: N+1, costs that grew, full reads of tables, sessions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from perfsuite.findings import Observations, asks_more, find
from perfsuite.messages import Code, Message
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
    StatementCost,
    Suspicion,
)
from perfsuite.model.fingerprint import StatementKind as Kind
from perfsuite.model.monitor import METRICS, Reading
from tests.findings.simulated import FIRST_S, Fault, figures, made, summary_of

STATEMENT = "SELECT name FROM customers WHERE id = $1"
COST_ROWS = (
    Row("steady", "provider_admin", "browsing", "policies.by_status", figures(40, 0, 9.0)),
    Row("steady", "policyholder", "browsing", "policies.list", figures(900, 0, 9.0)),
)


def suspect(role: str, operation: str, queries: int, rows: int | None, shape: str = "a") -> OperationCost:
    answered = Spread(rows, rows) if rows is not None else None
    suspicion = Suspicion(shape, STATEMENT, Spread(queries, queries), answered)
    return OperationCost(role, operation, "GET", "/p", False, CostState.YES, suspicions=(suspicion,))


def costs_found(*costs: OperationCost, differences: tuple[Difference, ...] = ()) -> list[Finding]:
    database = DatabaseInfo("mitra", "15", "1.10", False, True, True)
    fingerprint = Fingerprint("r", "h", "2026-03-01T09:30:00Z", 5, database, costs)
    found = find(summary_of((), (), COST_ROWS), Observations(fingerprint=fingerprint, differences=differences))
    return [finding for finding in found if finding.unusual]


def test_an_n_plus_one_is_reported_once_with_every_operation_that_has_it() -> None:
    (finding,) = costs_found(
        suspect("provider_admin", "policies.by_status", 20, 20), suspect("policyholder", "policies.list", 6, 6)
    )

    assert finding.headline == FindingMessage.N_PLUS_ONE_FOR_ROWS(
        operation="policies.list", role="policyholder", queries=6, rows=6, statement=STATEMENT
    ).also(FindingMessage.SAME_STATEMENT(operations=["policies.by_status"]))
    assert (finding.kind, finding.role, finding.operation) == (FindingKind.COST, "policyholder", "policies.list")
    assert [row.after for row in finding.evidence] == [6, 20]


def test_the_statement_that_runs_most_in_the_run_comes_first() -> None:
    findings = costs_found(
        suspect("provider_admin", "policies.by_status", 20, None, "a"),
        suspect("policyholder", "policies.list", 6, 6, "b"),
    )

    assert [finding.operation for finding in findings] == ["policies.list", "policies.by_status"]
    assert findings[1].headline.code is FindingMessage.N_PLUS_ONE
    assert (findings[1].role, findings[1].headline.fields["queries"]) == ("provider_admin", 20)


def test_long_statements_are_cut() -> None:
    cost = suspect("policyholder", "policies.list", 6, 6)
    long = replace(cost.suspicions[0], text="SELECT\n  " + "a, " * 100)

    assert costs_found(replace(cost, suspicions=(long,)))[0].headline.fields["statement"].endswith("a, a,…")


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
def test_a_change_for_the_worse_is_reported(found: Difference, resource: str, message: Message) -> None:
    (finding,) = costs_found(differences=(found,))

    assert (finding.kind, finding.resource) == (FindingKind.CHANGE, resource)
    assert finding.headline == FindingMessage.COSTLIER(operation="policies.list", role="agent", differences=[message])


@pytest.mark.parametrize(
    "found",
    [difference("queries", 3, 2), difference("rows", 20, 21), difference("shared_blocks", 100, 130)],
    ids=["fewer queries", "one row more", "a few blocks more"],
)
def test_what_is_better_or_hardly_more_is_not_reported(found: Difference) -> None:
    assert costs_found(differences=(found,)) == []


def test_of_many_changes_the_five_worst_are_reported() -> None:
    many = tuple(difference("queries", 2, 3 + number, f"operation.{number}") for number in range(8))

    assert [finding.operation for finding in costs_found(differences=many)] == [
        f"operation.{n}" for n in (7, 6, 5, 4, 3)
    ]


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
    summary = replace(run.summary, rows=COST_ROWS)
    return find(summary, Observations(run.readings, grown=differences))[0]


def test_more_queries_in_mid_run_are_reported_with_operation_and_number_where_they_were_counted() -> None:
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


def test_more_rows_in_mid_run_are_reported_with_the_operation_whose_blocks_grew() -> None:
    counted = grown("shared_blocks", ("policyholder", "policies.list", 18, 221), ("policyholder", "users.me", 3, 5))
    finding = later("index", counted)

    assert (finding.resource, finding.operation) == ("rows per request", "policies.list")
    assert finding.headline.details[-1].fields["costs"] == costs("18", "221", "blocks touched")


def test_queries_that_were_counted_are_reported_though_no_reading_shows_them() -> None:
    healthy = made(3, 75, 80.0)
    counted = grown("queries", ("policyholder", "policies.list", 1, 21), ("policyholder", "users.me", 2, 1))
    counted += grown("shared_blocks", ("policyholder", "policies.list", 18, 221))
    first, *others = find(replace(healthy.summary, rows=COST_ROWS), Observations(healthy.readings, grown=counted))

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


SCAN_SECONDS = 30
HEALTHY = made(7, SCAN_SECONDS, 100.0)
REQUESTS = sum(each.statistics.requests for each in HEALTHY.summary.seconds)


def scans(table: str, per_s: float, rows_each: float, seconds: int = SCAN_SECONDS) -> list[Reading]:
    metrics = {"postgres.table_full_scans_per_s": per_s, "postgres.table_full_scan_rows_per_s": per_s * rows_each}
    return [
        Reading(FIRST_S + at + 1.0, f"postgres/{table}", metric, value, "per second")
        for at in range(seconds)
        for metric, value in metrics.items()
    ]


def scans_found(readings: list[Reading], fingerprint: Fingerprint | None = None) -> list[Finding]:
    rows = (Row("steady", "agent", "browsing", "policies.list", figures(900, 0, 9.0)),)
    summary = replace(HEALTHY.summary, rows=rows)
    return [finding for finding in find(summary, Observations(readings, fingerprint)) if finding.unusual]


def table_cost(operation: str, text: str, blocks: int) -> OperationCost:
    spread = Spread(blocks, blocks)
    statement = StatementCost("a", text, (), Kind.QUERY, Spread(1, 1), Spread(20, 20), spread, 1.0)
    return OperationCost("agent", operation, "GET", "/p", False, CostState.YES, statements=(statement,))


def test_a_table_that_every_other_request_reads_is_reported_with_how_often_and_how_much() -> None:
    (finding,) = scans_found(scans("policies", 50.0, 5000.0))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.LIMIT, "rows per request", None)
    assert finding.headline.code is FindingMessage.FULL_SCANS
    assert finding.headline.fields == {
        "table": "policies", "per_s": 50.0, "per_request": 50 * SCAN_SECONDS / REQUESTS, "rows": 5000,
    }  # fmt: skip
    assert [(row.metric, row.after) for row in finding.evidence] == [
        ("postgres.table_full_scans_per_s", 50.0),
        ("postgres.table_full_scan_rows_per_s", 250_000.0),
    ]


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param(scans("premiums", 8.0, 20_000.0), id="reports that read everything, in one of twelve requests"),
        pytest.param(scans("policies", 50.0, 40.0), id="a LIMIT ends each of them early"),
        pytest.param(scans("policies", 50.0, 5000.0, seconds=9), id="too few samples"),
        pytest.param(scans("policies", 0.0, 5000.0), id="never"),
    ],
)
def test_what_a_healthy_target_does_is_not_reported(readings: list[Reading]) -> None:
    assert scans_found(readings) == []


def test_of_several_tables_the_one_with_most_rows_is_reported() -> None:
    (finding,) = scans_found(scans("leads", 40.0, 1000.0) + scans("policies", 30.0, 5000.0))

    assert finding.headline.fields["table"] == "policies"


def test_the_fingerprint_shows_which_operations_touch_most_of_the_table() -> None:
    database = DatabaseInfo("mitra", "15", "1.10", False, True, True)
    costs = (
        table_cost("policies.list", "SELECT … FROM policies WHERE agent_id = $1", 221),
        table_cost("policies.read", "SELECT … FROM old_policies WHERE id = $1", 300),
        table_cost("users.me", "SELECT … FROM users WHERE id = $1", 400),
    )
    fingerprint = Fingerprint("r", "h", "2026-03-01T09:30:00Z", 2, database, costs)
    (finding,) = scans_found(scans("policies", 50.0, 5000.0), fingerprint)

    assert [(row.label, row.after) for row in finding.evidence[2:]] == [
        ("policies.list as agent: blocks that its statements with policies touch per request", 221)
    ]


LENGTH = 60
IDLE, OPENED = "postgres.longest_idle_in_transaction_s", "postgres.sessions_opened_per_s"


def session_readings(metric: str, values: Sequence[float | None]) -> list[Reading]:
    source = metric.split(".")[0]
    return [Reading(FIRST_S + at + 1.0, source, metric, each, METRICS[metric].unit) for at, each in enumerate(values)]


def sessions_found(readings: Sequence[Reading], rps: float = 40.0) -> list[Finding]:
    """What is found in a healthy run of 40 requests a second with these readings beside."""
    run = made(7, LENGTH, rps)
    changed = {reading.metric for reading in readings}
    kept = [reading for reading in run.readings if reading.metric not in changed]
    return [each for each in find(run.summary, Observations([*kept, *readings])) if each.unusual]


def test_a_session_idle_in_a_transaction_is_reported_with_how_long_and_since_when() -> None:
    ages = [0.0] * 20 + [float(at) for at in range(25)] + [0.0] * 15
    (finding,) = sessions_found(session_readings(IDLE, ages))

    assert (finding.kind, finding.resource, finding.at_s) == (FindingKind.INCIDENT, "transactions", FIRST_S + 21)
    assert finding.evidence[0].after == 24
    assert finding.headline == FindingMessage.IDLE_IN_TRANSACTION(for_s=24, at=FIRST_S + 21)


def test_one_that_was_idle_before_the_load_is_reported_so() -> None:
    (finding,) = sessions_found(session_readings(IDLE, [300.0 + at for at in range(LENGTH)]))

    assert (finding.at_s, finding.evidence[0].after) == (None, 359)
    assert finding.headline == FindingMessage.IDLE_SINCE_BEFORE(for_s=359)


def test_a_transaction_in_the_ramp_up_counts_too() -> None:
    early = [replace(each, at_s=each.at_s - 100) for each in session_readings(IDLE, [12.0])]

    assert [each.resource for each in sessions_found(early)] == ["transactions"]


@pytest.mark.parametrize(
    "ages", [pytest.param([10.0] * LENGTH, id="10 s"), pytest.param([None] * LENGTH, id="nobody may look")]
)
def test_shorter_transactions_are_not_reported(ages: list[float | None]) -> None:
    assert sessions_found(session_readings(IDLE, ages)) == []


def opened(per_s: float) -> list[Reading]:
    return session_readings(OPENED, [float(each) for each in np.random.default_rng(5).poisson(per_s, LENGTH)])


def pool(**values: float) -> list[Reading]:
    return [each for name, value in values.items() for each in session_readings(f"pool.{name}", [value] * LENGTH)]


def without_pool(readings: list[Reading]) -> list[Finding]:
    """As where the application shows nothing of a pool, and PostgreSQL counts no sessions but those of `readings`."""
    run = made(7, LENGTH, 40.0)
    kept = [each for each in run.readings if not each.metric.startswith("pool.") and each.metric != OPENED]
    return [each for each in find(run.summary, Observations([*kept, *readings])) if each.unusual]


@pytest.mark.parametrize(
    ("readings", "code"),
    [
        pytest.param(
            pool(absent=1), FindingMessage.NO_POOL, id="it says so",
        ),
        pytest.param(
            [*pool(absent=1), *opened(8)],
            FindingMessage.NO_POOL_COUNTED,
            id="it says so, and PostgreSQL counts them: a cache answers most requests",
        ),
        pytest.param(
            opened(38), FindingMessage.CONNECTION_PER_REQUEST, id="PostgreSQL counts them"
        ),
    ],
)  # fmt: skip
def test_a_connection_per_request_is_reported(readings: list[Reading], code: Code) -> None:
    (finding,) = without_pool(readings)

    assert (finding.kind, finding.resource) == (FindingKind.CONFIGURATION, "connection per request")
    assert finding.headline.code is code
    assert ("opened" in finding.headline.fields) is any(each.metric == OPENED for each in readings)


def test_connections_beyond_a_pool_are_reported_beside_its_size() -> None:
    (finding,) = sessions_found([*opened(30), *pool(absent=0, size=16)])

    assert finding.headline.details == (FindingMessage.BESIDE_POOL(size=16),)


@pytest.mark.parametrize(
    "readings",
    [
        pytest.param([*opened(0.3), *pool(absent=0)], id="a monitor or a job now and then"),
        pytest.param(opened(12), id="a session for every third request is another matter"),
        pytest.param(opened(38)[:9], id="too few samples"),
    ],
)
def test_sessions_of_a_healthy_application(readings: list[Reading]) -> None:
    assert without_pool(readings) == []


def test_too_few_counts_of_sessions_give_no_figure() -> None:
    (finding,) = without_pool([*pool(absent=1), *opened(38)[:9]])

    assert [row.metric for row in finding.evidence] == ["pool.absent"]
