"""Failures grouped for a person, and the target that was lost."""

from __future__ import annotations

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Requests
from perfsuite.model import ALL, FailureGroup, FailureKind
from perfsuite.summary.failures import MOST_GROUPS, OTHER_MESSAGES, failure_groups
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
    assert failure_groups(Aggregate.of(records).failures) == (
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
    assert failure_groups(Aggregate.of([nameless, one.requests(2, failed_ms=[1])]).failures)[0].request_id == "id-2"


def test_more_than_a_thousand_groups_are_added_up_by_kind() -> None:
    one = Process()
    records = [one.requests(n, failed_ms=[1] * (1 + (n < 5)), message=f"message {n:04}") for n in range(1200)]
    records += [one.requests(9, failed_ms=[1], kind=FailureKind.TIMEOUT, message="late")]
    groups = failure_groups(Aggregate.of(records).failures)

    assert len(groups) <= MOST_GROUPS
    assert sum(group.count for group in groups) == 1200 + 5 + 1
    others = {group.kind: group for group in groups if group.message == OTHER_MESSAGES}
    assert set(others) == {"http status", "timeout"} or set(others) == {"http status"}
    assert (others["http status"].role, others["http status"].operation) == (ALL, ALL)
    assert groups[0] == others["http status"]
