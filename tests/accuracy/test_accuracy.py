"""The suite's figures beside the truth, in short runs; `make accuracy` makes the long ones and prints the table."""

from __future__ import annotations

import signal
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import pytest

from perfsuite.model import Outcome as Judged
from tests.accuracy import losses, overload, timing, validity
from tests.accuracy.lab import Outcome
from tests.accuracy.quiet import Probe, undisturbed
from tests.accuracy.table import Row, missed, rendered

pytestmark = pytest.mark.integration

_LATE = 3
"""A request is woken three times: the target when it comes, the target when it is due, and the generator."""


def _all_hold(rows: list[Row]) -> None:
    assert not missed(rows), f"\n{rendered(rows)}"


# ── times: one after the other, with the machine to themselves as far as that can be had ────────────


@pytest.mark.parametrize("behaviour", [timing.LOGNORMAL, timing.BIMODAL])
def test_percentiles_of_a_known_distribution(behaviour: str, tmp_path: Path) -> None:
    asked = timing.Distribution(behaviour, rate=500, sessions=100, seconds=8)
    with Probe() as probe, undisturbed():
        outcome = timing.distribution(asked, tmp_path)

    # However the machine is: what it is late at a percentile is allowed there, over the bound itself.
    _all_hold(timing.distribution_rows(asked, outcome, lambda fraction: _LATE * probe.late_us(fraction)))


@pytest.mark.parametrize("sessions", [400, 20])
def test_a_stalling_target_shows_in_the_response_time(sessions: int, tmp_path: Path) -> None:
    with undisturbed():
        outcome = timing.stalling(sessions, 2, tmp_path)

    _all_hold(timing.stalling_rows(sessions, 2, outcome))


# ── counts: at the same time, since nothing of them depends on how fast the machine is ──────────────


class _Together:
    """Runs that were begun together."""

    def __init__(self, folder: Path, pool: ThreadPoolExecutor) -> None:
        self._folder = folder
        self._pool = pool
        self.kill = losses.Loss(signal.SIGKILL)
        self.stop = losses.Loss(signal.SIGSTOP)
        self.within = self._begin("within", lambda folder: overload.arrivals(20, 8, folder))
        self.beyond = self._begin("beyond", lambda folder: overload.arrivals(30, 8, folder))
        self.cut = self._begin("cut", lambda folder: losses.whole(4, folder))
        self.longer = self._begin("longer", lambda folder: losses.whole(12, folder))
        self.killed = self._begin("killed", lambda folder: losses.with_loss(self.kill, 4, folder))
        self.stopped = self._begin("stopped", lambda folder: losses.with_loss(self.stop, 4, folder))
        self.late = self._begin("late", losses.late)
        self.slow = self._begin("slow", lambda folder: validity.slow(10, folder))

    def _begin(self, name: str, make: Callable[[Path], Outcome]) -> Future[Outcome]:
        return self._pool.submit(make, self._folder / name)


@pytest.fixture(scope="module")
def together(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_Together]:
    with ThreadPoolExecutor(8) as pool:
        yield _Together(tmp_path_factory.mktemp("together"), pool)


def test_what_twelve_sessions_can_do_is_offered(together: _Together) -> None:
    _all_hold(overload.within_rows(20, 8, together.within.result()))


def test_what_they_cannot_do_is_told_and_fails(together: _Together) -> None:
    _all_hold(overload.beyond_rows(30, 8, together.beyond.result()))


def test_every_request_is_counted_when_the_run_is_hardly_longer_than_one(together: _Together) -> None:
    _all_hold(losses.whole_rows(4, together.cut.result()))


def test_every_request_is_counted_in_a_longer_run(together: _Together) -> None:
    _all_hold(losses.whole_rows(12, together.longer.result()))


def test_users_of_a_killed_process_are_placed_again(together: _Together) -> None:
    outcome = together.killed.result()

    _all_hold(losses.loss_rows(together.kill, outcome))


def test_a_process_that_was_stopped_does_not_come_back_as_extra_load(together: _Together) -> None:
    outcome = together.stopped.result()

    _all_hold(losses.loss_rows(together.stop, outcome))


def test_a_process_that_waits_for_a_late_one_is_not_lost(together: _Together) -> None:
    _all_hold(losses.late_rows(together.late.result()))


def test_a_slow_target_fails(together: _Together) -> None:
    _all_hold(validity.verdict_rows("slow target", together.slow.result(), Judged.FAIL, "average response time"))


def test_a_run_of_three_seconds_is_inconclusive(tmp_path: Path) -> None:
    _all_hold(validity.verdict_rows("3 s", validity.short(tmp_path), Judged.INCONCLUSIVE, "too little was measured"))


def test_a_starved_generator_is_inconclusive(tmp_path: Path) -> None:
    outcome = validity.starved(10, tmp_path)

    _all_hold(validity.verdict_rows("starved", outcome, Judged.INCONCLUSIVE, "generator was saturated"))
