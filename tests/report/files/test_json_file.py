"""`summary.json`: the fixed keys, and agreement with the CSV."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.report.files.csv_files import stats_csv
from perfsuite.report.files.json_file import summary_json
from perfsuite.report.text import BREAKDOWN_FIELDS, STATISTIC_FIELDS, exact
from tests.report import example_runs, made_correctness

KEYS = [
    "schema", "run_id", "scenario", "host", "started_at", "duration_s", "steady_s", "verdict", "reasons", "exit_code",
    "users", "totals", "operations", "behaviours", "whole_run", "targets", "generator", "coverage", "environment",
    "notes", "failures_by_kind", "reconciliation", "cleanup", "not_possible",
    "arrivals", "lost_workers", "occupancy", "drifts",
    "findings", "monitors", "fingerprint", "baseline",
    "published",
    "suite_errors",
    "logins", "server_times", "remarks", "clock_set_s",
    "totals_ok",
    "headlines", "reason_codes",
    "outages", "unfinished",
    "lacking",
    "failure_patterns", "raw_samples",
    "retries", "connections", "no_answer", "ledger", "stability", "aborted", "stages", "work",
    "capacity", "correctness",
]  # fmt: skip


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_keys_are_the_fixed_ones_in_their_order(name: str) -> None:
    content = json.loads(summary_json(example_runs.EXAMPLES[name]()))
    assert list(content) == KEYS
    assert list(content["totals"]) == [*STATISTIC_FIELDS, *BREAKDOWN_FIELDS]
    assert list(content["totals_ok"]) == list(STATISTIC_FIELDS)
    place = ["role", "behaviour", "operation", "method", "path"]
    assert all(list(row) == [*place, *STATISTIC_FIELDS, *BREAKDOWN_FIELDS, "slowest"] for row in content["operations"])
    assert list(content["coverage"]) == [
        "offered", "missing", "broken", "differs", "empty", "planned", "exercised", "not_exercised", "excluded",
    ]  # fmt: skip
    assert list(content["whole_run"]) == ["requests", "failures", "rate_limited", "expired"]
    assert [list(target) for target in content["targets"]] == [
        ["name", "scope", "limit", "observed", "unit", "outcome", "reason", "interval", "too_close"]
    ] * (6 if name == "watched" else 5)


def test_figures_agree_with_the_csv_to_the_letter() -> None:
    report = example_runs.open_model()
    content = json.loads(summary_json(report))
    rows = [row for row in csv.DictReader(io.StringIO(stats_csv(report.summary))) if row["period"] == "steady"]
    by_key = {(row["role"], row["behaviour"], row["operation"]): row for row in rows}
    assert len(content["operations"]) == 18  # every operation of every role
    for figures, key in [
        (content["totals"], ("all", "all", "all")),
        *((row, (row["role"], row["behaviour"], row["operation"])) for row in content["operations"]),
    ]:
        assert {name: exact(figures[name]) for name in (*STATISTIC_FIELDS, *BREAKDOWN_FIELDS)} == {
            name: by_key[key][name] for name in (*STATISTIC_FIELDS, *BREAKDOWN_FIELDS)
        }


def test_method_and_path_come_from_the_catalogue() -> None:
    operations = json.loads(summary_json(example_runs.passed()))["operations"]
    found = {row["operation"]: (row["method"], row["path"]) for row in operations}
    assert found["policies.create"] == ("POST", "/api/v1/policies/")


def test_failures_by_kind_and_the_extras() -> None:
    report = example_runs.failed()
    content = json.loads(summary_json(report))
    status = sum(group.count for group in report.summary.failures if group.kind == "http status")
    assert content["failures_by_kind"] == {"http status": status, "wrong answer": 2}
    assert content["not_possible"] == {"policies.premiums": 14}
    assert content["cleanup"]["not_removed"] == ["policy PERF-0007: 500"]
    assert content["reconciliation"]["agrees"] is True


def test_no_steady_state_is_null_not_zero() -> None:
    totals = json.loads(summary_json(example_runs.interrupted()))["totals"]
    assert (totals["requests"], totals["avg_ms"], totals["p95_ms"], totals["failure_rate"]) == (0, None, None, None)


def test_the_open_model_has_requested_and_offered_rate() -> None:
    content = json.loads(summary_json(example_runs.open_model()))
    assert content["arrivals"] == {
        "asked_per_s": 30.0, "offered_per_s": 24.12, "due": 1590, "begun": 1278, "not_started": 312,
        "not_started_whole_run": 330, "lag_avg_ms": 4100.0, "lag_p99_ms": 7150.0, "lag_max_ms": 7210.5,
        "longest_queue": 331,
    }  # fmt: skip
    assert content["lost_workers"] == [
        {"worker": "2", "at": 1772357431.5, "users": 6, "reason": "was killed by signal SIGKILL", "placed": None}
    ]
    assert content["drifts"] == [{"figure": "p50_ms", "start": 40.0, "end": 52.0, "p_value": 0.001}]
    assert json.loads(summary_json(example_runs.passed()))["arrivals"] is None


def test_errors_of_the_suite_with_their_places() -> None:
    content = json.loads(summary_json(example_runs.open_model()))
    assert content["unfinished"] == 3
    (outage,) = content["outages"]
    assert (outage["end"] - outage["start"], outage["failed"], outage["message"]) == (4, 57, "connection refused")
    assert content["suite_errors"] == [
        {"place": "roles.mine:41 arguments", "message": "KeyError: 'agent_id'", "count": 12, "log": "suite-errors.log"},
        {
            "place": "perfsuite.target.journal:66 write", "message": "OSError: [Errno 5] <b>Input/output error",
            "count": 1, "log": "",
        },
    ]  # fmt: skip
    assert json.loads(summary_json(example_runs.passed()))["suite_errors"] == []


def test_intervals_stand_beside_the_targets() -> None:
    targets = {target["name"]: target for target in json.loads(summary_json(example_runs.open_model()))["targets"]}
    p95, users = targets["95th percentile"], targets["concurrent users"]
    assert (p95["outcome"], p95["interval"], p95["too_close"]) == ("met", [48.1, 2050.4], True)
    assert (users["interval"], users["too_close"]) == (None, False)
    assert targets["failure rate"]["interval"] == [0.0, 0.0123]


def test_findings_with_their_evidence() -> None:
    findings = json.loads(summary_json(example_runs.watched()))["findings"]
    assert len(findings) == 10
    onset = findings[0]
    assert {name: onset[name] for name in ("kind", "resource", "at_s", "role", "operation")} == {
        "kind": "left its band", "resource": "locks", "at_s": 1772357430, "role": "policyholder",
        "operation": "users.me",
    }  # fmt: skip
    assert onset["headline"].startswith("Response times rose (26 ms → 1,140 ms")
    assert onset["evidence"][3] == {
        "metric": "failure_rate", "label": "requests that failed", "before": 0.0, "after": 0.31, "unit": "fraction",
        "at_s": 1772357430,
    }  # fmt: skip
    assert findings[1]["evidence"][0]["after"] is None


def test_monitored_parts_and_costs_of_operations() -> None:
    content = json.loads(summary_json(example_runs.watched()))
    assert content["monitors"] == {
        "sources": ["machine", "pool", "postgres", "redis", "server"],
        "monitored": ["server", "machine", "connection pool", "PostgreSQL", "Redis"],
        "not_monitored": [],
    }
    cost = {"role": "senior_agent", "operation": "policies.list"}
    assert content["fingerprint"] == {
        "taken": True,
        "operations": [
            # the most of the requests that no cache answered, and their mean time
            {**cost, "queries": 21, "rows": 40, "shared_blocks": 63, "execution_ms": 4.0},
            {**cost, "operation": "health.root", "queries": 0, "rows": 0, "shared_blocks": 0, "execution_ms": 0.0},
            {
                **cost, "operation": "leads.delete",
                "queries": None, "rows": None, "shared_blocks": None, "execution_ms": None,
            },
        ],
    }  # fmt: skip


def test_without_monitors_keys_are_empty_not_missing() -> None:
    content = json.loads(summary_json(example_runs.passed()))
    assert (content["findings"], content["monitors"]) == ([], {"sources": [], "monitored": [], "not_monitored": []})
    assert content["fingerprint"] == {"taken": False, "operations": []}


def test_correctness_with_evidence_and_what_was_not_checked() -> None:
    content = json.loads(summary_json(example_runs.wrong_under_load()))
    assert (content["verdict"], content["reason_codes"]) == ("fail", ["wrong_under_load", "wrong_under_load"])
    found = content["correctness"]
    figures = (
        "level",
        "off_because",
        "requests",
        "load_requests",
        "share",
        "checks",
        "held",
        "watched",
        "watched_held",
    )
    assert [found[name] for name in figures] == ["sample", None, 118, 6012, 0.019627, 28, 13, 0, 0]
    assert [violation["id"] for violation in found["violations"]] == ["v1", "v2", "v3"]
    assert found["violations"][2] == {
        "id": "v3", "invariant": "permissions", "rule": "refused to other roles", "operation": "users.list",
        "roles": ["support_staff"], "expected": "HTTP 403", "seen": "HTTP 200",
        "evidence": [
            {
                "actor": "policyholder#2", "operation": "policies.read", "request": "GET /api/v1/policies/7f3a",
                "request_id": "9b-2", "sent_at": 1772357431.5, "status": 200,
            }
        ],
        "first_at": 1772357440.0, "count": 2,
    }  # fmt: skip
    assert found["rows"][0] == {
        "invariant": "isolation", "rule": "own rows only", "role": "policyholder", "operation": "policies.read",
        "held": 0, "violated": 12, "watched_held": 0, "watched_violated": 0,
    }  # fmt: skip
    assert found["not_checked"][1] == {
        "invariant": "permissions", "rule": "refused to other roles", "role": "support_staff",
        "operation": "agents.list", "reason": "HTTP 503", "times": 2,
    }  # fmt: skip
    assert json.loads(summary_json(example_runs.passed()))["correctness"] is None


def test_answers_that_are_watched_are_counted_apart() -> None:
    report = example_runs.passed()
    report = replace(report, summary=replace(report.summary, correctness=made_correctness.WATCHED))
    found = json.loads(summary_json(report))["correctness"]
    assert [found[name] for name in ("checks", "held", "watched", "watched_held")] == [1_268, 1_268, 1_240, 1_240]
    assert (found["rows"][-1]["held"], found["rows"][-1]["watched_held"]) == (1_240, 1_240)


def names_within(value: object) -> set[str]:
    """The keys of all objects in `value`."""
    if isinstance(value, list):
        return set().union(*map(names_within, value))
    return set().union(value, *map(names_within, value.values())) if isinstance(value, dict) else set()


@pytest.mark.parametrize("key", ["findings", "monitors", "fingerprint"])
def test_the_page_of_metrics_names_what_is_within(key: str) -> None:
    page = (Path(__file__).parents[3] / "docs" / "metrics.md").read_text()
    rows = "".join(line for line in page.splitlines() if line.startswith(f"| `{key}"))
    content = json.loads(summary_json(example_runs.watched()))[key]
    assert names_within(content) <= set(re.findall(r"\w+", rows))
