"""May runs be held against each other, what comes of it, and what the exit code is."""

from __future__ import annotations

import argparse
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest

from perfsuite.cli.repeat import check, is_asked
from perfsuite.errors import UsageError
from perfsuite.history.comparison.conditions import OF_THE_TARGET
from perfsuite.model import ALL
from perfsuite.model.fingerprint import Difference, Spread
from perfsuite.model.history import ComparedRuns, Comparison, Conditions, PastRun, RunGroup
from perfsuite.plan.build import Options
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
    with pytest.raises(UsageError, match=r"after cannot be compared with before: other target: .*staging.*\n.*--force"):
        compare_groups(group("before", 100), group("after", 100, conditions=ELSEWHERE))


def test_forced_they_are_marked() -> None:
    comparison = compare_groups(group("before", 100), group("after", 130, conditions=ELSEWHERE), force=True)

    assert comparison.mismatches == ("other target: http://127.0.0.1:8015, http://staging.example",)
    assert exit_code_of(comparison) == 5


def test_two_targets_may_differ_in_what_is_theirs() -> None:
    comparison = compare_groups(group("A", 100), group("B", 130, conditions=ELSEWHERE), apart=OF_THE_TARGET)

    assert comparison.mismatches == ()
    assert exit_code_of(comparison) == 5


def test_runs_of_one_side_must_agree() -> None:
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
        pytest.param(compare_groups(group("a", 100, runs=1), group("b", 300, runs=1)), 4, id="nothing could be told"),
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
    told = (folder / "summary.md").read_text(encoding="utf-8")
    assert told.startswith("## ❌ REGRESSION: after against before")


# ── what may be asked for together ──────────────────────────────────────────────────────────────────


def asked(**given: object) -> argparse.Namespace:
    watched = ("monitor_server", "monitor_postgres", "monitor_redis", "monitor_prometheus")
    nothing = dict.fromkeys(("runs", "against", "against_fault", *watched))
    return argparse.Namespace(**{**nothing, **given})


@pytest.mark.parametrize(
    ("given", "options", "message"),
    [
        ({"runs": 0}, Options(), "--runs 0: give 1 to 100"),
        ({"against": "demo"}, Options(), "add --demo"),
        ({"against_fault": ["no_cache"]}, Options(), "add --demo"),
        ({"against": "http://b", "against_fault": ["no_cache"]}, Options(demo="embedded"), "a second demo only"),
        ({"against": "http://b"}, Options(baseline="1.0"), "give one of them"),
        ({"against": "http://b", "monitor_postgres": "dsn"}, Options(), "--monitor-postgres watches one target"),
        ({"against_fault": ["nonsense@x"]}, Options(demo="embedded"), "nonsense"),
    ],
)
def test_what_does_not_go_together_is_refused(given: dict[str, object], options: Options, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        check(asked(**given), options)


@pytest.mark.parametrize(
    ("given", "options"),
    [
        ({"runs": 5}, Options()),
        ({"runs": 5}, Options(baseline="1.0")),
        ({"against": "http://b"}, Options()),
        ({"against": "demo"}, Options(demo="full")),
        ({"against_fault": ["no_cache"]}, Options(demo="embedded")),
    ],
)
def test_what_goes_together(given: dict[str, object], options: Options) -> None:
    assert is_asked(asked(**given))
    check(asked(**given), options)


def test_a_single_run_asks_for_nothing() -> None:
    assert not is_asked(asked())
