"""Two runs compared: an N+1 is found by its cost, and of the times of one run a side nothing can be told."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from perfsuite.model.history import Comparison, ComparisonOutcome
from perfsuite.run.load_run import COMPARISON_FILE
from tests.integration.programs import Ended, run_folders, run_suite

pytestmark = pytest.mark.integration

LISTS = {"policies.list", "policies.page", "policies.by_status", "policies.by_policyholder"}
"""The operations of the route that is to blame."""


def comparison_in(results: Path) -> Comparison:
    (folder,) = (each for each in run_folders(results) if each.name.startswith("compare_"))
    return msgspec.json.decode((folder / COMPARISON_FILE).read_bytes(), type=Comparison)


@pytest.mark.made("against_baseline")
def test_an_n_plus_1_is_found_by_its_cost(made: Ended, results: Path) -> None:
    runs = (made.beside["first"].folder, made.folder)

    done = run_suite("compare", *map(str, runs), "--results", str(results), "--quiet")

    assert done.code == 5, done.out + done.err
    assert "queries per request" in done.out
    assert done.out.rstrip().endswith("COMPARISON: REGRESSION")
    costlier = comparison_in(results).costlier
    assert "policies.list" in {cost.operation for cost in costlier if cost.metric == "queries"}
    assert {cost.operation for cost in costlier} <= LISTS


@pytest.mark.made("compared")
def test_times_of_one_run_a_side_cannot_be_told(made: Ended) -> None:
    comparison = comparison_in(made.folders[0].parent)

    assert {change.outcome for change in comparison.changes} == {ComparisonOutcome.CANNOT_TELL}
    assert comparison.notes[0].startswith("1 + 1 runs:")
    assert comparison.mismatches == ()
    assert len(made.folders) == 3, "two runs and their comparison"
    assert made.left == ()
