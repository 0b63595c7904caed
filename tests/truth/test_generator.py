"""A saturated generator makes a run INCONCLUSIVE and is named; one that is not never does. `make truth` makes all."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from perfsuite.model.calibration import Calibration
from perfsuite.run.calibration import measured
from tests.truth.conftest import GENERATOR_RUNS, TIMES
from tests.truth.generator_runs import HEALTHY, SATURATIONS, GeneratorCase, GeneratorRun, made

pytestmark = [pytest.mark.integration, pytest.mark.truth]
_TIMES = int(os.environ.get(TIMES, "0"))
CASES = [
    pytest.param(case, id=f"{'saturated' if case.by else 'healthy'}: {case.name}, run {number + 1}")
    for cases in (SATURATIONS, HEALTHY)  # healthy ones when nothing runs beside them any more
    for number in range(max(_TIMES, 1))
    for case in cases
    if _TIMES or case.brief
]


@pytest.fixture(scope="module")
def calibration() -> Calibration:
    """What a request costs on this machine, now."""
    return measured(open_model=True)


@pytest.fixture(scope="module")
def beside(
    request: pytest.FixtureRequest, calibration: Calibration, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[GeneratorRun]]]:
    """Name of the test → its run, of those that leave room: made one after the other, beside those that do not."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    with ThreadPoolExecutor(1) as pool:
        yield {
            item.name: pool.submit(made, case, calibration, tmp_path_factory.mktemp("beside"))
            for item in items
            if "generator_case" in item.fixturenames and (case := item.callspec.params["generator_case"]).leaves_room
        }
        pool.shutdown(wait=False, cancel_futures=True)


def test_there_are_twenty_of_each() -> None:
    assert (len(SATURATIONS), len(HEALTHY)) == (20, 20)
    assert len({case.name for case in (*SATURATIONS, *HEALTHY)}) == 40


@pytest.mark.parametrize("generator_case", CASES)
def test_a_run_is_inconclusive_for_its_generator_exactly_where_that_is_saturated(
    generator_case: GeneratorCase,
    calibration: Calibration,
    beside: dict[str, Future[GeneratorRun]],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    begun = beside.pop(request.node.name, None)  # a test that is run again makes its own
    seen = begun.result() if begun else made(generator_case, calibration, tmp_path)
    request.config.stash[GENERATOR_RUNS].append(seen)

    assert seen.wrong == "", f"after {seen.attempts} attempts, others at work in {seen.full:.0%} of the load"
