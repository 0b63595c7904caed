"""Why a step was not possible: what it needs, and what the target answered when asked for it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from perfsuite.model.role import Role, Step
from perfsuite.target.catalogue import CATALOGUE, PREFIX, Operation
from perfsuite.target.exchange import Failure
from perfsuite.target.run_state import RunState

_NAMED = re.compile(r"\{(\w+)\}")
_FIELDS = {"own agent": "agent_id", "flag": "flag_name"}
"""Kind of row → the field that steps need of it; "<kind>_id" for the others."""
_VOWELS = tuple("aeio")


class MissingData:
    """What one session asked for without success."""

    def __init__(self, role: Role, run: RunState) -> None:
        self._role = role
        self._run = run
        self._answered: dict[str, str] = {}
        """Kind of row → the last answer of its list, where it had no row."""
        self._missed: list[tuple[str, tuple[str, ...]]] = []
        """Of the current step: the field that it needs, and the kinds of row that were searched for it."""
        self._gave_rows: set[str] = set()
        self.empty_answers: dict[str, str] = {}
        """List that never had a row → what it answered."""
        self.not_made: dict[str, str] = {}
        """Operation → why it was not possible the last time."""

    def begin(self) -> None:
        """The next step begins."""
        self._missed.clear()

    def missed(self, kinds: Sequence[str], field: str = "") -> None:
        """No row of these kinds is known, or none has that field."""
        self._missed.append((field or _FIELDS.get(kinds[0], f"{kinds[0]}_id"), tuple(kinds)))

    def answered(self, operation: Operation, body: Any, rows: Sequence[Any]) -> None:
        """An operation that yields rows of a kind has answered."""
        if rows:
            self.gave_rows(operation)
            return
        text = f"{_route(operation, self._run)} answered {'[]' if isinstance(body, list) else 'no rows'}"
        if operation.name not in self._gave_rows:
            self.empty_answers[operation.name] = text
        self._answered[operation.yields] = text

    def not_known_empty(self, operation: Operation) -> None:
        """Its answers without rows say nothing of others."""
        self.empty_answers.pop(operation.name, None)

    def gave_rows(self, operation: Operation) -> None:
        """Its answer had rows."""
        self._gave_rows.add(operation.name)
        self.empty_answers.pop(operation.name, None)
        self._answered.pop(operation.yields, None)

    def failed(self, operation: Operation, failure: Failure) -> None:
        """It has failed."""
        if operation.yields:
            what = failure.message.partition(":")[0]
            self._answered[operation.yields] = f"{_route(operation, self._run)} failed ({what})"

    def why(self, step: Step) -> str:
        """ "needs a policy_id; GET /policies/ answered []". Kept in `not_made`."""
        self.not_made[step.operation] = self._why(step)
        return self.not_made[step.operation]

    def _why(self, step: Step) -> str:
        operation = CATALOGUE[step.operation]
        if step.of_run:
            ids = " and ".join(map(_with_article, _NAMED.findall(operation.path)))
            return f"needs {ids or 'a row'} of what the same process has made, and none of that is left"
        missed = dict.fromkeys(field for field, _kinds in self._missed)
        names = _NAMED.findall(operation.path) or list(missed)
        if not names:
            return "needs something that the target's answers did not give"
        kinds = dict.fromkeys(kind for _field, kinds in self._missed for kind in kinds)
        outcomes = dict.fromkeys(filter(None, map(self._outcome, kinds)))
        needs = f"needs {' and '.join(map(_with_article, names))}"
        return f"{needs}; {', '.join(outcomes)}" if outcomes else needs

    def _outcome(self, kind: str) -> str:
        """What the request for rows of the kind returned; "" where there was none."""
        if kind in self._answered:
            return self._answered[kind]
        source = self._role.sources.get(kind)
        if source and self._run.leaves_out(self._role.slug, source.operation):
            return f"{_route(CATALOGUE[source.operation], self._run)} is left out"
        return ""


def _route(operation: Operation, run: RunState) -> str:
    return f"{operation.method} {run.path_of(operation).split('?')[0].removeprefix(PREFIX)}"


def _with_article(name: str) -> str:
    return f"{'an' if name.startswith(_VOWELS) else 'a'} {name}"
