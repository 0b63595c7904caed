"""Brings a database to the newest schema."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.script import ScriptDirectory
from sqlalchemy import text
from sqlalchemy.engine import Engine

MIGRATIONS = Path(__file__).resolve().parent.parent / "migrations"
_LOCK_NUMBER = 0x4D69747261  # two processes that start on one PostgreSQL must not migrate or seed at once


def alembic_config() -> Config:
    """Return the configuration, made here so that no file has to be found at run time."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    return config


def newest_revision() -> str:
    """Return the revision that `upgrade` leads to."""
    return str(ScriptDirectory.from_config(alembic_config()).get_current_head())


def upgrade(engine: Engine) -> None:
    """Run the missing migrations, all in one transaction."""
    config = alembic_config()
    with engine.begin() as connection:
        if engine.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:number)"), {"number": _LOCK_NUMBER})
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
