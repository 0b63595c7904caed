"""Runs of B compared with runs of A: one outcome for every figure of every operation; and the noise of an environment.

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

from perfsuite.format import number, p_value
from perfsuite.history.figures import FAILURES, Line, lines
from perfsuite.history.significance import ALPHA, PValues, Shift, labelings, p_values, shifts
from perfsuite.model.history import Change, Comparison, ComparisonOutcome, MetricNoise, Noise, PastRun, RunGroup

FEWEST = 5
"""Runs a side below which nothing is told apart: 4 + 4 cannot reach p < 0.01, and 3 + 3 not even 0.05."""


def compare(a: RunGroup, b: RunGroup, noise: Noise | None = None) -> Comparison:
    """B compared with A, figure by figure. The caller decides whether the runs may be compared.

    `noise`: of this environment, where it was measured under the same conditions. `costs` and `mismatches` stay
    empty: the caller adds them. Raises ValueError where a group has no run.
    """
    if not a.runs or not b.runs:
        raise ValueError("each group needs a run")
    found = lines(a.runs, b.runs)
    enough = min(len(a.runs), len(b.runs)) >= FEWEST
    tested = p_values(found, len(a.runs)) if enough else {}
    moved = shifts([(line.a, line.b) for line in found])
    changes = [_change(line, shift, tested, noise) for line, shift in zip(found, moved, strict=True)]
    if not enough:
        changes = [_with_failures(change, a.runs, b.runs) for change in changes]
    return Comparison(a.compared, b.compared, tuple(changes), notes=tuple(_notes(a.runs, b.runs, noise)))


def _change(line: Line, moved: Shift, tested: PValues, noise: Noise | None) -> Change:
    level = float(np.median(line.a))
    chance_rate = noise.chance_rate(line.role, line.operation, line.figure.metric) if noise else 0.0
    bound = line.figure.bound(level, chance_rate)
    p, outcome, reason = _judged(line, moved, tested, bound)
    return Change(
        role=line.role,
        operation=line.operation,
        metric=line.figure.metric,
        a=line.a,
        b=line.b,
        shift=moved.estimate,
        shift_rate=moved.estimate / level if level else None,
        interval=moved.interval,
        p_value=p,
        outcome=outcome,
        reason=reason,
    )


def _judged(line: Line, moved: Shift, tested: PValues, bound: float) -> tuple[float | None, ComparisonOutcome, str]:
    """Adjusted p-value (None where no test was made), word and reason."""
    if not tested:
        return (
            None,
            ComparisonOutcome.CANNOT_TELL,
            f"{len(line.a)} + {len(line.b)} runs: {FEWEST} + {FEWEST} are needed",
        )
    if line not in tested:
        return (
            None,
            ComparisonOutcome.CANNOT_TELL,
            f"told by {len(line.a)} runs of A and {len(line.b)} of B only: all are needed",
        )
    worse, better = tested[line]
    p_worse, p_better = (moved.p_more, moved.p_less) if line.figure.worse > 0 else (moved.p_less, moved.p_more)
    grown = moved.estimate * line.figure.worse
    p = max(worse, p_worse) if grown >= 0 else max(better, p_better)
    if abs(grown) > bound and p < ALPHA:
        return p, ComparisonOutcome.SLOWER if grown > 0 else ComparisonOutcome.FASTER, ""
    if moved.is_within(bound):
        return p, ComparisonOutcome.SAME, ""
    if abs(grown) > bound:
        return p, ComparisonOutcome.CANNOT_TELL, "so much may be chance"
    return p, ComparisonOutcome.CANNOT_TELL, "small, but a change that counts is not ruled out: more runs would tell"


def _with_failures(change: Change, a_runs: Sequence[PastRun], b_runs: Sequence[PastRun]) -> Change:
    """What so few runs can say of failures: whether the requests of these very runs differ by more than chance."""
    if change.metric != FAILURES.metric or not change.shift:
        return change
    (failed_a, asked_a), (failed_b, asked_b) = (_counts(change, runs) for runs in (a_runs, b_runs))
    p = fisher_more(failed_a, asked_a, failed_b, asked_b)
    if change.shift < 0:
        p = fisher_more(failed_b, asked_b, failed_a, asked_a)
    said = f"{number(failed_a)} of {number(asked_a)} failed, then {number(failed_b)} of {number(asked_b)}"
    said += f" (Fisher {p_value(p)}, if requests failed independently)"
    return msgspec.structs.replace(change, reason=f"{change.reason}; {said}")


def fisher_more(failures_a: int, requests_a: int, failures_b: int, requests_b: int) -> float:
    """The one-sided p-value of "B fails no more often than A" (Fisher 1935, *The Design of Experiments*).

    1.0 where a side has no requests.
    """
    if not requests_a or not requests_b:
        return 1.0
    from scipy import stats

    table = [[failures_b, requests_b - failures_b], [failures_a, requests_a - failures_a]]
    return float(stats.fisher_exact(table, alternative="greater").pvalue)


def _counts(change: Change, runs: Sequence[PastRun]) -> tuple[int, int]:
    known = [found for run in runs if (found := run.of(change.role, change.operation))]
    return sum(each.failures for each in known), sum(each.requests for each in known)


def _notes(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun], noise: Noise | None) -> Iterator[str]:
    if min(len(a_runs), len(b_runs)) < FEWEST:
        yield (
            f"{len(a_runs)} + {len(b_runs)} runs: times, rates and failures of so few cannot be told from chance, "
            f"{FEWEST} + {FEWEST} are needed (--runs {FEWEST} --against URL); what the database is asked can"
        )
    elif noise is None:
        yield "The noise of this environment was not measured: a change counts from 5 % and 2 ms on."
    for run in (*a_runs, *b_runs):
        if not run.outcome.is_conclusive:
            yield f"{run.run_id} is {run.outcome.value}: what it measured may not be the target's doing."
    yield from _mixed((*a_runs, *b_runs))
    yield from _only_in("A", a_runs, b_runs)
    yield from _only_in("B", b_runs, a_runs)


def _mixed(runs: Sequence[PastRun]) -> Iterator[str]:
    """Runs whose times and throughput include answered failures, beside others whose do not."""
    mixed = [run.run_id for run in runs if any(one.is_mixed for one in run.measured)]
    if mixed:
        yield (
            f"Kept by an earlier version, with failed requests among times and throughput: {', '.join(mixed)}. The"
            " command `history rebuild` makes the figures anew where the folders are there."
        )


def _only_in(name: str, runs: Sequence[PastRun], others: Sequence[PastRun]) -> Iterator[str]:
    known = {one.operation for run in others for one in run.measured}
    only = dict.fromkeys(one.operation for run in runs for one in run.measured if one.operation not in known)
    if only:
        yield f"Only in {name}, so not compared: {', '.join(only)}."


FEWEST_RUNS = 6
"""3 + 3 is the least that can be dealt out in more than a handful of ways."""
_MOST_HALVES = 400
_SURE = 0.95
_POWER = 0.9
PRIMARY_DEVIATIONS, OTHER_DEVIATIONS = 3.1, 3.6
"""A shift of so many standard deviations between runs is found by 5 + 5 of them in 9 of 10 comparisons of 30
operations: simulated (`bench/accuracy.py --only compared`), for averages and for all other figures."""


def measure_noise(runs: Sequence[PastRun]) -> Noise:
    """The noise between runs of the same load against the same target.

    Every way to halve them is one comparison of the thing with itself; shifts are scaled to 5 + 5 runs. Failures
    have no floor of this kind: where there are none, there is no noise either. Raises ValueError below 6 runs.
    """
    if len(runs) < FEWEST_RUNS:
        raise ValueError(f"{FEWEST_RUNS} runs are needed")
    found = [line for line in lines(runs, runs) if line.whole and line.figure is not FAILURES]
    return Noise(
        measured_at=datetime.now(UTC).isoformat(timespec="seconds"),
        conditions=runs[-1].conditions,
        run_ids=tuple(run.run_id for run in runs),
        metrics=tuple(_metric_noise(line) for line in found if min(line.a) > 0),
    )


def _metric_noise(line: Line) -> MetricNoise:
    values = np.array(line.a)
    level = float(np.median(values))
    chance = float(np.quantile(np.abs(_half_shifts(values)), _SURE)) / level * math.sqrt(len(values) // 2 / FEWEST)
    spread = float(np.log(values).std(ddof=1))
    # The estimate must lie above the bound nine times of ten, and be told from chance as often.
    estimate_varies = spread * math.sqrt(2 / FEWEST * math.pi / 3)
    above = line.figure.bound(level, chance) / level + NormalDist().inv_cdf(_POWER) * estimate_varies
    told = math.expm1((PRIMARY_DEVIATIONS if line.is_primary else OTHER_DEVIATIONS) * spread)
    return MetricNoise(line.role, line.operation, line.figure.metric, level, chance, max(above, told))


def _half_shifts(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Hodges–Lehmann shift between the halves, for every way to halve the runs or an even part of the ways."""
    half = len(values) // 2
    dealt = labelings(len(values) - half, half)
    dealt = dealt[:: max(1, len(dealt) // _MOST_HALVES)]
    a = np.array([values[~is_b] for is_b in dealt])
    b = np.array([values[is_b] for is_b in dealt])
    pairs = b[:, :, None] - a[:, None, :]
    shifts: NDArray[np.float64] = np.median(pairs.reshape(len(dealt), -1), axis=1)
    return shifts
