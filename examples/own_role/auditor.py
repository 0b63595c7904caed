"""A role of your own: an auditor who reviews agents and checks that policies are covered and paid for."""

from __future__ import annotations

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext
from perfsuite.roles.arguments import one, same


def _under_audit(session: StepContext) -> Call:
    """Policies of one status; the next action may look at another."""
    return Call(path={"status": session.random.choice(("active", "lapsed"))})


ROLE = Role(
    slug="auditor",
    title="Auditor",
    api_names=("auditor",),
    weight=4,
    think_min_s=2,
    think_max_s=6,
    sources={"agent": Step("agents.list"), "policy": Step("policies.list")},
    behaviours=(
        Behaviour("agent review", 60, (Step("agents.list"), Step("agents.read", one("agent")))),
        Behaviour(
            "policy audit",
            40,
            (
                Step("policies.by_status", _under_audit),
                Step("policies.read", one("policy")),
                Step("policies.coverage", same("policy")),
                Step("policies.premiums", same("policy"), every=3),
            ),
        ),
    ),
)
