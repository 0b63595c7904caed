"""The offset of a worker's clock: certain within its stated bounds, on any path, for an hour of drift."""

from __future__ import annotations

import itertools
import math
import random
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from perfsuite.clock import ERROR_VARIABLE, UtcClock
from perfsuite.load.clock_offset import DRIFT_PPM, RESOLUTION_S, ClockOffset

NOON_S = 1_772_366_400.0
HOUR_S = 3600
LOOKS_PER_ROUND_TRIP = 3


class Machines:
    """The master's clock, which is the truth here, and a worker's beside it."""

    def __init__(self, ahead_s: float, drift_ppm: float) -> None:
        self.master_s = NOON_S
        environ = {ERROR_VARIABLE: f"{ahead_s},{drift_ppm}"}
        self.worker = UtcClock(environ, lambda: self.master_s, lambda: self.master_s - NOON_S + 50_000)
        self.offset = ClockOffset(self.worker.own_s)

    @property
    def truth_s(self) -> float:
        return self.master_s - self.worker.own_s()

    def round_trip(self, out_s: float, back_s: float) -> None:
        sent_s = self.worker.own_s()
        self.master_s += out_s
        answer_s = self.master_s
        self.master_s += back_s
        self.offset.add(sent_s, answer_s, self.worker.own_s())

    def error_s(self) -> float:
        assert self.offset.offset_s is not None
        return abs(self.offset.offset_s - self.truth_s)

    def uncertainty_s(self) -> float:
        assert self.offset.uncertainty_s is not None
        return self.offset.uncertainty_s


@dataclass(frozen=True)
class Path:
    """A network: least delay of both ways, mean jitter on top, share of lost round trips, how often it stalls."""

    out_s: float
    back_s: float
    jitter_s: float
    lost: float
    stalls: float

    @classmethod
    def drawn(cls, chance: random.Random) -> Path:
        out_s, back_s = chance.uniform(0.0001, 0.08), chance.uniform(0.0001, 0.08)
        return cls(out_s, back_s, chance.uniform(0, 0.05), chance.uniform(0, 0.5), chance.uniform(0, 0.02))

    def delay_s(self, least_s: float, chance: random.Random) -> float:
        jitter_s = chance.expovariate(1 / self.jitter_s) if self.jitter_s else 0.0
        return least_s + jitter_s + (chance.uniform(0, 5) if chance.random() < self.stalls else 0.0)

    def round_trips(self, machines: Machines, chance: random.Random) -> Iterator[tuple[float, float, float]]:
        """Those of an hour, as they come back: sent and received by the worker, in between the master."""
        cut_s = NOON_S + chance.uniform(60, HOUR_S - 60)
        coming: list[tuple[float, float, float]] = []  # received and answered by the master's time, sent
        for second in range(HOUR_S):
            machines.master_s = NOON_S + second
            sent_s, out_s = machines.worker.own_s(), self.delay_s(self.out_s, chance)
            is_cut = cut_s <= machines.master_s < cut_s + 20
            if not is_cut and chance.random() >= self.lost:
                answered_s = machines.master_s + out_s
                coming.append((answered_s + self.delay_s(self.back_s, chance), answered_s, sent_s))
        for received_s, answered_s, sent_s in sorted(coming):
            yield received_s, answered_s, sent_s


@pytest.mark.parametrize("seed", range(20))
def test_for_an_hour_the_error_is_never_more_than_the_stated_uncertainty(seed: int) -> None:
    """Of the offset, and of the corrected clock."""
    chance = random.Random(seed)
    ahead_s, drift_ppm, path = chance.choice((3.0, -3.0)), chance.choice((100.0, -100.0)), Path.drawn(chance)
    machines = Machines(ahead_s, drift_ppm)
    worker, looks, before_s = machines.worker, 0, -math.inf

    round_trips = [*path.round_trips(machines, chance), (NOON_S + HOUR_S + 60, 0.0, 0.0)]
    for (received_s, answered_s, sent_s), (until_s, *_) in itertools.pairwise(round_trips):
        machines.master_s = received_s
        machines.offset.add(sent_s, answered_s, worker.own_s())
        worker.correct(machines.offset.offset_s or 0.0, at_once=received_s < NOON_S + 10)
        before_s = -math.inf if received_s < NOON_S + 10 else before_s
        moments = sorted(chance.uniform(received_s, until_s) for _ in range(LOOKS_PER_ROUND_TRIP))
        for machines.master_s in (received_s, *moments):
            now_s, uncertainty_s = worker.utc_s(), machines.uncertainty_s()
            assert machines.error_s() <= uncertainty_s
            assert abs(now_s - machines.master_s) <= uncertainty_s + abs(worker.pending_s())
            assert now_s >= before_s
            before_s, looks = now_s, looks + 1

    assert looks > HOUR_S
    assert machines.offset.contradictions == 0
    assert abs(worker.own_s() - machines.master_s - ahead_s) > 0.3  # the drift of an hour


@pytest.mark.parametrize("seed", range(20))
def test_it_is_at_least_as_certain_as_the_quickest_round_trip_makes_it(seed: int) -> None:
    """The quickest by now: that whose half and drift since are least."""
    chance = random.Random(seed)
    path, machines = Path.drawn(chance), Machines(3.0, 100.0)
    halves: list[tuple[float, float]] = []  # sent by the worker's time, half the round trip

    for _ in range(300):
        sent_s = machines.worker.own_s()
        machines.round_trip(path.delay_s(path.out_s, chance), path.delay_s(path.back_s, chance))
        halves.append((sent_s, (machines.worker.own_s() - sent_s) / 2))
        machines.master_s += 1.0
        now_s = machines.worker.own_s()
        quickest_s = min(half_s + (now_s - sent_s) * DRIFT_PPM / 1e6 for sent_s, half_s in halves)
        assert machines.error_s() <= machines.uncertainty_s() <= quickest_s + 2 * RESOLUTION_S


def test_before_the_first_round_trip_nothing_is_known() -> None:
    offset = ClockOffset()

    assert (offset.offset_s, offset.uncertainty_s) == (None, None)


def test_a_round_trip_is_known_to_half_of_it_even_if_one_way_took_all() -> None:
    machines = Machines(-3.0, 0.0)

    machines.round_trip(0.08, 0.0)

    assert machines.offset.offset_s == pytest.approx(3.04, abs=2e-5)
    assert machines.uncertainty_s() == pytest.approx(0.04, abs=2e-5)
    assert machines.error_s() <= machines.uncertainty_s()


def test_the_uncertainty_grows_by_the_drift_allowed_until_the_next_round_trip() -> None:
    machines = Machines(3.0, 0.0)
    machines.round_trip(0.01, 0.01)
    before_s, offset_s = machines.uncertainty_s(), machines.offset.offset_s

    machines.master_s += 100

    assert machines.uncertainty_s() - before_s == pytest.approx(0.02)
    assert machines.offset.offset_s == offset_s


def test_one_quick_round_trip_among_slow_ones_counts_until_it_is_old() -> None:
    machines = Machines(3.0, 0.0)
    machines.round_trip(0.001, 0.001)
    for _ in range(60):
        machines.round_trip(0.3, 0.3)

    assert machines.uncertainty_s() == pytest.approx(0.001 + 36 * DRIFT_PPM / 1e6, rel=0.01)


def test_the_quick_ways_of_two_round_trips_count_together() -> None:
    machines = Machines(3.0, 0.0)

    machines.round_trip(0.001, 0.5)
    machines.round_trip(0.5, 0.001)

    assert machines.uncertainty_s() < 0.002
    assert machines.error_s() <= machines.uncertainty_s()


def test_a_clock_that_jumps_is_noticed_and_measured_anew() -> None:
    """As that of a machine that was suspended: its monotonic clock stood still."""
    machines = Machines(3.0, 0.0)
    machines.round_trip(0.01, 0.01)
    worker, standing_s = machines.worker, 7.0
    machines.offset._own_s = lambda: worker.own_s() - standing_s

    sent_s = worker.own_s() - standing_s
    machines.offset.add(sent_s, machines.master_s + 0.01, sent_s + 0.02)

    assert machines.offset.contradictions == 1
    assert machines.offset.offset_s == pytest.approx(-3.0 + standing_s, abs=1e-4)
    assert machines.uncertainty_s() == pytest.approx(0.01, rel=0.01)


def test_more_drift_than_allowed_is_noticed() -> None:
    machines = Machines(3.0, 10 * DRIFT_PPM)

    for _ in range(60):
        machines.round_trip(0.001, 0.001)
        machines.master_s += 1.0

    assert machines.offset.contradictions > 5


@pytest.mark.parametrize(
    ("sent_s", "master_s", "received_s"),
    [(2.0, 1.0, 1.0), (1.0, math.nan, 2.0), (1.0, math.inf, 2.0), (math.nan, 1.0, 2.0), (1.0, 1.0, math.inf)],
)
def test_what_cannot_be_a_round_trip_is_refused(sent_s: float, master_s: float, received_s: float) -> None:
    offset = ClockOffset(lambda: 5.0)

    with pytest.raises(ValueError, match="no round trip"):
        offset.add(sent_s, master_s, received_s)
    assert offset.offset_s is None
