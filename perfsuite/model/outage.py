"""When nobody at the target answered, and what the end of the load cut off."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Outage:
    """No request was answered by the target from `start` (UTC second) until before `end`; None: to the end of the load.

    `failed`: requests that were due in it and failed for want of the target; `message`: how most of them did.
    """

    start: int
    end: int | None
    failed: int
    message: str


@dataclass(frozen=True, slots=True)
class CutOff:
    """Requests of the steady state that still waited for their answer when the load ended: neither good nor bad."""

    role: str
    operation: str
    count: int
