"""Why checks had no result: one catalogue, which the documentation explains in full."""

from __future__ import annotations

import ast
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

from perfsuite.messages.checks import WhyNot

ROOT = Path(__file__).resolve().parents[2]
OUTCOMES = {"HTTP 503, no answer", "HTTP 401"}
"""Reasons that are the outcome of a request."""
NAMED = {"NotChecked", "Unanswered", "Unavailable"}


def documented() -> list[str]:
    """The reasons in the table of docs/correctness.md."""
    page = (ROOT / "docs" / "correctness.md").read_text(encoding="utf-8")
    table = page[page.index("| reason | what you can do |") :].split("\n\n")[0]
    cells = [line.split(" | ")[0].removeprefix("| ") for line in table.splitlines()[2:]]
    return [reason for cell in cells for reason in cell.split("; ")]


def test_the_documentation_says_of_each_reason_what_to_do() -> None:
    reasons = documented()
    assert sorted(reasons) == sorted(set(reasons))
    assert set(reasons) - OUTCOMES == {re.sub(r"\{\w+\}", "…", code.value) for code in WhyNot}


def reasons_in(path: Path) -> Iterator[tuple[str, ast.expr]]:
    """What a module gives as the reason of a check without a result."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in NAMED and node.args:
            yield f"{path.name}:{node.lineno}", node.args[0]


def test_no_check_has_a_reason_of_its_own() -> None:
    texts = {code.value for code in WhyNot}
    wrong, seen = [], 0
    for path in sorted((ROOT / "perfsuite" / "correctness").glob("*.py")):
        module = importlib.import_module(f"perfsuite.correctness.{path.stem}")
        for place, reason in reasons_in(path):
            if isinstance(reason, ast.Constant):
                wrong.append(place)
            elif isinstance(reason, ast.Name) and reason.id.isupper():
                seen += 1
                wrong += [place] if getattr(module, reason.id) not in texts else []
    assert wrong == []
    assert seen > 30
