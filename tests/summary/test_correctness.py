"""Records of checks → what a run found out about correctness."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.check_ended import CheckEnded
from perfsuite.model import Plan, Summary
from perfsuite.model.correctness import (
    CheckLevel,
    CheckResult,
    CheckRow,
    ChecksOff,
    Correctness,
    Exchanged,
    Invariant,
    Violation,
)
from perfsuite.summary.summarize import build
from tests.summary.made_records import ROLES, START, Process, make_plan, steady_run

PLAN = replace(make_plan(), check_correctness=CheckLevel.SAMPLE)
HELD, VIOLATED, NOT_CHECKED = CheckResult
LIST = ("permissions", "refused to other roles", "users.list", ("reader",))
READ = ("isolation", "own rows only", "policies.read", ("reader", "writer"))
EVIDENCE = tuple(
    Exchanged(f"reader#{number}", "policies.read", "GET /p/1", f"id-{number}", START + 9.5 - number, 200)
    for number in (1, 2)
)


def ended(key: tuple[str, str, str, tuple[str, ...]], result: CheckResult, second: int, **more: Any) -> CheckEnded:
    return CheckEnded("1", second, START + second, *key, result, **more)


def found_of(*records: CheckEnded, plan: Plan = PLAN) -> Correctness | None:
    return build(plan, Aggregate.of(steady_run(Process(), records)), preflight=None, roles=ROLES).correctness


def test_checks_of_a_rule_are_added_up_by_role_and_operation() -> None:
    found = found_of(
        ended(LIST, HELD, 5, requests=2),
        ended(LIST, NOT_CHECKED, 6, requests=1, why="HTTP 503"),
        ended(LIST, NOT_CHECKED, 7, why="HTTP 503"),
        ended(READ, HELD, 7, requests=1),
        ended(READ, VIOLATED, 8, requests=2, expected="HTTP 403", seen="HTTP 200"),
        ended(LIST, HELD, 9, count=20, watched=True),
    )
    assert found is not None
    assert (found.level, found.why_off, found.requests, found.checks) == (CheckLevel.SAMPLE, None, 6, 23)
    assert (found.held, found.watched) == (22, 20)
    assert found.rows == (
        CheckRow(Invariant.ISOLATION, "own rows only", "reader", "policies.read", held=1, violated=1),
        CheckRow(Invariant.PERMISSIONS, "refused to other roles", "reader", "users.list", 21, 0, {"HTTP 503": 2}, 20),
    )
    assert list(found.rules) == [(row.invariant, row.rule) for row in found.rows]


def test_checks_are_in_no_figure_of_the_load() -> None:
    def summary_of(*checks: CheckEnded) -> Summary:
        process = Process()
        records = [process.requests(5, [12.0] * 350), *checks]
        return build(PLAN, Aggregate.of(steady_run(process, records)), preflight=None, roles=ROLES)

    plain, checked = summary_of(), summary_of(ended(LIST, HELD, 5, requests=7))
    assert plain == replace(checked, correctness=plain.correctness)
    assert checked.totals.requests == 350
    assert checked.correctness is not None
    assert (checked.correctness.load_requests, checked.correctness.share) == (350, 0.02)


def test_violations_are_numbered_by_their_first_time_and_keep_its_evidence() -> None:
    found = found_of(
        ended(LIST, VIOLATED, 9, expected="HTTP 403", seen="HTTP 200"),
        ended(READ, VIOLATED, 12, expected="later", seen="later"),
        ended(READ, VIOLATED, 8, expected="HTTP 403", seen="a policy", evidence=EVIDENCE),
    )
    assert found is not None
    assert found.violations == (
        Violation(
            "v1", Invariant.ISOLATION, "own rows only", "policies.read", ("reader", "writer"), "HTTP 403", "a policy",
            EVIDENCE, START + 8.5, 2,
        ),
        Violation(
            "v2", Invariant.PERMISSIONS, "refused to other roles", "users.list", ("reader",), "HTTP 403", "HTTP 200",
            (), START + 9.0, 1,
        ),
    )  # fmt: skip


def test_why_nothing_was_checked() -> None:
    off = found_of(plan=replace(PLAN, check_correctness=CheckLevel.OFF, checks_off=ChecksOff.REMOTE))
    assert off is not None
    assert (off.level, off.why_off, off.checks) == (CheckLevel.OFF, ChecksOff.REMOTE, 0)


def test_of_a_run_that_is_older_than_these_checks_nothing_is_known() -> None:
    assert found_of(plan=make_plan()) is None
