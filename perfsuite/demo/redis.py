"""A private Redis: reached by a Unix socket in its own folder, with a password, keeping nothing on disk."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import quote

from redis import Redis
from redis.exceptions import RedisError

from perfsuite.demo.child import Child, Program
from perfsuite.demo.house import House
from perfsuite.demo.programs import find_program

READY_WITHIN_S = 20.0


@contextmanager
def running_redis(house: House) -> Iterator[tuple[Child, str]]:
    """The server and its URL, ready for work, until the end of the block."""
    room = house.room("redis")
    password = secrets.token_urlsafe(24)
    socket = room / "redis.sock"
    configuration = room / "redis.conf"
    lines = (
        "port 0",
        f'unixsocket "{socket}"',
        "unixsocketperm 700",
        f"requirepass {password}",
        'save ""',
        "appendonly no",
        "daemonize no",
        f'dir "{room}"',
    )
    house.secret_file(configuration, "\n".join(lines) + "\n")
    server = Program(
        "Redis",
        [str(find_program("redis-server")), str(configuration)],
        room,
        {"PATH": "/usr/bin:/bin", "LC_ALL": "C"},
        house.identity,
    )
    url = f"unix://:{password}@{quote(str(socket))}?db=0"
    with house.running(server) as child:
        child.wait_until(lambda: _answers(url), house.stop, READY_WITHIN_S)
        yield child, url


def _answers(url: str) -> bool:
    client = Redis.from_url(url, socket_timeout=2, socket_connect_timeout=2)
    try:
        return bool(client.ping())
    except RedisError:
        return False
    finally:
        client.close()
