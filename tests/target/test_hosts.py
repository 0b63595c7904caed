"""Which hosts may be loaded. A wrong "yes" here does harm, so every way round is a row."""

import pytest

from perfsuite.errors import SafetyError, UsageError
from perfsuite.messages.target import TargetMessage
from perfsuite.target.hosts import (
    HostRules,
    allowed_names,
    checked_url,
    endpoint_of,
    is_allowed,
    looks_like_production,
)

DEFAULT = HostRules(configured=("staging-api.agentmitra.com",))


@pytest.mark.parametrize(
    ("given", "normalised"),
    [
        pytest.param("http://localhost:8015", "http://localhost:8015", id="the default"),
        pytest.param("http://localhost:8015/", "http://localhost:8015", id="without the trailing slash"),
        pytest.param("HTTP://LocalHost:8015", "http://localhost:8015", id="in lower case"),
        pytest.param(" http://localhost ", "http://localhost", id="spaces around"),
        pytest.param("http://127.0.0.1:1", "http://127.0.0.1:1", id="loopback"),
        pytest.param("http://127.9.8.7", "http://127.9.8.7", id="all of 127.0.0.0/8 is loopback"),
        pytest.param("http://[::1]:8015", "http://[::1]:8015", id="loopback of IPv6"),
        pytest.param("http://[0:0:0:0:0:0:0:1]", "http://[::1]", id="the same, written out"),
        pytest.param("http://[::ffff:127.0.0.1]", "http://127.0.0.1", id="loopback of IPv4 inside IPv6"),
        pytest.param("http://staging-api.agentmitra.com", "http://staging-api.agentmitra.com", id="configured"),
        pytest.param("https://staging-api.agentmitra.com.", "https://staging-api.agentmitra.com", id="with root dot"),
        pytest.param("http://LocalHost:8015/Mitra/", "http://localhost:8015/Mitra", id="a base path keeps its case"),
        pytest.param("http://localhost/a/b%20c", "http://localhost/a/b%20c", id="a base path of several parts"),
    ],
)
def test_this_machine_and_configured_hosts_may_be_loaded(given: str, normalised: str) -> None:
    assert checked_url(given, DEFAULT) == normalised


@pytest.mark.parametrize(
    ("url", "code"),
    [
        pytest.param("localhost:8015", TargetMessage.NO_SCHEME, id="no scheme"),
        pytest.param("localhost", TargetMessage.NO_SCHEME, id="a bare name"),
        pytest.param("ftp://localhost", TargetMessage.NOT_A_URL, id="another scheme"),
        pytest.param("", TargetMessage.NOT_A_URL, id="nothing"),
        pytest.param("http://", TargetMessage.NOT_A_URL, id="no host"),
        pytest.param("http://localhost:99999", TargetMessage.BAD_PORT, id="port too large"),
        pytest.param("http://localhost:0", TargetMessage.BAD_PORT, id="port 0"),
        pytest.param("http://localhost:x", TargetMessage.BAD_PORT, id="port is a word"),
        pytest.param("http://localhost/mitra/api/v1", TargetMessage.API_PREFIX, id="v1"),
        pytest.param("http://localhost/mitra?x=1", TargetMessage.MORE_THAN_A_BASE, id="a query"),
        pytest.param("http://localhost/mitra#x", TargetMessage.MORE_THAN_A_BASE, id="a fragment"),
        pytest.param("http://localhost/a/../b", TargetMessage.BAD_BASE_PATH, id="a path that goes up"),
        pytest.param("http://localhost//evil.net", TargetMessage.BAD_BASE_PATH, id="an empty part of a path"),
        pytest.param("http://localhost/a b", TargetMessage.BAD_BASE_PATH, id="a space in the path"),
        pytest.param("http://localhost/{id}", TargetMessage.BAD_BASE_PATH, id="a name in the path"),
        pytest.param("http://local host", TargetMessage.BAD_NAME, id="a space inside"),
        pytest.param("http://[::1", TargetMessage.NOT_A_URL, id="an open bracket"),
        pytest.param("http://ágent.test", TargetMessage.BAD_NAME, id="letters that look like others"),
    ],
)
def test_what_is_not_a_url_is_refused_with_its_fix(url: str, code: TargetMessage) -> None:
    with pytest.raises(UsageError) as caught:
        checked_url(url, DEFAULT)
    assert caught.value.code is code


@pytest.mark.parametrize("url", ["http://user:geheim@localhost", "user:geheim@localhost", "ftp://u:geheim@h"])
def test_a_password_in_the_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(UsageError) as caught:
        checked_url(url, DEFAULT)
    assert "geheim" not in str(caught.value)


@pytest.mark.parametrize(
    "url",
    [
        pytest.param("http://api.agentmitra.com", id="production itself"),
        pytest.param("http://example.com", id="somebody else"),
        pytest.param("http://staging-api.agentmitra.com.evil.net", id="an allowed name as the beginning"),
        pytest.param("http://xstaging-api.agentmitra.com", id="an allowed name as the end"),
        pytest.param("http://localhost.evil.net", id="localhost as the beginning"),
        pytest.param("http://example.com/localhost", id="an allowed name in the base path"),
        pytest.param("http://127.0.0.1.evil.net", id="an address as the beginning"),
        pytest.param("http://10.0.0.7", id="a private address is another machine"),
        pytest.param("http://0.0.0.0", id="every address is no loopback address"),
        pytest.param("http://169.254.169.254", id="the metadata service of clouds"),
        pytest.param("http://2130706433", id="127.0.0.1 as one number: what it means depends on the resolver"),
        pytest.param("http://0177.0.0.1", id="an octal address"),
        pytest.param("http://[::ffff:10.0.0.7]", id="a private address inside IPv6"),
    ],
)
def test_all_other_hosts_are_refused(url: str) -> None:
    with pytest.raises(SafetyError):
        checked_url(url, DEFAULT)
    assert not is_allowed(url, allowed_names(DEFAULT))


@pytest.mark.parametrize(
    ("name", "production"),
    [
        pytest.param("localhost", False, id="this machine"),
        pytest.param("staging-api.agentmitra.com", False, id="staging in a part of a label"),
        pytest.param("api.test.agentmitra.com", False, id="test as a label"),
        pytest.param("qa2.agentmitra.com", False, id="a number behind qa"),
        pytest.param("perf_api", False, id="a single label"),
        pytest.param("api.agentmitra.com", True, id="nothing says test"),
        pytest.param("backend", True, id="a single label that says nothing"),
        pytest.param("prod-test.agentmitra.com", True, id="prod outweighs test"),
        pytest.param("api.agentmitra.dev", True, id="the last label is no word about the system"),
        pytest.param("latest.agentmitra.com", True, id="test inside another word"),
        pytest.param("device.agentmitra.com", True, id="dev inside another word"),
        pytest.param("10.0.0.7", True, id="an address says nothing"),
    ],
)
def test_what_looks_like_production(name: str, production: bool) -> None:
    assert looks_like_production(name) is production


@pytest.mark.parametrize(
    ("rules", "allowed"),
    [
        pytest.param(HostRules(), False, id="not named"),
        pytest.param(HostRules(extra=("api.agentmitra.com",)), False, id="named, not accepted"),
        pytest.param(HostRules(accept_production=True), False, id="accepted, not named"),
        pytest.param(HostRules(("api.agentmitra.com",), (), True), False, id="configured is not named on the command"),
        pytest.param(HostRules((), ("agentmitra.com",), True), False, id="the parent domain is another name"),
        pytest.param(HostRules((), ("api.agentmitra.com",), True), True, id="named exactly and accepted"),
        pytest.param(HostRules((), ("API.agentmitra.com.",), True), True, id="the same name in another spelling"),
    ],
)
def test_production_needs_its_name_and_the_acceptance(rules: HostRules, allowed: bool) -> None:
    url = "http://api.agentmitra.com"
    assert is_allowed(url, allowed_names(rules)) is allowed
    if allowed:
        assert checked_url(url, rules) == url
        return
    with pytest.raises(SafetyError) as caught:
        checked_url(url, rules)
    assert caught.value.code is TargetMessage.LOOKS_LIKE_PRODUCTION
    assert caught.value.fields["why"].code is TargetMessage.NOT_NAMED_A_TEST
    assert caught.value.exit_code == 6


def test_a_test_host_needs_only_its_name() -> None:
    url = "http://qa.agentmitra.com"
    with pytest.raises(SafetyError) as caught:
        checked_url(url, DEFAULT)
    assert (caught.value.code, caught.value.fields["name"]) == (TargetMessage.NOT_ALLOWED, "qa.agentmitra.com")
    assert checked_url(url, HostRules(extra=("qa.agentmitra.com",))) == url


@pytest.mark.parametrize("name", ["*", "*.agentmitra.com", "http://qa.agentmitra.com", "qa.agentmitra.com:80", ""])
def test_allow_host_takes_one_exact_name(name: str) -> None:
    with pytest.raises(UsageError) as caught:
        allowed_names(HostRules(extra=(name,)))
    assert (caught.value.code, caught.value.fields["option"]) == (TargetMessage.BAD_NAME, "--allow-host")


# ── endpoints ───────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("text", "host", "port", "written", "local"),
    [
        pytest.param("127.0.0.1:5558", "127.0.0.1", 5558, "127.0.0.1:5558", True, id="loopback"),
        pytest.param("127.8.0.1", "127.8.0.1", 5557, "127.8.0.1:5557", True, id="all of 127.0.0.0/8, default port"),
        pytest.param("LocalHost:1", "localhost", 1, "localhost:1", True, id="by its name"),
        pytest.param("[::1]:65535", "::1", 65535, "[::1]:65535", True, id="loopback of IPv6"),
        pytest.param("[::ffff:127.0.0.1]:1", "127.0.0.1", 1, "127.0.0.1:1", True, id="IPv4 inside IPv6"),
        pytest.param("0.0.0.0:80", "0.0.0.0", 80, "0.0.0.0:80", False, id="every address"),  # noqa: S104 nothing is bound
        pytest.param("[::]", "::", 5557, "[::]:5557", False, id="every address of IPv6"),
        pytest.param("master.load:5557", "master.load", 5557, "master.load:5557", False, id="a name"),
        pytest.param(" 10.0.0.5:80 ", "10.0.0.5", 80, "10.0.0.5:80", False, id="spaces around"),
    ],
)
def test_endpoints(text: str, host: str, port: int, written: str, local: bool) -> None:
    endpoint = endpoint_of(text, 5557)
    assert (endpoint.host, endpoint.port, str(endpoint), endpoint.is_local) == (host, port, written, local)


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("", id="nothing"),
        pytest.param(":5557", id="no host"),
        pytest.param("10.0.0.5:", id="no port after the colon"),
        pytest.param("10.0.0.5:0", id="a free port, which nobody would know"),
        pytest.param("10.0.0.5:65536", id="no such port"),
        pytest.param("10.0.0.5:http", id="a port by its name"),
        pytest.param("::1:5557", id="IPv6 without brackets"),
        pytest.param("[10.0.0.5:5557", id="a bracket too few"),
        pytest.param("[1.2.3]:5557", id="no address in the brackets"),
        pytest.param("tcp://10.0.0.5:5557", id="a URL"),
        pytest.param("*:5557", id="a wildcard"),
    ],
)
def test_what_is_no_endpoint_is_refused(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        endpoint_of(text, 5557)
    assert (caught.value.code, caught.value.fields["text"]) == (TargetMessage.NOT_AN_ENDPOINT, text)
