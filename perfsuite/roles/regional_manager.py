"""Regional Manager: compares teams, looks at agents, reviews and approves policies."""

from __future__ import annotations

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext
from perfsuite.roles.arguments import an_agent, one

_REGION = "West"
_REVIEWED_STATUS = "active"


def _region(_session: StepContext) -> Call:
    return Call(path={"region": _REGION})


def _reviewed(_session: StepContext) -> Call:
    return Call(path={"status": _REVIEWED_STATUS})


def _policy_of_this_run(session: StepContext) -> Call | None:
    """A policy that a Senior Agent of this run created; each is approved at most once."""
    waiting = session.made("policy")
    return Call(path={"policy_id": str(waiting.pop(0)["policy_id"])}) if waiting else None


ROLE = Role(
    slug="regional_manager",
    title="Regional Manager",
    api_names=("regional_manager",),
    weight=3,
    think_min_s=1,
    think_max_s=2,
    sources={"agent": Step("agents.list"), "policy": Step("policies.by_status", _reviewed)},
    behaviours=(
        Behaviour(
            "team performance",
            50,
            (
                Step("dashboard.regional", _region),
                Step("analytics.agent", an_agent),
                Step("analytics.comprehensive"),
            ),
        ),
        Behaviour("agent oversight", 30, (Step("agents.list"), Step("agents.customers", an_agent))),
        Behaviour(
            "policy reviews",
            20,
            (
                Step("policies.by_status", _reviewed),
                Step("policies.read", one("policy")),
                Step("policies.approve", _policy_of_this_run, every=5, of_run=True),
            ),
        ),
    ),
)
