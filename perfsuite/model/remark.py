"""What a target reports of itself and cannot be taken at its word."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Remark:
    """Answers whose report was not used, in one group.

    `about`: what is reported, such as "X-Process-Time"; `why`: the reason, the same for the whole group; `example`:
    what one of them reported; `count`: how many they are.
    """

    about: str
    why: str
    example: str
    count: int = 1


@dataclass(frozen=True, slots=True)
class ServerTimes:
    """What answers reported as the server's own time, whole run.

    `reported`: answers that reported one; `ignored`: those of them whose time cannot be; `zeros`: those that reported
    0, where these are too many. Where it is not `used`, no figure of the server's time is made.
    """

    reported: int = 0
    ignored: int = 0
    used: bool = True
    zeros: int = 0


NO_SERVER_TIMES = ServerTimes()
"""No answer reported one."""
