"""What went wrong with the watching, told once however often it happened."""

from __future__ import annotations

import threading
from dataclasses import dataclass, replace
from datetime import UTC, datetime


@dataclass(frozen=True, slots=True)
class _Trouble:
    first_s: float
    last_s: float
    times: int
    final: bool


class Notes:
    """Lines for the user, each of one source. May be read by another thread than writes."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._told: dict[tuple[str, str], _Trouble | None] = {}

    def tell(self, source: str, text: str) -> None:
        """Something that holds for the whole time."""
        with self._lock:
            self._told.setdefault((source, text), None)

    def add(self, source: str, text: str, at_s: float, *, final: bool = False) -> None:
        """Something that happened at a moment, and may happen again. `final`: it is not tried again."""
        with self._lock:
            before = self._told.get((source, text)) or _Trouble(at_s, at_s, 0, final)
            self._told[(source, text)] = replace(before, last_s=at_s, times=before.times + 1)

    def lines(self) -> list[str]:
        """One line each, in the order in which they first came up."""
        with self._lock:
            return [_line(source, text, trouble) for (source, text), trouble in self._told.items()]


def _line(source: str, text: str, trouble: _Trouble | None) -> str:
    if trouble is None:
        return f"{source}: {text}"
    if trouble.final:
        return f"{source}: {text}; not monitored"
    if trouble.times == 1:
        return f"{source}: {text} (at {_time(trouble.first_s)})"
    return f"{source}: {text} ({trouble.times} times, {_time(trouble.first_s)} to {_time(trouble.last_s)})"


def _time(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%SZ")
