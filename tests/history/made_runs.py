"""Past runs with a known truth: what each operation takes on average, and how much runs differ by themselves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from perfsuite.model import ALL, Outcome, Statistics
from perfsuite.model.history import Conditions, Measured, PastRun, RunGroup

OPERATIONS = tuple(f"operation.{number:02}" for number in range(30))
ROLES = tuple(f"role_{number}" for number in range(7))
NOISE = 0.03
CONDITIONS = Conditions("basic", "digest", {"role_0": 1}, "http://127.0.0.1:8015")


def statistics(avg_ms: float, **others: float | None) -> Statistics:
    """Figures of 1,000 requests whose average is `avg_ms`."""
    given: dict[str, float | int | None] = {
        "requests": 1_000,
        "failures": 0,
        "failure_rate": 0.0,
        "rps": 20.0,
        "min_ms": avg_ms / 4,
        "max_ms": avg_ms * 8,
        "p50_ms": avg_ms * 0.9,
        "p75_ms": avg_ms * 1.2,
        "p90_ms": avg_ms * 1.8,
        "p95_ms": avg_ms * 2.2,
        "p99_ms": avg_ms * 3.0,
        "p999_ms": None,
    }
    return Statistics(**{"avg_ms": avg_ms, **given, **others})  # type: ignore[arg-type]


def run(name: str, averages_ms: Mapping[tuple[str, str], float], **others: float | None) -> PastRun:
    """A run in which each (role, operation) took that long on average."""
    measured = tuple(
        Measured(role, operation, statistics(avg_ms, **others)) for (role, operation), avg_ms in averages_ms.items()
    )
    return PastRun(name, "2026-03-01T09:30:00Z", name, Outcome.PASS, 0, CONDITIONS, measured)


def noisy_run(rng: np.random.Generator, name: str, shifts: Mapping[str, float] | None = None) -> PastRun:
    """30 operations of seven roles with 3 % noise between runs, half of its variance common to all of a run.

    Every figure has noise of its own besides: the 95th and 99th percentile more than the average.
    """
    common = rng.normal(0, NOISE * np.sqrt(0.5))
    taken: dict[str, float] = {}
    for operation in OPERATIONS:
        own = rng.normal(0, NOISE * np.sqrt(0.5))
        taken[operation] = 100 * np.exp(common + own + np.log1p((shifts or {}).get(operation, 0.0)))
    places = {(ALL, operation): value for operation, value in taken.items()}
    places[ALL, ALL] = float(np.mean(list(taken.values())))
    for number, role in enumerate(ROLES):
        own_operations = OPERATIONS[number::7]
        places[role, ALL] = float(np.mean([taken[operation] for operation in own_operations]))
        places |= {(role, operation): taken[operation] * np.exp(rng.normal(0, 0.01)) for operation in own_operations}
    return PastRun(
        name,
        "2026-03-01T09:30:00Z",
        name,
        Outcome.PASS,
        0,
        CONDITIONS,
        tuple(Measured(*place, _with_own_noise(rng, value)) for place, value in places.items()),
    )


def _with_own_noise(rng: np.random.Generator, avg_ms: float) -> Statistics:
    spread = dict(
        zip(("p50_ms", "p95_ms", "p99_ms", "rps"), np.exp(rng.normal(0, (0.01, 0.03, 0.06, 0.01))), strict=True)
    )
    plain = statistics(avg_ms)
    moved = {name: getattr(plain, name) * factor for name, factor in spread.items()}
    failures = int(rng.binomial(plain.requests, 0.002))
    return statistics(avg_ms, **moved, failures=failures, failure_rate=failures / plain.requests)


def groups(a_runs: Sequence[PastRun], b_runs: Sequence[PastRun]) -> tuple[RunGroup, RunGroup]:
    """The runs of A and of B under names."""
    return RunGroup("before", tuple(a_runs)), RunGroup("after", tuple(b_runs))
