"""What the target is and offers."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum

from perfsuite.format import number


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
    """How its answers differ from the contract; the operation may work nevertheless."""
    empty_answer: str = ""
    """"GET /policies/ answered []", of a list that has answered without a row each time."""
    rows_read: int = 0
    """How many rows the database read for such an answer, where that is known."""
    failed_first: str = ""
    """The server error that it got once; it worked when it was repeated."""

    @property
    def retry_note(self) -> str:
        """A note on such an error; "" without one."""
        return f"failed once with {self.failed_first} and worked when it was repeated" if self.failed_first else ""

    @property
    def empty_note(self) -> str:
        """A note on an answer without rows; "" without one."""
        read = f" although the database read {number(self.rows_read)} rows" if self.rows_read else ""
        return f"{self.empty_answer}{read}" if self.empty_answer else ""


@dataclass(frozen=True, slots=True)
class PreflightReport:
    """What the target is and offers. Written to `preflight.json`."""

    host: str
    service: str
    version: str
    offered: tuple[str, ...]
    checks: tuple[OperationCheck, ...]
    dead_behaviours: tuple[str, ...] = ()
    """"role / behaviour" of which no operation is possible."""
    data_size: dict[str, int] = field(default_factory=dict)
    """Rows at the target by kind, where known: users, agents, policies."""
    look_ups_left_out: tuple[str, ...] = ()
    """"role / operation" of lists that only look up ids for the role, and that the target does not offer or that fail
    for it."""
    refusals: dict[str, int] = field(default_factory=dict)
    """Requests that must be refused, by operation and role → the status that they got before the load."""
    uncounted: dict[str, int] = field(default_factory=dict)
    """Operation with a figure that counts policies → how many more were in the list before the load."""
    schema: int = 1

    def left_out(self, role: str) -> frozenset[str]:
        """Operations that the load must not make as `role`."""
        look_ups = (entry.partition(" / ") for entry in self.look_ups_left_out)
        return frozenset(operation for who, _, operation in look_ups if who == role).union(
            check.operation
            for check in self.checks
            if check.role == role and check.works in (Works.MISSING, Works.BROKEN, Works.LEFT_OUT)
        )
