"""How a role asks for an operation: what stays the same from one of its requests to the next."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Protocol
from urllib.parse import quote

from perfsuite.model.role import Call, Role, StepContext
from perfsuite.model.sample import Series
from perfsuite.target.catalogue import Operation
from perfsuite.target.exchange import Answer, Failure
from perfsuite.target.typed_answer import TypedAnswer

_PLAIN = re.compile(r"[\w.~-]+", re.ASCII)
"""What needs no quoting in a path, such as ids."""


class AnswerWatch(Protocol):
    """Sees every answer to one operation as one role, once it was found right or wrong. `session`: whose answer."""

    def right(self, session: StepContext, call: Call, request_id: str, answer: Answer, decoded: Any) -> None:
        """`decoded`: the body; None where it was not decoded, then it has rows."""

    def wrong(self, session: StepContext, call: Call, request_id: str, answer: Answer, failure: Failure) -> None:
        """The request failed."""


class Route:
    """Shared by the sessions of a role in one process. `path`: at the target, with `{names}`."""

    __slots__ = ("_path", "_role", "_series", "has_body", "operation", "typed", "watch")

    def __init__(
        self, role: Role, operation: Operation, path: str, owner_field: str = "", watch: AnswerWatch | None = None
    ) -> None:
        """`owner_field`: see `RowOwners`."""
        self.operation = operation
        self.has_body = operation.method in ("POST", "PUT")
        self.typed = TypedAnswer.of(operation, owner_field)
        """None where its answers always have to be looked at in full."""
        self.watch = watch
        self._role = role.slug
        self._path = path
        self._series: dict[str, Series] = {}

    def target(self, values: Mapping[str, str]) -> str:
        """Path and query of a request."""
        if not values:
            return self._path
        return self._path.format_map({name: _quoted(value) for name, value in values.items()})

    def series(self, behaviour: str) -> Series:
        """What a request for a behaviour is counted by."""
        series = self._series.get(behaviour)
        if series is None:
            operation = self.operation
            series = self._series[behaviour] = Series(self._role, behaviour, operation.name, operation.method)
        return series


def _quoted(value: str) -> str:
    return value if _PLAIN.fullmatch(value) else quote(value, safe="")
