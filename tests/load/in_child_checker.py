"""Checks of correctness beside a load, in a process with gevent: what they send and record, and how they end."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import time  # noqa: E402
from collections import Counter  # noqa: E402
from collections.abc import Callable, Sequence  # noqa: E402
from dataclasses import replace  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.correctness.check import (  # noqa: E402
    Check,
    CheckActor,
    CheckContext,
    Held,
    Send,
    Steps,
    TokenKind,
    Violated,
    ask,
)
from perfsuite.correctness.permissions import REFUSED_ROLE, REFUSED_TOKENS  # noqa: E402
from perfsuite.load.caught import listen_for_errors  # noqa: E402
from perfsuite.load.checker import BEGIN_EVERY_S, Checker, CheckOrder, check_order  # noqa: E402
from perfsuite.load.lease import NoLease  # noqa: E402
from perfsuite.load.sent import SentCount  # noqa: E402
from perfsuite.measurements.check_ended import CheckEnded  # noqa: E402
from perfsuite.measurements.recorder import Recorder  # noqa: E402
from perfsuite.measurements.records import Record  # noqa: E402
from perfsuite.model import Account, ApiMapping, Plan, PreflightReport, Scenario  # noqa: E402
from perfsuite.model.correctness import CheckLevel, Invariant  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.target.catalogue import CATALOGUE  # noqa: E402
from perfsuite.target.exchange import Answer, LastRequest, Request  # noqa: E402
from perfsuite.target.run_state import RunState  # noqa: E402
from perfsuite.target.session import Session  # noqa: E402
from tests.load.child import report  # noqa: E402
from tests.target.fake_target import ACCOUNTS, FakeTarget  # noqa: E402

SHARE = 0.02
ROLE = "policyholder"
ME, LAST = CheckActor(ROLE), CheckActor(ROLE, -1)
HELD_UP = "users.me"
"""The operation that a slow target answers late."""
WITHIN_S = 30.0


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


class Connection:
    """To a target that takes its time."""

    def __init__(self, target: FakeTarget, slow_s: float) -> None:
        self._target, self._slow_s = target, slow_s

    def exchange(self, request: Request) -> Answer:
        gevent.sleep(self._slow_s if request.target.endswith("/users/me") else 0.001)
        return self._target.exchange(request)

    def close(self) -> None:
        """Nothing to close."""


class Scene:
    """A checker at a target."""

    def __init__(
        self,
        checks: Sequence[Check],
        slow_s: float = 0.001,
        impossible: Sequence[Check] = (),
        began_s: float = 2.0,
    ) -> None:
        """`began_s`: so long ago the load has begun, of a minute."""
        self.target, self.sink, self.load, self.failed = FakeTarget(), Kept(), SentCount(), list[list[str]]()
        scenario = Scenario("basic", 5, 1, 60)
        roles, accounts = {role.slug: role for role in ROLES}, {ROLE: {7: ACCOUNTS[ROLE]}}
        order = CheckOrder(SHARE, 1, scenario, roles, accounts, checks, [(each, "no account") for each in impossible])
        self.run = RunState("check_1", purpose="check")
        recorder = Recorder("worker-1", self.sink)
        self.checker = Checker(order, self.run, recorder, NoLease(), lambda: Connection(self.target, slow_s))
        self.loop = gevent.spawn(self.checker.loop, self.load, utc_s() - began_s, self._failed)
        gevent.sleep(0)

    def _failed(self, error: BaseException, during: str) -> None:
        self.failed.append([str(error), during])

    def goes_on(self, until: Callable[[], object], requests: int = 0) -> None:
        """The load sends so many more requests; then wait."""
        self.load.sent += requests
        deadline = time.monotonic() + WITHIN_S
        while not until() and time.monotonic() < deadline:
            gevent.sleep(0.01)

    def end(self) -> float:
        """Seconds until the checks have ended."""
        began = time.monotonic()
        self.checker.stop()
        self.loop.kill()
        self.checker.finish()
        return time.monotonic() - began

    @property
    def ended(self) -> list[CheckEnded]:
        return [record for record in self.sink.records if isinstance(record, CheckEnded)]

    def told(self) -> dict[str, Any]:
        """Of all records."""
        return {
            "results": dict(Counter(f"{record.rule}: {record.result} {record.why}".strip() for record in self.ended)),
            "requests": [sum(record.requests for record in self.ended), self.checker.sent.sent, len(self.target.asked)],
            "failed": self.failed,
        }


def check(rule: str, steps: Callable[[CheckContext], Steps], requests: int = 1, *, writes: bool = False) -> Check:
    return Check(Invariant.PERMISSIONS, rule, HELD_UP, (ME,), requests, steps, writes)


def asks(_context: CheckContext) -> Steps:
    yield from ask(Send(ME, HELD_UP))
    return Held()


def both(_context: CheckContext) -> Steps:
    yield Send(ME, HELD_UP), Send(ME, HELD_UP)
    return Held()


def is_wrong(context: CheckContext) -> Steps:
    reply = yield from ask(Send(LAST, HELD_UP))
    return Violated("one's own account", f"that of {context.name(LAST)}", (reply,))


def waits(_context: CheckContext) -> Steps:
    yield from ask(Send(ME, "policies.list"))
    yield 30.0
    yield from ask(Send(ME, "policies.list"))
    return Held()


def fails(_context: CheckContext) -> Steps:
    reply = yield from ask(Send(ME, "policies.list"))
    return Violated(reply.body["nothing"], "", ())


def changes(context: CheckContext) -> Steps:
    """Twice, with a pause, and puts it back."""
    path = {"user_id": context.user_id(ME)}
    change = Send(ME, "users.preferences", path, {"theme_preference": "dark"})
    try:
        yield from ask(change)
        yield 1.0
        yield from ask(change)
    finally:
        yield (Send(ME, "users.preferences", path, {"theme_preference": "light"}, restores=True),)
    return Held()


def looks_again(_context: CheckContext) -> Steps:
    for _look in range(30):
        yield from ask(Send(ME, HELD_UP))
    return Held()


def shares() -> dict[str, Any]:
    """A login and as many checks as the load has earned, and a record of all."""
    scene = Scene([check("asks", asks)], impossible=[check("impossible", asks)])
    scene.goes_on(lambda: len(scene.ended) == 4, 250)
    gevent.sleep(0.1)
    scene.end()
    return scene.told()


def never_reached() -> dict[str, Any]:
    scene = Scene([check("asks", asks), check(REFUSED_TOKENS[TokenKind.EXPIRED], asks)])
    scene.load.sent += 49
    gevent.sleep(0.1)
    scene.end()
    return scene.told()


def lent_login() -> dict[str, Any]:
    """The load uses the account already: its login is good for the checks."""
    scene = Scene([check("asks", asks)])
    run, account = RunState("check_1"), ACCOUNTS[ROLE]
    session = Session(scene.checker.client._roles[ROLE], account, scene.target, run, LastRequest())
    assert session.login()
    scene.checker.sessions[account.phone_number] = session
    scene.target.asked.clear()
    scene.goes_on(lambda: scene.ended, 50)
    scene.end()
    return scene.told()


def slow_target(steps: Callable[[CheckContext], Steps]) -> dict[str, Any]:
    """The load is over while a check waits for answers."""
    scene = Scene([check("slow", steps, 2)], slow_s=30.0)
    scene.goes_on(lambda: scene.checker.sent.sent >= 2, 200)
    took_s = scene.end()
    return scene.told() | {"took_s": took_s}


def waiting() -> dict[str, Any]:
    """The load is over while a check lets time pass: it sends nothing more."""
    scene = Scene([check("waits", waits, 2)])
    scene.goes_on(lambda: len(scene.target.asked) == 2, 200)
    took_s = scene.end()
    return scene.told() | {"took_s": took_s}


def own_error() -> dict[str, Any]:
    """A check fails by itself; others go on."""
    scene = Scene([check("fails", fails), check("asks", asks)])
    scene.goes_on(lambda: {record.rule for record in scene.ended} == {"fails", "asks"}, 200)
    scene.end()
    return scene.told() | {"rules": sorted({record.rule for record in scene.ended})}


def login_refused() -> dict[str, Any]:
    """Two requests at once, of which neither can be sent."""
    scene = Scene([check("both", both, 2)])
    scene.target.forbidden.add((ROLE, "login"))
    scene.target.users.clear()
    scene.goes_on(lambda: scene.ended, 150)
    scene.end()
    return scene.told()


def elsewhere() -> list[int]:
    """What other processes sent before counts for nothing, what they send from now on does."""
    scene = Scene([check("asks", asks)])
    found = []
    for requests, until in ((5_000, 0), (5_000, 0), (5_100, 2)):
        scene.checker.note_elsewhere(requests)
        scene.goes_on(lambda until=until: scene.checker.sent.sent >= until)  # type: ignore[misc]
        gevent.sleep(0.1)
        found.append(scene.checker.sent.sent)
    scene.end()
    return found


def read_only_stage() -> dict[str, Any]:
    scene = Scene([check("writes", asks, writes=True), check("reads", asks)])
    scene.checker.may_write = False
    scene.goes_on(lambda: len(scene.ended) == 3, 200)
    gevent.sleep(0.1)
    found = sorted({record.rule for record in scene.ended})
    scene.checker.may_write = True
    scene.goes_on(lambda: len(scene.ended) == 4, 50)
    scene.end()
    return {"read only": found, "then": scene.ended[3].rule}


def second_looks() -> dict[str, Any]:
    """A check that never ends by itself, though it was to send one request: what was sent when it had to wait, when
    the load had all but paid for that, and when it had."""
    scene, sent = Scene([check("looks again", looks_again)]), list[int]()
    for load, until in ((200, 12), (440, 0), (10, 21)):
        scene.goes_on(lambda until=until: scene.checker.sent.sent >= until, load)  # type: ignore[misc]
        gevent.sleep(5 * BEGIN_EVERY_S)
        sent.append(scene.checker.sent.sent)
    scene.end()
    return scene.told() | {"sent": sent}


def read_only_stage_begins() -> dict[str, Any]:
    """While a check that writes is under way."""
    scene = Scene([check("changes", changes, 3, writes=True)])
    scene.goes_on(lambda: len(scene.target.asked) == 2, 200)
    scene.checker.may_write = False
    scene.goes_on(lambda: scene.ended)
    scene.end()
    written = [asked.body["theme_preference"] for asked in scene.target.asked if asked.operation != "login"]
    return scene.told() | {"written": written}


def wrong() -> dict[str, Any]:
    scene = Scene([check("is wrong", is_wrong)])
    scene.goes_on(lambda: scene.ended, 200)
    scene.end()
    (record, *_more) = scene.ended
    return {
        "seen": record.seen,
        "evidence": [each.actor for each in record.evidence],
        "steps": [each.actor for each in record.steps],
    }


def order_of(accounts: Sequence[Account], in_use: set[str], mapping: ApiMapping) -> CheckOrder:
    """For a run in which policyholders alone take part."""
    plan = Plan(
        "check_1", Scenario("basic", 5, 1, 60), "http://localhost", {ROLE: 5}, (), (), 1, "2026-03-01T09:30:00Z"
    )
    return check_order(
        replace(plan, check_correctness=CheckLevel.SAMPLE, mapping=mapping),
        PreflightReport("http://localhost", "agent-mitra-backend", "2.0", tuple(CATALOGUE), ()),
        ROLES,
        accounts,
        in_use,
    )


def numbers() -> dict[int, str]:
    """Of five accounts the third and the fifth are used by the load."""
    accounts = [Account(f"910000000{number}", "word", ROLE) for number in range(1, 6)]
    order = order_of(accounts, {accounts[2].phone_number, accounts[4].phone_number}, ApiMapping())
    return {number: one.phone_number[-1] for number, one in order.accounts[ROLE].items()}


def switched_off() -> dict[str, list[str]]:
    """What is not checked since a file says so, and what is checked since it says so."""
    mapping = ApiMapping(
        allowed={"users.list": (ROLE, "super_admin"), "policies.list": ("super_admin",)},
        off={"refused without a token": ("users.me",)},
        file="target.toml",
    )
    order = order_of([ACCOUNTS[ROLE]], set(), mapping)
    off = {f"{one.rule}, {one.operation}" for one, why in order.impossible if why == "switched off in target.toml"}
    refused = {one.operation for one in order.checks if one.rule == REFUSED_ROLE}
    return {"off": sorted(off), "refused": sorted(refused & {"users.list", "policies.list", "dashboard.system"})}


CASES: dict[str, Callable[[], Any]] = {
    "shares": shares,
    "never reached": never_reached,
    "lent login": lent_login,
    "slow": lambda: slow_target(asks),
    "slow, both": lambda: slow_target(both),
    "waiting": waiting,
    "own error": own_error,
    "login refused": login_refused,
    "elsewhere": elsewhere,
    "read-only stage": read_only_stage,
    "second looks": second_looks,
    "read-only stage begins": read_only_stage_begins,
    "wrong": wrong,
    "numbers": numbers,
    "switched off": switched_off,
}


def main() -> None:
    """All at once, for they mostly wait."""
    heard: list[str] = []
    listen_for_errors(lambda error, during: heard.append(f"{error!r} {during}"))
    running = {name: gevent.spawn(case) for name, case in CASES.items()}
    gevent.joinall(list(running.values()))
    report({name: one.get() for name, one in running.items()} | {"heard": heard})


if __name__ == "__main__":
    main()
