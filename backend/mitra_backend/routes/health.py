"""Is it alive, and how is it. Open to monitors, without a login."""

import time
from datetime import UTC, datetime
from typing import Any

import psutil
from fastapi import APIRouter, HTTPException, Response
from sqlalchemy import text
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import QueuePool

from mitra_backend import schemas
from mitra_backend.config import SERVICE, VERSION
from mitra_backend.db import Database
from mitra_backend.deps import BackendDep, json_bytes, reply
from mitra_backend.models import Base
from mitra_backend.state import Backend

router = APIRouter(tags=["health"])
_GB = 1e9
_GIB = 1024**3


@router.get("/health", name="health.root", response_model=schemas.Health)
async def read_health() -> Response:
    """Return that the process answers, without asking the database."""
    return reply(json_bytes({"status": "healthy", "service": SERVICE, "version": VERSION}))


@router.get("/api/v1/health/database", name="health.database")
def read_database_health(backend: BackendDep) -> Response:
    """Return the time of one round trip to the database, the pool and the schema."""
    deployed = backend.quirks.deployed_health
    checked_at = datetime.now(UTC)
    start = time.perf_counter()
    try:
        with backend.database.read() as session:
            revision = session.scalar(text("SELECT version_num FROM alembic_version"))
            figures = backend.database.pool_figures()
            pool_stats = _deployed_pool(backend.database, checked_at) if deployed else figures
    except SQLAlchemyError as error:
        raise HTTPException(503, f"Database is not available: {type(error).__name__}") from None
    response_time_ms = round((time.perf_counter() - start) * 1000, 3)
    connection = {
        "status": "connected",
        "response_time_ms": response_time_ms,
        "pool_size": 0 if deployed else figures.get("size", 0),
        "checked_at": checked_at,
    }
    schema = {"revision": revision, "tables": len(Base.metadata.tables)}
    answer = {
        "status": "healthy",
        "database": {"connection": connection, "pool_stats": pool_stats, "schema": schema},
        "timestamp": checked_at,
    }
    return reply(json_bytes(answer))


def _deployed_pool(database: Database, checked_at: datetime) -> dict[str, Any]:
    """Return the pool as deployed versions show it: their names, and a raw overflow that can be negative."""
    pool = database.engine.pool
    named = {"pool_class": type(pool).__name__, "checked_at": checked_at}
    if not isinstance(pool, QueuePool):
        return named
    return {
        **named,
        "pool_size": pool.size(),
        "connections_checked_in": pool.checkedin(),
        "connections_checked_out": pool.checkedout(),
        "overflow_connections": pool.overflow(),
        "invalid_connections": 0,
    }


@router.get("/api/v1/health/system", name="health.system")
def read_system_health(backend: BackendDep) -> Response:
    """Return memory, processor and disk of the machine, and the memory of this process."""
    return reply(system_figures(backend, psutil.cpu_percent()))


def system_figures(backend: Backend, cpu_percent: float) -> bytes:
    """Return the answer of the page, in the form of this version."""
    make = _deployed_system if backend.quirks.deployed_health else _reference_system
    return json_bytes(make(cpu_percent))


def _reference_system(cpu_percent: float) -> dict[str, Any]:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
    resident = psutil.Process().memory_info().rss
    return {
        "status": "healthy",
        "memory": {
            "percent": memory.percent,
            "total_gb": round(memory.total / _GB, 2),
            "used_gb": round(memory.used / _GB, 2),
            "process_gb": round(resident / _GB, 4),
        },
        "cpu": {"percent": cpu_percent, "cores": psutil.cpu_count()},
        "disk": {
            "percent": disk.percent,
            "total_gb": round(disk.total / _GB, 2),
            "used_gb": round(disk.used / _GB, 2),
        },
        "timestamp": datetime.now(UTC),
    }


def _deployed_system(cpu_percent: float) -> dict[str, Any]:
    memory, disk = psutil.virtual_memory(), psutil.disk_usage("/")
    return {
        "status": "healthy",
        "system": {
            "memory": {
                "total_gb": round(memory.total / _GIB, 2),
                "available_gb": round(memory.available / _GIB, 2),
                "used_gb": round(memory.used / _GIB, 2),
                "usage_percent": memory.percent,
            },
            "cpu": {
                "usage_percent": cpu_percent,
                "cores": psutil.cpu_count(logical=False),
                "cores_logical": psutil.cpu_count(),
            },
            "disk": {
                "total_gb": round(disk.total / _GIB, 2),
                "free_gb": round(disk.free / _GIB, 2),
                "used_gb": round(disk.used / _GIB, 2),
                "usage_percent": disk.percent,
            },
        },
        "environment": "staging",
        "timestamp": time.time(),
    }
