"""A target in memory: a transport that answers as the API contract says, and as a test tells it to."""

from __future__ import annotations

import base64
import itertools
import re
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import msgspec

from perfsuite.model import Account, FailureKind
from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE, Operation
from perfsuite.target.exchange import Answer, Failure, Request, Sample
from tests.target.contract import (
    ACCOUNT_FIELDS,
    AGENT,
    ANALYTICS_AGENT,
    COMPREHENSIVE,
    DASHBOARDS,
    FLAG,
    LEAD,
    METRICS,
    POLICY,
    PREMIUM,
    REPORT_KPIS,
    TICKET,
    row,
)
from tests.target.sent_headers import headers_of

PASSWORD = "the-secret-word"
ACCOUNTS = {role.slug: Account(f"98765432{number:02d}", PASSWORD, role.slug) for number, role in enumerate(ROLES)}
LIFE_S = 900


def answer(body: Any = None, status: int = 200, *, raw: bytes | None = None, **headers: str) -> Answer:
    """An answer with a JSON body (or a raw one); header names with _ for -."""
    content = raw if raw is not None else b"" if body is None else msgspec.json.encode(body)
    named = {name.replace("_", "-").lower(): value for name, value in headers.items()}
    return Answer(status, {"content-type": "application/json"} | named, content, 1_772_357_400.0, 1500)


def jwt(**claims: Any) -> str:
    """A token that says of itself what is given; nobody looks at its signature."""
    parts = (msgspec.json.encode(part) for part in ({"alg": "HS256", "typ": "JWT"}, claims))
    return ".".join([*(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in parts), "c2lnbmF0dXJl"])


def lost(kind: FailureKind = FailureKind.CONNECTION_LOST, message: str = "the connection broke") -> Answer:
    """No answer at all."""
    return Answer(0, {}, b"", 1_772_357_400.0, 1500, Failure(kind, message))


class Notes:
    """An observer that keeps everything."""

    def __init__(self) -> None:
        self.requests: list[Sample] = []
        self.missing: list[tuple[str, str, str]] = []
        self.why: list[str] = []

    def request(self, sample: Sample) -> None:
        self.requests.append(sample)

    def not_possible(self, role: str, behaviour: str, operation: str, why: str) -> None:
        self.missing.append((role, behaviour, operation))
        self.why.append(why)

    @property
    def operations(self) -> list[str]:
        return [observed.operation for observed in self.requests]

    @property
    def failures(self) -> list[tuple[str, str]]:
        return [(seen.operation, seen.failure.message) for seen in self.requests if seen.failure]


@dataclass(slots=True)
class Asked:
    """One request as the target understands it."""

    operation: str
    ids: dict[str, str]
    query: dict[str, str]
    body: dict[str, Any]
    user: dict[str, Any] = field(default_factory=dict)


def _resolved(given: Answer | Callable[[Asked], Answer], asked: Asked) -> Answer:
    return given if isinstance(given, Answer) else given(asked)


class FakeTarget:
    """Offers the whole contract. `give` scripts an answer; operations in `without` are not offered.

    `forbidden`: (role, operation) that are answered with 403. `makers_only`: kinds that nobody but the account that
    made a row may delete. `kept_as`: kind → the status under which a deleted row is kept.
    """

    def __init__(self) -> None:
        self.sent: list[Request] = []
        self.asked: list[Asked] = []
        self.closed = False
        self.without: set[str] = set()
        self.themes: dict[str, str | None] = {}
        """User id → theme."""
        self.forbidden: set[tuple[str, str]] = set()
        self.users = {
            account.phone_number: row(
                ACCOUNT_FIELDS,
                user_id=f"user-{role}",
                role=role,
                first_name="Asha",
                phone_number=account.phone_number,
            )
            for role, account in ACCOUNTS.items()
        }
        self.policies = {
            f"policy-{number}": row(
                POLICY,
                policy_id=f"policy-{number}",
                policyholder_id="holder-1" if number < 3 else f"holder-{number}",
                policyholder_info={"user_id": "user-policyholder" if number < 3 else f"user-{number}"},
                agent_id="agent-1",
                status="active",
            )
            for number in range(70)
        }
        self.leads: dict[str, dict[str, Any]] = {}
        self.tickets = {"ticket-0": row(TICKET, ticket_id="ticket-0", customer_id="holder-1")}
        self.flags = {"perf_dark": row(FLAG, flag_name="perf_dark", is_enabled=True)}
        self.makers_only: set[str] = set()
        self.kept_as: dict[str, str] = {}
        self.makers: dict[str, str] = {}
        """Id of a row → phone number of the account that made it."""
        self.claims: Callable[[], dict[str, Any]] | None = None
        """What a token says of itself, where it is a JWT; opaque tokens without."""
        self.expires_in: object = LIFE_S
        self.login_headers: dict[str, str] = {}
        self._gone: set[str] = set()
        """Tokens that have expired, and of which the target says so."""
        self._tokens: dict[str, dict[str, Any]] = {}
        self._numbers = itertools.count(1)
        self._scripted: dict[str, deque[Answer | Callable[[Asked], Answer]]] = {}
        self._always: dict[str, Answer | Callable[[Asked], Answer]] = {}
        self._own: dict[str, Callable[[Asked], Answer]] = {}

    # ── what tests set ─────────────────────────────────────────────────────────────────────────────

    def give(self, operation: str, *answers: Answer | Callable[[Asked], Answer]) -> None:
        """Answer the next requests of `operation` so, then by the contract again."""
        self._scripted.setdefault(operation, deque()).extend(answers)

    def always(self, operation: str, given: Answer | Callable[[Asked], Answer]) -> None:
        """Answer every request of `operation` so."""
        self._always[operation] = given

    def handle(self, operation: str, handler: Callable[[Asked], Answer]) -> None:
        """Answer every request of `operation` so, once it is known who asks."""
        self._own[operation] = handler

    def revoke(self) -> None:
        """No token given so far is good any more."""
        self._tokens.clear()

    def expire(self) -> None:
        """All tokens given so far have expired."""
        self._gone |= set(self._tokens)
        self._tokens.clear()

    def asked_for(self, operation: str) -> list[Asked]:
        return [asked for asked in self.asked if asked.operation == operation]

    # ── Transport ──────────────────────────────────────────────────────────────────────────────────

    def exchange(self, request: Request) -> Answer:
        self.sent.append(request)
        asked = _understood(request)
        if asked is None:
            return answer({"detail": "Not Found"}, 404)
        self.asked.append(asked)
        if scripted := self._scripted.get(asked.operation):
            return _resolved(scripted.popleft(), asked)
        if asked.operation in self._always:
            return _resolved(self._always[asked.operation], asked)
        if asked.operation == "openapi":
            return answer({"openapi": "3.1.0", "paths": self._paths()})
        if asked.operation in self.without:
            return answer({"detail": "Not Found"}, 404)
        return self._authorised(request, asked)

    def close(self) -> None:
        self.closed = True

    # ── the contract ───────────────────────────────────────────────────────────────────────────────

    def _paths(self) -> dict[str, dict[str, object]]:
        paths: dict[str, dict[str, object]] = {}
        for name, operation in CATALOGUE.items():
            if name not in self.without:
                paths.setdefault(operation.template, {})[operation.method.lower()] = {}
        return paths

    def _authorised(self, request: Request, asked: Asked) -> Answer:
        if asked.operation == "login":
            return self._login(asked)
        if asked.operation != "health.root":
            token = headers_of(request).get("Authorization", "").removeprefix("Bearer ")
            if token in self._gone:
                return answer({"detail": "Token has expired"}, 401)
            if token not in self._tokens:
                return answer({"detail": "Could not validate credentials"}, 401)
            asked.user = self._tokens[token]
            if (asked.user["role"], asked.operation) in self.forbidden:
                return answer({"detail": "Insufficient permissions"}, 403)
        if asked.operation in self._own:
            return self._own[asked.operation](asked)
        return _HANDLERS[asked.operation](self, asked)

    def _login(self, asked: Asked) -> Answer:
        user = self.users.get(asked.body["phone_number"])
        if user is None or asked.body["password"] != PASSWORD:
            return answer({"detail": "Invalid credentials"}, 401)
        token = f"eyJ.{user['role']}.{next(self._numbers)}"
        if self.claims is not None:
            token = jwt(number=next(self._numbers), **self.claims())
        self._tokens[token] = user
        return answer(
            {
                "access_token": token,
                "refresh_token": "r",
                "token_type": "bearer",
                "expires_in": self.expires_in,
                "user": user,
                "permissions": [],
            },
            **self.login_headers,
        )

    def policies_for(self, asked: Asked) -> Answer:
        rows = list(self.policies.values())
        if asked.user["role"] == "policyholder":
            rows = [policy for policy in rows if policy["policyholder_id"] == "holder-1"]
        rows = [_sold_by(asked, policy) for policy in rows]
        for name in ("status", "policyholder_id", "policy_number"):
            if name in asked.query:
                rows = [policy for policy in rows if policy[name] == asked.query[name]]
        offset = int(asked.query.get("offset", 0))
        return answer(rows[offset : offset + int(asked.query.get("limit", 20))])

    def policy_for(self, asked: Asked) -> Answer:
        policy = self.policies.get(asked.ids["policy_id"])
        return answer(_sold_by(asked, policy)) if policy else answer({"detail": "not found"}, 404)

    def leads_for(self, asked: Asked) -> Answer:
        sought = asked.query.get("search", "")
        rows = [lead for lead in self.leads.values() if sought in lead["customer_name"]]
        offset = int(asked.query.get("offset", 0))
        return _enveloped("leads", rows[offset : offset + int(asked.query.get("limit", 20))])

    def tickets_for(self, asked: Asked) -> Answer:
        offset = int(asked.query.get("offset", 0))
        return _enveloped("tickets", list(self.tickets.values())[offset : offset + 100])

    def make(self, table: dict[str, dict[str, Any]], kind: str, fields: str, asked: Asked) -> Answer:
        identity = f"{kind}-new-{next(self._numbers)}"
        table[identity] = row(fields, **{f"{kind}_id": identity}, status="pending") | dict(asked.body)
        self.makers[identity] = str(asked.user["phone_number"])
        return answer(table[identity], 201)

    def delete(self, table: dict[str, dict[str, Any]], kind: str, asked: Asked) -> Answer:
        identity = asked.ids[f"{kind}_id"]
        if identity not in table:
            return answer({"detail": "not found"}, 404)
        if kind in self.makers_only and self.makers.get(identity) != asked.user["phone_number"]:
            return answer({"detail": f"You can only delete your own {kind}s"}, 403)
        if kind in self.kept_as:
            table[identity]["lead_status" if kind == "lead" else "status"] = self.kept_as[kind]
        else:
            del table[identity]
        return answer({"success": True})

    def set_flag(self, asked: Asked) -> Answer:
        self.flags[asked.ids["flag_name"]]["is_enabled"] = asked.body["is_enabled"]
        return answer(self.flags[asked.ids["flag_name"]])

    def set_theme(self, asked: Asked) -> Answer:
        self.themes[asked.ids["user_id"]] = asked.body["theme_preference"]
        return answer({"user_id": asked.ids["user_id"], **asked.body})

    def changed(self, found: Mapping[str, Any] | None, body: Mapping[str, Any]) -> Answer:
        return answer({**found, **body}) if found is not None else answer({"detail": "not found"}, 404)

    def user_by_id(self, user_id: str) -> dict[str, Any]:
        return next(
            (user for user in self.users.values() if user["user_id"] == user_id), row(ACCOUNT_FIELDS, user_id=user_id)
        )


def _enveloped(name: str, rows: list[dict[str, Any]]) -> Answer:
    return answer({"success": True, "data": {name: rows, "total": len(rows), "limit": 20, "offset": 0}})


def _one(table: dict[str, dict[str, Any]], identity: str) -> Answer:
    return answer(table[identity]) if identity in table else answer({"detail": "not found"}, 404)


def _sold_by(asked: Asked, policy: dict[str, Any]) -> dict[str, Any]:
    """The policy as an agent sees it: what they see is their own."""
    own = _AGENT_IDS.get(asked.user["user_id"])
    return {**policy, "agent_id": own} if own else policy


def _just(fields: str) -> Callable[[FakeTarget, Asked], Answer]:
    return lambda _target, _asked: answer(row(fields))


_AGENT_IDS = {"user-senior_agent": "agent-1", "user-junior_agent": "agent-2"}
"""By the user who is one, whatever their role is called."""
_AGENTS = [row(AGENT, agent_id=f"agent-{number}", user_id=f"user-agent-{number}") for number in range(2)]

_HANDLERS: dict[str, Callable[[FakeTarget, Asked], Answer]] = {
    "health.root": lambda t, a: answer({"status": "healthy", "service": "agent-mitra-backend", "version": "2.0"}),
    "health.database": lambda t, a: answer({"status": "healthy", "database": {}, "timestamp": "2026-03-01"}),
    "users.list": lambda t, a: answer(list(t.users.values())),
    "users.read": lambda t, a: answer(t.user_by_id(a.ids["user_id"])),
    "users.me": lambda t, a: answer(a.user),
    "users.update": lambda t, a: t.changed(t.user_by_id(a.ids["user_id"]), a.body),
    "users.preferences": FakeTarget.set_theme,
    "preferences.read": lambda t, a: answer({"data": {"theme_preference": t.themes.get(a.ids["user_id"])}}),
    "flags.list": lambda t, a: _enveloped("flags", list(t.flags.values())),
    "flags.update": FakeTarget.set_flag,
    **{name: _just(fields) for name, fields in (DASHBOARDS | {"agents.performance": METRICS}).items()},
    "analytics.comprehensive": lambda t, a: answer({"success": True, "data": row(COMPREHENSIVE)}),
    "analytics.reports": lambda t, a: answer({"current_month": {"kpis": row(REPORT_KPIS), "top_agents": []}}),
    "analytics.agent": lambda t, a: answer({"data": row(ANALYTICS_AGENT, agent_id=a.ids["agent_id"])}),
    "agents.list": lambda t, a: _enveloped("agents", _AGENTS),
    "agents.read": lambda t, a: answer(row(AGENT, agent_id=a.ids["agent_id"])),
    "agents.customers": lambda t, a: _enveloped("customers", [{"agent_id": a.ids["agent_id"]}]),
    "agents.profile": lambda t, a: answer(
        row(AGENT, agent_id=_AGENT_IDS.get(a.user["user_id"], "agent-1"), user_id=a.user["user_id"])
    ),
    "policies.list": FakeTarget.policies_for,
    "policies.page": FakeTarget.policies_for,
    "policies.by_status": FakeTarget.policies_for,
    "policies.by_policyholder": FakeTarget.policies_for,
    "policies.by_number": FakeTarget.policies_for,
    "policies.read": FakeTarget.policy_for,
    "policies.coverage": lambda t, a: answer({"coverage": [{"coverage_type": "death", "amount": 1}]}),
    "policies.premiums": lambda t, a: answer({"premiums": [row(PREMIUM, id=f"payment for {a.ids['policy_id']}")]}),
    "policies.create": lambda t, a: t.make(t.policies, "policy", POLICY, a),
    "policies.approve": lambda t, a: t.changed(t.policies.get(a.ids["policy_id"]), {"status": "approved"}),
    "policies.delete": lambda t, a: t.delete(t.policies, "policy", a),
    "leads.list": FakeTarget.leads_for,
    "leads.search": FakeTarget.leads_for,
    "leads.page": FakeTarget.leads_for,
    "leads.create": lambda t, a: t.make(t.leads, "lead", LEAD, a),
    "leads.delete": lambda t, a: t.delete(t.leads, "lead", a),
    "tickets.list": FakeTarget.tickets_for,
    "tickets.page": FakeTarget.tickets_for,
    "tickets.read": lambda t, a: _one(t.tickets, a.ids["ticket_id"]),
    "tickets.create": lambda t, a: t.make(t.tickets, "ticket", TICKET, a),
    "tickets.status": lambda t, a: t.changed(t.tickets.get(a.ids["ticket_id"]), a.body),
    "tickets.delete": lambda t, a: t.delete(t.tickets, "ticket", a),
}


def _understood(request: Request) -> Asked | None:
    parts = urlsplit(request.target)
    query = dict(parse_qsl(parts.query))
    body = msgspec.json.decode(request.body) if request.body else {}
    if (request.method, request.target) == ("GET", "/openapi.json"):
        return Asked("openapi", {}, query, body)
    # "/agents/profile" before "/agents/{agent_id}"
    for operation in sorted(CATALOGUE.values(), key=lambda each: each.template.count("{")):
        matched = _pattern(operation).fullmatch(parts.path)
        if operation.method == request.method and matched and _query_names(operation) == set(query):
            return Asked(operation.name, matched.groupdict(), query, body)
    return None


def _query_names(operation: Operation) -> set[str]:
    return {name for name, _value in parse_qsl(urlsplit(operation.path).query)}


def _pattern(operation: Operation) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", operation.template))
