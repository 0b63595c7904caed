"""Answers kept as bytes, dropped by topic when something is written.

Every topic has a generation counter. An answer is kept together with the generations of the topics it
was made from, read *before* the database was asked; it is only given out while all of them still hold.
A write raises the counters after its commit. So an answer made from old rows is never served, even when
the write happened between reading the rows and keeping the answer.
"""

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import redis

log = logging.getLogger("mitra_backend")

KEPT_S = 30
MAX_ENTRIES = 4000
MAX_BYTES = 32_000_000
_PREFIX = "mitra:"


@dataclass(frozen=True, slots=True)
class Lookup:
    """What the cache knows: `body` is None on a miss; `stamp` goes back with `store`, None is not kept."""

    body: bytes | None
    stamp: bytes | None


MISS = Lookup(None, None)


class Cache(Protocol):
    """What every cache can do. No method raises when its store is away: that is a miss."""

    def lookup(self, key: str, topics: Sequence[str]) -> Lookup:
        """Return the kept answer, if it still holds, and the stamp to store a new one under."""

    def store(self, key: str, stamp: bytes | None, body: bytes) -> None:
        """Keep an answer that was made after `lookup` gave the stamp."""

    def invalidate(self, topics: Sequence[str]) -> None:
        """Drop all answers made from these topics. Call it after the commit."""

    def close(self) -> None:
        """Let go of connections."""


class MemoryCache:
    """Kept in this process: the least recently used answers make room, all expire after `KEPT_S`."""

    def __init__(
        self,
        max_entries: int = MAX_ENTRIES,
        max_bytes: int = MAX_BYTES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._entries: OrderedDict[str, tuple[bytes, float, bytes]] = OrderedDict()
        self._generations: dict[str, int] = {}
        self._lock = threading.Lock()
        self._max_entries = max_entries
        self._max_bytes = max_bytes
        self._bytes = 0
        self._clock = clock

    def lookup(self, key: str, topics: Sequence[str]) -> Lookup:
        """See Cache."""
        with self._lock:
            stamp = ",".join([str(self._generations.get(topic, 0)) for topic in topics]).encode()
            entry = self._entries.get(key)
            if entry is None:
                return Lookup(None, stamp)
            if entry[0] != stamp or entry[1] < self._clock():
                self._drop(key)
                return Lookup(None, stamp)
            self._entries.move_to_end(key)
            return Lookup(entry[2], stamp)

    def store(self, key: str, stamp: bytes | None, body: bytes) -> None:
        """See Cache."""
        if stamp is None:
            return
        with self._lock:
            self._drop(key)
            self._entries[key] = (stamp, self._clock() + KEPT_S, body)
            self._bytes += len(body)
            while len(self._entries) > self._max_entries or self._bytes > self._max_bytes or self._oldest_expired():
                self._drop(next(iter(self._entries)))

    def _oldest_expired(self) -> bool:
        """So that memory is taken for the answers of half a minute, not for all that there ever were."""
        return next(iter(self._entries.values()))[1] < self._clock()

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is not None:
            self._bytes -= len(entry[2])

    def invalidate(self, topics: Sequence[str]) -> None:
        """See Cache."""
        with self._lock:
            for topic in topics:
                self._generations[topic] = self._generations.get(topic, 0) + 1

    def close(self) -> None:
        """See Cache."""
        with self._lock:
            self._entries.clear()
            self._bytes = 0


class RedisCache:
    """Kept in Redis, shared by several processes. Without Redis everything is a miss."""

    def __init__(self, url: str) -> None:
        self._redis = redis.Redis.from_url(url, socket_timeout=1, socket_connect_timeout=1)
        self._lock = threading.Lock()
        self._away_until = 0.0
        self._lost = False

    def ping(self) -> None:
        """Raise redis.RedisError when Redis does not answer."""
        self._redis.ping()

    def lookup(self, key: str, topics: Sequence[str]) -> Lookup:
        """See Cache."""
        if self._away():
            return MISS
        try:
            values: list[Any] = self._redis.mget([_PREFIX + "gen:" + topic for topic in topics] + [_PREFIX + key])
        except redis.RedisError as error:
            self._lose(error)
            return MISS
        self._find()
        stamp = b",".join(value or b"0" for value in values[:-1])
        kept, _, body = (values[-1] or b"").partition(b"\n")
        return Lookup(body, stamp) if body and kept == stamp else Lookup(None, stamp)

    def store(self, key: str, stamp: bytes | None, body: bytes) -> None:
        """See Cache."""
        if stamp is None or self._away():
            return
        try:
            self._redis.set(_PREFIX + key, stamp + b"\n" + body, ex=KEPT_S)
        except redis.RedisError as error:
            self._lose(error)

    def invalidate(self, topics: Sequence[str]) -> None:
        """See Cache. Tried even while Redis seems away: a lost invalidation would leave old answers."""
        try:
            with self._redis.pipeline(transaction=False) as pipe:
                for topic in topics:
                    pipe.incr(_PREFIX + "gen:" + topic)
                pipe.execute()
        except redis.RedisError as error:
            self._lose(error)

    def close(self) -> None:
        """See Cache."""
        self._redis.close()

    def _away(self) -> bool:
        return time.monotonic() < self._away_until

    def _lose(self, error: redis.RedisError) -> None:
        with self._lock:
            # Answers kept before the loss may be older than writes made during it: wait until they expired.
            self._away_until = time.monotonic() + KEPT_S
            if not self._lost:
                self._lost = True
                log.warning("Redis is away, serving without cache: %s", type(error).__name__)

    def _find(self) -> None:
        if self._lost:
            with self._lock:
                self._lost = False
            log.warning("Redis is back")


class NoCache:
    """Keeps nothing."""

    def lookup(self, key: str, topics: Sequence[str]) -> Lookup:
        """See Cache."""
        return MISS

    def store(self, key: str, stamp: bytes | None, body: bytes) -> None:
        """See Cache."""

    def invalidate(self, topics: Sequence[str]) -> None:
        """See Cache."""

    def close(self) -> None:
        """See Cache."""
