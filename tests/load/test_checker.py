"""Checks of correctness beside a load: never more than their share, all of them recorded, and over when the load is."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.correctness.check import TokenKind
from perfsuite.correctness.permissions import REFUSED_TOKENS
from perfsuite.correctness.schedule import OVERDRAFT
from perfsuite.messages.checks import WhyNot
from tests.load.child import findings

AT_ONCE_S = 5.0
"""And not after the half minute that the check would wait."""
ENDS_WITHIN_S = 10.0
"""Two seconds that answers may take, and what a busy machine adds; these answers take half a minute."""


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """All cases, done in one process."""
    answers: dict[str, Any] = findings("in_child_checker")
    return answers


def test_checks_send_what_the_load_has_earned_logins_included(found: dict[str, Any]) -> None:
    told = found["shares"]

    assert told["results"] == {"asks: held": 4, "impossible: not checked no account": 1}
    assert told["requests"] == [5, 5, 5], "recorded, counted and received: 2 % of 250"


def test_a_check_that_the_load_never_earned_is_told(found: dict[str, Any]) -> None:
    assert found["never reached"]["results"] == {
        f"asks: not checked {WhyNot.OVER_BUDGET()}": 1,
        f"{REFUSED_TOKENS[TokenKind.EXPIRED]}: not checked {WhyNot.NONE_EXPIRED()}": 1,
    }, "no budget makes a token expire"


def test_an_account_that_the_load_uses_needs_no_login(found: dict[str, Any]) -> None:
    assert found["lent login"]["results"] == {"asks: held": 1}
    assert found["lent login"]["requests"] == [1, 1, 1]


@pytest.mark.parametrize("case", ["slow", "slow, both"])
def test_the_end_of_the_load_does_not_wait_for_a_target_that_does_not_answer(found: dict[str, Any], case: str) -> None:
    told = found[case]

    assert told["results"] == {"slow: not checked the load ended": 1}
    assert told["requests"][0] == told["requests"][1]
    assert told["took_s"] < ENDS_WITHIN_S


def test_a_check_that_lets_time_pass_sends_nothing_when_the_load_is_over(found: dict[str, Any]) -> None:
    told = found["waiting"]

    assert told["results"] == {"waits: not checked the load ended": 1}
    assert told["requests"] == [2, 2, 2], "a login and its first request"
    assert told["took_s"] < AT_ONCE_S


def test_an_error_of_the_suite_ends_one_check_and_no_other(found: dict[str, Any]) -> None:
    told = found["own error"]

    assert told["rules"] == ["asks", "fails"]
    assert {during for _error, during in told["failed"]} == {"the check 'fails' of users.me"}
    assert "fails: not checked an error of the suite" in told["results"]


def test_a_login_that_is_refused_gives_no_result(found: dict[str, Any]) -> None:
    assert found["login refused"]["results"] == {"both: not checked its login was refused": 1}


def test_requests_of_other_processes_count_from_when_the_checks_begin(found: dict[str, Any]) -> None:
    assert found["elsewhere"] == [0, 0, 2]


def test_nothing_is_written_while_a_stage_is_read_only(found: dict[str, Any]) -> None:
    assert found["read-only stage"] == {"read only": ["reads"], "then": "writes"}


def test_a_check_that_looks_again_sends_a_handful_more_than_the_load_has_earned_and_waits(
    found: dict[str, Any],
) -> None:
    told, overdraft = found["second looks"], int(OVERDRAFT)
    at_first, at_last = 200 * 0.02 + overdraft, 650 * 0.02 + overdraft
    assert told["sent"] == [at_first, at_first, at_last]
    assert told["results"] == {"looks again: not checked the load ended": 1}
    assert told["requests"] == [at_last] * 3


def test_a_check_writes_no_more_when_a_read_only_stage_begins_and_puts_back_what_it_changed(
    found: dict[str, Any],
) -> None:
    begins = found["read-only stage begins"]
    assert begins["results"] == {"changes: not checked a read-only stage began": 1}
    assert begins["written"] == ["dark", "light"]


def test_a_violation_calls_accounts_by_their_number_in_the_credentials(found: dict[str, Any]) -> None:
    assert found["wrong"] == {
        "seen": "that of policyholder#7",
        "evidence": ["policyholder#7"],
        "steps": ["policyholder#7"],
    }
    assert list(found["numbers"].items()) == [(number, number) for number in "35124"]


def test_what_a_file_switches_off_is_not_checked_which_is_recorded(found: dict[str, Any]) -> None:
    told = found["switched off"]
    assert "refused without a token, users.me" in told["off"]
    assert "refused to other roles, users.list" in told["off"]
    assert {each.rpartition(", ")[2] for each in told["off"]} == {"users.me", "users.list", "policies.list"}
    assert told["refused"] == ["dashboard.system", "policies.list"]


def test_no_greenlet_ends_by_an_error(found: dict[str, Any]) -> None:
    assert found["heard"] == []
