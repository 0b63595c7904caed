"""What routes ask for in their signatures."""

from collections.abc import Awaitable, Callable
from typing import Annotated, cast

import msgspec
from fastapi import Depends, HTTPException, Request, Response

from mitra_backend.security import Caller, TokenError
from mitra_backend.state import Backend

_encode = msgspec.json.Encoder().encode


# Dependencies are coroutines although they wait for nothing: plain functions would cost a thread each.
async def get_backend(request: Request) -> Backend:
    """Return the Backend of the application that serves the request."""
    return cast(Backend, request.app.state.backend)


BackendDep = Annotated[Backend, Depends(get_backend)]


async def get_caller(request: Request, backend: BackendDep) -> Caller:
    """Return who asks; 401 without a good token, 500 where noting them fails."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not token:
        raise HTTPException(401, "Authentication required", {"WWW-Authenticate": "Bearer"})
    try:
        caller = backend.tokens.read(token.strip())
        if caller.user_id in backend.inactive and not backend.has("deactivated_token"):
            raise TokenError("Account is not active")
        backend.recent.note(caller.user_id, backend.calls.in_flight)
    except TokenError as error:
        raise HTTPException(401, str(error), {"WWW-Authenticate": "Bearer"}) from None
    except RuntimeError as error:
        raise HTTPException(500, str(error)) from None
    return caller


def allow(permission: str) -> Callable[[Request, Caller], Awaitable[Caller]]:
    """Return a dependency that gives the caller, or 403 when their role has not the permission."""

    async def check(request: Request, caller: Annotated[Caller, Depends(get_caller)]) -> Caller:
        if permission not in caller.permissions and not _fails_open(request.app.state.backend, permission):
            raise HTTPException(403, "Not enough permissions")
        return caller

    return check


def _fails_open(backend: Backend, permission: str) -> bool:
    """Return whether the defect lets everybody in now: as where rights are in the database, and cannot be read."""
    return backend.has("fail_open", permission) and backend.database.exhausted


def json_bytes(value: object) -> bytes:
    """Return the value as JSON; dates and times in ISO 8601."""
    return _encode(value)


def reply(body: bytes, status_code: int = 200) -> Response:
    """Return prepared JSON as it is: it was checked when it was made, not again for each reader."""
    return Response(body, status_code, media_type="application/json")


def not_found(what: str) -> HTTPException:
    """Return the 404 for a kind of thing."""
    return HTTPException(404, f"{what} not found")
