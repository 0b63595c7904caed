"""What has to be the same on all machines of a run."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from perfsuite import __version__
from perfsuite.load.versions import (
    difference,
    digest_of_accounts,
    version_of_module,
    version_of_scenarios,
    versions,
)
from perfsuite.model import Account

ONE, TWO = Account("1", "secret", "policyholder"), Account("2", "secret", "junior_agent")


def test_suite_scenarios_and_locust_are_compared() -> None:
    found = versions()
    assert sorted(found) == ["Locust", "scenarios.toml", "suite"]
    assert found["suite"].startswith(f"{__version__} (")
    assert difference(found, dict(found)) is None


SCENARIOS = '[safety]\nallowed_hosts = []\n[scenario.basic]\nusers = 5\nduration = "60s"\n'


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        pytest.param("# Ours.\n" + SCENARIOS, True, id="a comment"),
        pytest.param(SCENARIOS.replace("[]", '["qa.example.com"]'), True, id="hosts that may be loaded"),
        pytest.param(SCENARIOS + "[run]\nquiet = true\n", True, id="options"),
        pytest.param(SCENARIOS.replace("5", "6"), False, id="another number of users"),
        pytest.param(SCENARIOS + '[scenario.own]\nusers = 1\nduration = "1s"\n', False, id="another scenario"),
        pytest.param(SCENARIOS + "[", False, id="a broken file"),
    ],
)
def test_only_scenarios_have_to_be_the_same(changed: str, tmp_path: Path, *, same: bool) -> None:
    ours, theirs = tmp_path / "ours.toml", tmp_path / "theirs.toml"
    ours.write_text(SCENARIOS, encoding="utf-8")
    theirs.write_text(changed, encoding="utf-8")
    assert (version_of_scenarios(theirs) == version_of_scenarios(ours)) is same


@pytest.mark.parametrize(
    ("there", "expected"),
    [
        pytest.param({"suite": "1", "Locust": "2"}, None, id="the same"),
        pytest.param({"suite": "1", "Locust": "2", "more": "3"}, None, id="more than is asked for"),
        pytest.param({"suite": "0", "Locust": "0"}, ("suite", "1", "0"), id="the first that differs"),
        pytest.param({"suite": "1", "Locust": "0"}, ("Locust", "2", "0"), id="the second"),
        pytest.param({"suite": "1"}, ("Locust", "2", "none"), id="one is missing"),
        pytest.param({}, ("suite", "1", "none"), id="an old worker says nothing"),
    ],
)
def test_what_differs_is_named(there: dict[str, str], expected: tuple[str, str, str] | None) -> None:
    assert difference({"suite": "1", "Locust": "2"}, there) == expected


def test_accounts_are_the_same_in_any_order_and_whatever_their_passwords_are() -> None:
    digest = digest_of_accounts([ONE, TWO])
    assert digest_of_accounts([TWO, ONE]) == digest
    assert digest_of_accounts([Account("1", "other", "policyholder"), TWO]) == digest
    assert digest_of_accounts([ONE]) != digest
    assert digest_of_accounts([Account("1", "secret", "junior_agent"), TWO]) != digest


@pytest.fixture
def modules(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where modules of somebody's own are found."""
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in ("own_roles", "own_package"):
        sys.modules.pop(name, None)


def test_a_module_has_the_version_of_its_source(modules: Path) -> None:
    (modules / "own_roles.py").write_text("ROLES = ()\n")
    before = version_of_module("own_roles")

    (modules / "own_roles.py").write_text("ROLES = (1,)\n")

    assert version_of_module("own_roles") != before
    (modules / "own_roles.py").write_text("ROLES = ()\n")
    assert version_of_module("own_roles") == before


def test_a_package_has_the_version_of_all_its_modules(modules: Path) -> None:
    package = modules / "own_package"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "steps.py").write_text("ONE = 1\n")
    before = version_of_module("own_package")

    (package / "steps.py").write_text("ONE = 2\n")

    assert version_of_module("own_package") != before


@pytest.mark.parametrize("name", ["no_such_module", "no_such_package.roles"])
def test_a_module_that_is_not_there_has_none(name: str) -> None:
    assert version_of_module(name) == "none"
