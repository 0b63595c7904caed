"""Routes that only deployed versions have, or have in another way. Each is offered where its quirk is on."""

from typing import Annotated

import psutil
from fastapi import APIRouter, Depends, HTTPException, Response
from sqlalchemy import select

from mitra_backend import schemas
from mitra_backend.deps import BackendDep, allow, json_bytes, reply
from mitra_backend.inputs import PathId
from mitra_backend.models import User
from mitra_backend.quirks import Quirks
from mitra_backend.routes.health import system_figures
from mitra_backend.routes.users import PREFERENCES
from mitra_backend.security import Caller

router = APIRouter(prefix="/api/v1")
MEASURED_S = 1.0


@router.get("/health/system", name="health.system", tags=["health"])
async def read_system_health(backend: BackendDep) -> Response:
    """Return the figures of the machine. Measures the processor for a second in the event loop: nothing else is
    served meanwhile."""
    return reply(system_figures(backend, psutil.cpu_percent(interval=MEASURED_S)))


@router.get(
    "/users/{user_id}/preferences",
    name="users.preferences_page",
    tags=["users"],
    response_model=schemas.Envelope[schemas.Preferences],
)
def read_preferences(
    user_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("users.preferences"))]
) -> Response:
    """Return the caller's own preferences."""
    if user_id != caller.user_id:
        raise HTTPException(403, "Not your own account")
    query = select(*(getattr(User, name) for name in PREFERENCES)).where(User.user_id == user_id)
    with backend.database.read() as session:
        row = session.execute(query).one()
    return reply(json_bytes({"success": True, "data": row._asdict()}))


def names_offered(quirks: Quirks) -> frozenset[str]:
    """Return the names of the routes here that this backend offers."""
    offered = {"health.system": quirks.blocking_health, "users.preferences_page": quirks.preferences_page}
    return frozenset(name for name, wanted in offered.items() if wanted)
