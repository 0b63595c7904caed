"""The difference of two readings, and what makes it worthless."""

from __future__ import annotations

import pytest

from perfsuite.fingerprint.readings import Counters, DatabaseClient, StatisticsSnapshot, between
from perfsuite.messages.fingerprint import FingerprintMessage

A, B = (10, 1), (10, 2)


def _snapshot(at_s: float = 0.0, evictions: int | None = 0, reset_at: str = "t0", **calls: int) -> StatisticsSnapshot:
    keys = {"a": A, "b": B}
    return StatisticsSnapshot(
        at_s, {keys[name]: Counters(count, count * 2) for name, count in calls.items()}, reset_at, evictions
    )


def test_statements_that_ran() -> None:
    delta = between(_snapshot(1.0, a=5, b=7), _snapshot(1.5, a=8, b=7))

    assert delta.statements == {A: Counters(3, 6)}
    assert (delta.duration_s, delta.trouble) == (0.5, "")


def test_a_statement_seen_for_the_first_time() -> None:
    assert between(_snapshot(a=5), _snapshot(a=5, b=2)).statements == {B: Counters(2, 4)}


@pytest.mark.parametrize(
    ("after", "trouble"),
    [
        pytest.param(_snapshot(a=6, reset_at="t1"), "was reset", id="reset"),
        pytest.param(_snapshot(a=6, evictions=2), FingerprintMessage.EVICTED(times=2), id="evictions counted"),
        pytest.param(_snapshot(a=2), "reset or evicted", id="one entry began anew"),
        pytest.param(_snapshot(b=9), "reset or evicted", id="one entry is gone"),
        pytest.param(_snapshot(a=2, evictions=None), "reset or evicted", id="seen without the newer view"),
    ],
)
def test_trouble(after: StatisticsSnapshot, trouble: str) -> None:
    assert trouble in between(_snapshot(a=5), after).trouble


def test_clients_that_did_something() -> None:
    before = StatisticsSnapshot(
        0, {}, clients=(DatabaseClient(1, "app", "api", "10:00"), DatabaseClient(2, "app", "cron", "10:00"))
    )
    after = StatisticsSnapshot(
        1, {}, clients=(DatabaseClient(1, "app", "api", "10:01"), DatabaseClient(2, "app", "cron", "10:00"))
    )

    assert between(before, after).active == {("app", "api")}
