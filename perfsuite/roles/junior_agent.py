"""Junior Agent: looks at its own profile and browses policies page by page."""

from perfsuite.model.role import Behaviour, Role, Step
from perfsuite.roles.arguments import one, page

ROLE = Role(
    slug="junior_agent",
    title="Junior Agent",
    api_names=("junior_agent",),
    weight=20,
    think_min_s=0.5,
    think_max_s=1.5,
    behaviours=(
        Behaviour("profile access", 60, (Step("users.me"), Step("agents.profile"))),
        Behaviour(
            "policy browsing",
            25,
            (
                Step("policies.page", page(0)),
                Step("policies.page", page(1)),
                Step("policies.page", page(2)),
                Step("policies.read", one("policy")),
            ),
        ),
        Behaviour("basic analytics", 15, (Step("agents.performance"),)),
    ),
)
