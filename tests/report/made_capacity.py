"""Answers of searches on simulated targets, as a run leaves them. A search takes a tenth of a second."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from functools import cache

from perfsuite.capacity.records import SearchSettings, Visit, VisitResult
from perfsuite.capacity.search import Search
from perfsuite.model import (
    CapacityPlan,
    CapacityReport,
    Outcome,
    RunReport,
    SearchBy,
    SearchedTarget,
    Target,
    Verdict,
    VisitRecord,
)
from tests.capacity.systems import Bench, System, UserBench, exponential, limited
from tests.capacity.table import systems
from tests.report import example_runs
from tests.report.made_load import START, Load, summary_of

SYSTEMS = {each.name: each for each in systems()}
USERS = System(
    "16 servers, users who think 1.5 s",
    SYSTEMS["M/M/20"].make,
    (limited("avg_ms", 500), limited("p95_ms", 1200)),
    320,
    math.inf,
)


NAMES = {"avg_ms": "average response time", "p95_ms": "95th percentile"}


def visits_of(results: Sequence[VisitResult]) -> tuple[VisitRecord, ...]:
    """One after the other, from the start of the made-up runs on."""
    found, now = [], START
    for number, each in enumerate(results, 1):
        visit = each.visit
        found.append(
            VisitRecord(
                number, visit.load, visit.phase, now, now + each.seconds, visit.discard_s, each.aborted,
                each.generator_limited, each.recovered_s,
            )
        )  # fmt: skip
        now += each.seconds
    return tuple(found)


def searched(bench: Bench, settings: SearchSettings) -> CapacityReport:
    """What a search of this bench leaves."""
    search = Search(settings)
    while isinstance(visit := search.next(), Visit):
        search.add(bench.offer(visit))
    answer, visits = search.answer(), visits_of(search.results)
    first = answer.first_to_fail
    targets = tuple(SearchedTarget(_named(each.target), each.limit, each.is_share) for each in settings.constraints)
    return CapacityReport(replace(answer, first_to_fail=_named(first) if first else None), visits, targets)


def _named(target: Target) -> Target:
    return replace(target, name=NAMES[target.metric], limit=round(target.limit))


@cache
def by_users() -> CapacityReport:
    """An interval of users, with two targets."""
    bench = UserBench(USERS, 3, 1.5, 16, exponential(0.1))
    return searched(bench, SearchSettings(USERS.constraints, open_model=False))


@cache
def by_rate(name: str = "M/M/20", seed: int = 5, duration_s: int = 900) -> CapacityReport:
    """Of one of the systems of the accuracy table."""
    system = SYSTEMS[name]
    return searched(Bench(system, seed), SearchSettings(system.constraints, duration_s=duration_s))


@cache
def cliff() -> CapacityReport:
    """Two loads beside each other."""
    return by_rate("cliff")


@cache
def limited_by_generator() -> CapacityReport:
    """At least."""
    system = SYSTEMS["M/M/20"]
    return searched(Bench(system, 1, generator_limit=100), SearchSettings(system.constraints, duration_s=180))


@cache
def first_load_fails() -> CapacityReport:
    """No capacity."""
    constraints = (limited("p95_ms", 50),)
    system = System("strict", SYSTEMS["M/M/20"].make, constraints, 0, 200)
    return searched(Bench(system, 1), SearchSettings(constraints))


def run_of(found: CapacityReport, by: SearchBy = SearchBy.ARRIVAL_RATE, at_least: float | None = None) -> RunReport:
    """A made-up run with this answer."""
    made = _run(found.visits[-1].stop - START)
    plan = replace(made.plan, capacity=CapacityPlan(by, 8.0, 600.0, 900.0, at_least))
    return replace(made, plan=plan, capacity=found)


@cache
def _run(seconds: int) -> RunReport:
    load = Load(scenario="basic", users=320, ramp_s=5, duration_s=seconds, runs_s=seconds, rps=5)
    return RunReport(
        example_runs.plan_of(load), summary_of(load), Verdict(Outcome.PASS, ("a capacity was found",), 0, ())
    )
