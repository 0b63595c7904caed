"""A pattern of failures in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.messages.failures import FailureMessage
from perfsuite.model import FailureKind, FailurePattern
from perfsuite.model.failures import NEVER_THE_TARGETS, stays_in

ONCE = FailurePattern("timeout", "no answer in time", 1, ("policies.list",), ("policyholder",), 5, 5)
SPREAD = replace(ONCE, count=8, operations=("a", "b", "c"))
REGULAR = replace(SPREAD, every_requests=40, exact=True, every_s=12.4)


IN_FRONT, NOT_SEEN = FailureMessage.LIKELY_IN_FRONT, FailureMessage.NOT_SEEN_BEFORE


@pytest.mark.parametrize(
    ("pattern", "fields", "details"),
    [
        pytest.param(ONCE, {"times": "once", "where": "in policies.list as policyholder"}, [], id="one failure"),
        pytest.param(
            replace(ONCE, count=1_200, roles=("a", "b")), {"times": "1,200 times", "where": "in policies.list"}, [],
            id="one operation of several roles",
        ),
        pytest.param(SPREAD, {"where": "across 3 operations"}, [], id="spread, not regular"),
        pytest.param(
            REGULAR, {"spacing": "every 40th request, every 12.4 s"}, [IN_FRONT], id="regular and exact",
        ),
        pytest.param(
            replace(REGULAR, operations=("a", "b")), {"where": "across 2 operations"}, [],
            id="of two operations nothing is supposed",
        ),
        pytest.param(
            replace(SPREAD, every_s=30, kind="http status", message="HTTP 500"),
            {"what": "HTTP 500", "spacing": "about every 30 s"}, [], id="regular in time alone",
        ),
        pytest.param(
            replace(ONCE, seen_before=("users.list as agent",)), {}, [FailureMessage.SEEN_BEFORE],
            id="preflight saw it",
        ),
        pytest.param(replace(REGULAR, seen_before=()), {}, [IN_FRONT, NOT_SEEN], id="preflight did not"),
        pytest.param(
            replace(REGULAR, kind=FailureKind.GENERATOR), {"spacing": "every 40th request, every 12.4 s"}, [],
            id="in front of a request that did not leave is nothing",
        ),
        pytest.param(
            replace(ONCE, kind="connection refused", message="connection refused"), {"what": "connection refused"}, [],
            id="a message that is the kind is named once",
        ),
    ],
)  # fmt: skip
def test_a_pattern_in_a_sentence(
    pattern: FailurePattern, fields: dict[str, str], details: list[FailureMessage]
) -> None:
    assert fields.items() <= pattern.sentence.fields.items()
    assert [detail.code for detail in pattern.sentence.details] == details


@pytest.mark.parametrize(
    ("kind", "elapsed_us", "judged"),
    [
        pytest.param(FailureKind.GENERATOR, 5_000_000, False, id="a limit of this machine, however long that took"),
        pytest.param(FailureKind.SUITE_ERROR, 5_000_000, False, id="nor does an error of the suite say anything"),
        pytest.param(FailureKind.IDLE_CLOSED, 900, False, id="a closed connection is noticed at once: an error"),
        pytest.param(FailureKind.IDLE_CLOSED, 1_000_000, True, id="unless the user waited for it"),
        pytest.param(FailureKind.TIMEOUT, 900, True, id="a wait in vain always counts"),
        pytest.param(FailureKind.STATUS, 5_000_000, False, id="an answered error is not speed"),
    ],
)
def test_which_times_of_failures_targets_judge(kind: FailureKind, elapsed_us: int, judged: bool) -> None:
    assert stays_in(kind, elapsed_us) is judged


def test_a_request_that_never_left_does_not_say_whether_the_target_answers() -> None:
    assert FailureKind.IDLE_CLOSED.never_answered
    assert not FailureKind.GENERATOR.never_answered
    assert FailureKind.GENERATOR in NEVER_THE_TARGETS
