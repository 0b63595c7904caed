"""A pattern of failures in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.messages.failures import FailureMessage
from perfsuite.model import FailurePattern

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
