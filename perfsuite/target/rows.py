"""The rows of a list that a session has learnt, decoded when a step uses them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, overload

import msgspec

from perfsuite.target.catalogue import Operation
from perfsuite.target.checks import object_of
from perfsuite.target.exchange import json_of
from perfsuite.target.typed_answer import TypedAnswer

Row = dict[str, Any]


class Rows(Sequence[Row]):
    """As many rows as `count`, of an answer that was found right. A row is decoded once."""

    __slots__ = ("_body", "_count", "_rows", "_typed")

    def __init__(self, typed: TypedAnswer, operation: Operation, body: bytes, count: int) -> None:
        self._typed = typed if operation.lists is not None else None
        self._body, self._count = body, count
        self._rows: list[Any] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Row: ...
    @overload
    def __getitem__(self, index: slice) -> list[Row]: ...
    def __getitem__(self, index: int | slice) -> Row | list[Row]:
        if isinstance(index, slice):
            return self.decoded()[index]
        rows = self._split()
        if isinstance(rows[index], msgspec.Raw):
            rows[index] = json_of(rows[index])
        row: Row = rows[index]
        return row

    def decoded(self) -> list[Row]:
        """All of them, the same objects each time."""
        rows = self._split()
        for index, row in enumerate(rows):
            if isinstance(row, msgspec.Raw):
                rows[index] = json_of(row)
        return rows

    def _split(self) -> list[Any]:
        if self._rows is None:
            typed = self._typed
            self._rows = [object_of(json_of(self._body))] if typed is None else list(typed.raw_rows(self._body))
            self._body = b""
        return self._rows
