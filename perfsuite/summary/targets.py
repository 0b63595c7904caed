"""What the targets need beyond the rows: intervals, how many succeeded within a time, and trends."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

from perfsuite.measurements.histogram import Histogram
from perfsuite.measurements.records import NotStarted, Requests
from perfsuite.measurements.totals import Due, histogram_of_all, totals_of
from perfsuite.model import Drift, Plan, Statistics, Target, TargetFigures, Within
from perfsuite.model.plan import CONCURRENT_USERS, RECOVERY
from perfsuite.model.slo_presets import apdex, apdex_threshold, times_needed
from perfsuite.summary.bootstrap import Block, block_count, block_numbers, empty_blocks, interval
from perfsuite.summary.figures import statistics, statistics_ok
from perfsuite.summary.periods import RunTimeline
from perfsuite.summary.stages import seconds_of
from perfsuite.timeseries import FEWEST, mann_kendall, theil_sen

Scope = tuple[str | None, str | None]
"""Role and operation that a target is limited to."""

EVERYTHING: Scope = (None, None)

DRIFT_P = 0.01
DRIFT_SHARE = 0.05
DRIFT_LEAST_MS = 2.0
"""A trend is reported if it is significant (p below DRIFT_P) and larger than 5 % and 2 ms over the steady state, the
smallest change that the suite reports anywhere."""
_DRIFT_BLOCK_S = 5
"""Shorter blocks are correlated, and chance makes trends."""
_FIGURES = ("p50_ms", "p95_ms", "rps")


@dataclass(frozen=True, slots=True)
class ScopeTotals:
    """The requests of one scope in the steady state, in blocks of seconds, and the times of those that succeeded.

    No blocks where the steady state is too short. `failed`: the times of all others, what never began included.
    """

    blocks: Sequence[Block]
    ok: Histogram
    failed: Histogram

    @property
    def requests(self) -> int:
        """All of them."""
        return self.ok.count + self.failed.count


def evidence_of(plan: Plan, due: Mapping[int, Sequence[Due]], when: RunTimeline) -> dict[Scope, ScopeTotals]:
    """For everything and for each scope that a target has."""
    scopes = {EVERYTHING, *((target.role, target.operation) for target in plan.targets if not target.stages)}
    return _evidence_over(when.steady_seconds(), scopes, due, when)


def stage_evidence(
    plan: Plan, due: Mapping[int, Sequence[Due]], when: RunTimeline
) -> dict[tuple[str, ...], dict[Scope, ScopeTotals]]:
    """The same for the stages that targets name."""
    scopes: dict[tuple[str, ...], set[Scope]] = {}
    for target in plan.targets:
        if target.stages:
            scopes.setdefault(target.stages, {EVERYTHING}).add((target.role, target.operation))
    return {names: _evidence_over(seconds_of(names, when), of_names, due, when) for names, of_names in scopes.items()}


def _evidence_over(
    seconds: Sequence[int], scopes: set[Scope], due: Mapping[int, Sequence[Due]], when: RunTimeline
) -> dict[Scope, ScopeTotals]:
    numbers = block_numbers(seconds, when.minutes)
    parts = max(block_count(len(seconds)), 1)
    found: dict[Scope, list[list[Due]]] = {scope: [[] for _ in range(parts)] for scope in scopes}
    for second, part in zip(seconds, numbers, strict=True):
        records = due.get(second, ())
        found[EVERYTHING][part] += records
        for record in records if len(scopes) > 1 else ():
            for scope in _narrow_scopes_of(record):
                if scope in found:
                    found[scope][part].append(record)
    return {scope: _evidence(of_part, empty_blocks(numbers)) for scope, of_part in found.items()}


def _evidence(parts: Sequence[Sequence[Due]], blocks: Sequence[Block]) -> ScopeTotals:
    for block, records in zip(blocks, parts, strict=False):  # one part and no block where it is too short
        block.totals = totals_of(records, responses_only=True)
    due = [record for records in parts for record in records]
    ok = histogram_of_all([record.ok for record in due if isinstance(record, Requests)])
    failed = histogram_of_all([record.waited if isinstance(record, NotStarted) else record.failed for record in due])
    return ScopeTotals(blocks, ok, failed)


def _narrow_scopes_of(record: Due) -> tuple[Scope, ...]:
    role, operation = record.role, record.operation
    return (role, None), (None, operation), (role, operation)


def target_figures(
    plan: Plan,
    evidence: Mapping[Scope, ScopeTotals],
    of_stages: Mapping[tuple[str, ...], Mapping[Scope, ScopeTotals]] = MappingProxyType({}),
) -> tuple[TargetFigures, ...]:
    """One for each figure and scope that a target limits, in the order of the targets."""
    wanted = dict.fromkeys(
        (target.metric, target.role, target.operation, target.stages) for target in _with_figures(plan.targets)
    )
    found: list[TargetFigures] = []
    for metric, role, operation, stages in wanted:
        totals = (of_stages[stages] if stages else evidence)[role, operation]
        around = interval(totals.blocks, metric, plan.seed)
        found.append(TargetFigures(metric, role, operation, around, _apdex(metric, totals), stages))
    return tuple(found)


def _with_figures(targets: Iterable[Target]) -> Iterable[Target]:
    return (target for target in targets if target.metric not in (CONCURRENT_USERS, RECOVERY))


def _apdex(metric: str, evidence: ScopeTotals) -> float | None:
    threshold_ms = apdex_threshold(metric)
    if threshold_ms is None:
        return None
    within_t, within_4t = (evidence.ok.count_within(1000 * times * threshold_ms) for times in (1, 4))
    return apdex(within_t, within_4t, evidence.requests)


def within(evidence: Mapping[Scope, ScopeTotals]) -> tuple[Within, ...]:
    """How many of all requests succeeded within each of the times that the published limits are about."""
    ok = evidence[EVERYTHING].ok
    return tuple(Within(limit_ms, ok.count_within(limit_ms * 1000)) for limit_ms in times_needed())


def drifts(plan: Plan, evidence: Mapping[Scope, ScopeTotals]) -> tuple[Drift, ...]:
    """Trends of the median, the 95th percentile and the throughput over all requests.

    None for a steady state of less than 40 s, a figure for which a block has too few requests, or a load that is
    planned to change.
    """
    arrival, blocks = plan.scenario.arrival, evidence[EVERYTHING].blocks
    changes = bool(plan.scenario.stages) or (arrival is not None and arrival.rate_end not in (None, arrival.rate))
    if changes or len(blocks) < FEWEST or min(block.seconds for block in blocks) < _DRIFT_BLOCK_S:
        return ()
    judged = [_judged(block) for block in blocks]
    found = (_drift(figure, [getattr(figures, figure) for figures in judged], blocks) for figure in _FIGURES)
    return tuple(drift for drift in found if drift is not None)


def _judged(block: Block) -> Statistics:
    return statistics_ok(block.totals, block.seconds) or statistics(block.totals, block.seconds)


def _drift(figure: str, values: Sequence[float | None], blocks: Sequence[Block]) -> Drift | None:
    known = [value for value in values if value is not None]
    if len(known) < len(blocks) or not all(block.totals.requests for block in blocks):
        return None
    p_value = mann_kendall(known)
    if p_value >= DRIFT_P:
        return None
    middles, length_s, quarter = [], 0, max(len(blocks) // 4, 1)
    for block in blocks:
        middles.append(length_s + block.seconds / 2)
        length_s += block.seconds
    slope, start = theil_sen(middles, known)
    ends = _observed(start, known[:quarter]), _observed(start + slope * length_s, known[-quarter:])
    least = DRIFT_LEAST_MS if figure.endswith("_ms") else 0.0
    change = abs(ends[1] - ends[0])
    if change <= max(DRIFT_SHARE * sum(known) / len(known), least) or (ends[1] - ends[0]) * slope <= 0:
        return None
    return Drift(figure, *ends, p_value)


def _observed(on_line: float, nearby: Sequence[float]) -> float:
    """A value on the trend line, limited to the range of the blocks nearby: where a figure falls steeply and then
    stays, the line continues to zero and below."""
    return min(max(on_line, min(nearby)), max(nearby))
