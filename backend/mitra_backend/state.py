"""What the routes share: one `Backend` per application, made by `create_app`."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mitra_backend.cache import Cache, NoCache
from mitra_backend.config import Settings
from mitra_backend.db import Database
from mitra_backend.faults import Fault
from mitra_backend.security import Tokens

# Password checks are pure CPU outside the interpreter lock; more of them at once would starve the rest.
PASSWORD_THREADS = 2
_NO_CACHE = NoCache()
# Faults that change rows or the way to them: a kept answer would hide their beginning and their end.
_ROW_FAULTS = ("wrong_rows", "n_plus_one")


@dataclass(slots=True)
class FaultBoard:
    """The faults of this process and the clock they count from (None until the server is ready)."""

    faults: tuple[Fault, ...] = ()
    ready_at: float | None = None

    def start(self) -> None:
        """Let the clock run from now."""
        self.ready_at = time.perf_counter()

    def elapsed_s(self) -> float:
        """Return the seconds since the server became ready, -1 before."""
        return -1.0 if self.ready_at is None else time.perf_counter() - self.ready_at

    def active(self, kind: str, route: str | None = None) -> Fault | None:
        """Return the fault of this kind that is on now, for a route or for the whole process."""
        if not self.faults:
            return None
        elapsed_s = self.elapsed_s()
        for fault in self.faults:
            if fault.kind == kind and fault.holds(elapsed_s) and (route is None or route in fault.routes):
                return fault
        return None


@dataclass(slots=True)
class Calls:
    """How many requests came in since the start."""

    total: int = 0


@dataclass(slots=True)
class Backend:
    """Database, cache, tokens and faults of one application."""

    settings: Settings
    database: Database
    tokens: Tokens
    kept: Cache
    board: FaultBoard
    calls: Calls = field(default_factory=Calls)
    password_threads: ThreadPoolExecutor = field(
        default_factory=lambda: ThreadPoolExecutor(PASSWORD_THREADS, "password")
    )

    def cache(self, route: str) -> Cache:
        """Return the cache that this route may use now."""
        if not self.board.faults:
            return self.kept
        if self.board.active("no_cache"):
            return _NO_CACHE
        if any(self.board.active(kind, route) for kind in _ROW_FAULTS):
            return _NO_CACHE
        return self.kept

    def wrong_rows(self, route: str) -> bool:
        """Return whether this route shall answer with rows of somebody else now."""
        return self.board.active("wrong_rows", route) is not None

    def answer(self, route: str, key: str, topics: tuple[str, ...], make: Callable[[], bytes]) -> bytes:
        """Return the kept answer or make, keep and return a new one.

        `key` must name everything the answer depends on, first of all the rows its reader may see.
        """
        cache = self.cache(route)
        full_key = f"{route}|{key}"
        known = cache.lookup(full_key, topics)
        if known.body is not None:
            return known.body
        body = make()
        cache.store(full_key, known.stamp, body)
        return body

    def close(self) -> None:
        """Let go of everything."""
        self.password_threads.shutdown(wait=True)
        self.kept.close()
        self.database.close()
