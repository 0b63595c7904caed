"""What is said of loads that differ, in simulated runs whose truth is known.

Over 200 healthy runs (2 to 6 loads, 15 to 60 s each, operations that grow with up to the power 0.6 of the load): no
operation and no resource was named. Operations that grow with its square were named in 200 of 200. `python -m
tests.findings.rates` counts both; in `make accuracy` fewer, here fewer still, since they take time.
"""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.findings import Observations, find
from perfsuite.messages.findings import FindingMessage
from perfsuite.model import VisitPhase, VisitRecord
from perfsuite.model.finding import FindingKind
from tests.findings.simulated import FIRST_S, Made
from tests.findings.staged import OF_LEVELS, RAMP_S, SETTLING_S, StagedRun, Steps, any_steps, faster, of_levels
from tests.repetitions import repetitions

HEALTHY_RUNS, FASTER_RUNS = repetitions(9, of=25), repetitions(3, of=8)
STEPS = Steps()


def test_healthy_runs_name_nothing_and_say_so() -> None:
    found = {seed: of_levels(StagedRun(seed, any_steps(seed)).made()) for seed in range(1000, 1000 + HEALTHY_RUNS)}

    others = {
        seed: [each.headline for each in of_one]
        for seed, of_one in found.items()
        if [each.kind for each in of_one] != [FindingKind.WITHIN_RANGE]
    }
    assert others == {}


@pytest.mark.parametrize("operation", ["tickets.list", "dashboard.senior_agent"])
def test_an_operation_that_grows_with_the_square_of_the_load_is_named(operation: str) -> None:
    assert [faster(seed, operation, 2.0) for seed in range(FASTER_RUNS)] == [[operation]] * FASTER_RUNS


def test_it_is_named_with_both_loads_and_the_others_after_it() -> None:
    steeper = {"policies.list": 2.4, "users.me": 1.8}
    first = of_levels(StagedRun(3, STEPS, steeper).made())[0]

    assert (first.kind, first.operation) == (FindingKind.FASTER, "policies.list")
    assert (first.headline.fields["low"], first.headline.fields["high"]) == ("50 users", "200 users")
    assert first.headline.fields["load_times"] == 4
    assert first.headline.fields["times"] == pytest.approx(4**2.4, rel=0.3)
    (also,) = first.headline.details
    assert (also.code, also.fields["operations"]) == (FindingMessage.ALSO_FASTER, ["users.me"])
    assert first.at_s == FIRST_S + 4 * RAMP_S + 3 * STEPS.hold_s + SETTLING_S


def test_a_knee_between_the_last_two_loads_is_found_there() -> None:
    made = StagedRun(3, STEPS).made()
    since = FIRST_S + 4 * RAMP_S + 3 * STEPS.hold_s
    rows = tuple(
        replace(row, statistics=replace(row.statistics, avg_ms=(row.statistics.avg_ms or 0) * 3))
        if row.operation == "leads.list" and int(row.period) >= since
        else row
        for row in made.summary.second_rows
    )
    first = of_levels(Made(replace(made.summary, second_rows=rows), made.readings))[0]

    assert (first.operation, first.headline.fields["low"]) == ("leads.list", "150 users")


@pytest.mark.parametrize(("resource", "name"), [("pool", "application pool"), ("backend CPU", "backend CPU")])
@pytest.mark.parametrize("load", [100, 200])
def test_the_first_resource_is_named_with_its_load(resource: str, name: str, load: int) -> None:
    (first,) = of_levels(StagedRun(5, STEPS, scarce=(resource, load)).made())

    assert (first.kind, first.resource) == (FindingKind.FIRST_RESOURCE, resource)
    assert first.headline.code is FindingMessage.FIRST_RESOURCE
    assert dict(first.headline.fields) == {"resource": name, "load": f"{load} users"}


def test_one_level_alone_that_is_out_of_range_is_not_the_loads_doing() -> None:
    run = StagedRun(5, STEPS)
    short = run.made()
    hold = range(FIRST_S + 2 * RAMP_S + STEPS.hold_s, FIRST_S + 2 * RAMP_S + 2 * STEPS.hold_s)
    readings = [
        replace(each, value=3.0) if each.metric == "pool.waiting" and int(each.at_s) - 1 in hold else each
        for each in short.readings
    ]
    assert [each.kind for each in of_levels(Made(short.summary, readings))] == [FindingKind.WITHIN_RANGE]


def test_a_run_at_one_load_and_one_without_readings_say_nothing_of_resources() -> None:
    assert of_levels(StagedRun(1, Steps((40,))).made()) == []
    assert of_levels(Made(StagedRun(1, STEPS).made().summary, [])) == []


def test_visits_of_a_search_are_loads_too() -> None:
    made = StagedRun(5, STEPS, {"tickets.list": 2.0}, ("pool", 150)).made()
    visits = [
        VisitRecord(number, float(users), VisitPhase.REFINE, start, start + STEPS.hold_s, discard_s=5)
        for number, users in enumerate(STEPS.users)
        for start in [FIRST_S + (number + 1) * RAMP_S + number * STEPS.hold_s]
    ]
    recovery = VisitRecord(4, 10, VisitPhase.RECOVERY, visits[3].first, visits[3].stop)
    summary = replace(made.summary, stages=())
    found = [
        each
        for each in find(summary, Observations(made.readings, visits=[*visits, recovery]))
        if each.kind in OF_LEVELS
    ]

    assert [(each.kind, each.operation, each.resource) for each in found] == [
        (FindingKind.FASTER, "tickets.list", ""),
        (FindingKind.FIRST_RESOURCE, None, "pool"),
    ]
    assert found[1].headline.fields["load"] == "150 users"
    limited = [replace(visit, generator_limited=visit.load >= 150) for visit in visits]
    kinds = [each.kind for each in find(summary, Observations(made.readings, visits=limited))]
    assert FindingKind.WITHIN_RANGE in kinds
    assert FindingKind.FIRST_RESOURCE not in kinds
