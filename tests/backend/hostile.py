"""Values that break careless backends, and every place of the API where a client can put one."""

import json
import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import httpx
from mitra_backend import models
from sqlalchemy import select

from tests.backend.support import Api, new_policy

INJECTIONS = {
    "SQL condition": "' OR '1'='1",
    "SQL statement": "'; DROP TABLE policies; --",
    "SQL union": '" UNION SELECT password_hash FROM users --',
    "HTML": "<script>alert(1)</script>",
    "HTML attribute": '"><img src=x onerror=alert(1)>',
    "template": "{{7*7}}${7*7}#{7*7}",
    "path": "../../../../etc/passwd",
    "encoded path": "..%2f..%2fetc%2fpasswd",
    "header": "a\r\nSet-Cookie: a=1",
    "right to left": "\u202egnp.exe",
}
"""Texts that no row holds until somebody writes them."""
TEXTS = INJECTIONS | {
    "SQL wildcards": "%_\\",
    "NUL": "a\0b",
    "long": "x" * 10_000,
    "longer than SQLite's patterns": "x" * 50_001,
    "combining": "e\u0301",
    "byte order mark": "\ufeffa",
    "joined emoji": "\U0001f469\u200d\U0001f4bb",
    "longer in lower case": "\u0130\u1e9e",
    "not a character": "\uffff",
    "half a surrogate pair": "\ud800",
    "zero width": "\u200b",
    "blank": "  ",
    "empty": "",
    "looks like null": "null",
}
VALUES: dict[str, Any] = TEXTS | {
    "null": None,
    "number": 0,
    "true": True,
    "array": ["a"],
    "object": {"'": "\u202e", "\u0130": [None, 1.5]},
    "object with NUL": {"a": {"\0": 1}},
    "object with half a surrogate pair": {"a": ["\udc00"]},
    "object without end": {"a": float("inf")},
    "no number": float("nan"),
    "infinity": float("inf"),
    "larger than 64 bits": 10**30,
    "deep": json.loads("[" * 200 + "]" * 200),
    "fractions of a paisa": 1.005,
}
ESCAPES = ("%00", "%FF", "%ED%A0%80", "%", "%u0041")
"""As they stand in a URL, well formed or not."""


@dataclass(frozen=True)
class Write:
    """A writing route, a body that it accepts, and where each field can be read afterwards."""

    role: str
    method: str
    path: str
    body: Callable[[Api], dict[str, Any]]
    key: Any = None
    """Column with the id of the row, None where nothing is kept."""


def _policy(api: Api) -> dict[str, Any]:
    more = {"plan_code": "P", "premium_mode": "online", "maturity_date": "2045-07-01"}
    coverage = {"coverage_details": [{"coverage_type": "basic", "amount": 1}], "nominee_details": {"name": "A"}}
    return new_policy(api, f"T-{uuid.uuid4()}", **more, **coverage)


def _ticket(api: Api) -> dict[str, Any]:
    policy = api.get("support_staff", "/policies/?limit=1")[0]
    customer = {"customer_id": policy["policyholder_id"], "policy_id": policy["policy_id"]}
    return {"subject": "T", "description": "T", "priority": "low", **customer}


def _lead(_api: Api) -> dict[str, Any]:
    return {
        "customer_name": "T",
        "contact_number": "9000000000",
        "lead_source": "website",
        "email": "t@example.com",
        "priority": "low",
        "insurance_type": "life",
        "notes": "T",
    }


def _account(_api: Api) -> dict[str, Any]:
    texts = ("first_name", "last_name", "display_name", "language_preference", "timezone", "theme_preference")
    return dict.fromkeys(texts, "T") | {
        "email": "t@example.com",
        "address": {},
        "emergency_contact": {},
        "status": "active",
    }


def _preferences(_api: Api) -> dict[str, Any]:
    texts = ("language_preference", "timezone", "theme_preference")
    return dict.fromkeys(texts, "T") | {"notification_preferences": {}}


WRITES = {
    "auth.login": Write("junior_agent", "POST", "/auth/login", lambda _api: {"phone_number": "1", "password": "x"}),
    "users.update": Write("super_admin", "PUT", "/users/{other_user}", _account, models.User.user_id),
    "users.preferences": Write(
        "policyholder", "PUT", "/users/{own_user}/preferences", _preferences, models.User.user_id
    ),
    "flags.update": Write(
        "super_admin",
        "PUT",
        "/feature-flags/update/perf_probe",
        lambda _api: {"is_enabled": True},
        models.FeatureFlag.flag_name,
    ),
    "policies.create": Write("senior_agent", "POST", "/policies/", _policy, models.Policy.policy_id),
    "leads.create": Write("junior_agent", "POST", "/leads/", _lead, models.Lead.lead_id),
    "tickets.create": Write("support_staff", "POST", "/support/tickets/", _ticket, models.Ticket.ticket_id),
    "tickets.status": Write(
        "support_staff",
        "PUT",
        "/support/tickets/{ticket}/status",
        lambda _api: {"status": "open"},
        models.Ticket.ticket_id,
    ),
}
FIELDS = {
    "auth.login": "phone_number password",
    "users.update": "first_name last_name display_name email language_preference timezone theme_preference address"
    " emergency_contact status",
    "users.preferences": "language_preference timezone theme_preference notification_preferences",
    "flags.update": "is_enabled",
    "policies.create": "policy_number policyholder_id agent_id provider_id policy_type plan_name category sum_assured"
    " premium_amount premium_frequency application_date start_date plan_code premium_mode maturity_date"
    " coverage_details nominee_details",
    "leads.create": "customer_name contact_number lead_source email priority insurance_type notes",
    "tickets.create": "subject description customer_id priority policy_id",
    "tickets.status": "status",
}
PLACES = [(name, field) for name, fields in FIELDS.items() for field in fields.split()]


class Attacker:
    """Writes one hostile value at a time and looks for what became of it."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._documented = documented_statuses(api)
        self._ticket = api.get("support_staff", "/support/tickets/?limit=1")["data"]["tickets"][0]["ticket_id"]

    def problems(self, name: str, field_name: str, whats: Iterable[str] = VALUES) -> dict[str, str]:
        """Return for each value, by what it is, what is wrong with the answer; nothing for right answers."""
        found = {what: self.problem(name, field_name, VALUES[what]) for what in whats}
        return {what: problem for what, problem in found.items() if problem}

    def problem(self, name: str, field_name: str, value: Any) -> str:
        """Return what is wrong with the answer to a body that has the value in a field, "" when nothing is."""
        write = WRITES[name]
        body = {**write.body(self.api), field_name: value}
        answer = self._send(write, json.dumps(body))
        status = answer.status_code
        if status not in self._documented[name]:
            return f"{status} is not documented: {answer.text[:80]}"
        if status >= 400:
            return ""
        if write.key is None:
            return "it must have been refused"
        if field_name == "coverage_details" and value is None:
            return ""  # then the sum assured is covered
        kept, shown = self._kept(write, field_name, answer), _row(answer).get(field_name, value)
        if kept != value or shown != value:
            return f"{value!r:.40} became {kept!r:.40}, shown as {shown!r:.40}"
        return ""

    def path(self, write: Write) -> str:
        """Return the path with ids that exist."""
        own, other = (self.api.login(who)["user"]["user_id"] for who in (write.role, "regional_manager"))
        return write.path.format(own_user=own, other_user=other, ticket=self._ticket)

    def _send(self, write: Write, content: str) -> httpx.Response:
        path = self.path(write)
        headers = {"Content-Type": "application/json"}
        return self.api.call(write.role, write.method, path, content=content, headers=headers)

    def _kept(self, write: Write, field_name: str, answer: httpx.Response) -> Any:
        row = _row(answer)
        with self.api.app.state.backend.database.read() as session:
            if field_name == "coverage_details":
                columns = (models.Coverage.coverage_type, models.Coverage.amount)
                found = session.execute(select(*columns).where(models.Coverage.policy_id == row["policy_id"])).all()
                return [dict(one._mapping) for one in found]
            own = self.api.login(write.role)["user"]["user_id"]
            row_id = row.get(write.key.key, own)
            column = getattr(write.key.class_, field_name)
            kept = session.scalar(select(column).where(write.key == row_id))
        return kept.isoformat() if hasattr(kept, "isoformat") else kept


def _row(answer: httpx.Response) -> dict[str, Any]:
    body: dict[str, Any] = answer.json()
    return body["data"] if "success" in body else body


def documented_statuses(api: Api) -> dict[str, set[int]]:
    """Return for each route, by name, the statuses that /openapi.json names."""
    paths = api.http.get("/openapi.json").json()["paths"]
    statuses: dict[str, set[int]] = {}
    for route in api.app.router.routes:
        for method in getattr(route, "methods", None) or ():
            operation = paths.get(route.path, {}).get(method.lower())  # type: ignore[attr-defined]
            if operation is not None:
                statuses[route.name] = {int(status) for status in operation["responses"]}  # type: ignore[attr-defined]
    return statuses


def query_parameters(api: Api) -> list[tuple[str, str]]:
    """Return (path, parameter) for all that a GET takes."""
    paths = api.http.get("/openapi.json").json()["paths"]
    return [
        (path, parameter["name"])
        for path, operations in paths.items()
        for parameter in operations.get("get", {}).get("parameters", ())
        if parameter["in"] == "query"
    ]


def quoted(text: str) -> str:
    """Return the text as it stands in a URL; what is no text in UTF-8 is sent as its bytes."""
    return quote(text.encode("utf-8", "surrogatepass"), safe="")
