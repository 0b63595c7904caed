"""Policyholder: the customers. Own profile, own policies, own payments, and nobody else's."""

from __future__ import annotations

from typing import TYPE_CHECKING

from perfsuite.api.journal import Entry
from perfsuite.roles.arguments import one, same
from perfsuite.roles.role import Behaviour, Call, Role, Step

if TYPE_CHECKING:
    from perfsuite.api.session import Session


def _preferences(session: Session) -> Call | None:
    """A theme for the own account. The API offers no way to read the old one, so it cannot be put back."""
    if not session.user_id:
        return None
    session.run.journal.write_once(Entry("not restorable", "theme preference of account", session.user_id))
    return Call(path={"user_id": session.user_id}, body={"theme_preference": session.random.choice(("light", "dark"))})


ROLE = Role(
    slug="policyholder",
    title="Policyholder",
    api_names=("policyholder",),
    weight=50,
    think_min_s=1,
    think_max_s=4,
    sources={"policy": Step("policies.list")},
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
