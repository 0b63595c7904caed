"""Data flows one way: who may import whom, and how big the worst function may be. See docs/architecture.md.

As a script (`python tests/test_architecture.py`) it prints which package imports which, and fails on a violation.
"""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]

SHARED = frozenset(
    {
        "format",
        "messages",
        "model",
        "errors",
        "clock",
        "timeseries",
        "garbage_collection",
        "suite_errors",
        "toml_tables",
        "measurements",
        "target",
        "roles",
        "correctness",
    }
)
"""Modules that every stage may use, so that stages need not copy from each other."""
STAGES = frozenset(
    {
        "plan",
        "preflight",
        "monitor",
        "fingerprint",
        "findings",
        "stability",
        "summary",
        "judge",
        "capacity",
        "history",
        "report",
        "demo",
        "cleanup",
    }
)

MAY_IMPORT: dict[str, frozenset[str]] = {
    "format": frozenset(),
    "messages": frozenset({"format"}),
    "errors": frozenset({"messages"}),
    "clock": frozenset(),
    "garbage_collection": frozenset(),
    "timeseries": frozenset({"model"}),
    "toml_tables": frozenset({"errors", "messages"}),
    "model": frozenset({"errors", "format", "messages"}),
    "suite_errors": frozenset({"model", "messages"}),
    "measurements": frozenset({"model", "errors", "clock", "format", "garbage_collection", "suite_errors", "messages"}),
    "target": frozenset({"model", "errors", "clock", "format", "suite_errors", "messages"}),
    "roles": frozenset({"model", "target", "messages"}),
    "correctness": frozenset({"model", "target", "clock", "messages", "suite_errors"}),
    **dict.fromkeys(STAGES, SHARED),
    "load": SHARED,
    "run": SHARED | STAGES,
    "cli": SHARED | STAGES | {"run"},
}
"""Package → what it may import. Only `run` and `cli` combine stages; there are no exemptions."""
MAY_IMPORT_LOAD = {"cli.plain_locust", "cli.plain_order"}
"""Plain Locust: these modules run inside Locust's own process. Everybody else starts the load as a process."""
LOOSE_MODULES = 8
"""So many modules may stand in `perfsuite/` itself."""
OF_LOAD = {"gevent", "geventhttpclient", "greenlet", "locust", "flask"}
"""They patch the process they are imported in, or belong to what does."""

MAX_FUNCTION, MAX_FILE, MAX_PARAMETERS = 60, 400, 6

EXCEPTIONS: dict[str, str] = {}
"""`file: function` (or `file`) → why it may be bigger. Empty, and meant to stay so."""


def _files(folder: str) -> list[Path]:
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "__pycache__" not in path.parts)


def _name(path: Path) -> str:
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


FILES = {_name(path): path for folder in ("perfsuite", "backend") for path in _files(folder)}
SUITE = sorted(name for name in FILES if name.startswith("perfsuite"))


@cache
def _nodes(path: Path) -> tuple[ast.AST, ...]:
    """All nodes of a file, under TYPE_CHECKING as well."""
    return tuple(ast.walk(ast.parse(path.read_text(encoding="utf-8"))))


@cache
def _imports(path: Path) -> frozenset[str]:
    """Full names of all that a file imports; `from a import b` is a.b where that is a module of ours, else a."""
    found: set[str] = set()
    for node in _nodes(path):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: write imports in full"
            names = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {name if name in FILES else str(node.module) for name in names}
    return frozenset(found)


def _part(module: str) -> str:
    """perfsuite.report.page.page → report."""
    return module.split(".")[1] if "." in module else ""


def _parts_used(module: str) -> set[str]:
    return {_part(name) for name in _imports(FILES[module]) if name.startswith("perfsuite.")} - {_part(module)}


def test_the_rules_look_at_something() -> None:
    assert len(SUITE) > 80
    assert {_part(name) for name in SUITE} >= {"model", "errors", "target", "roles", "plan", "judge", "report", "load"}
    assert "perfsuite.target.session" in _imports(FILES["perfsuite.preflight.run"])


def test_every_package_has_a_rule() -> None:
    assert {_part(name) for name in SUITE} - {""} == set(MAY_IMPORT)


def test_few_modules_are_loose() -> None:
    loose = [path.name for path in (ROOT / "perfsuite").glob("*.py") if path.name != "__init__.py"]

    assert len(loose) <= LOOSE_MODULES


def _violations(module: str) -> set[str]:
    """Packages that a module imports and may not."""
    allowed = MAY_IMPORT.get(_part(module), frozenset())
    if module.removeprefix("perfsuite.") in MAY_IMPORT_LOAD:
        allowed |= {"load"}
    return _parts_used(module) - {""} - allowed


def test_a_package_imports_only_what_its_rule_allows() -> None:
    assert {module: bad for module in SUITE if (bad := _violations(module))} == {}


def test_only_the_load_imports_locust_and_gevent() -> None:
    users = {name for name in SUITE if OF_LOAD & {imported.split(".")[0] for imported in _imports(FILES[name])}}

    assert {_part(name) for name in users} == {"load"}


def test_there_is_one_http_client() -> None:
    files = [*(FILES[name] for name in SUITE), ROOT / "locustfile.py", ROOT / "run_performance_tests.py"]
    others = {"httpx", "requests", "urllib3"}  # there with Locust or for the tests, but not for the suite

    assert [path for path in files if others & {name.split(".")[0] for name in _imports(path)}] == []


def test_backend_and_suite_do_not_know_each_other() -> None:
    for name, path in FILES.items():
        other = "mitra_backend" if name.startswith("perfsuite") else "perfsuite"
        assert not any(imported.split(".")[0] == other for imported in _imports(path)), name


def _circle() -> list[str]:
    """Modules that import each other, in order; [] where there are none."""
    needs = {name: {other for other in _imports(path) if other in FILES} - {name} for name, path in FILES.items()}
    while free := {name for name, others in needs.items() if not others & needs.keys()}:
        needs = {name: others for name, others in needs.items() if name not in free}
    circle: list[str] = []
    name = min(needs, default="")
    while name and name not in circle:  # each of those left imports another of them
        circle.append(name)
        name = min(needs[name] & needs.keys())
    return circle[circle.index(name) :] if name else []


def test_there_are_no_import_cycles() -> None:
    assert _circle() == []


def test_no_two_classes_share_a_name() -> None:
    places: dict[str, list[str]] = {}
    for module in SUITE:
        for node in _nodes(FILES[module]):
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places.setdefault(node.name, []).append(module)

    assert {name: modules for name, modules in places.items() if len(modules) > 1} == {}


def test_the_parent_stays_unpatched() -> None:
    """One module after the other, so that the first to import what patches is named."""
    modules = [
        "perfsuite.cli.main",
        "perfsuite.cli.job",
        "perfsuite.measurements.merge",
        "perfsuite.run.load",
        "perfsuite.run.pipeline",
    ]
    steps = [f"import {module}; print('{module}', sorted(set(sys.modules) & {OF_LOAD!r}))" for module in modules]
    script = "\n".join(["import sys", *steps])
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)

    assert done.stdout.splitlines() == [f"{module} []" for module in modules]


NUMBER_SPEC = re.compile(r"[+,_]|\.\d|[0-9]*[bdeEfFgGnxX%]$")
"""What makes a format spec one of a number; widths and alignments of text (":<20") are not."""
FORMATS_NUMBERS = {
    "format": "the one place that makes numbers text",
    "report.page.charts": "coordinates of SVG",
    "report.page.distribution": "coordinates of SVG",
    "report.live.page": "coordinates of SVG",
    "report.files.junit": "seconds as the schema of JUnit wants them",
    "target.journal": "the serial number of a created row",
    "roles.senior_agent": "the digits of a telephone number",
}
"""Module → why it may format numbers itself."""


def _number_specs(path: Path) -> Iterator[str]:
    for node in _nodes(path):
        if isinstance(node, ast.FormattedValue) and isinstance(node.format_spec, ast.JoinedStr):
            spec = "".join(str(part.value) for part in node.format_spec.values if isinstance(part, ast.Constant))
            if "%" not in spec[:-1] and NUMBER_SPEC.search(spec):
                yield f"{ast.unparse(node.value)}:{spec}"
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from re.findall(r"\{\w*:[+,.\d]*[,defg%]\}|%\.\d[efg]", node.value)


def test_only_format_makes_numbers_text() -> None:
    found = {module.removeprefix("perfsuite."): specs for module in SUITE if (specs := [*_number_specs(FILES[module])])}

    assert {module: specs for module, specs in found.items() if module not in FORMATS_NUMBERS} == {}
    assert found.keys() == FORMATS_NUMBERS.keys()


def _place(path: Path) -> str:
    return str(path.relative_to(ROOT))


def _functions() -> Iterator[tuple[str, ast.FunctionDef | ast.AsyncFunctionDef]]:
    """Those of all files, with `file: function`."""
    for path in FILES.values():
        for node in _nodes(path):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                yield f"{_place(path)}: {node.name}", node


def _above(limit: int, found: Iterable[tuple[str, int]]) -> list[tuple[str, int]]:
    return [(name, number) for name, number in found if number > limit and name not in EXCEPTIONS]


def test_no_function_and_no_file_is_long() -> None:
    functions = ((name, (node.end_lineno or 0) - node.lineno + 1) for name, node in _functions())
    files = ((_place(path), len(path.read_text(encoding="utf-8").splitlines())) for path in FILES.values())

    assert _above(MAX_FUNCTION, functions) == []
    assert _above(MAX_FILE, files) == []


def _parameters(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Without self and cls."""
    given = function.args
    names = [argument.arg for argument in (*given.posonlyargs, *given.args, *given.kwonlyargs)]
    return len(names) - (names[:1] in (["self"], ["cls"]))


def test_no_function_takes_many_parameters() -> None:
    assert _above(MAX_PARAMETERS, ((name, _parameters(function)) for name, function in _functions())) == []


def test_every_exception_has_a_reason_and_is_needed() -> None:
    places = {place.split(":")[0] for place in EXCEPTIONS}

    assert all(EXCEPTIONS.values())
    assert places <= {_place(path) for path in FILES.values()}


def _print_imports() -> int:
    """The table package → imports; 1 where a module breaks the rules, else 0."""
    used: dict[str, set[str]] = {package: set() for package in MAY_IMPORT}
    for module in SUITE:
        used.setdefault(_part(module), set()).update(_parts_used(module) - {""})
    for package in sorted(used.keys() - {""}, key=lambda name: (len(MAY_IMPORT.get(name, ())), name)):
        print(f"{package:20} {', '.join(sorted(used[package])) or '–'}")  # noqa: T201
    wrong = [f"{module} may not import {', '.join(sorted(bad))}" for module in SUITE if (bad := _violations(module))]
    wrong += [f"{package} has no rule" for package in sorted(used.keys() - MAY_IMPORT.keys() - {""})]
    wrong += [f"import circle: {' → '.join([*circle, circle[0]])}"] if (circle := _circle()) else []
    print(*wrong, sep="\n", end="\n" if wrong else "")  # noqa: T201
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(_print_imports())
