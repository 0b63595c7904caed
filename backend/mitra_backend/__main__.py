"""`python -m mitra_backend`: migrate, seed, serve. Prints one line when it is ready."""

import argparse
import contextlib
import csv
import ctypes
import gc
import logging
import os
import signal
import sys
import tempfile
from pathlib import Path

import redis
from sqlalchemy.exc import SQLAlchemyError

from mitra_backend import config, seed
from mitra_backend.cache import RedisCache
from mitra_backend.config import NOT_READY, Settings, StartError
from mitra_backend.db import Database
from mitra_backend.faults import AS_DEPLOYED, FaultError
from mitra_backend.main import close_app, create_app, prepare_database
from mitra_backend.quirks import parse_faults
from mitra_backend.server import address_of, bind, end_with_stdin, make_server, run

INTERRUPTED = 130
# Of glibc's malloc.h.
_M_ARENA_MAX = -8


def make_parser() -> argparse.ArgumentParser:
    """Return the parser of the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m mitra_backend", description="The reference backend of the Agent Mitra suite."
    )
    add = parser.add_argument
    add("--host", default="127.0.0.1", help="address to listen on (default: loopback only)")
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one")
    # A URL may hold a password, and other users of the machine can read a command line, but no environment.
    add(
        "--database-url",
        metavar="URL",
        default=os.environ.get("MITRA_DATABASE_URL"),
        help="postgresql://… or a file for SQLite; default: $MITRA_DATABASE_URL, else a temporary file",
    )
    add(
        "--redis-url",
        metavar="URL",
        default=os.environ.get("MITRA_REDIS_URL"),
        help="keep answers in Redis instead of in the process; default: $MITRA_REDIS_URL",
    )
    add("--seed", type=int, default=1, help="number that the data is made from")
    add("--seed-factor", type=float, default=1.0, metavar="F", help="how much data, 1 = 5,000 policies")
    add("--demo", action="store_true", help="allow the built-in secret; for trials on this machine")
    add("--request-log", type=Path, metavar="FILE", help="write one JSON line per request")
    add("--credentials-out", type=Path, metavar="FILE", help="write the accounts of virtual users as CSV")
    add("--fault", action="append", default=[], metavar="SPEC", help="make something go wrong; see docs/backend.md")
    add("--as-deployed", action="store_true", help="behave as deployed versions do; see docs/backend.md")
    add("--exit-with-stdin", action="store_true", help="end when standard input is closed")
    return parser


def main(arguments: list[str] | None = None) -> int:
    """Run the backend and return its exit code: 0, 2 wrong command, 3 something is not there,
    130 interrupted before it was ready."""
    logging.basicConfig(stream=sys.stderr, level=logging.WARNING, format="%(asctime)s %(levelname)s %(message)s")
    options = make_parser().parse_args(arguments)
    _share_memory_among_threads()
    # Until the server takes over, SIGTERM would end the process with its temporary directory left behind.
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        with _database_directory(options) as directory:
            return _serve(options, _settings(options, Path(directory)))
    except StartError as error:
        sys.stderr.write(f"mitra_backend: {error}\n")
        return error.exit_code
    except KeyboardInterrupt:
        return INTERRUPTED


def _share_memory_among_threads() -> None:
    """By default glibc gives each thread memory of its own, and a healthy backend grows for a quarter of an hour."""
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # other C libraries have none
    if mallopt is not None:
        mallopt(_M_ARENA_MAX, 1)


def _database_directory(options: argparse.Namespace) -> contextlib.AbstractContextManager[str]:
    """Where the database is made when none is named; nothing is made, and so left by a kill -9, when one is."""
    if options.database_url:
        return contextlib.nullcontext("")
    return tempfile.TemporaryDirectory(prefix="mitra-backend-")


def _settings(options: argparse.Namespace, directory: Path) -> Settings:
    secret_key = os.environ.get(config.SECRET_VARIABLE) or config.BUILT_IN_SECRET
    config.check_secret(secret_key, options.demo)
    if not 0 < options.seed_factor <= 100:
        raise StartError("--seed-factor must be more than 0 and at most 100")
    if not 0 <= options.port <= 65535:
        raise StartError("--port must be between 0 and 65535")
    try:
        faults = parse_faults([*([AS_DEPLOYED] if options.as_deployed else []), *options.fault])
    except FaultError as error:
        raise StartError(str(error)) from None
    return Settings(
        database_url=config.database_url(options.database_url or str(directory / "mitra.db")),
        secret_key=secret_key,
        redis_url=options.redis_url,
        seed=options.seed,
        seed_factor=options.seed_factor,
        request_log=options.request_log,
        faults=faults,
    )


def _serve(options: argparse.Namespace, settings: Settings) -> int:
    _check_redis(settings.redis_url)
    try:
        prepare_database(settings)
    except SQLAlchemyError as error:
        where = settings.database_url.render_as_string(hide_password=True)
        raise StartError(f"cannot use the database {where}: {_first_line(error)}", NOT_READY) from None
    if options.credentials_out:
        _write_credentials(options.credentials_out, settings)
    listener = bind(options.host, options.port)
    try:
        app = create_app(settings)
    except OSError as error:
        listener.close()
        raise StartError(f"--request-log {settings.request_log}: {error.strerror}") from None
    # What lives until the end need not be looked through again at every collection.
    gc.collect()
    gc.freeze()
    server = make_server(app, lambda: _say_ready(address_of(listener)))
    if options.exit_with_stdin:
        end_with_stdin(server)
    try:
        run(server, listener)
    finally:
        close_app(app)
    return 0 if server.started else NOT_READY


def _say_ready(address: str) -> None:
    sys.stdout.write(f"listening on {address}\n")
    sys.stdout.flush()


def _check_redis(url: str | None) -> None:
    if url is None:
        return
    try:
        cache = RedisCache(url)
    except ValueError:
        raise StartError("--redis-url is not a Redis URL. Use redis://host:port/0") from None
    try:
        cache.ping()
    except redis.RedisError as error:
        raise StartError(f"--redis-url: Redis does not answer: {_first_line(error)}", NOT_READY) from None
    finally:
        cache.close()


def _write_credentials(path: Path, settings: Settings) -> None:
    database = Database(settings.database_url)
    try:
        # Made anew with its mode, never opened wide first; an older file is replaced.
        path.unlink(missing_ok=True)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file, lineterminator="\n")
            writer.writerow(("phone_number", "password", "role"))
            writer.writerows(seed.credentials(database, settings.seed_factor))
    except OSError as error:
        raise StartError(f"--credentials-out {path}: {error.strerror}") from None
    finally:
        database.close()


def _first_line(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


if __name__ == "__main__":
    raise SystemExit(main())
