"""The reference backend on a real PostgreSQL: what is measured is what it does."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import count, islice, product, repeat
from pathlib import Path
from typing import LiteralString

import pytest

from perfsuite.fingerprint.compare import compare, not_compared
from perfsuite.fingerprint.output import difference_text, render_fingerprint, write_fingerprint
from perfsuite.fingerprint.statements import MOST_NAMED
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import Caching, CostState, Fingerprint, OperationCost, Spread
from perfsuite.roles import ROLES, junior_agent, policyholder
from perfsuite.target.catalogue import CATALOGUE
from tests.fingerprint.conftest import Backend, Taken

pytestmark = pytest.mark.integration

ENTRIES = 5000
"""How many the view holds before it evicts."""
SHARED_CACHES = {"analytics.comprehensive", "agents.list", "analytics.reports", "policies.list", "users.read"}
"""Answers that do not depend on the role: who asks second may not reach the database."""


def _of(taken: Fingerprint, role: str, operation: str) -> OperationCost:
    found = taken.of(role, operation)
    assert found is not None
    return found


def test_nearly_everything_is_known(healthy: Taken) -> None:
    unknown = {cost.operation for cost in healthy.fingerprint.operations if cost.known is not CostState.YES}

    assert unknown <= SHARED_CACHES
    assert not any(cost.suspicions for cost in healthy.fingerprint.operations)


@pytest.mark.parametrize(
    ("role", "operation", "queries", "rows", "caching"),
    [
        pytest.param("provider_admin", "policies.list", 1, 20, Caching.REPEATS, id="a list, kept"),
        pytest.param("provider_admin", "policies.coverage", 2, None, Caching.NONE, id="whose it is, and its rows"),
        pytest.param("policyholder", "policies.read", 1, 1, Caching.NONE, id="one row, not kept"),
        pytest.param("senior_agent", "policies.create", 7, 7, Caching.UNKNOWN, id="a write"),
        pytest.param("super_admin", "health.root", 0, 0, Caching.UNKNOWN, id="no database"),
    ],
)
def test_counts(healthy: Taken, role: str, operation: str, queries: int, rows: int | None, caching: Caching) -> None:
    found = _of(healthy.fingerprint, role, operation)

    assert (found.queries, found.caching) == (Spread(queries, queries), caching)
    assert rows is None or {request.cost.rows for request in found.full_requests} <= {rows}
    assert all(request.cost.shared_blocks and request.cost.execution_ms for request in found.full_requests)


def test_transactions_are_counted_apart(healthy: Taken) -> None:
    cost = _of(healthy.fingerprint, "policyholder", "policies.read").full_requests[1].cost

    assert (cost.queries, cost.transaction_statements, cost.connection_statements) == (1, 2, 0)


def test_rows_made_are_removed(healthy: Taken) -> None:
    assert (healthy.cleanup.created, healthy.cleanup.removed) == (12, 12), "4 policies, 4 leads, 4 tickets"
    assert healthy.rows_after == healthy.rows_before


def test_the_same_backend_has_no_differences(backend: Backend, healthy: Taken, tmp_path: Path) -> None:
    again = backend.take(tmp_path)
    backend.clean(tmp_path)

    assert [difference_text(each) for each in compare(healthy.fingerprint, again)] == []
    assert all(FingerprintMessage.NOT_REACHED() in line for line in not_compared(healthy.fingerprint, again))


def test_n_plus_one_is_named_with_its_number_of_queries(healthy: Taken, n_plus_one: Fingerprint) -> None:
    differences = compare(healthy.fingerprint, n_plus_one)
    found = {(each.role, each.operation): each for each in differences if each.metric == "queries"}

    assert difference_text(found["provider_admin", "policies.list"]) == (
        "provider_admin policies.list: 1 → 21 queries per request; "
        "SELECT … FROM policies WHERE policies.policy_id = $1::VARCHAR ×20"
    )
    assert {CATALOGUE[operation].template for _role, operation in found} == {"/api/v1/policies/"}
    suspicion = _of(n_plus_one, "provider_admin", "policies.list").suspicions[0]
    assert (suspicion.calls, suspicion.answered_rows) == (Spread(20, 20), Spread(20, 20))
    assert "×20 per request, 20 rows answered: SELECT … FROM policies" in render_fingerprint(n_plus_one, 150)


def test_a_missing_index_is_seen_by_its_blocks(healthy: Taken, missing_index: Fingerprint) -> None:
    worse = [each for each in compare(healthy.fingerprint, missing_index) if each.worse]

    assert {each.metric for each in worse} == {"shared_blocks"}
    assert "agents.profile" in {each.operation for each in worse}


def test_parameters_are_not_in_the_file(backend: Backend, healthy: Taken, tmp_path: Path) -> None:
    text = write_fingerprint(healthy.fingerprint, tmp_path).read_text(encoding="utf-8")
    with backend.connect() as connection:
        values = connection.execute(
            "SELECT phone_number FROM users"
            " UNION SELECT policy_number FROM policies UNION SELECT policy_id FROM policies"
            " UNION SELECT user_id FROM users UNION SELECT email FROM users WHERE email IS NOT NULL"
            " UNION SELECT ticket_id FROM tickets"
        ).fetchall()

    assert len(values) > 1000
    assert [value for (value,) in values if str(value) in text] == []
    assert not any(account.password in text for account in backend.accounts)
    assert "PERF-" not in text


def test_read_only_changes_nothing(backend: Backend, tmp_path: Path) -> None:
    before = backend.rows()
    taken = backend.take(tmp_path, (junior_agent.ROLE, policyholder.ROLE), read_only=True)

    reasons = {cost.operation: cost.reason for cost in taken.operations if cost.known is CostState.NOT_MEASURED}
    assert reasons == {"users.preferences": FingerprintMessage.READ_ONLY()}
    assert (tmp_path / "journal-fingerprint.jsonl").read_bytes() == b""
    assert backend.rows() == before


def test_resets_all_the_time_make_it_unknown(backend: Backend, tmp_path: Path) -> None:
    with backend.meanwhile(repeat("SELECT pg_stat_statements_reset()"), 0.01):
        taken = backend.take(tmp_path, (junior_agent.ROLE,), read_only=True, repeats=1)

    assert {cost.known for cost in taken.operations} == {CostState.UNKNOWN}
    assert {cost.reason for cost in taken.operations} == {FingerprintMessage.RESET()}


def _statements_without_end() -> Iterator[LiteralString]:
    """Each of another shape, so that each is an entry of its own."""
    for length in count(4):
        for columns in product(("1", "1.5", "true"), repeat=length):
            yield "SELECT " + ", ".join(columns)


def test_evictions_all_the_time_make_it_unknown(backend: Backend, tmp_path: Path) -> None:
    short = replace(junior_agent.ROLE, behaviours=junior_agent.ROLE.behaviours[:1])
    statements = _statements_without_end()
    try:
        with backend.connect() as connection, connection.pipeline():
            for statement in islice(statements, ENTRIES):
                connection.execute(statement)
        with backend.meanwhile(statements, 0):
            taken = backend.take(tmp_path, (short,), read_only=True, repeats=1)
    finally:
        with backend.connect() as connection:
            connection.execute("SELECT pg_stat_statements_reset()")

    unknown = [cost.reason for cost in taken.operations if cost.known is CostState.UNKNOWN]
    assert 0 < len(taken.foreign) <= MOST_NAMED
    assert any(reason.startswith("pg_stat_statements evicted entries") for reason in unknown)


def test_other_traffic_is_reported(backend: Backend, tmp_path: Path) -> None:
    with backend.meanwhile(repeat("SELECT count(*) FROM leads WHERE priority = 'secret-4711'"), 0.02):
        taken = backend.take(tmp_path, (junior_agent.ROLE,), read_only=True)

    assert [each.text for each in taken.foreign] == ["SELECT count(*) FROM leads WHERE priority = $1"]
    assert taken.foreign[0].rate_per_s > 10
    assert FingerprintMessage.ACTIVE_CLIENT(client="somebody else (user mitra)") in taken.notes
    assert all(cost.known is CostState.YES or "other traffic" in cost.reason for cost in taken.operations), (
        "what it met is not known, what it did not meet is right"
    )
    assert all(cost.queries is None or cost.queries.maximum <= 5 for cost in taken.operations)


def test_every_role_has_its_operations(healthy: Taken) -> None:
    assert [role.slug for role in ROLES] == list(dict.fromkeys(cost.role for cost in healthy.fingerprint.operations))
