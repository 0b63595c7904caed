"""Intervals: known answers, and how often they hold the truth where requests hang together in time."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from perfsuite.summary.bootstrap import (
    Block,
    _levels,
    _student,
    block_count,
    block_numbers,
    block_of,
    empty_blocks,
    interval,
    wilson,
)
from tests.repetitions import repetitions

RUNS = repetitions(100, of=300)


@pytest.mark.parametrize(
    ("steady_s", "blocks"),
    [
        pytest.param(0, 0, id="no steady state"),
        pytest.param(15, 0, id="less than 8 blocks of 2 s: no interval"),
        pytest.param(16, 8, id="8 blocks of 2 s"),
        pytest.param(39, 8, id="no room for 8 blocks of 5 s: shorter ones"),
        pytest.param(53, 10, id="blocks of 5 s"),
        pytest.param(290, 12, id="longer blocks rather than more of them"),
    ],
)
def test_blocks(steady_s: int, blocks: int) -> None:
    made = empty_blocks(block_numbers(range(steady_s)))
    assert (block_count(steady_s), len(made)) == (blocks, blocks)
    assert sum(block.seconds for block in made) == (steady_s if blocks else 0)
    if blocks:
        assert {block.seconds for block in made} <= {steady_s // blocks, steady_s // blocks + 1}
        assert [block_of(0, steady_s, blocks), block_of(steady_s - 1, steady_s, blocks)] == [0, blocks - 1]


@pytest.mark.parametrize(("freedom", "t"), [(7, 2.3646), (11, 2.2010), (100, 1.9840)])
def test_students_t_is_that_of_the_tables(freedom: int, t: float) -> None:
    assert _student(freedom) == pytest.approx(t, abs=0.001)


def test_levels_are_expanded_for_few_blocks() -> None:
    """For 10 blocks: Φ(−√(10/9) · 2.2622) = Φ(−2.3846) = 0.0086 instead of 0.025."""
    assert _levels(10)[0] == pytest.approx(0.0086, abs=0.0002)
    assert _levels(10_000) == (pytest.approx(0.025, abs=0.0001), pytest.approx(0.975, abs=0.0001))


@pytest.mark.parametrize(
    ("failures", "requests", "low", "high"),
    [
        pytest.param(0, 100, 0.0, 0.0370, id="none of 100"),
        pytest.param(10, 100, 0.0552, 0.1744, id="10 of 100"),
        pytest.param(5, 5, 0.5655, 1.0, id="all of 5"),
    ],
)
def test_wilson(failures: int, requests: int, low: float, high: float) -> None:
    assert wilson(failures, requests) == (pytest.approx(low, abs=0.0001), pytest.approx(high, abs=0.0001))


def blocks_of(per_block: list[list[float]], failures: int = 0) -> list[Block]:
    """Blocks of 5 s with these response times in ms, all ended in their block."""
    made = [Block(5) for _ in per_block]
    for block, values in zip(made, per_block, strict=True):
        for value in values:
            block.totals.times.add(round(value * 1000))
        block.totals.ended, block.totals.failures = len(values), failures
    return made


@pytest.mark.parametrize(
    ("metric", "value"),
    [("avg_ms", 2.0), ("p50_ms", 2.0), ("p999_ms", 2.0), ("rps", 4.0)],
)
def test_blocks_that_are_all_alike_leave_no_doubt(metric: str, value: float) -> None:
    found = interval(blocks_of([[2.0] * 20] * 8), metric, seed=1)
    assert found == (pytest.approx(value), pytest.approx(value))


def test_two_kinds_of_blocks_bound_the_interval() -> None:
    """Four blocks of 10 requests/s at 1 ms, four of 2/s at 9 ms: every mixture lies between, and 48 : 8 inside."""
    blocks = blocks_of([[1.0] * 50] * 4 + [[9.0] * 10] * 4)
    rate, average = interval(blocks, "rps", 1), interval(blocks, "avg_ms", 1)
    assert rate is not None and average is not None
    assert 2.0 <= rate[0] < 6.0 < rate[1] <= 10.0
    assert 1.0 <= average[0] < 14 / 6 < average[1] <= 9.0


def test_no_failure_does_not_show_that_none_can_be() -> None:
    blocks = blocks_of([[2.0] * 25] * 8)
    assert interval(blocks, "failure_rate", 1) == (0.0, pytest.approx(wilson(0, 200)[1]))


def test_failures_that_come_together_widen_the_interval() -> None:
    blocks = blocks_of([[2.0] * 100] * 8)
    blocks[3].totals.failures = 60
    low, high = interval(blocks, "failure_rate", 1) or (0, 0)
    assert low == 0.0
    assert high > 2 * wilson(60, 800)[1]


@pytest.mark.parametrize(
    ("blocks", "metric"),
    [
        pytest.param(blocks_of([[2.0]] * 7), "avg_ms", id="7 blocks are too few"),
        pytest.param(blocks_of([[]] * 8), "avg_ms", id="no request"),
        pytest.param(blocks_of([[2.0]] * 8), "max_ms", id="a maximum has no such interval"),
    ],
)
def test_no_interval(blocks: list[Block], metric: str) -> None:
    assert interval(blocks, metric, 1) is None


def test_empty_blocks_among_others_do_no_harm() -> None:
    found = interval(blocks_of([[2.0] * 9] + [[]] * 7), "p50_ms", 1)
    assert found == (pytest.approx(2.0), pytest.approx(2.0))


def test_the_same_seed_gives_the_same_interval() -> None:
    dice = random.Random(1)
    blocks = blocks_of([[dice.lognormvariate(3, 1) for _ in range(30)] for _ in range(10)])
    assert interval(blocks, "p95_ms", 7) == interval(blocks, "p95_ms", 7) != interval(blocks, "p95_ms", 8)


@dataclass(frozen=True)
class World:
    """A target whose level wanders (AR(1), standard deviation of its logarithm 0.15), under 12 requests/s."""

    steady_s: int
    memory: float
    """Correlation of the level from second to second."""
    level_sd: float = 0.15
    noise_sd: float = 0.45

    def blocks(self, seed: int) -> list[Block]:
        dice = random.Random(seed)
        blocks = empty_blocks(block_numbers(range(self.steady_s)))
        level = load = 0.0
        for second in range(-60, self.steady_s):
            level = self._next(level, dice)
            load = self._next(load, dice)
            if second < 0:
                continue
            tally = blocks[block_of(second, self.steady_s, len(blocks))].totals
            mean = 12 * math.exp(load - self.level_sd**2 / 2)
            count = max(0, round(dice.gauss(mean, math.sqrt(mean))))
            tally.ended += count
            for _ in range(count):
                tally.times.add(int(1000 * math.exp(math.log(50) + level + dice.gauss(0, self.noise_sd))))
        return blocks

    def _next(self, value: float, dice: random.Random) -> float:
        return self.memory * value + dice.gauss(0, self.level_sd * math.sqrt(1 - self.memory**2))

    def truth(self, metric: str) -> float:
        spread = math.hypot(self.level_sd, self.noise_sd)
        truths: dict[str, Callable[[], float]] = {
            "avg_ms": lambda: 50 * math.exp(spread**2 / 2),
            "p95_ms": lambda: 50 * math.exp(1.644854 * spread),
            "rps": lambda: 12.0,
        }
        return truths[metric]()


@pytest.mark.parametrize(
    "world",
    [
        pytest.param(World(25, 0.0), id="25 s, no memory"),
        pytest.param(World(25, 0.4), id="25 s, forgets within a second"),
        pytest.param(World(53, 0.5), id="a minute, forgets within 1.5 s"),
        pytest.param(World(290, 0.8), id="5 minutes, forgets within 4.5 s"),
    ],
)
def test_intervals_hold_the_truth_as_often_as_they_say(world: World) -> None:
    held = dict.fromkeys(("avg_ms", "p95_ms", "rps"), 0)
    for seed in range(RUNS):
        blocks = world.blocks(seed)
        for metric in held:
            low, high = interval(blocks, metric, seed) or (0, 0)
            held[metric] += low <= world.truth(metric) <= high
    print({metric: f"{count / RUNS:.1%}" for metric, count in held.items()})  # noqa: T201  shown with `pytest -s`
    assert all(0.88 <= count / RUNS <= 0.99 for count in held.values()), held


def test_half_an_hour_takes_less_than_two_seconds() -> None:
    dice = random.Random(1)
    blocks = blocks_of([[dice.lognormvariate(3, 1) for _ in range(15_000)] for _ in range(12)])
    began = time.process_time()
    for metric in ("avg_ms", "p95_ms", "failure_rate", "rps"):
        assert interval(blocks, metric, 1) is not None
    assert time.process_time() - began < 2
