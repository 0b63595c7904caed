"""Real runs with known trouble: begun when nothing else runs any more, two at a time, and told in a table."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import pytest

from tests.integration.programs import full_demo_programs, skip_without
from tests.truth.cases import BRIEF, CASES, Case
from tests.truth.generator_runs import GeneratorRun
from tests.truth.lab import Seen, made
from tests.truth.table import generator_table, table

TIMES = "MITRA_TRUTH"
"""Environment variable: how often each case is run; without it, only the brief ones, once."""
AT_ONCE = 2
_SEEN = pytest.StashKey[list[Seen]]()
GENERATOR_RUNS = pytest.StashKey[list[GeneratorRun]]()
Runs = dict[tuple[str, int], Future[Seen]]


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line("markers", "truth: looks at a real run with known trouble; several minutes")
    config.stash[_SEEN] = []
    config.stash[GENERATOR_RUNS] = []


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "case" not in metafunc.fixturenames:
        return
    times = int(os.environ.get(TIMES, "0"))
    wanted = [(case, number) for number in range(times) for case in CASES] or [(case, 0) for case in BRIEF]
    names = [f"{case.name}, run {number + 1}" for case, number in wanted]
    metafunc.parametrize(("case", "number"), wanted, ids=names)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """They come last: what runs beside them would rightly be found as other processes."""
    items.sort(key=lambda item: item.get_closest_marker("truth") is not None)


@pytest.fixture(scope="session")
def runs(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """Case and number → its run, long ones first. Those that bear no other beside them come after the others."""
    skip_without(full_demo_programs)
    wanted: list[tuple[Case, int]] = [
        (item.callspec.params["case"], item.callspec.params["number"])
        for item in request.session.items
        if isinstance(item, pytest.Function) and "case" in item.fixturenames
    ]
    folders = {(case.name, number): tmp_path_factory.mktemp("truth") for case, number in wanted}
    with ThreadPoolExecutor(AT_ONCE) as together, ThreadPoolExecutor(1) as alone:
        begun: Runs = {
            (case.name, number): together.submit(made, case, folders[case.name, number], _seed_of(case, number))
            for case, number in sorted(wanted, key=lambda each: -each[0].duration_s)
            if not case.alone
        }
        others = list(begun.values())

        def made_alone(case: Case, folder: Path, seed: int) -> Seen:
            wait(others)
            return made(case, folder, seed)

        for case, number in wanted:
            if case.alone:
                begun[case.name, number] = alone.submit(
                    made_alone, case, folders[case.name, number], _seed_of(case, number)
                )
        yield begun
        together.shutdown(wait=False, cancel_futures=True)
        alone.shutdown(wait=False, cancel_futures=True)


def _seed_of(case: Case, number: int) -> int:
    """Another one for each run."""
    return number * len(CASES) + [each.name for each in CASES].index(case.name) + 1


@pytest.fixture
def seen(case: Case, number: int, runs: Runs, pytestconfig: pytest.Config, tmp_path: Path) -> Seen:
    """What the run of this case told. A test that is run again makes its own."""
    begun = runs.pop((case.name, number), None)
    found = begun.result() if begun else made(case, tmp_path, _seed_of(case, number))
    pytestconfig.stash[_SEEN].append(found)
    return found


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if generators := config.stash[GENERATOR_RUNS]:
        terminalreporter.section("saturated and healthy load generators")
        terminalreporter.write_line(generator_table(generators))
    if found := config.stash[_SEEN]:
        terminalreporter.section("ground truth of the findings")
        terminalreporter.write_line(table(found))
