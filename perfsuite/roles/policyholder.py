"""Policyholder: the customers. They see their own profile, policies and payments, and nobody else's."""

from __future__ import annotations

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext
from perfsuite.roles.arguments import one, own_user, same

_THEME = "theme_preference"


def _preferences(session: StepContext) -> Call | None:
    """A new theme for the own account. Cleanup restores the old one if the target shows it."""
    if not session.user_id:
        return None
    shown = session.need("preferences")
    if not shown and not session.leaves_out("preferences.read"):
        return None  # the request failed, and an unknown theme could not be restored
    if shown and _THEME in shown[0]:
        session.note_theme(shown[0][_THEME])
    else:
        session.note_not_restorable("theme preference of account", session.user_id)
    return Call(path={"user_id": session.user_id}, body={_THEME: session.random.choice(("light", "dark"))})


ROLE = Role(
    slug="policyholder",
    title="Policyholder",
    api_names=("policyholder",),
    weight=50,
    think_min_s=1,
    think_max_s=4,
    sources={"policy": Step("policies.list"), "preferences": Step("preferences.read", own_user)},
    behaviours=(
        Behaviour("profile access", 70, (Step("users.me"), Step("users.preferences", _preferences, every=10))),
        Behaviour(
            "policy viewing",
            20,
            (Step("policies.list"), Step("policies.read", one("policy")), Step("policies.coverage", same("policy"))),
        ),
        Behaviour("payment access", 10, (Step("policies.premiums", one("policy")),)),
    ),
)
