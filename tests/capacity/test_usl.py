"""The Universal Scalability Law over visits with a known curve."""

from __future__ import annotations

import math

import numpy as np
import pytest

from perfsuite.capacity.constraints import SecondSample
from perfsuite.capacity.records import Visit, VisitResult
from perfsuite.capacity.usl import usl_fit
from perfsuite.model.capacity import VisitPhase


def visits(contention: float, coherency: float, noise: float = 0.01) -> list[VisitResult]:
    rng, found = np.random.default_rng(1), []
    for concurrency in (1, 2, 4, 8, 16, 24, 32, 48, 64, 96):
        more = concurrency - 1
        rps = 20 * concurrency / (1 + contention * more + coherency * concurrency * more)
        completed = round(10 * rps * (1 + noise * float(rng.normal())))
        seconds = (completed,) * 10
        samples = (tuple(SecondSample(completed, begun=completed, ended=completed) for _ in range(10)),)
        found.append(VisitResult(Visit(rps, 10, VisitPhase.BISECT), samples, seconds, seconds, concurrency))
    return found


def test_a_peak_that_was_seen_is_found() -> None:
    fit = usl_fit(visits(0.03, 0.001))

    assert fit is not None
    assert fit.contention == pytest.approx(0.03, rel=0.3)
    assert fit.coherency == pytest.approx(0.001, rel=0.1)
    assert fit.peak == pytest.approx(math.sqrt(0.97 / 0.001), rel=0.1)
    assert fit.interval is not None
    assert fit.interval[0] < math.sqrt(0.97 / 0.001) < fit.interval[1]


def test_without_coherency_no_peak_is_observed() -> None:
    fit = usl_fit(visits(0.05, 0.0))

    assert fit is not None
    assert fit.peak is None


def test_a_curve_that_has_not_bent_has_no_fit() -> None:
    assert usl_fit(visits(0.0, 0.0)) is None


def test_few_visits_have_no_fit() -> None:
    assert usl_fit(visits(0.03, 0.001)[:5]) is None
