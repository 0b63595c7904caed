"""Policies with their coverage and premiums."""

import uuid
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, HTTPException, Query, Response
from sqlalchemy import ColumnElement, Delete, Update, delete, exists, insert, or_, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.orm import Session

from mitra_backend import permissions, schemas
from mitra_backend.deps import BackendDep, allow, json_bytes, not_found, reply
from mitra_backend.filters import PolicyFilter
from mitra_backend.inputs import PathId
from mitra_backend.models import Agent, Coverage, Policy, Policyholder, Premium, Provider
from mitra_backend.rows import (
    cache_owner,
    check_agent,
    one_more_query_per_row,
    owner_condition,
    policy_changed,
    policy_row,
    policy_select,
    same,
    scope_of,
    topics_of,
)
from mitra_backend.security import Caller
from mitra_backend.state import Backend

router = APIRouter(prefix="/api/v1/policies", tags=["policies"])
_OWNER_FILTERS = frozenset({"policyholder_id", "agent_id"})
_PREMIUM_COLUMNS = (
    Premium.id,
    Premium.amount,
    Premium.payment_date,
    Premium.due_date,
    Premium.status,
    Premium.transaction_id,
    Premium.payment_method,
    Premium.payment_gateway,
)


@router.get("/", name="policies.list", response_model=list[schemas.PolicyOut])
def list_policies(
    backend: BackendDep,
    caller: Annotated[Caller, Depends(allow("policies.list"))],
    wanted: Annotated[PolicyFilter, Query()],
) -> Response:
    """List the policies that the caller may see, newest application first."""

    def make() -> bytes:
        query = policy_select().where(*_conditions(backend, caller, wanted))
        query = query.order_by(Policy.application_date.desc(), Policy.policy_id.desc())
        query = query.limit(wanted.limit).offset(backend.offset("policies.list", wanted.offset))
        with backend.database.read() as session:
            rows = [policy_row(row) for row in session.execute(query)]
            ids = [row["policy_id"] for row in rows]
            one_more_query_per_row(backend, "policies.list", session, Policy.policy_id, ids)
        return json_bytes(rows)

    owner = cache_owner(backend, "policies.list", caller, scope_of(caller))
    key = f"{owner}|{wanted.model_dump_json(exclude_none=True)}"
    return reply(backend.answer("policies.list", key, topics_of("policies", owner), make))


def _conditions(backend: Backend, caller: Caller, wanted: PolicyFilter) -> list[ColumnElement[bool]]:
    wrong = backend.wrong_rows("policies.list")
    conditions = [
        same(getattr(Policy, name), value, wrong and name in _OWNER_FILTERS)
        for name, value in wanted.model_dump(exclude={"limit", "offset"}, exclude_none=True).items()
    ]
    owned = owner_condition(caller, wrong) if backend.checks_owner("policies.list") else None
    if owned is not None and "policies.list" in backend.quirks.empty_lists:
        # As deployed: the account's id is looked for among those of policyholders and agents.
        owned = or_(Policy.policyholder_id == caller.user_id, Policy.agent_id == caller.user_id)
    return conditions if owned is None else [owned, *conditions]


@router.get("/{policy_id}", name="policies.read", response_model=schemas.PolicyOut)
def read_policy(
    policy_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("policies.read"))]
) -> Response:
    """Return one policy."""
    with backend.database.read() as session:
        row = session.execute(policy_select().where(Policy.policy_id == policy_id)).first()
        _check_visible(backend, "policies.read", caller, row)
        if backend.wrong_rows("policies.read"):
            shown_id = _visible(backend, "policies.read", session, caller, policy_id)
            row = session.execute(policy_select().where(Policy.policy_id == shown_id)).first()
    return reply(json_bytes(policy_row(row)))


@router.get("/{policy_id}/coverage", name="policies.coverage", response_model=schemas.Coverages)
def read_coverage(
    policy_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("policies.coverage"))]
) -> Response:
    """Return what the policy covers."""
    query = select(Coverage.coverage_type, Coverage.amount).order_by(Coverage.coverage_type)
    with backend.database.read() as session:
        shown_id = _visible(backend, "policies.coverage", session, caller, policy_id)
        rows = session.execute(query.where(Coverage.policy_id == shown_id)).all()
    return reply(json_bytes({"coverage": [row._asdict() for row in rows]}))


@router.get("/{policy_id}/premiums", name="policies.premiums", response_model=schemas.Premiums)
def read_premiums(
    policy_id: PathId, backend: BackendDep, caller: Annotated[Caller, Depends(allow("policies.premiums"))]
) -> Response:
    """Return the payments of the policy, by due date."""
    query = select(*_PREMIUM_COLUMNS).order_by(Premium.due_date, Premium.id)
    with backend.database.read() as session:
        shown_id = _visible(backend, "policies.premiums", session, caller, policy_id)
        rows = session.execute(query.where(Premium.policy_id == shown_id)).all()
    return reply(json_bytes({"premiums": [row._asdict() for row in rows]}))


def _check_visible(backend: Backend, route: str, caller: Caller, row: Any) -> Any:
    """Return the row; 404 when there is none, 403 when it is somebody else's."""
    if row is None:
        raise not_found("Policy")
    if not backend.checks_owner(route):
        return row
    if caller.role == permissions.POLICYHOLDER and row.policyholder_id != caller.policyholder_id:
        raise HTTPException(403, "Not your own policy")
    if caller.role in permissions.AGENT_ROLES and row.agent_id != caller.agent_id:
        raise HTTPException(403, "Not your own policy")
    return row


def _visible(backend: Backend, route: str, session: Session, caller: Caller, policy_id: str) -> str:
    """Return the id of the policy to show; 404 when there is none, 403 when it is somebody else's."""
    owner = select(Policy.policyholder_id, Policy.agent_id).where(Policy.policy_id == policy_id)
    row = _check_visible(backend, route, caller, session.execute(owner).first())
    if not backend.wrong_rows(route):
        return policy_id
    other = select(Policy.policy_id).where(Policy.policyholder_id != row.policyholder_id).limit(1)
    return session.scalar(other) or policy_id


@router.post("/", name="policies.create", status_code=201, response_model=schemas.PolicyOut)
def create_policy(
    policy: schemas.PolicyCreate,
    backend: BackendDep,
    caller: Annotated[Caller, Depends(allow("policies.create"))],
) -> Response:
    """Create a pending policy; an agent sells under their own agent_id only."""
    check_agent(backend, "policies.create", caller, policy.agent_id)
    policy_id, now = str(uuid.uuid4()), datetime.now(UTC)
    values = policy.model_dump(exclude={"coverage_details"})
    values |= {
        "policy_id": policy_id,
        "status": "pending",
        "payment_status": "pending",
        "total_payments": 0,
        "outstanding_amount": 0.0,
        "created_at": now,
        "updated_at": now,
    }
    races = backend.has("number_race")
    if races:
        with backend.database.read() as session:
            _check_references(session, policy)
        backend.between()
    try:
        with backend.database.write() as session:
            if not races:
                _check_references(session, policy)
            session.execute(insert(Policy).values(**values))
            if rows := _coverage_rows(policy, policy_id):
                session.execute(insert(Coverage), rows)
            created = session.execute(policy_select().where(Policy.policy_id == policy_id)).one()
    except IntegrityError:
        raise HTTPException(409, f"Policy number {policy.policy_number} exists already") from None
    backend.policies.add()
    backend.changed("policies.create", policy_changed(policy.policyholder_id, policy.agent_id))
    return reply(json_bytes(policy_row(created)), 201)


def _check_references(session: Session, policy: schemas.PolicyCreate) -> None:
    for what, column, value in (
        ("Policyholder", Policyholder.policyholder_id, policy.policyholder_id),
        ("Agent", Agent.agent_id, policy.agent_id),
        ("Provider", Provider.provider_id, policy.provider_id),
    ):
        if not session.scalar(select(exists().where(column == value))):
            raise not_found(what)
    if session.scalar(select(exists().where(Policy.policy_number == policy.policy_number))):
        raise HTTPException(409, f"Policy number {policy.policy_number} exists already")


def _coverage_rows(policy: schemas.PolicyCreate, policy_id: str) -> list[dict[str, Any]]:
    """Return the coverage asked for; where none is given, the sum assured as one risk."""
    basic = schemas.CoverageIn(coverage_type="basic", amount=policy.sum_assured)
    risks = [basic] if policy.coverage_details is None else policy.coverage_details
    return [{**risk.model_dump(), "policy_id": policy_id, "coverage_id": str(uuid.uuid4())} for risk in risks]


@router.post("/{policy_id}/approve", name="policies.approve", response_model=schemas.PolicyOut)
def approve_policy(
    policy_id: PathId, backend: BackendDep, _caller: Annotated[Caller, Depends(allow("policies.approve"))]
) -> Response:
    """Set a policy active from today; approving twice changes nothing more."""
    now = datetime.now(UTC)
    statement = (
        update(Policy)
        .where(Policy.policy_id == policy_id, Policy.status != "active")
        .values(status="active", approval_date=now.date(), updated_at=now)
    )
    with backend.database.write() as session:
        session.execute(statement)
        row = session.execute(policy_select().where(Policy.policy_id == policy_id)).first()
    if row is None:
        raise not_found("Policy")
    backend.changed("policies.approve", policy_changed(row.policyholder_id, row.agent_id))
    return reply(json_bytes(policy_row(row)))


@router.delete("/{policy_id}", name="policies.delete", response_model=schemas.Done)
def delete_policy(
    policy_id: PathId, backend: BackendDep, _caller: Annotated[Caller, Depends(allow("policies.delete"))]
) -> Response:
    """Remove a policy; its coverage and premiums go with it. As deployed, it is only cancelled."""
    chosen = Policy.policy_id == policy_id
    statement: Delete | Update = delete(Policy).where(chosen)
    if backend.quirks.soft_deletes:
        statement = update(Policy).where(chosen).values(status="cancelled", updated_at=datetime.now(UTC))
    with backend.database.write() as session:
        row = session.execute(statement.returning(Policy.policyholder_id, Policy.agent_id)).first()
    if row is None:
        raise not_found("Policy")
    backend.changed("policies.delete", policy_changed(row.policyholder_id, row.agent_id))
    return reply(json_bytes({"success": True, "message": "Policy deleted"}))
