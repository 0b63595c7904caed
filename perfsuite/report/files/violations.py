"""`violations.jsonl`: the violations of a run, one a line, with what `replay` needs to check them again.

Schema history
    1   first layout
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import msgspec

from perfsuite.errors import UsageError
from perfsuite.messages.files import FileMessage
from perfsuite.messages.replay import ReplayMessage
from perfsuite.model import RunReport
from perfsuite.model.correctness import Violation

VIOLATIONS_FILE = "violations.jsonl"
SCHEMA = 1


class _Schema(msgspec.Struct):
    schema: int


def violations_jsonl(report: RunReport) -> str:
    """The whole file; "" where there are none."""
    correctness = report.summary.correctness
    violations = correctness.violations if correctness is not None else ()
    lines: Iterator[dict[str, Any]] = ({"schema": SCHEMA, **asdict(violation)} for violation in violations)
    return "".join(f"{msgspec.json.encode(line).decode()}\n" for line in lines)


def read_violations(folder: Path) -> tuple[Violation, ...]:
    """The violations of a finished run. Raises UsageError where the file is missing or damaged."""
    path = folder / VIOLATIONS_FILE
    try:
        return tuple(_read(line) for line in path.read_bytes().splitlines())
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(ReplayMessage.NO_FILE(folder=folder, file=VIOLATIONS_FILE)) from None
    except msgspec.MsgspecError as error:
        raise UsageError(FileMessage.DAMAGED(path=path, why=str(error))) from error


def _read(line: bytes) -> Violation:
    schema = msgspec.json.decode(line, type=_Schema).schema
    if schema != SCHEMA:
        raise msgspec.ValidationError(f"schema {schema}, not {SCHEMA}")
    return msgspec.json.decode(line, type=Violation)
