"""A run and its baseline: found before the load, compared after it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.judge import with_baseline
from perfsuite.messages.reasons import Reason
from perfsuite.messages.run import RunMessage
from perfsuite.model import Outcome, Plan, Verdict
from perfsuite.model.fingerprint import Difference
from perfsuite.model.history import Baseline, Change, Comparison, ComparisonOutcome, Noise, PastRun, RunGroup
from perfsuite.report.comparison import render_comparison
from perfsuite.run.archive import RunArchive, conditions_of, machine
from perfsuite.run.comparison import compare_fingerprints, compare_with_baseline, exit_code_of, find_baseline
from tests.history import folders, made


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


# ── before the load ─────────────────────────────────────────────────────────────────────────────────


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
    assert "scenario basic has other content" in error.value.fields["reasons"]


def test_another_machine_is_no_hindrance_before_the_load(tmp_path: Path) -> None:
    with RunArchive(tmp_path).open_history() as history:
        history.keep(of_the_plan(1, machine="another", data_size={"users": 9_000}))

        found = find_baseline(plan("last:5"), history, RunArchive(tmp_path))

    assert [run.run_id for run in found.runs] == [of_the_plan(1).run_id]


# ── after it ────────────────────────────────────────────────────────────────────────────────────────


def test_figures_are_held_by_the_statistics() -> None:
    found = compare_with_baseline(RunGroup("main", (made.run(1), made.run(2))), [made.run(3)], compare=slower)

    assert [change.outcome for change in found.regressions] == [ComparisonOutcome.SLOWER]
    assert (found.a.name, found.b.name) == ("main", made.run(3).run_id)
    assert found.notes == ("2 + 1", RunMessage.COSTS_NOT_COMPARED(which="the run"))


def test_other_data_at_the_target_is_refused_after_the_load() -> None:
    changed = made.conditions(data_size={"users": 900})

    found = compare_with_baseline(RunGroup("main", (made.run(1),)), [made.run(2, conditions=changed)], compare=slower)

    assert found.refused
    assert found.mismatches == ("other size of data at the target: users 100, 900",)
    assert found.changes == ()
    assert exit_code_of(found) == 4
    assert "not compared: other size of data at the target: users 100, 900" in render_comparison(found)


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
    assert found.notes[0].startswith("times are not compared: the load was made on other machines")


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

    assert found == ([], [f"costs at the database are not compared: {missing} has no fingerprint"])
