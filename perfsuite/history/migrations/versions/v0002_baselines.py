"""Baselines under names."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Make the table of baselines."""
    op.create_table(
        "baselines",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("saved_at", sa.String, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
