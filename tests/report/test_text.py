"""Numbers for files."""

from __future__ import annotations

import math

import pytest

from perfsuite.report.text import rounded


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        pytest.param("avg_ms", 41.53249, 41.532, id="ms have three decimals"),
        pytest.param("failure_rate", 1 / 3, 0.333333, id="fractions have six"),
        pytest.param("requests", 12, 12, id="counts stay whole"),
        pytest.param("p95_ms", None, None, id="unknown stays unknown"),
        pytest.param("rps", math.inf, None, id="JSON has no infinity"),
    ],
)
def test_rounded(name: str, value: float | None, expected: float | None) -> None:
    assert rounded(name, value) == expected
    assert type(rounded(name, value)) is type(expected)
