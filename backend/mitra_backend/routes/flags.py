"""Switches of the platform."""

from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Response
from sqlalchemy import select, update

from mitra_backend import schemas
from mitra_backend.deps import BackendDep, allow, json_bytes, not_found, reply
from mitra_backend.models import FeatureFlag
from mitra_backend.security import Caller

router = APIRouter(prefix="/api/v1/feature-flags", tags=["feature flags"])
_COLUMNS = tuple(FeatureFlag.__table__.columns)


@router.get("/all", name="flags.list", response_model=schemas.Envelope[list[schemas.FlagOut]])
def list_flags(backend: BackendDep, _caller: Annotated[Caller, Depends(allow("flags.list"))]) -> Response:
    """List all flags by name."""

    def make() -> bytes:
        with backend.database.read() as session:
            rows = session.execute(select(*_COLUMNS).order_by(FeatureFlag.flag_name)).all()
        return json_bytes({"success": True, "data": [row._asdict() for row in rows]})

    return reply(backend.answer("flags.list", "all", ("flags",), make))


@router.put("/update/{flag_name}", name="flags.update", response_model=schemas.Envelope[schemas.FlagOut])
def update_flag(
    flag_name: str,
    wanted: schemas.FlagUpdate,
    backend: BackendDep,
    _caller: Annotated[Caller, Depends(allow("flags.update"))],
) -> Response:
    """Switch a flag on or off and return it."""
    statement = (
        update(FeatureFlag)
        .where(FeatureFlag.flag_name == flag_name)
        .values(is_enabled=wanted.is_enabled, updated_at=datetime.now(UTC))
        .returning(*_COLUMNS)
    )
    with backend.database.write() as session:
        row = session.execute(statement).first()
    if row is None:
        raise not_found("Feature flag")
    backend.kept.invalidate(("flags",))
    return reply(json_bytes({"success": True, "data": row._asdict()}))
