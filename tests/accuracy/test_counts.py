"""Counts and verdicts beside the truth, in short runs; `make accuracy` makes the long ones and prints the table.

All at the same time, since hardly anything of them depends on how fast the machine is.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from perfsuite.model import Outcome as Judged
from tests.accuracy import idle, losses, overload, validity
from tests.accuracy.quiet import undisturbed
from tests.accuracy.table import Experiment, Row, assert_holds

pytestmark = pytest.mark.integration


def _lost(how: signal.Signals) -> Experiment:
    def rows(folder: Path) -> list[Row]:
        loss = losses.Loss(how)
        return losses.loss_rows(loss, losses.with_loss(loss, 4, folder))

    return rows


def _within(folder: Path) -> list[Row]:
    with undisturbed():  # a small load, of which rates are counted
        outcome = overload.arrivals(20, 8, folder)
    return overload.within_rows(20, 8, outcome)


def _beyond(folder: Path) -> list[Row]:
    with undisturbed():
        outcome = overload.arrivals(30, 8, folder)
    return overload.beyond_rows(30, 8, outcome)


def _slow(folder: Path) -> list[Row]:
    outcome = validity.slow(10, folder)
    rows = validity.verdict_rows("slow target", outcome, Judged.FAIL, "average response time")
    return [*rows, validity.starts_row("slow target", outcome)]


def _short(folder: Path) -> list[Row]:
    return validity.verdict_rows("3 s", validity.short(folder), Judged.INCONCLUSIVE, "too little was measured")


_TOGETHER: dict[str, Experiment] = {
    "killed": _lost(signal.SIGKILL),
    "stopped": _lost(signal.SIGSTOP),
    "within": _within,
    "beyond": _beyond,
    "many": lambda folder: idle.idle_rows(2_000, idle.idle(2_000, 1_000, folder)),
    "cut": lambda folder: losses.whole_rows(4, losses.whole(4, folder)),
    "late": lambda folder: losses.late_rows(losses.late(folder)),
    "slow": _slow,
    "short": _short,
}
"""Long ones first."""


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Future[list[Row]]]]:
    """The first try of each, begun together."""
    folder = tmp_path_factory.mktemp("together")
    with ThreadPoolExecutor(len(_TOGETHER)) as pool:
        yield {name: pool.submit(rows, folder / name) for name, rows in _TOGETHER.items()}


@pytest.mark.parametrize(
    "name",
    [
        pytest.param("within", id="what twelve sessions can do is offered"),
        pytest.param("beyond", id="what they cannot do is told and fails"),
        pytest.param("cut", id="every request is counted when the run is hardly longer than one"),
        pytest.param("killed", id="users of a killed process are placed again"),
        pytest.param("stopped", id="a process that was stopped does not come back as extra load"),
        pytest.param("late", id="a process that waits for a late one is not lost"),
        pytest.param("many", id="two thousand users come, wait and leave in order"),
        pytest.param("slow", id="a slow target fails"),
        pytest.param("short", id="a run of three seconds is inconclusive"),
    ],
)
def test_counts_and_verdicts(name: str, together: dict[str, Future[list[Row]]], tmp_path: Path) -> None:
    assert_holds(_TOGETHER[name], tmp_path, first=together.pop(name, None))
