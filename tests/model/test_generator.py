"""How near its limit a load generator is: 100 % where it is saturated, and nowhere else."""

from __future__ import annotations

import random
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.judge.validity import unfit_because
from perfsuite.model import GeneratorHealth
from perfsuite.model.generator import Bottleneck, capacity_of
from tests.judge.made_summaries import make_plan, make_summary

IDLE = GeneratorHealth(1, 34.0, 5.0, 0, 34.0, 34.0, 0.0, gc_pause_max_ms=1.0, gc_share_rate=0.001, send_lag_p99_ms=2.0)


@pytest.mark.parametrize(
    ("changed", "used", "bottleneck"),
    [
        pytest.param({}, 40, Bottleneck.CPU, id="34 % of a core are 40 % of 85 %"),
        pytest.param({"cpu_wanted_percent_mean": 85.0}, 99, Bottleneck.CPU, id="at the limit: not beyond it"),
        pytest.param({"cpu_wanted_percent_mean": 85.1}, 100, Bottleneck.CPU, id="beyond it"),
        pytest.param({"cpu_over_90_rate": 0.05}, 50, Bottleneck.CPU, id="half the share of busy seconds"),
        pytest.param({"loop_lag_p99_ms": 45.0}, 90, Bottleneck.EVENT_LOOP, id="a late event loop"),
        pytest.param({"send_lag_p99_ms": 30.0}, 60, Bottleneck.SCHEDULE, id="late sends"),
        pytest.param({"send_lag_p99_ms": 50.1}, 100, Bottleneck.SCHEDULE, id="sends that are too late"),
        pytest.param({"limit_wanted_percent_mean": 68.0}, 80, Bottleneck.CPU_LIMIT, id="34 % of half a core"),
        pytest.param({"gc_share_rate": 0.03}, 60, Bottleneck.GARBAGE_COLLECTION, id="short pauses, many of them"),
        pytest.param(
            {"gc_share_rate": 0.009, "gc_pause_max_ms": 400.0}, 90, Bottleneck.GARBAGE_COLLECTION, id="long pauses"
        ),
    ],
)
def test_the_worst_figure_counts(changed: dict[str, Any], used: int, bottleneck: Bottleneck) -> None:
    capacity = capacity_of(replace(IDLE, **changed), 60.0)

    assert (capacity.used_percent, capacity.bottleneck) == (used, bottleneck)


def test_two_busy_seconds_of_a_short_run_saturate_nothing() -> None:
    health = replace(IDLE, cpu_over_90_rate=0.15)

    assert capacity_of(health, 13.0).used_percent == 65
    assert capacity_of(health, 30.0).used_percent == 100


def test_nothing_known_is_no_figure() -> None:
    capacity = capacity_of(GeneratorHealth(0, None, None, 0), 60.0)

    assert (capacity.used_percent, capacity.bottleneck) == (None, None)


def test_a_hundred_percent_is_what_the_judge_calls_saturated() -> None:
    dice, plan, seen = random.Random(5), make_plan(), {True: 0, False: 0}
    for _ in range(2_000):
        health = GeneratorHealth(
            processes=1,
            cpu_percent_max=None,
            loop_lag_p99_ms=dice.choice([None, 50.0, dice.uniform(0, 60)]),
            lost_reports=0,
            cpu_wanted_percent_mean=dice.choice([None, 85.0, dice.uniform(0, 95)]),
            cpu_over_90_rate=dice.choice([None, 0.1, dice.uniform(0, 0.12)]),
            gc_pause_max_ms=dice.choice([None, 100.0, dice.uniform(0, 150)]),
            gc_share_rate=dice.choice([None, 0.01, 0.05, dice.uniform(0, 0.02)]),
            throttled_rate=dice.choice([None, 0.2]),
            limit_wanted_percent_mean=dice.choice([None, 85.0, dice.uniform(0, 95)]),
            send_lag_p99_ms=dice.choice([None, 50.0, dice.uniform(0, 60)]),
        )
        steady_s = dice.choice([0.0, 10.0, 30.0, 300.0])
        summary = make_summary(plan, steady_s=steady_s, generator=health)
        saturated = bool(unfit_because(plan, summary))
        assert saturated == (capacity_of(health, steady_s).used_percent == 100), health
        seen[saturated] += 1

    assert min(seen.values()) > 200, "both have to be tried"
