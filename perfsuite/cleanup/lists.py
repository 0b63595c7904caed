"""Rows of the run in the target's lists: by their marks one by one, or page by page."""

from __future__ import annotations

from perfsuite.cleanup.actors import Actor, NotDone
from perfsuite.target.catalogue import CATALOGUE, Row, RowKind

MAX_PAGES = 50


def row_marked(kind: RowKind, actor: Actor, mark: str) -> Row | None:
    """The row with that mark; None when the target has none. Raises NotDone when it did not look for the mark."""
    rows = actor.rows(kind.find, **{kind.find_by: mark})
    found = kind.by_mark(rows).get(mark)
    if rows and found is None:
        raise NotDone("the target's search does not look for names, so nobody knows whether the row is there")
    return found


def rows_listed(kind: RowKind, actor: Actor, common: str) -> dict[str, Row]:
    """Mark → row, of all pages. `common`: the beginning of all marks, where the list can be searched.

    A page may be shorter than was asked for. Raises NotDone when there are too many pages.
    """
    found: dict[str, Row] = {}
    seen: set[str] = set()
    offset = 0
    for _page in range(MAX_PAGES):
        rows = actor.rows(kind.pages, **_asked(kind.pages, {"offset": str(offset), "search": common}))
        new = {str(row.get(kind.id_field)) for row in rows} - seen
        if not new:  # the end, or a target that answers the same page each time
            return found
        seen |= new
        found |= kind.by_mark(rows)
        offset += len(rows)
    raise NotDone(f"not looked for: the target holds more than {offset} {kind.thing}s")


def _asked(operation: str, values: dict[str, str]) -> dict[str, str]:
    path = CATALOGUE[operation].path
    return {name: value for name, value in values.items() if f"{{{name}}}" in path}
