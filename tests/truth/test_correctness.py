"""Real runs find each defect of correctness, with its kind, operation and roles, and replays show it again."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.truth.conftest import AT_ONCE, TIMES
from tests.truth.correctness_runs import BRIEF, EVERY, ONLY_UNDER_LOAD, DefectRun, MadeRun

pytestmark = pytest.mark.integration

_IS_WHOLE = bool(os.environ.get(TIMES))
_RUNS = EVERY if _IS_WHOLE else BRIEF


@pytest.fixture(scope="module")
def made_runs(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[MadeRun]]]:
    """Name → its run, of those that tests ask for, some at a time."""
    items = (item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path)
    wanted: list[DefectRun] = [item.callspec.params["run"] for item in items]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {run.name: pool.submit(run.make, tmp_path_factory.mktemp("correctness")) for run in wanted}
        pool.shutdown(wait=False, cancel_futures=True)


@pytest.mark.parametrize("run", _RUNS, ids=lambda run: run.name)
def test_a_defect_is_found_and_happens_again(
    run: DefectRun, made_runs: dict[str, Future[MadeRun]], tmp_path: Path
) -> None:
    begun = made_runs.pop(run.name, None)  # a test that is run again makes its own
    made = begun.result() if begun else run.make(tmp_path)
    assert made.others(run.defects) == []

    for seeded, place in run.defects:
        right = made.right(seeded, place)
        assert right, f"{seeded.defect} at {seeded.at(place)} was not found, but {made.violations}"
        if _IS_WHOLE and seeded.defect not in ONLY_UNDER_LOAD:
            assert made.replayed(right[0]) == 1
