"""The encrypted connection between a master and its workers, with real sockets."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from tests.load.child import findings

REFUSED = "the master has another token"
NOT_A_MASTER = "something else than a master answers"
UNREACHABLE = "nothing answers, or not in time"
FAULTS = {"hostile", "huge", "cut", "cut silently", "stopped", "strangers"}
MB_64 = 64 * 1024 * 1024
BUSY_S = 5.0
"""What a machine with other things to do may add. Who waited for a peer would do so for ten seconds or for ever."""


played = cache(findings)
"""All scenes of a module, in one process."""


def scene(name: str) -> Any:
    return played("in_child_channel_faults" if name in FAULTS else "in_child_channel")[name]


def test_messages_go_both_ways() -> None:
    found = scene("exchanged")

    assert found["small"] and found["big"]
    assert found["connected"] and found["problem"] is None
    assert found["after too big"] == 1


def test_a_message_that_cannot_be_sent_is_counted_and_never_waited_for() -> None:
    found = scene("exchanged")

    assert (found["unknown"], found["undelivered"]) == (False, 1)
    assert found["too big"]["limit"] == MB_64 < found["too big"]["size"]


def test_a_client_with_another_token_knows_it_within_three_seconds_and_the_master_goes_on_serving() -> None:
    found = scene("refused")

    assert 0 <= found["after_s"] < 3 + BUSY_S
    assert (found["problem"], found["connected"]) == (REFUSED, False)
    assert (found["right"], found["heard"]) == (2, [["say", 2]])
    assert found["counted"]


def test_the_masters_public_key_alone_admits_nobody() -> None:
    assert scene("by key alone") == {"problem": REFUSED, "heard": []}


def test_nothing_that_arrives_stops_the_listener() -> None:
    found = scene("hostile")

    assert found["heard"] == []
    assert found["listens"] and found["answer"] == 3
    assert found["dropped"] == found["sent"]


def test_nothing_that_arrives_stops_a_client() -> None:
    found = scene("hostile")

    assert (found["client's answer"], found["client dropped"]) == (4, 2)


def test_a_frame_over_the_limit_costs_only_its_own_connection() -> None:
    assert scene("huge") == {"heard": 0, "answer": 5, "again": True, "client's answer": 6}


@pytest.mark.parametrize("name", ["late", "late by name"])
def test_a_client_finds_a_master_that_starts_later_or_again(name: str) -> None:
    found = scene(name)

    assert 0 <= found["unreachable_s"] < 1 + BUSY_S
    assert found["problem"] == found["problem without it"] == UNREACHABLE
    assert 0 <= found["joined_s"] < 5 + BUSY_S and found["problem then"] is None
    assert found["answer"] in ("early", 7)
    assert 0 <= found["again_s"] < 5 + BUSY_S and found["new answer"]


@pytest.mark.parametrize(
    ("name", "times"),
    [
        pytest.param("cut", 20, id="both ends know"),
        pytest.param("cut silently", 5, id="the master still holds the old connection"),
    ],
)
def test_a_client_is_heard_again_after_its_connection_was_cut(name: str, times: int) -> None:
    assert scene(name) == {"first": "first", "heard": times}


def test_a_stopped_client_holds_up_nobody() -> None:
    found = scene("stopped")

    assert found["slowest_s"] < BUSY_S
    assert found["all_s"] < 2 * BUSY_S
    assert found["sent"] + found["undelivered"] == 5_000
    assert found["undelivered"] > 0
    assert found["answer"] == 9
    assert found["closing_s"] < BUSY_S


def test_a_client_says_what_answers_instead_of_a_master_and_joins_the_master_that_takes_its_place() -> None:
    assert scene("strangers") == {
        "http": NOT_A_MASTER,
        "http, then a master": True,
        "plain": NOT_A_MASTER,
        "plain, then a master": True,
        "hangs up": UNREACHABLE,
        "hangs up, then a master": True,
    }


def test_addresses_of_both_families_and_names() -> None:
    found = scene("addresses")

    connected = {pair: answer for pair, answer in found.items() if "." in pair or ":" in pair}
    assert connected and set(connected.values()) == {10}
    assert found["in use"] == ["CANNOT_LISTEN", 0]
    assert found["not here"] == ["CANNOT_LISTEN", 0]
    assert found["no port to listen on"] == ["CANNOT_LISTEN", 0]
    assert found["no name"] == ["UNKNOWN_HOST", 0]
    assert found["no address"] == ["NO_ADDRESS", 0]
    assert found["no port"] == ["NO_ADDRESS", 0]
    assert found["unknown name"] == UNREACHABLE


def test_closing_delivers_what_was_sent_waits_for_nobody_and_leaves_nothing() -> None:
    found = scene("closing")

    assert found["lonely_s"] < BUSY_S and found["master_s"] < BUSY_S
    assert found["last words"] == 201
    assert found["lingers_ms"] == 500
    assert found["receiver ended by"] == "RPCError"
    assert found["sent once closed"] is False
    assert found["after"] == found["before"]


def test_locusts_own_master_and_workers_run_over_it() -> None:
    assert scene("locust") == {"users": True, "counted": True, "ended": True, "dropped": 0}
