"""The caller, in a load process that cannot tell when its actions are due."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from perfsuite.load import state
from perfsuite.load.schedule import Due
from tests.accuracy.roles import ROLES as CALLERS

ROLES = CALLERS


def unpaced(*_what: Any) -> Iterator[Due]:
    """What stands for whatever the pacing cannot bear."""
    yield Due(1 / 0, "caller", 0)


state.dues = unpaced
