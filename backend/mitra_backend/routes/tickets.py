"""Support tickets."""

import uuid
from datetime import UTC, datetime
from typing import Annotated

from fastapi import APIRouter, Depends, Query, Response
from sqlalchemy import ColumnElement, delete, exists, insert, select, update

from mitra_backend import schemas
from mitra_backend.deps import BackendDep, allow, json_bytes, not_found, reply
from mitra_backend.filters import TicketFilter
from mitra_backend.inputs import PathId
from mitra_backend.models import Policy, Policyholder, Ticket
from mitra_backend.rows import count, one_more_query_per_row, page, same
from mitra_backend.security import Caller

router = APIRouter(prefix="/api/v1/support/tickets", tags=["support"])
_COLUMNS = tuple(Ticket.__table__.columns)


@router.get("/", name="tickets.list", response_model=schemas.Envelope[schemas.TicketPage])
def list_tickets(
    backend: BackendDep,
    _caller: Annotated[Caller, Depends(allow("tickets.list"))],
    wanted: Annotated[TicketFilter, Query()],
) -> Response:
    """List tickets, newest first; `search` looks in the subject."""

    def make() -> bytes:
        conditions: list[ColumnElement[bool]] = []
        if wanted.status is not None:
            conditions.append(Ticket.status == wanted.status)
        if wanted.priority is not None:
            conditions.append(Ticket.priority == wanted.priority)
        if wanted.search:
            conditions.append(Ticket.subject.icontains(wanted.search, autoescape=True))
        query = select(*_COLUMNS).where(*conditions)
        query = query.order_by(Ticket.created_at.desc(), Ticket.ticket_id.desc())
        query = query.limit(wanted.limit).offset(backend.offset("tickets.list", wanted.offset))
        with backend.database.read() as session:
            total = count(session, Ticket.ticket_id, *conditions)
            rows = [row._asdict() for row in session.execute(query)]
            ids = [row["ticket_id"] for row in rows]
            one_more_query_per_row(backend, "tickets.list", session, Ticket.ticket_id, ids)
        return json_bytes(page("tickets", rows, total, wanted.limit, wanted.offset))

    key = f"all|{wanted.model_dump_json(exclude_none=True)}"
    return reply(backend.answer("tickets.list", key, ("tickets",), make))


@router.get("/{ticket_id}", name="tickets.read", response_model=schemas.TicketOut)
def read_ticket(
    ticket_id: PathId, backend: BackendDep, _caller: Annotated[Caller, Depends(allow("tickets.read"))]
) -> Response:
    """Return one ticket."""
    wrong = backend.wrong_rows("tickets.read")
    query = select(*_COLUMNS).where(same(Ticket.ticket_id, ticket_id, wrong)).limit(1)
    with backend.database.read() as session:
        row = session.execute(query).first()
    if row is None:
        raise not_found("Ticket")
    return reply(json_bytes(row._asdict()))


@router.post("/", name="tickets.create", status_code=201, response_model=schemas.TicketOut)
def create_ticket(
    ticket: schemas.TicketCreate,
    backend: BackendDep,
    caller: Annotated[Caller, Depends(allow("tickets.create"))],
) -> Response:
    """Open a ticket for a customer; it is assigned to the caller."""
    now = datetime.now(UTC)
    values = {
        **ticket.model_dump(),
        "status": "open",
        "assigned_to": caller.user_id,
        "created_at": now,
        "updated_at": now,
    }
    with backend.database.write() as session:
        if not session.scalar(select(exists().where(Policyholder.policyholder_id == ticket.customer_id))):
            raise not_found("Customer")
        if ticket.policy_id is not None and not session.scalar(
            select(exists().where(Policy.policy_id == ticket.policy_id))
        ):
            raise not_found("Policy")
        for _copy in range(backend.copies("tickets.create")):
            statement = insert(Ticket).values(**values, ticket_id=str(uuid.uuid4()))
            created = session.execute(statement.returning(*_COLUMNS)).one()
    backend.changed("tickets.create", ("tickets",))
    return reply(json_bytes(created._asdict()), 201)


@router.put("/{ticket_id}/status", name="tickets.status", response_model=schemas.TicketOut)
def move_ticket(
    ticket_id: PathId,
    move: schemas.TicketMove,
    backend: BackendDep,
    _caller: Annotated[Caller, Depends(allow("tickets.status"))],
) -> Response:
    """Set the status of a ticket and return it."""
    statement = (
        update(Ticket)
        .where(Ticket.ticket_id == ticket_id)
        .values(status=move.status, updated_at=datetime.now(UTC))
        .returning(*_COLUMNS)
    )
    with backend.database.write() as session:
        row = session.execute(statement).first()
    if row is None:
        raise not_found("Ticket")
    backend.changed("tickets.status", ("tickets",))
    return reply(json_bytes(row._asdict()))


@router.delete("/{ticket_id}", name="tickets.delete", response_model=schemas.Done)
def delete_ticket(
    ticket_id: PathId, backend: BackendDep, _caller: Annotated[Caller, Depends(allow("tickets.delete"))]
) -> Response:
    """Remove a ticket."""
    statement = delete(Ticket).where(Ticket.ticket_id == ticket_id).returning(Ticket.ticket_id)
    with backend.database.write() as session:
        row = session.execute(statement).first()
    if row is None:
        raise not_found("Ticket")
    backend.changed("tickets.delete", ("tickets",))
    return reply(json_bytes({"success": True, "message": "Ticket deleted"}))
