"""A role of somebody's own whose second step fails at every other action."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from perfsuite.model.role import Behaviour, Call, Role, Step

if TYPE_CHECKING:
    from perfsuite.target.session import Session

_actions = itertools.count(1)


def wrong(_session: Session) -> Call:
    """A row that is not as its author thought."""
    return Call(path={"id": ({} if next(_actions) % 2 else {"id": "1"})["id"]})


LOOK = Behaviour("look", 1, (Step("health.root"), Step("health.root", wrong)))

ROLES = (Role("caller", "Caller", ("caller",), 1, 0.1, 0.2, (LOOK,)),)
