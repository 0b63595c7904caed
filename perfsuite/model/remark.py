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
