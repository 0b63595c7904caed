"""Which runs of the tests are made again: those that the machine had too little time for, and no others."""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest

from perfsuite.messages.load import LoadMessage
from perfsuite.messages.reasons import Reason
from tests.integration.attempts import disturbed, repeated, slow, starved

SATURATED = Reason.GENERATOR_SATURATED(signs="late", more="--processes 2")
SILENT = LoadMessage.SILENT(silent_s=60.0)
KILLED = LoadMessage.KILLED(signal="SIGKILL")


def lost(why: str) -> str:
    return str(Reason.WORKER_LOST(worker="worker-1", at=0.0, reason=why, users=["5 policyholders"]))


def summary(
    folder: Path, *reasons: str, notes: tuple[str, ...] = (), missed: tuple[str, ...] = (), name: str = "run"
) -> None:
    targets = [{"outcome": "missed", "unit": unit} for unit in missed]
    place = folder / "results" / name
    place.mkdir(parents=True)
    content = {"reasons": reasons, "notes": notes, "targets": targets}
    (place / "summary.json").write_text(json.dumps(content), encoding="utf-8")


@pytest.mark.parametrize(
    ("reasons", "notes", "expected"),
    [
        pytest.param([SATURATED], (), True, id="a reason for its verdict"),
        pytest.param(["it failed"], (SATURATED,), True, id="beside another reason"),
        pytest.param([lost(SILENT)], (), True, id="a process that got no time"),
        pytest.param([lost(KILLED)], (), False, id="a process that was killed"),
        pytest.param([Reason.SUITE_ERRORS(errors=1, examples="x")], (), False, id="an error of the suite"),
        pytest.param([Reason.ROWS_REMAIN(rows="1 lead")], (), False, id="rows that remain"),
    ],
)
def test_starved(reasons: list[str], notes: tuple[str, ...], expected: bool, tmp_path: Path) -> None:
    summary(tmp_path, *reasons, notes=notes)
    assert starved(tmp_path) is expected


@pytest.mark.parametrize(
    ("missed", "expected"), [(("ms", "ms"), True), (("ms", "fraction"), False), (("fraction",), False), ((), False)]
)
def test_slow(missed: tuple[str, ...], expected: bool, tmp_path: Path) -> None:
    summary(tmp_path, missed=missed)
    assert (slow(tmp_path), disturbed(tmp_path), starved(tmp_path)) == (expected, expected, False)


def after(starved_ones: int, begun: list[Path]) -> Callable[[Path], int]:
    """A run that is starved in its first attempts; it gives the number of its attempt."""

    def make(folder: Path) -> int:
        begun.append(folder)
        summary(folder, *([SATURATED] if len(begun) <= starved_ones else []))
        return len(begun)

    return make


@pytest.mark.parametrize(("starved_ones", "attempts"), [(0, 1), (1, 2), (2, 3), (9, 3)])
def test_each_attempt_has_a_folder_of_its_own(starved_ones: int, attempts: int, tmp_path: Path) -> None:
    begun: list[Path] = []
    with warnings.catch_warnings(record=True) as seen:
        warnings.simplefilter("always")
        assert repeated(after(starved_ones, begun), tmp_path / "run") == attempts
    assert len(seen) == attempts - 1, "the summary of the tests names each"
    assert [folder.name for folder in begun] == ["run", "run-2", "run-3"][:attempts]


@pytest.mark.filterwarnings("ignore:.* is made again")
def test_what_does_not_tell_is_made_again(tmp_path: Path) -> None:
    assert repeated(after(0, []), tmp_path / "run", lambda number: number == 2) == 2


@pytest.mark.filterwarnings("ignore:.* is made again")
def test_within_another_it_is_made_once(tmp_path: Path) -> None:
    inner: list[Path] = []
    outer: list[Path] = []

    def make(folder: Path) -> int:
        outer.append(folder)
        return repeated(after(1, inner), folder / "inner")

    assert repeated(make, tmp_path / "outer") == 2
    assert [len(outer), len(inner)] == [2, 2]
