"""Names and folders of runs: `results/<scenario>_<YYYYMMDD_HHMMSS>/`, UTC."""

from __future__ import annotations

from datetime import UTC, datetime
from itertools import count
from pathlib import Path

from perfsuite.errors import UsageError


def run_id_of(scenario: str, now: datetime) -> str:
    """`<scenario>_<YYYYMMDD_HHMMSS>` in UTC. `now` must know its time zone."""
    return f"{scenario}_{now.astimezone(UTC):%Y%m%d_%H%M%S}"


def new_run_folder(results: Path, scenario: str, now: datetime) -> Path:
    """A folder made for this run alone; its name is the run's id, with `_2`, `_3` … where two runs meet.

    Raises UsageError when it cannot be made.
    """
    name = run_id_of(scenario, now)
    try:
        results.mkdir(parents=True, exist_ok=True)
        for number in count(1):
            folder = results / (name if number == 1 else f"{name}_{number}")
            try:
                folder.mkdir()
            except FileExistsError:
                continue
            return folder
    except OSError as error:
        raise UsageError(
            f"{results}: the results cannot be written there: {error.strerror}. Choose another folder with --results"
        ) from None
    raise AssertionError("count() has no end")
