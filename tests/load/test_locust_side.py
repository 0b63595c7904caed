"""What needs Locust: the dispatcher, the account pool, the users, and the guard of its web page."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from typing import Any

import pytest

from perfsuite.roles import ROLES
from perfsuite.roles.mix import start_order, users_by_role
from tests.load.child import findings


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """All cases, done in one process."""
    answers: dict[str, Any] = findings("in_child_locust")
    return answers


def _mix(users: int) -> dict[str, int]:
    return users_by_role(users, ROLES)


@pytest.mark.parametrize("workers", ["one", "two"])
def test_counts_are_exact_from_nothing(found: dict[str, Any], workers: str) -> None:
    for users, counts in found[workers]["fresh"]:
        assert counts == _mix(users)


@pytest.mark.parametrize("workers", ["one", "two"])
def test_counts_are_exact_after_growing_and_shrinking(found: dict[str, Any], workers: str) -> None:
    assert [users for users, _counts in found[workers]["tour"]] == [10, 91, 200, 91, 50, 10, 7, 120]
    for users, counts in found[workers]["tour"]:
        assert counts == _mix(users)


def test_growing_stops_nobody(found: dict[str, Any]) -> None:
    steps = found["growing"]

    assert steps[-1] == _mix(91)
    assert all(later[role] >= earlier[role] for earlier, later in pairwise(steps) for role in earlier)
    assert [sum(step.values()) for step in steps[:4]] == [3, 6, 9, 12]


def test_users_start_in_the_fixed_order(found: dict[str, Any]) -> None:
    order = start_order(_mix(50))
    first = found["growing"][:16]

    assert [Counter({role: n for role, n in step.items() if n}) for step in first] == [
        Counter(order[: 3 * number]) for number in range(1, 17)
    ]


def test_workers_share_evenly_and_a_new_one_takes_its_part(found: dict[str, Any]) -> None:
    assert sorted(found["workers"]["two"]) == [45, 46]
    assert sorted(found["workers"]["three"]) == [30, 30, 31]
    assert found["workers"]["roles"] == sorted(_mix(91).values())


def test_the_users_of_a_lost_worker_are_placed_on_the_others(found: dict[str, Any]) -> None:
    assert sum(found["lost"]["after"].values()) == 30
    assert found["lost"]["end"] == _mix(91)
    assert found["lost"]["on"] == [91]


def test_classes_that_were_chosen_share_the_users(found: dict[str, Any]) -> None:
    assert {role: users for role, users in found["some"].items() if users} == {"junior_agent": 20, "policyholder": 50}


def test_a_class_for_every_role(found: dict[str, Any]) -> None:
    assert found["classes"] == [
        ["SuperAdmin", "super_admin", 1],
        ["ProviderAdmin", "provider_admin", 2],
        ["RegionalManager", "regional_manager", 3],
        ["SeniorAgent", "senior_agent", 10],
        ["JuniorAgent", "junior_agent", 20],
        ["Policyholder", "policyholder", 50],
        ["SupportStaff", "support_staff", 5],
    ]


def test_a_process_reports_once_that_all_its_users_have_started(found: dict[str, Any]) -> None:
    assert found["plateau"] == [2, 4]


def test_what_a_session_observes_reaches_locust_and_the_recorder_alike(found: dict[str, Any]) -> None:
    reported = found["reported"]

    assert reported["key"] == [1_772_357_400, "policyholder", "payment access", "policies.premiums"]
    assert (reported["ok_us"], reported["failed_us"]) == (12_345, 12_345)
    assert reported["error"] == ["http status", "HTTP 500", "id-1"]
    assert reported["missing"] == [1, "needs a policy_id"]
    assert reported["expired"] == [1, "policies.premiums (token expired)", None]
    assert reported["locust"] == [3, 1]
    assert reported["event"] == {
        "request_type": "GET",
        "name": "policies.premiums",
        "response_time": 12.345,
        "response_length": 7,
    }
    assert reported["end"] == ["local", 3, 3]


def test_a_good_request_that_no_plug_in_hears_of_is_counted_without_an_event(found: dict[str, Any]) -> None:
    # Events, those heard, Locust's requests and failures, and ours.
    assert found["straight"]["alone"] == {
        "good": [0, 0, 1, 0, 1],
        "failed": [1, 0, 2, 1, 2],
        "expired": [2, 0, 3, 1, 3],
        "again": [2, 0, 4, 1, 4],
    }


def test_a_listener_hears_of_every_later_request_once(found: dict[str, Any]) -> None:
    assert found["straight"]["heard"] == [[3, 1, 5, 1, 5], [4, 2, 6, 1, 6], [5, 3, 7, 2, 7], [6, 4, 8, 2, 8]]


def test_the_password_of_the_key_is_in_no_message(found: dict[str, Any]) -> None:
    (message,) = found["key_password"]  # and nothing is secret where there is none

    assert "bad decrypt" in message
    assert "key-pass-1" not in message


def test_a_login_waits_as_long_as_the_target_asks(found: dict[str, Any]) -> None:
    logins = found["logins"]

    assert (logins["logins"], logins["pauses"]) == (3, ["policyholder", "login", 0, 2])
    assert logins["paused_s"] >= 2 * 0.05
    # While it tries; logged in; ended with the load; rejected for good, which nobody waits for; and then ended.
    assert logins["logging_in"] == [3, 2, 2, 2, 2]
    assert logins["recorded"] == [2]
    assert logins["left"] == [True, 1]  # at the end of the load, though 30 s were asked for
    assert logins["wait_s"] == [12.0, 12.0, 0.0]  # closed model, open model, logged in


def test_actions_that_did_something_or_failed_are_counted(found: dict[str, Any]) -> None:
    assert found["actions"] == {"done": [1, 1], "failed": [1, 0], "not logged in": [1, 0]}


def test_behaviours_of_which_nothing_is_left_are_not_taken(found: dict[str, Any]) -> None:
    every = ["personal dashboard", "customer management", "policy creation", "analytics"]

    assert found["behaviours"] == {
        "all": every,
        "one gone": every[1:],
        "half gone": every,
        "dead": [name for name in every if name != "policy creation"],
    }


@pytest.mark.parametrize(
    ("who", "status"),
    [
        ("a host that may be loaded", 200),
        ("a host that may not", 403),
        ("the page itself", 200),
        ("its own button", 200),
        ("a program without Origin", 200),
        ("a link elsewhere", 200),
        ("by name", 200),
        ("IPv6", 200),
        ("another page's form", 403),
        ("a file", 403),
        ("another port", 403),
        ("another page's picture", 403),
        ("a name that was turned to here", 403),
    ],
)
def test_who_may_use_locusts_page(found: dict[str, Any], who: str, status: int) -> None:
    assert found["page"][who] == status
