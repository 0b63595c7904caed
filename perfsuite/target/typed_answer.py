"""Right answers, decoded and checked in one pass.

Most answers of a load are right, and nobody reads them. For each operation a decoder is made from the catalogue that
accepts only what `checks` finds right: promised fields are there, lists hold rows, and fields that a rule looks at are
texts. Whatever else comes is looked at in full, which also says what is wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec
from msgspec import UNSET, Raw, UnsetType

from perfsuite.model import LOGIN
from perfsuite.target.catalogue import Operation
from perfsuite.target.checks import ECHOED, RowOwners
from perfsuite.target.exchange import Answer

_WITHOUT_FIELDS = ("", "*")


class TypedAnswer:
    """The right answers of one operation. `owner_field`: of a row, names its owner; "" where no rule asks for it."""

    __slots__ = ("_asked", "_decoder", "_id", "_identity", "_inside", "_lists", "_names", "_owner", "_parent", "_raws")

    def __init__(self, operation: Operation, owner_field: str) -> None:
        self._names = frozenset(operation.names)
        self._lists, self._inside, self._parent = operation.lists, len(operation.inside), operation.parent
        fields = operation.fields if operation.lists is None else operation.row_fields
        asked = [name for name in ECHOED if name in self._names]
        owner, optional_owner = (owner_field, "") if owner_field in fields else ("", owner_field)
        needed = filter(None, (operation.identity, owner, "id" if operation.parent else ""))
        holder, attributes = _holder(fields, needed, [*asked, optional_owner] if optional_owner else asked)
        self._asked = tuple((attributes[name], name) for name in asked)
        self._identity = attributes.get(operation.identity, "")
        self._owner = (attributes[owner_field], owner_field) if owner_field else ()
        self._id = attributes.get("id", "") if operation.parent else ""
        self._decoder: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_around(operation, holder))
        self._raws: msgspec.json.Decoder[Any] = msgspec.json.Decoder(_around(operation, Raw))

    @classmethod
    def of(cls, operation: Operation, owner_field: str) -> TypedAnswer | None:
        """None where every answer has to be looked at in full, since its values are used."""
        used = operation.name == LOGIN or operation.method == "DELETE" or operation.creates or operation.echoes
        elsewhere = bool(operation.inside) or operation.lists is not None
        unusual = operation.lists == "data" or (elsewhere and operation.identity) or (operation.inside and owner_field)
        return None if used or unusual else cls(operation, owner_field)

    def rows(self, answer: Answer, path: Mapping[str, str], user_id: str, seen: RowOwners) -> int:
        """How many rows a right answer has, 1 where it is no list; 0 where it has to be looked at in full."""
        if path.keys() != self._names:
            return 0
        try:
            if not answer.body.isascii():
                answer.body.decode()
            rows = self._held(answer.decoded_by(self._decoder))
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return 0
        right = (
            (not self._asked or all(_repeat(rows, attribute, path[name]) for attribute, name in self._asked))
            and (not self._identity or not user_id or getattr(rows[0], self._identity) == user_id)
            and (not self._owner or _are_of(rows, *self._owner, user_id, seen))
            and (not self._parent or _have_parent(rows, self._id, path[self._parent], seen))
        )
        return len(rows) if right else 0

    def raw_rows(self, body: bytes) -> Sequence[Raw]:
        """The rows of a list that is right, not decoded yet."""
        return self._held(self._raws.decode(body))

    def _held(self, whole: Any) -> Sequence[Any]:
        if self._lists is None:
            for _ in range(self._inside):
                whole = whole.inner
            return (whole,)
        if self._lists in _WITHOUT_FIELDS:
            return whole  # type: ignore[no-any-return]
        rows = whole.rows if whole.data is UNSET else whole.data.rows
        return () if rows is UNSET else rows


def _repeat(rows: Sequence[Any], attribute: str, value: str) -> bool:
    """See checks.echo_failure."""
    return all(getattr(row, attribute) in (value, UNSET) for row in rows)


def _are_of(rows: Sequence[Any], attribute: str, name: str, user_id: str, seen: RowOwners) -> bool:
    """See checks.owner_failure."""
    owners = {getattr(row, attribute) for row in rows}
    owners.discard(UNSET)  # a row need not name its owner
    return len(owners) < 2 and all(seen.takes(name, owner, user_id) for owner in owners)


def _have_parent(rows: Sequence[Any], attribute: str, parent: str, seen: RowOwners) -> bool:
    """See checks.parent_failure."""
    return all(seen.parents.setdefault(getattr(row, attribute), parent) == parent for row in rows)


def _holder(promised: Iterable[str], needed: Iterable[str], compared: Sequence[str]) -> tuple[Any, dict[str, str]]:
    """The type of an object or row with these fields, and the attribute of each. Values are skipped but for those that
    rules look at: the ones `needed`, and the ones `compared`, which may be missing."""
    texts = {*needed}
    present = dict.fromkeys((*promised, *texts))
    optional = dict.fromkeys(name for name in compared if name not in present)
    texts |= {*compared}
    attributes = {name: f"field_{number}" for number, name in enumerate((*present, *optional))}
    fields: list[Any] = [(attributes[name], str if name in texts else Raw) for name in present]
    fields += [(attributes[name], str | UnsetType, UNSET) for name in optional]
    names = {attribute: name for name, attribute in attributes.items()}
    return msgspec.defstruct("Holder", fields, rename=names, gc=False), attributes


def _around(operation: Operation, holder: Any) -> Any:
    """The type of a whole answer around its object or rows."""
    if operation.lists is None:
        for name in reversed(operation.inside):
            holder = msgspec.defstruct("Inside", [("inner", holder)], rename={"inner": name}, gc=False)
        return holder
    if operation.lists in _WITHOUT_FIELDS:
        return list[holder]
    rename = {"rows": operation.lists}
    inner = msgspec.defstruct("Data", [("rows", list[holder])], rename=rename, gc=False)
    fields = [("rows", list[holder] | UnsetType, UNSET), ("data", inner | UnsetType, UNSET)]
    return msgspec.defstruct("Envelope", fields, rename=rename, gc=False)
