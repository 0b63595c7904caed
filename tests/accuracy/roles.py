"""A role whose only action is one request to /health: what its users see is what the target did."""

from __future__ import annotations

from perfsuite.model.role import Behaviour, Role, Step

LOOK = Behaviour("look", 1, (Step("health.root"),))

ROLES = (Role("caller", "Caller", ("caller",), 1, 0.0, 0.0, (LOOK,)),)
