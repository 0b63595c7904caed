"""Times beside the truth, in short runs; `make accuracy` makes the long ones and prints the table.

They have the machine to themselves as far as that can be had: two at a time make less load than one of the long ones,
and `make test` makes nothing else meanwhile.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from perfsuite.run.calibration import calibration_of
from tests.accuracy import timing
from tests.accuracy.quiet import Probe, undisturbed
from tests.accuracy.table import Experiment, Row, assert_holds
from tests.accuracy.validity import healthy_row

pytestmark = pytest.mark.integration

_LATE = 3
"""A request is woken three times: the target when it comes, the target when it is due, and the generator."""
_SECONDS, _CYCLES = 5, 1

Begun = Mapping[str, Future[list[Row]]]


def _distribution(behaviour: str) -> Experiment:
    asked = timing.Distribution(behaviour, rate=250, sessions=50, seconds=_SECONDS)

    def rows(folder: Path) -> list[Row]:
        with Probe() as probe, undisturbed():
            outcome = timing.distribution(asked, folder)
        # However the machine is: what it is late at a percentile is allowed there, over the bound itself, and what a
        # request costs the generator on it beyond that.
        slow_us = max(calibration_of(outcome.records).cpu_us - timing.BOUND_US, 0.0)
        found = timing.distribution_rows(asked, outcome, lambda fraction: slow_us + _LATE * probe.late_us(fraction))
        return [*found, healthy_row(asked.name, outcome)]

    return rows


def _stalling(sessions: int) -> Experiment:
    def rows(folder: Path) -> list[Row]:
        with undisturbed():
            outcome = timing.stalling(sessions, _CYCLES, folder)
        return [*timing.stalling_rows(sessions, _CYCLES, outcome), healthy_row(f"{sessions} sessions", outcome)]

    return rows


_DISTRIBUTIONS = {behaviour: _distribution(behaviour) for behaviour in (timing.LOGNORMAL, timing.BIMODAL)}
_STALLING = {str(sessions): _stalling(sessions) for sessions in (400, 20)}


@pytest.fixture(scope="module")
def begun(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Begun]:
    """The first try of each: those of a kind at the same time, one kind after the other."""
    folder = tmp_path_factory.mktemp("times")
    found: dict[str, Future[list[Row]]] = {}
    for kind in (_DISTRIBUTIONS, _STALLING):
        with ThreadPoolExecutor(len(kind)) as pool:
            found |= {name: pool.submit(rows, folder / name.split()[0]) for name, rows in kind.items()}
    yield found


@pytest.mark.parametrize("behaviour", _DISTRIBUTIONS)
def test_percentiles_of_a_known_distribution(behaviour: str, begun: Begun, tmp_path: Path) -> None:
    assert_holds(_DISTRIBUTIONS[behaviour], tmp_path, first=begun.pop(behaviour, None))


@pytest.mark.parametrize("sessions", _STALLING)
def test_a_stalling_target_shows_in_the_response_time(sessions: str, begun: Begun, tmp_path: Path) -> None:
    assert_holds(_STALLING[sessions], tmp_path, first=begun.pop(sessions, None))
