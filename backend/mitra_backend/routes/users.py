"""People and their own accounts."""

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from sqlalchemy import or_, select, update

from mitra_backend import permissions, schemas
from mitra_backend.deps import BackendDep, allow, json_bytes, not_found, reply
from mitra_backend.filters import UserFilter
from mitra_backend.inputs import PathId
from mitra_backend.models import User
from mitra_backend.rows import USER_COLUMNS, cache_owner, one_more_query_per_row, same
from mitra_backend.security import Caller
from mitra_backend.state import Backend

router = APIRouter(prefix="/api/v1/users", tags=["users"])
_MAY_READ_ANYBODY = frozenset({permissions.SUPER_ADMIN, permissions.PROVIDER_ADMIN, permissions.SUPPORT_STAFF})
_MAY_WRITE_ANYBODY = frozenset({permissions.SUPER_ADMIN})
PREFERENCES = ("language_preference", "timezone", "theme_preference", "notification_preferences")


@router.get("/", name="users.list", response_model=list[schemas.UserOut])
def list_users(
    backend: BackendDep,
    _caller: Annotated[Caller, Depends(allow("users.list"))],
    wanted: Annotated[UserFilter, Query()],
) -> Response:
    """List users by id; `q` looks in names, phone numbers and e-mail addresses."""
    offset = backend.offset("users.list", wanted.offset)
    query = select(*USER_COLUMNS).order_by(User.user_id).limit(wanted.limit).offset(offset)
    if wanted.role:
        query = query.where(User.role.in_(permissions.names_of(wanted.role)))
    if wanted.status:
        query = query.where(User.status == wanted.status)
    if wanted.q:
        columns = (User.display_name, User.phone_number, User.email)
        query = query.where(or_(*(column.icontains(wanted.q, autoescape=True) for column in columns)))
    with backend.database.read() as session:
        rows = [row._asdict() for row in session.execute(query)]
        one_more_query_per_row(backend, "users.list", session, User.user_id, [row["user_id"] for row in rows])
    return reply(json_bytes(rows))


@router.get("/me", name="users.me", response_model=schemas.UserOut)
def read_me(backend: BackendDep, caller: Annotated[Caller, Depends(allow("users.me"))]) -> Response:
    """Return the caller's own account."""
    owner = cache_owner(backend, "users.me", caller, caller.user_id)
    return reply(_user(backend, "users.me", caller.user_id, owner))


@router.get("/{user_id}", name="users.read", response_model=schemas.UserOut)
def read_user(
    user_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("users.read"))]
) -> Response:
    """Return an account: everybody sees their own, support staff any."""
    _check_own(backend, "users.read", caller, user_id, _MAY_READ_ANYBODY)
    return reply(_user(backend, "users.read", user_id, user_id))


@router.put("/{user_id}", name="users.update", response_model=schemas.UserOut)
def update_user(
    user_id: PathId,
    changes: schemas.UserUpdate,
    backend: BackendDep,
    caller: Annotated[Caller, Depends(allow("users.update"))],
) -> Response:
    """Change an account: their own for everybody, any for the Super Admin. Another account can be deactivated."""
    _check_own(backend, "users.update", caller, user_id, _MAY_WRITE_ANYBODY)
    values = changes.model_dump(exclude_unset=True)
    status = values.get("status")
    if status and (caller.role not in _MAY_WRITE_ANYBODY or user_id == caller.user_id):
        raise HTTPException(403, "Only another Super Admin may change a status")
    _update(backend, "users.update", user_id, values)
    if status:
        (backend.inactive.discard if status == "active" else backend.inactive.add)(user_id)
    # Names are shown beside policies, leads and agents; the other fields are only shown to their owner.
    shown = {"first_name", "last_name", "display_name", "email", "status"} & values.keys()
    backend.changed("users.update", (f"user:{user_id}", "people") if shown else (f"user:{user_id}",))
    return reply(_user(backend, "users.read", user_id, user_id))


@router.put("/{user_id}/preferences", name="users.preferences", response_model=schemas.Envelope[schemas.Preferences])
def update_preferences(
    user_id: PathId,
    changes: schemas.PreferencesUpdate,
    backend: BackendDep,
    caller: Annotated[Caller, Depends(allow("users.preferences"))],
) -> Response:
    """Change the caller's own preferences and return all of them."""
    _check_own(backend, "users.preferences", caller, user_id)
    saved = _update(backend, "users.preferences", user_id, changes.model_dump(exclude_unset=True))
    backend.changed("users.preferences", (f"user:{user_id}",))
    return reply(json_bytes({"success": True, "data": saved}))


def _check_own(
    backend: Backend, route: str, caller: Caller, user_id: str, others: frozenset[str] = frozenset()
) -> None:
    """Raise 403 for an account of somebody else, unless the role may use those of others."""
    if user_id != caller.user_id and caller.role not in others and backend.checks_owner(route):
        raise HTTPException(403, "Not your own account")


def _user(backend: Backend, route: str, user_id: str, key: str) -> bytes:
    wrong = backend.wrong_rows(route)

    def make() -> bytes:
        query = select(*USER_COLUMNS).where(same(User.user_id, user_id, wrong)).limit(1)
        with backend.database.read() as session:
            row = session.execute(query).first()
        if row is None:
            raise not_found("User")
        return json_bytes(row._asdict())

    return backend.answer(route, key, (f"user:{user_id}",), make)


def _update(backend: Backend, route: str, user_id: str, values: dict[str, Any]) -> dict[str, Any]:
    """Write the values and return the preferences as they are then; 404 when there is no such user."""
    if backend.has("lost_update", route):
        values = {**_whole(backend, user_id), **values}
        backend.between()
    values["updated_at"] = datetime.now(UTC)
    columns = [getattr(User, name) for name in PREFERENCES]
    statement = update(User).where(User.user_id == user_id).values(**values).returning(*columns)
    with backend.database.write() as session:
        row = session.execute(statement).first()
    if row is None:
        raise not_found("User")
    return row._asdict()


def _whole(backend: Backend, user_id: str) -> dict[str, Any]:
    """Return all that an account may change in itself, as it is now; nothing where there is no such user."""
    names = {*schemas.UserUpdate.model_fields, *PREFERENCES} - {"status"}
    query = select(*(getattr(User, name) for name in names)).where(User.user_id == user_id)
    with backend.database.read() as session:
        row = session.execute(query).first()
    return {} if row is None else row._asdict()
