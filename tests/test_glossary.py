"""One word for one thing: identifiers and texts keep to the field's terms (see the glossary in CONTRIBUTING.md)."""

from __future__ import annotations

import ast
import re
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[1]

IDENTIFIERS = re.compile(
    "against|conductor|course|deal|dearer|deck|desk|episodes?|floors?|follower|house|hurried|keeping|leftovers|mend"
    "|moment|movers?|party|patient|reread|room|shelf|sides?|standards|tally|tell|told|way|words?"
)
"""Parts of names that stand for something which has a usual term."""
TEXT = re.compile(
    r"\b(tells?|told|mend(?:s|ed|ing)?|held against|holds? .{0,30} against|dearer|desk|leftovers|rereads?|shelf"
    r"|hurried|movers|episodes|conductor|the house|95 % sure)\b",
    re.IGNORECASE,
)
FIXED = frozenset({"accept_leftovers", "--accept-leftovers", "server_told", "CANNOT_TELL", "cannot tell"})
"""Names of options, of keys in files, and of the comparison outcome "cannot tell"."""


def _identifiers(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.lineno, node.name
        elif isinstance(node, ast.arg):
            yield node.lineno, node.arg
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.id
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.lineno, node.attr


def _texts(tree: ast.Module, source: str) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.lineno, node.value
    for number, line in enumerate(source.splitlines(), 1):
        if "#" in line:
            yield number, line.split("#", 1)[1]


def _departs(name: str) -> bool:
    parts = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
    return name not in FIXED and any(IDENTIFIERS.fullmatch(part.lower()) for part in parts)


def departures(path: Path) -> list[str]:
    """ "file:line: what", in the order of the lines."""
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)
    found = [(0, f"file name {path.stem}")] if _departs(path.stem) else []
    found += [(line, f"identifier {name}") for line, name in _identifiers(tree) if _departs(name)]
    for line, text in _texts(tree, source):
        for fixed in FIXED:
            text = text.replace(fixed, "")
        found += [
            (line, f"text …{text[max(0, match.start() - 25) : match.end() + 15]!r}") for match in TEXT.finditer(text)
        ]
    return [f"{path.relative_to(ROOT)}:{line}: {what}" for line, what in sorted(found)]


def by_package() -> dict[str, list[str]]:
    """Package (or loose module) → its departures."""
    found: dict[str, list[str]] = {}
    for path in sorted((ROOT / "perfsuite").rglob("*.py")):
        package = path.relative_to(ROOT / "perfsuite").parts[0].removesuffix(".py")
        found.setdefault(package, []).extend(departures(path))
    return found


def test_names_and_texts_keep_to_the_glossary() -> None:
    assert {package: found for package, found in by_package().items() if found} == {}


def test_the_glossary_finds_what_it_looks_for() -> None:
    assert [name for name in ("_runDesk", "to_mend", "desktop", "accept_leftovers") if _departs(name)] == [
        "_runDesk",
        "to_mend",
    ]
    assert Counter(match.group() for match in TEXT.finditer("A newline is told of, Held Against")) == {
        "told": 1,
        "Held Against": 1,
    }


if __name__ == "__main__":  # python tests/test_glossary.py [package …] lists the departures
    for name, lines in by_package().items():
        if len(sys.argv) == 1 or name in sys.argv[1:]:
            print(*lines, f"{name}: {len(lines)}", sep="\n")  # noqa: T201
