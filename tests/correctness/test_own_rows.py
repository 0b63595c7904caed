"""Rows of checks stay few, and are not what a load sees first."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.correctness import contests, next_reads, writes
from perfsuite.correctness.check import WITHOUT_LOAD, CheckActor, Held, NotChecked, Reply, Send
from perfsuite.correctness.drive import carry_out
from perfsuite.correctness.own_rows import ENOUGH, OwnRow, different, same, showing_deletions
from perfsuite.target.write_rules import LEADS, POLICIES
from tests.backend.support import Api
from tests.correctness.carriers import BareContext, InOrder
from tests.correctness.real_target import outcomes_of

CREATE = {check.operation: check for check in writes.checks()}
DELETE = {check.operation: check for check in next_reads.checks()}
NUMBER, _TICKET = contests.checks()
DONE, NONE = (200, {"success": True}), (200, [])


def lead(number: int) -> dict[str, Any]:
    return {"lead_id": f"lead {number}", "customer_name": f"PERF-{number}", "lead_status": "new"}


def leads(*numbers: int) -> tuple[int, Any]:
    return 200, {"data": {"leads": [lead(number) for number in numbers]}}


def create(context: BareContext, number: int, *more: tuple[int, Any]) -> InOrder:
    carrier = InOrder(leads(), (201, lead(number)), leads(number), *more)
    assert carry_out(CREATE["leads.create"], context, carrier) == Held()
    return carrier


def delete(context: BareContext, number: int, *more: tuple[int, Any]) -> InOrder:
    carrier = InOrder(leads(number), DONE, leads(), *more)
    assert carry_out(DELETE["leads.delete"], context, carrier) == Held()
    return carrier


def test_rows_that_no_check_needs_are_deleted_where_one_is_deleted_anyway() -> None:
    context, made = BareContext(), ENOUGH + 4
    for number in range(1, made + 1):
        create(context, number)
    surplus = [delete(context, made - at, DONE).sent[-1] for at in range(2)]
    assert [(send.operation, send.path["lead_id"]) for send in surplus] == [
        ("leads.delete", "lead 1"),
        ("leads.delete", "lead 2"),
    ]
    assert len(delete(context, made - 2).sent) == 3, "no more than enough are left"


def test_a_surplus_that_cannot_be_deleted_changes_no_result() -> None:
    context, made = BareContext(), ENOUGH + 2
    for number in range(1, made + 1):
        create(context, number)
    delete(context, made, (503, None))


def test_creations_delete_what_no_check_needs_once_a_deletion_was_seen() -> None:
    context = BareContext()
    create(context, 1)
    delete(context, 1)
    for number in range(2, ENOUGH + 2):
        create(context, number)
    last = create(context, ENOUGH + 2, DONE)
    assert len(last.sent) == CREATE["leads.create"].requests + 1
    assert (last.sent[-1].operation, last.sent[-1].path) == ("leads.delete", {"lead_id": "lead 2"})


SOLD = {"policyholder_id": "h", "agent_id": "a", "provider_id": "p", "policy_type": "t", "plan_name": "n"}


def number_given(context: BareContext, number: int, *more: tuple[int, Any]) -> InOrder:
    policy = {"policy_id": f"policy {number}", "policy_number": f"PERF-{number}", "status": "pending"}
    carrier = InOrder(*([] if context.known else [(200, [SOLD])]), (201, policy), (409, None), (200, [policy]), *more)
    assert carry_out(NUMBER, context, carrier) == Held()
    return carrier


def test_a_policy_of_which_two_wanted_the_number_is_the_next_check_s() -> None:
    context = BareContext()
    number_given(context, 1)
    carrier = InOrder((503, None))
    assert carry_out(DELETE["policies.delete"], context, carrier) == NotChecked("HTTP 503")
    assert [send.operation for send in carrier.sent] == ["policies.list"], "none was made"


def test_nothing_is_deleted_besides_before_a_check_has_seen_what_a_deletion_leaves() -> None:
    context = BareContext()
    for number in range(1, ENOUGH + 3):
        number_given(context, number)
    context.known[showing_deletions(POLICIES, "policies.list")] = True
    assert number_given(context, ENOUGH + 3, DONE).sent[-1].path == {"policy_id": "policy 1"}


def test_policies_are_of_several_customers() -> None:
    context, customers = BareContext(), [f"h {number}" for number in range(20)]
    rows = [{**SOLD, "policyholder_id": each} for each in customers]
    sent = []
    for number in range(1, 21):
        policy = {"policy_id": "1", "policy_number": f"PERF-{number}"}
        carrier = InOrder(*([] if context.known else [(200, rows)]), (201, policy), (409, None), NONE)
        carry_out(NUMBER, context, carrier)
        sent.append((carrier.sent[-2].body or {})["policyholder_id"])
    assert len(set(sent)) > 5


def test_lists_of_policies_do_not_begin_with_those_of_checks(api: Api) -> None:
    checks = [CREATE["policies.create"], NUMBER, CREATE["policies.create"]]
    assert set(outcomes_of(api, checks).values()) == {Held()}
    numbers = [row["policy_number"] for row in api.get("super_admin", "/policies/?limit=20")]
    assert len(numbers) == 20
    assert not [number for number in numbers if number.startswith("PERF-")]


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (500_000, "500000.00"),
        ("9000000000", "+91 90000-00000"),
        ("9000000000", "90******00"),
        ("9000000000", "XXXXXX0000"),
        ("low", "LOW"),
        ("  Asha ", "Asha"),
        ("2020-07-01", "2020-07-01T00:00:00"),
        ("2020-07-01", "2020-06-30T18:30:00Z"),
    ],
)
def test_the_same_value_in_another_form(sent: Any, shown: Any) -> None:
    assert same(sent, shown)


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        (500_000, "50000.00"),
        (500_000, None),
        ("9000000000", "+91 90000-00001"),
        ("5", "15"),
        ("low", "high"),
        ("low", None),
        ("2020-07-01", "2020-07-02"),
        ("2020-07-01", "2020-06-29T18:30:00Z"),
        ("2020-07-01", "soon"),
    ],
)
def test_another_value(sent: Any, shown: Any) -> None:
    assert not same(sent, shown)


def test_a_form_that_the_answer_to_the_creation_has_already_is_the_target_s_own() -> None:
    sent = {"customer_name": "PERF-1", "priority": "low", "lead_source": "website"}
    answered = {"lead_id": "1", "customer_name": "PERF-1", "priority": "P3"}
    row = OwnRow(LEADS, sent, Reply(Send(CheckActor("senior_agent"), "leads.create"), 201, answered))
    context = BareContext()

    def differing(operation: str = "leads.list", **shown: str) -> str:
        return different(context, row, {**sent, **shown}, operation)

    assert not differing(priority="P3", lead_source="Web site")  # which the answer to the creation leaves out
    assert differing(priority="P3", customer_name="PERF-2") == "customer_name"
    assert differing(lead_source="referral") == "lead_source"
    assert not differing("leads.search", lead_source="Web site")
    context.known[WITHOUT_LOAD] = ()
    assert differing("leads.page", lead_source="Web site") == "lead_source"
