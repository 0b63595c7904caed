"""What a run changed in the database of its target."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Tables = dict[str, dict[str, dict[str, Any]]]
"""Table → key → row."""


@dataclass(frozen=True)
class TableChange:
    """One table: rows that are there now, keys of those that are gone, and the changed columns of the others."""

    added: list[dict[str, Any]]
    gone: list[str]
    changed: dict[str, set[str]]


def changes(before: Tables, after: Tables) -> dict[str, TableChange]:
    """Table → what changed; only tables in which anything did."""
    found = {name: _change(before.get(name, {}), after.get(name, {})) for name in before.keys() | after.keys()}
    return {name: each for name, each in found.items() if each.added or each.gone or each.changed}


def _change(before: dict[str, dict[str, Any]], after: dict[str, dict[str, Any]]) -> TableChange:
    both = before.keys() & after.keys()
    columns = {key: {name for name, value in after[key].items() if before[key][name] != value} for key in both}
    return TableChange(
        added=[row for key, row in after.items() if key not in before],
        gone=sorted(before.keys() - after.keys()),
        changed={key: names for key, names in columns.items() if names},
    )
