"""Settings of one backend process, checked before anything is opened."""

from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from mitra_backend.faults import Fault

BUILT_IN_SECRET = "agent-mitra-demo-secret-not-for-deployment"  # noqa: S105 - refused outside --demo
SECRET_VARIABLE = "MITRA_SECRET_KEY"  # noqa: S105 - the name of a variable, not a secret
TOKEN_LIFETIME_S = 900
VERSION = "1.0.0"
SERVICE = "agent-mitra-backend"

BAD_COMMAND = 2
NOT_READY = 3


class StartError(Exception):
    """The backend cannot start; `exit_code` is 2 for a wrong command, 3 for something that is not there."""

    def __init__(self, message: str, exit_code: int = BAD_COMMAND) -> None:
        super().__init__(message)
        self.exit_code = exit_code


@dataclass(frozen=True, slots=True)
class Settings:
    """Everything that `create_app` needs. `database_url` is a full SQLAlchemy URL."""

    database_url: URL
    secret_key: str = BUILT_IN_SECRET
    redis_url: str | None = None
    seed: int = 1
    seed_factor: float = 1.0
    request_log: Path | None = None
    faults: tuple[Fault, ...] = field(default=())
    token_lifetime_s: int = TOKEN_LIFETIME_S


def database_url(text: str) -> URL:
    """Return the URL with its driver named.

    `postgresql://…` and `postgres://…` mean psycopg 3, a plain path means an SQLite file.
    Raises StartError for anything else.
    """
    if "://" not in text:
        return URL.create("sqlite", database=str(Path(text).absolute()))
    try:
        url = make_url(text)
    except ArgumentError:
        raise StartError(
            "--database-url is not a database URL. Use postgresql://user@host/name or sqlite:///file"
        ) from None
    if url.drivername in ("postgresql", "postgres", "postgresql+psycopg"):
        return url.set(drivername="postgresql+psycopg")
    if url.drivername == "sqlite" and url.database not in (None, "", ":memory:"):
        return url
    raise StartError(f"--database-url: {url.drivername!r} is not supported. Use postgresql://… or sqlite:///file")


def check_secret(secret_key: str, demo: bool) -> None:
    """Raise StartError when tokens would be signed with a secret that everybody can read."""
    if demo:
        return
    if secret_key == BUILT_IN_SECRET:
        raise StartError(
            f"refusing to start with the built-in secret: set {SECRET_VARIABLE}, or use --demo for a trial"
        )
    if len(secret_key) < 32:
        raise StartError(f"{SECRET_VARIABLE} is too short: at least 32 characters are needed")
