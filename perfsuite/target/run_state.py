"""What all sessions of one process share: the run's identity, the operations left out, and the rows it has made."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from perfsuite.model import Headers, Plan
from perfsuite.model.correctness import CheckLevel
from perfsuite.model.role import Role
from perfsuite.target.catalogue import Operation
from perfsuite.target.checks import RowOwners, object_of
from perfsuite.target.connection import OPENAPI, deployed, deployed_paths
from perfsuite.target.contract_rules import OWN_LISTS
from perfsuite.target.exchange import USER_AGENT, RequestIds
from perfsuite.target.journal import Journal, JournalEntry, Marks
from perfsuite.target.route import AnswerWatch, Route

MAX_REMEMBERED = 200

_NOT_MADE = frozenset({400, 401, 403, 404, 405, 413, 415, 422, 429})
"""Answers to a creation after which certainly nothing was made. After any other, cleanup looks for the mark."""


@dataclass(slots=True)
class RunState:
    """Shared by the sessions of a process. Every request carries `purpose`, so that the target's log distinguishes
    load ("") from preflight and cleanup."""

    run_id: str
    left_out: Mapping[str, frozenset[str]] = field(default_factory=dict)
    """Role slug → operations that its sessions leave out."""
    purpose: str = ""
    journal: Journal = field(default_factory=lambda: Journal(None))
    thorough: bool = False
    """Preflight: every step takes part in every action."""
    paths: Mapping[str, str] = field(default_factory=dict)
    """Operation → its path at the target, where that is not the contract's."""
    role_names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Slug → names of the role at the target, where the contract has others."""
    differences: dict[tuple[str, str], dict[str, None]] = field(default_factory=dict)
    """Role and operation → texts on how its answers differ from the contract. Only collected when thorough."""
    openapi: str = OPENAPI
    """Path of the list of routes at the target."""
    secrets: tuple[str, ...] = field(default=(), repr=False)
    """Texts besides passwords and tokens that must not appear in a message, even if the target repeats them."""
    request_ids: RequestIds = field(default_factory=RequestIds)
    marks: Marks = field(init=False)
    created: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    """Kind of row → rows that this process made and that still exist."""
    owners: RowOwners = field(default_factory=RowOwners)
    watch: Callable[[Role, Operation], AnswerWatch | None] | None = None
    """Who sees the answers to an operation as a role; None where nobody does."""
    _routes: dict[str, tuple[Role, dict[str, Route]]] = field(default_factory=dict, repr=False)

    @classmethod
    def of(cls, plan: Plan, headers: Headers, purpose: str = "", journal: Journal | None = None) -> RunState:
        """The state of a plan's run, with the target's paths; `headers` are added to every request."""
        paths, values = deployed_paths(plan.mapping.paths), tuple(value for _name, value in headers)
        run = cls(plan.run_id, purpose=purpose, journal=journal or Journal(None), paths=paths, secrets=values)
        shared = frozenset(plan.mapping.off.get(OWN_LISTS, ()))
        run.owners = RowOwners(of_agents=plan.check_correctness is not CheckLevel.OFF, shared=shared)
        run.openapi = deployed(OPENAPI, plan.mapping.paths)
        run.role_names = {slug: (name,) for slug, name in plan.mapping.roles.items()}
        return run

    def __post_init__(self) -> None:
        self.marks = Marks(self.run_id)

    @property
    def run_header(self) -> str:
        """Value of X-Run-ID."""
        return f"{self.run_id}/{self.purpose}" if self.purpose else self.run_id

    def announce(self, operation: Operation, body: Mapping[str, Any] | None, by: str) -> None:
        """Journal a creation before it is sent. `by`: phone number of the account."""
        if mark := _mark(operation, body):
            self.journal.write(JournalEntry("create", operation.creates, mark, by=by))

    def settle(
        self, operation: Operation, body: Mapping[str, Any] | None, status: int, answered: Any
    ) -> dict[str, Any] | None:
        """Journal the outcome of a creation; the row, which is kept for steps that work on rows of the run."""
        mark = _mark(operation, body)
        if not operation.creates or not mark:
            return None
        if status in _NOT_MADE:
            self.journal.write(JournalEntry("refused", operation.creates, mark))
            return None
        row = object_of(answered)
        identity = str(row.get(f"{operation.creates}_id") or "")
        if not identity:
            return None
        self.journal.write(JournalEntry("created", operation.creates, mark, id=identity))
        self.remember(operation.creates, row)
        return row

    def remember(self, kind: str, row: dict[str, Any]) -> None:
        """Keep a row that this process made for steps that work on one; drop the oldest when there are many."""
        rows = self.created.setdefault(kind, [])
        rows.append(row)
        if len(rows) > MAX_REMEMBERED:
            del rows[0]

    def header_lines(self, token: str, *, has_body: bool = False) -> bytes:
        """The header lines of a request that do not change from one to the next, each with its CRLF."""
        lines = [f"User-Agent: {USER_AGENT}", "Accept: application/json", f"X-Run-ID: {self.run_header}"]
        lines += ["Content-Type: application/json"] if has_body else []
        lines += [f"Authorization: Bearer {token}"] if token else []
        return "".join(f"{line}\r\n" for line in lines).encode("latin-1")

    def routes_of(self, role: Role) -> dict[str, Route]:
        """Operation → its route, shared by all sessions of the role; filled by them."""
        known = self._routes.get(role.slug)
        if known is None or known[0] is not role:
            known = self._routes[role.slug] = (role, {})
        return known[1]

    def route(self, role: Role, operation: Operation) -> Route:
        """How a role asks for an operation."""
        owner, watch = self.owners.owner_field(operation, role), self.watch and self.watch(role, operation)
        return Route(role, operation, self.path_of(operation), owner, watch)

    def path_of(self, operation: Operation) -> str:
        """The operation's path at the target, with names for ids and with the query."""
        return self.paths.get(operation.name, operation.path)

    def notice(self, role: str, operation: str, differences: Iterable[str]) -> None:
        """Keep how an answer differs from the contract, each difference once."""
        if found := dict.fromkeys(differences):
            self.differences.setdefault((role, operation), {}).update(found)

    def leaves_out(self, role: str, operation: str) -> bool:
        """True when sessions of `role` leave out `operation`."""
        return operation in self.left_out.get(role, frozenset())


def _mark(operation: Operation, body: Mapping[str, Any] | None) -> str:
    return str(body.get(operation.marked_by, "")) if body else ""
