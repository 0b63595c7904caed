"""What the visits of a search say: the interval, the target that fails first, and what stayed open."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from perfsuite.capacity.constraints import BEYOND, Constraint, sum_of
from perfsuite.capacity.fit import FEWEST_ROOT, Crossing, Limit, VisitMean, crossing, root_of
from perfsuite.capacity.levels import COUNTING, counted, fails, level_of, never_asked, saturated_requests, saturation_of
from perfsuite.capacity.records import SearchSettings, VisitResult
from perfsuite.capacity.usl import usl_fit
from perfsuite.model.capacity import CapacityAnswer, CapacityKind, Level, NotAnswered, VisitPhase

CLIFF_WITHIN_S = 25
CLIFF_VISITS = 2
NEAR_SATURATION = 0.97
"""Above this share of saturation a queue takes longer to settle than a visit lasts."""
AIM_WIDTH = 0.08
SETTLES_UP_TO = 0.975
SAFE_SHARE = 0.75
_NEAR = 0.15
_LOW_LOAD = 0.5
_FAR_BELOW, _FAR_ABOVE = 0.7, 1.25
_COMES_NEAR = 0.2
"""A share that stayed below this part of its limit at all loads near the estimate is not the first to fail."""


@dataclass(frozen=True, slots=True)
class _Fit:
    """One constraint: where it reaches its limit."""

    constraint: Constraint
    found: Crossing


class SearchEvidence:
    """All visits of a search, and what several questions need from them."""

    def __init__(self, settings: SearchSettings, results: Sequence[VisitResult]) -> None:
        self.settings, self.results = settings, results
        self.counting = [each for each in results if each.visit.phase in COUNTING and not each.generator_limited]
        self.without = never_asked(self.counting, len(settings.constraints))
        self.saturations = [
            saturation_of(results, place) if settings.open_model else None for place in range(len(settings.constraints))
        ]

    def saturation(self) -> float | None:
        """The lowest of all constraints."""
        return min((each for each in self.saturations if each is not None), default=None)

    def saturation_error(self, place: int) -> float:
        """Two standard deviations of a saturation, relative, if requests ended at random."""
        requests = saturated_requests(self.results, place)
        return 2 / math.sqrt(requests) if requests else 0.0

    def at(self, load: float) -> list[VisitResult]:
        """All visits to one load that count."""
        return [each for each in self.counting if each.visit.load == load]

    def passes(self, load: float) -> bool:
        """With confidence."""
        at = self.at(load)
        return bool(at) and level_of(at, self.settings.constraints, self.without).passed

    def levels(self) -> list[Level]:
        """By load. Where the generator was near its limit in a visit, the level is one of the others', if there are."""
        tried: dict[float, list[VisitResult]] = defaultdict(list)
        for each in self.results:
            if each.visit.phase in COUNTING:
                tried[each.visit.load].append(each)
        constraints = self.settings.constraints
        return [level_of(self.at(load) or tried[load], constraints, self.without) for load in sorted(tried)]

    def low_load(self, place: int, centre: float) -> float:
        """The mean where nothing waits: at the loads far below the estimate, or at the lowest there is."""
        loads = sorted({each.visit.load for each in self.counting})
        low = [load for load in loads if load <= _LOW_LOAD * centre] or loads[:1]
        return sum_of([s for load in low for each in self.at(load) for s in counted(each, place)]).mean

    def means(self, place: int, centre: float) -> list[VisitMean]:
        """Of the visits near a load, long enough to count."""
        found = []
        for each in self.counting:
            near = (1 - _NEAR) * centre <= each.visit.load <= (1 + _NEAR) * centre
            if near and each.visit.phase is not VisitPhase.BRACKET:
                sample = sum_of(counted(each, place))
                if sample.requests:
                    found.append(VisitMean(each.visit.load, sample.requests, sample.mean))
        return found

    def limit(self, place: int, centre: float) -> Limit:
        """What the fit needs to know of a constraint."""
        constraint = self.settings.constraints[place]
        return Limit(constraint.limit, constraint.is_share, self.low_load(place, centre), self.saturations[place])

    def ends(self) -> tuple[float | None, float | None]:
        """The highest load that met the limits, and the next one, which did not. Not by confidence: where to look
        next. Where loads contradict each other, the split with the fewest seconds on the wrong end."""
        loads = sorted({each.visit.load for each in self.counting})
        seconds = [
            (sum(each.seconds for each in self.at(load)), fails(self.at(load), self.settings.constraints))
            for load in loads
        ]
        wrong = [
            sum(time for place, (time, over) in enumerate(seconds) if over == (place < split))
            for split in range(len(loads) + 1)
        ]
        split = wrong.index(min(wrong))
        return loads[split - 1] if split else None, loads[split] if split < len(loads) else None

    def cliff_ends(self) -> tuple[float, float] | None:
        """The highest load at which all is far below the limits, and the next one, where all visits were aborted
        soon; None where it does not look so."""
        low, high = self.ends()
        if low is None or high is None or not all(self._aborted_soon(each) for each in self.at(high)):
            return None
        for place, constraint in enumerate(self.settings.constraints):
            base = 0.0 if constraint.is_share else self.low_load(place, low)
            for each in self.at(low):
                mean = sum_of(counted(each, place)).mean
                if mean - base > (constraint.limit - base) / BEYOND:
                    return None
        return low, high

    @staticmethod
    def _aborted_soon(result: VisitResult) -> bool:
        return result.aborted and result.seconds <= CLIFF_WITHIN_S

    def is_cliff(self) -> bool:
        """Two visits on either hand of it."""
        ends = self.cliff_ends()
        return ends is not None and all(len(self.at(load)) >= CLIFF_VISITS for load in ends)

    def centre(self) -> float | None:
        """Between what passed and what failed."""
        low, high = self.ends()
        return math.sqrt(low * high) if low and high else None


def running_estimate(evidence: SearchEvidence) -> float | None:
    """The load at which the first target reaches its limit, without an interval; None before anything failed."""
    centre = evidence.centre()
    if centre is None:
        return None
    found = []
    for place in range(len(evidence.settings.constraints)):
        visits = evidence.means(place, centre)
        highest, limit = max((each.mean for each in visits), default=0.0), evidence.limit(place, centre)
        near = highest >= _COMES_NEAR * limit.value and len(visits) >= FEWEST_ROOT
        root = root_of(visits, limit) if near else None
        if root is not None:
            found.append(root)
    return min(max(min(found), 0.9 * centre), 1.1 * centre) if found else centre


def capacity_of(evidence: SearchEvidence) -> CapacityAnswer:
    """The answer; of a search that was cut short as well."""
    levels = evidence.levels()
    failed = [level.load for level in levels if level.failed]
    first_fail = min(failed, default=None)
    passed = [level.load for level in levels if level.passed and (first_fail is None or level.load < first_fail)]
    base = CapacityAnswer(
        CapacityKind.NONE,
        last_pass=max(passed, default=None),
        first_fail=first_fail,
        saturation=evidence.saturation(),
        usl=usl_fit(evidence.results),
        levels=tuple(levels),
        recovery_s=_recovery_s(evidence),
        holds_from_above=_holds_from_above(evidence),
        not_answered=_not_judged(evidence),
    )
    return _with_rps(_answered(evidence, base))


def _answered(evidence: SearchEvidence, base: CapacityAnswer) -> CapacityAnswer:
    low, high = evidence.ends()
    if low is None:
        failed = any(level.failed for level in base.levels)
        return _without(base, "search", NotAnswered.FIRST_LOAD_FAILS if failed else _why_open(evidence))
    if high is None:
        return replace(_without(base, "search", _why_open(evidence)), kind=CapacityKind.AT_LEAST, low=base.last_pass)
    if evidence.is_cliff():
        return _cliff(evidence, base)
    return _interval(evidence, base, (low, high))


def _with_rps(answer: CapacityAnswer) -> CapacityAnswer:
    """What was completed at the levels, in between by a straight line."""
    if answer.low is None or not answer.levels:
        return answer
    levels = [level for level in answer.levels if not level.generator_limited] or answer.levels
    loads = [level.load for level in levels]
    completed = [level.requests / level.seconds for level in levels]
    rps = np.interp([answer.low, answer.low if answer.high is None else answer.high], loads, completed).tolist()
    return replace(answer, rps=(rps[0], rps[1]))


def _without(base: CapacityAnswer, name: str, why: NotAnswered) -> CapacityAnswer:
    return replace(base, not_answered={**base.not_answered, name: why})


def _why_open(evidence: SearchEvidence) -> NotAnswered:
    if evidence.passes(evidence.settings.most):
        return NotAnswered.MOST_LOAD
    limited = any(each.generator_limited for each in evidence.results if each.visit.phase in COUNTING)
    return NotAnswered.GENERATOR if limited else NotAnswered.DURATION


def _not_judged(evidence: SearchEvidence) -> dict[str, NotAnswered]:
    """Targets of which no visit has a request."""
    return {
        evidence.settings.constraints[place].target.name: NotAnswered.TOO_FEW_SAMPLES
        for place in evidence.without
        if evidence.counting
    }


def _cliff(evidence: SearchEvidence, base: CapacityAnswer) -> CapacityAnswer:
    ends = evidence.cliff_ends()
    if ends is None:
        return base
    low, high = ends
    excess = [
        sum_of([s for each in evidence.at(high) for s in counted(each, place)]).mean / constraint.limit
        for place, constraint in enumerate(evidence.settings.constraints)
    ]
    worst = max(range(len(excess)), key=lambda place: -1.0 if math.isnan(excess[place]) else excess[place])
    return replace(
        base,
        kind=CapacityKind.CLIFF,
        low=low,
        high=high,
        estimate=low,
        width=_width(low, high),
        last_pass=low,
        first_fail=high,
        first_to_fail=evidence.settings.constraints[worst].target,
    )


def _interval(evidence: SearchEvidence, base: CapacityAnswer, ends: tuple[float, float]) -> CapacityAnswer:
    fits = _fits(evidence)
    near = _near_saturation(evidence, running_estimate(evidence) or ends[1])
    first: Constraint | None
    if fits:
        binding = min(fits, key=lambda each: each.found.load)
        first, estimate = binding.constraint, binding.found.load
        rivals = [each.found for each in fits if each.found.load <= binding.found.high]
        found = _possible(evidence, base, (min(each.low for each in rivals), min(each.high for each in rivals)))
    else:
        between = near or _between_levels(evidence, base, ends[1])
        if between is None:
            kind = CapacityKind.NONE if base.last_pass is None else CapacityKind.AT_LEAST
            return replace(_without(base, "search", NotAnswered.DURATION), kind=kind, low=base.last_pass)
        found = between
        first, estimate = _most_exceeding(evidence, ends[1]), math.sqrt(found[0] * found[1])
    if near is not None:
        found = near
        estimate = min(max(estimate, near[0]), near[1])
    width = _width(*found)
    return replace(
        base,
        kind=CapacityKind.INTERVAL,
        low=found[0],
        high=found[1],
        estimate=estimate,
        width=width,
        minutes_for_8_percent=_minutes_for(width, evidence),
        first_to_fail=first.target if first is not None else None,
    )


def _between_levels(evidence: SearchEvidence, base: CapacityAnswer, exceeds: float) -> tuple[float, float] | None:
    """From a load that passed to one that failed, both with confidence; None without either."""
    known = [each for each in (base.first_fail, evidence.saturation()) if each is not None]
    high = max([exceeds, *known]) if known else 0.0
    passed = [level.load for level in base.levels if level.passed and level.load <= NEAR_SATURATION * high]
    return (max(passed), high) if passed else None


def _fits(evidence: SearchEvidence) -> list[_Fit]:
    """The constraints that may be the first to fail. The visits that count are those near the estimate."""
    centre = running_estimate(evidence)
    if centre is None:
        return []
    fits = []
    for place, constraint in enumerate(evidence.settings.constraints):
        visits = evidence.means(place, centre)
        if constraint.is_share and max((each.mean for each in visits), default=0.0) < _COMES_NEAR * constraint.limit:
            continue
        found = crossing(visits, evidence.limit(place, centre))
        loads = [each.load for each in visits]
        if found is not None and _FAR_BELOW * min(loads) < found.load < _FAR_ABOVE * max(loads):
            fits.append(_Fit(constraint, found))
    return fits


def _possible(evidence: SearchEvidence, base: CapacityAnswer, found: tuple[float, float]) -> tuple[float, float]:
    """Not above saturation, and not below what passed far below the estimate."""
    low, high = found
    most = [
        saturation * (1 + evidence.saturation_error(place))
        for place, saturation in enumerate(evidence.saturations)
        if saturation is not None
    ]
    passed = [level.load for level in base.levels if level.passed and level.load <= SAFE_SHARE * (low + high) / 2]
    return max([low, *passed]), max(min([high, *most]), low)


def _near_saturation(evidence: SearchEvidence, estimate: float) -> tuple[float, float] | None:
    """From the highest steady pass to saturation; None where the limit is not near it. A queue there takes longer to
    settle than a visit lasts, so that passes above that share of saturation are luck."""
    place = min(
        (place for place, each in enumerate(evidence.saturations) if each is not None),
        key=lambda place: evidence.saturations[place] or 0.0,
        default=None,
    )
    saturation = evidence.saturation()
    if place is None or saturation is None:
        return None
    error = evidence.saturation_error(place)
    if estimate <= (NEAR_SATURATION - error / 2) * saturation:
        return None
    settles = (SETTLES_UP_TO - error / 2) * saturation
    passed = [level.load for level in evidence.levels() if level.passed and level.load <= settles]
    return (max(passed), saturation * (1 + error)) if passed else None


def _most_exceeding(evidence: SearchEvidence, load: float) -> Constraint | None:
    means = level_of(evidence.at(load), evidence.settings.constraints).means
    ratios = [
        (mean / constraint.limit, place)
        for place, (mean, constraint) in enumerate(zip(means, evidence.settings.constraints, strict=True))
        if mean is not None
    ]
    return evidence.settings.constraints[max(ratios)[1]] if ratios else None


def _width(low: float, high: float) -> float:
    return (high - low) / ((high + low) / 2)


def _minutes_for(width: float, evidence: SearchEvidence) -> float:
    """Widths shrink with the root of the time near the limit; the time to find it stays."""
    near_s = sum(each.seconds for each in evidence.results if each.visit.phase is VisitPhase.REFINE)
    before_s = sum(each.seconds for each in evidence.results) - near_s
    return (before_s + near_s * (width / AIM_WIDTH) ** 2) / 60


def _recovery_s(evidence: SearchEvidence) -> float | None:
    """The longest of those after a load that failed; None where one did not end, but for one that the end of the
    search may have cut."""
    last = len(evidence.results) - 1
    found = [
        each.recovered_s
        for place, each in enumerate(evidence.results)
        if each.visit.phase is VisitPhase.RECOVERY and (each.recovered_s is not None or place < last)
    ]
    known = [each for each in found if each is not None]
    return float(max(known)) if known and len(known) == len(found) else None


def _holds_from_above(evidence: SearchEvidence) -> bool | None:
    """Are the targets met at a load that passed, right after an overload? None where this was not tried."""
    for each in evidence.results:
        if each.visit.phase is VisitPhase.FROM_ABOVE and not each.generator_limited:
            return each.recovered_s is not None
    return None
