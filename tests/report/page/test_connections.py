"""The table of connections by address."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import AddressConnections
from perfsuite.report.page.connections import connections_table
from perfsuite.report.page.facts import facts_of
from perfsuite.report.page.page import page_of
from tests.report import example_runs

ONE = AddressConnections("10.0.0.1:443", 1_240)
DEAD = AddressConnections("[2001:db8::1]:443", 0, 2, 2_000.4, 2_001.0)


@pytest.mark.parametrize(
    ("connections", "shown"),
    [
        pytest.param((), False, id="an older file"),
        pytest.param((ONE,), False, id="one address: nothing to compare"),
        pytest.param((ONE, replace(ONE, address="10.0.0.2:443")), True, id="two"),
        pytest.param((replace(ONE, no_answer=1, waited_avg_ms=1.0, waited_max_ms=1.0),), True, id="one that failed"),
    ],
)
def test_it_is_there_where_it_says_something(connections: tuple[AddressConnections, ...], shown: bool) -> None:
    assert bool(connections_table(replace(example_runs.passed().summary, connections=connections))) is shown


def test_an_address_that_did_not_answer_and_how_long_that_took() -> None:
    report = example_runs.passed()
    page = page_of(replace(report, summary=replace(report.summary, connections=(ONE, DEAD))))
    (table,) = (table for table in page.tables if table.name == "connections")
    assert [[cell.text for cell in row] for row in table.rows] == [
        ["10.0.0.1:443", "1,240", "0", "–", "–"],
        ["[2001:db8::1]:443", "0", "2", "2,000", "2,001"],
    ]


def test_repeated_requests_stand_beside_the_counts() -> None:
    report = example_runs.passed()
    counts = replace(report.summary.reconciliation, repeated=3)
    facts = {
        fact.term: fact.lines
        for fact in facts_of(replace(report, summary=replace(report.summary, reconciliation=counts)))
    }
    assert "3 GETs" in facts["Request counts"][0]
