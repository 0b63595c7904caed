"""The role of the accuracy experiments, whose steps now and then block the event loop: nobody else of the load process
runs meanwhile, though it takes no CPU time."""

from __future__ import annotations

import time

from gevent.monkey import get_original

from perfsuite.model.role import Behaviour, Call, Role, Step, StepContext

EVERY_S, BLOCKED_S = 1.0, 0.15
_sleep = get_original("time", "sleep")
_blocked_at = 0.0


def _block(_session: StepContext) -> Call:
    global _blocked_at
    if time.monotonic() - _blocked_at > EVERY_S:
        _sleep(BLOCKED_S)
        _blocked_at = time.monotonic()
    return Call()


ROLES = (Role("caller", "Caller", ("caller",), 1, 0.2, 0.6, (Behaviour("look", 1, (Step("health.root", _block),)),)),)
