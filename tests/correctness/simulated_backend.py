"""The reference backend in a few lines of Python, without sockets and with a clock of its own: what checks see of it.

A request is carried out in two parts: what it reads, and then what it writes and answers. Requests of one instant do
all their first parts before the second ones, so that those who race show what they lose.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from mitra_backend.defects import FORGOTTEN_EVERY
from mitra_backend.permissions import ROLES_BY_PERMISSION

from perfsuite.correctness.check import CheckActor, Send, TokenKind
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import HOLDER, JUNIOR, SENIOR
from tests.correctness.simulated_rows import Row, World, new_world

KEPT_S = 30.0
EXHAUSTED = 0.16
"""Share of the requests that find the pool exhausted where it has one connection, as measured on the real backend."""
_AGENTS = (SENIOR, JUNIOR)
_ROUTES: dict[tuple[str, str], str] = {}
for _name, _operation in CATALOGUE.items():
    _ROUTES.setdefault((_operation.method, _operation.template), _name)

Answered = tuple[int, Any]
Second = Callable[[], Answered]
"""The second part of a request."""


def route_of(operation: str) -> str:
    """The route of an operation, as the reference backend calls it."""
    each = CATALOGUE[operation]
    return _ROUTES[each.method, each.template]


class Refused(Exception):
    """An answer that is an error."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status = status


@dataclass(slots=True)
class Asked:
    """A request: its route, who asks, and all that it gives."""

    route: str
    user: Row
    behind: Row
    """Ids of what belongs to the user."""
    path: Mapping[str, str]
    query: dict[str, str]
    body: Mapping[str, Any]

    @property
    def role(self) -> str:
        return str(self.user["role"])

    @property
    def user_id(self) -> str:
        return str(self.user["user_id"])

    @property
    def agent_id(self) -> str:
        return str(self.behind.get("agent_id", ""))

    @property
    def provider_id(self) -> str | None:
        return self.behind.get("provider_id")

    @property
    def scope(self) -> str:
        """Whose rows the caller sees."""
        if self.role == HOLDER:
            return f"holder:{self.behind['policyholder_id']}"
        return f"agent:{self.agent_id}" if self.role in _AGENTS else "all"


@dataclass(slots=True)
class _Kept:
    until: float
    stamp: tuple[int, ...]
    body: Any


@dataclass
class SimulatedBackend:
    """`defects`: defect → its routes, none for those of the whole process. `now`: s."""

    random: Random
    defects: Mapping[str, Collection[str]] = field(default_factory=dict)
    now: float = 0.0
    world: World = field(init=False)
    created: int = 0
    _kept: dict[str, _Kept] = field(default_factory=dict)
    _generations: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.world = new_world()

    def has(self, defect: str, route: str = "") -> bool:
        """See `Backend.has`."""
        routes = self.defects.get(defect)
        return routes is not None and (not routes or route in routes)

    # ── requests ───────────────────────────────────────────────────────────────────────────────────

    def account(self, actor: CheckActor) -> Row:
        """Of a role, by its position."""
        return self.world.accounts[actor.role][actor.position]

    def begin(self, send: Send) -> Second:
        """The first part of a request."""
        operation = CATALOGUE[send.operation]
        text = operation.path.partition("?")[2].format_map(send.path)
        values = dict(part.split("=", 1) for part in text.split("&")) if text else {}
        user = self.account(send.actor)
        behind = self.world.behind[user["user_id"]]
        query = {**values, **send.query}
        asked = Asked(route_of(send.operation), user, behind, send.path, query, send.body or {})
        try:
            self._admit(asked, send.token)
            return self._guarded(HANDLERS[asked.route](self, asked))
        except Refused as why:
            status = why.status
            return lambda: (status, {"detail": "refused"})

    def _guarded(self, second: Second) -> Second:
        def guarded() -> Answered:
            try:
                return second()
            except Refused as why:
                return why.status, {"detail": "refused"}

        return guarded

    def ask(self, send: Send) -> Answered:
        """Both parts at once."""
        return self.begin(send)()

    def _admit(self, asked: Asked, token: TokenKind) -> None:
        if asked.route in ("health.root", "health.database"):
            return
        if token not in (TokenKind.OWN, TokenKind.DEACTIVATED):
            raise Refused(401)
        if asked.user["status"] != "active" and not self.has("deactivated_token"):
            raise Refused(401)
        allowed = ROLES_BY_PERMISSION.get(asked.route, frozenset())
        if asked.role in allowed:
            return
        if not (self.has("fail_open", asked.route) and self.random.random() < EXHAUSTED):
            raise Refused(403)

    # ── what routes share ──────────────────────────────────────────────────────────────────────────

    def checks_owner(self, route: str) -> bool:
        """See `Backend.checks_owner`."""
        return not (self.has("no_owner_check", route) or self.has("owner_in_list_only", route))

    def own(self, asked: Asked, is_own: bool) -> None:
        """Refuse what is somebody else's."""
        if not is_own and self.checks_owner(asked.route):
            raise Refused(403)

    def cache_owner(self, asked: Asked, owner: str) -> str:
        """See `rows.cache_owner`."""
        if self.has("cache_without_user", asked.route):
            return asked.role
        if self.has("cache_without_role", asked.route) and asked.role != HOLDER:
            return "all"
        return owner

    def kept(self, route: str, key: str, topics: Sequence[str], make: Callable[[], Any]) -> Answered:
        """See `Backend.answer`."""
        uncached = ("no_owner_check", "skipped_row", "counter_drift")
        if any(self.has(defect, route) for defect in uncached):
            return 200, make()
        stamp = tuple([self._generations.get(topic, 0) for topic in topics])
        known = self._kept.get(f"{route}|{key}")
        if known is not None and known.stamp == stamp and known.until >= self.now:
            return 200, known.body
        body = make()
        self._kept[f"{route}|{key}"] = _Kept(self.now + KEPT_S, stamp, body)
        return 200, body

    def changed(self, route: str, topics: Sequence[str]) -> None:
        """See `Backend.changed`."""
        if not self.has("stale_read", route):
            for topic in topics:
                self._generations[topic] = self._generations.get(topic, 0) + 1

    def page(self, asked: Asked, rows: Sequence[Row]) -> list[Row]:
        """The part of a list that was asked for."""
        limit, offset = int(asked.query.get("limit", 20)), int(asked.query.get("offset", 0))
        if not 1 <= limit <= 100 or offset < 0:
            raise Refused(422)
        if offset and self.has("skipped_row", asked.route):
            offset += 1
        return [dict(row) for row in rows[offset : offset + limit]]

    def envelope(self, asked: Asked, name: str, rows: Sequence[Row]) -> dict[str, Any]:
        """A page in the envelope of the contract."""
        return {"success": True, "data": {name: self.page(asked, rows), "total": len(rows)}}

    def copies(self, route: str) -> int:
        """See `Backend.copies`."""
        return 2 if self.has("double_submit", route) else 1

    def known_policies(self, route: str) -> int:
        """See `Backend.known_policies`."""
        forgotten = self.created // FORGOTTEN_EVERY if self.has("counter_drift", route) else 0
        return len(self.world.policies) - forgotten


Handler = Callable[[SimulatedBackend, Asked], Second]
HANDLERS: dict[str, Handler] = {}


def route(name: str) -> Callable[[Handler], Handler]:
    """Marks what carries out the requests of a route."""

    def take(handler: Handler) -> Handler:
        HANDLERS[name] = handler
        return handler

    return take
