"""One role whose users ask for the health of the service without a pause."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.model.role import Behaviour, Step
from perfsuite.roles import policyholder

_GET = Behaviour("one get", 1, (Step("health.root"),))

ROLES = (replace(policyholder.ROLE, think_min_s=0, think_max_s=0, sources={}, behaviours=(_GET,)),)
