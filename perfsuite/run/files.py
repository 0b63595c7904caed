"""The JSON files of a run, written and read back by every stage."""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import msgspec

from perfsuite.errors import UsageError
from perfsuite.measurements import records as measurements

T = TypeVar("T")

PLAN_FILE, PREFLIGHT_FILE, CIRCUMSTANCES_FILE = "plan.json", "preflight.json", "circumstances.json"
COMPARISON_FILE = "comparison.json"


def save(path: Path, value: object) -> None:
    """Write a record as JSON. Raises UsageError when the disk does not take it."""
    try:
        path.write_bytes(measurements.to_json(value))
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Choose another folder with --results") from error


def load(path: Path, kind: type[T]) -> T:
    """Read a record back. Raises UsageError when it is not there or not what it should be."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(f"{path.parent}: not the folder of a run ({path.name} is not there)") from None
    except msgspec.MsgspecError as error:
        raise UsageError(f"{path}: damaged, or written by another version ({error})") from error
