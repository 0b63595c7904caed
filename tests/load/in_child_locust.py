"""In a process with Locust: dispatcher, accounts, users and the guard of the web page."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

from collections import Counter  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from types import SimpleNamespace  # noqa: E402
from typing import Any, TypeVar  # noqa: E402

import gevent  # noqa: E402
from flask import Flask  # noqa: E402
from locust.env import Environment  # noqa: E402

from perfsuite.load.dispatcher import RoleDispatcher  # noqa: E402
from perfsuite.load.install import Hooks, guard, install  # noqa: E402
from perfsuite.load.locust_count import LocustCount, note_own_listeners  # noqa: E402
from perfsuite.load.schedule import UserSchedule  # noqa: E402
from perfsuite.load.state import LoadOrder, LoadState  # noqa: E402
from perfsuite.load.users import EventObserver, RoleUser, user_classes  # noqa: E402
from perfsuite.measurements.records import Actions, End, NotPossible, Record, Requests, Users  # noqa: E402
from perfsuite.model import FailureKind, Plan, Scenario  # noqa: E402
from perfsuite.model.sample import Series  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.target.exchange import (  # noqa: E402
    Action,
    Failure,
    Sample,
)
from tests.load.child import report  # noqa: E402

USER_CLASSES = user_classes(ROLES)
T = TypeVar("T")
FAST = 1_000_000.0


class Shelf:
    """A sink that keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)

    def flush(self) -> None:
        """All is here already."""

    def close(self) -> None:
        """Nothing to close."""

    def only(self, kind: type[T]) -> T:
        (found,) = [record for record in self.records if isinstance(record, kind)]
        return found


class Crew:
    """A dispatcher over workers that exist in name only."""

    def __init__(self, workers: int, classes: list[type[RoleUser]] | None = None) -> None:
        self.workers = [SimpleNamespace(id=f"host_{number}") for number in range(workers)]
        self.dispatcher = RoleDispatcher(self.workers, classes or USER_CLASSES)

    def go_to(self, users: int, rate: float = FAST) -> list[Counter[str]]:
        """The counts by role after each step towards `users`."""
        self.dispatcher._wait_between_dispatch = 0
        self.dispatcher.new_dispatch(target_user_count=users, spawn_rate=rate)
        self.dispatcher._wait_between_dispatch = 0  # the pauses between steps are not what is looked at
        return [_by_role(step) for step in self.dispatcher]

    def on_workers(self) -> list[int]:
        users = self.dispatcher._users_on_workers
        return [sum(users[worker.id].values()) for worker in self.workers]


def _by_role(users: dict[str, dict[str, int]]) -> Counter[str]:
    slugs = {one.__name__: one.role.slug for one in USER_CLASSES}
    counts: Counter[str] = Counter()
    for of_worker in users.values():
        counts.update({slugs[name]: count for name, count in of_worker.items()})
    return counts


def plateaus(workers: int) -> dict[str, Any]:
    """Totals reached from nothing, and one after the other: growing, then shrinking."""
    fresh = {users: Crew(workers).go_to(users)[-1] for users in (1, 7, 10, 91, 200)}
    crew = Crew(workers)
    tour = [(users, crew.go_to(users)[-1]) for users in (10, 91, 200, 91, 50, 10, 7, 120)]
    return {"fresh": list(fresh.items()), "tour": tour}


def growing() -> list[Counter[str]]:
    """Every step of a ramp-up of three at a time, then of a second one."""
    crew = Crew(1)
    return [*crew.go_to(50, rate=3), *crew.go_to(91, rate=4)]


def workers_share() -> dict[str, list[int]]:
    crew = Crew(2)
    crew.go_to(91)
    before = crew.on_workers()
    crew.workers.append(SimpleNamespace(id="host_2"))
    crew.dispatcher.add_worker(crew.workers[-1])
    return {
        "two": before,
        "three": crew.on_workers(),
        "roles": sorted(_by_role(crew.dispatcher._users_on_workers).values()),
    }


def worker_lost() -> dict[str, Any]:
    """In the middle of a ramp-up one of two workers is gone."""
    crew = Crew(2)
    crew.dispatcher.new_dispatch(target_user_count=91, spawn_rate=30)
    crew.dispatcher._wait_between_dispatch = 0
    next(crew.dispatcher)
    crew.dispatcher.remove_worker(crew.workers.pop())
    steps = [_by_role(step) for step in crew.dispatcher]
    return {"after": steps[0], "end": steps[-1], "on": crew.on_workers()}


def some_classes() -> Counter[str]:
    chosen = [one for one in USER_CLASSES if one.role.slug in ("policyholder", "junior_agent")]
    return Crew(1, chosen).go_to(70)[-1]


def _order(folder: Path, **more: Any) -> LoadOrder:
    plan = Plan("basic_1", Scenario("basic", 1, 1, 1), "http://localhost", {}, (), (), 1, "2026-03-01T09:30:00Z")
    return LoadOrder(plan, folder, (), **({"left_out": {}} | more))


def reported() -> dict[str, Any]:
    """What reaches the recorder of what a session observes, through Locust's own event."""
    shelf = Shelf()
    environment = Environment(user_classes=USER_CLASSES)
    load = LoadState(_order(Path(mkdtemp())), shelf, on_placed=lambda _users: None)
    install(environment, Hooks(lambda _environment: load, lambda _load: None, lambda _load: None))
    environment.create_local_runner()  # it is the runner that counts
    environment.agentmitra_load = load
    seen: list[dict[str, Any]] = []
    environment.events.request.add_listener(lambda **event: seen.append(event))
    observer = EventObserver(environment, load)
    known = (Series("policyholder", "payment access", "policies.premiums"), "id-1", 1_772_357_400.5, 12_345)
    observer.request(Sample(*known, 200, 7, None))
    observer.request(Sample(*known, 500, 7, Failure(FailureKind.STATUS, "HTTP 500")))
    refused = Failure(FailureKind.STATUS, "HTTP 401: Token has expired")
    observer.request(Sample(*known, 401, 7, refused, expired=True))
    observer.not_possible("policyholder", "payment access", "policies.premiums", "needs a policy_id")
    stats = environment.stats.total
    totals = [stats.num_requests, stats.num_failures]
    load.finish(lambda: stats.num_requests, "completed")
    requests, missing, end = shelf.only(Requests), shelf.only(NotPossible), shelf.only(End)
    return {
        "key": [requests.second, requests.role, requests.behaviour, requests.operation],
        "ok_us": requests.ok.sum_us,
        "failed_us": requests.failed.sum_us,
        "error": [requests.errors[0].kind, requests.errors[0].message, requests.errors[0].request_id],
        "expired": [requests.expired, seen[2]["name"], seen[2]["exception"]],
        "missing": [missing.count, missing.why],
        "locust": totals,
        "event": {name: seen[0][name] for name in ("request_type", "name", "response_time", "response_length")},
        "end": [end.worker, end.recorded, end.locust_total],
    }


def straight() -> dict[str, Any]:
    """The events and counts of a good request where only Locust and the suite listen, then with a listener more."""
    environment: Any = Environment(user_classes=USER_CLASSES)
    load = LoadState(_order(Path(mkdtemp())), Shelf(), on_placed=lambda _users: None)
    install(environment, Hooks(lambda _environment: load, lambda _load: None, lambda _load: None))
    environment.create_local_runner()
    environment.agentmitra_load = load
    environment.stats = LocustCount()
    note_own_listeners(environment)
    event, fired = environment.events.request, []
    fire = event.fire
    event.fire = lambda **given: (fired.append(given["name"]), fire(**given))
    observer, total, heard = EventObserver(environment, load), environment.stats.total, []

    def send(failure: Failure | None = None, *, expired: bool = False) -> list[int]:
        series = Series("policyholder", "payment access", "policies.premiums")
        observer.request(Sample(series, "id-1", 1_772_357_400.5, 12_345, 200, 7, failure, expired=expired))
        return [len(fired), len(heard), total.num_requests, total.num_failures, load.recorder.cells.recorded]

    failure = Failure(FailureKind.STATUS, "HTTP 500")
    alone = {"good": send(), "failed": send(failure), "expired": send(failure, expired=True), "again": send()}
    event.add_listener(lambda **given: heard.append(given))
    return {"alone": alone, "heard": [send(), send(), send(failure), send(failure, expired=True)]}


def key_password() -> list[str]:
    """How a message that holds it is shown."""
    load = LoadState(_order(Path(mkdtemp()), key_password="key-pass-1"), Shelf(), on_placed=lambda _users: None)
    load.failed(ValueError("bad decrypt with key-pass-1"), "a connection was opened")
    without = LoadState(_order(Path(mkdtemp())), Shelf(), on_placed=lambda _users: None)
    return [load.errors.new()[0].message, *without.secrets]


def actions() -> dict[str, Any]:
    """Which results of an action are counted."""
    shelf = Shelf()
    load = LoadState(_order(Path(mkdtemp())), shelf, on_placed=lambda _users: None)
    user = USER_CLASSES[5].__new__(USER_CLASSES[5])
    user._load = load
    user._paused = None
    user._schedule = UserSchedule(1, user.role, user.role.behaviours, 0)
    results = iter(
        [
            Action("done", 5.0, 10, 2, succeeded=True),
            Action("failed", 5.0, 10, 2, succeeded=False),
            Action("not logged in", 5.0, 10, 0, succeeded=False),
            Action("nothing possible", 5.0, 10, 0, succeeded=True),
        ]
    )
    user.session = SimpleNamespace(perform=lambda _behaviour, _due_at: next(results))
    for _ in range(4):
        user.act()
    load.finish(lambda: 0, "completed")
    done = [record for record in shelf.records if isinstance(record, Actions)]
    return {record.behaviour: [record.actions, record.succeeded] for record in done if record.actions}


class Waiting:
    """A session whose logins fail so often, and then have to wait so long each."""

    def __init__(self, failures: int, wait_s: float, *, rejected: bool = False) -> None:
        self._rejected = rejected
        self.logins, self._failures, self._wait_s = 0, failures, wait_s

    def login(self) -> bool:
        self.logins += 1
        return self.logged_in

    @property
    def logged_in(self) -> bool:
        return self.logins > self._failures

    @property
    def login_rejected(self) -> bool:
        return self._rejected and not self.logged_in

    @property
    def login_wait_s(self) -> float:
        return 0.0 if self.logged_in else self._wait_s


def _waiting_user(session: Waiting, shelf: Shelf) -> Any:
    user = USER_CLASSES[5].__new__(USER_CLASSES[5])
    user.role = replace(user.role, think_min_s=0.0, think_max_s=0.0)
    user._load = LoadState(_order(Path(mkdtemp())), shelf, on_placed=lambda _users: None)
    user.session = session
    user._schedule = UserSchedule(1, user.role, (), 0)
    user._load.recorder.cells.logging_in = 3  # this one and two others
    user._logging_in = True
    return user


def logins() -> dict[str, Any]:
    """A user whose logins have to wait: before its first action, between actions, and when the load ends meanwhile."""
    shelf, session = Shelf(), Waiting(2, 0.05)
    user = _waiting_user(session, shelf)
    trying = gevent.spawn(user._log_in)
    gevent.sleep(0.02)
    logging_in = [user._load.recorder.cells.logging_in]
    trying.join(5)
    logging_in.append(user._load.recorder.cells.logging_in)
    user._load.finish(0, "completed")
    pauses = [record for record in shelf.records if isinstance(record, Actions)]  # in one UTC second or two
    leaving = _waiting_user(Waiting(9, 30.0), Shelf())
    trying = gevent.spawn(leaving._log_in)
    gevent.sleep(0.01)
    leaving._leaving = True
    trying.join(5)
    rejected = _waiting_user(Waiting(9, 30.0, rejected=True), Shelf())
    hopeless = gevent.spawn(rejected._log_in)
    gevent.sleep(0.01)
    logging_in += [one._load.recorder.cells.logging_in for one in (leaving, rejected)]
    hopeless.kill()
    logging_in.append(rejected._load.recorder.cells.logging_in)
    due = _waiting_user(Waiting(9, 12.0), Shelf())
    closed, due._load.arrivals = due.wait_time(), object()
    return {
        "logins": session.logins,
        "pauses": [
            *{one.role for one in pauses},
            *{one.behaviour for one in pauses},
            sum(one.actions for one in pauses),
            sum(one.pauses for one in pauses),
        ],
        "paused_s": sum(one.pause_us for one in pauses) / 1e6,
        "left": [trying.dead, leaving.session.logins],
        "logging_in": logging_in,
        "recorded": [record.logging_in for record in shelf.records if isinstance(record, Users)],
        "wait_s": [closed, due.wait_time(), user.wait_time()],
    }


def behaviours() -> dict[str, list[str]]:
    """What is left for a Senior Agent to do."""
    senior = ROLES[3]
    reads = frozenset({"dashboard.senior_agent", "agents.profile"})
    orders = {
        "all": _order(Path(mkdtemp())),
        "one gone": _order(Path(mkdtemp()), left_out={"senior_agent": reads}),
        "half gone": _order(Path(mkdtemp()), left_out={"senior_agent": frozenset({"agents.profile"})}),
        "dead": _order(Path(mkdtemp()), dead=frozenset({"senior_agent / policy creation"})),
    }
    return {name: [behaviour.name for behaviour in order.behaviours(senior)] for name, order in orders.items()}


def plateau() -> list[int]:
    """When a process tells that all its users are placed."""
    reported: list[int] = []
    load = LoadState(_order(Path(mkdtemp())), Shelf(), on_placed=reported.append)
    load.begin(2)
    for role in ("policyholder", "junior_agent", "policyholder"):
        load.user_started(role)
    load.user_stopped("policyholder")
    load.retarget(4)
    load.user_started("policyholder")
    load.user_started("policyholder")
    load.finish(lambda: 0, "completed")
    return reported


def page() -> dict[str, int]:
    """Status of requests to Locust's page, by who asks."""
    app = Flask("page")
    app.add_url_rule("/", "page", lambda: "ok")
    app.add_url_rule("/stop", "stop", lambda: "ok")
    app.add_url_rule("/swarm", "swarm", lambda: "ok", methods=["POST"])
    guard(SimpleNamespace(app=app), lambda host: "" if host == "http://localhost:8015" else f"refused: {host}")
    client = app.test_client()
    here = "http://127.0.0.1:8089"
    ours = {"host": "http://localhost:8015"}
    asked = {
        "a host that may be loaded": client.post("/swarm", base_url=here, data=ours),
        "a host that may not": client.post("/swarm", base_url=here, data={"host": "https://agentmitra.com"}),
        "the page itself": client.get("/", base_url=here),
        "its own button": client.post("/swarm", base_url=here, headers={"Origin": here}, data=ours),
        "a program without Origin": client.post("/swarm", base_url=here, data=ours),
        "another page's form": client.post("/swarm", base_url=here, headers={"Origin": "https://evil.example"}),
        "a file": client.post("/swarm", base_url=here, headers={"Origin": "null"}),
        "another port": client.post("/swarm", base_url=here, headers={"Origin": "http://127.0.0.1:9999"}),
        "another page's picture": client.get("/stop", base_url=here, headers={"Sec-Fetch-Site": "cross-site"}),
        "a link elsewhere": client.get("/", base_url=here, headers={"Sec-Fetch-Site": "cross-site"}),
        "a name that was turned to here": client.get("/", base_url="http://evil.example:8089"),
        "by name": client.get("/", base_url="http://localhost:8089"),
        "IPv6": client.get("/", base_url="http://[::1]:8089"),
    }
    return {name: answer.status_code for name, answer in asked.items()}


if __name__ == "__main__":
    report(
        {
            "one": plateaus(1),
            "two": plateaus(2),
            "growing": growing(),
            "workers": workers_share(),
            "lost": worker_lost(),
            "some": some_classes(),
            "reported": reported(),
            "straight": straight(),
            "key_password": key_password(),
            "actions": actions(),
            "logins": logins(),
            "behaviours": behaviours(),
            "page": page(),
            "plateau": plateau(),
            "classes": [[one.__name__, one.role.slug, one.weight] for one in USER_CLASSES],
        }
    )
