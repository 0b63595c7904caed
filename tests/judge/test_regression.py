"""What a baseline makes of a verdict."""

from __future__ import annotations

from dataclasses import replace

import msgspec
import pytest

from perfsuite.judge import with_baseline
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Detail, Reason
from perfsuite.model import ALL, Outcome, Verdict
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import Change, ComparedRuns, Comparison, ComparisonOutcome

MET, NOTE = Reason.PASSED(judged=5, steady_s=60, requests=9, failures=0), Note.CUT_OFF(requests=1)
PASSED = Verdict(Outcome.PASS, (MET,), 0, (), (NOTE,))
A, B = ComparedRuns("main", ("run-1", "run-2")), ComparedRuns("run-9", ("run-9",))
NOTHING = Comparison(A, B, ())


def change(word: ComparisonOutcome, metric: str = "p95_ms", role: str = "policyholder") -> Change:
    return Change(role, "policies.list", metric, (30.0, 34.0, 36.0), (94.0, 95.0, 97.0), 61, 1.79, None, 0.004, word)


def cost(metric: str = "queries", before: float = 3, after: float = 23) -> Difference:
    return Difference("senior_agent", "agents.list", metric, Spread(before, before), Spread(after, after))


AGENTS = {"operation": "agents.list", "role": "senior_agent", "baseline": "main"}


def costs(before: str, after: str, unit: str) -> Message:
    return Reason.COSTS_MORE(**AGENTS, before=before, after=after, unit=unit)


def worse(figure: str, before: str, after: str, change: str, outcome: str) -> Message:
    fields = {"figure": figure, "before": before, "after": after, "outcome": outcome}
    return Reason.BECAME_WORSE(**fields, change=f" ({change})", baseline="main")


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
            worse("95th percentile of policies.list as policyholder", "34 ms", "95 ms", "+179 %", "slower"),
            id="a time",
        ),
        pytest.param(COSTLIER, costs("3", "23", "queries per request"), id="N+1"),
        pytest.param(
            replace(NOTHING, costs=(cost("shared_blocks", 20, 2_345_678),)),
            costs("20", "2,345,678", "blocks per request"),
            id="millions of blocks",
        ),
        pytest.param(
            replace(NOTHING, costs=(cost("rows", 20, 400),)),
            costs("20", "400", "rows per request"),
            id="many more rows",
        ),
        pytest.param(
            replace(NOTHING, costs=(cost("caching", 1, 0),)),
            Reason.CACHE_LOST(**AGENTS),
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
            worse("throughput of all requests", "34 requests/s", "95 requests/s", "-20 %", "worse"),
            id="throughput",
        ),
    ],
)
def test_what_became_worse_is_a_regression(comparison: Comparison, reason: Message) -> None:
    verdict = with_baseline(PASSED, comparison)

    assert (verdict.outcome, verdict.exit_code, verdict.reasons) == (Outcome.REGRESSION, 5, (reason,))
    assert verdict.notes == (MET, NOTE)


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


def test_inconclusive_figures_are_counted() -> None:
    unsure = replace(
        NOTHING,
        changes=(change(ComparisonOutcome.CANNOT_TELL), change(ComparisonOutcome.SAME)),
        notes=("fewer than 5 + 5 runs",),
    )

    verdict = with_baseline(PASSED, unsure)

    assert verdict.outcome is Outcome.PASS
    note = verdict.notes[-1]
    assert (note.code, note.fields["runs"], note.fields["baseline_runs"]) == (Reason.NO_REGRESSION, 1, 2)
    assert note.details == (
        Detail.CANNOT_TELL(unsure=1, figures=2),
        Detail.COMPARISON_NOTE(note="fewer than 5 + 5 runs"),
    )


@pytest.mark.parametrize(
    ("outcome", "code"),
    [(Outcome.FAIL, 1), (Outcome.INCONCLUSIVE, 4), (Outcome.INTERRUPTED, 130)],
)
def test_it_weighs_only_where_the_targets_are_met(outcome: Outcome, code: int) -> None:
    before = Verdict(outcome, (NOTE,), code, ())

    for comparison in (SLOWER, REFUSED):
        verdict = with_baseline(before, comparison)
        assert (verdict.outcome, verdict.exit_code, verdict.reasons) == (outcome, code, (NOTE,))
        assert verdict.notes[-1].fields["baseline"] == "main"


def test_a_baseline_that_cannot_be_judged_is_no_pass() -> None:
    verdict = with_baseline(PASSED, REFUSED)

    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)
    assert verdict.reasons == (Reason.NOT_COMPARABLE(baseline="main", why=REFUSED.mismatches[0]),)


def test_many_regressions_are_counted() -> None:
    many = replace(NOTHING, changes=tuple(change(ComparisonOutcome.SLOWER) for _ in range(14)))

    reasons = with_baseline(PASSED, many).reasons

    assert len(reasons) == 11
    assert reasons[-1] == Reason.MORE_BECAME_WORSE(more=4)
