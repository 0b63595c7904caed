"""Two targets by turns: one run of each shows an N+1, and says of the times that they cannot be told."""

from __future__ import annotations

import msgspec
import pytest

from perfsuite.model.history import Comparison, ComparisonOutcome
from perfsuite.run.load_run import COMPARISON_FILE
from tests.integration.programs import Ended, run_suite

pytestmark = [pytest.mark.integration, pytest.mark.made("compared")]


LISTS = {"policies.list", "policies.page", "policies.by_status", "policies.by_policyholder"}
"""The operations of the route that is to blame."""


def comparison_of(made: Ended) -> Comparison:
    (folder,) = (each for each in made.folders if each.name.startswith("compare_"))
    return msgspec.json.decode((folder / COMPARISON_FILE).read_bytes(), type=Comparison)


def test_an_n_plus_1_is_found_by_its_cost(made: Ended) -> None:
    comparison = comparison_of(made)

    more = {cost.operation for cost in comparison.costlier if cost.metric == "queries"}
    assert "policies.list" in more
    assert {cost.operation for cost in comparison.costlier} <= LISTS
    assert "COMPARISON: REGRESSION" in made.out
    assert made.code in (1, 5), made.out + made.err  # 1 where this machine is too busy for a target


def test_times_of_one_run_a_side_cannot_be_told(made: Ended) -> None:
    comparison = comparison_of(made)

    assert {change.outcome for change in comparison.changes} == {ComparisonOutcome.CANNOT_TELL}
    assert comparison.notes[0].startswith("1 + 1 runs:")
    assert comparison.mismatches == ()


def test_nothing_is_left_running(made: Ended) -> None:
    assert made.left == ()


def test_the_two_runs_can_be_compared_again(made: Ended) -> None:
    runs = [each for each in made.folders if not each.name.startswith("compare_")]
    assert len(runs) == 2

    again = run_suite("compare", *map(str, runs), "--results", str(runs[0].parent), "--quiet")

    assert again.code == 5, again.out + again.err
    assert "queries per request" in again.out
    assert again.out.rstrip().endswith("COMPARISON: REGRESSION")
