"""The client certificate is checked before anything is sent."""

from __future__ import annotations

import ssl
from pathlib import Path

import msgspec
import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import Access, Plan, Scenario, Secrets
from perfsuite.plan.access import connection_of_run, resolve_connection
from perfsuite.plan.certificates import KEY_PASSWORD_VARIABLE, checked_certificate
from perfsuite.plan.options import ConnectionOptions
from perfsuite.target.connection import ClientCertificate, connection_settings, tls_context
from tests.certificates import ClientFiles, needs_openssl, private_ca

pytestmark = needs_openssl

PASSWORD = "geheim-123"
HOST = "https://staging.example"
WITH_PASSWORD = {KEY_PASSWORD_VARIABLE: PASSWORD}


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> ClientFiles:
    return private_ca(tmp_path_factory.mktemp("plain")).client()


@pytest.fixture(scope="module")
def encrypted(tmp_path_factory: pytest.TempPathFactory) -> ClientFiles:
    return private_ca(tmp_path_factory.mktemp("encrypted")).client(PASSWORD)


def _given(cert: Path | None, key: Path | None = None) -> ConnectionOptions:
    return ConnectionOptions(client_cert=cert, client_key=key)


def _plan(access: Access) -> Plan:
    scenario = Scenario("basic", 1, 1, 60)
    return Plan("basic_1", scenario, HOST, {"policyholder": 1}, (), (), 1, "2026-03-01", access=access)


def test_certificate_and_key_in_two_files_or_in_one(plain: ClientFiles, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(plain.cert.parent)
    two = resolve_connection(_given(Path("client.crt"), Path("client.key")), HOST, (), {})
    one = resolve_connection(_given(Path("client.pem")), HOST, (), {})
    assert (two.access.client_cert, two.access.client_key) == (str(plain.cert), str(plain.key))
    assert (one.access.client_cert, one.access.client_key) == (str(plain.both), "")


def test_the_password_of_a_key_is_in_no_plan(encrypted: ClientFiles) -> None:
    found = resolve_connection(_given(encrypted.cert, encrypted.key), HOST, (), WITH_PASSWORD)
    plan = _plan(found.access)
    assert found.key_password == PASSWORD
    assert PASSWORD not in repr((found, connection_settings(plan, (), PASSWORD), Secrets((), (), PASSWORD)))
    assert PASSWORD.encode() not in msgspec.json.encode(plan)


def test_a_context_uses_the_certificate(encrypted: ClientFiles) -> None:
    given = resolve_connection(_given(encrypted.both), HOST, (), WITH_PASSWORD)
    settings = connection_settings(_plan(given.access), (), given.key_password)
    assert settings.certificate == ClientCertificate(str(encrypted.both), "", PASSWORD)
    assert tls_context(certificate=settings.certificate).verify_mode is ssl.CERT_REQUIRED
    with pytest.raises(ssl.SSLError):  # and does not ask for the password at the terminal
        tls_context(certificate=ClientCertificate(str(encrypted.both)))


def test_without_one_nothing_is_loaded() -> None:
    assert connection_settings(_plan(Access()), (), PASSWORD).certificate is None
    assert resolve_connection(ConnectionOptions(), HOST, (), WITH_PASSWORD).key_password == ""


@pytest.mark.parametrize(
    ("cert", "key", "code"),
    [
        pytest.param(None, "client.key", PlanMessage.CLIENT_KEY_ALONE, id="a key without its certificate"),
        pytest.param("client.crt", None, PlanMessage.CLIENT_KEY_MISSING, id="a certificate without its key"),
        pytest.param("none.crt", None, PlanMessage.CERTIFICATES_MISSING, id="no such certificate"),
        pytest.param("client.crt", "none.key", PlanMessage.CERTIFICATES_MISSING, id="no such key"),
        pytest.param("client.key", "client.key", PlanMessage.CERTIFICATES_FORM, id="a key as the certificate"),
        pytest.param("client.crt", "client.crt", PlanMessage.CLIENT_KEY_FORM, id="a certificate as the key"),
        pytest.param("client.crt", "ca.key", PlanMessage.CLIENT_KEY_OTHER, id="the key of another certificate"),
        pytest.param(".", None, PlanMessage.CERTIFICATES_UNREADABLE, id="a folder"),
        pytest.param("broken.pem", None, PlanMessage.CLIENT_KEY_UNREADABLE, id="damaged"),
    ],
)
def test_a_wrong_certificate_is_refused(plain: ClientFiles, cert: str | None, key: str | None, code: Code) -> None:
    folder = plain.cert.parent
    (folder / "broken.pem").write_text("-----BEGIN CERTIFICATE-----\nAAAA\n-----BEGIN PRIVATE KEY-----\nAAAA\n")
    with pytest.raises(UsageError) as raised:
        checked_certificate(_given(folder / cert if cert else None, folder / key if key else None), {})
    assert raised.value.code is code
    assert str(raised.value).count("\n") <= 1


@pytest.mark.parametrize(
    ("environment", "code"),
    [
        pytest.param({}, PlanMessage.CLIENT_KEY_NO_PASSWORD, id="none"),
        pytest.param({KEY_PASSWORD_VARIABLE: "falsch"}, PlanMessage.CLIENT_KEY_PASSWORD, id="another"),
        pytest.param({KEY_PASSWORD_VARIABLE: "x" * 5000}, PlanMessage.CLIENT_KEY_PASSWORD, id="longer than any"),
    ],
)
@pytest.mark.parametrize("together", [True, False], ids=["in one file", "in two"])
def test_a_wrong_password_is_refused_and_not_repeated(
    encrypted: ClientFiles, together: bool, environment: dict[str, str], code: Code
) -> None:
    given = _given(encrypted.both) if together else _given(encrypted.cert, encrypted.key)
    with pytest.raises(UsageError) as raised:
        checked_certificate(given, environment)
    assert raised.value.code is code
    assert all(password not in str(raised.value) for password in environment.values())


def test_an_earlier_run_keeps_its_certificate(plain: ClientFiles, encrypted: ClientFiles) -> None:
    access = Access(client_cert=str(plain.cert), client_key=str(plain.key), retry=False)
    again, _secrets = connection_of_run(_plan(access), ConnectionOptions(), {})
    assert again.access == access
    other, secrets = connection_of_run(_plan(access), _given(encrypted.both), WITH_PASSWORD)
    assert (other.access.client_cert, other.access.client_key) == (str(encrypted.both), "")
    assert secrets.key_password == PASSWORD
