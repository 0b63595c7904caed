"""What a run against a backend with the habits of deployed versions says: what was written down beforehand
(`as_deployed.py`), and what that backend's log and tables say. Each check looks at one such run."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Callable

import pytest

from perfsuite.target.catalogue import CATALOGUE
from tests.integration import as_deployed as expected
from tests.integration.deployed_truth import Truth, route_of
from tests.integration.programs import Ended, read_json


def name_of(check: Callable[[Ended], None]) -> str:
    """Of a test that makes it."""
    return check.__name__.removeprefix("check_")


def check_preflight_tells_what_works(run: Ended) -> None:
    checks = read_json(run.folder / "preflight.json")["checks"]
    assert {(check["role"], check["operation"]): check["works"] for check in checks} == expected.PREFLIGHT


def check_it_passes(run: Ended) -> None:
    assert (run.code, run.summary["verdict"], run.left) == (0, "pass", ())
    assert {target["name"]: target["outcome"] for target in run.summary["targets"]} == expected.TARGETS


def check_every_request_of_the_log_is_counted_and_no_other(run: Ended) -> None:
    truth = Truth.of(run)
    counts = run.summary["reconciliation"]
    assert (counts["agrees"], counts["recorded"]) == (True, len(truth.log))
    assert truth.counted_by_route() == truth.logged_by_route()


def check_failures_are_those_of_the_log(run: Ended) -> None:
    truth = Truth.of(run)
    with (run.folder / "failures.csv").open(encoding="utf-8", newline="") as file:
        told = [row for row in csv.DictReader(file) if row["operation"] != "all"]
    assert {row["message"] for row in told} <= {f"HTTP 500: {expected.CONCURRENCY}"}
    by_route: Counter[tuple[str, str]] = Counter()
    for row in told:
        operation = CATALOGUE[row["operation"]]
        by_route[operation.method, operation.template] += int(row["count"])
    assert by_route == Counter((line["method"], line["route"]) for line in truth.log if line["status"] >= 400)
    assert 0 < sum(by_route.values()) <= expected.MOST_CONCURRENCY_ERRORS


def check_failures_are_one_group_that_came_only_under_load(run: Ended) -> None:
    truth = Truth.of(run)
    failed = [line for line in truth.log if line["status"] >= 400]
    (pattern,) = run.summary["failure_patterns"]
    assert (pattern["message"], pattern["count"]) == (f"HTTP 500: {expected.CONCURRENCY}", len(failed))
    assert pattern["seen_before"] == []
    assert pattern["every_requests"] is None, "they come at no even distance"
    seconds = [truth.second_of(line) for line in failed]
    assert abs(pattern["first_seen"] - min(seconds)) <= 1
    assert abs(pattern["last_seen"] - max(seconds)) <= 1


def check_empty_lists_are_named_and_what_they_keep_from_being_done(run: Ended) -> None:
    assert set(run.summary["coverage"]["empty"]) == expected.EMPTY_LISTS
    lacking = {(each["role"], each["operation"]): each["why"] for each in run.summary["lacking"]}
    by_chance = {step: why for step, why in lacking.items() if step in expected.EXERCISED_BY_CHANCE}
    assert lacking == expected.LACKING | by_chance


def check_coverage_stands_beside_the_verdict(run: Ended) -> None:
    coverage, never = run.summary["coverage"], expected.NOT_OFFERED | expected.NO_DATA
    left = {tuple(each.split(" / ")) for each in coverage["not_exercised"]}
    assert never <= left <= never | expected.EXERCISED_BY_CHANCE
    assert (coverage["planned"], coverage["exercised"]) == (len(expected.STEPS), len(expected.STEPS) - len(left))
    logged = set(Truth.of(run).logged_by_route())
    assert {route_of(operation) for _role, operation in expected.STEPS - left} <= logged
    said = f"{coverage['exercised']} of {coverage['planned']} operations"
    # A run that failed has other news first, and has this in the section on coverage.
    beside = ("summary.md", "junit.xml") if run.code == 0 else ()
    pages = [(run.folder / name).read_text(encoding="utf-8") for name in ("report.html", *beside)]
    assert [page for page in pages if said not in " ".join(page.split())] == []
    assert run.code or said in " ".join(run.out.split())


def check_logins_are_those_of_the_log(run: Ended) -> None:
    truth, told = Truth.of(run), run.summary["logins"]
    logins = [line for line in truth.log if line["name"] == "auth.login"]
    # Where they take so long that the first tokens are renewed meanwhile, those logins are among them.
    first = [line for line in logins if truth.second_of(line) < told["ended_at"]]
    assert (told["ramp_up"] + told["later"], told["failures"]) == (len(logins), 0)
    assert run.summary["users"]["requested"] <= told["ramp_up"] == pytest.approx(len(first), abs=1)
    durations_ms = [1000 * line["duration_s"] for line in first]
    # What the client saw is that, and what it took to get there and back.
    assert told["avg_ms"] == pytest.approx(sum(durations_ms) / len(first), rel=0.1, abs=30)
    assert told["max_ms"] == pytest.approx(max(durations_ms), rel=0.1, abs=30)
    assert told["avg_ms"] > 3 * 1000 * expected.LOGIN_COST_S
    assert bool(told["late"]) is any("still logging in" in note for note in run.summary["notes"])


def check_findings_are_what_is_wrong_with_such_a_backend(run: Ended) -> None:
    found = {finding["resource"] for finding in run.summary["findings"]}
    assert found - expected.TRUE_BESIDE - {""} == expected.FINDINGS


def check_preflight_met_no_error_that_comes_only_under_load(run: Ended) -> None:
    # What it asked for to be refused, to compare it with the load, was refused with 4xx.
    assert [line for line in run.beside["preflight log"] if line["status"] == 429 or line["status"] >= 500] == []


def check_the_tables_differ_in_nothing_but_what_the_run_says_remains(run: Ended) -> None:
    truth = Truth.of(run)
    _every_row_that_was_made_remains(truth)
    assert truth.changed_columns() <= {"last_login_at", "updated_at", "theme_preference"}
    assert truth.other_tables() == set()


def check_the_broken_query_is_in_the_log_of_the_backend_for_each_answer(run: Ended) -> None:
    truth = Truth.of(run)
    asked = [line for line in truth.whole_log() if line["name"] == "analytics.agent"]
    assert run.beside["said"].count("no such table") == len([line for line in asked if line["status"] == 200]) > 0


def check_the_limiter_is_one_group_with_its_distance(run: Ended) -> None:
    """Rate limiter on."""
    failed = [line for line in Truth.of(run).log if line["status"] == 500 and line["name"] == "-"]
    (pattern,) = [each for each in run.summary["failure_patterns"] if each["message"] == expected.LIMITER]
    assert (pattern["count"], len(failed)) == (len(failed), pattern["count"])
    assert pattern["every_requests"] in expected.LIMITER_SEEN
    assert len(pattern["operations"]) >= 4
    others = [each for each in run.summary["failure_patterns"] if each["message"] != expected.LIMITER]
    # Where the machine has no room for so many logins, some are given up.
    others = [each for each in others if each["operations"] != ["login"] or each["kind"] != "timeout"]
    assert {each["message"] for each in others} <= {f"HTTP 500: {expected.CONCURRENCY}"}


def check_the_limit_of_failures_is_too_close_to_call(run: Ended) -> None:
    """Rate limiter on."""
    (rate,) = [target for target in run.summary["targets"] if target["name"] == "failure rate"]
    assert rate["too_close"] is True
    assert rate["outcome"] in ("met", "missed")
    assert run.summary["verdict"] == {"met": "pass", "missed": "fail"}[rate["outcome"]]
    said = " ".join(run.out.split())
    assert "too close to call" in said
    assert f"{expected.LIMITER}, " in said


def check_the_limiter_leaves_no_row(run: Ended) -> None:
    """Rate limiter on."""
    assert (run.summary["cleanup"]["not_removed"], run.summary["cleanup"]["not_restored"]) == ([], [])
    _every_row_that_was_made_remains(Truth.of(run))


def _every_row_that_was_made_remains(truth: Truth) -> None:
    """Deletes are soft there."""
    remaining, made = truth.remaining(), truth.made()
    assert remaining == truth.told_to_remain()
    rows: Counter[str] = Counter()
    for (thing, _status), count in remaining.items():
        rows[thing] += count
    assert rows == made
    assert made.keys() == {"lead", "policy"}


CHECKS: tuple[Callable[[Ended], None], ...] = (
    check_preflight_tells_what_works,
    check_it_passes,
    check_every_request_of_the_log_is_counted_and_no_other,
    check_failures_are_those_of_the_log,
    check_failures_are_one_group_that_came_only_under_load,
    check_empty_lists_are_named_and_what_they_keep_from_being_done,
    check_coverage_stands_beside_the_verdict,
    check_logins_are_those_of_the_log,
    check_findings_are_what_is_wrong_with_such_a_backend,
    check_preflight_met_no_error_that_comes_only_under_load,
    check_the_tables_differ_in_nothing_but_what_the_run_says_remains,
    check_the_broken_query_is_in_the_log_of_the_backend_for_each_answer,
)

LIMITED: tuple[Callable[[Ended], None], ...] = (
    check_preflight_tells_what_works,
    check_the_limiter_is_one_group_with_its_distance,
    check_the_limit_of_failures_is_too_close_to_call,
    check_the_limiter_leaves_no_row,
    check_empty_lists_are_named_and_what_they_keep_from_being_done,
    check_coverage_stands_beside_the_verdict,
    check_findings_are_what_is_wrong_with_such_a_backend,
)
"""With the rate limiter on."""
