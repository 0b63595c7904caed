"""The baseline of a run: named before the load, and compared with it after."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from perfsuite.errors import UsageError
from perfsuite.fingerprint import compare as compare_costs
from perfsuite.history import History, select
from perfsuite.history.comparison.compare import compare
from perfsuite.history.comparison.conditions import KNOWN_LATER, Mismatch, cautions, mismatches
from perfsuite.model import Plan
from perfsuite.model.fingerprint import Difference
from perfsuite.model.history import Comparison, Conditions, PastRun, RunGroup
from perfsuite.model.noise import Noise
from perfsuite.run.archive import Shelf, conditions_of, machine

Compare = Callable[[RunGroup, RunGroup, Noise | None], Comparison]


def find_baseline(plan: Plan, history: History, shelf: Shelf) -> RunGroup:
    """The runs that the plan's baseline names, as far as they can be compared with a run of this plan.

    Raises UsageError where there are none, or none was made under such conditions: nothing has been sent yet.
    """
    ours = conditions_of(plan, None, machine())
    runs = select(plan.baseline, replace(shelf.selection(history), differ=_before_the_load, like=ours)).runs
    differ = {run.run_id: _before_the_load(run.conditions, ours) for run in runs}
    alike = tuple(run for run in runs if not differ[run.run_id])
    if not alike:
        nearest = min(runs, key=lambda run: len(differ[run.run_id]))
        raise UsageError(
            f"--baseline {plan.baseline}: this run cannot be compared with it ({nearest.run_id}): "
            f"{'; '.join(differ[nearest.run_id])}"
        )
    return RunGroup(plan.baseline, alike)


def compare_with_baseline(
    baseline: RunGroup, runs: Sequence[PastRun], noise: Noise | None = None, compare: Compare = compare
) -> Comparison:
    """New runs compared with their baseline: figures, costs, and what could not be said.

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
    notes += [f"{_runs(left)} of the baseline made under other conditions, left out"] if left else []
    same_machine = RunGroup(baseline.name, tuple(run for run in alike.runs if not found[run.run_id]))
    times = compare(same_machine, new, noise) if same_machine.runs else Comparison(alike.compared, new.compared, ())
    if not times.changes:
        reasons = list(dict.fromkeys(each.reason for run in alike.runs for each in found[run.run_id]))
        notes += [f"times are not compared: {reason}" for reason in reasons]
    costs, cost_notes = costs_between(alike.runs, runs)
    all_notes = (*times.notes, *notes, *cost_notes)
    return Comparison(
        alike.compared, new.compared, times.changes, tuple(costs), notes=all_notes, costs_compared=not cost_notes
    )


def costs_between(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun]) -> tuple[list[Difference], list[str]]:
    """What operations cost the newest of B otherwise than each of A, the same way each time; and why not, in notes.

    A count that one of A had, or that lies between two of them, has not changed.
    """
    prints = [run.fingerprint for run in a_runs if run.fingerprint is not None]
    newest = next((run.fingerprint for run in reversed(b_runs) if run.fingerprint is not None), None)
    if newest is None or not prints:
        side = "the run" if newest is None else "the baseline"
        return [], [f"costs at the database are not compared: {side} has no fingerprint"]
    found = [compare_costs(taken, newest) for taken in prints]
    always = set.intersection(*({_key(one) for one in differences} for differences in found))
    return [one for one in found[-1] if _key(one) in always], []


def _key(found: Difference) -> tuple[str, str, str, bool]:
    return found.role, found.operation, found.metric, found.worse


def _before_the_load(a: Conditions, b: Conditions) -> list[str]:
    """What forbids to compare, as far as it is known before a load; costs can be compared across machines."""
    return [each.reason for each in _forbidding(mismatches(a, b, apart=KNOWN_LATER))]


def _runs(runs: int) -> str:
    """ "1 run", "3 runs"."""
    return f"{runs} run{'' if runs == 1 else 's'}"


def _forbidding(found: Sequence[Mismatch]) -> list[Mismatch]:
    return [each for each in found if not each.times_only]
