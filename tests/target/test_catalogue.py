"""The catalogue is the one place that knows operations."""

from __future__ import annotations

import ast
from pathlib import Path

from perfsuite.model import LOGIN
from perfsuite.target.catalogue import CATALOGUE, CREATIONS, ROW_KINDS

CONTRACT = ("catalogue.py", "canned.py", "contract_rules.py", "write_rules.py")
SUITE = Path(__file__).parents[2] / "perfsuite"


def test_no_module_but_catalogue_and_roles_names_an_operation() -> None:
    """Besides the canned answers, the rules and the checks of correctness, which are the contract once more."""
    names = CATALOGUE.keys() - {LOGIN}
    found = [
        f"{path.relative_to(SUITE)}:{node.lineno}: {node.value}"
        for path in SUITE.rglob("*.py")
        if path.parent.name not in ("roles", "correctness") and path.name not in CONTRACT
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value in names
    ]

    assert found == []


def test_every_kind_of_row_that_is_created_can_be_removed() -> None:
    assert {kind.thing for kind in ROW_KINDS} == CREATIONS.keys()
    for kind in ROW_KINDS:
        used = {kind.delete, kind.read, kind.find, kind.pages, kind.sample} - {""}
        assert used <= CATALOGUE.keys()
        assert CATALOGUE[kind.delete].method == "DELETE"
        assert f"{{{kind.id_field}}}" in CATALOGUE[kind.delete].path
