"""Canned answers for every operation of the API contract, as an nginx configuration.

nginx fills in what an answer must repeat: ids of the path, the account of the token, fields of a creation. Bodies of
logins and creations reach those answers as a header, over a second nginx.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE, TYPES, Operation

HEALTH = "/health"
BODY_BYTES = 195
ROWS = 3
STATUS = "active"
_NAMED = re.compile(r"\{(\w+)\}")
_TYPE_VALUES: dict[str, Any] = {
    "a number": 12,
    "a text": "text-1",
    "an array": [],
    "an object": {"one": 1},
    "true or false": True,
}
_ECHOED_FIELDS = ("policy_number", "policyholder_id", "agent_id", "provider_id", "policy_type", "plan_name")
"""Fields of a new policy that its answer must repeat."""
_BY_ACCOUNT: Mapping[str, str] = {
    "user_id": "user-$account",
    "policyholder_id": "$holder",
    "agent_id": "agent-$account",
}
_OF_ROWS: Mapping[str, str] = {
    "policy": "policyholder_id provider_id agent_id policy_type plan_name policy_id",
    "agent": "agent_id",
    "customer": "policyholder_id provider_id",
    "lead": "lead_source insurance_type",
    "ticket": "ticket_id customer_id",
}
"""Kind of row → fields that steps of roles look for besides those that the contract promises."""
_NUMBERED = ("policy_id", "ticket_id", "lead_id", "flag_id", "flag_name", "id")


def health_body() -> str:
    """The answer of the service's health, which parts a, b, d and e ask for, padded to 195 bytes."""
    known = {"status": "healthy", "service": "agent-mitra-canned", "version": "1.0.0", "note": ""}
    missing = BODY_BYTES - len(json.dumps(known, separators=(",", ":")))
    return json.dumps(known | {"note": "x" * missing}, separators=(",", ":"))


def phone_number(slug: str, number: int) -> str:
    """The n-th account of a role; its second digit is the role's."""
    position = [role.slug for role in ROLES].index(slug)
    return f"9{position}{number:08d}"


def write_accounts(file: Path, users_by_role: Mapping[str, int]) -> None:
    """A credentials file with an account for each user."""
    rows = [
        f"{phone_number(slug, number)},secret,{slug}"
        for slug, users in users_by_role.items()
        for number in range(users)
    ]
    file.write_text("\n".join(["phone_number,password,role", *rows]) + "\n")


# ── bodies ──────────────────────────────────────────────────────────────────────────────────────────


def _value(name: str, number: int) -> Any:
    if name in _BY_ACCOUNT:
        return _BY_ACCOUNT[name]
    if name == "status":
        return "$rowstatus"
    if name in _NUMBERED:
        return f"{name.removesuffix('_id')}-{number}"
    return _TYPE_VALUES.get(TYPES.get(name, ""), "value")


def _row(names: Iterator[str], number: int = 1) -> dict[str, Any]:
    return {name: _value(name, number) for name in dict.fromkeys(names)}


def _names(operation: Operation) -> Iterator[str]:
    yield from operation.row_fields if operation.lists is not None else operation.fields
    yield from _OF_ROWS.get(operation.yields.removeprefix("own "), "").split()


def body_of(operation: Operation) -> Any:
    """The answer to an operation, with nginx variables where it depends on the request."""
    if operation.lists is not None:
        rows = [_row(_names(operation), number) for number in range(1, ROWS + 1)]
        if operation.parent:
            rows = [row | {"id": f"${operation.parent}-{number}"} for number, row in enumerate(rows)]
        return {operation.lists: rows} if operation.lists not in ("", "*") else rows
    if operation.name == "health.database":
        return _row(_names(operation)) | {"status": "healthy"}
    row = _row(_names(operation))
    if operation.name in ("preferences.read", "users.preferences"):
        row = {"theme_preference": "light"}
    if operation.name == "agents.profile":
        row |= {"provider_id": "provider-1"}
    row |= {name: f"${name}" for name in _NAMED.findall(operation.path) if name in row or not operation.fields}
    for key in reversed(operation.inside):
        row = {key: row}
    return row


def _login_body() -> dict[str, Any]:
    user = {"user_id": "user-$phone", "role": "$role", "status": STATUS, "first_name": "Ann", "last_name": "Able"}
    return {
        "access_token": "token-$phone",
        "token_type": "bearer",
        "expires_in": 36000,
        "user": user,
        "permissions": [],
    }


def _created_body(operation: Operation) -> dict[str, Any]:
    kind = operation.creates
    row = {f"{kind}_id": f"{kind}-$request_id"}
    if kind == "policy":
        row = _row(_names(operation)) | row | {name: f"$new_{name}" for name in _ECHOED_FIELDS}
    return row


# ── configuration ───────────────────────────────────────────────────────────────────────────────────


def _return(body: Any, status: int = 200) -> str:
    text = body if isinstance(body, str) else json.dumps(body, separators=(",", ":"))
    return f"return {status} '{text}';"


def _location(path: str) -> str:
    if not _NAMED.search(path):
        return f"location = {path}"
    return f'location ~ "^{_NAMED.sub(lambda found: f"(?<{found[1]}>[^/]+)", path)}$"'


def _locations() -> Iterator[str]:
    """One block for each path of the contract, exact paths first: nginx asks patterns in their order."""
    by_path: dict[str, list[Operation]] = {}
    for operation in CATALOGUE.values():
        by_path.setdefault(operation.template, []).append(operation)
    for path in sorted(by_path, key=lambda path: (len(_NAMED.findall(path)), path)):
        lines = [_location(path) + " {"]
        by_method = {operation.method: operation for operation in reversed(by_path[path])}
        reading = by_method.pop("GET", None)
        for method, operation in by_method.items():
            inside = (
                "proxy_pass http://repeater; break;"
                if operation.name == "login" or operation.creates
                else _return(body_of(operation))
            )
            lines.append(f"  if ($request_method = {method}) {{ {inside} }}")
        if reading is not None:
            lines.append("  " + _return(health_body() if path == HEALTH else body_of(reading)))
        yield "\n".join([*lines, "}"])


def _repeated() -> Iterator[str]:
    """The second server: answers that repeat what the request's body says."""
    yield f"location = {CATALOGUE['login'].path} {{ {_return(_login_body())} }}"
    for operation in CATALOGUE.values():
        if operation.creates:
            yield f"location = {operation.path} {{ {_return(_created_body(operation), 201)} }}"


def _from_body(variable: str, name: str) -> str:
    return f'map $http_x_body ${variable} {{ "~\\"{name}\\": ?\\"(?<of_{variable}>[^\\"]+)\\"" $of_{variable}; }}'


def _maps() -> Iterator[str]:
    yield 'map $http_authorization $account { "~token-(?<of_token>.+)$" $of_token; }'
    yield 'map $arg_policyholder_id $holder { "" holder-$account; default $arg_policyholder_id; }'
    # Cleanup reads rows back after it has deleted them.
    yield f'map $http_x_run_id $rowstatus {{ "~/cleanup" cancelled; default {STATUS}; }}'
    yield _from_body("phone", "phone_number")
    roles = " ".join(f'"~^9{position}" {role.slug};' for position, role in enumerate(ROLES))
    yield f"map $phone $role {{ {roles} }}"
    for name in _ECHOED_FIELDS:
        yield _from_body(f"new_{name}", name)


def configuration(folder: Path, port: int, most_files: int, processes: int = 1) -> str:
    """The configuration file of an nginx that lives in `folder` and listens on a loopback port."""
    body = f"""
upstream repeater {{ server unix:{folder}/repeater; keepalive 64; keepalive_requests 1000000000; }}
server {{
  listen 127.0.0.1:{port} backlog=8192{" reuseport" if processes > 1 else ""};
  proxy_http_version 1.1; proxy_pass_request_body off;
  proxy_set_header Connection ""; proxy_set_header Content-Length ""; proxy_set_header X-Body $request_body;
  location = /nginx_status {{ stub_status; }}
  {_lines(_locations(), 2)}
}}
"""
    return _with_settings(body, folder, "main", most_files, processes)


def repeater_configuration(folder: Path) -> str:
    """That of a second nginx, apart from the first so that its requests are not counted there."""
    body = f"server {{ listen unix:{folder}/repeater; {_lines(_repeated(), 2)} }}"
    return _with_settings(body, folder, "second", 1024, 1)


def _with_settings(body: str, folder: Path, name: str, most_files: int, processes: int) -> str:
    return f"""
daemon off; master_process on; worker_processes {processes}; worker_rlimit_nofile {most_files};
pid {folder}/{name}.pid; error_log {folder}/error.log crit;
events {{ worker_connections {most_files - 100}; multi_accept on; }}
http {{
  access_log off; default_type application/json; server_tokens off; types {{ }}
  keepalive_requests 1000000000; keepalive_timeout 3600s; client_header_timeout 3600s; send_timeout 3600s;
  tcp_nodelay on; client_body_buffer_size 16k; client_max_body_size 1m; variables_hash_max_size 2048;
  client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy; fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi; scgi_temp_path {folder}/scgi;
  {_lines(_maps(), 2)}
  {_lines(iter([body.strip()]), 2)}
}}
"""


def _lines(blocks: Iterator[str], indent: int) -> str:
    return ("\n" + " " * indent).join("\n".join(blocks).splitlines())
