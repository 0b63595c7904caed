"""Figures without failures that the target answered."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

_FIGURES = ("failure_rate", "avg_ms", "min_ms", "max_ms", "p50_ms", "p75_ms", "p90_ms", "p95_ms", "p99_ms", "p999_ms")


def upgrade() -> None:
    """Make the table; of runs that are there nothing is known beyond what they have."""
    op.create_table(
        "figures_ok",
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("role", sa.String, primary_key=True),
        sa.Column("operation", sa.String, primary_key=True),
        sa.Column("requests", sa.Integer, nullable=False),
        sa.Column("failures", sa.Integer, nullable=False),
        sa.Column("rps", sa.Float, nullable=False),
        *(sa.Column(name, sa.Float) for name in _FIGURES),
        sqlite_with_rowid=False,
    )
