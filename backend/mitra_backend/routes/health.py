"""Is it alive, and how is it. Open to monitors, without a login."""

import time
from datetime import UTC, datetime

import psutil
from fastapi import APIRouter, HTTPException, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError

from mitra_backend import schemas
from mitra_backend.config import SERVICE, VERSION
from mitra_backend.deps import BackendDep, json_bytes, reply
from mitra_backend.models import Base

router = APIRouter(tags=["health"])
_GB = 1e9


@router.get("/health", name="health.root", response_model=schemas.Health)
async def read_health() -> Response:
    """Return that the process answers, without asking the database."""
    return reply(json_bytes({"status": "healthy", "service": SERVICE, "version": VERSION}))


@router.get("/api/v1/health/database", name="health.database")
def read_database_health(backend: BackendDep) -> Response:
    """Return the time of one round trip to the database, the pool and the schema."""
    checked_at = datetime.now(UTC)
    start = time.perf_counter()
    try:
        with backend.database.read() as session:
            revision = session.scalar(text("SELECT version_num FROM alembic_version"))
            figures = backend.database.pool_figures()
    except SQLAlchemyError as error:
        raise HTTPException(503, f"Database is not available: {type(error).__name__}") from None
    response_time_ms = round((time.perf_counter() - start) * 1000, 3)
    connection = {
        "status": "connected",
        "response_time_ms": response_time_ms,
        "pool_size": figures["size"],
        "checked_at": checked_at,
    }
    schema = {"revision": revision, "tables": len(Base.metadata.tables)}
    answer = {
        "status": "healthy",
        "database": {"connection": connection, "pool_stats": figures, "schema": schema},
        "timestamp": checked_at,
    }
    return reply(json_bytes(answer))


@router.get("/api/v1/health/system", name="health.system")
def read_system_health() -> Response:
    """Return memory, processor and disk of the machine, and the memory of this process."""
    memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
    resident = psutil.Process().memory_info().rss
    answer = {
        "status": "healthy",
        "memory": {
            "percent": memory.percent,
            "total_gb": round(memory.total / _GB, 2),
            "used_gb": round(memory.used / _GB, 2),
            "process_gb": round(resident / _GB, 4),
        },
        "cpu": {"percent": psutil.cpu_percent(), "cores": psutil.cpu_count()},
        "disk": {
            "percent": disk.percent,
            "total_gb": round(disk.total / _GB, 2),
            "used_gb": round(disk.used / _GB, 2),
        },
        "timestamp": datetime.now(UTC),
    }
    return reply(json_bytes(answer))
