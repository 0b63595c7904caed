"""What all sessions of one process share: the run's identity, what is left out, and what it has made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from perfsuite.api.exchange import RequestIds
from perfsuite.api.journal import Journal, Marks

MAX_REMEMBERED = 200


@dataclass(slots=True)
class Run:
    """Shared by the sessions of a process. `purpose` is sent along, so that the target's log can tell
    load ("") from preflight and cleanup."""

    run_id: str
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Role slug → operations not to be made."""
    purpose: str = ""
    journal: Journal = field(default_factory=lambda: Journal(None))
    thorough: bool = False
    """Preflight: every step takes part in every action."""
    request_ids: RequestIds = field(default_factory=RequestIds)
    marks: Marks = field(init=False)
    created: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Kind of row → rows that this process made and that are still there."""
    owners: dict[str, str] = field(default_factory=dict)
    """Id of a person's own row (policyholder) → user id it was first answered to."""

    def __post_init__(self) -> None:
        self.marks = Marks(self.run_id)

    @property
    def run_header(self) -> str:
        """Value of X-Run-ID."""
        return f"{self.run_id}/{self.purpose}" if self.purpose else self.run_id

    def remember(self, kind: str, row: dict[str, Any]) -> None:
        """Keep a row that this process made for the steps that work on one; the oldest go when there are many."""
        rows = self.created.setdefault(kind, [])
        rows.append(row)
        if len(rows) > MAX_REMEMBERED:
            del rows[0]

    def leaves_out(self, role: str, operation: str) -> bool:
        """True when `role` must not make `operation`."""
        return operation in self.left_out.get(role, frozenset())
