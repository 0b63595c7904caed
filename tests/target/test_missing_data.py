"""Why a step could not be made: what it needs, and what the target answered when that was asked for."""

from __future__ import annotations

import pytest

from perfsuite.model.role import Call, Role, Step
from perfsuite.roles import ROLES
from perfsuite.roles.arguments import an_agent, one
from perfsuite.target.run_state import RunState
from tests.target.contract import row
from tests.target.fake_target import answer
from tests.target.test_session import Stage

BY_SLUG = {role.slug: role for role in ROLES}
POLICIES_EMPTY = "GET /policies/ answered []"


def stage(role: str, run: RunState | None = None) -> Stage:
    made = Stage(role, run=run)
    made.target.always("policies.list", answer([]))
    made.session.login()
    return made


def why(made: Stage, *steps: Step) -> list[str]:
    made.perform(*steps)
    return made.notes.why


def test_the_id_that_is_missing_and_the_list_that_was_empty() -> None:
    reads = (Step("policies.list"), Step("policies.read", one("policy")))

    assert why(stage("policyholder"), *reads) == [f"needs a policy_id; {POLICIES_EMPTY}"]


def test_a_list_in_an_envelope_has_no_rows() -> None:
    made = stage("support_staff")
    made.target.tickets.clear()

    assert why(made, Step("tickets.read", one("ticket"))) == [
        "needs a ticket_id; GET /support/tickets/ answered no rows"
    ]


def test_the_source_is_asked_where_no_list_was_seen() -> None:
    made = stage("policyholder")

    assert why(made, Step("policies.premiums", one("policy"))) == [f"needs a policy_id; {POLICIES_EMPTY}"]
    assert len(made.target.asked_for("policies.list")) == 1


def test_every_list_that_might_have_had_the_id_is_named() -> None:
    made = stage("provider_admin")
    made.target.always("agents.list", answer({"data": {"agents": []}}))

    assert why(made, Step("agents.read", an_agent)) == [
        f"needs an agent_id; GET /agents/ answered no rows, {POLICIES_EMPTY}"
    ]


def test_a_list_that_is_left_out_is_not_called_empty() -> None:
    run = RunState("basic_1")
    run.left_out = {"provider_admin": frozenset({"agents.list"})}

    assert why(stage("provider_admin", run), Step("agents.read", an_agent)) == [
        f"needs an agent_id; GET /agents/ is left out, {POLICIES_EMPTY}"
    ]


def test_a_list_that_failed_is_not_called_empty_and_nothing_is_counted() -> None:
    made = Stage("policyholder")
    made.target.always("policies.list", answer({"detail": "down"}, 503))
    made.perform(Step("policies.list"), Step("policies.read", one("policy")))

    assert made.notes.why == []
    assert made.session.missing.not_made == {"policies.read": "needs a policy_id; GET /policies/ failed (HTTP 503)"}


def test_rows_that_come_later_end_the_lack() -> None:
    made = stage("policyholder")
    made.perform(Step("policies.list"))
    made.target.always("policies.list", answer(list(made.target.policies.values())[:1]))

    assert why(made, Step("policies.list"), Step("policies.read", one("policy"))) == []


def test_a_row_of_the_run() -> None:
    approve = next(
        step
        for behaviour in BY_SLUG["regional_manager"].behaviours
        for step in behaviour.steps
        if step.operation == "policies.approve"
    )
    run = RunState("basic_1", thorough=True)

    assert why(Stage("regional_manager", run=run), approve) == [
        "needs a policy_id of what the same process has made, and none of that is left"
    ]


def test_a_flag_has_a_name() -> None:
    made = Stage("super_admin", run=RunState("basic_1", thorough=True))
    made.target.always("flags.list", answer([]))

    flags = next(behaviour for behaviour in BY_SLUG["super_admin"].behaviours if behaviour.name == "feature flags")
    made.session.perform(flags)

    assert made.notes.why == ["needs a flag_name; GET /feature-flags/all answered []"]
    assert made.session.missing.empty_answers == {"flags.list": "GET /feature-flags/all answered []"}


def test_a_page_without_rows_after_one_with_rows_is_no_empty_list() -> None:
    made = Stage("junior_agent", run=RunState("basic_1", thorough=True))
    for behaviour in BY_SLUG["junior_agent"].behaviours:
        made.session.perform(behaviour)
    made.target.always("policies.page", answer([]))
    for behaviour in BY_SLUG["junior_agent"].behaviours:
        made.session.perform(behaviour)

    assert made.session.missing.empty_answers == {}


def test_a_step_that_does_not_say_what_it_needs() -> None:
    def nothing(_session: object) -> Call | None:
        return None

    assert why(stage("policyholder"), Step("users.me", nothing)) == [
        "needs something that the target's answers did not give"
    ]


# ── ids from other answers ──────────────────────────────────────────────────────────────────────────


PROFILE = (
    "agent_code license_number business_name total_policies_sold total_premium_collected active_policyholders status"
    " verification_status hierarchy_level sub_agents_count user_profile"
)


def _selling(*customers: dict[str, str]) -> Stage:
    """Of a senior agent to whom `/policies/` shows nothing; customers and own profile are shown."""
    made = stage("senior_agent", RunState("basic_1", thorough=True))
    made.target.always("agents.customers", answer({"data": {"customers": list(customers)}}))
    profile = row(PROFILE, agent_id="agent-1", user_id="user-senior_agent", provider_id="provider-3")
    made.target.always("agents.profile", answer(profile))
    made.session.perform(next(each for each in BY_SLUG["senior_agent"].behaviours if each.name == "policy creation"))
    return made


def test_a_policy_is_sold_to_a_customer_where_no_policy_is_shown() -> None:
    made = _selling({"policyholder_id": "holder-7", "agent_id": "agent-1"})

    (sold,) = made.target.asked_for("policies.create")
    assert {name: sold.body[name] for name in ("policyholder_id", "provider_id", "agent_id")} == {
        "policyholder_id": "holder-7", "provider_id": "provider-3", "agent_id": "agent-1",
    }  # fmt: skip
    assert sold.body["policy_type"] and sold.body["plan_name"]
    assert made.notes.why == []


def test_where_no_answer_has_the_customer_that_is_what_is_missing() -> None:
    made = _selling()

    assert made.target.asked_for("policies.create") == []
    assert made.notes.why[0] == (
        f"needs a policyholder_id; {POLICIES_EMPTY}, GET /agents/{{agent_id}}/customers answered no rows"
    )


@pytest.mark.parametrize("role", ROLES, ids=lambda role: role.slug)
def test_where_the_contract_holds_nothing_is_missing(role: Role) -> None:
    run = RunState("basic_1", thorough=True)
    run.created = {"policy": [{"policy_id": "policy-0"}], "ticket": [{"ticket_id": "ticket-0"}]}
    made = Stage(role, run=run)
    for behaviour in role.behaviours:
        made.session.perform(behaviour)

    assert made.notes.why == []
