"""The visits so far, by load: which loads pass, which fail, and what a target completes when it is saturated."""

from __future__ import annotations

import math
from collections.abc import Collection, Sequence

from perfsuite.capacity.constraints import Constraint, LevelOutcome, SecondSample, sum_of
from perfsuite.capacity.records import VisitResult
from perfsuite.model.capacity import Level, VisitPhase
from perfsuite.timeseries import mann_kendall

DRIFT_BLOCKS = 8
DRIFT_P = 0.01
DRIFT_SHARE = 0.25
"""A visit is not steady if its eighths have a trend (p < 0.01) by which the second half differs from the first by more
than a quarter of the limit."""
GROWS, OVERLOAD_GROWS, GROWN_REQUESTS = 0.03, 0.015, 10
"""A target is saturated if more than this share of what is sent, and some requests, are not completed: 3 % where it is
asked whether it is saturated, 1.5 % where a load was chosen because it should be."""
SHORTEST_HALF_S = 5
RECOVERED_S = 3
_HALVES_AGREE = 0.03

COUNTING = frozenset({VisitPhase.BRACKET, VisitPhase.BISECT, VisitPhase.REFINE})


def counted(result: VisitResult, place: int) -> tuple[SecondSample, ...]:
    """The samples of one constraint after the discarded seconds."""
    return result.samples[place][result.visit.discard_s :]


def is_steady(samples: Sequence[SecondSample], limit: float) -> bool:
    """True too where there are too few requests or seconds for a trend."""
    size = len(samples) // DRIFT_BLOCKS
    if not size:
        return True
    blocks = [sum_of(samples[place * size : (place + 1) * size]) for place in range(DRIFT_BLOCKS)]
    if any(not block.requests for block in blocks) or mann_kendall([block.mean for block in blocks]) >= DRIFT_P:
        return True
    half = DRIFT_BLOCKS // 2
    change = sum_of(blocks[half:]).mean - sum_of(blocks[:half]).mean
    return abs(change) <= DRIFT_SHARE * limit


def outcome_of(results: Sequence[VisitResult], place: int, constraint: Constraint) -> LevelOutcome:
    """What all visits to one load say about one target. A load that is not steady cannot pass; it fails where it gets
    worse while it exceeds the limit."""
    parts = [counted(each, place) for each in results]
    outcome = constraint.outcome(sum_of([sample for part in parts for sample in part]))
    if all(is_steady(part, constraint.limit) for part in parts):
        return outcome
    last = sum_of(parts[-1][len(parts[-1]) // 2 :])
    rises = outcome is LevelOutcome.FAIL and last.mean > constraint.limit
    return LevelOutcome.FAIL if rises else LevelOutcome.UNDECIDED


def is_recovered(constraints: Sequence[Constraint], samples: Sequence[Sequence[SecondSample]]) -> bool:
    """Did no target fail in the last seconds of a visit? `samples`: by constraint, as in a result."""
    return all(
        len(own) >= RECOVERED_S and constraint.outcome(sum_of(own[-RECOVERED_S:])) is not LevelOutcome.FAIL
        for constraint, own in zip(constraints, samples, strict=True)
    )


def never_asked(results: Sequence[VisitResult], count: int) -> frozenset[int]:
    """Places of the constraints, of so many, without a single request in all these visits."""
    return frozenset(
        place for place in range(count) if not any(sum_of(counted(each, place)).requests for each in results)
    )


def level_of(results: Sequence[VisitResult], constraints: Sequence[Constraint], without: Collection[int] = ()) -> Level:
    """All visits to one load. Where the generator was near its limit, nothing fails, and nothing passes.
    `without`: places of constraints that have no part, since they have no requests at any load."""
    limited = any(each.generator_limited for each in results)
    aborted = any(each.aborted for each in results)
    saturated = any(is_saturated(counted(each, place)) for each in results for place in range(len(constraints)))
    outcomes = [outcome_of(results, place, constraint) for place, constraint in enumerate(constraints)]
    sums = [sum_of([s for each in results for s in counted(each, place)]) for place in range(len(constraints))]
    passes = [outcome is LevelOutcome.PASS for place, outcome in enumerate(outcomes) if place not in without]
    return Level(
        load=results[0].visit.load,
        seconds=sum(each.seconds for each in results),
        requests=sum(sum(each.completed) for each in results),
        passed=bool(passes) and all(passes) and not aborted and not saturated and not limited,
        failed=(aborted or saturated or LevelOutcome.FAIL in outcomes) and not limited,
        saturated=saturated,
        aborted=aborted,
        generator_limited=limited,
        means=tuple(sample.mean if sample.requests else None for sample in sums),
    )


def exceeds(results: Sequence[VisitResult], constraints: Sequence[Constraint]) -> list[int]:
    """Places of the constraints whose mean is over the limit in all visits together, significant or not."""
    return [
        place
        for place, constraint in enumerate(constraints)
        if sum_of([s for each in results for s in counted(each, place)]).mean > constraint.limit
    ]


def fails(results: Sequence[VisitResult], constraints: Sequence[Constraint]) -> bool:
    """Is a load too much, as far as its visits say? Where the queue grows, it is, before the limit is reached."""
    if any(each.aborted for each in results) or exceeds(results, constraints):
        return True
    return any(is_saturated(counted(each, place)) for each in results for place in range(len(constraints)))


def is_saturated(samples: Sequence[SecondSample], share: float = GROWS) -> bool:
    """Is clearly less completed than is sent, in the first half as in the second?"""
    half = len(samples) // 2
    parts = sum_of(samples[:half]), sum_of(samples[half:])
    grown = [part.begun - part.ended for part in parts]
    return min(grown) > 0 and sum(grown) > share * sum(part.begun for part in parts) + GROWN_REQUESTS


def saturation_of(results: Sequence[VisitResult], place: int) -> float | None:
    """The load of which the target completes the requests of one constraint at most, by visits in which it was
    saturated and steady; None without such visits."""
    every = [each for each in results if not each.generator_limited]
    offered = sum(each.visit.load * each.seconds for each in every)
    begun = sum(sample.begun for each in every for sample in each.samples[place])
    visits = [counted(each, place) for each in _saturated(every, place)]
    completed = sum(sum_of(samples).ended for samples in visits)
    return completed / sum(map(len, visits)) * offered / begun if completed and begun else None


def saturated_requests(results: Sequence[VisitResult], place: int) -> int:
    """The requests that `saturation_of` is made from."""
    return sum(sum_of(counted(each, place)).ended for each in _saturated(results, place))


def _saturated(results: Sequence[VisitResult], place: int) -> list[VisitResult]:
    found = []
    for each in results:
        samples = counted(each, place)
        half = len(samples) // 2
        if (
            half < SHORTEST_HALF_S
            or each.visit.phase is not VisitPhase.OVERLOAD
            or not is_saturated(samples, OVERLOAD_GROWS)
        ):
            continue
        rates = sum_of(samples[:half]).ended / half, sum_of(samples[half:]).ended / (len(samples) - half)
        agree = max(_HALVES_AGREE, 6 / math.sqrt(max(sum_of(samples).ended, 1)))
        if abs(rates[0] - rates[1]) <= agree * max(rates) and not each.generator_limited:
            found.append(each)
    return found
