"""What a baseline makes of a verdict."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from perfsuite.judge import with_baseline
from perfsuite.model import ALL, Outcome, Verdict
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import Change, ComparedRuns, Comparison, ComparisonOutcome

PASSED = Verdict(Outcome.PASS, ("5 judged targets met",), 0, (), ("a note",))
A, B = ComparedRuns("main", ("run-1", "run-2")), ComparedRuns("run-9", ("run-9",))
NOTHING = Comparison(A, B, ())


def change(word: ComparisonOutcome, metric: str = "p95_ms", role: str = "policyholder") -> Change:
    return Change(role, "policies.list", metric, (30.0, 34.0, 36.0), (94.0, 95.0, 97.0), 61, 1.79, None, 0.004, word)


def cost(metric: str = "queries", before: float = 3, after: float = 23) -> Difference:
    return Difference("senior_agent", "agents.list", metric, Spread(before, before), Spread(after, after))


SLOWER = replace(
    NOTHING,
    changes=(change(ComparisonOutcome.SLOWER), change(ComparisonOutcome.SAME), change(ComparisonOutcome.FASTER)),
)
COSTLIER = replace(NOTHING, costs=(cost(),))
REFUSED = replace(NOTHING, mismatches=("other mix of users: policyholder 3, 2",))


def test_without_a_baseline_nothing_changes() -> None:
    assert with_baseline(PASSED, None) is PASSED


@pytest.mark.parametrize(
    ("comparison", "reason"),
    [
        pytest.param(
            SLOWER,
            "95th percentile of policies.list as policyholder 34 ms → 95 ms (+179 %), slower, against main",
            id="a time",
        ),
        pytest.param(COSTLIER, "agents.list as senior_agent: 3 → 23 queries per request, against main", id="N+1"),
        pytest.param(
            replace(NOTHING, costs=(cost("shared_blocks", 20, 2_345_678),)),
            "agents.list as senior_agent: 20 → 2,345,678 blocks per request, against main",
            id="millions of blocks",
        ),
        pytest.param(
            replace(NOTHING, costs=(cost("rows", 20, 400),)),
            "agents.list as senior_agent: 20 → 400 rows per request, against main",
            id="many more rows",
        ),
        pytest.param(
            replace(NOTHING, costs=(cost("caching", 1, 0),)),
            "agents.list as senior_agent: a cache answered queries of repeats, now every repeat runs all of them,"
            " against main",
            id="a cache that is gone",
        ),
        pytest.param(
            replace(
                NOTHING,
                changes=(
                    msgspec.structs.replace(
                        change(ComparisonOutcome.SLOWER, "rps", ALL), operation=ALL, shift_rate=-0.2
                    ),
                ),
            ),
            "throughput of all requests 34 requests/s → 95 requests/s (-20 %), worse, against main",
            id="throughput",
        ),
    ],
)
def test_what_became_worse_is_a_regression(comparison: Comparison, reason: str) -> None:
    verdict = with_baseline(PASSED, comparison)

    assert (verdict.outcome, verdict.exit_code, verdict.reasons) == (Outcome.REGRESSION, 5, (reason,))
    assert verdict.notes == ("5 judged targets met", "a note")


@pytest.mark.parametrize(
    "costs",
    [
        pytest.param((cost(before=23, after=3),), id="fewer queries"),
        pytest.param((cost("rows", 20, 24),), id="a few more rows: the data grew"),
        pytest.param((cost("rows", 100, 140),), id="rows, fewer than half as many again"),
        pytest.param((cost("caching", 0, 1),), id="a cache that is new"),
    ],
)
def test_other_differences_are_none(costs: tuple[Difference, ...]) -> None:
    verdict = with_baseline(PASSED, replace(NOTHING, costs=costs))

    assert (verdict.outcome, verdict.exit_code) == (Outcome.PASS, 0)


def test_what_cannot_be_told_is_said() -> None:
    unsure = replace(
        NOTHING,
        changes=(change(ComparisonOutcome.CANNOT_TELL), change(ComparisonOutcome.SAME)),
        notes=("fewer than 5 + 5 runs",),
    )

    verdict = with_baseline(PASSED, unsure)

    assert verdict.outcome is Outcome.PASS
    assert verdict.notes[-1] == (
        "no regression against main (1 run against 2 runs); 1 of 2 figures cannot be told apart; fewer than 5 + 5 runs"
    )


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.FAIL, 1), (Outcome.INCONCLUSIVE, 4), (Outcome.INTERRUPTED, 130)],
)
def test_it_weighs_only_where_the_targets_are_met(outcome: Outcome, code: int) -> None:
    before = Verdict(outcome, ("a reason",), code, ())

    for comparison in (SLOWER, REFUSED):
        verdict = with_baseline(before, comparison)
        assert (verdict.outcome, verdict.exit_code, verdict.reasons) == (outcome, code, ("a reason",))
        assert "main" in verdict.notes[-1]


def test_a_baseline_that_cannot_be_judged_is_no_pass() -> None:
    verdict = with_baseline(PASSED, REFUSED)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)
    assert verdict.reasons == ("it cannot be held against main: other mix of users: policyholder 3, 2",)


def test_many_regressions_are_counted() -> None:
    many = replace(NOTHING, changes=tuple(change(ComparisonOutcome.SLOWER) for _ in range(14)))

    reasons = with_baseline(PASSED, many).reasons

    assert len(reasons) == 11
    assert reasons[-1] == "and 4 more that became worse"
