"""Whether a list that belongs to one row, such as the payments of a policy, is empty for other rows too."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from perfsuite.model.role import Call
from perfsuite.target.catalogue import CATALOGUE, CREATIONS
from perfsuite.target.journal import is_mark
from perfsuite.target.session import Session

ROWS = 3
"""So many rows that have nothing are no chance any more."""
_KIND = re.compile(r"\{(\w+)_id\}")


def ask_about_other_rows(session: Session) -> None:
    """Ask each list that was empty about other rows that the session knows, until an answer has rows.

    Rows that a run of the suite has made do not count: nothing belongs to them yet. Where no others are known, the list
    is not called empty.
    """
    for name in tuple(session.missing.empty_answers):
        operation = CATALOGUE[name]
        kinds = [kind for kind in _KIND.findall(operation.template) if session.known.get(kind)]
        for kind in kinds:
            field = f"{kind}_id"
            there = [row for row in session.known[kind] if row.get(field) and not _made_by_a_run(kind, row)]
            if not there:
                session.missing.not_known_empty(operation)
            for row in session.random.sample(there, min(ROWS, len(there))):
                if name in session.missing.empty_answers:
                    session.call(operation, Call(path={field: str(row[field])}))


def _made_by_a_run(kind: str, row: Mapping[str, Any]) -> bool:
    creation = CREATIONS.get(kind)
    return creation is not None and is_mark(str(row.get(creation.marked_by) or ""))
