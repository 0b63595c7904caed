"""The id of a row whose creation was sent and not answered, found by its mark."""

from __future__ import annotations

from perfsuite.cleanup.actors import Actor, Actors, NotDone
from perfsuite.cleanup.journaled import Made
from perfsuite.cleanup.lists import row_marked, rows_listed
from perfsuite.target.catalogue import Row, RowKind


class Finder:
    """Finds rows of one kind."""

    def __init__(self, kind: RowKind, actors: Actors) -> None:
        self._kind = kind
        self._actors = actors
        self._listed: dict[Actor, dict[str, Row]] = {}

    def id_of(self, row: Made) -> str:
        """The id; "" when the target does not have the row. Raises NotDone when nobody can look."""
        failed = self._actors.nobody()
        for actor in reversed(self._actors.for_row(row.by)):
            try:
                found = self._found(actor, row.mark)
            except NotDone as error:
                failed = error
                continue
            if found is not None:
                return str(found[self._kind.id_field])
            if actor is self._actors.admin or self._kind.makers_see_theirs:
                return ""
            failed = NotDone(f"not found as {actor.role.title}, who may not see it")
        raise failed

    def _found(self, actor: Actor, mark: str) -> Row | None:
        if self._kind.find:
            return row_marked(self._kind, actor, mark)
        if actor not in self._listed:
            self._listed[actor] = rows_listed(self._kind, actor, "")
        return self._listed[actor].get(mark)
