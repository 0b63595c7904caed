"""Super Admin: monitors the whole system, manages accounts and feature flags."""

from __future__ import annotations

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext
from perfsuite.roles.arguments import one

_NAMES = ("first_name", "last_name", "display_name")


def _own_names_again(session: StepContext) -> Call | None:
    """The own account with its current names: a real write that changes nothing."""
    names = {name: session.user[name] for name in _NAMES if session.user.get(name)}
    return Call(path={"user_id": session.user_id}, body=names) if names and session.user_id else None


def _flag(session: StepContext) -> Call | None:
    """A flag named perf_… is toggled (cleanup restores it); any other keeps the value just read."""
    flags = session.need("flag")
    ours = [flag for flag in flags if str(flag["flag_name"]).startswith("perf_")]
    if not flags:
        return None
    flag = session.random.choice(ours or flags)
    enabled = bool(flag["is_enabled"])
    if ours:
        session.note_flag(str(flag["flag_name"]), enabled)
        enabled = not enabled
    return Call(path={"flag_name": str(flag["flag_name"])}, body={"is_enabled": enabled})


ROLE = Role(
    slug="super_admin",
    title="Super Admin",
    api_names=("super_admin",),
    weight=1,
    think_min_s=2,
    think_max_s=5,
    sources={"user": Step("users.list"), "flag": Step("flags.list")},
    behaviours=(
        Behaviour("dashboard KPIs", 30, (Step("dashboard.system"), Step("analytics.comprehensive"))),
        Behaviour(
            "user management",
            20,
            (Step("users.list"), Step("users.read", one("user")), Step("users.update", _own_names_again, every=5)),
        ),
        Behaviour("system health", 15, (Step("health.root"), Step("health.database"))),
        Behaviour("feature flags", 10, (Step("flags.list"), Step("flags.update", _flag, every=5))),
    ),
)
