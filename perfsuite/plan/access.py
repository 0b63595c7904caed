"""How the target is reached: `--ca-file`, `--proxy`, `--header`, `--mapping`."""

from __future__ import annotations

import re
import ssl
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from urllib.parse import urlsplit

from perfsuite.errors import UsageError
from perfsuite.model import Access, ApiMapping, Headers, Plan
from perfsuite.plan.mapping import read_mapping

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
class Reaching:
    """The options about it as they were typed. None and (): not given."""

    ca_file: Path | None = None
    proxy: str | None = None
    headers: tuple[str, ...] = field(default=(), repr=False)
    mapping_file: Path | None = None

    def of_demo(self) -> None:
        """Raise UsageError where any is given: a demo is reached in one way only."""
        given = {
            "--ca-file": self.ca_file,
            "--proxy": self.proxy,
            "--header": self.headers,
            "--mapping": self.mapping_file,
        }
        for option, value in given.items():
            if value:
                raise UsageError(f"{option}: --demo starts its own backend, to which it does not apply. Leave one out")


@dataclass(frozen=True, slots=True)
class Reached:
    """How a target is reached and what it calls otherwise, read from options and files. `headers` may be secret."""

    access: Access = field(default_factory=Access)
    mapping: ApiMapping = field(default_factory=ApiMapping)
    headers: Headers = field(default=(), repr=False)


def reach(given: Reaching, host: str, roles: Collection[str], environment: Mapping[str, str]) -> Reached:
    """How `host` is reached, checked; `roles`: the slugs that there are. Raises UsageError. Nothing is sent."""
    headers = read_headers(given.headers, environment)
    mapping = read_mapping(given.mapping_file, roles) if given.mapping_file else ApiMapping()
    return Reached(_access(given, host, headers, environment), mapping, headers)


def reached_again(plan: Plan, given: Reaching, environment: Mapping[str, str]) -> tuple[Plan, Headers]:
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
    return replace(plan, access=now.access, mapping=mapping), now.headers


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


def _access(given: Reaching, host: str, headers: Headers, environment: Mapping[str, str]) -> Access:
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
