"""A slow, wrong or foreign answer is found: backends that give one, each under a whole run."""

from __future__ import annotations

import csv
import re
from datetime import datetime
from typing import Any

import pytest

from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Reason
from perfsuite.messages.run import RunMessage
from perfsuite.run.load_run import load_run
from tests.integration.programs import Ended, failed_operations

pytestmark = pytest.mark.integration


def outcomes(summary: dict[str, Any]) -> dict[str, str]:
    """Target → outcome."""
    return {target["name"]: target["outcome"] for target in summary["targets"]}


def often(summary: dict[str, Any]) -> list[dict[str, Any]]:
    """The operations whose averages do not depend on a single moment of the machine."""
    return [row for row in summary["operations"] if row["requests"] - row["failures"] >= 20]


def groups(run: Ended) -> list[dict[str, str]]:
    """The rows of failures.csv."""
    with (run.folder / "failures.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def rows_of_the_run(run: Ended) -> list[dict[str, str]]:
    """The rows of stats_history.csv, in order of time."""
    with (run.folder / "stats_history.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def averages(run: Ended, operation: str) -> list[tuple[datetime, float]]:
    """Second and average of an operation, over time, from stats_history.csv."""
    return [
        (datetime.fromisoformat(row["second"]), float(row["avg_ms"]))
        for row in rows_of_the_run(run)
        if row["operation"] == operation and row["avg_ms"]
    ]


@pytest.mark.made("slow_later")
def test_a_slow_target_misses_the_average_and_the_slowest_operation_is_named(made: Ended) -> None:
    summary = made.summary
    assert (made.code, summary["verdict"]) == (1, "fail")
    assert outcomes(summary) == {"own account": "missed", "average response time": "missed", "failure rate": "met"}
    slowest = max(often(summary), key=lambda row: row["avg_ms"])
    assert slowest["operation"] == "users.me"
    assert slowest["max_ms"] >= 2000
    assert any("slowest: users.me as " in reason for reason in summary["reasons"])


@pytest.mark.made("slow_later")
def test_the_report_alone_explains_it_operation_moment_kind_and_size(made: Ended) -> None:
    page = (made.folder / "report.html").read_text(encoding="utf-8")
    top = re.sub(r"<[^>]+>", " ", page[page.index('class="highlights"') : page.index('class="where"')])
    told = averages(made, "users.me")
    first_s = (
        load_run(made.folder).report.summary.seconds[0].second
    )  # the axis begins with the load, rows with an answer
    # A second in which the machine stood still is not as slow as the fault.
    slow = next(second for second, average in told if average >= 1900)
    rose = r"(Response times rose|users\.me took longer) \(.*? on average.*?from (\d\d):(\d\d) on"
    own = r"users\.me as \w+: ([\d.]+) ms → ([\d,]+) ms"
    found, size = re.search(rose, top), re.search(own, top)
    assert found is not None and size is not None, top
    assert float(size[1]) < 500
    assert float(size[2].replace(",", "")) == pytest.approx(2000, rel=0.2)
    since_s = int(found[2]) * 60 + int(found[3])
    assert abs(since_s - (slow.timestamp() - first_s)) <= 4
    assert since_s >= 10
    # Its line in the chart of the operations, and the mark of the finding in it.
    assert re.search(
        r'<figure class="chart tall" id="chart-operations">.*?<span>users\.me</span>.*?</figure>', page, re.DOTALL
    )
    assert re.search(r'id="chart-operations">(?:(?!</figure>).)*class="mark" href="#finding-1"', page, re.DOTALL)


@pytest.mark.made("slow_later")
def test_a_route_that_becomes_slow_is_seen_from_that_second_on(made: Ended) -> None:
    summary = made.summary
    told = averages(made, "users.me")
    quick = [second for second, average in told if average < 500]
    late = [second for second, average in told if average >= 2000]
    assert quick, "the fault began before the load"
    assert late
    # A second may hold both; no quick one comes after a slow one.
    assert max(quick) <= min(late)
    others = [row["avg_ms"] for row in often(summary) if row["operation"] not in ("users.me", "login")]
    assert max(others) < 500


@pytest.mark.made("slow_later")
def test_few_wrong_answers_are_a_reason_of_their_own_though_the_failure_rate_is_fine(made: Ended) -> None:
    summary = made.summary
    assert 0 < summary["totals"]["failure_rate"] < 0.01
    assert set(summary["failures_by_kind"]) == {"wrong answer"}
    wrong = Reason.WRONG_ANSWERS(answers=summary["failures_by_kind"]["wrong answer"])
    (reason,) = [reason for reason in summary["reasons"] if reason.startswith(wrong)]
    assert reason.startswith(f"{wrong}; dashboard.provider")
    (group,) = groups(made)
    assert (group["kind"], group["message"]) == ("wrong answer", "field missing: totalAgents")
    assert re.fullmatch("[0-9a-f]{32}", group["request_id"])


@pytest.mark.made("all_kinds")
def test_errors_miss_the_failure_rate(made: Ended) -> None:
    summary = made.summary
    assert (made.code, outcomes(summary)["failure rate"]) == (1, "missed")
    of_route = [row for row in summary["operations"] if row["operation"] == "users.me"]
    asked = sum(row["requests"] for row in of_route)
    assert asked >= 20
    assert sum(row["failures"] for row in of_route) == pytest.approx(asked / 4, abs=2), "every fourth answer"


@pytest.mark.made("all_kinds")
@pytest.mark.parametrize(
    ("operation", "kind", "message"),
    [
        pytest.param("policies.list", "wrong answer", "rows ", id="rows of other policyholders"),
        pytest.param("agents.profile", "wrong answer", "somebody else's account", id="somebody else's profile"),
        pytest.param("dashboard.senior_agent", "wrong answer", "field missing: personalStats", id="missing field"),
        pytest.param("leads.list", "wrong answer", "field missing in a row: lead_status", id="missing field in a row"),
        pytest.param("policies.coverage", "wrong answer", "not JSON but text/html, 85 bytes", id="foreign page"),
        pytest.param("agents.performance", "connection lost", "the target closed the connection", id="cut connection"),
        pytest.param("policies.read", "redirect", "HTTP 307 to http://elsewhere.invalid", id="redirect elsewhere"),
        pytest.param("users.me", "http status", "HTTP 503: Injected error", id="error of the target"),
    ],
)
def test_every_kind_of_fault_is_told_by_its_name(made: Ended, operation: str, kind: str, message: str) -> None:
    of_operation = [row for row in groups(made) if row["operation"] == operation]
    assert of_operation
    assert {row["kind"] for row in of_operation} == {kind}
    assert all(row["message"].startswith(message) for row in of_operation), of_operation


@pytest.mark.made("all_kinds")
def test_only_the_faulty_operations_failed(made: Ended) -> None:
    summary = made.summary
    assert (made.code, summary["verdict"]) == (1, "fail")
    assert set(failed_operations(summary)) <= {
        "agents.performance",
        "agents.profile",
        "dashboard.senior_agent",
        "leads.list",
        "policies.coverage",
        "policies.list",
        "policies.page",  # this and the next two are the same route
        "policies.by_policyholder",
        "policies.by_status",
        "policies.read",
        "users.me",
    }
    assert sum(int(row["count"]) for row in groups(made)) == summary["whole_run"]["failures"]
    assert sum(summary["failures_by_kind"].values()) == summary["whole_run"]["failures"]
    assert set(summary["failures_by_kind"]) == {"wrong answer", "connection lost", "redirect", "http status"}
    counts = summary["reconciliation"]
    assert counts["recorded"] == counts["locust_total"] == summary["whole_run"]["requests"]


@pytest.mark.made("broken")
def test_a_route_that_is_broken_from_the_start_stops_the_run_with_a_table(made: Ended) -> None:
    refused: Ended = made.beside["refused"]
    assert refused.code == 3
    first, *table, last = refused.err.strip().splitlines()
    assert first == RunMessage.BROKEN_OPERATIONS(table="").splitlines()[0]
    assert [line.split()[:2] for line in table] == [
        ["provider_admin", "agents.list"],
        ["regional_manager", "agents.list"],
    ]
    assert all("HTTP 500: Injected error" in line for line in table)
    assert "--tolerate-broken" in last
    assert not (refused.folder / "measurements.jsonl.gz").exists()


@pytest.mark.made("broken")
def test_preflight_tells_what_is_missing_and_what_is_broken(made: Ended) -> None:
    table: Ended = made.beside["table"]
    assert table.code == 3
    assert table.out.rstrip().endswith("4 missing, 2 broken")
    broken = [line for line in table.out.splitlines() if " broken" in line and "/agents/" in line]
    assert [line.split()[0] for line in broken] == ["provider_admin", "regional_manager"]
    for role in ("provider_admin", "regional_manager"):
        assert f"\n{role}, agents.list: HTTP 500: Injected error\n" in table.out
    # Of the table alone: before it, a machine that is slow is told of.
    assert max(map(len, table.out[table.out.index(": agent-mitra-backend ") :].splitlines())) <= 100


@pytest.mark.made("broken")
def test_what_is_broken_or_missing_is_left_out_and_said(made: Ended) -> None:
    summary = made.summary
    assert (made.code, summary["verdict"], summary["whole_run"]["failures"]) == (0, "pass", 0)
    assert summary["coverage"]["broken"] == ["provider_admin / agents.list", "regional_manager / agents.list"]
    assert summary["coverage"]["missing"] == [
        "support_staff / tickets.list",
        "support_staff / tickets.read",
        "support_staff / tickets.create",
        "support_staff / tickets.status",
    ]
    done = {row["operation"] for row in summary["operations"]}
    assert done.isdisjoint({"agents.list", "tickets.list", "tickets.read", "tickets.create", "tickets.status"})
    assert any(note.startswith("left out, failing without any load: provider_admin") for note in summary["notes"])
    assert Note.DEAD_BEHAVIOURS(behaviours=["support_staff / ticket management"]) in summary["notes"]
    behaviours = {(row["role"], row["behaviour"]): row for row in summary["behaviours"]}
    assert behaviours["support_staff", "ticket management"]["actions"] == 0
    assert behaviours["support_staff", "ticket management"]["success_rate"] is None


@pytest.mark.made("broken")
def test_two_connections_to_the_database_are_enough_for_a_few_users(made: Ended) -> None:
    assert made.beside["pool"]["size"] == 2
    assert made.summary["totals"]["requests"] > 50
    assert made.summary["reconciliation"]["recorded"] == made.beside["logged"]


@pytest.mark.made("lost")
def test_a_target_that_dies_in_mid_run_is_lost_and_the_load_stops(made: Ended) -> None:
    summary = made.summary
    assert (made.code, summary["verdict"]) == (1, "fail")
    assert any(reason.startswith("the target was lost: ") for reason in summary["reasons"])
    assert summary["duration_s"] < 100, "of two minutes"
    assert summary["failures_by_kind"]["connection refused"] > 10
    assert summary["cleanup"]["removed"] < summary["cleanup"]["created"]
    assert len(summary["cleanup"]["not_removed"]) == summary["cleanup"]["created"] - summary["cleanup"]["removed"]
    assert "the target was lost: " in (made.folder / "report.html").read_text(encoding="utf-8")
    assert made.err == ""
