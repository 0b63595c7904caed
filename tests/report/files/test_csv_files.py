"""The CSV files: columns, blanks, the row of each second, and cells that a spreadsheet would run."""

from __future__ import annotations

import csv
import io

import pytest

from perfsuite.report.files.csv_files import failures_csv, stats_csv, stats_history_csv
from perfsuite.report.text import csv_cell
from tests.report import example_runs

STATS = (
    "period,role,behaviour,operation,requests,failures,failure_rate,rps,"
    "avg_ms,min_ms,max_ms,p50_ms,p75_ms,p90_ms,p95_ms,p99_ms,p999_ms,"
    "service_avg_ms,service_p50_ms,service_p95_ms,server_told,server_avg_ms,server_p95_ms,outside_avg_ms,"
    "waiting_avg_ms,connections,connect_avg_ms,tls_avg_ms,not_started"
)
ARRIVALS = ["actions_due", "actions_begun", "lag_avg_ms", "lag_max_ms", "actions_waiting"]


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_stats_columns_and_one_row_per_row_of_the_summary() -> None:
    summary = example_runs.passed().summary
    text = stats_csv(summary)
    assert text.splitlines()[0] == STATS
    assert len(rows_of(text)) == len(summary.rows)
    assert "\r" not in text


def test_unknown_figures_are_blank() -> None:
    steady = [row for row in rows_of(stats_csv(example_runs.interrupted().summary)) if row["period"] == "steady"]
    assert steady == [
        {**dict.fromkeys(STATS.split(","), ""), "period": "steady", "role": "all", "behaviour": "all",
         "operation": "all", "requests": "0", "failures": "0", "rps": "0.0", "server_told": "0", "connections": "0",
         "not_started": "0"}
    ]  # fmt: skip


def test_history_has_a_total_row_and_the_operations_of_each_second() -> None:
    summary = example_runs.passed().summary
    rows = rows_of(stats_history_csv(summary))
    assert list(rows[0])[:5] == ["second", "period", "role", "behaviour", "operation"]
    assert len(rows) == len(summary.seconds) + len(summary.second_rows)
    totals = [row for row in rows if row["role"] == "all"]
    assert [row["second"] for row in totals[:2]] == ["2026-03-01T09:30:00Z", "2026-03-01T09:30:01Z"]
    assert {row["period"] for row in rows} == {"ramp-up", "steady", "ramp-down"}
    of_first = [int(row["requests"]) for row in rows if row["second"] == totals[0]["second"] and row["role"] != "all"]
    assert sum(of_first) == int(totals[0]["requests"])


def test_seconds_of_the_open_model_count_its_actions() -> None:
    rows = rows_of(stats_history_csv(example_runs.open_model().summary))
    assert list(rows[0])[-5:] == ARRIVALS
    totals = [row for row in rows if row["role"] == "all"]
    assert [totals[3][name] for name in ARRIVALS] == ["30", "27", "300.0", "364.5", "18"]
    assert {row[name] for row in rows if row["role"] != "all" for name in ARRIVALS} == {""}
    closed = rows_of(stats_history_csv(example_runs.passed().summary))
    assert {row[name] for row in closed for name in ARRIVALS} == {""}


def test_failures_carry_times_and_harmless_cells() -> None:
    rows = rows_of(failures_csv(example_runs.failed().summary.failures))
    assert list(rows[0]) == [
        "role", "operation", "kind", "message", "count", "first_seen", "last_seen", "request_id",
    ]  # fmt: skip
    assert (rows[0]["first_seen"], rows[0]["last_seen"]) == ("2026-03-01T09:30:30Z", "2026-03-01T09:31:59Z")
    assert rows[-1]["message"] == "'=cmd|' /C calc'!A0"
    assert rows[-1]["request_id"] == "'@9b-3"


@pytest.mark.parametrize(
    ("raw", "cell"),
    [
        pytest.param("=1+1", "'=1+1", id="formula"),
        pytest.param("+1", "'+1", id="plus"),
        pytest.param("-1", "'-1", id="minus"),
        pytest.param("@SUM(A1)", "'@SUM(A1)", id="at"),
        pytest.param("\t=1", "' =1", id="a tab before the formula"),
        pytest.param("\rx", "' x", id="carriage return"),
        pytest.param(" =1", "' =1", id="a blank before the formula"),
        pytest.param("404 a=b", "404 a=b", id="an equals sign within is no formula"),
        pytest.param("two\nlines\ud800", "two lines ", id="one line, no surrogate"),
    ],
)
def test_csv_cell(raw: str, cell: str) -> None:
    assert csv_cell(raw) == cell
