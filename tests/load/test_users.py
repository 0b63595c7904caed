"""Users without think times leave room for each other and for all else; users end when they are to."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load.child import findings

SOON_S = 15.0
"""At once on a machine that has nothing else to do. Users think for half a minute, and so long their end may take."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """All cases, done in one process."""
    answers: dict[str, Any] = findings("in_child_users")
    return answers


def test_users_without_think_times_get_their_turns(found: dict[str, Any]) -> None:
    least, most = found["fairness"]["sent"]

    assert least > 20
    assert most < 3 * least
    assert found["fairness"]["ticks"] > 10
    assert found["fairness"]["recorded"][0] == found["fairness"]["recorded"][1]


@pytest.mark.parametrize(
    "case",
    [
        pytest.param("dead target", id="nobody can log in"),
        pytest.param("target dies", id="every connection is refused"),
    ],
)
def test_a_target_that_refuses_at_once_does_not_keep_the_process(found: dict[str, Any], case: str) -> None:
    assert found[case]["ticks"] > 5
    assert found[case]["kinds"] == ["connection refused"]


def test_users_with_nothing_to_do_do_not_keep_the_process(found: dict[str, Any]) -> None:
    assert found["nothing offered"]["ticks"] > 5
    assert found["nothing offered"]["ended in s"] < SOON_S


def test_a_user_who_is_stopped_in_an_action_ends_it_and_begins_no_other(found: dict[str, Any]) -> None:
    stopped = found["stopped in action"]

    assert (stopped["unfinished"], stopped["more"], stopped["ended"]) == (0, 0, 1)
    assert stopped["took_s"] < SOON_S


def test_a_user_who_is_stopped_in_a_pause_ends_at_once(found: dict[str, Any]) -> None:
    assert found["stopped in pause"]["took_s"] < SOON_S
    assert found["stopped in pause"]["asked"] == 2


def test_a_user_makes_its_iterations_and_then_sends_nothing_more(found: dict[str, Any]) -> None:
    made = found["iterations"]

    assert made["sent"] == [5, 5, 5], "a login and four actions each"
    assert (made["actions"], made["alive"], made["left"], made["done"]) == (12, 0, 0, [3])
    assert made["running"] == 3, "Locust would start others in place of users that end"
    assert made["first"]
    assert made["took_s"] < SOON_S


def test_iterations_that_fail_count(found: dict[str, Any]) -> None:
    assert found["failing iterations"] == {"sent": [4, 4], "kinds": ["http status"]}
