"""Runs, their figures, and what is kept of them beside."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

_TEXTS = (
    "started_at",
    "ended_at",
    "folder",
    "outcome",
    "scenario",
    "scenario_digest",
    "host",
    "label",
    "release",
    "target_version",
    "suite_version",
    "machine",
)
_FIGURES = ("failure_rate", "avg_ms", "min_ms", "max_ms", "p50_ms", "p75_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms")


def upgrade() -> None:
    """Make the first tables."""
    op.create_table(
        "runs",
        sa.Column("number", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.String, nullable=False, unique=True),
        *(sa.Column(name, sa.String, nullable=False) for name in _TEXTS),
        sa.Column("exit_code", sa.Integer, nullable=False),
        sa.Column("steady_s", sa.Float, nullable=False),
        sa.Column("conditions", sa.Text, nullable=False),
        sa.Column("record_schema", sa.Integer, nullable=False),
    )
    op.create_index("runs_by_start", "runs", ["started_at"])
    op.create_index("runs_by_scenario", "runs", ["scenario", "started_at"])
    op.create_index("runs_by_release", "runs", ["release", "started_at"])
    op.create_table(
        "figures",
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String, primary_key=True),
        sa.Column("operation", sa.String, primary_key=True),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("rps", sa.Float, nullable=False),
        *(sa.Column(name, sa.Float) for name in _FIGURES),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "kept",
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("histograms", sa.LargeBinary, nullable=False),
        sa.Column("fingerprint", sa.LargeBinary),
    )
