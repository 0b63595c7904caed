"""The client certificate (`--client-cert`, `--client-key`), checked before anything is sent."""

from __future__ import annotations

import ssl
from collections.abc import Mapping
from pathlib import Path

from perfsuite.errors import UsageError
from perfsuite.messages.plan import PlanMessage
from perfsuite.plan.options import ConnectionOptions
from perfsuite.target.connection import ClientCertificate

KEY_PASSWORD_VARIABLE = "AGENTMITRA_CLIENT_KEY_PASSWORD"  # noqa: S105 - the name of a variable, not a password
_CERT, _KEY = "--client-cert", "--client-key"
_BEGINS_CERTIFICATE, _BEGINS_KEY = "-----BEGIN CERTIFICATE-----", "PRIVATE KEY-----"
_ENCRYPTED = ("-----BEGIN ENCRYPTED PRIVATE KEY-----", "Proc-Type: 4,ENCRYPTED")


def checked_certificate(given: ConnectionOptions, environment: Mapping[str, str]) -> ClientCertificate | None:
    """The certificate with absolute paths, after loading it with its key; None where none is given.

    Raises UsageError that names the file and the fix, and never the password.
    """
    if given.client_cert is None:
        if given.client_key is not None:
            raise UsageError(PlanMessage.CLIENT_KEY_ALONE())
        return None
    cert, text = _read(_CERT, given.client_cert)
    if _BEGINS_CERTIFICATE not in text:
        raise UsageError(PlanMessage.CERTIFICATES_FORM(option=_CERT, path=cert))
    if given.client_key is not None:
        key, text = _read(_KEY, given.client_key)
        if _BEGINS_KEY not in text:
            raise UsageError(PlanMessage.CLIENT_KEY_FORM(path=key))
    elif _BEGINS_KEY not in text:
        raise UsageError(PlanMessage.CLIENT_KEY_MISSING(path=cert))
    else:
        key = None
    password = environment.get(KEY_PASSWORD_VARIABLE, "")
    certificate = ClientCertificate(str(cert), str(key or ""), password)
    _load(
        certificate, {"option": _KEY if key else _CERT, "path": key or cert}, any(mark in text for mark in _ENCRYPTED)
    )
    return certificate


def _read(option: str, path: Path) -> tuple[Path, str]:
    """The absolute path and the content of a file."""
    path = path.expanduser().resolve()
    try:
        return path, path.read_text(encoding="latin-1")
    except FileNotFoundError:
        raise UsageError(PlanMessage.CERTIFICATES_MISSING(option=option, path=path)) from None
    except OSError as error:
        raise UsageError(PlanMessage.CERTIFICATES_UNREADABLE(option=option, path=path, why=error.strerror)) from None


def _load(certificate: ClientCertificate, place: Mapping[str, object], encrypted: bool) -> None:
    """`place`: option and path of the file with the key."""
    if encrypted and not certificate.password:
        raise UsageError(PlanMessage.CLIENT_KEY_NO_PASSWORD(**place, variable=KEY_PASSWORD_VARIABLE))
    try:
        certificate.load_into(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT))
    except ssl.SSLError as error:
        reason = error.reason or ""
        if reason == "KEY_VALUES_MISMATCH":
            raise UsageError(PlanMessage.CLIENT_KEY_OTHER(**place, certificate=certificate.cert)) from None
        if encrypted:
            raise UsageError(PlanMessage.CLIENT_KEY_PASSWORD(**place, variable=KEY_PASSWORD_VARIABLE)) from None
        why = reason.replace("_", " ").lower() or "it cannot be decoded"
        raise UsageError(PlanMessage.CLIENT_KEY_UNREADABLE(**place, why=why)) from None
    except ValueError:  # longer than OpenSSL takes
        raise UsageError(PlanMessage.CLIENT_KEY_PASSWORD(**place, variable=KEY_PASSWORD_VARIABLE)) from None
