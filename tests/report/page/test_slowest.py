"""The table of the slowest requests."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.model import SlowestRequest
from perfsuite.report.page.page import page_of
from perfsuite.report.page.slowest import MOST, slowest_table
from perfsuite.report.page.tables import PageTable
from tests.report import example_runs
from tests.report.made_load import START

PLACE = ("policyholder", "policy viewing", "policies.list")
ONE = SlowestRequest(*PLACE, "7f3a", START + 3.25, 200, "", 1240.5, 3.0, 1230.0, connect_ms=7.5, server_ms=0.8)


def table_of(*requests: SlowestRequest) -> PageTable:
    table = slowest_table(replace(example_runs.passed().summary, slowest=requests))
    assert table is not None
    return table


def test_a_row_says_which_request_when_and_what_its_time_is_made_of() -> None:
    (row,) = table_of(ONE).rows

    assert [cell.text for cell in row] == [
        "policies.list", "policyholder", "09:30:03.250", "200", "1,240", "3", "7.50", "–", "0.80", "1,229", "7f3a",
    ]  # fmt: skip
    assert (row[0].title, row[1].title) == ("GET /api/v1/policies/", "policy viewing")
    assert row[-1].code


def test_an_operation_has_its_ten_slowest_over_all_roles() -> None:
    many = [
        replace(ONE, role=role, response_ms=float(100 * place + shift), request_id=f"{role}/{place}")
        for shift, role in enumerate(("policyholder", "junior_agent"))
        for place in range(MOST)
    ]
    other = replace(ONE, operation="users.me", response_ms=950.5)
    rows = table_of(*many, other).rows

    assert len(rows) == MOST + 1
    assert [row[-1].text for row in rows[:3]] == ["7f3a", "junior_agent/9", "policyholder/9"]
    assert [row[0].text for row in rows[:2]] == ["users.me", "policies.list"]


def test_how_a_request_failed_is_beside_its_status() -> None:
    failed = [
        replace(ONE, status=503, failure="http status"),
        replace(ONE, status=200, failure="wrong answer"),
        replace(ONE, status=None, failure="timeout"),
    ]

    cells = [row[3] for row in table_of(*failed).rows]
    assert [cell.text for cell in cells] == ["503", "200 wrong answer", "timeout"]
    assert all(cell.alarm for cell in cells)
    assert not table_of(ONE).rows[0][3].alarm


def test_it_follows_the_operations_and_is_in_the_contents() -> None:
    page = page_of(example_runs.open_model())
    names = [table.name for table in page.tables]

    assert names.index("slowest") == names.index("operations") + 1
    assert ("Slowest requests", "slowest-title") in page.contents
    assert "slowest" not in [table.name for table in page_of(example_runs.passed()).tables]
