"""The tables of the history, as the newest migration leaves them, and the suite's records as their rows.

Every run has a row in `runs`, with what a search found as JSON, and its figures in `figures`: the total, each role,
each operation, each operation as each role; where something failed also in `figures_ok`. `fingerprints` and
`baselines` hold compressed JSON.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Sequence
from dataclasses import astuple
from typing import Any, TypeVar

import msgspec
from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, Row, String, Table, Text

from perfsuite.model import Outcome, Statistics
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.model.history import Baseline, Conditions, Measured, PastCapacity, PastRun

METADATA = MetaData()

RUNS = Table(
    "runs",
    METADATA,
    Column("number", Integer, primary_key=True),
    Column("run_id", String, nullable=False, unique=True),
    Column("started_at", String, nullable=False),
    Column("ended_at", String, nullable=False),
    Column("folder", String, nullable=False),
    Column("outcome", String, nullable=False),
    Column("exit_code", Integer, nullable=False),
    Column("scenario", String, nullable=False),
    Column("scenario_digest", String, nullable=False),
    Column("host", String, nullable=False),
    Column("label", String, nullable=False),
    Column("release", String, nullable=False),
    Column("target_version", String, nullable=False),
    Column("suite_version", String, nullable=False),
    Column("machine", String, nullable=False),
    Column("steady_s", Float, nullable=False),
    Column("conditions", Text, nullable=False),
    Column("record_schema", Integer, nullable=False),
    Column("capacity", Text),
    Index("runs_by_start", "started_at"),
    Index("runs_by_scenario", "scenario", "started_at"),
    Index("runs_by_release", "release", "started_at"),
)

STATISTICS = (
    "requests",
    "failures",
    "failure_rate",
    "rps",
    "avg_ms",
    "min_ms",
    "max_ms",
    "p50_ms",
    "p75_ms",
    "p90_ms",
    "p95_ms",
    "p99_ms",
    "p999_ms",
)
"""Columns of `figures` that are the fields of Statistics, in the same order."""
_COUNTS, _KNOWN = ("requests", "failures"), ("requests", "failures", "rps")


def _of_figures(name: str) -> Table:
    return Table(
        name,
        METADATA,
        Column("run", Integer, ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
        Column("role", String, primary_key=True),
        Column("operation", String, primary_key=True),
        *(Column(name, Integer if name in _COUNTS else Float, nullable=name not in _KNOWN) for name in STATISTICS),
        sqlite_with_rowid=False,  # the figures of a run lie side by side, and there is no second index
    )


FIGURES = _of_figures("figures")
FIGURES_OK = _of_figures("figures_ok")
"""The same without failures that the target answered; rows only where something failed."""

FINGERPRINTS = Table(
    "fingerprints",
    METADATA,
    Column("run", Integer, ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
    Column("content", LargeBinary, nullable=False),
)

BASELINES = Table(
    "baselines",
    METADATA,
    Column("name", String, primary_key=True),
    Column("saved_at", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
)


T = TypeVar("T")

_encoder = msgspec.json.Encoder()
_conditions = msgspec.json.Decoder(Conditions)
_capacity = msgspec.json.Decoder(PastCapacity)


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
        "capacity": _encoder.encode(run.capacity).decode() if run.capacity else None,
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
        capacity=_capacity.decode(row.capacity) if row.capacity else None,
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
