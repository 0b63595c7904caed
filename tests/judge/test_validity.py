"""Was the generator fit, and was enough measured: each limit from both sides."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from perfsuite.judge.validity import generator_notes, invalid_because, unfit_because
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.messages.reasons import Reason, Sign
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
from tests.judge.codes import codes
from tests.judge.made_summaries import ROLES, figures, make_plan, make_summary

HEALTHY = GeneratorHealth(
    processes=1, cpu_percent_max=60.0, loop_lag_p99_ms=4.0, lost_reports=0, cpu_percent_mean=40.0,
    cpu_wanted_percent_mean=40.0, cpu_over_90_rate=0.0,
    gc_pause_p99_ms=5.0, gc_pause_max_ms=20.0, gc_share_rate=0.002,
)  # fmt: skip


def unfit(steady_s: float = 60.0, **health: Any) -> list[Message]:
    plan = make_plan()
    return unfit_because(plan, make_summary(plan, steady_s=steady_s, generator=replace(HEALTHY, **health)))


def reasons_of(plan: Plan, totals: Statistics | None = None, **changed: Any) -> list[Message]:
    return invalid_because(plan, make_summary(plan, totals, **changed), ROLES)


def busy(used: str, share: float, *, waited: str = "", process: str = "its process") -> Message:
    return Sign.BUSY(process=process, used=used, waited=waited, share=share)


@pytest.mark.parametrize(
    ("health", "sign"),
    [
        pytest.param({}, None, id="healthy"),
        pytest.param({"cpu_wanted_percent_mean": 85.0}, None, id="85 % on average is the limit"),
        pytest.param(
            {"cpu_percent_mean": 86.0, "cpu_wanted_percent_mean": 86.0, "cpu_over_90_rate": 0.05},
            busy("86 %", 0.05),
            id="busier than that",
        ),
        pytest.param(
            {"cpu_percent_mean": 48.0, "cpu_wanted_percent_mean": 97.0, "cpu_over_90_rate": 1.0},
            busy("48 %", 1.0, waited=", waited for one 49 % of the time,"),
            id="starved by a neighbour on the same core",
        ),
        pytest.param({"cpu_over_90_rate": 0.1}, None, id="a tenth of the seconds above 90 % is the limit"),
        pytest.param(
            {"cpu_percent_mean": 70.0, "cpu_wanted_percent_mean": 74.9, "cpu_over_90_rate": 0.12, "processes": 2},
            busy("70 %", 0.12, process="one of its processes"),
            id="more of them, in one of two processes",
        ),
        pytest.param(
            {"cpu_over_90_rate": 0.15, "steady_s": 13.0}, None, id="2 busy seconds of 13 may be the start of something"
        ),
        pytest.param({"loop_lag_p99_ms": 50.0}, None, id="50 ms late is the limit"),
        pytest.param(
            {"loop_lag_p99_ms": 312.4},
            Sign.LATE(lag="312 ms", limit="50 ms"),
            id="later than that",
        ),
        pytest.param({"send_lag_p99_ms": 50.0}, None, id="so it is for scheduled sends"),
        pytest.param(
            {"send_lag_p99_ms": 80.0}, Sign.SENDS_LATE(lag="80 ms", limit="50 ms"), id="which are later than that"
        ),
        pytest.param(
            {"gc_pause_max_ms": 400.0, "gc_share_rate": 0.01}, None,
            id="a long pause is no share of the time",
        ),
        pytest.param(
            {"gc_pause_max_ms": 400.0, "gc_share_rate": 0.02},
            Sign.COLLECTING(share=0.02, longest="400 ms"),
            id="long pauses that reach the 99th percentile",
        ),
        pytest.param({"gc_pause_max_ms": 30.0, "gc_share_rate": 0.05}, None, id="short pauses, 5 % of the time"),
        pytest.param(
            {"gc_pause_max_ms": 30.0, "gc_share_rate": 0.08},
            Sign.COLLECTING(share=0.08, longest="30 ms"),
            id="short pauses, too many of them",
        ),
        pytest.param(
            dict.fromkeys(("cpu_wanted_percent_mean", "cpu_over_90_rate", "loop_lag_p99_ms", "gc_pause_max_ms")), None,
            id="nothing known is nothing against it",
        ),
    ],
)  # fmt: skip
def test_saturation(health: dict[str, Any], sign: Message | None) -> None:
    assert unfit(**health) == ([Reason.GENERATOR_SATURATED(signs=sign, more="--processes 2")] if sign else [])


def test_requests_that_were_held_back_are_the_fault_of_no_target() -> None:
    assert unfit(held_back_s=0.0) == []
    assert unfit(held_back_s=3.4) == [Reason.HELD_BACK(held_s=3.4)]


def test_all_signs_are_reported_together() -> None:
    (reason,) = unfit(cpu_percent_mean=99.0, cpu_wanted_percent_mean=99.0, cpu_over_90_rate=1.0, loop_lag_p99_ms=90.0)
    assert reason.fields["signs"] == f"{busy('99 %', 1.0)}; {Sign.LATE(lag='90 ms', limit='50 ms')}"


def test_a_limit_below_one_core_is_all_that_a_process_has() -> None:
    (reason,) = unfit(cpu_wanted_percent_mean=44.0, limit_wanted_percent_mean=88.0, limit_cores=0.5)

    assert reason.code is Reason.GENERATOR_THROTTLED
    assert reason.fields["signs"] == Sign.LIMITED(process="its process", wanted="88 %")
    assert unfit(cpu_wanted_percent_mean=42.0, limit_wanted_percent_mean=84.0, limit_cores=0.5) == []


STARVED = {"cpu_percent_mean": 40.0, "cpu_wanted_percent_mean": 99.0, "cpu_over_90_rate": 1.0}


@pytest.mark.parametrize(
    ("health", "limit"),
    [
        pytest.param({"throttled_rate": 0.049, "limit_cores": 2.0}, None, id="a limit that is hardly felt"),
        pytest.param(
            {"throttled_rate": 0.6, "limit_cores": 0.5}, "a CPU limit of 0.5 cores",
            id="a limit is what has to be changed",
        ),
        pytest.param({"throttled_rate": 0.05, "limit_cores": None}, "a CPU limit", id="of unknown size"),
    ],
)  # fmt: skip
def test_what_helps_a_saturated_generator_depends_on_its_limit(health: dict[str, Any], limit: str | None) -> None:
    (reason,) = unfit(**STARVED, **health)
    assert reason.code is (Reason.GENERATOR_THROTTLED if limit else Reason.GENERATOR_SATURATED)
    assert reason.fields.get("limit") == limit


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
    assert list(generator_notes(summary)) == ([note] if note else [])


def test_a_lost_process_is_reported_with_its_users() -> None:
    plan = make_plan()
    lost = LostWorker("2", 1_772_357_460.4, 25, "was killed by signal SIGKILL")
    idle = LostWorker("3", 1_772_357_461.0, 0, "ended by itself with exit code 1", placed=0)
    last = LostWorker("1", 1_772_357_462.0, 50, "was killed by signal SIGKILL", placed=0)
    summary = make_summary(plan, generator=HEALTHY, lost_workers=(lost, idle, last))

    reasons = unfit_because(plan, summary)
    assert {reason.code for reason in reasons} == {Reason.WORKER_LOST}
    assert [(reason.fields["worker"], reason.fields["users"]) for reason in reasons] == [
        ("2", "its 25 users moved to other workers"),
        ("3", "it had no users"),
        ("1", "its 50 users were lost with it"),
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
    summary = make_summary(make_plan(), generator=replace(HEALTHY, **health))
    assert list(generator_notes(summary)) == ([note] if note else [])


READER = Occupancy("reader", users=150.0, actions=3_600, accounted=150.0, in_login=0.0, cycle_s=2.5)


@pytest.mark.parametrize(
    ("changed", "accounted"),
    [
        pytest.param({}, None, id="all accounted for"),
        pytest.param({"accounted": 137.6}, None, id="8.3 % = two cycles of 2.5 s in 60 s are the tolerance"),
        pytest.param(
            {"accounted": 137.0}, 137.0, id="more is missing"
        ),
        pytest.param(
            {"accounted": 137.0, "cycle_s": 1.0}, 137.0,
            id="with short cycles 5 % are",
        ),
        pytest.param(
            {"accounted": 165.0}, 165.0, id="or too much is there"
        ),
        pytest.param({"accounted": 120.0, "in_login": 30.0}, None, id="logging in accounts for the rest"),
        pytest.param({"accounted": 120.0, "cut": 30}, None, id="so do actions that the end cut off"),
        pytest.param(
            {"accounted": 150.0, "in_login": 30.0}, None, id="logins within actions only widen what is expected"
        ),
        pytest.param({"accounted": 70.0, "actions": 29}, None, id="too few actions"),
    ],
)  # fmt: skip
def test_littles_law(changed: dict[str, Any], accounted: float | None) -> None:
    plan = make_plan()
    reasons = reasons_of(plan, occupancy=(replace(READER, **changed),))

    assert codes(reasons) == ([Reason.LITTLES_LAW] if accounted else [])
    for role in reasons[0].fields["roles"] if reasons else ():
        assert (role.code, role.fields["role"], role.fields["accounted"]) == (Sign.UNACCOUNTED, "reader", accounted)


@pytest.mark.parametrize(
    ("requests", "steady_s", "remedies"),
    [
        pytest.param(30, 3.0, None, id="just enough"),
        pytest.param(29, 60.0, "longer or with more users", id="too few requests"),
        pytest.param(400, 2.0, "longer", id="too short"),
    ],
)
def test_too_little(requests: int, steady_s: float, remedies: str | None) -> None:
    reasons = reasons_of(make_plan(), figures(requests), steady_s=steady_s)
    found = [(reason.code, reason.fields["requests"], reason.fields["remedies"]) for reason in reasons]
    assert found == ([(Reason.TOO_LITTLE, requests, remedies)] if remedies else [])


FULL, ONE_LESS, FEW = {"reader": 150, "writer": 90}, {"reader": 150, "writer": 89}, {"reader": 75, "writer": 90}


def seconds_with(*users: dict[str, int]) -> tuple[Second, ...]:
    """The 60 s of the steady state, with a second of ramp-up before it."""
    alive = [{"reader": 0, "writer": 0}, *users]
    return tuple(
        Second(1_772_357_419 + number, "steady" if number else "ramp-up", figures(), by_role)
        for number, by_role in enumerate(alive)
    )


@pytest.mark.parametrize(
    ("users", "expected"),
    [
        pytest.param([FULL] * 60, None, id="all stay"),
        pytest.param([FULL] * 59 + [FEW], None, id="they go down with the last second"),
        pytest.param([FULL] * 29 + [ONE_LESS] + [FULL] * 30, None, id="one is missing for a second"),
        pytest.param(
            [FULL] * 30 + [FEW] * 30, (1_772_357_450, ["113 of 150 as reader"]), id="half a role left"
        ),
        pytest.param(
            [FULL] * 10 + [ONE_LESS] * 50, None, id="one of 90 is missing for 85 % of the time: less than 1 %"
        ),
        pytest.param(
            [FULL] * 10 + [{"reader": 0, "writer": 88}] * 50,
            (1_772_357_430, ["25.4 of 150 as reader", "88.3 of 90 as writer"]), id="of both roles",
        ),
    ],
)  # fmt: skip
def test_users_that_end_before_the_load(users: list[dict[str, int]], expected: tuple[int, list[str]] | None) -> None:
    reasons = reasons_of(make_plan(), seconds=seconds_with(*users))

    assert codes(reasons) == ([Reason.USERS_ENDED] if expected else [])
    assert [(reason.fields["since"], reason.fields["users"]) for reason in reasons] == [expected][: len(reasons)]


def test_users_that_a_lost_process_had_are_reported_with_it() -> None:
    plan = make_plan()
    lost = LostWorker("2", 1_772_357_450.0, 75, "was killed by signal SIGKILL")
    assert reasons_of(plan, seconds=seconds_with(*[FULL] * 30, *[FEW] * 30), lost_workers=(lost,)) == []


@pytest.mark.parametrize(
    ("arrival", "due", "changed", "code"),
    [
        pytest.param(Arrival(30.0), 1800, {}, None, id="all came up"),
        pytest.param(Arrival(30.0), 1781, {}, None, id="1 % less"),
        pytest.param(
            Arrival(30.0), 1780, {},
            Reason.ACTIONS_NOT_DUE,
            id="more than 1 %",
        ),
        pytest.param(Arrival(30.0, poisson=True), 1613, {}, None, id="chance"),
        pytest.param(
            Arrival(30.0, poisson=True), 1612, {},
            Reason.ACTIONS_NOT_DUE,
            id="not chance any more",
        ),
        pytest.param(
            Arrival(30.0), 1745, {"lost_workers": (LostWorker("2", 1_772_357_450.0, 75, "was killed"),)},
            Reason.ACTIONS_NOT_DUE_LOST,
            id="those of a lost process",
        ),
        pytest.param(
            Arrival(30.0), 1200,
            {"coverage": Coverage(20, (), (), (), {}, ("writer / creating",))}, None,
            id="a role of which nothing is left has a third of the weight",
        ),
        pytest.param(
            Arrival(30.0), 0, {"steady_s": 0.0, "steady_start": None, "steady_end": None}, None,
            id="no steady",
        ),
    ],
)  # fmt: skip
def test_actions_that_never_became_due(
    arrival: Arrival, due: int, changed: dict[str, Any], code: Reason | None
) -> None:
    plan = make_plan()
    plan = replace(plan, scenario=replace(plan.scenario, arrival=arrival))
    arrivals = ArrivalFigures(30.0, due / 60, due, due, 0, 0, 1.0, None, 2.0, 1)
    reasons = reasons_of(plan, arrivals=arrivals, **changed)

    assert codes(reasons) == ([code] if code else [])
    assert all((reason.fields["expected"], reason.fields["due"]) == (1_800, due) for reason in reasons)
