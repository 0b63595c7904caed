"""What /openapi.json says beyond the signatures of the routes: the login, and every error that can come."""

from collections.abc import Iterable
from typing import Any

from starlette.routing import BaseRoute, Route

from mitra_backend import schemas
from mitra_backend.permissions import PUBLIC_ROUTES, ROLES, ROLES_BY_PERMISSION

_SCHEME = "bearer"
_ALWAYS_OPEN = frozenset({"health.root", "health.system", "auth.logout"})
_REFERRING = frozenset({"policies.create", "tickets.create"})
_ROWS_OF_EVERYBODY = frozenset({"users.me", "policies.list", "auth.logout"})
_TEXTS = {
    400: "The body is not JSON",
    401: "No token, or not a good one",
    403: "Not allowed to the role, or somebody else's",
    404: "There is no such row",
    409: "There is such a row already",
    413: "The body is too large",
    503: "The database is busy or away",
}


def add_errors(document: dict[str, Any], routes: Iterable[BaseRoute]) -> None:
    """Put the login and the errors of each route into the document."""
    components = document.setdefault("components", {})
    components.setdefault("schemas", {})["Error"] = schemas.Error.model_json_schema()
    components["securitySchemes"] = {_SCHEME: {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}}
    for route in routes:
        if not isinstance(route, Route) or route.path not in document["paths"]:
            continue
        for method in route.methods or ():
            operation = document["paths"][route.path].get(method.lower())
            if operation is not None:
                _add_to(operation, route.name, has_id="{" in route.path)


def _add_to(operation: dict[str, Any], name: str, *, has_id: bool) -> None:
    if name not in PUBLIC_ROUTES:
        operation["security"] = [{_SCHEME: []}]
    for status in _statuses(name, has_id=has_id, has_body="requestBody" in operation):
        operation["responses"][str(status)] = {
            "description": _TEXTS[status],
            "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Error"}}},
        }


def _statuses(name: str, *, has_id: bool, has_body: bool) -> list[int]:
    protected = name not in PUBLIC_ROUTES
    # A row of somebody else is refused to roles that may use the route.
    refused = ROLES_BY_PERMISSION.get(name) != frozenset(ROLES) or name not in _ROWS_OF_EVERYBODY
    statuses = {
        400: has_body,
        401: protected or name == "auth.login",
        403: protected and refused,
        404: has_id or name in _REFERRING,
        409: name == "policies.create",
        413: has_body,
        503: name not in _ALWAYS_OPEN,
    }
    return [status for status, possible in statuses.items() if possible]
