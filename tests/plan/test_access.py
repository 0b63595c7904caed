"""How the target is reached, and who logs in there."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.model import Access, Account, ApiMapping, Plan, Scenario
from perfsuite.plan.access import (
    PASSWORD_VARIABLE,
    accounts_for,
    reach,
    reached_again,
    read_accounts,
    read_headers,
    read_mapping,
)
from perfsuite.plan.options import ReachOptions
from perfsuite.roles import ROLES as SUITE_ROLES
from tests.certificates import needs_openssl, private_ca
from tests.plan.example import ROLES

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
    assert reach(ReachOptions(proxy=given), HOST, (), {}).access == Access(proxy=proxy)


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
        reach(ReachOptions(proxy=given), HOST, (), {})
    assert message in str(raised.value)
    assert SECRET not in str(raised.value)


@needs_openssl
def test_authorities_are_kept_by_their_whole_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = private_ca(tmp_path).authority
    monkeypatch.chdir(tmp_path)
    assert reach(ReachOptions(ca_file=Path("ca.pem")), HOST, (), {}).access == Access(ca_file=str(authority.resolve()))


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
    given = ReachOptions(ca_file=path) if option == "--ca-file" else ReachOptions()

    with pytest.raises(UsageError) as raised:
        reach(given, HOST, (), {"SSL_CERT_FILE": str(path)} if option == "SSL_CERT_FILE" else {})

    assert str(raised.value).startswith(f"{option} {path}: ")
    assert message in str(raised.value)


def test_authorities_of_the_environment_do_not_matter_without_tls() -> None:
    assert reach(ReachOptions(), "http://localhost:8015", (), {"SSL_CERT_FILE": "/nowhere"}).access == Access()


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (ReachOptions(ca_file=Path("ca.pem")), "--ca-file"),
        (ReachOptions(proxy="http://proxy:3128"), "--proxy"),
        (ReachOptions(headers=(f"X-A: {SECRET}",)), "--header"),
        (ReachOptions(mapping_file=Path("target.toml")), "--mapping"),
    ],
)
def test_a_demo_is_reached_in_one_way_only(given: ReachOptions, option: str) -> None:
    with pytest.raises(UsageError, match=f"^{option}: --demo starts its own backend"):
        given.of_demo()
    ReachOptions().of_demo()
    assert SECRET not in repr(given)


# ── cleanup, later ──────────────────────────────────────────────────────────────────────────────────

MAPPED = ApiMapping({"/health": "/healthz"}, {"policyholder": "customer"})
PLAN = Plan(
    "basic_1", Scenario("basic", 1, 1, 60), "http://localhost/mitra", {"policyholder": 1}, (), (), 1, "2026-03-01",
    access=Access(proxy="http://proxy:3128", header_names=("X-Api-Key",)), mapping=MAPPED,
)  # fmt: skip


def test_an_earlier_run_is_reached_as_it_was() -> None:
    plan, headers = reached_again(PLAN, ReachOptions(headers=("x-api-key: env:KEY",)), {"KEY": SECRET})

    assert headers == (("x-api-key", SECRET),)
    assert (plan.access.proxy, plan.mapping, plan.host) == ("http://proxy:3128", MAPPED, PLAN.host)


def test_what_is_given_now_counts(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text('schema = 1\n[path]\n"/health" = "/live"\n', encoding="utf-8")
    given = ReachOptions(None, "http://other:3128", (f"X-Api-Key: {SECRET}",), tmp_path / "target.toml")

    plan, _headers = reached_again(PLAN, given, {})

    assert (plan.access.proxy, plan.mapping) == ("http://other:3128", ApiMapping({"/health": "/live"}))


def test_a_header_of_the_run_has_to_be_given_again() -> None:
    with pytest.raises(UsageError, match='this run added the header X-Api-Key: give it again, --header "X-Api-Key: '):
        reached_again(PLAN, ReachOptions(headers=("X-Other: 1",)), {})


SLUGS = [role.slug for role in SUITE_ROLES]


def mapping_of(folder: Path, text: str) -> ApiMapping:
    path = folder / "target.toml"
    path.write_text(text, encoding="utf-8")
    return read_mapping(path, SLUGS)


def test_paths_and_roles(tmp_path: Path) -> None:
    text = """
        schema = 1
        [path]
        "/api/v1/policies/" = "/api/v2/policies/"
        "/api/v1/policies/{policy_id}" = "/api/v2/policies/{policy_id}/"
        "/api/v1/leads/*" = "/crm/leads/*"
        "/openapi.json" = "/docs/openapi.json"
        [role]
        provider_admin = "insurer_admin"
    """
    assert mapping_of(tmp_path, text) == ApiMapping(
        {
            "/api/v1/policies/": "/api/v2/policies/",
            "/api/v1/policies/{policy_id}": "/api/v2/policies/{policy_id}/",
            "/api/v1/leads/*": "/crm/leads/*",
            "/openapi.json": "/docs/openapi.json",
        },
        {"provider_admin": "insurer_admin"},
    )


def test_all_of_it_may_be_left_out(tmp_path: Path) -> None:
    assert mapping_of(tmp_path, "schema = 1\n") == ApiMapping()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param('[path]\n"/health" = "/x"', "target.toml: key 'schema' is missing", id="no schema"),
        pytest.param(
            "schema = 2", "target.toml, line 1: schema: this version reads schema 1, not 2", id="another schema"
        ),
        pytest.param(
            "schema = 1\n[paths]", "target.toml, line 2: unknown key 'paths', did you mean 'path'?", id="a table"
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/policys/" = "/x"',
            "target.toml, line 3: [path] unknown path '/api/v1/policys/', did you mean '/api/v1/policies/'?",
            id="a path",
        ),
        pytest.param(
            'schema = 1\n[path]\n"zzz" = "/x"',
            "target.toml, line 3: [path] unknown path 'zzz'. The paths of the contract are in docs/real-backend.md",
            id="no path at all",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/police*" = "/x*"',
            "target.toml, line 3: [path] /api/v1/police*: no path of the contract begins so",
            id="a beginning",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/*" = "/x"',
            "target.toml, line 3: [path] /api/v1/*: the * has to be at the end of both paths, or of none",
            id="a beginning on one side",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/health" = "healthz"',
            'target.toml, line 3: [path] /health: must be a path without a query, such as "/api/v2/policies/"',
            id="no slash",
        ),
        pytest.param('schema = 1\n[path]\n"/health" = "/x?a=b"', "must be a path without a query", id="a query"),
        pytest.param('schema = 1\n[path]\n"/health" = "/x/{"', "must be a path without a query", id="half a name"),
        pytest.param('schema = 1\n[path]\n"/health" = 1', "/health: must be a text in quotes, not 1", id="a number"),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/policies/{policy_id}" = "/x/{id}"',
            "must have the same {names} of ids as the contract's path ({policy_id})",
            id="another name of the id",
        ),
        pytest.param('schema = 1\n[path]\n"/health" = "/{x}"', "contract's path (none)", id="an id too many"),
        pytest.param(
            'schema = 1\n[role]\npolicy_holder = "x"',
            "target.toml, line 3: [role] unknown key 'policy_holder', did you mean 'policyholder'?",
            id="a role",
        ),
        pytest.param('schema = 1\n[role]\npolicyholder = ""', "policyholder: must be a text", id="no name"),
    ],
)
def test_a_mistake_is_told_by_its_place(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(UsageError) as raised:
        mapping_of(tmp_path, text)
    assert message in str(raised.value)
    assert len(str(raised.value).splitlines()) == 1


# ── the names of roles in the credentials ───────────────────────────────────────────────────────────


def _roles_of(folder: Path, names: dict[str, str], *cells: str) -> list[str]:
    path = folder / "accounts.csv"
    lines = [f"{number},secret,{cell}" for number, cell in enumerate(cells, 1)]
    path.write_text("\n".join(["phone_number,password,role", *lines]), encoding="utf-8")
    return [account.role for account in read_accounts(path, SUITE_ROLES, {}, names)]


def test_the_targets_names_and_the_contracts_are_both_understood(tmp_path: Path) -> None:
    cells = ("insurer_admin", "provider_admin", "insurance_provider_admin", "policyholder")
    assert _roles_of(tmp_path, {"provider_admin": "insurer_admin"}, *cells) == [*["provider_admin"] * 3, "policyholder"]


def test_a_slug_means_itself_whatever_the_target_calls_so(tmp_path: Path) -> None:
    assert _roles_of(tmp_path, {"junior_agent": "senior_agent"}, "senior_agent", "junior_agent") == [
        "senior_agent",
        "junior_agent",
    ]


def test_one_name_for_several_roles_does_not_say_which(tmp_path: Path) -> None:
    names = {"senior_agent": "agent", "junior_agent": "agent"}
    with pytest.raises(UsageError) as raised:
        _roles_of(tmp_path, names, "agent")
    assert str(raised.value) == (
        "accounts.csv, line 2: the target calls several roles so (senior_agent, junior_agent);"
        " write which of them is meant"
    )
    assert _roles_of(tmp_path, names, "senior_agent", "junior_agent") == ["senior_agent", "junior_agent"]


ROOT = Path(__file__).parents[2]
HEADER = "phone_number,password,role\n"


def file_of(folder: Path, content: str | bytes) -> Path:
    path = folder / "accounts.csv"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def test_the_shipped_accounts_are_those_of_the_contract() -> None:
    lines = (ROOT / "credentials.csv").read_text(encoding="utf-8").splitlines()
    slugs = (
        "super_admin",
        "provider_admin",
        "regional_manager",
        "senior_agent",
        "junior_agent",
        "policyholder",
        "support_staff",
    )
    assert lines[1:] == [f"987654320{number},testpassword,{slug}" for number, slug in enumerate(slugs)]


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{HEADER}123,{SECRET},customer\n", id="plain"),
        pytest.param(f"\ufeff{HEADER}123,{SECRET},customer\n", id="byte order mark of a spreadsheet"),
        pytest.param(f"{HEADER}\r\n123 ,{SECRET}, customer\r\n\r\n".replace("role\n", "role"), id="CRLF, empty lines"),
        pytest.param(f'{HEADER}"123","{SECRET}","customer"', id="quoted, no line end"),
        pytest.param(f"{HEADER}123,{SECRET},api_customer\n", id="the role's name in the API"),
    ],
)
def test_an_account_is_read(tmp_path: Path, text: str) -> None:
    assert read_accounts(file_of(tmp_path, text), ROLES, {}) == (Account("123", SECRET, "customer"),)


def test_a_password_is_taken_as_it_stands(tmp_path: Path) -> None:
    (account,) = read_accounts(file_of(tmp_path, HEADER + '1," a,b""c ",agent\n'), ROLES, {})
    assert account.password == ' a,b"c '


def test_an_empty_password_comes_from_the_environment(tmp_path: Path) -> None:
    path = file_of(tmp_path, f"{HEADER}1,,agent\n2,own,agent\n")
    accounts = read_accounts(path, ROLES, {PASSWORD_VARIABLE: SECRET})
    assert [account.password for account in accounts] == [SECRET, "own"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        pytest.param("", "accounts.csv, line 1: the first line must be phone_number,password,role", id="empty file"),
        pytest.param(f"1,{SECRET},agent\n", "line 1: the first line must be", id="no header"),
        pytest.param(HEADER, "holds no account", id="header only"),
        pytest.param(f"{HEADER}1,{SECRET}\n", "accounts.csv, line 2: has 2 cells instead of 3", id="a cell too few"),
        pytest.param(f"{HEADER}1,{SECRET},agent,x\n", "line 2: has 4 cells instead of 3", id="a comma too many"),
        pytest.param(f"{HEADER}1,agent,{SECRET}\n", "line 2: the third cell is not a role", id="swapped cells"),
        pytest.param(f"{HEADER}{SECRET},1,agent\n", "line 2: the phone number must be digits", id="swapped: number"),
        pytest.param(f"{HEADER}1,{SECRET},boss\n", "Known: agent, customer, api_agent, api_customer", id="a role"),
        pytest.param(f"{HEADER}1,a,agent\n1,{SECRET},agent\n", "line 3: this phone number was there", id="given twice"),
        pytest.param(
            f"{HEADER}1,,agent\n",
            "the password is empty. Write it there, or set AGENTMITRA_TEST_PASSWORD",
            id="none",
        ),
        pytest.param(f'{HEADER}1,"{SECRET},agent\n', "is not proper CSV (an open quote?)", id="an open quote"),
        pytest.param(HEADER.encode() + b"1,\xff,agent\n", "is not UTF-8 text", id="another encoding"),
    ],
)
def test_a_mistake_is_told_by_its_line_without_the_password(tmp_path: Path, content: str | bytes, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        read_accounts(file_of(tmp_path, content), ROLES, {})
    assert message in str(caught.value)
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_missing_file_is_told_with_its_mend(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"none\.csv: there is no such file.*--credentials"):
        read_accounts(tmp_path / "none.csv", ROLES, {})


def test_accounts_are_shared_only_where_there_are_too_few() -> None:
    accounts = [Account("1", "x", "agent"), Account("2", "x", "agent"), Account("3", "x", "customer")]
    found = accounts_for({"agent": 2, "customer": 5}, accounts)
    assert found.shared == {"customer": 1}
    assert found.by_role == {"agent": tuple(accounts[:2]), "customer": (accounts[2],)}


def test_roles_without_any_account_are_all_named() -> None:
    with pytest.raises(UsageError, match="no account for agent, customer"):
        accounts_for({"agent": 2, "customer": 5}, [])


def test_a_role_without_users_needs_no_account() -> None:
    assert accounts_for({"agent": 1, "customer": 0}, [Account("1", "x", "agent")]).shared == {}


def test_an_account_does_not_show_its_password() -> None:
    assert SECRET not in repr(Account("1", SECRET, "agent"))
