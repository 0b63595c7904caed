"""The kinds of row that a run makes: how each is deleted, found by its mark, and read back."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

_DELETED = frozenset({"inactive", "cancelled", "canceled", "deleted", "archived"})
"""Status of a row that was deleted and is kept. A run gives none of them to a row itself."""

Row = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Kind:
    """Operations are names of the catalogue, "" where the API has none.

    `read`: a single row by its id. `find`: rows with a mark, by `find_by`. `pages`: a list, page by page.
    """

    thing: str
    delete: str
    read: str
    find: str
    find_by: str
    pages: str
    marked_by: str
    """Field of a row that holds the mark."""
    statuses: tuple[str, ...] = ("status",)
    """Fields of a row that may hold its status."""
    makers_see_theirs: bool = False
    """The lists of who made a row show it."""

    @property
    def id_field(self) -> str:
        """Field of a row that holds its id."""
        return f"{self.thing}_id"

    def by_mark(self, rows: Iterable[Row]) -> dict[str, Row]:
        """Mark → row."""
        return {str(row.get(self.marked_by)): row for row in rows if row.get(self.id_field)}

    def soft_deleted_as(self, row: Row) -> str:
        """The status that says that the row was deleted; "" where it says nothing of the kind."""
        return next((status for status in self._statuses_of(row) if status.lower() in _DELETED), "")

    def status_of(self, row: Row) -> str:
        """The status of a row, "unknown" where it has none."""
        return next(self._statuses_of(row), "unknown")

    def _statuses_of(self, row: Row) -> Iterator[str]:
        return (str(row[name]) for name in self.statuses if row.get(name))


KINDS = (
    Kind(
        thing="policy",
        delete="policies.delete",
        read="policies.read_back",
        find="policies.by_number",
        find_by="policy_number",
        pages="",
        marked_by="policy_number",
    ),
    Kind(
        thing="lead",
        delete="leads.delete",
        read="",
        find="leads.search",
        find_by="search",
        pages="leads.page",
        marked_by="customer_name",
        statuses=("lead_status", "status"),
        makers_see_theirs=True,
    ),
    Kind(
        thing="ticket",
        delete="tickets.delete",
        read="tickets.read_back",
        find="",
        find_by="",
        pages="tickets.page",
        marked_by="subject",
    ),
)
