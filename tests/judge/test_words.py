"""Figures as people read them."""

from __future__ import annotations

import pytest

from perfsuite.judge.words import figure, figures_apart, name_of


@pytest.mark.parametrize(
    ("metric", "value", "text"),
    [
        ("p95_ms", 2310.4, "2,310 ms"),
        ("avg_ms", 43.21, "43.2 ms"),
        ("min_ms", 0.873, "0.87 ms"),
        ("failure_rate", 0.0125, "1.25 %"),
        ("failure_rate", 0.0, "0 %"),
        ("rps", 120.04, "120.0 requests/s"),
        ("concurrent_users", 1200.0, "1,200"),
    ],
)
def test_figure(metric: str, value: float, text: str) -> None:
    assert figure(metric, value) == text


@pytest.mark.parametrize(
    ("metric", "observed", "limit", "texts"),
    [
        pytest.param("rps", 100.0002, 100, ("100.0002 requests/s", "100 requests/s"), id="told apart"),
        pytest.param("failure_rate", 0.0099999, 0.01, ("0.99999 %", "1 %"), id="a hair below 1 %"),
        pytest.param("failure_rate", 0.00001, 0.01, ("0.001 %", "1 %"), id="some failures are not shown as none"),
        pytest.param("avg_ms", 500.0, 500, ("500 ms", "500 ms"), id="equal is equal"),
    ],
)
def test_observed_and_limit_are_told_apart(metric: str, observed: float, limit: float, texts: tuple[str, str]) -> None:
    assert figures_apart(metric, observed, limit) == texts


def test_percentiles_have_names() -> None:
    assert [name_of(metric) for metric in ("p50_ms", "p999_ms")] == ["50th percentile", "99.9th percentile"]
