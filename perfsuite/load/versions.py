"""What has to be the same on all machines of a run: suite, scenarios, roles, accounts."""

from __future__ import annotations

import importlib.util
import tomllib
from collections.abc import Iterable
from functools import cache
from hashlib import sha256
from importlib.metadata import version
from pathlib import Path

import msgspec

from perfsuite import __version__
from perfsuite.model import Account

_PACKAGE = Path(__file__).resolve().parents[1]
_SHORT = 10
_OWN_TABLES = frozenset({"safety", "run"})
SUITE, SCENARIOS, LOCUST = "suite", "scenarios.toml", "Locust"


@cache
def versions() -> dict[str, str]:
    """Name → version of what this machine has."""
    code = sha256()
    for path in sorted(_PACKAGE.rglob("*.py")):
        code.update(str(path.relative_to(_PACKAGE)).encode() + b"\0" + path.read_bytes())
    return {
        SUITE: f"{__version__} ({code.hexdigest()[:_SHORT]})",
        SCENARIOS: version_of_scenarios(_PACKAGE.parent / "scenarios.toml"),
        LOCUST: version("locust"),
    }


def version_of_scenarios(path: Path) -> str:
    """Digest of the scenarios of a file. Which hosts may be loaded, and options, are each machine's own affair."""
    if not path.exists():
        return "none"
    content = path.read_bytes()
    try:
        tables = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError):
        return _digest(content)  # the same where it is as broken
    shared = {name: table for name, table in tables.items() if name not in _OWN_TABLES}
    return _digest(msgspec.json.encode(shared, order="sorted"))


def difference(here: dict[str, str], there: dict[str, str]) -> tuple[str, str, str] | None:
    """Name, version here and version there of the first that differs; None when all are the same."""
    for name in here:
        if here[name] != there.get(name):
            return name, here[name], there.get(name, "none")
    return None


def version_of_module(name: str) -> str:
    """Digest of the source of a module or a package; "none" where there is no such module."""
    try:
        spec = importlib.util.find_spec(name)
    except ModuleNotFoundError:  # of its package
        return "none"
    if spec is None or spec.origin is None:
        return "none"
    origin = Path(spec.origin)
    files = sorted(origin.parent.rglob("*.py")) if origin.name == "__init__.py" else [origin]
    return _digest(b"\0".join(file.read_bytes() for file in files))


def digest_of_accounts(accounts: Iterable[Account]) -> str:
    """Digest of who the accounts are, without their passwords; the same in any order."""
    return _digest("\n".join(sorted(f"{account.phone_number},{account.role}" for account in accounts)).encode())


def _digest(content: bytes) -> str:
    return sha256(content).hexdigest()[:_SHORT]
