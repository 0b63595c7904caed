"""What the target is and offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum


class Works(StrEnum):
    """What preflight found out about one operation for one role."""

    YES = "ok"
    MISSING = "missing"  # the target does not list it
    BROKEN = "broken"  # it fails without any load
    NO_DATA = "no data"  # it needs an id that the target does not have
    LEFT_OUT = "left out"  # a write, and the run is read-only


@dataclass(frozen=True, slots=True)
class OperationCheck:
    """The outcome of calling one operation once as one role."""

    role: str
    operation: str
    method: str
    path: str
    works: Works
    status: int | None = None
    message: str = ""
    elapsed_ms: float | None = None
    differs: tuple[str, ...] = ()
    """In what its answers differ from the contract, in words; the operation may work all the same."""


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What the target is and offers. Written to `preflight.json`."""

    host: str
    service: str
    version: str
    offered: tuple[str, ...]
    checks: tuple[OperationCheck, ...]
    dead_behaviours: tuple[str, ...] = ()
    """"role / behaviour" of which nothing is left to do."""
    data_size: dict[str, int] = field(default_factory=dict)
    """Rows at the target by kind, where it told: users, agents, policies."""
    schema: int = 1

    def left_out(self, role: str) -> frozenset[str]:
        """Operations that the load must not make as `role`."""
        return frozenset(
            check.operation
            for check in self.checks
            if check.role == role and check.works in (Works.MISSING, Works.BROKEN, Works.LEFT_OUT)
        )
