"""Is the target there, is it ours, what does it list?"""

from __future__ import annotations

import pytest

from perfsuite.errors import TargetError
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.model import FailureKind
from perfsuite.preflight.probe import TargetInfo, probe_target
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.connection import CLIENT_CERTIFICATE_REQUIRED, ConnectionSettings
from perfsuite.target.exchange import Answer, Request
from perfsuite.target.http_client import HttpClient
from perfsuite.target.run_state import RunState
from tests.cases import for_each
from tests.target.fake_target import FakeTarget, answer, lost
from tests.target.hostile_case import Case
from tests.target.hostile_cases import CASES
from tests.target.scripted_network import scripted
from tests.target.sent_headers import headers_of

HOST = "http://localhost:8015"
RUN = RunState("basic_1", purpose="preflight")
HEALTHY = {"status": "healthy", "service": "agent-mitra-backend", "version": "2.0"}


def _refusal(target: FakeTarget) -> TargetError:
    with pytest.raises(TargetError) as raised:
        probe_target(HOST, target, RUN)
    assert raised.value.exit_code == 3
    assert raised.value.fields["host"] == HOST
    assert len(str(raised.value).splitlines()) <= 2
    return raised.value


def test_a_target_of_ours() -> None:
    target = FakeTarget()

    offer = probe_target(HOST, target, RUN)

    assert (offer.service, offer.version) == ("agent-mitra-backend", "2.0")
    assert offer.missing(RUN) == frozenset()
    assert [request.target for request in target.sent] == ["/health", "/openapi.json"]
    assert {headers_of(request)["X-Run-ID"] for request in target.sent} == {"basic_1/preflight"}


@pytest.mark.parametrize(
    ("kind", "code"),
    [
        pytest.param(FailureKind.CONNECTION_REFUSED, PreflightMessage.REFUSED, id="refused"),
        pytest.param(FailureKind.NAME_NOT_FOUND, PreflightMessage.NAME_NOT_FOUND, id="name unknown"),
        pytest.param(FailureKind.TIMEOUT, PreflightMessage.TIMEOUT, id="no answer"),
        pytest.param(FailureKind.TLS, PreflightMessage.TLS, id="TLS"),
        pytest.param(FailureKind.PROXY, PreflightMessage.PROXY, id="the proxy"),
        pytest.param(FailureKind.CONNECTION_LOST, PreflightMessage.NOT_HTTP, id="something else listens"),
        pytest.param(FailureKind.INVALID_RESPONSE, PreflightMessage.INVALID_RESPONSE, id="an answer that is none"),
        pytest.param(FailureKind.GENERATOR, PreflightMessage.LOAD_MACHINE, id="a limit of this machine"),
    ],
)
def test_each_way_of_not_being_there_has_its_own_fix(kind: FailureKind, code: PreflightMessage) -> None:
    target = FakeTarget()
    target.give("health.root", lost(kind, "why"))

    refusal = _refusal(target)

    assert refusal.code is code
    assert refusal.fields.get("why", "why") == "why"


def test_a_connection_that_breaks_over_tls_may_lack_a_client_certificate() -> None:
    target = FakeTarget()
    target.give("health.root", lost(FailureKind.CONNECTION_LOST, "the connection broke"))
    with pytest.raises(TargetError) as raised:
        probe_target("https://staging.example", target, RUN)
    assert raised.value.code is PreflightMessage.LOST_OVER_TLS


@pytest.mark.parametrize(
    ("given", "seen"),
    [
        pytest.param(answer(raw=b"<html>", content_type="text/html; x=y"), "HTTP 200, text/html", id="a web page"),
        pytest.param(answer({"status": "ok", "service": "shop"}), "service 'shop'", id="another service"),
        pytest.param(answer({"status": "healthy"}), "HTTP 200, application/json", id="a service without a name"),
        pytest.param(answer(raw=b"[" * 5000), "HTTP 200, application/json", id="JSON nested 5,000 deep"),
        pytest.param(answer(["healthy"]), "HTTP 200, application/json", id="an array"),
        pytest.param(answer({"detail": "Not Found"}, 404), "HTTP 404, application/json", id="no such route"),
        pytest.param(answer(status=502, content_type=""), "HTTP 502, no content type", id="a proxy alone"),
    ],
)
def test_there_but_not_ours(given: Answer, seen: str) -> None:
    target = FakeTarget()
    target.give("health.root", given)

    refusal = _refusal(target)

    assert (refusal.code, refusal.fields["seen"]) == (PreflightMessage.OTHER_SERVICE, seen)


@pytest.mark.parametrize(
    ("given", "status", "health"),
    [
        pytest.param(answer(HEALTHY | {"status": "degraded"}), 200, "degraded", id="by its answer"),
        pytest.param(answer(HEALTHY | {"status": "down"}, 503), 503, "down", id="by answer and code"),
        pytest.param(answer(HEALTHY, 500), 500, "healthy", id="by its code alone"),
    ],
)
def test_ours_but_not_healthy(given: Answer, status: int, health: str) -> None:
    target = FakeTarget()
    target.give("health.root", given)

    refusal = _refusal(target)

    assert refusal.code is PreflightMessage.NOT_HEALTHY
    assert (refusal.fields["status"], refusal.fields["health"]) == (status, health)


def test_routes_of_another_service() -> None:
    target = FakeTarget()
    target.give("openapi", answer({"paths": {"/shop": {"get": {}}}}))

    assert _refusal(target).code is PreflightMessage.NO_ROUTES


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(answer({"detail": "Not Found"}, 404), id="switched off"),
        pytest.param(answer(raw=b"<html>"), id="not JSON"),
        pytest.param(answer({"paths": []}), id="without paths"),
        pytest.param(lost(), id="no answer"),
    ],
)
def test_where_nothing_is_listed_nothing_is_missing(given: Answer) -> None:
    target = FakeTarget()
    target.give("openapi", given)

    offer = probe_target(HOST, target, RUN)

    assert offer.routes is None
    assert offer.missing(RUN) == frozenset()


def test_what_is_not_listed_is_missing() -> None:
    target = FakeTarget()
    target.without = {"agents.list", "tickets.status", "tickets.list", "tickets.create", "tickets.page"}

    assert probe_target(HOST, target, RUN).missing(RUN) == target.without


@pytest.mark.parametrize(
    ("routes", "has"),
    [
        pytest.param({("GET", "/api/v1/policies/{}")}, True, id="under another name of the id"),
        pytest.param({("POST", "/api/v1/policies/{}")}, False, id="by another method"),
        pytest.param({("GET", "/api/v1/policies/{}/")}, False, id="with another slash: it would redirect"),
        pytest.param(None, True, id="nothing is listed"),
    ],
)
def test_has(routes: set[tuple[str, str]] | None, has: bool) -> None:
    offer = TargetInfo("s", "v", frozenset(routes) if routes is not None else None)

    assert offer.has("GET", CATALOGUE["policies.read"].path) is has


@pytest.mark.parametrize(
    ("why", "fix"),
    [
        pytest.param("TLS: self-signed certificate in certificate chain", "UNKNOWN_AUTHORITY", id="private CA"),
        pytest.param("TLS: unable to get local issuer certificate", "UNKNOWN_AUTHORITY", id="issuer not sent"),
        pytest.param("TLS: hostname mismatch, certificate is not valid for 'x'.", "OTHER_NAME", id="name"),
        pytest.param("TLS: ip address mismatch, certificate is not valid for 'x'.", "OTHER_NAME", id="address"),
        pytest.param("TLS: certificate has expired", "NOT_VALID_NOW", id="expired"),
        pytest.param("TLS: certificate is not yet valid", "NOT_VALID_NOW", id="of tomorrow"),
        pytest.param("TLS: wrong version number", "NOT_HTTPS", id="no TLS"),
    ],
)
def test_a_certificate_that_does_not_verify_is_one_line_with_its_fix(why: str, fix: str) -> None:
    target = FakeTarget()
    target.give("health.root", lost(FailureKind.TLS, why))

    refusal = _refusal(target)

    assert (refusal.code, refusal.fields["why"]) == (PreflightMessage.TLS, why)
    assert refusal.fields["fix"].code is PreflightMessage[f"TLS_{fix}"]
    assert len(str(refusal).splitlines()) == 1


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(lost(FailureKind.TLS, f"TLS: {CLIENT_CERTIFICATE_REQUIRED}"), id="by TLS"),
        pytest.param(
            answer(status=400, raw=b"<center>No required SSL certificate was sent</center>"), id="over HTTP, by nginx"
        ),
    ],
)
def test_a_target_that_requires_a_client_certificate_is_one_line_with_the_option(given: Answer) -> None:
    target = FakeTarget()
    target.give("health.root", given)

    refusal = _refusal(target)

    assert refusal.code is PreflightMessage.CLIENT_CERTIFICATE
    assert "--client-cert" in str(refusal)


class _OddOnce(FakeTarget):
    """Gives one odd answer, to requests for one path."""

    def __init__(self, path: str, case: Case) -> None:
        super().__init__()
        self._path = path
        self._client = HttpClient(ConnectionSettings(HOST), scripted(case, [case.content]))

    def exchange(self, request: Request) -> Answer:
        return self._client.exchange(request) if request.target == self._path else super().exchange(request)


ODD = [case for case in CASES if case.method == "GET"]


@for_each("case", ODD, ids=lambda case: case.name)
def test_an_odd_answer_about_the_health_is_a_refusal_that_names_it(case: Case) -> None:
    refusal = _refusal(_OddOnce("/health", case))

    if case.failure is FailureKind.INVALID_RESPONSE:
        assert refusal.code is PreflightMessage.INVALID_RESPONSE
        assert all(word in str(refusal) for word in case.mentions)
    elif case.failure is FailureKind.CONNECTION_LOST:
        assert refusal.code is PreflightMessage.NOT_HTTP


@for_each("case", ODD, ids=lambda case: case.name)
def test_an_odd_list_of_routes_is_none(case: Case) -> None:
    assert probe_target(HOST, _OddOnce("/openapi.json", case), RUN).routes is None


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_reported_with_the_address_behind_it(status: int) -> None:
    target = FakeTarget()
    target.give("health.root", answer(status=status, location="https://staging.test/mitra/health?token=geheim"))

    refusal = _refusal(target)

    assert (refusal.code, refusal.fields["status"]) == (PreflightMessage.REDIRECT, status)
    assert refusal.fields["location"] == "https://staging.test/mitra/health"


def test_a_limit_that_answers_already_here_is_named() -> None:
    target = FakeTarget()
    target.give("health.root", answer({"detail": "Rate limit exceeded"}, 429))

    assert _refusal(target).code is PreflightMessage.RATE_LIMIT


def test_routes_may_be_listed_with_the_base_path() -> None:
    target = FakeTarget()
    listed = {
        f"/mitra{operation.template}": {"get": {}, "post": {}, "put": {}, "delete": {}}
        for operation in CATALOGUE.values()
    }
    target.give("openapi", answer({"paths": listed}))

    assert probe_target(f"{HOST}/mitra", target, RUN).missing(RUN) == frozenset()


def test_the_list_of_routes_and_health_may_be_elsewhere() -> None:
    target = FakeTarget()
    run = RunState("basic_1", paths={"health.root": "/healthz"}, openapi="/docs/openapi.json")
    target.give("openapi", answer({"paths": {}}))

    with pytest.raises(TargetError) as raised:
        probe_target(HOST, target, run)
    assert (raised.value.code, raised.value.fields["path"]) == (PreflightMessage.OTHER_SERVICE, "/healthz")
    assert [request.target for request in target.sent] == ["/healthz"]
