"""Comparison of runs: with a baseline, or two groups with each other; and the noise that a change must exceed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from perfsuite.errors import EXIT_INCONCLUSIVE, EXIT_PASS, EXIT_REGRESSION, UsageError
from perfsuite.fingerprint.compare import compare as compare_costs
from perfsuite.history import History, select
from perfsuite.history.capacity import compare_capacities
from perfsuite.history.compare import compare
from perfsuite.history.conditions import KNOWN_LATER, Mismatch, cautions, mismatches
from perfsuite.messages import Message
from perfsuite.messages.files import FileMessage
from perfsuite.messages.run import RunMessage
from perfsuite.model import Plan
from perfsuite.model.fingerprint import Difference
from perfsuite.model.history import (
    CapacityOutcome,
    Comparison,
    ComparisonOutcome,
    Conditions,
    Noise,
    NoiseFile,
    PastRun,
    RunGroup,
)
from perfsuite.plan.build import new_run_folder
from perfsuite.report.comparison import comparison_md
from perfsuite.report.files.junit import comparison_junit_xml
from perfsuite.run.archive import RunArchive, conditions_of, machine
from perfsuite.run.load_run import COMPARISON_FILE, load, save

MARKDOWN_FILE = "summary.md"
JUNIT_FILE = "junit.xml"
NOISE_FILE = "noise.json"

Compare = Callable[[RunGroup, RunGroup, Noise | None], Comparison]


def find_baseline(plan: Plan, history: History, archive: RunArchive) -> RunGroup:
    """The runs of the plan's baseline that can be compared with a run of this plan.

    Raises UsageError where there are none, or all were made under other conditions: nothing has been sent yet.
    """
    ours = conditions_of(plan, None, machine())
    runs = select(plan.baseline, replace(archive.selection(history), differ=_before_the_load, like=ours)).runs
    differ = {run.run_id: _before_the_load(run.conditions, ours) for run in runs}
    alike = tuple(run for run in runs if not differ[run.run_id])
    if not alike:
        nearest = min(runs, key=lambda run: len(differ[run.run_id]))
        reasons = "; ".join(differ[nearest.run_id])
        raise UsageError(RunMessage.BASELINE_DIFFERS(baseline=plan.baseline, run_id=nearest.run_id, reasons=reasons))
    return RunGroup(plan.baseline, alike)


def compare_with_baseline(
    baseline: RunGroup, runs: Sequence[PastRun], noise: Noise | None = None, compare: Compare = compare
) -> Comparison:
    """New runs compared with their baseline: figures, costs, and notes on what could not be compared.

    Without changes, but with `mismatches`, where nothing could be compared.
    """
    newest = runs[-1].conditions
    found = {run.run_id: mismatches(run.conditions, newest) for run in baseline.runs}
    alike = RunGroup(baseline.name, tuple(run for run in baseline.runs if not _forbidding(found[run.run_id])))
    new = RunGroup(runs[-1].run_id if len(runs) == 1 else f"{len(runs)} runs", tuple(runs))
    if not alike.runs:
        reasons = [each.reason for each in _forbidding(found[baseline.runs[-1].run_id])]
        return Comparison(baseline.compared, new.compared, (), mismatches=tuple(reasons), costs_compared=False)
    left = len(baseline.runs) - len(alike.runs)
    notes = [*cautions(alike.runs[-1].conditions, newest)]
    notes += [RunMessage.BASELINE_RUNS_LEFT_OUT(runs=left)] if left else []
    same_machine = RunGroup(baseline.name, tuple(run for run in alike.runs if not found[run.run_id]))
    times = compare(same_machine, new, noise) if same_machine.runs else Comparison(alike.compared, new.compared, ())
    if not times.changes:
        reasons = list(dict.fromkeys(each.reason for run in alike.runs for each in found[run.run_id]))
        notes += [RunMessage.TIMES_NOT_COMPARED(why=reason) for reason in reasons]
    costs, cost_notes = compare_fingerprints(alike.runs, runs)
    all_notes = (*times.notes, *notes, *cost_notes)
    return Comparison(
        alike.compared, new.compared, times.changes, tuple(costs), notes=all_notes, costs_compared=not cost_notes
    )


def compare_groups(
    a: RunGroup, b: RunGroup, *, noise: Noise | None = None, apart: Collection[str] = (), force: bool = False
) -> Comparison:
    """B compared with A, with what operations cost. `apart`: conditions that are meant to differ.

    Raises UsageError where a run is in both groups, and where the runs were made under other conditions, unless
    forced: then the comparison lists the mismatches.
    """
    if shared := [run_id for run_id in b.run_ids if run_id in a.run_ids]:
        raise UsageError(RunMessage.IN_BOTH_GROUPS(runs=shared))
    found = _mismatches(a.runs, b.runs, apart)
    forbidding = [each.reason for each in _forbidding(found)]
    if any(each.field == "search_by" for each in found):
        raise UsageError(RunMessage.OTHER_QUESTION(a=a.name, b=b.name, reasons="; ".join(forbidding)))
    if forbidding and not force:
        raise UsageError(RunMessage.OTHER_CONDITIONS(a=a.name, b=b.name, reasons="; ".join(forbidding)))
    costs, cost_notes = compare_fingerprints(a.runs, b.runs)
    notes = list(dict.fromkeys(each for run in b.runs for each in cautions(a.runs[0].conditions, run.conditions)))
    of_times = [each.reason for each in found if each.times_only]
    made, marked = Comparison(a.compared, b.compared, ()), tuple(each.reason for each in found)
    if of_times and not force:
        notes += [RunMessage.TIMES_NOT_FORCED(why=reason) for reason in of_times]
        marked = ()
    else:
        made = _capacities(a, b) or compare(a, b, noise)
    all_notes = (*made.notes, *(cost_notes if made.capacity is None else ()), *notes)  # a search takes no fingerprint
    return replace(made, costs=tuple(costs), mismatches=marked, notes=all_notes, costs_compared=not cost_notes)


def _capacities(a: RunGroup, b: RunGroup) -> Comparison | None:
    """What two searches found, compared; None for other runs. Their figures are not: they are of many loads."""
    searches = [[run.capacity for run in group.runs if run.capacity] for group in (a, b)]
    if not all(searches):
        return None
    for group, found in zip((a, b), searches, strict=True):
        if len(found) > 1:
            raise UsageError(RunMessage.ONE_SEARCH_EACH(name=group.name, runs=len(found)))
    return Comparison(a.compared, b.compared, (), capacity=compare_capacities(searches[0][0], searches[1][0]))


def compare_fingerprints(
    a_runs: Sequence[PastRun], b_runs: Sequence[PastRun]
) -> tuple[list[Difference], list[Message]]:
    """Where the newest fingerprint of B differs from each of A in the same direction; and why it is not compared.

    A count that one of A had, or that lies between two of them, has not changed.
    """
    before = [run.fingerprint for run in a_runs if run.fingerprint is not None]
    newest = next((run.fingerprint for run in reversed(b_runs) if run.fingerprint is not None), None)
    if newest is None or not before:
        which = "the run" if newest is None else "the baseline"
        return [], [RunMessage.COSTS_NOT_COMPARED(which=which)]
    found = [compare_costs(taken, newest) for taken in before]
    always = set.intersection(*({_key(one) for one in differences} for differences in found))
    return [one for one in found[-1] if _key(one) in always], []


def _key(found: Difference) -> tuple[str, str, str, bool]:
    return found.role, found.operation, found.metric, found.worse


def _before_the_load(a: Conditions, b: Conditions) -> list[str]:
    """What forbids a comparison, as far as it is known before the load."""
    return [each.reason for each in _forbidding(mismatches(a, b, apart=KNOWN_LATER))]


def _forbidding(found: Sequence[Mismatch]) -> list[Mismatch]:
    """Costs can be compared across machines, times cannot."""
    return [each for each in found if not each.times_only]


def _mismatches(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun], apart: Collection[str]) -> list[Mismatch]:
    """Each difference once: within a group nothing may differ, between the groups what is meant to."""
    first = a_runs[0].conditions
    found = [each for run in a_runs[1:] for each in mismatches(first, run.conditions)]
    found += [each for run in b_runs for each in mismatches(first, run.conditions, apart=apart)]
    if apart:
        found += [each for run in b_runs[1:] for each in mismatches(b_runs[0].conditions, run.conditions)]
    return list(dict.fromkeys(found))


def exit_code_of(comparison: Comparison) -> int:
    """5 for a regression, 4 where nothing could be compared or the question is open, else 0."""
    if comparison.regressions or comparison.costlier or comparison.is_lower:
        return EXIT_REGRESSION
    if comparison.refused:
        return EXIT_INCONCLUSIVE
    if comparison.capacity is not None:
        open_one = comparison.capacity.outcome is CapacityOutcome.CANNOT_TELL
        return EXIT_INCONCLUSIVE if open_one else EXIT_PASS
    decided = any(change.outcome is not ComparisonOutcome.CANNOT_TELL for change in comparison.changes)
    return EXIT_PASS if decided or comparison.costs_compared else EXIT_INCONCLUSIVE


def write_comparison(comparison: Comparison, results: Path) -> Path:
    """Its folder, with comparison.json, junit.xml and summary.md."""
    folder = new_run_folder(results, "compare", datetime.now(UTC))
    save(folder / COMPARISON_FILE, comparison)
    try:
        (folder / MARKDOWN_FILE).write_text(comparison_md(comparison), encoding="utf-8")
        (folder / JUNIT_FILE).write_text(comparison_junit_xml(comparison), encoding="utf-8")
    except OSError as error:
        raise UsageError(FileMessage.NOT_WRITTEN(path=folder, why=error.strerror)) from error
    return folder


def noise_of(results: Path, conditions: Conditions) -> Noise | None:
    """The noise measured under these conditions; None where none was. Raises UsageError for a damaged file."""
    kept = _read_noise(results)
    return next((noise for noise in kept.noises if not mismatches(noise.conditions, conditions)), None)


def save_noise(results: Path, noise: Noise) -> Path:
    """Save it in place of the noise measured before under these conditions; its file."""
    others = [one for one in _read_noise(results).noises if mismatches(one.conditions, noise.conditions)]
    results.mkdir(parents=True, exist_ok=True)
    save(results / NOISE_FILE, NoiseFile((noise, *others)))
    return results / NOISE_FILE


def check_noise(results: Path) -> None:
    """Raises UsageError where the noise file is damaged: before hours of load, not after."""
    _read_noise(results)


def _read_noise(results: Path) -> NoiseFile:
    path = results / NOISE_FILE
    if not path.exists():
        return NoiseFile()
    try:
        return load(path, NoiseFile)
    except UsageError as error:
        raise UsageError(RunMessage.NOISE_DAMAGED(why=str(error))) from error
