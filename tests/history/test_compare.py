"""The outcome of every figure, and whole comparisons with a known truth."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from perfsuite.history.compare import compare, fisher_more
from perfsuite.history.figures import compared_figures
from perfsuite.history.significance import ALPHA
from perfsuite.messages.history import ComparisonMessage
from perfsuite.model import ALL, Outcome
from perfsuite.model.history import Change, Comparison, ComparisonOutcome, Measured, MetricNoise, Noise, PastRun
from tests.history.made_runs import CONDITIONS, OPERATIONS, groups, noisy_run, run, statistics
from tests.history.simulated import simulate
from tests.repetitions import repetitions

OPERATION = "policies.list"
PLACE = (ALL, OPERATION)
JITTER = (0.0, 0.004, -0.004, 0.008, -0.008)


def runs(avg_ms: float, *, count: int = 5, **others: float | None) -> list[PastRun]:
    """Runs that hardly differ, each with its own name."""
    jitter = [JITTER[number % 5] for number in range(count)]
    return [run(f"run_{number}", {PLACE: avg_ms * (1 + more)}, **others) for number, more in enumerate(jitter)]


def comparison_of(a: Sequence[PastRun], b: Sequence[PastRun], noise: Noise | None = None) -> Comparison:
    return compare(*groups(a, b), noise)


def of(comparison: Comparison, metric: str = "avg_ms", operation: str = OPERATION, role: str = ALL) -> Change:
    (found,) = (
        change
        for change in comparison.changes
        if (change.role, change.operation, change.metric) == (role, operation, metric)
    )
    return found


@pytest.mark.parametrize(
    ("before_ms", "after_ms", "word"),
    [
        pytest.param(100, 110, ComparisonOutcome.SLOWER, id="10 % more"),
        pytest.param(100, 90, ComparisonOutcome.FASTER, id="10 % less"),
        pytest.param(100, 100, ComparisonOutcome.SAME, id="equal"),
        pytest.param(100, 103, ComparisonOutcome.SAME, id="3 % more is clear, and not felt"),
        pytest.param(10, 11, ComparisonOutcome.SAME, id="1 ms more is 10 %, and not felt"),
        pytest.param(10, 13, ComparisonOutcome.SLOWER, id="3 ms more"),
        pytest.param(100, 105.1, ComparisonOutcome.SLOWER, id="a little beyond 5 %"),
        pytest.param(100, 104.9, ComparisonOutcome.CANNOT_TELL, id="at the edge it is neither the same nor slower"),
    ],
)
def test_outcomes(before_ms: float, after_ms: float, word: ComparisonOutcome) -> None:
    assert of(comparison_of(runs(before_ms), runs(after_ms))).outcome is word


def test_a_change_says_by_how_much() -> None:
    change = of(comparison_of(runs(100), runs(110)))

    assert change.shift == pytest.approx(10, abs=0.5)
    assert change.shift_rate == pytest.approx(0.1, abs=0.005)
    assert change.interval is not None
    assert change.interval[0] < 10 < change.interval[1]
    assert change.p_value is not None
    assert change.p_value < ALPHA
    assert (len(change.a), len(change.b)) == (5, 5)


def test_runs_that_scatter_leave_it_open() -> None:
    a = [run(f"a{number}", {PLACE: value}) for number, value in enumerate((80, 130, 100, 90, 120))]
    b = [run(f"b{number}", {PLACE: value}) for number, value in enumerate((95, 140, 110, 100, 125))]

    change = of(comparison_of(a, b))

    assert change.outcome is ComparisonOutcome.CANNOT_TELL
    assert change.reason.code is ComparisonMessage.MAY_BE_CHANCE


def test_one_run_that_went_wrong_makes_nothing_slower() -> None:
    slow = run("slow", {PLACE: 900.0})

    assert of(comparison_of(runs(100), [*runs(100)[:4], slow])).outcome is not ComparisonOutcome.SLOWER


@pytest.mark.parametrize("count", [1, 4])
def test_fewer_than_5_and_5_runs_cannot_tell(count: int) -> None:
    comparison = comparison_of(runs(100, count=count), runs(300))

    assert {change.outcome for change in comparison.changes} == {ComparisonOutcome.CANNOT_TELL}
    assert of(comparison).reason == ComparisonMessage.TOO_FEW_RUNS(a=count, b=5, needed=5)
    assert of(comparison).p_value is None
    assert of(comparison).shift_rate == pytest.approx(2.0, abs=0.05)
    assert comparison.notes[0] == ComparisonMessage.ONLY_COSTS(a=count, b=5, needed=5)


def test_less_throughput_is_worse() -> None:
    a = [replace_rps(one, 20 + number / 100) for number, one in enumerate(runs(100))]
    b = [replace_rps(one, 15 + number / 100) for number, one in enumerate(runs(100))]

    assert of(comparison_of(a, b), "rps").outcome is ComparisonOutcome.SLOWER
    assert of(comparison_of(b, a), "rps").outcome is ComparisonOutcome.FASTER


def replace_rps(one: PastRun, rps: float) -> PastRun:
    measured = tuple(replace(each, statistics=replace(each.statistics, rps=rps)) for each in one.measured)
    return replace(one, measured=measured)


def test_failures_are_found_where_the_average_stays() -> None:
    failing = runs(100, failures=30, failure_rate=0.03)

    comparison = comparison_of(runs(100), failing)

    assert of(comparison, "failure_rate").outcome is ComparisonOutcome.SLOWER
    assert of(comparison).outcome is ComparisonOutcome.SAME


def test_what_few_runs_say_of_failures() -> None:
    failing = runs(100, count=1, failures=12, failure_rate=0.012)

    change = of(comparison_of(runs(100, count=1), failing), "failure_rate")

    assert change.outcome is ComparisonOutcome.CANNOT_TELL
    (failed,) = change.reason.details
    assert failed.fields == {
        "failed_a": 0, "requests_a": 1000, "failed_b": 12, "requests_b": 1000, "p": pytest.approx(0.00024, rel=0.02),
    }  # fmt: skip


def test_fisher_s_own_example() -> None:
    # Fisher's lady tasting tea: 3 of 4 right has p = 17/70 (R: fisher.test(…, alternative = "greater") 0.2429).
    assert fisher_more(1, 4, 3, 4) == pytest.approx(17 / 70)
    assert fisher_more(0, 0, 3, 4) == 1.0
    assert fisher_more(0, 100_000, 0, 100_000) == 1.0


def test_a_figure_that_not_every_run_has_is_left_open() -> None:
    without = run("short", {PLACE: 100.0}, p95_ms=None)

    change = of(comparison_of(runs(100), [*runs(150)[:4], without]), "p95_ms")

    assert change.outcome is ComparisonOutcome.CANNOT_TELL
    assert change.reason == ComparisonMessage.NOT_IN_ALL_RUNS(a=5, b=4)


def test_the_noise_is_what_a_change_must_exceed() -> None:
    noise = Noise("2026-03-01T09:30:00Z", CONDITIONS, ("a", "b"), (MetricNoise(*PLACE, "avg_ms", 100.0, 0.15, 0.2),))

    assert of(comparison_of(runs(100), runs(112), noise)).outcome is ComparisonOutcome.SAME
    assert of(comparison_of(runs(100), runs(120), noise)).outcome is ComparisonOutcome.SLOWER


def test_what_only_one_group_has_is_named() -> None:
    other = [run(f"run_{number}", {(ALL, "claims.create"): 10.0}) for number in range(5)]

    comparison = comparison_of(runs(100), other)

    assert comparison.changes == ()
    assert comparison.notes[-2:] == (
        ComparisonMessage.ONLY_IN(group="A", operations=["policies.list"]),
        ComparisonMessage.ONLY_IN(group="B", operations=["claims.create"]),
    )


def _failing(name: str, *, split: bool) -> PastRun:
    """Half of the requests failed at once: 10 ms with them, 30 ms without."""
    every = statistics(10.0, failures=500, failure_rate=0.5, rps=40.0)
    served = statistics(30.0, requests=500, rps=20.0)
    measured = (Measured(ALL, ALL, every, served if split else None),)
    return PastRun(name, "2026-03-01T09:30:00Z", name, Outcome.FAIL, 1, CONDITIONS, measured)


def test_times_and_throughput_are_compared_without_answered_failures() -> None:
    failing = [_failing(f"b{number}", split=True) for number in range(5)]
    found = compared_figures(failing, failing)
    assert {each.figure.metric: each.a[0] for each in found} == {
        "avg_ms": 30.0, "p50_ms": 27.0, "p95_ms": 66.0, "p99_ms": 90.0, "rps": 20.0, "failure_rate": 0.5,
    }  # fmt: skip


def test_runs_kept_with_failures_among_their_times_are_named() -> None:
    old, new = _failing("a", split=False), _failing("b", split=True)

    assert ComparisonMessage.FAILURES_MIXED_IN(runs=["a"]) in comparison_of([old], [new]).notes


def test_runs_that_say_nothing_are_named() -> None:
    invalid = replace(runs(100)[0], run_id="odd", outcome=Outcome.INCONCLUSIVE)

    notes = comparison_of([invalid, *runs(100)[1:]], runs(100)).notes

    assert ComparisonMessage.INCONCLUSIVE_RUN(run_id="odd", outcome="inconclusive") in notes


def test_a_group_without_runs_is_refused() -> None:
    with pytest.raises(ValueError, match="each group needs a run"):
        comparison_of([], runs(100))


# ── whole comparisons ───────────────────────────────────────────────────────────────────────────────


def test_false_alarms_of_whole_comparisons() -> None:
    found = simulate(0.0, comparisons=repetitions(15, of=40), seed=1)

    # All figures of 30 operations, 7 roles and the total; 5 % of 40 are 2, and three standard deviations 4 more.
    assert found.alarms <= repetitions(3, of=6)


def test_one_operation_of_thirty_that_became_15_percent_slower_is_found() -> None:
    found = simulate(0.15, comparisons=repetitions(8, of=20), seed=2)

    assert found.found >= repetitions(7, of=19)
    assert found.elsewhere <= repetitions(2, of=4)


def test_many_runs_are_compared_at_once() -> None:
    rng = np.random.default_rng(7)
    a = [noisy_run(rng, f"a{number}") for number in range(13)]  # 10,400,600 labelings, of which 20,000 are drawn
    b = [noisy_run(rng, f"b{number}", {OPERATIONS[3]: 0.1}) for number in range(13)]

    assert of(comparison_of(a, b), operation=OPERATIONS[3]).outcome is ComparisonOutcome.SLOWER
