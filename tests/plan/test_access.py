"""The connection to the target, and the accounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages import Code
from perfsuite.messages.plan import PlanMessage
from perfsuite.messages.toml_tables import TomlMessage
from perfsuite.model import Access, Account, ApiMapping, Plan, Scenario
from perfsuite.plan.access import (
    PASSWORD_VARIABLE,
    accounts_for,
    connection_of_run,
    read_accounts,
    read_headers,
    read_mapping,
    resolve_connection,
)
from perfsuite.plan.options import ConnectionOptions
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
    ("given", "code"),
    [
        pytest.param([SECRET], PlanMessage.HEADER_FORM, id="a value alone"),
        pytest.param([f": {SECRET}"], PlanMessage.HEADER_FORM, id="no name"),
        pytest.param([f"X Api: {SECRET}"], PlanMessage.HEADER_FORM, id="a space in the name"),
        pytest.param([f"authorization: {SECRET}"], PlanMessage.HEADER_OF_SUITE, id="a token"),
        pytest.param([f"X-Request-ID: {SECRET}"], PlanMessage.HEADER_OF_SUITE, id="the id"),
        pytest.param([f"User-Agent: {SECRET}"], PlanMessage.HEADER_OF_SUITE, id="the name"),
        pytest.param([f"Host: {SECRET}"], PlanMessage.HEADER_OF_SUITE, id="the host"),
        pytest.param([f"X-Run-ID: {SECRET}"], PlanMessage.HEADER_OF_SUITE, id="the run"),
        pytest.param([f"traceparent: {SECRET}"], PlanMessage.HEADER_OF_SUITE, id="the trace"),
        pytest.param([f"Accept-Encoding: {SECRET}"], PlanMessage.HEADER_OF_SUITE, id="compression"),
        pytest.param([f"Transfer-Encoding: {SECRET}"], PlanMessage.HEADER_OF_CONNECTION, id="the form of the body"),
        pytest.param([f"Proxy-Authorization: {SECRET}"], PlanMessage.HEADER_OF_CONNECTION, id="to the proxy"),
        pytest.param(["X-Api-Key: env:NOT_SET"], PlanMessage.HEADER_VARIABLE, id="no such variable"),
        pytest.param(["X-Api-Key:"], PlanMessage.HEADER_VALUE, id="no value"),
        pytest.param([f"X-Api-Key: {SECRET}\r\nX-B: c"], PlanMessage.HEADER_VALUE, id="a line end"),
        pytest.param([f"X-Api-Key: {SECRET}é"], PlanMessage.HEADER_VALUE, id="beyond ASCII"),
        pytest.param([f"X-A: {SECRET}", f"x-a: {SECRET}"], PlanMessage.HEADER_TWICE, id="twice"),
    ],
)
def test_a_wrong_header_is_refused(given: list[str], code: Code) -> None:
    with pytest.raises(UsageError) as raised:
        read_headers(given, {})
    assert str(raised.value).startswith("--header: ")
    assert raised.value.code is code
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
    assert resolve_connection(ConnectionOptions(proxy=given), HOST, (), {}).access == Access(proxy=proxy)


@pytest.mark.parametrize(
    ("given", "code"),
    [
        pytest.param("proxy.example:3128", PlanMessage.PROXY_FORM, id="no scheme"),
        pytest.param("http://proxy.example", PlanMessage.PROXY_FORM, id="no port"),
        pytest.param("https://proxy.example:3128", PlanMessage.PROXY_FORM, id="TLS to the proxy"),
        pytest.param("socks5://proxy.example:1080", PlanMessage.PROXY_FORM, id="another kind"),
        pytest.param("http://proxy.example:0", PlanMessage.PROXY_FORM, id="port 0"),
        pytest.param("http://proxy.example:x", PlanMessage.PROXY_FORM, id="port is a word"),
        pytest.param("http://proxy.example:1/path", PlanMessage.PROXY_FORM, id="a path"),
        pytest.param("", PlanMessage.PROXY_FORM, id="nothing"),
        pytest.param(f"http://me:{SECRET}@proxy:3128", PlanMessage.PROXY_PASSWORD, id="password"),
    ],
)
def test_a_wrong_proxy_is_refused(given: str, code: Code) -> None:
    with pytest.raises(UsageError) as raised:
        resolve_connection(ConnectionOptions(proxy=given), HOST, (), {})
    assert raised.value.code is code
    assert SECRET not in str(raised.value)


@needs_openssl
def test_certificates_are_stored_with_their_absolute_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    authority = private_ca(tmp_path).authority
    monkeypatch.chdir(tmp_path)
    assert resolve_connection(ConnectionOptions(ca_file=Path("ca.pem")), HOST, (), {}).access == Access(
        ca_file=str(authority.resolve())
    )


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param(None, PlanMessage.CERTIFICATES_MISSING, id="not there"),
        pytest.param(b"", PlanMessage.CERTIFICATES_FORM, id="empty"),
        pytest.param(b"0\x82\x01\x02", PlanMessage.CERTIFICATES_FORM, id="in DER form"),
        pytest.param(
            b"-----BEGIN CERTIFICATE-----\nx\n-----END CERTIFICATE-----\n", PlanMessage.CERTIFICATES_FORM, id="damaged"
        ),
    ],
)
@pytest.mark.parametrize("option", ["--ca-file", "SSL_CERT_FILE"])
def test_a_file_without_certificates_is_refused(tmp_path: Path, option: str, content: bytes | None, code: Code) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_bytes(content)
    given = ConnectionOptions(ca_file=path) if option == "--ca-file" else ConnectionOptions()

    with pytest.raises(UsageError) as raised:
        resolve_connection(given, HOST, (), {"SSL_CERT_FILE": str(path)} if option == "SSL_CERT_FILE" else {})

    assert str(raised.value).startswith(f"{option} {path}: ")
    assert raised.value.code is code


def test_authorities_of_the_environment_do_not_matter_without_tls() -> None:
    assert (
        resolve_connection(ConnectionOptions(), "http://localhost:8015", (), {"SSL_CERT_FILE": "/nowhere"}).access
        == Access()
    )


@pytest.mark.parametrize(
    ("given", "option"),
    [
        (ConnectionOptions(ca_file=Path("ca.pem")), "--ca-file"),
        (ConnectionOptions(proxy="http://proxy:3128"), "--proxy"),
        (ConnectionOptions(headers=(f"X-A: {SECRET}",)), "--header"),
        (ConnectionOptions(mapping_file=Path("target.toml")), "--mapping"),
    ],
)
def test_a_demo_refuses_settings_of_the_connection(given: ConnectionOptions, option: str) -> None:
    with pytest.raises(UsageError) as caught:
        given.of_demo()
    assert caught.value.code is PlanMessage.DEMO_HAS_ITS_OWN
    ConnectionOptions().of_demo()
    assert SECRET not in repr(given)


# ── cleanup, later ──────────────────────────────────────────────────────────────────────────────────

MAPPED = ApiMapping({"/health": "/healthz"}, {"policyholder": "customer"})
PLAN = Plan(
    "basic_1", Scenario("basic", 1, 1, 60), "http://localhost/mitra", {"policyholder": 1}, (), (), 1, "2026-03-01",
    access=Access(proxy="http://proxy:3128", header_names=("X-Api-Key",)), mapping=MAPPED,
)  # fmt: skip


def test_an_earlier_run_keeps_its_connection() -> None:
    plan, connection = connection_of_run(PLAN, ConnectionOptions(headers=("x-api-key: env:KEY",)), {"KEY": SECRET})

    assert connection.headers == (("x-api-key", SECRET),)
    assert (plan.access.proxy, plan.mapping, plan.host) == ("http://proxy:3128", MAPPED, PLAN.host)


def test_options_override_the_connection_of_an_earlier_run(tmp_path: Path) -> None:
    (tmp_path / "target.toml").write_text('schema = 1\n[path]\n"/health" = "/live"\n', encoding="utf-8")
    given = ConnectionOptions(None, "http://other:3128", (f"X-Api-Key: {SECRET}",), tmp_path / "target.toml")

    plan, _connection = connection_of_run(PLAN, given, {})

    assert (plan.access.proxy, plan.mapping) == ("http://other:3128", ApiMapping({"/health": "/live"}))


def test_a_header_of_the_run_has_to_be_given_again() -> None:
    with pytest.raises(UsageError) as caught:
        connection_of_run(PLAN, ConnectionOptions(headers=("X-Other: 1",)), {})
    assert caught.value.code is PlanMessage.HEADER_AGAIN


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


def test_roles_that_are_allowed_and_rules_that_do_not_apply(tmp_path: Path) -> None:
    text = """
        schema = 1
        [allowed]
        "users.list" = ["super_admin", "support_staff", "regional_manager"]
        "policies.delete" = []
        [off]
        "own rows only, in the load's lists" = ["leads.list"]
        "pages hold each row once" = ["*"]
    """
    found = mapping_of(tmp_path, text)
    assert found.allowed == {"users.list": ("super_admin", "support_staff", "regional_manager"), "policies.delete": ()}
    assert found.off == {"own rows only, in the load's lists": ("leads.list",), "pages hold each row once": ("*",)}
    assert found.file == "target.toml"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        pytest.param(
            '[allowed]\n"users.lists" = []',
            "target.toml, line 3: [allowed] unknown operation 'users.lists', did you mean 'users.list'?",
            id="an operation",
        ),
        pytest.param(
            '[allowed]\n"users.list" = ["support"]',
            "target.toml, line 3: [allowed] users.list: unknown role 'support', did you mean 'support_staff'?",
            id="a role",
        ),
        pytest.param(
            '[off]\n"own rows only in lists" = ["*"]',
            "target.toml, line 3: [off] unknown rule 'own rows only in lists', did you mean 'own rows only, in lists'?",
            id="a rule",
        ),
        pytest.param(
            '[off]\n"pages hold each row once" = ["agents.lists"]',
            "target.toml, line 3: [off] pages hold each row once: unknown operation 'agents.lists', did you mean"
            " 'agents.list'?",
            id="an operation of a rule",
        ),
    ],
)
def test_an_unknown_name_is_named_with_the_nearest_one(text: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        mapping_of(tmp_path, f"schema = 1\n{text}\n")
    assert str(caught.value) == said


def test_every_table_is_optional(tmp_path: Path) -> None:
    assert mapping_of(tmp_path, "schema = 1\n") == ApiMapping()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        pytest.param('[path]\n"/health" = "/x"', TomlMessage.MISSING_KEY, id="no schema"),
        pytest.param("schema = 2", TomlMessage.OTHER_SCHEMA, id="another schema"),
        pytest.param("schema = 1\n[paths]", TomlMessage.UNKNOWN, id="a table"),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/policys/" = "/x"',
            PlanMessage.UNKNOWN_PATH,
            id="a path",
        ),
        pytest.param(
            'schema = 1\n[path]\n"zzz" = "/x"',
            PlanMessage.UNKNOWN_PATH,
            id="no path at all",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/police*" = "/x*"',
            PlanMessage.NO_SUCH_PATHS,
            id="a beginning",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/*" = "/x"',
            PlanMessage.STAR_OF_ONE_PATH,
            id="a beginning on one side",
        ),
        pytest.param(
            'schema = 1\n[path]\n"/health" = "healthz"',
            PlanMessage.NOT_A_PATH,
            id="no slash",
        ),
        pytest.param('schema = 1\n[path]\n"/health" = "/x?a=b"', PlanMessage.NOT_A_PATH, id="a query"),
        pytest.param('schema = 1\n[path]\n"/health" = "/x/{"', PlanMessage.NOT_A_PATH, id="half a name"),
        pytest.param('schema = 1\n[path]\n"/health" = 1', TomlMessage.NOT_A_TEXT, id="a number"),
        pytest.param(
            'schema = 1\n[path]\n"/api/v1/policies/{policy_id}" = "/x/{id}"',
            PlanMessage.OTHER_IDS,
            id="another name of the id",
        ),
        pytest.param('schema = 1\n[path]\n"/health" = "/{x}"', PlanMessage.OTHER_IDS, id="an id too many"),
        pytest.param(
            'schema = 1\n[role]\npolicy_holder = "x"',
            TomlMessage.UNKNOWN,
            id="a role",
        ),
        pytest.param('schema = 1\n[role]\npolicyholder = ""', TomlMessage.NOT_A_TEXT, id="no name"),
    ],
)
def test_an_error_in_the_mapping_names_its_place(tmp_path: Path, text: str, code: Code) -> None:
    with pytest.raises(UsageError) as raised:
        mapping_of(tmp_path, text)
    assert raised.value.code is code
    assert len(str(raised.value).splitlines()) == 1


# ── the names of roles in the credentials ───────────────────────────────────────────────────────────


def _roles_of(folder: Path, names: dict[str, str], *cells: str) -> list[str]:
    path = folder / "accounts.csv"
    lines = [f"{number},secret,{cell}" for number, cell in enumerate(cells, 1)]
    path.write_text("\n".join(["phone_number,password,role", *lines]), encoding="utf-8")
    return [account.role for account in read_accounts(path, SUITE_ROLES, {}, names)]


def test_names_of_the_target_and_of_the_contract_are_both_understood(tmp_path: Path) -> None:
    cells = ("insurer_admin", "provider_admin", "insurance_provider_admin", "policyholder")
    assert _roles_of(tmp_path, {"provider_admin": "insurer_admin"}, *cells) == [*["provider_admin"] * 3, "policyholder"]


def test_a_slug_means_itself_whatever_the_target_calls_so(tmp_path: Path) -> None:
    assert _roles_of(tmp_path, {"junior_agent": "senior_agent"}, "senior_agent", "junior_agent") == [
        "senior_agent",
        "junior_agent",
    ]


def test_a_name_of_several_roles_is_refused(tmp_path: Path) -> None:
    names = {"senior_agent": "agent", "junior_agent": "agent"}
    with pytest.raises(UsageError) as raised:
        _roles_of(tmp_path, names, "agent")
    assert raised.value.code is PlanMessage.SHARED_ROLE_NAME
    assert raised.value.fields == {"place": "accounts.csv, line 2", "roles": "senior_agent, junior_agent"}
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


def test_a_password_keeps_its_spaces_and_quotes(tmp_path: Path) -> None:
    (account,) = read_accounts(file_of(tmp_path, HEADER + '1," a,b""c ",agent\n'), ROLES, {})
    assert account.password == ' a,b"c '


def test_an_empty_password_comes_from_the_environment(tmp_path: Path) -> None:
    path = file_of(tmp_path, f"{HEADER}1,,agent\n2,own,agent\n")
    accounts = read_accounts(path, ROLES, {PASSWORD_VARIABLE: SECRET})
    assert [account.password for account in accounts] == [SECRET, "own"]


@pytest.mark.parametrize(
    ("content", "code"),
    [
        pytest.param("", PlanMessage.CREDENTIALS_HEAD, id="empty file"),
        pytest.param(f"1,{SECRET},agent\n", PlanMessage.CREDENTIALS_HEAD, id="no header"),
        pytest.param(HEADER, PlanMessage.NO_ACCOUNT, id="header only"),
        pytest.param(f"{HEADER}1,{SECRET}\n", PlanMessage.CREDENTIALS_CELLS, id="a cell too few"),
        pytest.param(f"{HEADER}1,{SECRET},agent,x\n", PlanMessage.CREDENTIALS_CELLS, id="a comma too many"),
        pytest.param(f"{HEADER}1,agent,{SECRET}\n", PlanMessage.UNKNOWN_ROLE, id="swapped cells"),
        pytest.param(f"{HEADER}{SECRET},1,agent\n", PlanMessage.PHONE_NUMBER, id="swapped: number"),
        pytest.param(f"{HEADER}1,{SECRET},boss\n", PlanMessage.UNKNOWN_ROLE, id="a role"),
        pytest.param(f"{HEADER}1,a,agent\n1,{SECRET},agent\n", PlanMessage.PHONE_NUMBER_TWICE, id="given twice"),
        pytest.param(
            f"{HEADER}1,,agent\n",
            PlanMessage.NO_PASSWORD,
            id="none",
        ),
        pytest.param(f'{HEADER}1,"{SECRET},agent\n', PlanMessage.CREDENTIALS_CSV, id="an open quote"),
        pytest.param(HEADER.encode() + b"1,\xff,agent\n", PlanMessage.CREDENTIALS_NOT_UTF8, id="another encoding"),
    ],
)
def test_an_error_in_the_accounts_names_its_line_without_the_password(
    tmp_path: Path, content: str | bytes, code: Code
) -> None:
    with pytest.raises(UsageError) as caught:
        read_accounts(file_of(tmp_path, content), ROLES, {})
    assert caught.value.code is code
    assert SECRET not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None


def test_a_missing_file_of_accounts_is_refused_with_a_fix(tmp_path: Path) -> None:
    with pytest.raises(UsageError) as caught:
        read_accounts(tmp_path / "none.csv", ROLES, {})
    assert caught.value.code is PlanMessage.CREDENTIALS_MISSING


def test_accounts_are_shared_only_where_there_are_too_few() -> None:
    accounts = [Account("1", "x", "agent"), Account("2", "x", "agent"), Account("3", "x", "customer")]
    found = accounts_for({"agent": 2, "customer": 5}, accounts)
    assert found.shared == {"customer": 1}
    assert found.by_role == {"agent": tuple(accounts[:2]), "customer": (accounts[2],)}


def test_roles_without_any_account_are_all_named() -> None:
    with pytest.raises(UsageError) as caught:
        accounts_for({"agent": 2, "customer": 5}, [])
    assert caught.value.code is PlanMessage.NO_ACCOUNT_FOR


def test_a_role_without_users_needs_no_account() -> None:
    assert accounts_for({"agent": 1, "customer": 0}, [Account("1", "x", "agent")]).shared == {}


def test_an_account_does_not_show_its_password() -> None:
    assert SECRET not in repr(Account("1", SECRET, "agent"))
