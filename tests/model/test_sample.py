"""A sample derives its times from what was measured."""

from __future__ import annotations

import pytest

from perfsuite.model.sample import Sample, Series

SERIES = Series("policyholder", "profile access", "users.me", "GET")


@pytest.mark.parametrize(
    ("due_at", "response_us"),
    [
        pytest.param(None, 5_000, id="closed model: due when it was sent"),
        pytest.param(99.75, 255_000, id="open model: from the moment it was due"),
        pytest.param(100.25, 5_000, id="sent early: never less than the answer took"),
    ],
)
def test_the_response_time_runs_from_when_it_was_due(due_at: float | None, response_us: int) -> None:
    sample = Sample(SERIES, "1", 100.0, 5_000, 200, 7, due_at=due_at, connect_us=700, tls_us=300)

    assert (sample.response_us, sample.service_us) == (response_us, 4_000)


def test_series_are_told_apart_by_identity() -> None:
    other = Series("policyholder", "profile access", "users.me", "GET")

    assert {SERIES: 1, other: 2}[SERIES] == 1
