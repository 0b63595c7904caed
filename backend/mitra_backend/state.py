"""What the routes share: one `Backend` per application, made by `create_app`."""

import itertools
import threading
import time
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from mitra_backend.cache import Cache, NoCache
from mitra_backend.config import Settings
from mitra_backend.db import Database
from mitra_backend.defects import FORGOTTEN_EVERY, RACE_WINDOW_S, UNCACHED_DEFECTS
from mitra_backend.faults import Fault
from mitra_backend.quirks import Quirks
from mitra_backend.security import Tokens

# Password checks are pure CPU outside the interpreter lock; more of them at once would starve the rest.
PASSWORD_THREADS = 2
# How many requests at once make a crowd, and how many of them come until one meets another: at no even distance.
CROWD = 8
_GAPS = (13, 5, 29, 8, 17, 41, 3)
_RECENT = 100
_NO_CACHE = NoCache()
# Faults that change rows or the way to them: a kept answer would hide their beginning and their end.
_ROW_FAULTS = ("wrong_rows", "n_plus_one", *UNCACHED_DEFECTS)


@dataclass(slots=True)
class FaultBoard:
    """The faults of this process and the two moments they count from (None until then): the server is ready, and
    the first request of a load arrives."""

    faults: tuple[Fault, ...] = ()
    ready_at: float | None = None
    load_at: float | None = None

    def start(self) -> None:
        """Let the clock run from now."""
        self.ready_at = time.perf_counter()

    def load_begins(self) -> None:
        """Let the clock of the load run from now, if it does not run yet."""
        if self.load_at is None:
            self.load_at = time.perf_counter()

    def elapsed_s(self, fault: Fault | None = None) -> float:
        """Return the seconds that count for this fault, -1 before; without one, since the server became ready."""
        since = self.load_at if fault is not None and fault.of_load else self.ready_at
        return -1.0 if since is None else time.perf_counter() - since

    def active(self, kind: str, route: str | None = None) -> Fault | None:
        """Return the fault of this kind that is on now, for a route or for the whole process."""
        for fault in self.faults:
            if fault.kind == kind and (route is None or route in fault.routes) and self.is_on(fault):
                return fault
        return None

    def is_on(self, fault: Fault) -> bool:
        """Return whether the fault is on now."""
        return fault.holds(self.elapsed_s(fault))


@dataclass(slots=True)
class Calls:
    """How many requests came in since the start, and how many are not answered yet."""

    total: int = 0
    in_flight: int = 0


class RecentCallers:
    """Who was here lately, counted at every request: one list for all of them and no lock around it.

    With a limit of errors above 0, a request in a crowd now and then meets another one that writes while it reads.
    """

    def __init__(self, most_errors: int, crowd: int = CROWD) -> None:
        self._most_errors = most_errors
        self._crowd = crowd
        self._recent: deque[str] = deque(maxlen=_RECENT)
        self._gaps = itertools.cycle(_GAPS)
        self._left = next(self._gaps)

    def note(self, user_id: str, in_flight: int) -> None:
        """Raises RuntimeError, as Python does, where another request writes meanwhile."""
        if not self._most_errors:
            return
        self._recent.append(user_id)
        if in_flight < self._crowd:
            return
        self._left -= 1
        if self._left == 0:
            self._left = next(self._gaps)
            self._most_errors -= 1
            for _user_id in self._recent:
                self._recent.append(user_id)


@dataclass(slots=True)
class PolicyCounter:
    """How many policies were made here, and how many of them a counter that drifts does not know."""

    created: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def add(self) -> None:
        """Count one."""
        with self._lock:
            self.created += 1

    @property
    def forgotten(self) -> int:
        """Return how many are missing from a counter that drifts."""
        return self.created // FORGOTTEN_EVERY


def _pause() -> None:
    time.sleep(RACE_WINDOW_S)


@dataclass(slots=True)
class Backend:
    """Database, cache, tokens and faults of one application."""

    settings: Settings
    database: Database
    tokens: Tokens
    kept: Cache
    board: FaultBoard
    quirks: Quirks = field(default_factory=Quirks)
    calls: Calls = field(default_factory=Calls)
    inactive: set[str] = field(default_factory=set)
    """Ids of the users who are not active: their tokens are refused."""
    policies: PolicyCounter = field(default_factory=PolicyCounter)
    between: Callable[[], None] = _pause
    """What happens between the reading and the writing of a defect that loses a race."""
    recent: RecentCallers = field(init=False)
    password_threads: ThreadPoolExecutor = field(init=False)

    def __post_init__(self) -> None:
        # Where a login is dear, all wait for one thread: as with bcrypt in a single worker.
        threads = 1 if self.quirks.login_cost_s else PASSWORD_THREADS
        self.password_threads = ThreadPoolExecutor(threads, "password")
        self.recent = RecentCallers(self.quirks.concurrency_errors)

    def cache(self, route: str) -> Cache:
        """Return the cache that this route may use now."""
        if not self.board.faults:
            return self.kept
        if self.board.active("no_cache"):
            return _NO_CACHE
        if any(self.board.active(kind, route) for kind in _ROW_FAULTS):
            return _NO_CACHE
        return self.kept

    def has(self, defect: str, route: str | None = None) -> bool:
        """Return whether this route, or the whole process, has the defect now."""
        return self.board.active(defect, route) is not None

    def checks_owner(self, route: str) -> bool:
        """Return whether this route looks whose rows are asked for: always, but for a defect."""
        return not (self.has("no_owner_check", route) or self.has("owner_in_list_only", route))

    def changed(self, route: str, topics: tuple[str, ...]) -> None:
        """Drop the answers that a write made old. Call it after the commit."""
        if not self.has("stale_read", route):
            self.kept.invalidate(topics)

    def offset(self, route: str, wanted: int) -> int:
        """Return the offset of a page."""
        return wanted + 1 if wanted and self.has("skipped_row", route) else wanted

    def copies(self, route: str) -> int:
        """Return how often a new row is inserted: once, but for a defect that repeats what had succeeded."""
        return 2 if self.has("double_submit", route) else 1

    def known_policies(self, route: str, counted: int) -> int:
        """Return how many policies a figure shows where there are `counted`."""
        return counted - self.policies.forgotten if self.has("counter_drift", route) else counted

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
