"""Sizes of the tables that matter: the largest ones, and those that change."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from perfsuite.monitor.source import Figures

EVERY_S = 10
"""Sizes are read so often: each costs the server a look at the table's files."""
LARGEST = 10
MOST = 16
"""Tables that are shown, those that change included."""
TABLE_BYTES = "postgres.table_bytes"


class TableSizes:
    """Which tables are shown, from one reading to the next."""

    def __init__(self) -> None:
        self._first: dict[int, float] = {}
        """Table, by id → its size when it was first read."""
        self._shown: list[int] = []
        self._read_s = -math.inf

    def is_due(self, now_s: float) -> bool:
        """True if it is time to read them; then it counts as done."""
        if now_s < self._read_s + EVERY_S:
            return False
        self._read_s = now_s
        return True

    def take(self, rows: Iterable[Mapping[str, Any]]) -> dict[str, Figures]:
        """Table → its size, of those that matter. The rows have id, name and bytes."""
        known = {row["id"]: row for row in rows if row["bytes"] is not None}
        if not self._shown:
            largest = sorted(known, key=lambda table: -known[table]["bytes"])[:LARGEST]
            self._shown = [table for table in largest if known[table]["bytes"]]
        for table, row in known.items():
            first = self._first.setdefault(table, row["bytes"])
            if row["bytes"] != first and table not in self._shown and len(self._shown) < MOST:
                self._shown.append(table)
        return {known[table]["name"]: {TABLE_BYTES: known[table]["bytes"]} for table in self._shown if table in known}
