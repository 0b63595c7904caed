"""Run by Alembic: uses the connection that mitra_backend.migrate hands over."""

from alembic import context
from mitra_backend.models import Base

connection = context.config.attributes["connection"]
context.configure(connection=connection, target_metadata=Base.metadata, render_as_batch=True)
with context.begin_transaction():
    context.run_migrations()
