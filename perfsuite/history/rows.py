"""Records of the suite as rows of the tables, and back."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Row

from perfsuite.history.tables import STATISTICS
from perfsuite.model import Outcome, Statistics
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import Baseline, Conditions, KeptTimes, Measured, PastRun

T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_conditions = msgspec.json.Decoder(Conditions)


def run_row(run: PastRun) -> dict[str, Any]:
    """The row of `runs`."""
    known = run.conditions
    return {
        "run_id": run.run_id,
        "started_at": run.started_at,
        "ended_at": run.ended_at,
        "folder": run.folder,
        "outcome": run.outcome.value,
        "exit_code": run.exit_code,
        "scenario": known.scenario,
        "scenario_digest": known.scenario_digest,
        "host": known.host,
        "label": run.label,
        "release": run.release,
        "target_version": run.target_version,
        "suite_version": known.suite_version,
        "machine": known.machine,
        "steady_s": run.steady_s,
        "conditions": _encoder.encode(known).decode(),
        "record_schema": run.schema,
    }


def figure_rows(number: int, measured: Iterable[Measured]) -> list[dict[str, Any]]:
    """The rows of `figures`."""
    return [_figure_row(number, one, one.statistics) for one in measured]


def ok_rows(number: int, measured: Iterable[Measured]) -> list[dict[str, Any]]:
    """The rows of `figures_ok`."""
    return [_figure_row(number, one, one.ok) for one in measured if one.ok is not None]


def _figure_row(number: int, one: Measured, statistics: Statistics) -> dict[str, Any]:
    place = {"run": number, "role": one.role, "operation": one.operation}
    return place | dict(zip(STATISTICS, astuple(statistics), strict=True))


def kept_row(number: int, times: Sequence[KeptTimes], fingerprint: Fingerprint | None) -> dict[str, Any]:
    """The row of `kept`."""
    return {
        "run": number,
        "histograms": packed(times),
        "fingerprint": packed(fingerprint) if fingerprint is not None else None,
    }


def measured_of(row: Sequence[Any], ok: Statistics | None) -> Measured:
    """From run, role, operation and the statistics, in that order."""
    return Measured(row[1], row[2], Statistics(*row[3:]), ok)


def run_of(row: Row[Any], measured: tuple[Measured, ...], fingerprint: bytes | None = None) -> PastRun:
    """From a row of `runs` and what belongs to it."""
    return PastRun(
        run_id=row.run_id,
        started_at=row.started_at,
        ended_at=row.ended_at,
        folder=row.folder,
        outcome=Outcome(row.outcome),
        exit_code=row.exit_code,
        conditions=_conditions.decode(row.conditions),
        measured=measured,
        label=row.label,
        release=row.release,
        target_version=row.target_version,
        steady_s=row.steady_s,
        fingerprint=unpacked(fingerprint, Fingerprint) if fingerprint else None,
        schema=row.record_schema,
    )


def packed(value: object) -> bytes:
    """Compressed JSON."""
    return zlib.compress(_encoder.encode(value), 6)


def unpacked(content: bytes, kind: type[T]) -> T:
    """What `packed` was given."""
    return msgspec.json.decode(zlib.decompress(content), type=kind)


def baseline_row(baseline: Baseline) -> dict[str, Any]:
    """The row of `baselines`."""
    return {"name": baseline.name, "saved_at": baseline.saved_at, "content": packed(baseline)}
