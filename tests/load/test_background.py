"""What goes on in a load process besides its users: a part that dies is noticed within a second and named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.load.child import findings

SOON_S = 10.0
"""A second, and what a busy machine adds. Half a minute is waited for it."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """All cases, done in one process."""
    answers: dict[str, Any] = findings("in_child_background")
    return answers


@pytest.mark.parametrize(
    ("part", "name"),
    [
        pytest.param("writer", "_write_every_second", id="who hands over what was recorded"),
        pytest.param("watch", "_watch_event_loop", id="who watches the event loop"),
    ],
)
def test_a_greenlet_that_dies_is_named_and_begun_again(found: dict[str, Any], part: str, name: str) -> None:
    reported = found[part]

    assert reported["message"] == f"BackgroundEnded: {name} had ended (it was begun again)"
    assert reported["after_s"] < SOON_S
    assert reported["lags later"] == [True, True]
    assert not reported["ends load"]


def test_a_greenlet_that_raises_each_time_is_counted_and_goes_on(found: dict[str, Any]) -> None:
    reported = found["failing watch"]

    assert (reported["place"], reported["message"]) == ("add_lag", "ValueError: no lag (watching the event loop)")
    assert reported["after_s"] < SOON_S
    assert 0 < reported["count"] <= reported["all_s"] / 0.05


def test_what_ends_the_pacing_of_arrivals_is_named_and_the_load_is_to_end(found: dict[str, Any]) -> None:
    reported = found["pacing"]

    assert reported["place"] == "dues"
    assert reported["message"].startswith("ZeroDivisionError: ")
    assert reported["message"].endswith(" (the pacing of arrivals ended by it)")
    assert reported["ends load"]
    assert reported["after_s"] < SOON_S


def test_an_action_that_cannot_be_taken_in_is_counted_and_the_next_one_begins(found: dict[str, Any]) -> None:
    reported = found["action"]

    assert reported["message"] == "ValueError: no behaviour (an action became due)"
    assert (reported["taken"], reported["count"]) == (True, 1)


def test_where_not_even_an_error_can_be_handed_over_the_process_hears_of_it(found: dict[str, Any]) -> None:
    assert found["mute"] == ["[Errno 28] No space left on device"]


def test_an_error_at_the_end_costs_no_count(found: dict[str, Any]) -> None:
    assert found["end"] == {
        "errors": ["RuntimeError: no statistics (Locust's own count)"],
        "sent": 7,
        "unrecorded": 2,
    }


@pytest.mark.parametrize(
    ("case", "errors", "cleanup"),
    [
        pytest.param("plain", [], True, id="nothing to remove"),
        pytest.param("plain, damaged", [], False, id="a journal that cannot be read is no error of the suite"),
        pytest.param(
            "plain, unexpected",
            ["ValueError: Port out of range 0-65535 (removing what the run made)"],
            False,
            id="an error",
        ),
    ],
)
def test_plain_locust_leaves_its_record_whatever_the_cleanup_meets(
    found: dict[str, Any], case: str, errors: list[str], cleanup: bool
) -> None:
    assert found[case] == {"errors": errors, "cleanup": cleanup}


def test_an_error_by_locusts_own_event_counts_once(found: dict[str, Any]) -> None:
    assert found["user error"] == [["LookupError: counted already (an action)", 2]]


def test_what_locust_and_gevent_catch_is_heard_of(found: dict[str, Any]) -> None:
    assert found["swallowed"] == [
        ["ZeroDivisionError", "caught by Locust"],
        ["KeyError", "it ended the greenlet swallowed.<locals>.ends"],
        ["KeyError", "it ended a callback of the event loop"],
    ]
