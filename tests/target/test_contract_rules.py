"""The rules of the contract are those that the reference backend keeps."""

from __future__ import annotations

from mitra_backend import permissions
from mitra_backend.cache import KEPT_S
from mitra_backend.main import ROUTERS
from mitra_backend.routes import deployed

from perfsuite.roles import ROLES
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.contract_rules import (
    AGEING_FIELDS,
    MAX_AGE_S,
    OWN_ROWS_ONLY,
    OWNER_FIELDS,
    PUBLIC,
    ROLES_BY_OPERATION,
    refused_roles,
)
from tests.backend.support import OTHERS_ROWS

ROUTES = [route for router in (*ROUTERS, deployed.router) for route in router.routes]
ONE_PERMISSION = {"users.preferences_page": "users.preferences"}
"""Route of deployed versions → the permission that it asks for."""


def permission_of(operation: str) -> str:
    """The permission that the backend asks for an operation of the suite, by its method and path."""
    wanted = CATALOGUE[operation]
    found = [
        route.name  # type: ignore[attr-defined]
        for route in ROUTES
        if route.path == wanted.template and wanted.method in route.methods  # type: ignore[attr-defined]
    ]
    assert len(found) == 1, operation
    return ONE_PERMISSION.get(found[0], found[0])


def test_every_operation_has_its_roles() -> None:
    assert CATALOGUE.keys() == PUBLIC | ROLES_BY_OPERATION.keys()
    assert {permission_of(name) for name in PUBLIC} <= permissions.PUBLIC_ROUTES


def test_the_roles_are_those_that_the_backend_lets_in() -> None:
    expected = {name: permissions.ROLES_BY_PERMISSION[permission_of(name)] for name in ROLES_BY_OPERATION}

    assert expected == ROLES_BY_OPERATION
    assert refused_roles("flags.update") == frozenset(permissions.ROLES) - {"super_admin"}
    assert refused_roles("login") == frozenset()


def test_the_suites_roles_call_only_what_they_may() -> None:
    for role in ROLES:
        assert [name for name in role.steps_by_operation if role.slug in refused_roles(name)] == []


def test_rows_of_others_are_refused_where_the_backend_refuses_them() -> None:
    expected = {
        name: frozenset(OTHERS_ROWS[permission])
        for name in ROLES_BY_OPERATION
        if (permission := permission_of(name)) in OTHERS_ROWS
    }

    assert expected == OWN_ROWS_ONLY


def test_every_list_with_an_owner_says_which() -> None:
    lists = {name for name in ROLES_BY_OPERATION if permission_of(name) in ("policies.list", "leads.list")}
    roles = {name: {"senior_agent", "junior_agent", "policyholder"} & ROLES_BY_OPERATION[name] for name in lists}

    assert set(OWNER_FIELDS) == {(name, role) for name, of_list in roles.items() for role in of_list}


def test_answers_age_no_longer_than_they_are_kept() -> None:
    assert MAX_AGE_S == KEPT_S
    assert AGEING_FIELDS.keys() <= CATALOGUE.keys()
