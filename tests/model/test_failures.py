"""A pattern of failures in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from perfsuite.model import FailurePattern

ONCE = FailurePattern("timeout", "no answer in time", 1, ("policies.list",), ("policyholder",), 5, 5)
SPREAD = replace(ONCE, count=8, operations=("a", "b", "c"))
REGULAR = replace(SPREAD, every_requests=40, exact=True, every_s=12.4)


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        pytest.param(ONCE, "timeout: no answer in time, once, in policies.list as policyholder", id="one failure"),
        pytest.param(
            replace(ONCE, count=1_200, roles=("a", "b")), "timeout: no answer in time, 1,200 times, in policies.list",
            id="one operation of several roles",
        ),
        pytest.param(SPREAD, "timeout: no answer in time, 8 times, across 3 operations", id="spread, not regular"),
        pytest.param(
            REGULAR, "timeout: no answer in time, 8 times, every 40th request, every 12.4 s, across 3 operations:"
            " likely something in front of the operations", id="regular and exact",
        ),
        pytest.param(
            replace(REGULAR, operations=("a", "b")),
            "timeout: no answer in time, 8 times, every 40th request, every 12.4 s, across 2 operations",
            id="of two operations nothing is supposed",
        ),
        pytest.param(
            replace(SPREAD, every_s=30, kind="http status", message="HTTP 500"),
            "HTTP 500, 8 times, about every 30 s, across 3 operations", id="regular in time alone",
        ),
        pytest.param(
            replace(ONCE, seen_before=("users.list as agent",)),
            "timeout: no answer in time, once, in policies.list as policyholder; seen before the load as well:"
            " users.list as agent", id="preflight saw it",
        ),
    ],
)  # fmt: skip
def test_a_pattern_in_a_sentence(pattern: FailurePattern, sentence: str) -> None:
    assert pattern.sentence == sentence
