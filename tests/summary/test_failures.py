"""Failures grouped for a person, and the target that was lost."""

from __future__ import annotations

import pytest

from perfsuite.measurements.records import Requests
from perfsuite.model import ALL, FailureGroup, FailureKind
from perfsuite.summary.failures import MOST_GROUPS, OTHER_MESSAGES, failure_groups, target_lost_at
from perfsuite.summary.periods import PhaseTimes, timeline
from tests.summary.made_records import START, Process

LIST = ("reader", "browsing", "policies.list")


def test_failures_are_grouped_with_the_most_frequent_first() -> None:
    one = Process()
    records = [
        one.requests(9, failed_ms=[1], message="answered 503"),
        one.requests(8, failed_ms=[1], message="answered 500"),
        one.requests(3, [1], [1, 2], message="answered 503"),
        one.requests(5, failed_ms=[1] * 4, kind=FailureKind.WRONG_ANSWER, message="policy_id is missing"),
    ]
    assert failure_groups(records) == (
        FailureGroup(
            "reader", "policies.list", "wrong answer", "policy_id is missing", 4, START + 5, START + 5, "id-4"
        ),
        FailureGroup("reader", "policies.list", "http status", "answered 503", 3, START + 3, START + 9, "id-3"),
        FailureGroup("reader", "policies.list", "http status", "answered 500", 1, START + 8, START + 8, "id-2"),
    )


def test_an_empty_request_id_gives_way_to_one_that_can_be_looked_for() -> None:
    one = Process()
    nameless = one.requests(1, failed_ms=[1])
    for error in nameless.errors:
        nameless = Requests(
            *(getattr(nameless, name) for name in ("worker", "sequence", "second", "role", "behaviour", "operation")),
            nameless.ok,
            nameless.failed,
            [type(error)(error.kind, error.message, 1, "")],
        )
    assert failure_groups([nameless, one.requests(2, failed_ms=[1])])[0].request_id == "id-2"


def test_more_than_a_thousand_groups_are_added_up_by_kind() -> None:
    one = Process()
    records = [one.requests(n, failed_ms=[1] * (1 + (n < 5)), message=f"message {n:04}") for n in range(1200)]
    records += [one.requests(9, failed_ms=[1], kind=FailureKind.TIMEOUT, message="late")]
    groups = failure_groups(records)

    assert len(groups) <= MOST_GROUPS
    assert sum(group.count for group in groups) == 1200 + 5 + 1
    others = {group.kind: group for group in groups if group.message == OTHER_MESSAGES}
    assert set(others) == {"http status", "timeout"} or set(others) == {"http status"}
    assert (others["http status"].role, others["http status"].operation) == (ALL, ALL)
    assert groups[0] == others["http status"]


A, B, C, D = "answered", "unanswered", "answered with an error", "nothing sent"


@pytest.mark.parametrize(
    ("seconds", "lost_at"),
    [
        pytest.param([A] * 20, None, id="all was answered"),
        pytest.param([A] * 10 + [B] * 10, 10, id="nothing was answered from second 10 on"),
        pytest.param([A] * 15 + [B] * 5, 15, id="5 s are enough"),
        pytest.param([A] * 16 + [B] * 4, None, id="4 s are too short"),
        pytest.param([A] * 5 + [B] * 10 + [A] * 5, None, id="it came back"),
        pytest.param([A] * 10 + [C] * 10, None, id="an error is an answer"),
        pytest.param([A] * 10 + [D] * 4 + [B] + [D] * 5, 14, id="seconds without a request neither begin nor break"),
        pytest.param([A] * 10 + [D] * 10, None, id="without a request nothing is known"),
        pytest.param([B] * 20, 0, id="it never answered"),
    ],
)
def test_target_lost(seconds: list[str], lost_at: int | None) -> None:
    one = Process()
    made = {
        A: lambda at: [one.requests(at, [5])],
        B: lambda at: [one.requests(at, failed_ms=[5], kind=FailureKind.CONNECTION_REFUSED)],
        C: lambda at: [one.requests(at, failed_ms=[5]), one.requests(at, failed_ms=[9], kind=FailureKind.TIMEOUT)],
        D: lambda _at: [],
    }
    requests = {START + at: made[what](at) for at, what in enumerate(seconds)}
    # In the ramp-down the target is back: that is after the load.
    requests[START + 20] = [one.requests(20, [5])]
    when = timeline(PhaseTimes(START, START + 2, START + 20, START + 21), START, START + 20)

    assert target_lost_at(requests, when) == (None if lost_at is None else START + lost_at)
