"""Runs compared with a baseline, and groups of runs: what may be compared, the result, its exit code."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec
import pytest

from perfsuite.cli.commands.run import check
from perfsuite.cli.options import MonitorOptions, RunOptions
from perfsuite.errors import UsageError
from perfsuite.history.conditions import OF_THE_TARGET
from perfsuite.judge import with_baseline
from perfsuite.messages import Code
from perfsuite.messages.cli import CliMessage
from perfsuite.messages.history import ComparisonMessage
from perfsuite.messages.reasons import Reason
from perfsuite.messages.run import RunMessage
from perfsuite.model import ALL, CapacityKind, Outcome, Plan, SearchBy, Verdict
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import (
    Baseline,
    CapacityOutcome,
    Change,
    ComparedRuns,
    Comparison,
    ComparisonOutcome,
    Conditions,
    Noise,
    PastCapacity,
    PastRun,
    RunGroup,
)
from perfsuite.plan.options import PlanOptions
from perfsuite.report.comparison import render_comparison
from perfsuite.run.archive import RunArchive, conditions_of, machine
from perfsuite.run.comparison import (
    compare_fingerprints,
    compare_groups,
    compare_with_baseline,
    exit_code_of,
    find_baseline,
    write_comparison,
)
from tests.history import folders, made
from tests.history.made_runs import CONDITIONS, run


def plan(baseline: str = "main") -> Plan:
    return folders.plan("basic_20260301_093000", baseline=baseline)


def of_the_plan(number: int, **changed: object) -> PastRun:
    """A run made under the conditions of the plan, with what is known after a run."""
    known = replace(conditions_of(plan(), None, machine()), data_size={"users": 100}, left_out=("a / b",))
    return made.run(number, conditions=replace(known, **changed))  # type: ignore[arg-type]


def slower(a: RunGroup, b: RunGroup, noise: Noise | None) -> Comparison:
    """Stands for the statistics: what it was given is in its notes."""
    change = Change("all", "all", "avg_ms", (1.0,), (2.0,), 1.0, 1.0, None, None, ComparisonOutcome.SLOWER)
    return Comparison(a.compared, b.compared, (change,), notes=(f"{len(a.runs)} + {len(b.runs)}",))


# ── a baseline, before the load ─────────────────────────────────────────────────────────────────────────────────


def test_runs_of_other_conditions_are_left_out(tmp_path: Path) -> None:
    runs = (of_the_plan(1), of_the_plan(2, scenario="peak"), of_the_plan(3))
    with RunArchive(tmp_path).open_history() as history:
        history.save_baseline(Baseline("main", "", runs))
        found = find_baseline(plan(), history, RunArchive(tmp_path))

    assert found == RunGroup("main", (runs[0], runs[2]))


def test_a_baseline_of_other_conditions_is_refused(tmp_path: Path) -> None:
    runs = (of_the_plan(1, scenario="peak", read_only=True), of_the_plan(2, scenario_digest="other"))
    with RunArchive(tmp_path).open_history() as history:
        history.save_baseline(Baseline("main", "", runs))
        with pytest.raises(UsageError) as error:
            find_baseline(plan(), history, RunArchive(tmp_path))

    assert error.value.code is RunMessage.BASELINE_DIFFERS
    assert error.value.fields["run_id"] == runs[1].run_id
    assert error.value.fields["reasons"] == ComparisonMessage.SCENARIO_CONTENT(scenario="basic")


def test_another_machine_is_no_hindrance_before_the_load(tmp_path: Path) -> None:
    with RunArchive(tmp_path).open_history() as history:
        history.add(of_the_plan(1, machine="another", data_size={"users": 9_000}))

        found = find_baseline(plan("last:5"), history, RunArchive(tmp_path))

    assert [run.run_id for run in found.runs] == [of_the_plan(1).run_id]


# ── a baseline, after the load ────────────────────────────────────────────────────────────────────────────────────────


def test_figures_are_held_by_the_statistics() -> None:
    found = compare_with_baseline(RunGroup("main", (made.run(1), made.run(2))), [made.run(3)], compare=slower)

    assert [change.outcome for change in found.regressions] == [ComparisonOutcome.SLOWER]
    assert (found.a.name, found.b.name) == ("main", made.run(3).run_id)
    assert found.notes == ("2 + 1", RunMessage.COSTS_NOT_COMPARED(which="the run"))


def test_other_data_at_the_target_is_refused_after_the_load() -> None:
    changed = made.conditions(data_size={"users": 900})

    found = compare_with_baseline(RunGroup("main", (made.run(1),)), [made.run(2, conditions=changed)], compare=slower)

    assert found.refused
    assert found.mismatches == (ComparisonMessage.DATA_SIZE(sizes=["users 100 → 900"]),)
    assert found.changes == ()
    assert exit_code_of(found) == 4
    assert f"not compared: {found.mismatches[0]}" in render_comparison(found)


def test_runs_of_the_baseline_that_do_not_fit_are_left_out() -> None:
    small = made.run(1, conditions=made.conditions(data_size={"users": 5}))

    found = compare_with_baseline(RunGroup("main", (small, made.run(2))), [made.run(3)], compare=slower)

    assert found.a.run_ids == (made.run(2).run_id,)
    assert found.notes[:2] == ("1 + 1", RunMessage.BASELINE_RUNS_LEFT_OUT(runs=1))


def test_on_another_machine_costs_are_compared_and_times_are_not() -> None:
    elsewhere = made.conditions(machine="another")
    before = made.run(1, fingerprint=made.fingerprint(3))
    after = made.run(2, conditions=elsewhere, fingerprint=made.fingerprint(23))

    found = compare_with_baseline(RunGroup("main", (before,)), [after], compare=slower)

    assert found.changes == ()
    assert [(cost.metric, cost.after.maximum) for cost in found.costlier] == [("queries", 23)]
    assert not found.refused
    assert found.notes[0].code is RunMessage.TIMES_NOT_COMPARED
    assert found.notes[0].fields["why"].code is ComparisonMessage.MACHINE


def test_on_another_machine_without_fingerprints_nothing_is_compared() -> None:
    elsewhere = made.run(2, conditions=made.conditions(machine="another"))

    found = compare_with_baseline(RunGroup("main", (made.run(1),)), [elsewhere], compare=slower)

    assert (found.refused, exit_code_of(found)) == (True, 4)
    verdict = with_baseline(Verdict(Outcome.PASS, ("met",), 0, ()), found)
    assert (verdict.outcome, verdict.exit_code) == (Outcome.INCONCLUSIVE, 4)
    assert (verdict.reasons[0].code, verdict.reasons[0].fields["baseline"]) == (Reason.NOT_COMPARABLE, "main")
    assert "the run has no fingerprint" in verdict.reasons[0].fields["why"]


def differing(found: Sequence[Difference]) -> list[tuple[str, float, float]]:
    return [(one.metric, one.before.maximum, one.after.maximum) for one in found]


def test_one_run_in_each_group_shows_an_n_plus_1() -> None:
    before, after = made.run(1, fingerprint=made.fingerprint(3)), made.run(2, fingerprint=made.fingerprint(23))

    assert differing(compare_fingerprints([before], [after])[0]) == [("queries", 3, 23)]
    assert compare_fingerprints([before], [replace(after, fingerprint=before.fingerprint)]) == ([], [])


def test_a_count_that_one_of_the_baseline_had_has_not_changed() -> None:
    runs = [made.run(number, fingerprint=made.fingerprint(queries)) for number, queries in enumerate((3, 4, 3))]

    assert compare_fingerprints(runs, [made.run(9, fingerprint=made.fingerprint(4))])[0] == []
    assert differing(compare_fingerprints(runs, [made.run(9, fingerprint=made.fingerprint(9))])[0]) == [
        ("queries", 3, 9)
    ]


def test_a_count_between_two_of_the_baseline_has_not_changed() -> None:
    runs = [made.run(number, fingerprint=made.fingerprint(queries)) for number, queries in enumerate((5, 3))]

    assert compare_fingerprints(runs, [made.run(9, fingerprint=made.fingerprint(4))])[0] == []


@pytest.mark.parametrize(
    ("before", "after", "missing"),
    [
        pytest.param(None, made.fingerprint(), "the baseline", id="before"),
        pytest.param(made.fingerprint(), None, "the run", id="after"),
    ],
)
def test_without_a_fingerprint_that_is_said(before: object, after: object, missing: str) -> None:
    found = compare_fingerprints([made.run(1, fingerprint=before)], [made.run(2, fingerprint=after)])

    assert found == ([], [RunMessage.COSTS_NOT_COMPARED(which=missing)])


# ── groups ────────────────────────────────────────────────────────────────────────────────────────

PLACE = (ALL, "policies.list")
COSTLIER = Difference("policyholder", "policies.list", "queries", Spread(3, 3), Spread(23, 23))


def group(name: str, avg_ms: float, *, conditions: Conditions = CONDITIONS, runs: int = 5) -> RunGroup:
    runs_of_it: list[PastRun] = [
        replace(run(f"{name}_{number}", {PLACE: avg_ms + number / 10}), conditions=conditions) for number in range(runs)
    ]
    return RunGroup(name, tuple(runs_of_it))


ELSEWHERE = replace(CONDITIONS, host="http://staging.example")
OTHER_MACHINE = replace(CONDITIONS, machine="another")


def test_other_conditions_are_refused_with_the_reason() -> None:
    with pytest.raises(UsageError) as refused:
        compare_groups(group("before", 100), group("after", 100, conditions=ELSEWHERE))
    assert refused.value.code is RunMessage.OTHER_CONDITIONS
    assert "staging" in refused.value.fields["reasons"]


def test_forced_they_are_marked() -> None:
    comparison = compare_groups(group("before", 100), group("after", 130, conditions=ELSEWHERE), force=True)

    assert comparison.mismatches == ("other target: http://127.0.0.1:8015, http://staging.example",)
    assert exit_code_of(comparison) == 5


def test_two_targets_may_differ_in_what_is_theirs() -> None:
    comparison = compare_groups(group("A", 100), group("B", 130, conditions=ELSEWHERE), apart=OF_THE_TARGET)

    assert comparison.mismatches == ()
    assert exit_code_of(comparison) == 5


def test_runs_of_one_group_must_agree() -> None:
    mixed = group("after", 100)
    mixed = replace(
        mixed, runs=(*mixed.runs[:4], replace(mixed.runs[4], conditions=replace(CONDITIONS, read_only=True)))
    )

    with pytest.raises(UsageError, match="one run was read-only"):
        compare_groups(group("before", 100), mixed)


def test_on_another_machine_times_are_not_compared() -> None:
    comparison = compare_groups(group("before", 100), group("after", 130, conditions=OTHER_MACHINE))

    assert comparison.changes == ()
    assert RunMessage.TIMES_NOT_FORCED in [note.code for note in comparison.notes]
    assert exit_code_of(comparison) == 4


def search(name: str, low: float | None, high: float | None, **changed: Any) -> RunGroup:
    """A search that found its capacity between these."""
    kind = CapacityKind.INTERVAL if low and high else CapacityKind.AT_LEAST
    found = PastCapacity(SearchBy.USERS, kind, low, high, (low * high) ** 0.5 if low and high else None)
    known = replace(CONDITIONS, **({"search_by": "users", "targets_digest": "t"} | changed))
    return RunGroup(name, (made.run(1, run_id=name, conditions=known, capacity=found),))


def test_two_searches_are_compared_by_their_capacity_alone() -> None:
    comparison = compare_groups(search("a", 240, 256), search("b", 180, 190))

    assert comparison.capacity is not None
    assert comparison.capacity.outcome is CapacityOutcome.LOWER
    assert comparison.changes == ()
    assert comparison.notes == ()
    assert not comparison.refused


def test_one_search_is_compared_with_one() -> None:
    two = RunGroup("two", (*search("a", 240, 256).runs, *search("b", 240, 256).runs))

    with pytest.raises(UsageError) as refused:
        compare_groups(two, search("c", 240, 256))
    assert refused.value.code is RunMessage.ONE_SEARCH_EACH
    assert refused.value.fields == {"name": "two", "runs": 2}


@pytest.mark.parametrize("force", [False, True])
@pytest.mark.parametrize(
    "other",
    [
        pytest.param(group("b", 100), id="no search"),
        pytest.param(search("b", 240, 256, search_by="arrival-rate"), id="by another load"),
    ],
)
def test_a_search_is_never_compared_with_another_question(other: RunGroup, force: bool) -> None:
    with pytest.raises(UsageError) as refused:
        compare_groups(search("a", 240, 256), other, force=force)
    assert refused.value.code is RunMessage.OTHER_QUESTION


def test_on_another_machine_capacities_are_not_compared() -> None:
    comparison = compare_groups(search("a", 240, 256), search("b", 180, 190, machine="another"))

    assert comparison.capacity is None
    assert RunMessage.TIMES_NOT_FORCED in [note.code for note in comparison.notes]
    assert exit_code_of(comparison) == 4


@pytest.mark.parametrize(
    ("comparison", "code"),
    [
        pytest.param(compare_groups(search("a", 240, 256), search("b", 180, 190)), 5, id="a lower capacity"),
        pytest.param(compare_groups(search("a", 240, 256), search("b", 290, 310)), 0, id="a higher capacity"),
        pytest.param(compare_groups(search("a", 240, 256), search("b", 241, 257)), 0, id="the same capacity"),
        pytest.param(compare_groups(search("a", 240, 256), search("b", 200, 300)), 4, id="capacities overlap"),
        pytest.param(compare_groups(group("a", 100), group("b", 130)), 5, id="slower"),
        pytest.param(compare_groups(group("a", 100), group("b", 80)), 0, id="faster"),
        pytest.param(compare_groups(group("a", 100), group("b", 100)), 0, id="the same"),
        pytest.param(compare_groups(group("a", 100, runs=1), group("b", 300, runs=1)), 4, id="cannot tell"),
        pytest.param(
            Comparison(ComparedRuns("a", ("a",)), ComparedRuns("b", ("b",)), (), (COSTLIER,)), 5, id="costs more"
        ),
        pytest.param(
            Comparison(ComparedRuns("a", ("a",)), ComparedRuns("b", ("b",)), ()), 0, id="costs compared, and equal"
        ),
    ],
)
def test_exit_codes(comparison: Comparison, code: int) -> None:
    assert exit_code_of(comparison) == code


def test_a_comparison_is_kept(tmp_path: Path) -> None:
    comparison = compare_groups(group("before", 100), group("after", 130))

    folder = write_comparison(comparison, tmp_path / "results")

    assert folder.name.startswith("compare_")
    assert msgspec.json.decode((folder / "comparison.json").read_bytes(), type=Comparison) == comparison
    text = (folder / "summary.md").read_text(encoding="utf-8")
    assert text.startswith("## ❌ REGRESSION: after compared with before")


def test_a_comparison_of_capacities_is_kept_too(tmp_path: Path) -> None:
    comparison = compare_groups(search("before", 240, 256), search("after", None, 8))

    folder = write_comparison(comparison, tmp_path / "results")

    assert msgspec.json.decode((folder / "comparison.json").read_bytes(), type=Comparison) == comparison
    assert (folder / "summary.md").read_text(encoding="utf-8").startswith("## ❌ REGRESSION: after compared with")


# ── what may be asked for together ──────────────────────────────────────────────────────────────────


EMBEDDED = PlanOptions(demo="embedded")


@pytest.mark.parametrize(
    ("options", "code"),
    [
        (RunOptions(other="demo"), CliMessage.SECOND_DEMO_ALONE),
        (RunOptions(other_faults=("no_cache",)), CliMessage.SECOND_DEMO_ALONE),
        (RunOptions(EMBEDDED, other="http://b", other_faults=("no_cache",)), CliMessage.FAULT_OF_NO_DEMO),
        (RunOptions(PlanOptions(baseline="1.0"), other="http://b"), CliMessage.TWO_COMPARISONS),
        (RunOptions(monitors=MonitorOptions(postgres="dsn"), other="http://b"), CliMessage.MONITOR_OF_ONE),
    ],
)
def test_what_does_not_go_together_is_refused(options: RunOptions, code: Code) -> None:
    with pytest.raises(UsageError) as caught:
        check(options)
    assert caught.value.code is code


def test_a_fault_of_the_second_demo_is_checked() -> None:
    with pytest.raises(UsageError, match="nonsense"):
        check(RunOptions(EMBEDDED, other_faults=("nonsense@x",)))


@pytest.mark.parametrize(
    ("options", "other"),
    [
        (RunOptions(), False),
        (RunOptions(runs=5), False),
        (RunOptions(PlanOptions(baseline="1.0"), runs=5), False),
        (RunOptions(other="http://b"), True),
        (RunOptions(PlanOptions(demo="full"), other="demo"), True),
        (RunOptions(EMBEDDED, other_faults=("no_cache",)), True),
    ],
)
def test_what_goes_together(options: RunOptions, other: bool) -> None:
    check(options)
    assert options.has_other_target is other
