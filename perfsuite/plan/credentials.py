"""The accounts to log in with: a CSV file `phone_number,password,role`.

No message repeats the content of a cell: where columns are swapped, any of them may be the password.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from perfsuite.errors import UsageError
from perfsuite.model import Account
from perfsuite.model.role import Role

PASSWORD_VARIABLE = "AGENTMITRA_TEST_PASSWORD"  # noqa: S105 - the name of a variable, not a password
_COLUMNS = ("phone_number", "password", "role")
_NO_NAMES: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class AccountsByRole:
    """The accounts of every role that has users. `shared`: roles with more users than accounts → accounts."""

    by_role: dict[str, tuple[Account, ...]]
    shared: dict[str, int]


def read_accounts(
    path: Path, roles: Sequence[Role], environment: Mapping[str, str], deployed: Mapping[str, str] = _NO_NAMES
) -> tuple[Account, ...]:
    """The accounts in the order of the file, their role as a slug. `deployed`: slug → the target's own name for it.

    An empty password cell means the environment variable AGENTMITRA_TEST_PASSWORD.
    Raises UsageError with file and line.
    """
    slugs = _slugs(roles, deployed)
    accounts: dict[str, Account] = {}
    for line, cells in _rows(path):
        place = f"{path.name}, line {line}"
        phone_number, password, role_name = cells
        if not phone_number.removeprefix("+").isdigit():
            raise UsageError(f"{place}: the phone number must be digits only")
        if role_name not in slugs:
            raise UsageError(f"{place}: the third cell is not a role. Known: {', '.join(slugs)}; --mapping adds names")
        if not slugs[role_name]:
            several = ", ".join(slug for slug, name in deployed.items() if name == role_name)
            raise UsageError(f"{place}: the target calls several roles so ({several}); write which of them is meant")
        if phone_number in accounts:
            raise UsageError(f"{place}: this phone number was there before; give each account once")
        password = password or environment.get(PASSWORD_VARIABLE, "")
        if not password:
            raise UsageError(f"{place}: the password is empty. Write it there, or set {PASSWORD_VARIABLE}")
        accounts[phone_number] = Account(phone_number, password, slugs[role_name])
    if not accounts:
        raise UsageError(f"{path}: holds no account. Add lines {','.join(_COLUMNS)}")
    return tuple(accounts.values())


def _slugs(roles: Sequence[Role], deployed: Mapping[str, str]) -> dict[str, str]:
    """Name of a role → its slug, or "" where the target has one name for several roles. A slug always means itself."""
    slugs = {role.slug: role.slug for role in roles}
    of_target: dict[str, str] = {}
    for slug, name in deployed.items():
        of_target[name] = "" if name in of_target else slug
    of_contract = {name: role.slug for role in roles for name in role.api_names}
    return slugs | {name: slug for name, slug in (of_contract | of_target).items() if name not in slugs}


def _rows(path: Path) -> list[tuple[int, tuple[str, str, str]]]:
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    rows: list[tuple[int, tuple[str, str, str]]] = []
    try:
        header = tuple(cell.strip().lower() for cell in next(reader, []))
        if header != _COLUMNS:
            raise UsageError(f"{path.name}, line 1: the first line must be {','.join(_COLUMNS)}")
        for cells in reader:
            if not any(cell.strip() for cell in cells):
                continue
            if len(cells) != len(_COLUMNS):
                raise UsageError(f"{path.name}, line {reader.line_num}: has {len(cells)} cells instead of 3")
            # Spaces around a password may be part of it.
            rows.append((reader.line_num, (cells[0].strip(), cells[1], cells[2].strip())))
    except csv.Error:
        raise UsageError(f"{path.name}, line {reader.line_num}: is not proper CSV (an open quote?)") from None
    return rows


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise UsageError(
            f"{path}: there is no such file. Make it with columns {','.join(_COLUMNS)}, or name it by --credentials"
        ) from None
    except OSError as error:
        raise UsageError(f"{path}: cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{path}: is not UTF-8 text") from None


def accounts_for(users_by_role: Mapping[str, int], accounts: Sequence[Account]) -> AccountsByRole:
    """The accounts of every role that has users. Raises UsageError naming all roles that have none."""
    by_role = {
        slug: tuple(account for account in accounts if account.role == slug)
        for slug, users in users_by_role.items()
        if users
    }
    without = [slug for slug, own in by_role.items() if not own]
    if without:
        raise UsageError(
            f"the credentials hold no account for {', '.join(without)}. Add a line of that role to the file"
        )
    shared = {slug: len(own) for slug, own in by_role.items() if len(own) < users_by_role[slug]}
    return AccountsByRole(by_role, shared)
