"""A list that belongs to one row is called empty only if it is so for other rows, too."""

from __future__ import annotations

from collections.abc import Collection

import pytest

from perfsuite.model import Works
from perfsuite.preflight.empty_lists import ROWS
from perfsuite.target.exchange import Answer
from perfsuite.target.journal import Marks
from tests.preflight.test_run import check_of, look
from tests.target.contract import PREMIUM, row
from tests.target.fake_target import Asked, FakeTarget, answer

OWN = ("policy-0", "policy-1", "policy-2")
"""What the policyholder sees."""
PAYMENTS, COVER = "policies.premiums", "policies.coverage"
NOTHING = {"premiums": []}


def paid(asked: Asked) -> Answer:
    return answer({"premiums": [row(PREMIUM, id=f"payment for {asked.ids['policy_id']}")]})


def target_with(payments_for: Collection[str], sold_by_runs: Collection[str] = ()) -> FakeTarget:
    target, marks = FakeTarget(), Marks("basic_20260228_093000")
    for policy in sold_by_runs:
        target.policies[policy]["policy_number"] = marks.next()
    target.handle(PAYMENTS, lambda asked: paid(asked) if asked.ids["policy_id"] in payments_for else answer(NOTHING))
    return target


def note(target: FakeTarget, operation: str = PAYMENTS) -> str:
    return check_of(look(target), "policyholder", operation).empty_note


@pytest.mark.parametrize("policy", OWN)
def test_one_policy_with_payments_is_enough_whichever_was_asked_about(policy: str) -> None:
    assert note(target_with(payments_for=[policy])) == ""


def test_where_no_policy_has_payments_the_list_is_empty() -> None:
    target = target_with(payments_for=())

    assert note(target) == "GET /policies/{policy_id}/premiums answered no rows"
    asked = [each.ids["policy_id"] for each in target.asked_for(PAYMENTS)]
    assert (len(asked), set(asked[1:])) == (1 + ROWS, set(OWN))


def test_a_list_with_rows_is_asked_once() -> None:
    target = FakeTarget()

    assert note(target) == ""
    assert len(target.asked_for(PAYMENTS)) == 1


def test_policies_that_runs_have_sold_prove_nothing() -> None:
    assert note(target_with(payments_for=(), sold_by_runs=OWN)) == ""


def test_of_many_policies_of_runs_the_one_that_was_there_is_asked_about() -> None:
    target = target_with(payments_for=["policy-1"], sold_by_runs=("policy-0", "policy-2"))

    assert note(target) == ""


def test_each_list_is_looked_at_by_itself() -> None:
    target = target_with(payments_for=OWN)
    target.always(COVER, answer({"coverage": []}))

    assert note(target, COVER) == "GET /policies/{policy_id}/coverage answered no rows"


def test_a_failure_of_the_further_requests_breaks_no_operation() -> None:
    target, answers = target_with(payments_for=()), [answer(NOTHING)]
    target.handle(PAYMENTS, lambda _asked: answers.pop() if answers else answer({"detail": "down"}, 503))

    check = check_of(look(target), "policyholder", PAYMENTS)

    assert (check.works, check.message) == (Works.YES, "")
    assert len(target.asked_for(PAYMENTS)) == 1 + ROWS
