"""A dry run on a machine that nothing is known about measures what a request costs it, once."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.messages.calibration import CalibrationMessage
from perfsuite.run.calibration import CACHE_FILE, CACHE_VARIABLE, known_calibration
from tests.integration.programs import run_suite

pytestmark = pytest.mark.integration


def test_the_first_dry_run_measures_and_the_second_knows(
    tmp_path: Path, results: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CACHE_VARIABLE, str(tmp_path))
    first = run_suite("--demo", "--dry-run", results=results)
    second = run_suite("--demo", "--dry-run", results=results)
    known = known_calibration(open_model=False)

    assert (first.code, first.err.strip()) == (0, CalibrationMessage.MEASURING())
    assert (second.code, second.err) == (0, "")
    assert first.out == second.out
    assert "Load generator\n  1 load process" in first.out
    assert known is not None
    assert (tmp_path / CACHE_FILE).is_file()
    assert known.requests > 200
    assert 10 < known.cpu_us < 3_000
    assert first.folders == ()
