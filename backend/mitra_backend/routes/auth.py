"""Log in and out."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Response
from sqlalchemy import select, update
from starlette.concurrency import run_in_threadpool

from mitra_backend import models, permissions, schemas
from mitra_backend.deps import BackendDep, allow, json_bytes, reply
from mitra_backend.rows import USER_COLUMNS
from mitra_backend.security import Caller, verify_at_cost
from mitra_backend.state import Backend

router = APIRouter(prefix="/api/v1/auth", tags=["auth"])

# A write for every login would queue a login storm behind the one writer of SQLite.
LOGIN_NOTED_EVERY = timedelta(minutes=1)
# Checked for unknown numbers, too, so that the response time does not reveal who has an account.
_NOBODY_HASH = "$argon2id$v=19$m=19456,t=2,p=1$bm9ib2R5LWhhcy10aGlz$6Q1zR0H6m5kK8n8m0l5m4lO1s7y8n2m0b0vJ3x3v2yE"


@router.post("/login", name="auth.login", response_model=schemas.LoginOut, responses={401: {"model": schemas.Error}})
async def login(credentials: schemas.LoginIn, backend: BackendDep) -> Response:
    """Exchange phone number and password for an access token of 15 minutes."""
    found = await run_in_threadpool(_find, backend, credentials.phone_number)
    hash_to_check = found["password_hash"] if found else _NOBODY_HASH
    fits = await asyncio.get_running_loop().run_in_executor(
        backend.password_threads, verify_at_cost, hash_to_check, credentials.password, backend.quirks.login_cost_s
    )
    if found is None or not fits or found["status"] != "active":
        raise HTTPException(401, "Invalid credentials", {"WWW-Authenticate": "Bearer"})
    now = datetime.now(UTC)
    last = found["last_login_at"]
    if last is None or now - last > LOGIN_NOTED_EVERY:
        found["last_login_at"] = now
        await run_in_threadpool(_note_login, backend, found["user_id"], now)
    return reply(_tokens(backend, found))


@router.post("/logout", name="auth.logout", response_model=schemas.Done)
async def logout(caller: Annotated[Caller, Depends(allow("auth.logout"))]) -> Response:
    """Say goodbye. Tokens are not kept here, so they simply run out."""
    return reply(json_bytes({"success": True, "message": "Logged out"}))


def _find(backend: Backend, phone_number: str) -> dict[str, Any] | None:
    query = (
        select(
            *USER_COLUMNS,
            models.User.password_hash,
            models.User.provider_id,
            models.Agent.agent_id,
            models.Policyholder.policyholder_id,
        )
        .outerjoin(models.Agent, models.Agent.user_id == models.User.user_id)
        .outerjoin(models.Policyholder, models.Policyholder.user_id == models.User.user_id)
        .where(models.User.phone_number == phone_number)
    )
    with backend.database.read() as session:
        row = session.execute(query).first()
    return None if row is None else row._asdict()


def _note_login(backend: Backend, user_id: str, now: datetime) -> None:
    with backend.database.write() as session:
        session.execute(update(models.User).where(models.User.user_id == user_id).values(last_login_at=now))
    backend.kept.invalidate((f"user:{user_id}",))


def _tokens(backend: Backend, user: dict[str, Any]) -> bytes:
    del user["password_hash"]
    scope = {key: user.pop(key) for key in ("agent_id", "policyholder_id", "provider_id")}
    role = permissions.canonical_role(user["role"])
    allowed = permissions.permissions_of(role)
    subject = {"sub": user["user_id"], "phone_number": user["phone_number"], "roles": [user["role"]]}
    claims = {key: value for key, value in scope.items() if value is not None}
    return json_bytes(
        {
            "access_token": backend.tokens.issue({**subject, **claims, "permissions": allowed}),
            "refresh_token": backend.tokens.issue(subject, "refresh"),
            "token_type": "bearer",
            "expires_in": backend.settings.token_lifetime_s,
            "user": user,
            "permissions": allowed,
        }
    )
