"""Is the target there, is it ours, what does it list?"""

from __future__ import annotations

import pytest

from perfsuite.errors import TargetError
from perfsuite.model import FailureKind
from perfsuite.preflight.probe import TargetInfo, probe_target
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.exchange import Answer
from perfsuite.target.run_state import RunState
from tests.target.fake_target import FakeTarget, answer, lost

HOST = "http://localhost:8015"
RUN = RunState("basic_1", purpose="preflight")
HEALTHY = {"status": "healthy", "service": "agent-mitra-backend", "version": "2.0"}


def _refusal(target: FakeTarget) -> str:
    with pytest.raises(TargetError) as raised:
        probe_target(HOST, target, RUN)
    assert raised.value.exit_code == 3
    message = str(raised.value)
    assert len(message.splitlines()) <= 2
    return message


def test_a_target_of_ours() -> None:
    target = FakeTarget()

    offer = probe_target(HOST, target, RUN)

    assert (offer.service, offer.version) == ("agent-mitra-backend", "2.0")
    assert offer.missing(RUN) == frozenset()
    assert [request.target for request in target.sent] == ["/health", "/openapi.json"]
    assert {request.headers["X-Run-ID"] for request in target.sent} == {"basic_1/preflight"}


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        pytest.param(FailureKind.CONNECTION_REFUSED, "nothing listens there (connection refused)", id="refused"),
        pytest.param(FailureKind.NAME_NOT_FOUND, "the name is not known", id="name unknown"),
        pytest.param(FailureKind.TIMEOUT, "no answer in time", id="no answer"),
        pytest.param(FailureKind.TLS, "the certificate was not accepted (why)", id="TLS"),
        pytest.param(FailureKind.CONNECTION_LOST, "why. Is it an HTTP server?", id="something else listens"),
    ],
)
def test_not_there_in_each_way_with_its_mend(kind: FailureKind, told: str) -> None:
    target = FakeTarget()
    target.give("health.root", lost(kind, "why"))

    assert _refusal(target).startswith(f"{HOST}: {told}")


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

    assert f"is not an Agent Mitra backend: GET /health gave {seen}." in _refusal(target)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        pytest.param(answer(HEALTHY | {"status": "degraded"}), "(HTTP 200, status 'degraded')", id="by its word"),
        pytest.param(answer(HEALTHY | {"status": "down"}, 503), "(HTTP 503, status 'down')", id="by its code"),
        pytest.param(answer(HEALTHY, 500), "(HTTP 500, status 'healthy')", id="by its code alone"),
    ],
)
def test_ours_but_not_healthy(given: Answer, told: str) -> None:
    target = FakeTarget()
    target.give("health.root", given)

    assert f"{HOST} says it is not healthy {told}" in _refusal(target)


def test_routes_of_another_service() -> None:
    target = FakeTarget()
    target.give("openapi", answer({"paths": {"/shop": {"get": {}}}}))

    assert "lists none of the routes under /api/v1/: it is not an Agent Mitra backend" in _refusal(target)


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
    ("message", "mend"),
    [
        pytest.param("TLS: self-signed certificate in certificate chain", "--ca-file FILE (PEM)", id="house CA"),
        pytest.param("TLS: unable to get local issuer certificate", "--ca-file FILE (PEM)", id="issuer not sent"),
        pytest.param("TLS: hostname mismatch, certificate is not valid for 'x'.", "the name that the", id="name"),
        pytest.param("TLS: ip address mismatch, certificate is not valid for 'x'.", "the name that the", id="address"),
        pytest.param("TLS: certificate has expired", "Have it renewed", id="expired"),
        pytest.param("TLS: certificate is not yet valid", "Have it renewed", id="of tomorrow"),
        pytest.param("TLS: wrong version number", "Is it HTTPS that answers there?", id="no TLS"),
    ],
)
def test_a_certificate_that_does_not_verify_is_one_line_with_its_mend(message: str, mend: str) -> None:
    target = FakeTarget()
    target.give("health.root", lost(FailureKind.TLS, message))

    refusal = _refusal(target)

    assert refusal.startswith(f"{HOST}: the certificate was not accepted ({message}). ")
    assert mend in refusal
    assert refusal.endswith("; verification is never switched off.")
    assert len(refusal.splitlines()) == 1


def test_a_proxy_that_is_in_the_way_is_named() -> None:
    target = FakeTarget()
    target.give("health.root", lost(FailureKind.PROXY, "nothing listens at the proxy's address"))

    assert "nothing listens at the proxy's address. Check --proxy" in _refusal(target)


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_a_redirect_is_told_with_the_address_behind_it(status: int) -> None:
    target = FakeTarget()
    target.give("health.root", answer(status=status, location="https://staging.test/mitra/health?token=geheim"))

    assert _refusal(target) == (
        f"{HOST} redirects: GET /health gave HTTP {status} to https://staging.test/mitra/health.\n"
        "Redirects are not followed: give the address behind it with --host."
    )


def test_a_limit_that_answers_already_here_is_named() -> None:
    target = FakeTarget()
    target.give("health.root", answer({"detail": "Rate limit exceeded"}, 429))

    assert "its rate limit answers GET /health already (HTTP 429)" in _refusal(target)


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

    with pytest.raises(TargetError, match="GET /healthz gave HTTP 404"):
        probe_target(HOST, target, run)
    assert [request.target for request in target.sent] == ["/healthz"]
