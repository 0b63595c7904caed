"""The role of the accuracy experiments, whose steps take CPU time of the load process itself.

`python`-time of roles is real: whoever writes one can make a step that computes for long.
"""

from __future__ import annotations

import time

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext

BURNT_S = 0.005


def _burn(_session: StepContext) -> Call:
    until = time.thread_time() + BURNT_S
    while time.thread_time() < until:
        pass
    return Call()


ROLES = (Role("caller", "Caller", ("caller",), 1, 0.0, 0.0, (Behaviour("look", 1, (Step("health.root", _burn),)),)),)
