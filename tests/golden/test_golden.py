"""Run folders and a history from an earlier version give the same figures.

`runs/` holds what was measured in two runs; `expected/` the files that were made from it. Labels and sentences may
change, figures may not: JSON is compared key by key (further keys are allowed), CSV cell by cell, JUnit by test case.
"""

from __future__ import annotations

import csv
import json
import shutil
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from perfsuite.cli.main import main as suite
from perfsuite.history import History, RunQuery

HERE = Path(__file__).parent
RUNS = sorted(path.name for path in (HERE / "runs").iterdir())
SENTENCES = frozenset({"reasons", "label", "notes", "reason", "message", "text", "headline", "title"})
"""Keys of summary.json whose values are sentences."""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folders of the runs and their history, with every result file made again by the command `report`."""
    results = tmp_path_factory.mktemp("golden") / "results"
    shutil.copytree(HERE / "runs", results)
    shutil.copy(HERE / "history.db", results)
    for name in RUNS:
        assert suite(["report", str(results / name), "--quiet"]) in (0, 1, 4)
    return results


def differences(expected: Any, actual: Any, path: str = "") -> list[str]:
    """Where `actual` is not what was expected: a line for each place."""
    if isinstance(expected, dict) and isinstance(actual, dict):
        return [
            line
            for key, value in expected.items()
            if key not in SENTENCES
            for line in (
                differences(value, actual[key], f"{path}.{key}") if key in actual else [f"{path}.{key} is gone"]
            )
        ]
    if isinstance(expected, list) and isinstance(actual, list) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for index, (was, now) in pairs for line in differences(was, now, f"{path}[{index}]")]
    return [] if expected == actual else [f"{path}: {expected!r} became {actual!r}"]


@pytest.mark.parametrize("run", RUNS)
def test_summary_json_has_the_same_values(run: str, results: Path) -> None:
    expected = json.loads((HERE / "expected" / run / "summary.json").read_text(encoding="utf-8"))
    actual = json.loads((results / run / "summary.json").read_text(encoding="utf-8"))

    assert differences(expected, actual) == []


@pytest.mark.parametrize("run", RUNS)
@pytest.mark.parametrize("name", ["stats.csv", "stats_history.csv", "failures.csv"])
def test_csv_files_have_the_same_cells(run: str, name: str, results: Path) -> None:
    with (HERE / "expected" / run / name).open(encoding="utf-8", newline="") as file:
        expected = list(csv.DictReader(file))
    with (results / run / name).open(encoding="utf-8", newline="") as file:
        actual = list(csv.DictReader(file))

    assert expected or name == "failures.csv"
    assert differences(expected, actual) == []


@pytest.mark.parametrize("run", RUNS)
def test_junit_has_the_same_cases(run: str, results: Path) -> None:
    assert _cases(results / run / "junit.xml") == _cases(HERE / "expected" / run / "junit.xml")


def _cases(path: Path) -> list[tuple[str | None, str | None, list[str]]]:
    cases = ElementTree.parse(path).getroot().iter("testcase")  # noqa: S314  our own file
    return [(case.get("classname"), case.get("name"), [child.tag for child in case]) for case in cases]


def test_an_old_history_is_read(results: Path) -> None:
    expected = json.loads((HERE / "expected" / "history.json").read_text(encoding="utf-8"))
    history = History(f"sqlite:///{results / 'history.db'}")
    try:
        actual = figures_of(history)
    finally:
        history.close()

    assert expected["runs"]
    assert differences(expected, actual) == []


def figures_of(history: History) -> dict[str, Any]:
    """Runs and baselines of a history, as plain values."""
    runs = history.runs(RunQuery())
    return {
        "runs": [
            {
                "run_id": run.run_id,
                "outcome": str(run.outcome),
                "scenario": run.conditions.scenario,
                "scenario_digest": run.conditions.scenario_digest,
                "figures": {
                    f"{each.role} / {each.operation}": [each.statistics.requests, each.statistics.avg_ms]
                    for each in run.measured
                },
            }
            for run in runs
        ],
        "baselines": {baseline.name: [run.run_id for run in baseline.runs] for baseline in history.baselines()},
    }


def test_a_changed_value_is_found() -> None:
    assert differences({"a": [{"p95_ms": 1.5}]}, {"a": [{"p95_ms": 1.6}], "b": 1}) == [".a[0].p95_ms: 1.5 became 1.6"]
