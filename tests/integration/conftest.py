"""Whole runs are slow: each is made once, several of them at a time, and many tests look at what it left."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.integration.made_runs import RUNS
from tests.integration.programs import Backend, Ended, full_demo_programs, running_backend, skip_without

Runs = dict[str, Future[Ended | None]]
AT_ONCE = 3
"""Runs at the same time: they mostly wait, and two slow cores bear this many, beside the tests of other processes."""


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers",
        "made(name, beside): looks at a run of tests/integration/made_runs.py, or at one that was made beside it",
    )


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of runs that are made beforehand come last: meanwhile the others do their work."""
    items.sort(key=lambda item: next(item.iter_markers("made"), None) is not None)


@pytest.fixture(scope="session", autouse=True)
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The runs that the collected tests will ask for, begun in the order of RUNS."""
    wanted = {mark.args[0] for item in request.session.items for mark in item.iter_markers("made")}
    with ThreadPoolExecutor(AT_ONCE) as pool:
        yield {name: pool.submit(make, tmp_path_factory.mktemp(name)) for name, make in RUNS.items() if name in wanted}
        pool.shutdown(wait=True, cancel_futures=True)


@pytest.fixture
def made(request: pytest.FixtureRequest, runs: Runs, tmp_path_factory: pytest.TempPathFactory) -> Ended:
    """The run that the test's marker `made` names; with a second name, the one that was made beside it. A test that is
    run again makes its own."""
    marker = request.node.get_closest_marker("made")
    assert marker is not None, "the test says which run it looks at: @pytest.mark.made(NAME)"
    name, *beside = marker.args
    is_rerun = getattr(request.node, "execution_count", 1) > 1
    run = RUNS[name](tmp_path_factory.mktemp(name)) if is_rerun else runs[name].result()
    if run is None:
        skip_without(full_demo_programs)
        pytest.fail("the run was not made")
    return run.beside[beside[0]] if beside else run


@pytest.fixture(scope="session")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Backend]:
    """A healthy backend that the tests share; no two of them load it at the same time."""
    with running_backend(tmp_path_factory.mktemp("backend")) as shared:
        yield shared


@pytest.fixture
def results(tmp_path: Path) -> Path:
    """A folder for the runs of one test."""
    return tmp_path / "results"
