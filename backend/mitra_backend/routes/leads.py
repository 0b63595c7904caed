"""Leads of agents."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from sqlalchemy import ColumnElement, Delete, Select, Update, delete, insert, or_, select, update

from mitra_backend import permissions, schemas
from mitra_backend.deps import BackendDep, allow, json_bytes, not_found, reply
from mitra_backend.filters import LeadFilter
from mitra_backend.inputs import PathId
from mitra_backend.models import Agent, Lead, User
from mitra_backend.rows import cache_owner, count, one_more_query_per_row, page, same, scope_of, topics_of
from mitra_backend.security import Caller
from mitra_backend.state import Backend

router = APIRouter(prefix="/api/v1/leads", tags=["leads"])
_COLUMNS = tuple(column for column in Lead.__table__.columns if column.key != "notes")


@router.get("/", name="leads.list", response_model=schemas.Envelope[schemas.LeadPage])
def list_leads(
    backend: BackendDep,
    caller: Annotated[Caller, Depends(allow("leads.list"))],
    wanted: Annotated[LeadFilter, Query()],
) -> Response:
    """List leads, newest first; agents see their own. `search` looks in names and numbers."""

    def make() -> bytes:
        conditions = _conditions(backend, caller, wanted)
        query = _select().where(*conditions).order_by(Lead.created_at.desc(), Lead.lead_id.desc())
        query = query.limit(wanted.limit).offset(backend.offset("leads.list", wanted.offset))
        with backend.database.read() as session:
            total = count(session, Lead.lead_id, *conditions)
            rows = [row._asdict() for row in session.execute(query)]
            ids = [row["lead_id"] for row in rows]
            one_more_query_per_row(backend, "leads.list", session, Lead.lead_id, ids)
        return json_bytes(page("leads", rows, total, wanted.limit, wanted.offset))

    owner = cache_owner(backend, "leads.list", caller, scope_of(caller))
    key = f"{owner}|{wanted.model_dump_json(exclude_none=True)}"
    return reply(backend.answer("leads.list", key, topics_of("leads", owner), make))


def _select() -> Select[Any]:
    return (
        select(*_COLUMNS, User.display_name.label("agent_name"))
        .outerjoin(Agent, Agent.agent_id == Lead.agent_id)
        .outerjoin(User, User.user_id == Agent.user_id)
    )


def _conditions(backend: Backend, caller: Caller, wanted: LeadFilter) -> list[ColumnElement[bool]]:
    wrong = backend.wrong_rows("leads.list")
    conditions: list[ColumnElement[bool]] = []
    if caller.role in permissions.AGENT_ROLES and backend.checks_owner("leads.list"):
        conditions.append(same(Lead.agent_id, caller.agent_id, wrong))
    filters = (
        (Lead.agent_id, wanted.agent_id, wrong),
        (Lead.lead_status, wanted.status, False),
        (Lead.priority, wanted.priority, False),
        (Lead.lead_source, wanted.lead_source, False),
        (Lead.insurance_type, wanted.insurance_type, False),
    )
    conditions += [same(column, value, other) for column, value, other in filters if value is not None]
    if wanted.search:
        columns = (Lead.customer_name, Lead.contact_number)
        conditions.append(or_(*(column.icontains(wanted.search, autoescape=True) for column in columns)))
    return conditions


@router.post("/", name="leads.create", status_code=201, response_model=schemas.LeadOut)
def create_lead(
    lead: schemas.LeadCreate, backend: BackendDep, caller: Annotated[Caller, Depends(allow("leads.create"))]
) -> Response:
    """Create a lead of the calling agent."""
    values = {
        **lead.model_dump(),
        "agent_id": caller.agent_id,
        "lead_status": "new",
        "created_at": datetime.now(UTC),
    }
    with backend.database.write() as session:
        for _copy in range(backend.copies("leads.create")):
            lead_id = str(uuid.uuid4())
            session.execute(insert(Lead).values(**values, lead_id=lead_id))
        created = session.execute(_select().where(Lead.lead_id == lead_id)).one()
    backend.changed("leads.create", _topics(str(caller.agent_id)))
    return reply(json_bytes(created._asdict()), 201)


@router.delete("/{lead_id}", name="leads.delete", response_model=schemas.Done)
def delete_lead(
    lead_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("leads.delete"))]
) -> Response:
    """Remove a lead: any for the Super Admin, their own for agents. As deployed, only the creator may,
    and the lead becomes inactive."""
    chosen = Lead.lead_id == lead_id
    statement: Delete | Update = delete(Lead).where(chosen)
    if backend.quirks.soft_deletes:
        statement = update(Lead).where(chosen).values(lead_status="inactive")
    with backend.database.write() as session:
        agent_id = session.scalar(select(Lead.agent_id).where(Lead.lead_id == lead_id))
        if agent_id is None:
            raise not_found("Lead")
        if backend.quirks.creator_deletes and agent_id != caller.agent_id:
            raise HTTPException(403, "You can only delete your own leads")
        owned = caller.role in permissions.AGENT_ROLES and backend.checks_owner("leads.delete")
        if owned and agent_id != caller.agent_id:
            raise HTTPException(403, "Not your own lead")
        session.execute(statement)
    backend.changed("leads.delete", _topics(agent_id))
    return reply(json_bytes({"success": True, "message": "Lead deleted"}))


def _topics(agent_id: str) -> tuple[str, ...]:
    return ("leads", f"leads:agent:{agent_id}")
