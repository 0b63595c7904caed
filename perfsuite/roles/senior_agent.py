"""Senior Agent: own dashboard, customers and leads, sells policies."""

from __future__ import annotations

from datetime import UTC, datetime

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext
from perfsuite.roles.arguments import own_agent


def _new_lead(session: StepContext) -> Call | None:
    """A lead with the run's mark as its customer name."""
    known = session.need("lead")
    return Call(
        body={
            "customer_name": session.new_mark(),
            "contact_number": f"90000{session.random.randrange(100_000):05d}",
            "lead_source": known[0]["lead_source"] if known else "website",
            "insurance_type": known[0]["insurance_type"] if known else "life",
            "priority": "medium",
        }
    )


def _new_policy(session: StepContext) -> Call | None:
    """A policy for one of the agent's own customers, with the run's mark as its number.

    It resembles one that the agent has sold. If the target shows none, customer and provider come from other lists.
    """
    agent = session.need("own agent")
    sold = session.row_with("policyholder_id", "policy", "customer")
    provider = sold if sold and sold.get("provider_id") else session.row_with("provider_id", "own agent")
    if not agent or sold is None or provider is None:
        return None
    today = datetime.now(UTC).date().isoformat()
    return Call(
        body={
            "policy_number": session.new_mark(),
            "policyholder_id": sold["policyholder_id"],
            "agent_id": agent[0]["agent_id"],
            "provider_id": provider["provider_id"],
            "policy_type": sold.get("policy_type") or "term_life",
            "plan_name": sold.get("plan_name") or "Term plan",
            "category": "life",
            "sum_assured": 500_000,
            "premium_amount": 12_500,
            "premium_frequency": "annual",
            "application_date": today,
            "start_date": today,
        }
    )


def _the_new_policy(session: StepContext) -> Call | None:
    row = session.just_made("policy")
    return Call(path={"policy_id": str(row["policy_id"])}) if row else None


ROLE = Role(
    slug="senior_agent",
    title="Senior Agent",
    api_names=("senior_agent",),
    weight=10,
    think_min_s=0.5,
    think_max_s=2,
    sources={
        "own agent": Step("agents.profile"),
        "policy": Step("policies.list"),
        "customer": Step("agents.customers", own_agent),
        "lead": Step("leads.list"),
    },
    behaviours=(
        Behaviour("personal dashboard", 40, (Step("dashboard.senior_agent"), Step("agents.profile"))),
        Behaviour(
            "customer management",
            30,
            (Step("agents.customers", own_agent), Step("leads.list"), Step("leads.create", _new_lead, every=3)),
        ),
        Behaviour(
            "policy creation",
            20,
            (Step("policies.create", _new_policy), Step("policies.read", _the_new_policy, of_run=True)),
        ),
        Behaviour("analytics", 10, (Step("agents.performance"), Step("analytics.comprehensive"))),
    ),
)
