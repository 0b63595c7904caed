"""The open model's bounded queue: whom it turns away, and what their time counts as."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load.child import findings


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """Ten seconds after the first of five actions of one role, second by second, and one of another; room for three."""
    answers: dict[str, Any] = findings("in_child_arrivals")
    return answers


def test_what_a_full_queue_turns_away_counts_with_the_wait_of_the_oldest(found: dict[str, Any]) -> None:
    """And not with none: then the times would look the better, the more is turned away."""
    late_s = found["took_s"]
    assert found["given up at once, s"] == [pytest.approx(10.0 + late_s / 2, abs=late_s)] * 2


def test_a_role_that_nobody_waits_for_is_not_turned_away(found: dict[str, Any]) -> None:
    assert found["begun, due at"] == [pytest.approx(5.0, abs=0.001), pytest.approx(0.0, abs=0.001)]


def test_every_action_is_begun_or_given_up(found: dict[str, Any]) -> None:
    late_s = found["took_s"]
    assert found["given up at the end, s"] == [pytest.approx(at_s + late_s / 2, abs=late_s) for at_s in (8.0, 9.0)]
    assert (found["due"], found["begun"], len(found["given up at once, s"])) == (6, 2, 2)
    assert not found["after the end"]


def test_a_change_of_the_rate_is_the_same_in_all_processes_whenever_they_hear_of_it_before() -> None:
    rates: dict[str, Any] = findings("in_child_rates")
    for kind in ("equal", "poisson"):
        expected = rates[kind]["expected"]
        begun = rates[kind]["begun"]
        assert len(expected) > 30, kind
        assert begun[: len(expected) - 1] == pytest.approx(expected[:-1], abs=0.002), kind
        assert len(begun) - len(expected) in (-1, 0, 1), kind  # the last may be due a moment later
    assert sum(at_s < 0.6 for at_s in rates["equal"]["begun"]) == 1
