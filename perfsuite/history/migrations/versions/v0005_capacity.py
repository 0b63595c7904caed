"""What searches for the capacity found."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add the column; of runs that are there it is empty: none of them was a search."""
    op.add_column("runs", sa.Column("capacity", sa.Text))
