"""A Redis server, through INFO and the length of its slow log."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Mapping
from typing import Any

from redis import Redis
from redis.backoff import NoBackoff
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError, ResponseError
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import TimeoutError as RedisTimeoutError
from redis.retry import Retry

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.model.monitor import Reading
from perfsuite.monitor.source import (
    Clock,
    Rates,
    SourceError,
    as_percent,
    less_own,
    readings_of,
    scrubbed,
    share_percent,
)

PASSWORD_VARIABLE = "REDISCLI_AUTH"  # noqa: S105 - the name of redis-cli's own variable
TIMEOUT_S = 2.0
_SLOWLOG_FULL = 128
"""slowlog-max-len as Redis sets it: a log of that length may have dropped entries, so its growth is not known."""


_CERTIFICATE = re.compile(r"certificate verify failed: ([^(]*)")


def client_for(url: str) -> Redis:
    """A client that is not connected yet. Raises SourceError, which does not show the URL: it may hold a password."""
    try:
        client = Redis.from_url(
            url,
            protocol=2,
            driver_info=None,
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=TIMEOUT_S,
            single_connection_client=False,
            retry=Retry(NoBackoff(), 0),
        )
        client.connection_pool.make_connection()  # refuses unknown settings; it connects when it is used
    except (ValueError, TypeError):
        raise SourceError(MonitorMessage.BAD_REDIS_URL(), final=True) from None
    return client


class RedisSource:
    """Hits, memory, evictions, clients, commands and slow log; the monitor's own client and commands left out."""

    name, rests = "redis", False

    def __init__(self, url: str, clock: Clock, environment: Mapping[str, str] = os.environ) -> None:
        self._url, self._clock = url, clock
        self._given_password = environment.get(PASSWORD_VARIABLE) or None
        self._secret: str | None = None
        self._client: Redis | None = None
        self._rates = Rates()
        self._reads_slowlog = True
        self._server: object = None
        self._asked = 0
        self.metrics: tuple[str, ...] = (
            "redis.answer_ms",
            "redis.cpu_percent",
            "redis.hit_percent",
            "redis.lookups_per_s",
            "redis.memory_bytes",
            "redis.memory_used_percent",
            "redis.evictions_per_s",
            "redis.connected_clients",
            "redis.clients_limit",
            "redis.blocked_clients",
            "redis.rejected_connections_per_s",
            "redis.commands_per_s",
            "redis.slowlog_per_s",
        )

    def open(self) -> list[Message]:
        """Connect and ask once; what the account may not do. Raises SourceError."""
        notes = []
        try:
            info, length = self._ask()
        except RedisError as error:
            raise self._trouble(error) from None
        if not self._reads_slowlog:
            notes.append(MonitorMessage.NO_SLOWLOG())
            self.metrics = tuple(metric for metric in self.metrics if metric != "redis.slowlog_per_s")
        if not info.get("maxmemory"):
            self.metrics = tuple(metric for metric in self.metrics if metric != "redis.memory_used_percent")
        self._look(info, length, self._clock.utc_s())  # the first look, so that the first reading has rates
        return notes

    def read(self) -> list[Reading]:
        """Figures of this moment; connects anew after a break. Raises SourceError."""
        began = time.perf_counter()
        try:
            info, length = self._ask()
        except RedisError as error:
            raise self._trouble(error) from None
        answer_ms = (time.perf_counter() - began) * 1000
        now_s = self._clock.utc_s()
        figures = self._look(info, length, now_s) | {"redis.answer_ms": answer_ms}
        return readings_of(self.name, now_s, {name: figures[name] for name in self.metrics})

    def close(self) -> None:
        """Close the connection."""
        if self._client is not None:
            self._client.close()
        self._client = None

    def _ask(self) -> tuple[dict[str, Any], int | None]:
        """INFO, and the length of the slow log; None where that may not be read."""
        self._client = self._client or self._connected()
        info = self._client.info()
        self._asked += 1
        if not self._reads_slowlog:
            return info, None
        try:
            length = self._client.slowlog_len()
            self._asked += 1
        except NoPermissionError:
            self._reads_slowlog = False
            return info, None
        return info, length

    def _connected(self) -> Redis:
        client = client_for(self._url)
        settings = client.connection_pool.connection_kwargs
        settings["db"] = 0  # INFO is the same in all, and SELECT may not be allowed
        if not settings.get("password") and self._given_password:
            settings["password"] = self._given_password
        self._secret = settings.get("password")
        return client

    def _look(self, info: dict[str, Any], length: int | None, now_s: float) -> dict[str, float | None]:
        if info.get("run_id") != self._server:  # another process than before
            self._server = info.get("run_id")
            self._rates.forget()

        def per_s(counter: str) -> float | None:
            return self._rates.per_s(counter, info.get(counter), now_s)

        hits, misses = per_s("keyspace_hits"), per_s("keyspace_misses")
        memory, most = info.get("used_memory"), info.get("maxmemory")
        clients = info.get("connected_clients")
        return {
            "redis.cpu_percent": as_percent(self._rates.per_s("cpu", _cpu_s(info), now_s)),
            "redis.hit_percent": share_percent(hits, misses),
            "redis.lookups_per_s": hits + misses if hits is not None and misses is not None else None,
            "redis.memory_bytes": memory,
            "redis.memory_used_percent": 100.0 * memory / most if memory is not None and most else None,
            "redis.evictions_per_s": per_s("evicted_keys"),
            "redis.connected_clients": max(clients - 1, 0) if clients is not None else None,
            "redis.clients_limit": info.get("maxclients"),
            "redis.blocked_clients": info.get("blocked_clients"),
            "redis.rejected_connections_per_s": per_s("rejected_connections"),
            "redis.commands_per_s": less_own(
                per_s("total_commands_processed"), self._rates.per_s("asked", self._asked, now_s) or 0.0
            ),
            "redis.slowlog_per_s": self._slow(length, now_s),
        }

    def _slow(self, length: int | None, now_s: float) -> float | None:
        rate = self._rates.per_s("slowlog", length, now_s)
        return None if length is not None and length >= _SLOWLOG_FULL and not rate else rate

    def _trouble(self, error: RedisError) -> SourceError:
        self.close()
        text = scrubbed(str(error), self._secret)
        match error:
            case NoPermissionError():
                return SourceError(MonitorMessage.NO_INFO(), final=True)
            case AuthenticationError():
                return SourceError(MonitorMessage.BAD_PASSWORD(), final=True)
            case RedisTimeoutError():
                return SourceError(MonitorMessage.NO_ANSWER(limit_s=TIMEOUT_S))
            case RedisConnectionError() if found := _CERTIFICATE.search(text):
                return SourceError(MonitorMessage.CERTIFICATE(why=found.group(1).strip()), final=True)
            case RedisConnectionError() if "refused" in text:
                return SourceError(MonitorMessage.REFUSED())
            case RedisConnectionError() if "No such file" in text:
                return SourceError(MonitorMessage.NO_SOCKET())
            case RedisConnectionError() if "not known" in text or "resolution" in text:
                return SourceError(MonitorMessage.UNKNOWN_HOST())
            case ResponseError() if "NOAUTH" in text or "WRONGPASS" in text:
                return SourceError(MonitorMessage.BAD_PASSWORD(), final=True)
        return SourceError(MonitorMessage.FAILED(why=text))


def _cpu_s(info: dict[str, Any]) -> float | None:
    """CPU of the main thread (since 6.2), else of all threads; None when Redis does not report it."""
    for suffix in ("_main_thread", ""):
        system, user = info.get(f"used_cpu_sys{suffix}"), info.get(f"used_cpu_user{suffix}")
        if system is not None and user is not None:
            return float(system) + float(user)
    return None
