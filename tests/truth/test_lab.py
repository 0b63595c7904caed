"""What counts as right: the rules by which the findings of real runs are held to the truth."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.correctness.isolation import OWN_ROWS
from perfsuite.correctness.lists import COUNTS, PAGES
from perfsuite.model import Cleanup, Logins
from perfsuite.model.correctness import Invariant, Violation
from perfsuite.model.finding import Evidence, Finding, FindingKind
from tests.correctness.seeded import SEEDED
from tests.integration.programs import Ended
from tests.report import example_runs, made_correctness
from tests.truth.blemishes import blemishes
from tests.truth.cases import Case, Queries
from tests.truth.correctness_runs import MadeRun
from tests.truth.lab import wrong_in

_HEALTHY, _POOL = Case("healthy", None), Case("pool", "pool")
_N_PLUS_ONE = Case("N+1", "queries per request", queries=Queries(frozenset({"policies.page"}), more=20))


def found(*resources: str, operation: str | None = None, after: float = 0.0) -> list[Finding]:
    row = Evidence("queries_per_request", "queries per request", 1.0, after, "")
    return [Finding(FindingKind.LIMIT, "…", name, operation=operation, evidence=(row,)) for name in resources]


@pytest.mark.parametrize(
    ("of", "findings", "others", "right"),
    [
        pytest.param(_HEALTHY, [], 0.0, True, id="a healthy run has no finding"),
        pytest.param(_HEALTHY, found("cache"), 0.0, False, id="and must not have one"),
        pytest.param(_HEALTHY, found("other processes"), 0.1, False, id="not of others either, on a quiet machine"),
        pytest.param(_HEALTHY, found("other processes", "load generator"), 0.9, True, id="others did fill the machine"),
        pytest.param(_HEALTHY, found("other processes", "logins"), 0.9, True, id="which makes logins queue"),
        pytest.param(_HEALTHY, found("logins"), 0.1, False, id="they do not on a quiet machine"),
        pytest.param(_HEALTHY, found("other processes", "cache"), 0.9, False, id="which excuses nothing else"),
        pytest.param(_POOL, found("pool", "other processes"), 0.9, True, id="the first one counts"),
        pytest.param(_POOL, found("other processes", "pool"), 0.9, False, id="others are not the first trouble"),
        pytest.param(_POOL, [], 0.9, False, id="trouble that is not found"),
        pytest.param(_N_PLUS_ONE, found("queries per request", operation="policies.page", after=21), 0, True, id="N+1"),
        pytest.param(
            _N_PLUS_ONE, found("queries per request", operation="policies.page", after=20), 0, False, id="a number off"
        ),
        pytest.param(
            _N_PLUS_ONE, found("queries per request", operation="agents.list", after=21), 0, False, id="not that one"
        ),
    ],
)
def test_right_and_wrong(of: Case, findings: list[Finding], others: float, right: bool) -> None:
    assert (wrong_in(findings, of, others) == "") is right


def test_what_a_healthy_run_must_not_say() -> None:
    failed, passed = example_runs.failed(), example_runs.passed()
    clean = replace(
        passed,
        summary=replace(
            passed.summary,
            cleanup=Cleanup(3, 3),
            logins=Logins(10, 0, 0, 80.0, 120.0, 0, 3.0, 0, 0.0, 0),
            failure_patterns=(),
            correctness=made_correctness.HEALTHY,
        ),
    )
    names = [said.partition(":")[0] for said in blemishes(replace(clean, verdict=failed.verdict), quiet=True)]
    assert blemishes(clean, quiet=False) == []
    assert "verdict" in names
    assert "failures" in [said.partition(":")[0] for said in blemishes(failed, quiet=False)]
    wrong = replace(clean, summary=replace(clean.summary, correctness=made_correctness.VIOLATED))
    assert [said.partition(":")[0] for said in blemishes(wrong, quiet=False)] == ["violations"]


def violation(invariant: Invariant, rule: str, operation: str, role: str) -> Violation:
    return Violation("v1", invariant, rule, operation, (role,), "expected", "seen")


def test_a_run_with_a_defect_finds_that_and_nothing_else_but_its_neighbours() -> None:
    skipped = next(seeded for seeded in SEEDED if seeded.defect == "skipped_row")
    place = skipped.places.index(("policies.list",))
    right = violation(Invariant.LISTS, PAGES, "policies.list", "junior_agent")
    elsewhere = violation(Invariant.LISTS, PAGES, "tickets.list", "support_staff")
    neighbour = violation(Invariant.LISTS, COUNTS, "dashboard.system", "super_admin")
    foreign = violation(Invariant.ISOLATION, OWN_ROWS, "policies.read", "junior_agent")

    made = MadeRun(Ended(1, "", ""), (right, elsewhere, neighbour, foreign))
    assert made.right(skipped, place) == [right]
    assert made.others([(skipped, place)]) == [elsewhere, foreign]
