"""The master: who may join, who is lost, and what it bears."""

from __future__ import annotations

from functools import cache
from typing import Any

from perfsuite.load.messages import EXIT_BROKEN
from perfsuite.messages.load import WorkerMessage
from tests.load.child import findings

GIVEN_UP = f"lost: {WorkerMessage.INTERRUPTED()}"
ELSEWHERE = f"lost: {WorkerMessage.ELSEWHERE()}"


@cache
def scenes() -> Any:
    """Of all scenes, made in one process."""
    return findings("in_child_master")


def scene(name: str) -> Any:
    return scenes()[name]


def test_workers_of_the_same_version_join_and_others_hear_why_not() -> None:
    found = scene("admission")
    here = found["versions"]

    def other(there: str) -> str:
        return f"refused: {WorkerMessage.OTHER_VERSION(what='suite', here=here, there=there)}"

    assert (found["first"], found["again"], found["second"]) == ("worker-1", "worker-1", "worker-2")
    assert found["other suite"] == other("1.0 (old)")
    assert found["garbled"] == found["older"] == other("unknown")
    assert found["not wanted"] == f"refused: {WorkerMessage.INTERRUPTED()}"
    assert found["names"] == ["worker-1", "worker-2"]
    assert found["heard"] == [["refused", host] for host in ("load-1", "", "", "load-9")]
    assert found["errors"] == []


def test_a_worker_has_the_index_that_it_was_given_unless_another_one_has_it() -> None:
    found = scene("indexes")

    assert found["given"] == ["worker-3", "worker-1"]
    assert found["same"] == "worker-2"
    assert found["without"] == "worker-4"


def test_a_second_life_with_the_same_index_has_a_name_of_its_own() -> None:
    assert scene("indexes")["lives"] == ["worker-3.2", "worker-3.3"]


def test_who_does_not_belong_or_was_given_up_is_sent_away_whatever_it_says() -> None:
    found = scene("gone")

    assert found["before"] == [f"lost: {WorkerMessage.UNKNOWN()}", "heartbeat"]
    assert (found["told"], found["clients"]) == (GIVEN_UP, [])
    assert found["again"] == [ELSEWHERE] * 3
    assert found["taken"] == 0
    assert found["heard"] == [
        ["connected", "worker-1"],
        ["lost", "worker-1"],
        ["connected", "worker-2"],
        ["lost", "worker-2"],
    ]
    assert found["errors"] == []


def test_malformed_messages_of_a_worker_do_not_keep_the_master_from_listening() -> None:
    found = scene("malformed")

    assert found["placed"] == [1, 2]
    assert (found["answer"], found["lost"]) == ("heartbeat", False)
    assert found["errors"]  # they are not swallowed


def test_one_that_is_silent_for_too_long_is_lost() -> None:
    assert scene("silence") == {
        "silent": True,
        "joining": False,
        "never": True,
        "heard": False,
        "heard of": [["lost", "worker-1"], ["lost", "worker-3"]],
    }


def test_one_that_is_heard_and_hears_nothing_is_lost() -> None:
    assert scene("deaf") == {"cut off": True, "stood still": False, "answer": "heartbeat"}


def test_a_master_that_was_stopped_blames_nobody() -> None:
    assert scene("stopped") == {"lost": False, "answer": "heartbeat"}


def test_a_worker_that_has_missed_an_order_is_noticed() -> None:
    assert scene("orders") == {"before": [], "known": [], "missed": ["worker-1"]}


def test_an_order_that_a_worker_does_not_understand_ends_it_where_it_cannot_be_reported() -> None:
    found = scene("no_order")

    assert found["code"] == EXIT_BROKEN
    assert "Traceback" in found["log"]
    assert "DecodeError" in found["log"]
