"""Names of metrics in a sentence."""

from __future__ import annotations

from perfsuite.judge.words import name_of


def test_percentiles_have_names() -> None:
    assert [name_of(metric) for metric in ("p50_ms", "p999_ms")] == ["50th percentile", "99.9th percentile"]
