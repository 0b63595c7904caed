"""What a run measures at its database before the load, and that what watches the target never disturbs the load."""

from __future__ import annotations

import math
import re
from pathlib import Path
from typing import Any

import pytest

from perfsuite.fingerprint.output import read_fingerprint
from perfsuite.model import Target, TargetOutcome
from perfsuite.model.fingerprint import Spread
from perfsuite.monitor import read_readings
from perfsuite.run.load_run import load_run
from tests.integration.programs import Ended, run_suite

pytestmark = pytest.mark.integration

TARGET = """
schema = 1
[[target]]
name = "few queries"
metric = "max_queries_per_request"
below = 15
"""
"""A healthy backend makes 9 at most."""


@pytest.mark.made("against_baseline", "first")
@pytest.mark.parametrize(
    ("role", "operation", "queries"),
    [
        pytest.param("provider_admin", "policies.list", 1, id="a list"),
        pytest.param("policyholder", "policies.coverage", 2, id="whose it is, and its rows"),
        pytest.param("senior_agent", "policies.create", 7, id="a write"),
        pytest.param("super_admin", "health.root", 0, id="no database"),
    ],
)
def test_a_run_knows_what_operations_cost(made: Ended, role: str, operation: str, queries: int) -> None:
    found = read_fingerprint(made.folder).of(role, operation)

    assert found is not None
    assert found.queries == Spread(queries, queries), (found.known, found.reason)


@pytest.mark.made("against_baseline", "first")
def test_it_comes_before_preflight_in_two_lines_and_leaves_no_row(made: Ended) -> None:
    said = re.findall(r"^(Fingerprint|Preflight|Cleanup)\b", made.out, re.MULTILINE)

    # On a slow machine preflight has more to say.
    assert said[:2] == ["Fingerprint"] * 2
    assert list(dict.fromkeys(said[2:])) == ["Preflight", "Cleanup"]
    assert made.summary["cleanup"]["created"] == made.summary["cleanup"]["removed"]
    assert (made.folder / "journal-fingerprint.jsonl").stat().st_size > 0


@pytest.mark.made("against_baseline", "first")
def test_its_requests_are_none_of_the_loads(made: Ended) -> None:
    counted = made.summary["reconciliation"]
    assert (
        counted["recorded"]
        == counted["locust_total"]
        == counted["backend_log"]
        == made.summary["whole_run"]["requests"]
    )


@pytest.mark.made("against_baseline")
def test_too_many_queries_miss_a_target_that_names_the_operation(made: Ended, tmp_path: Path) -> None:
    (tmp_path / "targets.toml").write_text(TARGET, encoding="utf-8")
    told = run_suite("judge", str(made.folder), "--targets", str(tmp_path / "targets.toml"))
    limit = Target("few queries", "max_queries_per_request", 15, below=True)
    (target,) = load_run(made.folder, targets=(limit,)).report.verdict.targets

    assert (told.code, told.err) == (1, "")
    assert told.out.rstrip().endswith("VERDICT: FAIL")
    assert (target.outcome, target.observed, target.limit) == (TargetOutcome.MISSED, 21, 15)
    assert re.fullmatch(r"policies\.list as \w+ makes 21 queries per request.*, limit 15", target.reason)
    assert "policies.list as" in told.out


# ── monitors that are of no use ─────────────────────────────────────────────────────────────────────


@pytest.mark.made("useless_monitors")
def test_what_was_wanting_is_told_in_a_line_each(made: Ended) -> None:
    told = [line for line in made.out.splitlines() if line.startswith(("Monitor: ", "Fingerprint: "))]

    assert "Monitor: redis: nothing listens there (connection refused)" in made.out
    assert "Monitor: prometheus: no answer within 800 ms" in made.out
    reasons = [re.sub(r" \((?:at|[\d,]+ times,) .*", "", line) for line in told]
    assert len(set(reasons)) == len(reasons), "once each, not each second"
    assert len(told) < 10
    assert [line for line in told if line.startswith("Fingerprint: ")] == [
        "Fingerprint: not taken. PostgreSQL: no connection (connection timeout expired)"
    ]
    assert made.err == ""


@pytest.mark.made("useless_monitors")
def test_the_load_is_as_large_and_no_slower_with_monitors_that_hang(made: Ended) -> None:
    with_them, without = made.summary["totals"], made.beside["without"].summary["totals"]
    counts = [run.summary["whole_run"]["requests"] for run in (made, made.beside["without"])]

    assert {made.code, made.beside["without"].code} <= {0, 1}, (
        "both ran whole; a machine that is too busy may fail both"
    )
    assert abs(counts[0] - counts[1]) <= 4 * math.sqrt(sum(counts)), "as many requests, but for chance"
    # Half of the requests, and a quarter: a machine that halts for a moment, once in one of the runs, does not show.
    # If the load waited for them, for 800 ms in each second, half of it would be later by 400 ms.
    assert with_them["p50_ms"] < 3 * without["p50_ms"] + 100
    assert with_them["p75_ms"] < 3 * without["p75_ms"] + 150


@pytest.mark.made("useless_monitors")
def test_hardly_a_second_is_missing_among_what_the_load_tells_of_itself(made: Ended) -> None:
    readings = read_readings(made.folder / "readings.csv")
    seconds = [one.at_s for one in readings if one.metric == "generator.users"]
    asked: dict[str, Any] = {one.metric: one.value for one in readings if one.source in ("redis", "prometheus")}

    # A process that stands still for more than a second leaves one out; if it waited for them, most would be.
    assert len(set(seconds)) == len(seconds) >= seconds[-1] - seconds[0] - 1 >= 8
    assert set(asked.values()) == {None}, "gaps, never zeros"
