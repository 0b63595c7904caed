"""The application: `create_app(settings)`."""

import json
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from sqlalchemy import select
from sqlalchemy.exc import OperationalError, SQLAlchemyError
from sqlalchemy.exc import TimeoutError as PoolTimeoutError
from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Match
from starlette.types import ASGIApp

from mitra_backend import faults
from mitra_backend.body_limit import BodyLimit
from mitra_backend.cache import Cache, MemoryCache, RedisCache
from mitra_backend.config import VERSION, Settings
from mitra_backend.db import Database
from mitra_backend.fault_jobs import FaultJobs, name_roles, restore_indexes, settle_number_index
from mitra_backend.fault_middleware import MIDDLEWARE_KINDS, BrokenRateLimiter, FaultMiddleware, LoadWatch
from mitra_backend.migrate import upgrade
from mitra_backend.models import User
from mitra_backend.openapi import add_errors
from mitra_backend.quirks import Quirks, quirks_of
from mitra_backend.request_log import RequestLog, Telemetry
from mitra_backend.routes import (
    agents,
    analytics,
    auth,
    dashboard,
    deployed,
    flags,
    health,
    leads,
    policies,
    tickets,
    users,
)
from mitra_backend.security import Tokens
from mitra_backend.seed import seed_if_empty
from mitra_backend.state import Backend, FaultBoard

log = logging.getLogger("mitra_backend")

# Threads beyond the connections of the pool would only wait for one.
_SPARE_THREADS = 2
ROUTERS: tuple[APIRouter, ...] = (
    auth.router,
    users.router,
    health.router,
    flags.router,
    dashboard.router,
    analytics.router,
    agents.router,
    policies.router,
    leads.router,
    tickets.router,
)


class Application(FastAPI):
    """FastAPI with telemetry around everything, so that answers to crashes are measured and logged too."""

    def build_middleware_stack(self) -> ASGIApp:
        """Return the stack, outermost first: telemetry, rate limiter, faults, limit of bodies, errors, routes."""
        backend: Backend = self.state.backend
        stack: ASGIApp = BodyLimit(super().build_middleware_stack())
        if any(fault.kind in MIDDLEWARE_KINDS for fault in backend.board.faults):
            stack = FaultMiddleware(stack, backend.board, self.router.routes)
        if any(fault.of_load for fault in backend.board.faults):
            stack = LoadWatch(stack, backend.board)
        if backend.quirks.rate_limiter_every:
            stack = BrokenRateLimiter(stack, backend.quirks.rate_limiter_every)
        return Telemetry(stack, self.state.request_log, self.state.calls)

    def openapi(self) -> dict[str, Any]:
        """Return what /openapi.json says, with the errors that no signature shows."""
        if self.openapi_schema is None:
            add_errors(super().openapi(), self.router.routes)
        return super().openapi()


def create_app(settings: Settings) -> Application:
    """Return the application for a database that `prepare_database` has made ready."""
    app = Application(
        title="Agent Mitra reference backend",
        version=VERSION,
        lifespan=_lifespan,
        # Off, so that no variable of the user's environment makes a trial report to somewhere.
        telemetry={"tracing": False, "metrics": False, "logs": False, "auto_configure": False},
    )
    quirks = quirks_of(settings.faults)
    small = faults.pool_of(settings.faults)
    size, kept_s = (small.count, small.duration_s) if small is not None else (None, 0.0)
    database = Database(settings.database_url, size, pooled=not quirks.no_pool, kept_s=kept_s)
    life_s = settings.token_lifetime_s if quirks.token_life_s is None else int(quirks.token_life_s)
    app.state.backend = Backend(
        settings=settings,
        database=database,
        tokens=Tokens(settings.secret_key, life_s),
        kept=_make_cache(settings.redis_url),
        board=FaultBoard(settings.faults),
        quirks=quirks,
    )
    app.state.calls = app.state.backend.calls
    app.state.request_log = RequestLog(settings.request_log) if settings.request_log else None
    missing = faults.missing_routes(settings.faults)
    # Not include_router: routes that know their whole path are found faster and logged as they are.
    app.router.routes.extend(route for route in _routes(quirks) if _name(route) not in missing)
    app.add_exception_handler(RequestValidationError, _malformed)
    app.add_exception_handler(405, _not_allowed)
    app.add_exception_handler(SQLAlchemyError, _database_failed)
    app.add_exception_handler(Exception, _crashed)
    return app


def prepare_database(settings: Settings) -> None:
    """Migrate, and seed when empty. Raises SQLAlchemyError when the database is not there."""
    database = Database(settings.database_url)
    try:
        upgrade(database.engine)
        restore_indexes(database)
        seed_if_empty(database, settings.seed, settings.seed_factor)
        settle_number_index(database, dropped=any(fault.kind == "number_race" for fault in settings.faults))
        name_roles(database, deployed=quirks_of(settings.faults).deployed_roles)
    finally:
        database.close()


def close_app(app: Application) -> None:
    """Let go of files and connections, after the last request."""
    if app.state.request_log is not None:
        app.state.request_log.close()
    app.state.backend.close()


def _routes(quirks: Quirks) -> list[BaseRoute]:
    """Return the routes of the reference, some replaced by those of deployed versions."""
    offered = deployed.names_offered(quirks)
    own = [route for route in deployed.router.routes if _name(route) in offered]
    return own + [route for router in ROUTERS for route in router.routes if _name(route) not in offered]


def _name(route: BaseRoute) -> str:
    return str(getattr(route, "name", ""))


def _make_cache(redis_url: str | None) -> Cache:
    return RedisCache(redis_url) if redis_url else MemoryCache()


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    backend: Backend = app.state.backend
    limiter = anyio.to_thread.current_default_thread_limiter()
    limiter.total_tokens = backend.database.pool_size + _SPARE_THREADS
    backend.inactive.update(_inactive_users(backend.database))
    jobs = FaultJobs(backend.database, backend.board, backend.quirks)
    backend.board.start()
    jobs.start()
    try:
        yield
    finally:
        jobs.stop()


def _inactive_users(database: Database) -> Sequence[str]:
    with database.read() as session:
        return session.scalars(select(User.user_id).where(User.status != "active")).all()


def _database_failed(_request: Request, error: Exception) -> Response:
    busy = isinstance(error, PoolTimeoutError | OperationalError)
    log.error("database: %s", str(error).splitlines()[0])
    if busy:
        return JSONResponse({"detail": "Database is busy or away"}, 503, {"Retry-After": "1"})
    return JSONResponse({"detail": "Internal server error"}, 500)


async def _malformed(request: Request, error: Exception) -> Response:
    if not isinstance(error, RequestValidationError):  # pragma: no cover - registered for this kind only
        raise error
    problems = [{name: problem[name] for name in ("type", "loc", "msg", "input")} for problem in error.errors()]
    if request.url.path.startswith(auth.router.prefix):
        # The contract shows the input beside each mistake; a password must not come back in an answer.
        problems = [{**problem, "input": None} for problem in problems]
    try:
        body = json.dumps({"detail": jsonable_encoder(problems)}, allow_nan=False)
    except (ValueError, RecursionError):
        # Such an input has no form in JSON, and is the mistake.
        body = json.dumps({"detail": jsonable_encoder([{**problem, "input": None} for problem in problems])})
    return Response(body, 422, media_type="application/json")


def _not_allowed(request: Request, _error: Exception) -> Response:
    """Name all methods of the path: the router knows only those of its first route."""
    matching = (route for route in request.app.router.routes if route.matches(request.scope)[0] is not Match.NONE)
    methods = sorted(set().union(*(route.methods for route in matching)))
    return JSONResponse({"detail": "Method Not Allowed"}, 405, {"Allow": ", ".join(methods)})


def _crashed(_request: Request, _error: Exception) -> Response:
    return JSONResponse({"detail": "Internal server error"}, 500)
