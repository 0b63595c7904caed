"""Real demos by turns, 5 + 5 short runs: the same against itself, and one operation 60 ms slower. `make truth` only."""

from __future__ import annotations

import os
from pathlib import Path

import msgspec
import pytest

from perfsuite.model import ALL
from perfsuite.model.history import Comparison, ComparisonOutcome
from perfsuite.run.load_run import COMPARISON_FILE
from tests.integration.programs import ended, suite
from tests.truth.conftest import TIMES

pytestmark = [
    pytest.mark.integration,
    pytest.mark.truth,
    pytest.mark.skipif(TIMES not in os.environ, reason="several minutes: make truth"),
]
LOAD = ("--demo", "--runs", "5", "--arrival-rate", "20", "--users", "60", "--spawn-rate", "60", "--duration", "12s")
SLOWED = {"policies.list", "policies.page", "policies.by_status", "policies.by_policyholder"}
"""The operations of the route that is slowed."""
_LONGEST_S = 480.0


def compared(folder: Path, *against: str) -> Comparison:
    """What ten runs by turns tell."""
    program = suite(*LOAD, *against, "--results", str(folder / "results"))
    try:
        code = program.wait(_LONGEST_S)
        done = ended(program, code, folder / "results")
    finally:
        program.end()
    kept = [each for each in done.folders if each.name.startswith("compare_")]
    assert len(kept) == 1, done.out + done.err
    return msgspec.json.decode((kept[0] / COMPARISON_FILE).read_bytes(), type=Comparison)


def slower(comparison: Comparison) -> set[str]:
    """Operations of which anything became worse, as any role."""
    return {change.operation for change in comparison.regressions}


def test_the_same_against_itself(tmp_path: Path) -> None:
    comparison = compared(tmp_path, "--against", "demo")

    assert slower(comparison) == set()
    total = next(each for each in comparison.changes if (each.role, each.operation) == (ALL, ALL))
    assert total.outcome in (ComparisonOutcome.SAME, ComparisonOutcome.CANNOT_TELL), total


def test_60_ms_are_found_where_they_are(tmp_path: Path) -> None:
    comparison = compared(tmp_path, "--against-fault", "latency=60ms@policies.list")

    # Totals and roles contain that operation.
    assert "policies.list" in slower(comparison)
    assert slower(comparison) - {ALL} <= SLOWED
    place = (ALL, "policies.list", "avg_ms")
    change = next(each for each in comparison.changes if (each.role, each.operation, each.metric) == place)
    assert change.outcome is ComparisonOutcome.SLOWER
    assert 50 <= change.shift <= 75, change
