"""A baseline as a small file that can be committed to git: figures and conditions of runs, and what operations cost.

Of the fingerprints stays what comparing counts needs: the requests, and of the statements the queries with the
beginning of their text.
"""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import msgspec

from perfsuite.errors import UsageError
from perfsuite.model.fingerprint import Fingerprint, OperationCost, StatementKind
from perfsuite.model.history import Baseline, PastRun

SCHEMA = 1
FOLDER = "baselines"
"""Below the results folder: a copy of every baseline that is saved there, so that `history rebuild` finds them."""
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,79}")

_TEXT_MOST = 160


class _Schema(msgspec.Struct):
    schema: int


def write_baseline(path: Path, baseline: Baseline) -> Path:
    """Write the file; folders are made. Raises UsageError where that is not possible."""
    content = msgspec.json.format(msgspec.json.encode(slim(baseline)), indent=1) + b"\n"
    beside = path.with_name(f".{path.name}.new")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            beside.write_bytes(content)
            beside.replace(path)
        finally:
            beside.unlink(missing_ok=True)
    except OSError as error:
        raise UsageError(f"{path} cannot be written: {error.strerror}. Name another file with --file") from error
    return path


def read_baseline(path: Path) -> Baseline:
    """The baseline in a file. Raises UsageError where it is none, damaged, or of a newer suite."""
    try:
        content = path.read_bytes()
        schema = msgspec.json.decode(content, type=_Schema).schema
        if schema > SCHEMA:
            raise UsageError(f"{path}: written by a newer suite (schema {schema}, this one knows up to {SCHEMA})")
        found = msgspec.json.decode(content, type=Baseline)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: not a baseline of runs, or damaged ({error})") from error
    if not found.runs:
        raise UsageError(f"{path}: a baseline without runs")
    return found


def slim(baseline: Baseline) -> Baseline:
    """The same with no more of the fingerprints than comparing needs."""
    return replace(baseline, runs=tuple(_slim_run(run) for run in baseline.runs))


def _slim_run(run: PastRun) -> PastRun:
    if run.fingerprint is None:
        return run
    return replace(run, fingerprint=_slim_print(run.fingerprint))


def _slim_print(taken: Fingerprint) -> Fingerprint:
    return replace(taken, foreign=(), notes=(), operations=tuple(_slim_cost(cost) for cost in taken.operations))


def _slim_cost(cost: OperationCost) -> OperationCost:
    queries = (one for one in cost.statements if one.kind is StatementKind.QUERY)
    short = tuple(replace(one, text=one.text[:_TEXT_MOST], queryids=()) for one in queries)
    return replace(cost, statements=short, suspicions=(), notes=())
