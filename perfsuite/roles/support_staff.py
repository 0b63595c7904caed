"""Support Staff: handles tickets and looks up customers."""

from __future__ import annotations

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext
from perfsuite.roles.arguments import one


def _new_ticket(session: StepContext) -> Call | None:
    """A ticket for a known customer, with the run's mark as its subject."""
    ticket = session.row_with("customer_id", "ticket")
    policy = None if ticket else session.row_with("policyholder_id", "policy")
    customer = ticket["customer_id"] if ticket else policy["policyholder_id"] if policy else None
    if customer is None:
        return None
    return Call(
        body={
            "subject": session.new_mark(),
            "description": "Made by a performance test; removed at its end.",
            "priority": "low",
            "customer_id": customer,
        }
    )


def _ticket_of_this_run(session: StepContext) -> Call | None:
    rows = session.made("ticket")
    if not rows:
        return None
    row = session.random.choice(rows)
    return Call(path={"ticket_id": str(row["ticket_id"])}, body={"status": "in_progress"})


def _a_customers_policies(session: StepContext) -> Call | None:
    policy = session.pick("policy")
    return Call(path={"policyholder_id": str(policy["policyholder_id"])}) if policy else None


def _that_customer(session: StepContext) -> Call | None:
    """The account of the policyholder just looked up; the own one where the target does not name it."""
    holder = session.chosen.get("policy", {}).get("policyholder_info") or {}
    user_id = str(holder.get("user_id") or session.user_id)
    return Call(path={"user_id": user_id}) if user_id else None


ROLE = Role(
    slug="support_staff",
    title="Support Staff",
    api_names=("support_staff",),
    weight=5,
    think_min_s=1,
    think_max_s=3,
    sources={"ticket": Step("tickets.list"), "policy": Step("policies.list")},
    behaviours=(
        Behaviour(
            "ticket management",
            50,
            (
                Step("tickets.list"),
                Step("tickets.read", one("ticket")),
                Step("tickets.create", _new_ticket, every=5),
                Step("tickets.status", _ticket_of_this_run, every=5, of_run=True),
            ),
        ),
        Behaviour(
            "customer data access",
            30,
            (Step("policies.by_policyholder", _a_customers_policies), Step("users.read", _that_customer)),
        ),
        Behaviour("reporting", 20, (Step("analytics.reports"),)),
    ),
)
