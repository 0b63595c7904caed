"""Rows of somebody else: found where the API tells whose they are, and said where it does not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.integration.programs import ROOT, read_json, run_suite, running_backend

pytestmark = pytest.mark.integration

UNSEEN = {"policies.coverage"}
FOUND = {
    "agents.customers",
    "agents.profile",
    "agents.read",
    "leads.list",
    "policies.by_policyholder",
    "policies.list",
    "policies.page",
    "policies.read",
    "tickets.read",
    "users.me",
    "users.read",
}


def test_all_routes_with_an_owner_are_found(tmp_path: Path, results: Path) -> None:
    with running_backend(tmp_path / "backend", "wrong_rows@*") as backend:
        done = run_suite("preflight", *backend.target, results=results)
    checks = read_json(done.folder / "preflight.json")["checks"]
    works: dict[str, set[str]] = {}
    for check in checks:
        works.setdefault(check["operation"], set()).add(check["works"])
    assert done.code == 3
    assert {name for name in FOUND if "broken" not in works[name]} == set()
    assert {name for name in UNSEEN if "broken" in works[name]} == set()


def test_the_others_are_named_in_the_docs() -> None:
    page = (ROOT / "docs" / "backend.md").read_text(encoding="utf-8")
    (told,) = re.findall(r"The answers of (.*?) name no owner", page)
    assert set(re.findall(r"`([a-z_.]+)`", told)) == UNSEEN
