"""Compare runs of B with runs of A: one outcome for every figure of every operation; and measure the noise.

A run is one value of each figure, however many requests it made. "slower" needs three things: an adjusted p-value
below 0.05 (`significance.py`), the exact Mann–Whitney test below 0.05 by itself, and a Hodges–Lehmann shift above
max(5 %, 2 ms, the noise). "same" needs evidence as well: that the shift lies within that bound.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from statistics import NormalDist

import msgspec
import numpy as np
from numpy.typing import NDArray

from perfsuite.history.figures import FAILURES, ComparedFigure, compared_figures
from perfsuite.history.significance import ALPHA, PValues, Shift, labelings, p_values, shifts
from perfsuite.messages import Message
from perfsuite.messages.history import ComparisonMessage
from perfsuite.model.history import Change, Comparison, ComparisonOutcome, MetricNoise, Noise, PastRun, RunGroup

FEWEST = 5
"""Runs per group that a comparison of figures needs: 4 + 4 cannot reach p < 0.01, and 3 + 3 not even 0.05."""
FEWEST_NOISE_RUNS = 6
"""3 + 3 is the least that can be divided in more than a handful of ways."""
_MOST_HALVES = 400
_QUANTILE = 0.95
_POWER = 0.9
PRIMARY_DEVIATIONS, OTHER_DEVIATIONS = 3.1, 3.6
"""A shift of so many standard deviations between runs is found by 5 + 5 of them in 9 of 10 comparisons of 30
operations: simulated (`bench/accuracy.py --only compared`), for averages and for all other figures."""


def compare(a: RunGroup, b: RunGroup, noise: Noise | None = None) -> Comparison:
    """B compared with A, figure by figure. The caller decides whether the runs may be compared.

    `noise`: of this environment, where it was measured under the same conditions. `costs` and `mismatches` stay
    empty: the caller adds them. Raises ValueError where a group has no run.
    """
    if not a.runs or not b.runs:
        raise ValueError("each group needs a run")
    figures = compared_figures(a.runs, b.runs)
    enough = min(len(a.runs), len(b.runs)) >= FEWEST
    tested = p_values(figures, len(a.runs)) if enough else {}
    moved = shifts([(each.a, each.b) for each in figures])
    changes = [_change(each, shift, tested, noise) for each, shift in zip(figures, moved, strict=True)]
    if not enough:
        changes = [_with_failures(change, a.runs, b.runs) for change in changes]
    return Comparison(a.compared, b.compared, tuple(changes), notes=tuple(_notes(a.runs, b.runs, noise)))


def _change(compared: ComparedFigure, moved: Shift, tested: PValues, noise: Noise | None) -> Change:
    level = float(np.median(compared.a))
    metric = compared.figure.metric
    chance_rate = noise.chance_rate(compared.role, compared.operation, metric) if noise else 0.0
    p, outcome, reason = _judged(compared, moved, tested, compared.figure.bound(level, chance_rate))
    return Change(
        role=compared.role,
        operation=compared.operation,
        metric=metric,
        a=compared.a,
        b=compared.b,
        shift=moved.estimate,
        shift_rate=moved.estimate / level if level else None,
        interval=moved.interval,
        p_value=p,
        outcome=outcome,
        reason=reason,
    )


def _judged(
    compared: ComparedFigure, moved: Shift, tested: PValues, bound: float
) -> tuple[float | None, ComparisonOutcome, Message | str]:
    """Adjusted p-value (None where no test was made), outcome and reason."""
    runs = {"a": len(compared.a), "b": len(compared.b)}
    if not tested:
        return None, ComparisonOutcome.CANNOT_TELL, ComparisonMessage.TOO_FEW_RUNS(needed=FEWEST, **runs)
    if compared not in tested:
        return None, ComparisonOutcome.CANNOT_TELL, ComparisonMessage.NOT_IN_ALL_RUNS(**runs)
    worse, better = tested[compared]
    p_worse, p_better = (moved.p_more, moved.p_less)[:: compared.figure.worse]
    grown = moved.estimate * compared.figure.worse
    p = max(worse, p_worse) if grown >= 0 else max(better, p_better)
    if abs(grown) > bound and p < ALPHA:
        return p, ComparisonOutcome.SLOWER if grown > 0 else ComparisonOutcome.FASTER, ""
    if moved.is_within(bound):
        return p, ComparisonOutcome.SAME, ""
    reason = ComparisonMessage.MAY_BE_CHANCE() if abs(grown) > bound else ComparisonMessage.NOT_RULED_OUT()
    return p, ComparisonOutcome.CANNOT_TELL, reason


def _with_failures(change: Change, a_runs: Sequence[PastRun], b_runs: Sequence[PastRun]) -> Change:
    """What so few runs can say about failures: whether these very runs differ by more than chance."""
    if change.metric != FAILURES.metric or not change.shift or not isinstance(change.reason, Message):
        return change
    (failed_a, sent_a), (failed_b, sent_b) = (_counts(change, runs) for runs in (a_runs, b_runs))
    p = fisher_more(failed_a, sent_a, failed_b, sent_b)
    if change.shift < 0:
        p = fisher_more(failed_b, sent_b, failed_a, sent_a)
    failed = ComparisonMessage.FAILED(failed_a=failed_a, requests_a=sent_a, failed_b=failed_b, requests_b=sent_b, p=p)
    return msgspec.structs.replace(change, reason=change.reason.also(failed))


def fisher_more(failures_a: int, requests_a: int, failures_b: int, requests_b: int) -> float:
    """The one-sided p-value of "B fails no more often than A" (Fisher 1935, *The Design of Experiments*).

    1.0 where a group has no requests.
    """
    if not requests_a or not requests_b:
        return 1.0
    from scipy import stats

    table = [[failures_b, requests_b - failures_b], [failures_a, requests_a - failures_a]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)


def _counts(change: Change, runs: Sequence[PastRun]) -> tuple[int, int]:
    known = [found for run in runs if (found := run.of(change.role, change.operation))]
    return sum(each.failures for each in known), sum(each.requests for each in known)


def _notes(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun], noise: Noise | None) -> Iterator[Message]:
    every = (*a_runs, *b_runs)
    if min(len(a_runs), len(b_runs)) < FEWEST:
        yield ComparisonMessage.ONLY_COSTS(a=len(a_runs), b=len(b_runs), needed=FEWEST)
    elif noise is None:
        yield ComparisonMessage.NO_NOISE()
    for run in every:
        if not run.outcome.is_conclusive:
            yield ComparisonMessage.INCONCLUSIVE_RUN(run_id=run.run_id, outcome=run.outcome.value)
    # Times and throughput of these include answered failures, those of others do not.
    mixed = [run.run_id for run in every if any(one.is_mixed for one in run.measured)]
    if mixed:
        yield ComparisonMessage.FAILURES_MIXED_IN(runs=mixed)
    for group, runs, others in (("A", a_runs, b_runs), ("B", b_runs, a_runs)):
        known = {one.operation for run in others for one in run.measured}
        only = dict.fromkeys(one.operation for run in runs for one in run.measured if one.operation not in known)
        if only:
            yield ComparisonMessage.ONLY_IN(group=group, operations=list(only))


# ── noise ───────────────────────────────────────────────────────────────────────────────────────────────────


def measure_noise(runs: Sequence[PastRun]) -> Noise:
    """The noise between runs of the same load against the same target.

    Every way to halve them compares the target with itself; shifts are scaled to 5 + 5 runs. Failures have no noise
    of this kind: without failures it would be zero. Raises ValueError below 6 runs.
    """
    if len(runs) < FEWEST_NOISE_RUNS:
        raise ValueError(f"{FEWEST_NOISE_RUNS} runs are needed")
    figures = [each for each in compared_figures(runs, runs) if each.in_all and each.figure is not FAILURES]
    return Noise(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        conditions=runs[-1].conditions,
        run_ids=tuple(run.run_id for run in runs),
        metrics=tuple(_metric_noise(each) for each in figures if min(each.a) > 0),
    )


def _metric_noise(measured: ComparedFigure) -> MetricNoise:
    values = np.array(measured.a)
    level = float(np.median(values))
    chance = float(np.quantile(np.abs(_half_shifts(values)), _QUANTILE)) / level * math.sqrt(len(values) // 2 / FEWEST)
    spread = float(np.log(values).std(ddof=1))
    # The estimate must lie above the bound nine times of ten, and be significant as often.
    estimate_varies = spread * math.sqrt(2 / FEWEST * math.pi / 3)
    above = measured.figure.bound(level, chance) / level + NormalDist().inv_cdf(_POWER) * estimate_varies
    significant = math.expm1((PRIMARY_DEVIATIONS if measured.is_primary else OTHER_DEVIATIONS) * spread)
    place = measured.role, measured.operation, measured.figure.metric
    return MetricNoise(*place, level, chance, max(above, significant))


def _half_shifts(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hodges–Lehmann shift between the halves, for every way to halve the runs or an even part of the ways."""
    half = len(values) // 2
    labels = labelings(len(values) - half, half)
    labels = labels[:: max(1, len(labels) // _MOST_HALVES)]
    a = np.array([values[~is_b] for is_b in labels])
    b = np.array([values[is_b] for is_b in labels])
    pairs = b[:, :, None] - a[:, None, :]
    result: NDArray[np.float64] = np.median(pairs.reshape(len(labels), -1), axis=1)
    return result
