"""Whether runs may be compared, the result, and its exit code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from perfsuite.cli.commands.run import check
from perfsuite.cli.options import MonitorOptions, RunOptions
from perfsuite.errors import UsageError
from perfsuite.history.comparison.conditions import OF_THE_TARGET
from perfsuite.messages import Code
from perfsuite.messages.cli import CliMessage
from perfsuite.messages.run import RunMessage
from perfsuite.model import ALL
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import ComparedRuns, Comparison, Conditions, PastRun, RunGroup
from perfsuite.plan.options import PlanOptions
from perfsuite.run.comparison import compare_groups, exit_code_of, write_comparison
from tests.history.comparison.made_runs import CONDITIONS, run

PLACE = (ALL, "policies.list")
COSTLIER = Difference("policyholder", "policies.list", "queries", Spread(3, 3), Spread(23, 23))


def group(name: str, avg_ms: float, *, conditions: Conditions = CONDITIONS, runs: int = 5) -> RunGroup:
    made: list[PastRun] = [
        replace(run(f"{name}_{number}", {PLACE: avg_ms + number / 10}), conditions=conditions) for number in range(runs)
    ]
    return RunGroup(name, tuple(made))


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
    assert any(
        note.startswith("times are not compared: the load was made on other machines") for note in comparison.notes
    )
    assert exit_code_of(comparison) == 4


@pytest.mark.parametrize(
    ("comparison", "code"),
    [
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
