"""The dispatcher of the master: exact numbers of users per role and worker, whatever happens meanwhile."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load.child import findings

BUSY_S = 5.0
"""What a machine with other things to do may add: only too early is a mistake of the suite."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    answers: dict[str, Any] = findings("in_child_placing")
    return answers


def test_users_of_all_roles_are_exact_over_all_workers(found: dict[str, Any]) -> None:
    at_once = found["at_once"]
    assert at_once["each"] == [31, 30, 30]
    assert at_once["roles"] == at_once["mix"]
    assert at_once["tables"] == 1


def test_users_start_at_the_rate_that_was_asked_for(found: dict[str, Any]) -> None:
    in_order = found["in_order"]
    assert in_order["sums"] == [30, 60, 90, 91]
    assert 2.9 < in_order["took_s"] < 3.0 + BUSY_S
    (first, _at_once), (second, after_s) = in_order["slow"]
    assert (first, second) == (2, 4)
    assert 0.7 < after_s < 0.8 + BUSY_S


def test_users_of_lost_workers_start_again_and_there_are_never_too_many(found: dict[str, Any]) -> None:
    losses = found["losses"]
    assert sum(losses["middle"][0]) == 91
    assert losses["middle"][1] == losses["mix"]
    assert losses["left"] < 91
    assert losses["end"] == [[91], losses["mix"]]
    assert losses["most"] == 91


def test_users_of_a_lost_worker_do_not_wait_for_their_turn_in_a_slow_ramp_up(found: dict[str, Any]) -> None:
    assert found["returning"] == {"lost": 5, "returning": 0, "running": 10}


def test_a_worker_without_users_gets_no_order(found: dict[str, Any]) -> None:
    late = found["late"]
    assert late["clients"] == ["client-0", "client-1"]
    assert late["targets"] == [46, 45, 0]
    assert late["again"] == [[""]]  # nothing has changed, and Locust needs one table


def test_without_workers_there_is_one_empty_table(found: dict[str, Any]) -> None:
    assert found["none_left"] == [{"": {}}]
