"""Accounts from a CSV file: every mistake told by its line, no password ever repeated."""

from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.model import Account
from perfsuite.plan.credentials import PASSWORD_VARIABLE, accounts_for, read_accounts
from tests.plan.example import ROLES

ROOT = Path(__file__).parents[2]
HEADER = "phone_number,password,role\n"
SECRET = "geheim-4711"


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
