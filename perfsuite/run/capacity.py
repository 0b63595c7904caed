"""A search for the capacity: its targets, the visits of a finished one from the files of its folder, and its answer."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from perfsuite.capacity.answer import SearchEvidence, capacity_of
from perfsuite.capacity.constraints import BEYOND_WINDOW_S, Constraint, constraints_of
from perfsuite.capacity.records import SearchSettings, Visit, VisitResult
from perfsuite.capacity.samples import SearchSamples
from perfsuite.judge import targets_of
from perfsuite.judge.limits import UNEXPECTED_SHARE
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record
from perfsuite.model import (
    CapacityReport,
    NotAnswered,
    Plan,
    Scenario,
    SearchBy,
    SearchedTarget,
    Target,
    VisitRecord,
)
from perfsuite.model.capacity import stage_of
from perfsuite.model.stages import Stage

CAPACITY_FILE = "capacity.json"
FAILED_REQUESTS = Target("failed requests", "failure_rate", UNEXPECTED_SHARE, below=True)
"""Takes part where no target is on the failure rate of all requests: as a run fails without one by more than 1 %."""


@dataclass(frozen=True, slots=True)
class SearchRecord:
    """The file of a search: the visits that it made."""

    visits: tuple[VisitRecord, ...] = ()
    schema: int = 1


def searched_targets(plan: Plan) -> tuple[tuple[Constraint, ...], tuple[Target, ...]]:
    """The targets that take part in a search, and those of the scenario that do not."""
    own = targets_of(plan)
    gates = [each for each in own if plan.scenario.name not in each.information_in]
    if not any(each.metric == FAILED_REQUESTS.metric and not (each.role or each.operation) for each in gates):
        gates.append(FAILED_REQUESTS)
    constraints, others = constraints_of(gates)
    return constraints, (*others, *(each for each in own if each not in gates))


def settings_of(plan: Plan, constraints: Sequence[Constraint]) -> SearchSettings:
    """The search that a plan asks for."""
    asked = plan.capacity
    if asked is None:
        raise AssertionError("a plan without a search")
    return SearchSettings(
        tuple(constraints), round(asked.duration_s), asked.start, asked.most, asked.by is SearchBy.ARRIVAL_RATE
    )


def with_visits(plan: Plan, visits: Sequence[VisitRecord]) -> Plan:
    """The plan, with the visits that were made as the stages of its scenario."""
    if plan.capacity is None or not visits:
        return plan
    by_rate = plan.capacity.by is SearchBy.ARRIVAL_RATE
    begins = [*(visit.first for visit in visits[1:]), visits[-1].stop]
    stages = tuple(
        Stage(
            stage_of(visit.number),
            float(max(end - visit.first, 1)),
            None if by_rate else round(visit.load),
            visit.load if by_rate else None,
            held=True,
        )
        for visit, end in zip(visits, begins, strict=True)
    )
    scenario: Scenario = replace(plan.scenario, stages=stages)
    return replace(plan, scenario=scenario)


def records_of(aggregate: Aggregate) -> Iterable[Record]:
    """What a search needs to know of a run."""
    for second in aggregate.seconds.values():
        yield from second.requests
        yield from second.not_started


def visit_of(record: VisitRecord) -> Visit:
    """What was asked for, as far as it matters afterwards."""
    return Visit(record.load, record.stop - record.first, record.phase, record.discard_s)


def results_of(visits: Iterable[VisitRecord], samples: SearchSamples) -> list[VisitResult]:
    """What came of visits, by all that is known by now."""
    return [_result_of(each, samples) for each in visits]


def _result_of(visit: VisitRecord, samples: SearchSamples) -> VisitResult:
    limits = {"aborted": visit.aborted, "generator_limited": visit.generator_limited}
    result = samples.result(visit_of(visit), visit.first, visit.stop, **limits)
    if result.recovered_s is None:
        return result
    return replace(result, recovered_s=visit.change_s + result.recovered_s)


def _was_beyond(result: VisitResult, constraints: Sequence[Constraint]) -> bool:
    return any(
        constraint.is_beyond(own[end - BEYOND_WINDOW_S : end])
        for constraint, own in zip(constraints, result.samples, strict=True)
        for end in range(BEYOND_WINDOW_S, len(own) + 1)
    )


def capacity_report(
    plan: Plan, visits: Sequence[VisitRecord], aggregate: Aggregate, *, other_targets: bool = False
) -> CapacityReport | None:
    """What the visits of a run say; None for a run that is no search. `other_targets`: than the search had, so that a
    load that was given up may meet them."""
    if plan.capacity is None:
        return None
    constraints, others = searched_targets(plan)
    samples = SearchSamples(constraints)
    samples.add(records_of(aggregate))
    results = results_of(visits, samples)
    if other_targets:
        results = [replace(each, aborted=each.aborted and _was_beyond(each, constraints)) for each in results]
    answer = capacity_of(SearchEvidence(settings_of(plan, constraints), results))
    without = {target.name: NotAnswered.METRIC for target in others}
    return CapacityReport(
        replace(answer, not_answered={**answer.not_answered, **without}),
        tuple(replace(visit, recovered_s=result.recovered_s) for visit, result in zip(visits, results, strict=True)),
        tuple(SearchedTarget(each.target, each.limit, each.is_share) for each in constraints),
    )
