"""Brings a database to the newest schema, and knows one that is newer."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Connection, inspect, text

from perfsuite.errors import UsageError

REVISIONS = ("0001", "0002", "0003")
NEWEST = REVISIONS[-1]


class NewerSchemaError(UsageError):
    """The database is of a newer suite; nothing of it is touched."""


_MIGRATIONS = Path(__file__).parent / "migrations"
_LOCK_NUMBER = 0x50657266  # two commands that begin on one PostgreSQL must not migrate at once


def is_newest(connection: Connection, where: str) -> bool:
    """True where nothing is to be done. Raises UsageError for a schema that this suite does not know."""
    if "alembic_version" not in inspect(connection).get_table_names():
        return False
    found = connection.scalar(text("SELECT version_num FROM alembic_version"))
    if found is not None and found not in REVISIONS:
        raise NewerSchemaError(
            f"{where}: written by a newer suite (schema {found}, this one knows up to {NEWEST}).\n"
            "Update the suite, or name another history with --history."
        )
    return bool(found == NEWEST)


def upgrade(connection: Connection, where: str, revision: str = NEWEST) -> None:
    """Make the steps that are missing up to `revision`, within the transaction of the connection."""
    # Here, since most commands find the newest schema, and Alembic takes a while to come.
    from alembic import command
    from alembic.config import Config

    if connection.dialect.name == "postgresql":
        connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
    if is_newest(connection, where):
        return  # another command was quicker
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS).replace("%", "%%"))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)
