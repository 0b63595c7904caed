"""A target as the search sees it: a mean over requests that has to stay below a limit.

A percentile below its limit is a share of requests over that limit below 1 − p; a failure rate is a share already, and
so is what Apdex lacks to 1. Shares and averages are means: unlike the percentile of a short visit they have no bias
where requests are correlated, and those of several visits add up.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from perfsuite.measurements.histogram import Histogram, middle_of
from perfsuite.model import Target
from perfsuite.model.slo_presets import apdex_threshold
from perfsuite.model.summary import PERCENTILES

BEYOND = 4.0
"""A load is given up once its last seconds exceed so many times the limit."""
BEYOND_WINDOW_S = 10
"""… and so many seconds count for that."""
FEWEST_BEYOND = 10
"""… with at least so many requests."""
ALPHA = 0.01
"""A level passes or fails with 99 % confidence: MLPerf's early stopping (Reddi et al. 2020, doi
10.1109/ISCA45697.2020.00045) asks for 90 requests with none over the limit for p95, 130 with one, 459 and 662 for
p99."""
_FAILURE_RATE, _AVERAGE = "failure_rate", "avg_ms"


class LevelOutcome(StrEnum):
    """What a level says about a target."""

    PASS = "pass"  # noqa: S105
    FAIL = "fail"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class SecondSample:
    """Requests of one second of one target. `total`: the sum over them of what the target limits: 1 for each over the
    limit, or the times in ms. `squares`: the sum of its squares. `beyond`: over BEYOND × the limit, for shares.
    `begun` and `ended`: requests that were due, and that got their end, in the second; `requests` may be either."""

    requests: int = 0
    total: float = 0.0
    squares: float = 0.0
    beyond: float = 0.0
    begun: int = 0
    ended: int = 0

    @property
    def mean(self) -> float:
        """NaN without requests."""
        return self.total / self.requests if self.requests else math.nan


def sum_of(samples: Sequence[SecondSample]) -> SecondSample:
    """All requests of several seconds."""
    return SecondSample(
        sum(each.requests for each in samples),
        sum(each.total for each in samples),
        sum(each.squares for each in samples),
        sum(each.beyond for each in samples),
        sum(each.begun for each in samples),
        sum(each.ended for each in samples),
    )


def _squares(ok: Histogram) -> float:
    return sum(count * (middle_of(bucket) / 1000) ** 2 for bucket, count in ok.counts.items())


@dataclass(frozen=True, slots=True)
class Constraint:
    """`limit`: of the mean, in the unit of `SecondSample.total`. `is_share`: the mean of zeros and ones, or of parts of
    1. `give_up`: the mean of `beyond` (for averages, of `total`) above which more of a load only hurts."""

    target: Target
    limit: float
    is_share: bool
    give_up: float

    def sample(self, ok: Histogram, failed: int, ended: int) -> SecondSample:
        """What the requests of the target's scope that were due in a second say. `ok`: the times of those that
        succeeded. `ended`: how many ended in that second, whenever due."""
        metric, begun = self.target.metric, ok.count + failed
        if metric == _FAILURE_RATE:
            return SecondSample(begun, failed, failed, failed, begun, ended)
        if metric == _AVERAGE:
            mean_ms = (ok.mean_us() or 0.0) / 1000
            return SecondSample(ok.count, mean_ms * ok.count, _squares(ok), 0.0, begun, ended)
        threshold_ms = apdex_threshold(metric)
        if threshold_ms is not None:
            satisfied, tolerating = (ok.count_within(1000 * times * threshold_ms) for times in (1, 4))
            lacking = begun - (satisfied + tolerating) / 2
            return SecondSample(begun, lacking, lacking, lacking, begun, ended)
        limit_us = 1000 * self.target.limit
        over, beyond = (ok.count - ok.count_within(times * limit_us) for times in (1, BEYOND))
        return SecondSample(ok.count, over, over, beyond, begun, ended)

    def outcome(self, sample: SecondSample) -> LevelOutcome:
        """With confidence; UNDECIDED where the requests are too few for that."""
        from scipy import stats  # most of a second; only where capacity is searched

        requests = sample.requests
        if not requests:
            return LevelOutcome.UNDECIDED
        if self.is_share:
            over = round(sample.total)
            pass_p = float(stats.binom.cdf(over, requests, self.limit))
            fail_p = float(stats.binom.sf(over - 1, requests, self.limit))
        else:
            deviation = math.sqrt(max(sample.squares / requests - sample.mean**2, 0.0) / requests)
            distance = (sample.mean - self.limit) / max(deviation, 1e-9)
            pass_p, fail_p = float(stats.norm.cdf(distance)), float(stats.norm.sf(distance))
            if requests < FEWEST_FOR_MEAN:
                return LevelOutcome.UNDECIDED
        if pass_p <= ALPHA:
            return LevelOutcome.PASS
        return LevelOutcome.FAIL if fail_p <= ALPHA else LevelOutcome.UNDECIDED

    def is_beyond(self, last: Sequence[SecondSample]) -> bool:
        """Do the last seconds exceed several times the limit, so that more of this load only hurts?"""
        sample = sum_of(last)
        if len(last) < BEYOND_WINDOW_S or sample.requests < FEWEST_BEYOND:
            return False
        return (sample.beyond / sample.requests if self.is_share else sample.mean) > self.give_up


FEWEST_FOR_MEAN = 30
"""With fewer requests a mean says nothing."""


def constraint_of(target: Target) -> Constraint | None:
    """None for a target that does not get worse with the load, or of which single visits say too little: throughput,
    concurrent users, minimum, maximum, and what monitors read."""
    fraction = PERCENTILES.get(target.metric)
    if fraction is not None and target.below:
        return Constraint(target, 1 - fraction, is_share=True, give_up=1 - fraction)
    if target.metric == _FAILURE_RATE and target.below and target.limit > 0:
        return Constraint(target, target.limit, is_share=True, give_up=min(max(BEYOND * target.limit, 0.5), 0.9))
    if target.metric == _AVERAGE and target.below:
        return Constraint(target, target.limit, is_share=False, give_up=BEYOND * target.limit)
    if apdex_threshold(target.metric) is not None and not target.below and target.limit < 1:
        lacking = 1 - target.limit
        return Constraint(target, lacking, is_share=True, give_up=min(BEYOND * lacking, 0.9))
    return None


def constraints_of(targets: Sequence[Target]) -> tuple[tuple[Constraint, ...], tuple[Target, ...]]:
    """The constraints, and the targets that have no part in a search."""
    pairs = [(target, constraint_of(target)) for target in targets]
    found = tuple(constraint for _, constraint in pairs if constraint is not None)
    return found, tuple(target for target, constraint in pairs if constraint is None)
