"""Compare runs that the user names with others: whether they may be compared, and the result."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_REGRESSION, UsageError
from perfsuite.history.comparison.compare import compare
from perfsuite.history.comparison.conditions import Mismatch, cautions, mismatches
from perfsuite.model.history import Comparison, ComparisonOutcome, PastRun, RunGroup
from perfsuite.model.noise import Noise
from perfsuite.plan.build import new_run_folder
from perfsuite.report.comparison import comparison_md
from perfsuite.report.files.junit import comparison_junit_xml
from perfsuite.run.baselines import costs_between
from perfsuite.run.files import COMPARISON_FILE, save

MARKDOWN_FILE = "summary.md"
JUNIT_FILE = "junit.xml"


def compare_groups(
    a: RunGroup, b: RunGroup, *, noise: Noise | None = None, apart: Collection[str] = (), force: bool = False
) -> Comparison:
    """B compared with A, with what operations cost. `apart`: conditions that are meant to differ.

    Raises UsageError where a run is in both groups, and where the runs were made under other conditions, unless forced:
    then they are marked.
    """
    if shared := [run_id for run_id in b.run_ids if run_id in a.run_ids]:
        raise UsageError(
            f"{_few(shared)}: in both groups, and a run cannot be compared with itself.\n"
            "Leave it out of one of them: name the runs one by one, with commas between them."
        )
    found = _mismatches(a.runs, b.runs, apart)
    forbidding = [each.reason for each in found if not each.times_only]
    if forbidding and not force:
        raise UsageError(
            f"{b.name} cannot be compared with {a.name}: {'; '.join(forbidding)}\n"
            "Compare runs made under the same conditions, or add --force to see the figures all the same."
        )
    costs, notes = costs_between(a.runs, b.runs)
    costs_compared = not notes
    notes += list(dict.fromkeys(each for run in b.runs for each in cautions(a.runs[0].conditions, run.conditions)))
    of_times = [each.reason for each in found if each.times_only]
    if of_times and not force:
        notes += [f"times are not compared: {reason} (--force compares them all the same)" for reason in of_times]
        return Comparison(a.compared, b.compared, (), tuple(costs), notes=tuple(notes), costs_compared=costs_compared)
    made = compare(a, b, noise)
    marked = tuple(each.reason for each in found)
    notes = [*made.notes, *notes]
    return replace(made, costs=tuple(costs), mismatches=marked, notes=tuple(notes), costs_compared=costs_compared)


def _mismatches(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun], apart: Collection[str]) -> list[Mismatch]:
    """Each difference once: within a group nothing may differ, between the groups what is meant to."""
    first = a_runs[0].conditions
    found = [each for run in a_runs[1:] for each in mismatches(first, run.conditions)]
    found += [each for run in b_runs for each in mismatches(first, run.conditions, apart=apart)]
    if apart:
        found += [each for run in b_runs[1:] for each in mismatches(b_runs[0].conditions, run.conditions)]
    return list(dict.fromkeys(found))


def _few(run_ids: Sequence[str]) -> str:
    """The first, and how many more."""
    return run_ids[0] + (f" and {len(run_ids) - 1} more" if len(run_ids) > 1 else "")


def exit_code_of(comparison: Comparison) -> int:
    """5 for a regression, 4 where nothing could be told, else 0."""
    if comparison.regressions or comparison.costlier:
        return EXIT_REGRESSION
    if comparison.refused:
        return EXIT_INCONCLUSIVE
    told = any(change.outcome is not ComparisonOutcome.CANNOT_TELL for change in comparison.changes)
    return EXIT_PASS if told or comparison.costs_compared else EXIT_INCONCLUSIVE


def write_comparison(comparison: Comparison, results: Path) -> Path:
    """Its folder, with comparison.json, junit.xml and summary.md."""
    folder = new_run_folder(results, "compare", datetime.now(UTC))
    save(folder / COMPARISON_FILE, comparison)
    try:
        (folder / MARKDOWN_FILE).write_text(comparison_md(comparison), encoding="utf-8")
        (folder / JUNIT_FILE).write_text(comparison_junit_xml(comparison), encoding="utf-8")
    except OSError as error:
        raise UsageError(f"{folder} cannot be written: {error.strerror}. Choose another with --results") from error
    return folder
