"""Runs in which one seam raises what nobody expects, in both load models: all at once, in a process with Locust."""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

from collections.abc import Callable, Iterable, Mapping  # noqa: E402
from dataclasses import dataclass, replace  # noqa: E402
from itertools import takewhile  # noqa: E402
from pathlib import Path  # noqa: E402
from tempfile import mkdtemp  # noqa: E402
from typing import Any  # noqa: E402

import gevent  # noqa: E402
import msgspec  # noqa: E402
from locust.dispatch import UsersDispatcher  # noqa: E402
from locust.env import Environment  # noqa: E402
from msgspec import structs  # noqa: E402

from perfsuite.clock import utc_s  # noqa: E402
from perfsuite.judge import judge  # noqa: E402
from perfsuite.load.arrivals import ArrivalQueue, Arrived  # noqa: E402
from perfsuite.load.install import Hooks, install  # noqa: E402
from perfsuite.load.schedule import SessionAssignment  # noqa: E402
from perfsuite.load.state import LoadOrder, LoadState  # noqa: E402
from perfsuite.load.users import EventObserver, RoleUser, user_class  # noqa: E402
from perfsuite.measurements.aggregate import Aggregate  # noqa: E402
from perfsuite.measurements.recorder import Recorder  # noqa: E402
from perfsuite.measurements.records import Phase, Record, SuiteErrors  # noqa: E402
from perfsuite.model import (  # noqa: E402
    Arrival,
    FailureKind,
    GeneratorHealth,
    Plan,
    Scenario,
    Summary,
    Target,
)
from perfsuite.model.role import Call, Role, Step  # noqa: E402
from perfsuite.roles import ROLES as REAL_ROLES  # noqa: E402
from perfsuite.summary import build  # noqa: E402
from perfsuite.target.exchange import Answer, Request, Transport  # noqa: E402
from perfsuite.target.journal import Journal, JournalEntry  # noqa: E402
from perfsuite.target.session import Sample, Session  # noqa: E402
from tests.load.child import report  # noqa: E402
from tests.target.fake_target import ACCOUNTS, FakeTarget  # noqa: E402

LASTS_S, MOST_S = 8.0, 100.0
"""At least and at most: a load goes on until it has shown enough, for which a busy machine takes longer."""
ENOUGH = 60
"""Requests."""
STOP_TIMEOUT_S = 2
USERS = 6
THINK_S, THINK_OPEN_S = (0.3, 0.6), (0.1, 0.2)
RATE = 2.5
"""Of the open model: a quarter of what its sessions can do."""


class Injected(Exception):
    """What nobody expects."""


class Fault:
    """Raises at every fifth call; where calls are rare and come in pairs, at both of them by turns."""

    def __init__(self, seam: str) -> None:
        self.seam = seam
        self.at = (2, 0) if seam == "journal" else (0,)
        self.calls = 0
        self.raised = 0

    def __call__(self) -> None:
        self.calls += 1
        if self.calls % 5 in self.at:
            self.always()

    def always(self) -> None:
        self.raised += 1
        raise Injected(f"{self.seam} with the-secret-word")


class Instant:
    """A target in memory, at the time of the run."""

    def __init__(self, target: FakeTarget, *, before: Callable[[], None], after: Callable[[Answer], Answer]) -> None:
        self._target = target
        self._before = before
        self._after = after

    def exchange(self, request: Request) -> Answer:
        sent_at = utc_s()
        self._before()
        gevent.sleep(0.002)
        return self._after(structs.replace(self._target.exchange(request), sent_at=sent_at, elapsed_us=2_000))

    def close(self) -> None:
        """Nothing is open."""


class Unreadable(Answer, kw_only=True):
    """An answer whose JSON nobody can read, by an error that is not the decoder's own."""

    fault: Fault

    def json(self) -> Any:
        self.fault()
        return super().json()

    def decoded_by(self, decoder: msgspec.json.Decoder[Any]) -> Any:
        self.fault()
        return super().decoded_by(decoder)


class FaultyJournal(Journal):
    def __init__(self, fault: Fault) -> None:
        super().__init__(None)
        self._fault = fault

    def write(self, entry: JournalEntry) -> None:
        self._fault()


class FaultyOwners(dict[tuple[str, str], str]):
    """Whose rows they are, which a check asks."""

    def __init__(self, fault: Fault) -> None:
        self._fault = fault

    def get(self, key: tuple[str, str], default: str = "") -> str:  # type: ignore[override]
        self._fault()
        return super().get(key, default)


class FaultyRecorder(Recorder):
    def __init__(self, sink: Sink, fault: Fault) -> None:
        super().__init__("worker-1", sink)
        self._fault = fault
        self._refused = ""

    def request(self, sample: Sample) -> None:
        if sample.request_id == self._refused:
            raise Injected("the same request once more")
        try:
            self._fault()
        except Injected:
            self._refused = sample.request_id
            raise
        super().request(sample)


class FaultyTick(Recorder):
    def __init__(self, sink: Sink, fault: Fault) -> None:
        super().__init__("worker-1", sink)
        self._fault = fault

    def tick(self, users_by_role: Mapping[str, int]) -> None:
        super().tick(users_by_role)
        self._fault.always()


class FaultyQueue(ArrivalQueue):
    fault: Fault

    def take(self, role: str) -> Arrived | None:
        self.fault()
        return super().take(role)


class Sink:
    """Keeps what it is given."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def write(self, record: Record) -> None:
        self.records.append(record)

    def flush(self) -> None:
        """All is here already."""

    def close(self) -> None:
        """Nothing to close."""


@dataclass
class Case:
    """One run: which seam raises, in which model."""

    seam: str
    open_model: bool

    def __post_init__(self) -> None:
        self.fault = Fault(self.seam)
        self.sink = Sink()
        self.target = FakeTarget()
        self.folder = Path(mkdtemp())
        self.roles = tuple(self._role(role) for role in REAL_ROLES if role.slug in ("senior_agent", "policyholder"))

    # ── what is loaded ─────────────────────────────────────────────────────────────────────────────

    def _role(self, role: Role) -> Role:
        low, high = THINK_OPEN_S if self.open_model else THINK_S
        role = replace(role, weight=1, think_min_s=low, think_max_s=high)
        if self.seam != "role step":
            return role
        behaviours = tuple(replace(one, steps=(Step("users.me", self._raising), *one.steps)) for one in role.behaviours)
        return replace(role, behaviours=behaviours)

    def _raising(self, _session: Session) -> Call:
        self.fault()
        return Call()

    def plan(self, lasts_s: float = LASTS_S) -> Plan:
        arrival = Arrival(RATE) if self.open_model else None
        return Plan(
            run_id="basic_20260301_093000",
            scenario=Scenario("basic", USERS, 1000, lasts_s, arrival=arrival),
            host="http://localhost",
            users_by_role={role.slug: USERS // 2 for role in self.roles},
            targets=(Target("average response time", "avg_ms", 60_000, True),),
            allowed_hosts=(),
            seed=1,
            created_at="2026-03-01T09:30:00Z",
        )

    # ── seams ──────────────────────────────────────────────────────────────────────────────────────

    def transport(self) -> Transport:
        before, after = _nothing, _same
        if self.seam == "transport":
            before = self.fault
        elif self.seam == "cut off":
            before = self._hang
        elif self.seam == "parser":
            after = self._unreadable
        return Instant(self.target, before=before, after=after)

    def _hang(self) -> None:
        try:
            self.fault()
        except Injected:
            gevent.sleep(10 * MOST_S)

    def _unreadable(self, answer: Answer) -> Answer:
        fields = {name: getattr(answer, name) for name in Answer.__struct_fields__}
        return Unreadable(**fields, fault=self.fault)

    def user_class(self, role: Role) -> type[RoleUser]:
        case, made = self, user_class(role)

        class FaultyObserver(EventObserver):
            def record(self, sample: Sample) -> None:
                if case.seam == "observer" and sample.failure is None:
                    case.fault()
                super().record(sample)

        class User(made):  # type: ignore[valid-type, misc]
            abstract = False
            __name__ = made.__name__

            def make_transport(self) -> Transport:
                return case.transport()

            def make_observer(self) -> EventObserver:
                return FaultyObserver(self.environment, self._load)

            def think_s(self) -> float:
                if case.seam == "wait":
                    case.fault()
                return float(super().think_s())

        return type(made.__name__, (User,), {"abstract": False})

    def load(self) -> LoadState:
        plan = self.plan(MOST_S)
        accounts = tuple(replace(ACCOUNTS[role.slug]) for role in self.roles for _ in range(USERS // 2))
        order = LoadOrder(
            plan, self.folder, accounts, {role.slug: frozenset() for role in self.roles}, worker="worker-1"
        )
        order = replace(order, start_at=utc_s() + 0.2)
        load = LoadState(order, self.sink, on_placed=lambda _users: load.recorder.phase("plateau"))
        if self.seam == "recorder":
            load.recorder = FaultyRecorder(self.sink, self.fault)
        elif self.seam == "recorder's writer":
            load.recorder = FaultyTick(self.sink, self.fault)
        elif self.seam == "journal":
            load.run.journal = FaultyJournal(self.fault)
        elif self.seam == "checks":
            load.run.owners.users = FaultyOwners(self.fault)
        load.recorder.phase("ramp-up")
        self._begin_arrivals(load)
        return load

    def _begin_arrivals(self, load: LoadState) -> None:
        sessions = {role.slug: [0] * (USERS // 2) for role in self.roles}
        load.begin_arrivals(self.roles, dict.fromkeys(sessions, 1), SessionAssignment(sessions))
        if self.seam == "wait" and load.arrivals is not None:
            load.arrivals.__class__ = FaultyQueue
            load.arrivals.fault = self.fault  # type: ignore[attr-defined]

    # ── the run ────────────────────────────────────────────────────────────────────────────────────

    def run(self) -> dict[str, Any]:
        environment = Environment(
            user_classes=[self.user_class(role) for role in self.roles],
            stop_timeout=STOP_TIMEOUT_S if self.seam == "cut off" else MOST_S,
            catch_exceptions=True,
        )
        hooks = Hooks(
            lambda _environment: self.load(),
            lambda load: load.recorder.phase("ramp-down"),
            lambda _load: None,
            dispatcher=UsersDispatcher,
        )
        install(environment, hooks)
        runner = environment.create_local_runner()
        runner.start(USERS, spawn_rate=100)
        gevent.sleep(LASTS_S)
        with gevent.Timeout(MOST_S - LASTS_S, False):
            while not self._has_shown_enough(environment.agentmitra_load):
                gevent.sleep(0.2)
        runner.quit()
        load = environment.agentmitra_load
        assert load is not None
        return self._found(load)

    def _has_shown_enough(self, load: LoadState) -> bool:
        if self.seam == "cut off":
            return self.fault.raised == USERS
        if load.arrivals is not None and any(load.arrivals.waiting()):
            return False
        met = self.fault.raised > (3 if self.seam == "journal" else 1) and any(
            isinstance(record, SuiteErrors) for record in self.sink.records
        )
        return len(self.target.sent) > ENOUGH and (met or self.seam == "none")

    def _before_the_end(self) -> Iterable[Record]:
        """What was recorded until the load began to stop."""
        return takewhile(
            lambda record: not (isinstance(record, Phase) and record.name == "ramp-down"), self.sink.records
        )

    def _found(self, load: LoadState) -> dict[str, Any]:
        plan = self.plan()
        summary = build(plan, Aggregate.of(self.sink.records), preflight=None, roles=self.roles)
        counts = summary.reconciliation
        failures = [group for group in summary.failures if group.kind == FailureKind.SUITE_ERROR]
        verdict = judge(plan, _on_a_quiet_machine(summary), self.roles)
        log = self.folder / "suite-errors.log"
        return {
            "raised": self.fault.raised,
            "errors": [[one.place, one.message, one.count, one.log] for one in summary.suite_errors],
            "reported early": sum(isinstance(record, SuiteErrors) for record in self._before_the_end()),
            "sent": counts.sent,
            "recorded": counts.recorded,
            "unrecorded": counts.unrecorded,
            "locust": counts.locust_total,
            "arrived": len(self.target.sent),
            "agrees": counts.agrees,
            "failures": sum(group.count for group in failures),
            "messages": [group.message for group in failures],
            "unfinished": sum(group.count for group in summary.failures if group.kind == FailureKind.UNFINISHED),
            "other failures": sum(group.count for group in summary.failures) - sum(group.count for group in failures),
            "outcome": verdict.outcome.value,
            "reasons": list(verdict.reasons),
            "begun": summary.arrivals.begun if summary.arrivals else None,
            "due": summary.arrivals.due if summary.arrivals else None,
            "log": log.read_text() if log.exists() else "",
        }


def _nothing() -> None:
    """Raises nothing."""


def _same(answer: Answer) -> Answer:
    return answer


def _on_a_quiet_machine(summary: Summary) -> Summary:
    """Whether the machine of the test was busy is not what is looked at."""
    quiet = GeneratorHealth(1, 10.0, 1.0, summary.generator.lost_reports)
    return replace(summary, generator=quiet, arrivals=None, occupancy=(), drifts=())


SEAMS = (
    "none",
    "transport",
    "parser",
    "checks",
    "observer",
    "recorder",
    "recorder's writer",
    "journal",
    "role step",
    "wait",
    "cut off",
)


def main() -> None:
    cases = [Case(seam, open_model) for seam in SEAMS for open_model in (False, True)]
    running = [gevent.spawn(case.run) for case in cases]
    gevent.joinall(running)
    report(
        {
            f"{case.seam}, {'open' if case.open_model else 'closed'}": one.get()
            for case, one in zip(cases, running, strict=True)
        }
    )


if __name__ == "__main__":
    main()
