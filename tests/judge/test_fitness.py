"""Was the generator fit, and was enough measured: each limit from both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.judge.fitness import long_pause, throttled, unfit_because
from perfsuite.judge.notes import notes_of
from perfsuite.judge.validity import invalid_because
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.model import (
    Arrival,
    ArrivalFigures,
    Coverage,
    GeneratorHealth,
    LostWorker,
    Occupancy,
    Plan,
    Second,
    Statistics,
)
from tests.judge.made_summaries import ROLES, figures, make_plan, make_summary

HEALTHY = GeneratorHealth(
    processes=1, cpu_percent_max=60.0, loop_lag_p99_ms=4.0, lost_reports=0, cpu_percent_mean=40.0,
    cpu_wanted_percent_mean=40.0, cpu_over_90_rate=0.0,
    gc_pause_p99_ms=5.0, gc_pause_max_ms=20.0, gc_share_rate=0.002,
)  # fmt: skip
MEND = "use more load processes (--processes 2), fewer users, or a machine with nothing else on"


def unfit(steady_s: float = 60.0, **health: Any) -> list[str]:
    plan = make_plan()
    return unfit_because(plan, make_summary(plan, steady_s=steady_s, generator=replace(HEALTHY, **health)))


def reasons_of(plan: Plan, totals: Statistics | None = None, **changed: Any) -> list[str]:
    return invalid_because(plan, make_summary(plan, totals, **changed), ROLES)


@pytest.mark.parametrize(
    ("health", "sign"),
    [
        pytest.param({}, "", id="healthy"),
        pytest.param({"cpu_wanted_percent_mean": 85.0}, "", id="85 % on average is the limit"),
        pytest.param(
            {"cpu_percent_mean": 86.0, "cpu_wanted_percent_mean": 86.0, "cpu_over_90_rate": 0.05},
            "its process used 86 % of a core on average and wanted over 90 % in 5 % of seconds",
            id="busier than that",
        ),
        pytest.param(
            {"cpu_percent_mean": 48.0, "cpu_wanted_percent_mean": 97.0, "cpu_over_90_rate": 1.0},
            "its process used 48 % of a core on average, waited for one 49 % of the time, and wanted over 90 % in"
            " 100 % of seconds",
            id="starved by a neighbour on the same core",
        ),
        pytest.param({"cpu_over_90_rate": 0.1}, "", id="a tenth of the seconds above 90 % is the limit"),
        pytest.param(
            {"cpu_percent_mean": 70.0, "cpu_wanted_percent_mean": 74.9, "cpu_over_90_rate": 0.12, "processes": 2},
            "a process of it used 70 % of a core on average and wanted over 90 % in 12 % of seconds",
            id="more of them, in one of two processes",
        ),
        pytest.param(
            {"cpu_over_90_rate": 0.15, "steady_s": 13.0}, "", id="2 busy seconds of 13 may be the start of something"
        ),
        pytest.param({"loop_lag_p99_ms": 50.0}, "", id="50 ms late is the limit"),
        pytest.param(
            {"loop_lag_p99_ms": 312.4},
            "its event loop came 312 ms late at the 99th percentile, limit 50 ms",
            id="later than that",
        ),
        pytest.param({"gc_pause_max_ms": 400.0, "gc_share_rate": 0.01}, "", id="a long pause is no share of the time"),
        pytest.param(
            {"gc_pause_max_ms": 400.0, "gc_share_rate": 0.02},
            "it stood still for garbage collection 2 % of the time, up to 400 ms",
            id="long pauses that reach the 99th percentile",
        ),
        pytest.param({"gc_pause_max_ms": 30.0, "gc_share_rate": 0.05}, "", id="short pauses, 5 % of the time"),
        pytest.param(
            {"gc_pause_max_ms": 30.0, "gc_share_rate": 0.08},
            "it stood still for garbage collection 8 % of the time, up to 30 ms",
            id="short pauses, too many of them",
        ),
        pytest.param(
            dict.fromkeys(("cpu_wanted_percent_mean", "cpu_over_90_rate", "loop_lag_p99_ms", "gc_pause_max_ms")), "",
            id="nothing known is nothing against it",
        ),
    ],
)  # fmt: skip
def test_saturation(health: dict[str, Any], sign: str) -> None:
    assert unfit(**health) == ([f"the load generator was saturated: {sign}; {MEND}"] if sign else [])


def test_all_signs_are_told_together() -> None:
    (reason,) = unfit(cpu_percent_mean=99.0, cpu_wanted_percent_mean=99.0, cpu_over_90_rate=1.0, loop_lag_p99_ms=90.0)
    assert reason == (
        "the load generator was saturated: its process used 99 % of a core on average and wanted over 90 % in 100 %"
        f" of seconds; its event loop came 90 ms late at the 99th percentile, limit 50 ms; {MEND}"
    )


STARVED = {"cpu_percent_mean": 40.0, "cpu_wanted_percent_mean": 99.0, "cpu_over_90_rate": 1.0}


@pytest.mark.parametrize(
    ("health", "mend"),
    [
        pytest.param({"throttled_rate": 0.049, "limit_cores": 2.0}, MEND, id="a limit that is hardly felt"),
        pytest.param(
            {"throttled_rate": 0.6, "limit_cores": 0.5},
            "a CPU limit of 0.5 cores stopped it in 60 % of its periods: raise that limit (docker --cpus, limits.cpu of"
            " a pod, CPUQuota of a unit), or use fewer users; more load processes would share it",
            id="a limit is what has to be changed",
        ),
        pytest.param(
            {"throttled_rate": 0.05, "limit_cores": None},
            "a CPU limit stopped it in 5 % of its periods: raise that limit (docker --cpus, limits.cpu of a pod,"
            " CPUQuota of a unit), or use fewer users; more load processes would share it",
            id="of a size that is not told",
        ),
    ],
)
def test_what_helps_a_saturated_generator_depends_on_its_limit(health: dict[str, Any], mend: str) -> None:
    (reason,) = unfit(**STARVED, **health)
    assert reason.endswith(f" in 100 % of seconds; {mend}")


@pytest.mark.parametrize(
    ("health", "note"),
    [
        pytest.param({"throttled_rate": None}, None, id="no limit"),
        pytest.param({"throttled_rate": 0.009, "limit_cores": 1.0}, None, id="hardly ever"),
        pytest.param(
            {"throttled_rate": 0.12, "limit_cores": 1.0},
            Note.THROTTLED(limit="a CPU limit of 1 core", share=0.12),
            id="below saturation it is a note",
        ),
        pytest.param({"throttled_rate": 0.12, **STARVED}, None, id="reported as saturation already"),
    ],
)
def test_a_limit_that_stopped_a_fit_generator_is_a_note(health: dict[str, Any], note: Message | None) -> None:
    plan = make_plan()
    summary = make_summary(plan, steady_s=60.0, generator=replace(HEALTHY, **health))
    assert throttled(summary) == note
    assert [each for each in notes_of(plan, summary, ROLES) if each.code is Note.THROTTLED] == ([note] if note else [])


def test_a_lost_process_is_told_with_its_users() -> None:
    plan = make_plan()
    lost = LostWorker("2", 1_772_357_460.4, 25, "was killed by signal SIGKILL")
    idle = LostWorker("3", 1_772_357_461.0, 0, "ended by itself with exit code 1", placed=0)
    last = LostWorker("1", 1_772_357_462.0, 50, "was killed by signal SIGKILL", placed=0)
    summary = make_summary(plan, generator=HEALTHY, lost_workers=(lost, idle, last))

    assert unfit_because(plan, summary) == [
        "load process 2 was lost at 09:31:00 UTC (was killed by signal SIGKILL): its 25 users were placed on the"
        " others; look into its log for why, and run again",
        "load process 3 was lost at 09:31:01 UTC (ended by itself with exit code 1): it had no users;"
        " look into its log for why, and run again",
        "load process 1 was lost at 09:31:02 UTC (was killed by signal SIGKILL): its 50 users were gone with it;"
        " look into its log for why, and run again",
    ]


@pytest.mark.parametrize(
    ("health", "note"),
    [
        pytest.param({"gc_pause_max_ms": 100.0}, None, id="100 ms is the limit"),
        pytest.param({"gc_pause_max_ms": 180.0}, Note.LONG_GC_PAUSE(longest="180 ms"), id="a single long one"),
        pytest.param({"gc_pause_max_ms": 180.0, "gc_share_rate": 0.2}, None, id="reported as saturation already"),
        pytest.param({"gc_pause_max_ms": None}, None, id="not known"),
    ],
)
def test_a_single_long_pause_is_a_note(health: dict[str, Any], note: Message | None) -> None:
    assert long_pause(replace(HEALTHY, **health)) == note


READER = Occupancy("reader", users=150.0, actions=3_600, accounted=150.0, in_login=0.0, cycle_s=2.5)
LITTLE = (
    ": users spent time on what was not recorded, or actions are missing; the load generator may be too slow,"
    " run again with fewer users or more --processes"
)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({}, "", id="all accounted for"),
        pytest.param({"accounted": 137.6}, "", id="8.3 % = two cycles of 2.5 s in 60 s are the tolerance"),
        pytest.param(
            {"accounted": 137.0}, "reader (150 users, 137 accounted for, 8.67 % apart)", id="more is missing"
        ),
        pytest.param(
            {"accounted": 137.0, "cycle_s": 1.0}, "reader (150 users, 137 accounted for, 8.67 % apart)",
            id="with short cycles 5 % are",
        ),
        pytest.param(
            {"accounted": 165.0}, "reader (150 users, 165 accounted for, 10 % apart)", id="or too much is there"
        ),
        pytest.param({"accounted": 120.0, "in_login": 30.0}, "", id="logging in accounts for the rest"),
        pytest.param({"accounted": 120.0, "cut": 30}, "", id="so do actions that the end cut off"),
        pytest.param(
            {"accounted": 150.0, "in_login": 30.0}, "", id="logins within actions are not held against them"
        ),
        pytest.param({"accounted": 70.0, "actions": 29}, "", id="too few actions to tell"),
    ],
)  # fmt: skip
def test_littles_law(changed: dict[str, Any], told: str) -> None:
    plan = make_plan()
    reasons = reasons_of(plan, occupancy=(replace(READER, **changed),))
    assert reasons == ([f"Little's law does not hold for {told}{LITTLE}"] if told else [])


@pytest.mark.parametrize(
    ("requests", "steady_s", "told"),
    [
        pytest.param(30, 3.0, "", id="just enough"),
        pytest.param(29, 60.0, "29 requests in 60 s of steady state", id="too few requests"),
        pytest.param(400, 2.0, "400 requests in 2 s of steady state", id="too short"),
    ],
)
def test_too_little(requests: int, steady_s: float, told: str) -> None:
    plan = make_plan()
    reasons = reasons_of(plan, figures(requests), steady_s=steady_s)
    least = f"30 in 3 s are the least; run longer{' or with more users' if steady_s >= 3 else ''}"
    assert reasons == ([f"too little was measured: {told}, {least}"] if told else [])


FULL, ONE_LESS, FEW = {"reader": 150, "writer": 90}, {"reader": 150, "writer": 89}, {"reader": 75, "writer": 90}
LEFT = (
    "users ended before the load did: from 09:{since} UTC on some were missing, over the steady state there were {told}"
    " on average; look into the log of the load process for why, and run again"
)


def seconds_with(*users: dict[str, int]) -> tuple[Second, ...]:
    """The 60 s of the steady state, with a second of ramp-up before it."""
    alive = [{"reader": 0, "writer": 0}, *users]
    return tuple(
        Second(1_772_357_419 + number, "steady" if number else "ramp-up", figures(), by_role)
        for number, by_role in enumerate(alive)
    )


@pytest.mark.parametrize(
    ("users", "told"),
    [
        pytest.param([FULL] * 60, "", id="all stay"),
        pytest.param([FULL] * 59 + [FEW], "", id="they go down with the last second"),
        pytest.param([FULL] * 29 + [ONE_LESS] + [FULL] * 30, "", id="one is missing for a second"),
        pytest.param(
            [FULL] * 30 + [FEW] * 30, LEFT.format(since="30:50", told="113 of 150 as reader"), id="half a role left"
        ),
        pytest.param(
            [FULL] * 10 + [ONE_LESS] * 50, "", id="one of 90 is missing for 85 % of the time: less than 1 %"
        ),
        pytest.param(
            [FULL] * 10 + [{"reader": 0, "writer": 88}] * 50,
            LEFT.format(since="30:30", told="25.4 of 150 as reader, 88.3 of 90 as writer"), id="of both roles",
        ),
    ],
)  # fmt: skip
def test_users_that_end_before_the_load(users: list[dict[str, int]], told: str) -> None:
    plan = make_plan()
    assert reasons_of(plan, seconds=seconds_with(*users)) == ([told] if told else [])


def test_users_that_a_lost_process_had_are_told_with_it() -> None:
    plan = make_plan()
    lost = LostWorker("2", 1_772_357_450.0, 75, "was killed by signal SIGKILL")
    assert reasons_of(plan, seconds=seconds_with(*[FULL] * 30, *[FEW] * 30), lost_workers=(lost,)) == []


TOO_SLOW = ": the load generator was too slow to keep to it; use more load processes (--processes 2), or a lower rate"


@pytest.mark.parametrize(
    ("arrival", "due", "changed", "told"),
    [
        pytest.param(Arrival(30.0), 1800, {}, "", id="all came up"),
        pytest.param(Arrival(30.0), 1781, {}, "", id="1 % less"),
        pytest.param(
            Arrival(30.0), 1780, {},
            f"the schedule had about 1,800 actions due in the steady state, and only 1,780 came up{TOO_SLOW}",
            id="more than 1 %",
        ),
        pytest.param(Arrival(30.0, poisson=True), 1613, {}, "", id="chance"),
        pytest.param(
            Arrival(30.0, poisson=True), 1612, {},
            f"the schedule had about 1,800 actions due in the steady state, and only 1,612 came up{TOO_SLOW}",
            id="not chance any more",
        ),
        pytest.param(
            Arrival(30.0), 1745, {"lost_workers": (LostWorker("2", 1_772_357_450.0, 75, "was killed"),)},
            "the schedule had about 1,800 actions due in the steady state, and only 1,745 came up: the others were"
            " those of load process 2, which was lost",
            id="those of a lost process",
        ),
        pytest.param(
            Arrival(30.0), 1200,
            {"coverage": Coverage(20, (), (), (), {}, ("writer / creating",))}, "",
            id="a role of which nothing is left has a third of the weight",
        ),
        pytest.param(Arrival(30.0), 0, {"steady_s": 0.0, "steady_start": None, "steady_end": None}, "", id="no steady"),
    ],
)  # fmt: skip
def test_actions_that_never_became_due(arrival: Arrival, due: int, changed: dict[str, Any], told: str) -> None:
    plan = make_plan()
    plan = replace(plan, scenario=replace(plan.scenario, arrival=arrival))
    arrivals = ArrivalFigures(30.0, due / 60, due, due, 0, 0, 1.0, None, 2.0, 1)
    assert reasons_of(plan, arrivals=arrivals, **changed) == ([told] if told else [])
