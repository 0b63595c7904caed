"""Fingerprints in a table of their own: nothing read the histograms that were stored beside them."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Move the fingerprints and drop the histograms: old figures can be made again from the runs' folders."""
    op.create_table(
        "fingerprints",
        sa.Column("run", sa.Integer, sa.ForeignKey("runs.number", ondelete="CASCADE"), primary_key=True),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.execute(
        "INSERT INTO fingerprints (run, content) SELECT run, fingerprint FROM kept WHERE fingerprint IS NOT NULL"
    )
    op.drop_table("kept")
