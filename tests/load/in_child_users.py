"""Users without think times, in a process with gevent and Locust: who gets to run, and how they end."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import time  # noqa: E402
from collections.abc import Callable  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import msgspec  # noqa: E402
from gevent.pywsgi import WSGIServer  # noqa: E402
from locust.dispatch import UsersDispatcher  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.load.install import Hooks, install  # noqa: E402
from perfsuite.load.state import LoadOrder, LoadState  # noqa: E402
from perfsuite.load.users import RoleUser, user_classes  # noqa: E402
from perfsuite.measurements.records import Actions, End, Record, Requests  # noqa: E402
from perfsuite.model import Account, FailureKind, Plan, Scenario  # noqa: E402
from perfsuite.model.role import Role  # noqa: E402
from tests.accuracy.roles import ROLES  # noqa: E402
from tests.load.child import report  # noqa: E402

LOGIN = {
    "access_token": "token",
    "token_type": "bearer",
    "expires_in": 900,
    "user": {"user_id": "1"},
    "permissions": [],
}
HEALTH = {"status": "healthy", "service": "agentmitra", "version": "1"}
USERS = 10
SLOW_S = 0.6
STOP_S = 30.0
"""So long the end of the load waits for users: as long as they think."""
TICKS, LEAST = 12, 21
"""So many turns of another greenlet are enough, and so many requests of a user."""


class Server:
    """Answers at once, or to `/health` after `slow_s`; counts what it is asked."""

    def __init__(self) -> None:
        self.slow_s = 0.0
        self.broken = False
        self.asked = 0
        self._server = WSGIServer(("127.0.0.1", 0), self._answer, log=None, error_log=None)
        self._server.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def _answer(self, environ: dict[str, Any], start: Any) -> list[bytes]:
        self.asked += 1
        login = environ["PATH_INFO"].endswith("login")
        if not login:
            gevent.sleep(self.slow_s)
        body = msgspec.json.encode(LOGIN if login else HEALTH)
        status = "500 Internal Server Error" if self.broken and not login else "200 OK"
        start(status, [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


class Kept:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)

    def flush(self) -> None:
        """All is here already."""

    def close(self) -> None:
        """Nothing to close."""

    def kinds(self) -> list[str]:
        """Of all failures."""
        return [error.kind for record in self.records if isinstance(record, Requests) for error in record.errors]


class Load:
    """Users of one role in this process."""

    def __init__(self, host: str, role: Role, users: int = USERS, iterations: int | None = None) -> None:
        self.sink, self.role, self.users = Kept(), role, users
        scenario = Scenario("b", users, users, 60, iterations=iterations)
        plan = Plan("r_1", scenario, host, {role.slug: users}, (), (), 1, "2026-03-01T09:30:00Z")
        accounts = tuple(Account(str(number), "secret", role.slug) for number in range(users))
        order = LoadOrder(replace(plan, allowed_hosts=("127.0.0.1",)), Path(mkdtemp()), accounts, {})
        self.state = LoadState(order, self.sink, on_placed=lambda _users: None)
        self.environment: Any = Environment(user_classes=user_classes([role]), host=host, stop_timeout=STOP_S)
        self.ended = 0
        hooks = Hooks(lambda _env: self.state, lambda _load: None, self._end, UsersDispatcher)
        install(self.environment, hooks)
        self.runner = self.environment.create_local_runner()
        self.runner.start(users, spawn_rate=users)

    def _end(self, _load: LoadState) -> None:
        self.ended += 1

    def sent(self) -> list[int]:
        """By each user."""
        users: list[RoleUser] = [greenlet.args[0] for greenlet in self.runner.user_greenlets]
        return [user._transport.sent for user in users if user._started]

    def stop(self) -> float:
        """Seconds until all users have ended."""
        began = time.monotonic()
        self.runner.quit()
        return time.monotonic() - began


def ticks(seconds: float, enough: Callable[[], bool] = lambda: True) -> int:
    """How often another greenlet gets to run, of 20 times a second. Where that is not often enough, or something else
    not yet, it goes on until the process had so much time of a processor: a busy machine lets it run less."""
    count, until, cpu_until = 0, time.monotonic() + seconds, time.process_time() + seconds
    while time.monotonic() < until or (time.process_time() < cpu_until and not (count >= TICKS and enough())):
        gevent.sleep(0.05)
        count += 1
    return count


def fairness(server: Server) -> dict[str, Any]:
    """From when all are at work."""
    load = Load(server.url, ROLES[0])
    while len(load.sent()) < USERS or min(load.sent()) < 2:
        gevent.sleep(0.01)
    before = load.sent()

    def sent() -> list[int]:
        return [now - then for now, then in zip(load.sent(), before, strict=True)]

    others = ticks(1.5, lambda: min(sent()) >= LEAST)
    found = sent()
    load.stop()
    cells = load.state.recorder.cells
    return {"sent": [min(found), max(found)], "ticks": others, "recorded": [cells.recorded, load.state.sent.sent]}


def dead_target() -> dict[str, Any]:
    load = Load("http://127.0.0.1:9", ROLES[0], 3)
    found = {"ticks": ticks(1.5)}
    load.stop()
    return found | {"kinds": sorted(set(load.sink.kinds()))}


def target_dies(server: Server) -> dict[str, Any]:
    """After the login everything fails at once."""
    load = Load(server.url, ROLES[0], 3)
    while len(load.sent()) < 3 or min(load.sent()) < 2:
        gevent.sleep(0.01)
    load.state.connection = replace(load.state.connection, host="http://127.0.0.1:9")
    for greenlet in load.runner.user_greenlets:
        user: RoleUser = greenlet.args[0]
        user._transport._exchange = user.make_transport().exchange
    found = {"ticks": ticks(1.0)}
    load.stop()
    return found | {"kinds": sorted(set(load.sink.kinds()))}


def nothing_offered(server: Server) -> dict[str, Any]:
    load = Load(server.url, replace(ROLES[0], behaviours=()), 3)
    found = {"ticks": ticks(1.5)}
    return found | {"ended in s": load.stop()}


def stopped_in_action(server: Server) -> dict[str, Any]:
    server.slow_s, server.asked = SLOW_S, 0
    load = Load(server.url, replace(ROLES[0], think_min_s=30.0, think_max_s=30.0), 1)
    while server.asked < 2:
        gevent.sleep(0.01)
    server.asked = 0
    took_s = load.stop()
    server.slow_s = 0.0
    unfinished = load.sink.kinds().count(FailureKind.UNFINISHED)
    return {"took_s": took_s, "unfinished": unfinished, "more": server.asked, "ended": load.ended}


def stopped_in_pause(server: Server) -> dict[str, Any]:
    server.asked = 0
    load = Load(server.url, replace(ROLES[0], think_min_s=30.0, think_max_s=30.0), 1)
    while server.asked < 2:
        gevent.sleep(0.01)
    gevent.sleep(0.2)
    return {"took_s": load.stop(), "asked": server.asked}


def iterations(server: Server) -> dict[str, Any]:
    """Three users with four iterations each."""
    load = Load(server.url, ROLES[0], 3, iterations=4)
    while load.state.users_done < 3:
        gevent.sleep(0.01)
    gevent.sleep(0.5)
    found = {
        "sent": load.sent(),
        "alive": load.state.users_alive,
        "running": load.runner.user_count,
        "first": 0 < load.state.first_done_at <= time.time(),
        "took_s": load.stop(),
    }
    ends = [record for record in load.sink.records if isinstance(record, End)]
    actions = sum(record.actions for record in load.sink.records if isinstance(record, Actions))
    return found | {"done": [end.done for end in ends], "actions": actions, "left": load.state.users_alive}


def failing_iterations() -> dict[str, Any]:
    """Every answer after the login is an error."""
    server = Server()
    server.broken = True
    load = Load(server.url, ROLES[0], 2, iterations=3)
    while load.state.users_done < 2:
        gevent.sleep(0.01)
    found = {"sent": load.sent(), "kinds": []}
    load.stop()
    return found | {"kinds": sorted(set(load.sink.kinds()))}


def main() -> None:
    """Those in which users leave each other no pause one by one; then those that mostly wait, all at once."""
    found = {
        "fairness": fairness(Server()),
        "target dies": target_dies(Server()),
        "nothing offered": nothing_offered(Server()),
    }
    waiting = {
        "dead target": gevent.spawn(dead_target),
        "stopped in action": gevent.spawn(stopped_in_action, Server()),
        "stopped in pause": gevent.spawn(stopped_in_pause, Server()),
        "iterations": gevent.spawn(iterations, Server()),
        "failing iterations": gevent.spawn(failing_iterations),
    }
    gevent.joinall(waiting.values(), raise_error=True)
    report(found | {name: one.get() for name, one in waiting.items()})


if __name__ == "__main__":
    main()
