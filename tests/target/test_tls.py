"""TLS: verified, resumed, with client certificates, and its endings."""

from __future__ import annotations

import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from perfsuite.model import FailureKind
from perfsuite.target.connection import ClientCertificate, ConnectionSettings
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.http_client import HttpClient
from tests.certificates import PrivateCa, needs_openssl, private_ca

pytestmark = needs_openssl

GET = Request("GET", "/x", {})
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
UNTIL_CLOSE = b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n{}"


@dataclass
class TlsServer:
    """Answers every connection once, then ends it with or without close_notify."""

    context: ssl.SSLContext
    reply: bytes
    notify: bool
    port: int = 0
    resumed: list[bool] = field(default_factory=list)
    versions: list[str | None] = field(default_factory=list)
    names: list[str] = field(default_factory=list)

    def serve(self, listener: socket.socket) -> None:
        while True:
            try:
                raw, _address = listener.accept()
            except OSError:
                return
            with suppress(OSError), raw, self.context.wrap_socket(raw, server_side=True) as connection:
                self.resumed.append(bool(connection.session_reused))
                self.versions.append(connection.version())
                connection.recv(65536)
                connection.sendall(self.reply)
                if self.notify:
                    with suppress(OSError):
                        connection.unwrap()
                else:
                    socket.socket(fileno=connection.detach()).close()


@contextmanager
def tls_server(
    ca: PrivateCa,
    reply: bytes = WHOLE,
    *,
    notify: bool = True,
    version: ssl.TLSVersion | None = None,
    wants_certificate: bool = False,
) -> Iterator[TlsServer]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(ca.server)
    if version is not None:
        context.minimum_version = context.maximum_version = version
    if wants_certificate:
        context.verify_mode = ssl.CERT_REQUIRED
        context.load_verify_locations(ca.authority)
    server = TlsServer(context, reply, notify)
    context.sni_callback = lambda _connection, name, _context: server.names.append(name)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        server.port = listener.getsockname()[1]
        thread = threading.Thread(target=server.serve, args=(listener,))
        thread.start()
        try:
            yield server
        finally:
            listener.shutdown(socket.SHUT_RDWR)
            thread.join()


@pytest.fixture(scope="module")
def ca(tmp_path_factory: pytest.TempPathFactory) -> PrivateCa:
    return private_ca(tmp_path_factory.mktemp("ca"))


def client(server: TlsServer, ca_file: Path | None, certificate: ClientCertificate | None = None) -> HttpClient:
    url = f"https://localhost:{server.port}"
    return HttpClient(ConnectionSettings(url, ca_file=str(ca_file or ""), timeout_s=5, certificate=certificate))


def ask(server: TlsServer, ca_file: Path | None, times: int = 1) -> list[Answer]:
    one = client(server, ca_file)
    answers = [one.exchange(GET) for _ in range(times)]
    one.close()
    return answers


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_a_second_connection_resumes_the_session_and_sends_the_name(ca: PrivateCa, version: ssl.TLSVersion) -> None:
    with tls_server(ca, version=version) as server:
        answers = ask(server, ca.authority, times=2)

    assert [answer.status for answer in answers] == [200, 200]
    assert server.resumed == [False, True]
    assert set(server.versions) == {"TLSv1.2" if version is ssl.TLSVersion.TLSv1_2 else "TLSv1.3"}
    assert server.names[0] == "localhost"
    assert all((answer.tls_us or 0) > 0 for answer in answers)


def test_an_authority_that_is_not_trusted_is_a_failure_of_tls(ca: PrivateCa) -> None:
    with tls_server(ca) as server:
        (answer,) = ask(server, None)

    assert answer.failure is not None and answer.failure.kind is FailureKind.TLS


@pytest.mark.parametrize(
    ("reply", "notify", "kind"),
    [
        pytest.param(WHOLE, False, None, id="whole without close_notify"),
        pytest.param(UNTIL_CLOSE, True, None, id="until the end, with close_notify"),
        pytest.param(UNTIL_CLOSE, False, FailureKind.CONNECTION_LOST, id="until the end, which may be a cut"),
        pytest.param(WHOLE[:-1], False, FailureKind.CONNECTION_LOST, id="cut"),
    ],
)
def test_the_end_of_tls(ca: PrivateCa, reply: bytes, notify: bool, kind: FailureKind | None) -> None:
    with tls_server(ca, reply, notify=notify) as server:
        (answer,) = ask(server, ca.authority)

    assert (answer.failure and answer.failure.kind) == kind
    assert answer.body == (b"{}" if kind is None else b"")


def test_a_required_client_certificate_is_named(ca: PrivateCa) -> None:
    with tls_server(ca, version=ssl.TLSVersion.TLSv1_3, wants_certificate=True) as server:
        (answer,) = ask(server, ca.authority)

    assert answer.failure is not None
    assert (answer.failure.kind, "client certificate" in answer.failure.message) == (FailureKind.TLS, True)


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("password", ["", "geheim-123"], ids=["a plain key", "an encrypted key"])
def test_a_client_certificate_is_given_where_the_target_requires_it(
    ca: PrivateCa, version: ssl.TLSVersion, password: str
) -> None:
    files = ca.client(password)
    certificates = [
        ClientCertificate(str(files.cert), str(files.key), password),
        ClientCertificate(str(files.both), "", password),
    ]
    with tls_server(ca, version=version, wants_certificate=True) as server:
        for certificate in certificates:
            one = client(server, ca.authority, certificate)
            assert [one.exchange(GET).status for _ in range(2)] == [200, 200]
            one.close()
