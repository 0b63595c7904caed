"""How the target is reached (`--ca-file`, `--proxy`, `--header`, `--mapping`), and who logs in (`--credentials`)."""

from __future__ import annotations

import csv
import io
import re
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from perfsuite.errors import UsageError, nearest
from perfsuite.model import Access, Account, ApiMapping, Headers, Plan
from perfsuite.model.role import Role
from perfsuite.plan.options import ReachOptions
from perfsuite.target.connection import REST, contract_paths
from perfsuite.toml_tables import Table, read_tables

CERTIFICATES_VARIABLE = "SSL_CERT_FILE"
FROM_ENVIRONMENT = "env:"
_NAME = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+", re.ASCII)
_VALUE = re.compile(r"[\x20-\x7e]+")
_OURS = (
    "accept", "accept-encoding", "authorization", "content-length", "content-type", "host", "traceparent",
    "user-agent", "x-request-id", "x-run-id",
)  # fmt: skip
"""What the suite itself says with every request."""
_OF_THE_CONNECTION = ("connection", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade")


@dataclass(frozen=True, slots=True)
class Reached:
    """How a target is reached and what it calls otherwise, read from options and files. `headers` may be secret."""

    access: Access = field(default_factory=Access)
    mapping: ApiMapping = field(default_factory=ApiMapping)
    headers: Headers = field(default=(), repr=False)


def reach(given: ReachOptions, host: str, roles: Collection[str], environment: Mapping[str, str]) -> Reached:
    """How `host` is reached, checked; `roles`: the slugs that there are. Raises UsageError. Nothing is sent."""
    headers = read_headers(given.headers, environment)
    mapping = read_mapping(given.mapping_file, roles) if given.mapping_file else ApiMapping()
    return Reached(_access(given, host, headers, environment), mapping, headers)


def reached_again(plan: Plan, given: ReachOptions, environment: Mapping[str, str]) -> tuple[Plan, Headers]:
    """The plan of an earlier run, reached as it was but for what is given now, and its headers with their values.

    Raises UsageError where a header of the run is not given: the plan does not hold its value.
    """
    before = plan.access
    ca_file = given.ca_file or (Path(before.ca_file) if before.ca_file else None)
    again = replace(given, ca_file=ca_file, proxy=given.proxy or before.proxy or None)
    now = reach(again, plan.host, tuple(plan.users_by_role), environment)
    there = {name.lower() for name in now.access.header_names}
    for name in before.header_names:
        if name.lower() not in there:
            raise UsageError(f'this run added the header {name}: give it again, --header "{name}: env:VARIABLE"')
    mapping = now.mapping if given.mapping_file else plan.mapping
    timeout_s = given.timeout_s or plan.timeout_s
    return replace(plan, access=now.access, mapping=mapping, timeout_s=timeout_s), now.headers


def read_headers(given: Sequence[str], environment: Mapping[str, str]) -> Headers:
    """The headers of `--header "Name: value"`; a value "env:NAME" is that of the variable NAME.

    Raises UsageError; no message repeats a value, which may be secret.
    """
    headers: dict[str, tuple[str, str]] = {}
    for text in given:
        name, value = _header(text, environment)
        if name.lower() in headers:
            raise UsageError(f"--header: {name} is given twice")
        headers[name.lower()] = name, value
    return tuple(headers.values())


def _header(text: str, environment: Mapping[str, str]) -> tuple[str, str]:
    name, colon, value = text.partition(":")
    name, value = name.strip(), value.strip()
    if not colon or not _NAME.fullmatch(name):
        # Not repeated: without a colon it may be a value alone.
        raise UsageError('--header: write it as "Name: value", or as "Name: env:VARIABLE"')
    if name.lower() in _OURS:
        raise UsageError(f"--header: {name} is what the suite itself sends and cannot be changed")
    if name.lower() in _OF_THE_CONNECTION or name.lower().startswith("proxy-"):
        raise UsageError(f"--header: {name} is about the connection, which the suite keeps itself")
    if value.startswith(FROM_ENVIRONMENT):
        variable = value.removeprefix(FROM_ENVIRONMENT)
        value = environment.get(variable, "").strip()
        if not value:
            raise UsageError(f"--header: {name} is to come from the variable {variable!r}, which is not set")
    if not _VALUE.fullmatch(value):
        raise UsageError(f"--header: the value of {name} is empty, or has characters that are not ASCII")
    return name, value


def _access(given: ReachOptions, host: str, headers: Headers, environment: Mapping[str, str]) -> Access:
    named = environment.get(CERTIFICATES_VARIABLE, "")
    if named and host.startswith("https:"):
        _authorities(CERTIFICATES_VARIABLE, Path(named))  # TLS itself would pass over a file that is not there
    return Access(
        ca_file=_authorities("--ca-file", given.ca_file) if given.ca_file else "",
        proxy=_proxy(given.proxy) if given.proxy is not None else "",
        header_names=tuple(name for name, _value in headers),
    )


def _authorities(option: str, path: Path) -> str:
    """The absolute path, once it is sure that certificates can be read from it."""
    path = path.expanduser().resolve()
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(path)
    except FileNotFoundError:
        raise UsageError(f"{option} {path}: there is no such file") from None
    except ssl.SSLError:
        raise UsageError(
            f"{option} {path}: holds no certificate in PEM form (-----BEGIN CERTIFICATE-----).\n"
            "Where it is in DER form: openssl x509 -inform der -in FILE -out FILE.pem"
        ) from None
    except OSError as error:
        raise UsageError(f"{option} {path}: cannot be read: {error.strerror}") from None
    return str(path)


def _proxy(url: str) -> str:
    """`http://name:port` of a proxy. It may hold no password: it is kept in plan.json."""
    if "@" in url:
        raise UsageError(
            "--proxy: a proxy that wants a name and password is not supported. Load past it, or through a forwarder"
        )
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = 0
    if parts.scheme != "http" or not parts.hostname or not port or parts.path.strip("/") or parts.query:
        raise UsageError(f"--proxy: {url!r} is not the address of a proxy. Write it as http://proxy.example:3128")
    name = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    return f"http://{name}:{port}"


_NAMED = re.compile(r"\{(\w+)\}")
_PATH = re.compile(r"/[A-Za-z0-9._~!$&'()+,;=:@%/-]*", re.ASCII)


def read_mapping(path: Path, roles: Collection[str]) -> ApiMapping:
    """The content of the file; `roles`: the slugs that there are. Raises UsageError naming file, table and key."""
    top = read_tables(path)
    top.only(("schema", "path", "role"))
    paths, names = top.table("path"), top.table("role")
    names.only(roles)
    return ApiMapping(
        {key: _deployed_path(paths, key) for key in paths.values},
        {key: names.text(key) for key in names.values},
    )


def _deployed_path(table: Table, key: str) -> str:
    """Where the contract's path `key` is."""
    known = contract_paths()
    if key.endswith(REST):
        if not any(path.startswith(key.removesuffix(REST)) for path in known):
            raise UsageError(f"{table.place_of(key)} {key}: no path of the contract begins so")
    elif key not in known:
        hint = nearest(key, known) or ". The paths of the contract are in docs/real-backend.md"
        raise UsageError(f"{table.place_of(key)} unknown path {key!r}{hint}")
    value = table.text(key)
    if value.endswith(REST) != key.endswith(REST):
        raise table.wrong(key, f"the {REST} has to be at the end of both paths, or of none")
    if not _PATH.fullmatch(_NAMED.sub("", value.removesuffix(REST))):
        raise table.wrong(key, 'must be a path without a query, such as "/api/v2/policies/"')
    if sorted(_NAMED.findall(value)) != sorted(_NAMED.findall(key)):
        ids = ", ".join(f"{{{name}}}" for name in _NAMED.findall(key)) or "none"
        raise table.wrong(key, f"must have the same {{names}} of ids as the contract's path ({ids})")
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
            raise UsageError(f"{place}: the phone number must be digits only")
        if role_name not in slugs:
            raise UsageError(f"{place}: the third cell is not a role. Known: {', '.join(slugs)}; --mapping adds names")
        if not slugs[role_name]:
            several = ", ".join(slug for slug, name in deployed.items() if name == role_name)
            raise UsageError(f"{place}: the target calls several roles so ({several}); write which of them is meant")
        if phone_number in accounts:
            raise UsageError(f"{place}: this phone number was there before; give each account once")
        password = password or environment.get(PASSWORD_VARIABLE, "")
        if not password:
            raise UsageError(f"{place}: the password is empty. Write it there, or set {PASSWORD_VARIABLE}")
        accounts[phone_number] = Account(phone_number, password, slugs[role_name])
    if not accounts:
        raise UsageError(f"{path}: holds no account. Add lines {','.join(_COLUMNS)}")
    return tuple(accounts.values())


def _slugs(roles: Sequence[Role], deployed: Mapping[str, str]) -> dict[str, str]:
    """Name of a role → its slug, or "" where the target has one name for several roles. A slug always means itself."""
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
            raise UsageError(f"{path.name}, line 1: the first line must be {','.join(_COLUMNS)}")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(_COLUMNS):
                raise UsageError(f"{path.name}, line {reader.line_num}: has {len(cells)} cells instead of 3")
            # Spaces around a password may be part of it.
            rows.append((reader.line_num, (cells[0].strip(), cells[1], cells[2].strip())))
    except csv.Error:
        raise UsageError(f"{path.name}, line {reader.line_num}: is not proper CSV (an open quote?)") from None
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            f"{path}: there is no such file. Make it with columns {','.join(_COLUMNS)}, or name it by --credentials"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text") from None


def accounts_for(users_by_role: Mapping[str, int], accounts: Sequence[Account]) -> AccountsByRole:
    """The accounts of every role that has users. Raises UsageError naming all roles that have none."""
    by_role = {
        slug: tuple(account for account in accounts if account.role == slug)
        for slug, users in users_by_role.items()
        if users
    }
    without = [slug for slug, own in by_role.items() if not own]
    if without:
        raise UsageError(
            f"the credentials hold no account for {', '.join(without)}. Add a line of that role to the file"
        )
    shared = {slug: len(own) for slug, own in by_role.items() if len(own) < users_by_role[slug]}
    return AccountsByRole(by_role, shared)
