"""A saturated generator makes a run INCONCLUSIVE and is named; one that is not never does. `make truth` makes all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from perfsuite.model.calibration import Calibration
from perfsuite.run.calibration import measured
from tests.truth.conftest import GENERATOR_RUNS, TIMES
from tests.truth.generator_runs import HEALTHY, SATURATIONS, GeneratorCase, made

pytestmark = [pytest.mark.integration, pytest.mark.truth]
_TIMES = int(os.environ.get(TIMES, "0"))
CASES = [
    pytest.param(case, id=f"{'saturated' if case.by else 'healthy'}: {case.name}, run {number + 1}")
    for number in range(max(_TIMES, 1))
    for case in (*SATURATIONS, *HEALTHY)
    if _TIMES or case.brief
]


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """What a request costs on this machine, now."""
    return measured(open_model=True)


def test_there_are_twenty_of_each() -> None:
    assert (len(SATURATIONS), len(HEALTHY)) == (20, 20)
    assert len({case.name for case in (*SATURATIONS, *HEALTHY)}) == 40


@pytest.mark.parametrize("generator_case", CASES)
def test_a_run_is_inconclusive_for_its_generator_exactly_where_that_is_saturated(
    generator_case: GeneratorCase, calibration: Calibration, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    seen = made(generator_case, calibration, tmp_path)
    pytestconfig.stash[GENERATOR_RUNS].append(seen)

    assert seen.wrong == "", f"after {seen.attempts} attempts, others at work in {seen.full:.0%} of the load"
