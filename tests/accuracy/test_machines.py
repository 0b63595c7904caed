"""Load processes on other machines: every request is counted whatever befalls them, and nothing is left.

The short forms, of those that tell the most: whoever is not lost has to count everything in each, and one of them is
killed in the last. `make accuracy` makes all, each for a minute. Three hosts stand in for machines (`tests.netlab`).
"""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.accuracy.machine_rows import rows_of_run, too_late_row
from tests.accuracy.machines import Case, TooLate, cases, run
from tests.accuracy.table import Row, assert_holds
from tests.netlab.network import skip_without_namespaces

pytestmark = pytest.mark.integration

_CASES = [case for case in cases() if case.brief]


def _rows(case: Case, folder: Path) -> list[Row]:
    try:
        return rows_of_run(case, run(case, folder))
    except TooLate as late:
        return [too_late_row(case, str(late))]


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[list[Row]]]]:
    """The first try of each, begun together: they mostly wait for the network."""
    skip_without_namespaces()
    folder = tmp_path_factory.mktemp("machines")
    with ThreadPoolExecutor(len(_CASES)) as pool:
        yield {case.name: pool.submit(_rows, case, folder / str(number)) for number, case in enumerate(_CASES)}


@pytest.mark.parametrize("case", [pytest.param(case, id=case.name) for case in _CASES])
def test_every_request_is_counted(case: Case, together: dict[str, Future[list[Row]]], tmp_path: Path) -> None:
    assert_holds(lambda folder: _rows(case, folder), tmp_path, first=together.pop(case.name, None))
