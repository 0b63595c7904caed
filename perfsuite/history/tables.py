"""The tables of the history, as the newest migration leaves them.

Every run has a row in `runs`, its figures in `figures` (the total, each role, each operation, each operation as each
role; where something failed also in `figures_ok`), and in `kept` what is large and rarely asked for: its histograms and
its fingerprint, compressed JSON.
"""

from __future__ import annotations

from sqlalchemy import Column, Float, ForeignKey, Index, Integer, LargeBinary, MetaData, String, Table, Text

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

KEPT = Table(
    "kept",
    METADATA,
    Column("run", Integer, ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
    Column("histograms", LargeBinary, nullable=False),
    Column("fingerprint", LargeBinary),
)

BASELINES = Table(
    "baselines",
    METADATA,
    Column("name", String, primary_key=True),
    Column("saved_at", String, nullable=False),
    Column("content", LargeBinary, nullable=False),
)
