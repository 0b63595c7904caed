"""Provider Admin: an insurer's administrator, over its agents and policies."""

from perfsuite.model.role import Behaviour, Role, Step
from perfsuite.roles.arguments import an_agent, one, same

ROLE = Role(
    slug="provider_admin",
    title="Provider Admin",
    api_names=("provider_admin", "insurance_provider_admin"),
    weight=2,
    think_min_s=1,
    think_max_s=3,
    sources={"agent": Step("agents.list"), "policy": Step("policies.list")},
    behaviours=(
        Behaviour("dashboard analytics", 40, (Step("dashboard.provider"), Step("dashboard.analytics"))),
        Behaviour(
            "agent management",
            25,
            (Step("agents.list"), Step("agents.read", an_agent), Step("agents.customers", same("agent"))),
        ),
        Behaviour(
            "policy oversight",
            20,
            (Step("policies.list"), Step("policies.read", one("policy")), Step("policies.coverage", same("policy"))),
        ),
        Behaviour("reporting", 15, (Step("analytics.reports"),)),
    ),
)
