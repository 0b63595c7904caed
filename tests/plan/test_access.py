"""`--ca-file`, `--proxy`, `--header`: mistakes are told before anything is sent, and no message holds a value."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.model import Access, ApiMapping, Plan, Scenario
from perfsuite.plan.access import Reaching, reach, reached_again, read_headers
from tests.certificates import needs_openssl, private_ca

SECRET = "geheim-123"
HOST = "https://staging.example"


@pytest.mark.parametrize(
    ("given", "headers"),
    [
        pytest.param([f"X-Api-Key: {SECRET}"], [("X-Api-Key", SECRET)], id="as it is written"),
        pytest.param([f"X-Api-Key:{SECRET}"], [("X-Api-Key", SECRET)], id="without a space"),
        pytest.param(["X-Api-Key: env:KEY"], [("X-Api-Key", SECRET)], id="from the environment"),
        pytest.param(["X-A: a: b", "X-B: c"], [("X-A", "a: b"), ("X-B", "c")], id="several, a colon in the value"),
        pytest.param(["Cookie: a=b"], [("Cookie", "a=b")], id="a gateway's cookie"),
        pytest.param([], [], id="none"),
    ],
)
def test_headers(given: list[str], headers: list[tuple[str, str]]) -> None:
    assert read_headers(given, {"KEY": SECRET}) == tuple(headers)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param([SECRET], 'write it as "Name: value", or as "Name: env:VARIABLE"', id="a value alone"),
        pytest.param([f": {SECRET}"], 'write it as "Name: value"', id="no name"),
        pytest.param([f"X Api: {SECRET}"], 'write it as "Name: value"', id="a space in the name"),
        pytest.param([f"authorization: {SECRET}"], "authorization is what the suite itself sends", id="a token"),
        pytest.param([f"X-Request-ID: {SECRET}"], "X-Request-ID is what the suite itself sends", id="the id"),
        pytest.param([f"User-Agent: {SECRET}"], "User-Agent is what the suite itself sends", id="the name"),
        pytest.param([f"Host: {SECRET}"], "Host is what the suite itself sends", id="the host"),
        pytest.param([f"X-Run-ID: {SECRET}"], "X-Run-ID is what the suite itself sends", id="the run"),
        pytest.param([f"traceparent: {SECRET}"], "traceparent is what the suite itself sends", id="the trace"),
        pytest.param([f"Accept-Encoding: {SECRET}"], "Accept-Encoding is what the suite", id="compression"),
        pytest.param([f"Transfer-Encoding: {SECRET}"], "is about the connection", id="the form of the body"),
        pytest.param([f"Proxy-Authorization: {SECRET}"], "is about the connection", id="to the proxy"),
        pytest.param(["X-Api-Key: env:NOT_SET"], "the variable 'NOT_SET', which is not set", id="no such variable"),
        pytest.param(["X-Api-Key:"], "the value of X-Api-Key is empty", id="no value"),
        pytest.param([f"X-Api-Key: {SECRET}\r\nX-B: c"], "characters that are not ASCII", id="a line end"),
        pytest.param([f"X-Api-Key: {SECRET}é"], "characters that are not ASCII", id="beyond ASCII"),
        pytest.param([f"X-A: {SECRET}", f"x-a: {SECRET}"], "x-a is given twice", id="twice"),
    ],
)
def test_a_header_that_cannot_be_meant(given: list[str], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        read_headers(given, {})
    assert str(raised.value).startswith("--header: ")
    assert message in str(raised.value)
    assert SECRET not in str(raised.value)


@pytest.mark.parametrize(
    ("given", "proxy"),
    [
        ("http://proxy.example:3128", "http://proxy.example:3128"),
        ("http://PROXY.example:3128/", "http://proxy.example:3128"),
        ("http://[::1]:3128", "http://[::1]:3128"),
    ],
)
def test_a_proxy(given: str, proxy: str) -> None:
    assert reach(Reaching(proxy=given), HOST, (), {}).access == Access(proxy=proxy)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        pytest.param("proxy.example:3128", "is not the address of a proxy", id="no scheme"),
        pytest.param("http://proxy.example", "is not the address of a proxy", id="no port"),
        pytest.param("https://proxy.example:3128", "is not the address of a proxy", id="TLS to the proxy"),
        pytest.param("socks5://proxy.example:1080", "is not the address of a proxy", id="another kind"),
        pytest.param("http://proxy.example:0", "is not the address of a proxy", id="port 0"),
        pytest.param("http://proxy.example:x", "is not the address of a proxy", id="port is a word"),
        pytest.param("http://proxy.example:1/path", "is not the address of a proxy", id="a path"),
        pytest.param("", "is not the address of a proxy", id="nothing"),
        pytest.param(f"http://me:{SECRET}@proxy:3128", "wants a name and password is not supported", id="password"),
    ],
)
def test_what_is_no_proxy(given: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        reach(Reaching(proxy=given), HOST, (), {})
    assert message in str(raised.value)
    assert SECRET not in str(raised.value)


@needs_openssl
def test_authorities_are_kept_by_their_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = private_ca(tmp_path).authority
    monkeypatch.chdir(tmp_path)
    assert reach(Reaching(ca_file=Path("ca.pem")), HOST, (), {}).access == Access(ca_file=str(authority.resolve()))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param(None, "there is no such file", id="not there"),
        pytest.param(b"", "holds no certificate in PEM form", id="empty"),
        pytest.param(b"0\x82\x01\x02", "openssl x509 -inform der -in FILE", id="in DER form"),
        pytest.param(
            b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", "holds no certificate", id="damaged"
        ),
    ],
)
@pytest.mark.parametrize("option", ["--ca-file", "SSL_CERT_FILE"])
def test_what_holds_no_authorities(tmp_path: Path, option: str, content: bytes | None, message: str) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    given = Reaching(ca_file=path) if option == "--ca-file" else Reaching()

    with pytest.raises(UsageError) as raised:
        reach(given, HOST, (), {"SSL_CERT_FILE": str(path)} if option == "SSL_CERT_FILE" else {})

    assert str(raised.value).startswith(f"{option} {path}: ")
    assert message in str(raised.value)


def test_authorities_of_the_environment_do_not_matter_without_tls() -> None:
    assert reach(Reaching(), "http://localhost:8015", (), {"SSL_CERT_FILE": "/nowhere"}).access == Access()


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (Reaching(ca_file=Path("ca.pem")), "--ca-file"),
        (Reaching(proxy="http://proxy:3128"), "--proxy"),
        (Reaching(headers=(f"X-A: {SECRET}",)), "--header"),
        (Reaching(mapping_file=Path("target.toml")), "--mapping"),
    ],
)
def test_a_demo_is_reached_in_one_way_only(given: Reaching, option: str) -> None:
    with pytest.raises(UsageError, match=f"^{option}: --demo starts its own backend"):
        given.of_demo()
    Reaching().of_demo()
    assert SECRET not in repr(given)


# ── cleanup, later ──────────────────────────────────────────────────────────────────────────────────

MAPPED = ApiMapping({"/health": "/healthz"}, {"policyholder": "customer"})
PLAN = Plan(
    "basic_1", Scenario("basic", 1, 1, 60), "http://localhost/mitra", {"policyholder": 1}, (), (), 1, "2026-03-01",
    access=Access(proxy="http://proxy:3128", header_names=("X-Api-Key",)), mapping=MAPPED,
)  # fmt: skip


def test_an_earlier_run_is_reached_as_it_was() -> None:
    plan, headers = reached_again(PLAN, Reaching(headers=("x-api-key: env:KEY",)), {"KEY": SECRET})

    assert headers == (("x-api-key", SECRET),)
    assert (plan.access.proxy, plan.mapping, plan.host) == ("http://proxy:3128", MAPPED, PLAN.host)


def test_what_is_given_now_counts(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text('schema = 1\n[path]\n"/health" = "/live"\n', encoding="utf-8")
    given = Reaching(None, "http://other:3128", (f"X-Api-Key: {SECRET}",), tmp_path / "target.toml")

    plan, _headers = reached_again(PLAN, given, {})

    assert (plan.access.proxy, plan.mapping) == ("http://other:3128", ApiMapping({"/health": "/live"}))


def test_a_header_of_the_run_has_to_be_given_again() -> None:
    with pytest.raises(UsageError, match='this run added the header X-Api-Key: give it again, --header "X-Api-Key: '):
        reached_again(PLAN, Reaching(headers=("X-Other: 1",)), {})
