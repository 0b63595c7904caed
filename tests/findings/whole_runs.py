"""Runs with their ramp-up, as a few users make them: dozens of operations, most of them called now and then.

Healthy ones have all that is no change of the target: a login storm, load that grows, caches that answer most
requests, bursts of the machine, answers with a heavy tail.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from perfsuite.model import ALL, Row, Second, Summary, UserCounts
from tests.findings.simulated import FIRST_S, figures, summary_of

Floats = NDArray[np.float64]
OPERATIONS = 40
USERS = 10


@dataclass(frozen=True)
class Step:
    """An operation that takes so much longer from that second of the run on. None: all, by that factor."""

    at_s: int
    operation: int | None = 0
    to_ms: float = 300.0
    factor: float = 60.0


@dataclass(frozen=True)
class Shape:
    """How long the ramp-up and the steady state are, and requests a second with all users."""

    ramp_s: int = 5
    settling_s: int = 4
    steady_s: int = 31
    rps: float = 8.0

    @property
    def length(self) -> int:
        return self.ramp_s + self.settling_s + self.steady_s


def whole_run(seed: int, shape: Shape, step: Step | None = None) -> Summary:
    """The summary of such a run; its first second is `FIRST_S`."""
    rng = np.random.default_rng(seed)
    users = np.minimum(np.arange(1, shape.length + 1) / shape.ramp_s, 1.0)
    slower = _slower(rng, shape, users)
    shares = rng.dirichlet(np.full(OPERATIONS, 0.5))
    usual_ms = np.exp(rng.uniform(np.log(2), np.log(40), OPERATIONS))
    usual_ms[:2], shares[0], shares[1] = (3.0, 8.0), max(shares[0], 0.08), 0.012
    cached = rng.random(OPERATIONS) < 0.3
    cached[:2] = False
    rows: list[Row] = []
    requests, total = np.zeros(shape.length), np.zeros(shape.length)
    for number in range(OPERATIONS):
        at = np.repeat(np.arange(shape.length), rng.poisson(shape.rps * shares[number] / shares.sum() * users))
        times = usual_ms[number] * np.exp(rng.normal(-0.2, 0.6, at.size)) * slower[at]
        if cached[number]:
            times = np.where(rng.random(at.size) < 0.7, 1.5, times)
        times = _stepped(times, at, number, step)
        counts, sums = (np.bincount(at, weights=each, minlength=shape.length) for each in (None, times))
        requests, total = requests + counts, total + sums
        rows += [
            Row(
                str(FIRST_S + second),
                "user",
                ALL,
                f"operation.{number}",
                figures(int(count), 0, float(sums[second] / count)),
            )
            for second, count in enumerate(counts)
            if count
        ]
    return _summary(shape, rows, (requests, total), users)


def _slower(rng: np.random.Generator, shape: Shape, users: Floats) -> Floats:
    """By which factor all requests take longer: logins of the ramp-up, the load itself, bursts of others."""
    storm = np.where(users < 1, rng.uniform(0, 4), 0.0) + np.where(np.arange(shape.length) < shape.ramp_s + 3, 0.5, 0.0)
    grows = 1 + rng.uniform(0, 3) * users
    burst = np.ones(shape.length)
    at = 0
    while (at := at + int(rng.exponential(25)) + 8) < shape.length:
        burst[at : at + int(rng.integers(1, 5))] = rng.uniform(1.1, 1.4)
        burst[at] = rng.uniform(1.1, 4)
    result: Floats = (grows + storm) * burst * np.exp(rng.normal(0, 0.1, shape.length))
    return result


def _stepped(times: Floats, at: NDArray[np.intp], number: int, step: Step | None) -> Floats:
    if step is None:
        return times
    since = at >= step.at_s
    if step.operation is None:
        return np.where(since, times * step.factor, times)
    return np.where(since & (number == step.operation), times + step.to_ms, times)


def _summary(shape: Shape, rows: list[Row], sums: tuple[Floats, Floats], users: Floats) -> Summary:
    requests, total = sums
    steady = shape.ramp_s + shape.settling_s
    seconds = tuple(
        Second(
            FIRST_S + at,
            "steady" if at >= steady else "ramp-up",
            figures(int(requests[at]), 0, float(total[at] / requests[at]) if requests[at] else None),
            {"user": max(round(USERS * float(users[at])), 1)},
        )
        for at in range(shape.length)
    )
    rows.sort(key=lambda row: int(row.period))
    made = summary_of(seconds, tuple(rows))
    return replace(
        made,
        steady_start=FIRST_S + steady,
        steady_end=FIRST_S + shape.length,
        steady_s=float(shape.steady_s),
        users=UserCounts(USERS, USERS, {"user": USERS}),
    )
