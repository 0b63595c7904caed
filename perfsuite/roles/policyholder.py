"""Policyholder: the customers. Own profile, own policies, own payments, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perfsuite.api.journal import Entry
from perfsuite.clock import utc_s
from perfsuite.roles.arguments import one, own_user, same
from perfsuite.roles.role import Behaviour, Call, Role, Step

if TYPE_CHECKING:
    from perfsuite.api.session import Session

_THEME = "theme_preference"


def _preferences(session: Session) -> Call | None:
    """A theme for the own account. It is put back after the run where the target shows the old one."""
    if not session.user_id:
        return None
    shown = session.need("preferences")
    run, offered = session.run, not session.run.leaves_out(session.role.slug, "preferences.read")
    if offered and not shown and not run.thorough:
        return None  # it failed this time: what is not known could not be put back
    if shown and _THEME in shown[0]:
        before = shown[0][_THEME]
        entry = Entry("preference", "theme", session.user_id, before=before, by=session.phone_number, at=utc_s())
    else:
        entry = Entry("not restorable", "theme preference of account", session.user_id)
    run.journal.write_once(entry)
    return Call(path={"user_id": session.user_id}, body={_THEME: session.random.choice(("light", "dark"))})


ROLE = Role(
    slug="policyholder",
    title="Policyholder",
    api_names=("policyholder",),
    weight=50,
    think_min_s=1,
    think_max_s=4,
    sources={"policy": Step("policies.list"), "preferences": Step("preferences.read", own_user)},
    owns={"policies.list": "policyholder_id", "policies.read": "policyholder_id"},
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
