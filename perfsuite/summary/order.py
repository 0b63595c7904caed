"""The fixed order of roles, behaviours and operations in everything that is listed.

Roles as the suite lists them, behaviours as their role lists them after the login, operations as in the
catalogue. What none of these knows comes last, by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from perfsuite.model import LOGIN
from perfsuite.model.role import Role
from perfsuite.target.catalogue import CATALOGUE

Place = tuple[int, str]


class Order:
    """Sort keys for roles, behaviours and operations."""

    def __init__(self, roles: Sequence[Role]) -> None:
        self._roles = _numbered(role.slug for role in roles)
        self._behaviours = {role.slug: _numbered([LOGIN, *(b.name for b in role.behaviours)]) for role in roles}
        self._operations = _numbered(CATALOGUE)

    def role(self, slug: str) -> Place:
        """Where a role stands."""
        return _place(self._roles, slug)

    def behaviour(self, role: str, name: str) -> Place:
        """Where a behaviour stands within its role."""
        return _place(self._behaviours.get(role, {}), name)

    def operation(self, name: str) -> Place:
        """Where an operation stands."""
        return _place(self._operations, name)


def _numbered(names: Iterable[str]) -> dict[str, int]:
    return {name: number for number, name in enumerate(names)}


def _place(numbers: Mapping[str, int], name: str) -> Place:
    return numbers.get(name, len(numbers)), name
