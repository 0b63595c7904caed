"""How the target is reached (`--ca-file`, `--proxy`, `--header`, `--mapping`, …), and who logs in (`--credentials`)."""

from __future__ import annotations

import csv
import io
import re
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from perfsuite.correctness.catalogue import operations_by_rule
from perfsuite.correctness.permissions import routes
from perfsuite.errors import UsageError, nearest
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import Access, Account, ApiMapping, Headers, Plan
from perfsuite.model.plan import EVERY
from perfsuite.model.role import Role
from perfsuite.plan.certificates import KEY_PASSWORD_VARIABLE, checked_certificate
from perfsuite.plan.options import ConnectionOptions
from perfsuite.target.connection import REST, contract_paths
from perfsuite.target.contract_rules import ALL_ROLES
from perfsuite.toml_tables import Table, read_tables, unknown

CERTIFICATES_VARIABLE = "SSL_CERT_FILE"
FROM_ENVIRONMENT = "env:"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\x20-\x7e]+")
_OURS = (
    "accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "traceparent",
    "user-agent", "x-request-id", "x-run-id",
)  # fmt: skip
"""Headers that the suite sends with every request."""
_OF_THE_CONNECTION = ("connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")


@dataclass(frozen=True, slots=True)
class ResolvedConnection:
    """The connection to a target and its other names of paths and roles. `headers` may be secret.

    `key_password`: of the client key; "" where that has none.
    """

    access: Access = field(default_factory=Access)
    mapping: ApiMapping = field(default_factory=ApiMapping)
    headers: Headers = field(default=(), repr=False)
    key_password: str = field(default="", repr=False)


def resolve_connection(
    given: ConnectionOptions, host: str, roles: Collection[str], environment: Mapping[str, str]
) -> ResolvedConnection:
    """The checked connection to `host`; `roles`: known slugs. Raises UsageError. Sends nothing."""
    headers = read_headers(given.headers, environment)
    mapping = read_mapping(given.mapping_file, roles) if given.mapping_file else ApiMapping()
    access = _access(given, host, headers, environment)
    password = environment.get(KEY_PASSWORD_VARIABLE, "") if access.client_cert else ""
    return ResolvedConnection(access, mapping, headers, password)


def connection_of_run(
    plan: Plan, given: ConnectionOptions, environment: Mapping[str, str]
) -> tuple[Plan, ResolvedConnection]:
    """The plan of an earlier run with its connection, changed by the options given now, and that with its secrets.

    Raises UsageError if a header of the run is not given: the plan does not contain its value.
    """
    before = plan.access
    key = given.client_key or (None if given.client_cert else _path(before.client_key))
    again = replace(
        given,
        ca_file=given.ca_file or _path(before.ca_file),
        client_cert=given.client_cert or _path(before.client_cert),
        client_key=key,
        proxy=given.proxy or before.proxy or None,
        retry=given.retry and before.retry,
    )
    now = resolve_connection(again, plan.host, tuple(plan.users_by_role), environment)
    there = {name.lower() for name in now.access.header_names}
    for name in before.header_names:
        if name.lower() not in there:
            raise UsageError(PlanMessage.HEADER_AGAIN(name=name))
    mapping = now.mapping if given.mapping_file else plan.mapping
    timeout_s = given.timeout_s or plan.timeout_s
    return replace(plan, access=now.access, mapping=mapping, timeout_s=timeout_s), now


def _path(text: str) -> Path | None:
    return Path(text) if text else None


def read_headers(given: Sequence[str], environment: Mapping[str, str]) -> Headers:
    """The headers of `--header "Name: value"`; the value "env:NAME" reads the variable NAME.

    Raises UsageError; no message repeats a value, which may be secret.
    """
    headers: dict[str, tuple[str, str]] = {}
    for text in given:
        name, value = _header(text, environment)
        if name.lower() in headers:
            raise UsageError(PlanMessage.HEADER_TWICE(name=name))
        headers[name.lower()] = name, value
    return tuple(headers.values())


def _header(text: str, environment: Mapping[str, str]) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _NAME.fullmatch(name):
        # Not repeated: without a colon it may be a value alone.
        raise UsageError(PlanMessage.HEADER_FORM())
    if name.lower() in _OURS:
        raise UsageError(PlanMessage.HEADER_OF_SUITE(name=name))
    if name.lower() in _OF_THE_CONNECTION or name.lower().startswith("proxy-"):
        raise UsageError(PlanMessage.HEADER_OF_CONNECTION(name=name))
    if value.startswith(FROM_ENVIRONMENT):
        variable = value.removeprefix(FROM_ENVIRONMENT)
        value = environment.get(variable, "").strip()
        if not value:
            raise UsageError(PlanMessage.HEADER_VARIABLE(name=name, variable=variable))
    if not _VALUE.fullmatch(value):
        raise UsageError(PlanMessage.HEADER_VALUE(name=name))
    return name, value


def _access(given: ConnectionOptions, host: str, headers: Headers, environment: Mapping[str, str]) -> Access:
    named = environment.get(CERTIFICATES_VARIABLE, "")
    if named and host.startswith("https:"):
        _authorities(CERTIFICATES_VARIABLE, Path(named))  # TLS ignores a missing file
    certificate = checked_certificate(given, environment)
    return Access(
        ca_file=_authorities("--ca-file", given.ca_file) if given.ca_file else "",
        proxy=_proxy(given.proxy) if given.proxy is not None else "",
        header_names=tuple(name for name, _value in headers),
        client_cert=certificate.cert if certificate else "",
        client_key=certificate.key if certificate else "",
        retry=given.retry,
    )


def _authorities(option: str, path: Path) -> str:
    """The absolute path, after reading its certificates."""
    path = path.expanduser().resolve()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except FileNotFoundError:
        raise UsageError(PlanMessage.CERTIFICATES_MISSING(option=option, path=path)) from None
    except ssl.SSLError:
        raise UsageError(PlanMessage.CERTIFICATES_FORM(option=option, path=path)) from None
    except OSError as error:
        raise UsageError(PlanMessage.CERTIFICATES_UNREADABLE(option=option, path=path, why=error.strerror)) from None
    return str(path)


def _proxy(url: str) -> str:
    """`http://name:port` of a proxy; without password, since it is stored in plan.json."""
    if "@" in url:
        raise UsageError(PlanMessage.PROXY_PASSWORD())
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port or parts.path.strip("/") or parts.query:
        raise UsageError(PlanMessage.PROXY_FORM(url=url))
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"http://{name}:{port}"


_NAMED = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@%/-]*", re.ASCII)


def read_mapping(path: Path, roles: Collection[str]) -> ApiMapping:
    """The content of the file; `roles`: known slugs. Raises UsageError naming file, table and key."""
    top = read_tables(path)
    top.only(("schema", "path", "role", "allowed", "off"))
    paths, names, allowed, off = (top.table(key) for key in ("path", "role", "allowed", "off"))
    names.only(roles)
    _known(allowed, "operation", routes())
    rules = operations_by_rule()
    _known(off, "rule", rules)
    return ApiMapping(
        {key: _deployed_path(paths, key) for key in paths.values},
        {key: names.text(key) for key in names.values},
        {key: allowed.names_among(key, "role", sorted(ALL_ROLES)) for key in allowed.values},
        {key: off.names_among(key, "operation", [*sorted(rules[key]), EVERY]) for key in off.values},
        path.name,
    )


def _known(table: Table, kind: str, known: Collection[str]) -> None:
    """Raise UsageError for a key that is not one of these; `kind` is what messages call it."""
    for key in table.values:
        if key not in known:
            raise UsageError(unknown(kind, key, known).at(table.place_of(key)))


def _deployed_path(table: Table, key: str) -> str:
    """Where the contract's path `key` is."""
    known = contract_paths()
    if key.endswith(REST):
        if not any(path.startswith(key.removesuffix(REST)) for path in known):
            raise UsageError(PlanMessage.NO_SUCH_PATHS(key=key).at(table.place_of(key)))
    elif key not in known:
        hint = nearest(key, known) or ". The paths of the contract are in docs/real-backend.md"
        raise UsageError(PlanMessage.UNKNOWN_PATH(key=key, hint=hint).at(table.place_of(key)))
    value = table.text(key)
    if value.endswith(REST) != key.endswith(REST):
        raise table.wrong(key, PlanMessage.STAR_OF_ONE_PATH(star=REST))
    if not _PATH.fullmatch(_NAMED.sub("", value.removesuffix(REST))):
        raise table.wrong(key, PlanMessage.NOT_A_PATH())
    if sorted(_NAMED.findall(value)) != sorted(_NAMED.findall(key)):
        ids = ", ".join(f"{{{name}}}" for name in _NAMED.findall(key)) or "none"
        raise table.wrong(key, PlanMessage.OTHER_IDS(ids=ids))
    return value


PASSWORD_VARIABLE = "AGENTMITRA_TEST_PASSWORD"  # noqa: S105 - the name of a variable, not a password
_COLUMNS = ("phone_number", "password", "role")
_NO_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class AccountsByRole:
    """The accounts of every role that has users. `shared`: roles with more users than accounts → accounts."""

    by_role: dict[str, tuple[Account, ...]]
    shared: dict[str, int]


def read_accounts(
    path: Path, roles: Sequence[Role], environment: Mapping[str, str], deployed: Mapping[str, str] = _NO_NAMES
) -> tuple[Account, ...]:
    """The accounts in the order of the file, their role as a slug. `deployed`: slug → the target's own name for it.

    An empty password cell means the environment variable AGENTMITRA_TEST_PASSWORD.
    Raises UsageError with file and line.
    """
    slugs = _slugs(roles, deployed)
    accounts: dict[str, Account] = {}
    for line, cells in _rows(path):
        place = f"{path.name}, line {line}"
        phone_number, password, role_name = cells
        if not phone_number.removeprefix("+").isdigit():
            raise UsageError(PlanMessage.PHONE_NUMBER(place=place))
        if role_name not in slugs:
            raise UsageError(PlanMessage.UNKNOWN_ROLE(place=place, known=", ".join(slugs)))
        if not slugs[role_name]:
            several = ", ".join(slug for slug, name in deployed.items() if name == role_name)
            raise UsageError(PlanMessage.SHARED_ROLE_NAME(place=place, roles=several))
        if phone_number in accounts:
            raise UsageError(PlanMessage.PHONE_NUMBER_TWICE(place=place))
        password = password or environment.get(PASSWORD_VARIABLE, "")
        if not password:
            raise UsageError(PlanMessage.NO_PASSWORD(place=place, variable=PASSWORD_VARIABLE))
        accounts[phone_number] = Account(phone_number, password, slugs[role_name])
    if not accounts:
        raise UsageError(PlanMessage.NO_ACCOUNT(path=path, columns=",".join(_COLUMNS)))
    return tuple(accounts.values())


def _slugs(roles: Sequence[Role], deployed: Mapping[str, str]) -> dict[str, str]:
    """Name of a role → its slug, or "" if the target has one name for several roles. A slug always means itself."""
    slugs = {role.slug: role.slug for role in roles}
    of_target: dict[str, str] = {}
    for slug, name in deployed.items():
        of_target[name] = "" if name in of_target else slug
    of_contract = {name: role.slug for role in roles for name in role.api_names}
    return slugs | {name: slug for name, slug in (of_contract | of_target).items() if name not in slugs}


def _rows(path: Path) -> list[tuple[int, tuple[str, str, str]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    rows: list[tuple[int, tuple[str, str, str]]] = []
    try:
        header = tuple(cell.strip().lower() for cell in next(reader, []))
        if header != _COLUMNS:
            raise UsageError(PlanMessage.CREDENTIALS_HEAD(place=f"{path.name}, line 1", columns=",".join(_COLUMNS)))
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(_COLUMNS):
                raise UsageError(
                    PlanMessage.CREDENTIALS_CELLS(place=f"{path.name}, line {reader.line_num}", cells=len(cells))
                )
            # Spaces around a password may be part of it.
            rows.append((reader.line_num, (cells[0].strip(), cells[1], cells[2].strip())))
    except csv.Error:
        raise UsageError(PlanMessage.CREDENTIALS_CSV(place=f"{path.name}, line {reader.line_num}")) from None
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(PlanMessage.CREDENTIALS_MISSING(path=path, columns=",".join(_COLUMNS))) from None
    except OSError as error:
        raise UsageError(PlanMessage.CREDENTIALS_UNREADABLE(path=path, why=error.strerror)) from None
    except UnicodeDecodeError:
        raise UsageError(PlanMessage.CREDENTIALS_NOT_UTF8(path=path)) from None


def accounts_for(users_by_role: Mapping[str, int], accounts: Sequence[Account]) -> AccountsByRole:
    """The accounts of every role that has users. Raises UsageError naming all roles that have none."""
    by_role = {
        slug: tuple(account for account in accounts if account.role == slug)
        for slug, users in users_by_role.items()
        if users
    }
    without = [slug for slug, own in by_role.items() if not own]
    if without:
        raise UsageError(PlanMessage.NO_ACCOUNT_FOR(roles=", ".join(without)))
    shared = {slug: len(own) for slug, own in by_role.items() if len(own) < users_by_role[slug]}
    return AccountsByRole(by_role, shared)
