"""Queries that several routes share, and rows as the contract shows them."""

from typing import Any

from fastapi import HTTPException
from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.orm import InstrumentedAttribute, Session, aliased

from mitra_backend import models, permissions
from mitra_backend.security import Caller
from mitra_backend.state import Backend

Column = InstrumentedAttribute[Any]

USER_COLUMNS = tuple(
    getattr(models.User, name)
    for name in (
        "user_id",
        "email",
        "phone_number",
        "first_name",
        "last_name",
        "display_name",
        "role",
        "status",
        "phone_verified",
        "email_verified",
        "language_preference",
        "timezone",
        "theme_preference",
        "last_login_at",
        "created_at",
        "updated_at",
    )
)
_POLICY_FIELDS = tuple(column.key for column in models.Policy.__table__.columns if column.key != "nominee_details")
_HOLDER = aliased(models.User, name="holder")
_AROUND_POLICY = (
    _HOLDER.user_id.label("holder_user_id"),
    _HOLDER.display_name.label("holder_name"),
    _HOLDER.phone_number.label("holder_phone"),
    models.Agent.agent_code,
    models.Agent.business_name,
    models.Provider.name.label("provider_name"),
)


def same(column: Column, value: object, wrong: bool = False) -> ColumnElement[bool]:
    """Return the condition for the rows asked for; with the fault `wrong_rows`, for all others."""
    return column != value if wrong else column == value


def policy_select() -> Select[Any]:
    """Return the query of policies with the people around them, in one statement.

    Outer joins although none can be empty: they keep the planner walking the policies in index order.
    """
    return (
        select(*(getattr(models.Policy, name) for name in _POLICY_FIELDS), *_AROUND_POLICY)
        .outerjoin(models.Policyholder, models.Policyholder.policyholder_id == models.Policy.policyholder_id)
        .outerjoin(_HOLDER, _HOLDER.user_id == models.Policyholder.user_id)
        .outerjoin(models.Agent, models.Agent.agent_id == models.Policy.agent_id)
        .outerjoin(models.Provider, models.Provider.provider_id == models.Policy.provider_id)
    )


def policy_row(row: Any) -> dict[str, Any]:
    """Return one row of `policy_select` as the contract shows a policy."""
    policy: dict[str, Any] = row._asdict()
    policy["policyholder_info"] = {
        "policyholder_id": policy["policyholder_id"],
        "user_id": policy.pop("holder_user_id"),
        "full_name": policy.pop("holder_name"),
        "phone_number": policy.pop("holder_phone"),
    }
    policy["agent_info"] = {
        "agent_id": policy["agent_id"],
        "agent_code": policy.pop("agent_code"),
        "business_name": policy.pop("business_name"),
    }
    policy["provider_info"] = {
        "provider_id": policy["provider_id"],
        "name": policy.pop("provider_name"),
    }
    return policy


def cache_owner(backend: Backend, route: str, caller: Caller, owner: str) -> str:
    """Return whose rows an answer holds, as the first part of its cache key."""
    if backend.has("cache_without_user", route):
        return caller.role
    # The defect distinguishes policyholders, and takes all others for administrators.
    if backend.has("cache_without_role", route) and caller.role != permissions.POLICYHOLDER:
        return "all"
    return owner


def owner_condition(caller: Caller, wrong: bool = False) -> ColumnElement[bool] | None:
    """Return which policies the caller may see, None for all."""
    if caller.role == permissions.POLICYHOLDER:
        return same(models.Policy.policyholder_id, caller.policyholder_id, wrong)
    if caller.role in permissions.AGENT_ROLES:
        return same(models.Policy.agent_id, caller.agent_id, wrong)
    return None


def scope_of(caller: Caller) -> str:
    """Return whose rows the caller sees."""
    if caller.role == permissions.POLICYHOLDER:
        return f"holder:{caller.policyholder_id}"
    if caller.role in permissions.AGENT_ROLES:
        return f"agent:{caller.agent_id}"
    return "all"


def topics_of(what: str, owner: str) -> tuple[str, ...]:
    """Return what the policies or leads of an owner depend on; `owner` as `cache_owner` gave it."""
    return (f"{what}:{owner}" if ":" in owner else what, "people")


def policy_changed(policyholder_id: str, agent_id: str) -> tuple[str, ...]:
    """Return the topics of a policy that was written."""
    return ("policies", f"policies:holder:{policyholder_id}", f"policies:agent:{agent_id}")


def check_agent(backend: Backend, route: str, caller: Caller, agent_id: str) -> None:
    """Raise 403 when an agent asks for another agent's rows."""
    if not backend.checks_owner(route):
        return
    if caller.role in permissions.AGENT_ROLES and caller.agent_id != agent_id:
        raise HTTPException(403, "Not your own agent account")


def count(session: Session, column: Column, *conditions: ColumnElement[bool]) -> int:
    """Return how many rows fulfil the conditions."""
    return session.scalar(select(func.count(column)).where(*conditions)) or 0


def page(name: str, rows: list[dict[str, Any]], total: int, limit: int, offset: int) -> dict[str, Any]:
    """Return the envelope of a list."""
    return {"success": True, "data": {name: rows, "total": total, "limit": limit, "offset": offset}}


def one_more_query_per_row(backend: Backend, route: str, session: Session, key: Column, ids: list[str]) -> None:
    """With the fault `n_plus_one`, read every row of the page once more, one by one."""
    if backend.board.active("n_plus_one", route):
        for one in ids:
            session.execute(select(key.class_.__table__).where(key == one)).all()
