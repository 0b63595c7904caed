"""Runs whose generator is surely saturated, in several ways, and runs whose generator is surely not.

The load is that of a real run: coordinator, load processes, records, summary and verdict. Only the target is none: a
server that answers as it is told, or with canned answers, so that nothing but the generator can be at its limit.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path

import psutil

from perfsuite.judge import judge
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.messages import Message
from perfsuite.messages.reasons import Reason
from perfsuite.model import Arrival, Outcome, Scenario, Summary, Verdict
from perfsuite.model.calibration import Calibration
from perfsuite.model.generator import Bottleneck, Capacity, capacity_of
from perfsuite.roles import ROLES as SEVEN
from perfsuite.roles.mix import arriving_rps, users_by_role
from perfsuite.run.calibration import canned_server
from perfsuite.summary.summarize import build
from tests.accuracy.lab import Load, plan_of, preflight_of, prepared, truth_server, wait_until, workers_of
from tests.accuracy.quiet import undisturbed
from tests.accuracy.validity import has_begun
from tests.truth.lab import QUIET, Busy
from tests.truth.trouble import busy_neighbours, cpu_limit

ATTEMPTS = 3
_SECONDS = 7
_LAG_KNOWN_S = 9
"""The event loop is probed every 50 ms, and its lag is known from 100 probes on. A steady state has whole seconds only:
in 7 s of load it has five at most, with 99 probes or 100 or 101."""
_AT_ONCE = 4
"""Sessions start within a quarter of a second: a plateau this short settles for half a second only, and the rate has to
be reached by then."""
_BEGINS_WITHIN_S = 60.0
_GRACE_S = 60.0
_LOOK_S = 0.2
SATURATED = frozenset({Reason.GENERATOR_SATURATED, Reason.GENERATOR_THROTTLED})

Trouble = Callable[[psutil.Process], AbstractContextManager[None]]


@dataclass(frozen=True)
class GeneratorCase:
    """`by`: what the generator is short of, one of these at least; (): of nothing. `brief`: made by `make test` too.

    `behaviour`: of the truth server; "" for canned answers to the seven roles. `share`: the arrival rate, as a share of
    what one load process can make on this machine. `trouble`: what happens to the load process, as a context.
    """

    name: str
    by: tuple[Bottleneck, ...]
    scenario: Scenario
    behaviour: str = "fixed 5"
    roles_module: str = "tests.accuracy.roles"
    processes: int = 1
    share: float = 0.0
    trouble: Trouble | None = None
    brief: bool = False

    @property
    def leaves_room(self) -> bool:
        """It is saturated without CPU time, whatever runs beside it."""
        return self.by == _LOOP


@dataclass(frozen=True)
class GeneratorRun:
    """A run, and what is said of it. `full`: share of the load in which the machine was full with others' work."""

    case: GeneratorCase
    summary: Summary
    verdict: Verdict
    full: float
    attempts: int = 1

    @property
    def capacity(self) -> Capacity:
        return capacity_of(self.summary.generator, self.summary.steady_s)

    @property
    def wrong(self) -> str:
        """What is wrong with what the suite says, in words; "" when it is right."""
        reasons, used = "; ".join(self.verdict.reasons), self.capacity.used_percent
        named = any(isinstance(reason, Message) and reason.code in SATURATED for reason in self.verdict.reasons)
        said = f"{self.verdict.outcome.value}, {used} % of capacity {dict(self.capacity.shares)}: {reasons}"
        if not self.case.by:
            fine = self.verdict.outcome is not Outcome.INCONCLUSIVE and used is not None and used < 100
        else:
            fine = self.verdict.outcome is Outcome.INCONCLUSIVE and named and used == 100
            fine = fine and any(self.capacity.exceeds(part) for part in self.case.by)
        return "" if fine else said


def made(case: GeneratorCase, calibration: Calibration, folder: Path) -> GeneratorRun:
    """The run of a case. One that is wrong is made again; a healthy one twice, where others had filled the machine.

    A machine can stand still without being full: what is wrong with the suite is so in the second attempt as well.
    """
    for attempt in range(1, ATTEMPTS + 1):
        with nullcontext() if case.by else undisturbed():
            seen = _run(case, calibration, folder / f"attempt-{attempt}")
        if not seen.wrong or (attempt > 1 and (case.by or seen.full <= QUIET)):
            break
    return replace(seen, attempts=attempt)


def _run(case: GeneratorCase, calibration: Calibration, folder: Path) -> GeneratorRun:
    folder.mkdir(parents=True)
    busy = Busy(psutil.Process())
    with _target(case, folder) as url, ExitStack() as stack:
        roles = import_module(case.roles_module).ROLES
        scenario = _paced(case, calibration)
        plan = plan_of(Load(scenario, case.behaviour, case.processes, case.roles_module, roles), url)
        process = prepared(plan, folder)
        stack.callback(process.close)
        if case.trouble is not None:
            # Not before: on what is left of its core it would take long to start.
            wait_until(lambda: has_begun(folder) or not process.running, _BEGINS_WITHIN_S)
            for worker in workers_of(folder):
                stack.enter_context(case.trouble(worker))
        until = scenario.duration_s + _GRACE_S
        while process.running and until > 0:
            wait_until(lambda: not process.running, _LOOK_S)
            until -= _LOOK_S
            busy.look()
        assert not process.running, "the load did not end"
        # A worker that is lost, as one starved for long may be, fails it too, without a message: the verdict says so.
        assert not (process.failed and process.failure_message()), process.failure_message()
    summary = build(plan, Aggregate.of(list(read(folder / FILE_NAME))), preflight=preflight_of(plan), roles=roles)
    return GeneratorRun(case, summary, judge(plan, summary, roles), busy.others)


@contextmanager
def _target(case: GeneratorCase, folder: Path) -> Iterator[str]:
    if case.behaviour:
        with truth_server(case.behaviour, folder) as server:
            yield server.url
    else:
        with canned_server() as port:
            yield f"http://127.0.0.1:{port}"


def _paced(case: GeneratorCase, calibration: Calibration) -> Scenario:
    """The scenario, with the arrival rate that is a share of what one load process can make here."""
    if not case.share:
        return case.scenario
    rps = 1e6 / calibration.cpu_us * case.share
    each = arriving_rps(1.0, users_by_role(case.scenario.users, SEVEN), SEVEN)
    return replace(case.scenario, arrival=Arrival(rps / each))


# ── the cases ───────────────────────────────────────────────────────────────────────────────────────


def _closed(users: int, duration_s: int = _SECONDS) -> Scenario:
    return Scenario("closed", users, users, duration_s)


def _open(rate: float, sessions: int, *, poisson: bool = False) -> Scenario:
    return Scenario("open", sessions, _AT_ONCE * sessions, _SECONDS, arrival=Arrival(rate, poisson=poisson))


def _seven(users: int) -> Scenario:
    return Scenario("seven roles", users, _AT_ONCE * users, _SECONDS)


_BURNING, _BLOCKING, _SEVEN_ROLES = "tests.truth.busy_roles", "tests.truth.blocking_roles", "perfsuite.roles"
_CPU, _LOOP = (Bottleneck.CPU,), (Bottleneck.EVENT_LOOP,)
_STARVED = (Bottleneck.CPU, Bottleneck.EVENT_LOOP, Bottleneck.SCHEDULE)
_LIMITED = (Bottleneck.CPU_LIMIT, *_STARVED)

SATURATIONS = (
    # Steps that compute for 5 ms: 200 of them fill a core.
    GeneratorCase("computing, 20 users", _CPU, _closed(20), roles_module=_BURNING, brief=True),
    GeneratorCase("computing, 100 users", _CPU, _closed(100), roles_module=_BURNING),
    GeneratorCase("computing, 300 actions/s", _CPU, _open(300, 60), roles_module=_BURNING),
    GeneratorCase("computing, two processes", _CPU, _closed(40), roles_module=_BURNING, processes=2),
    GeneratorCase("computing, slow target", _CPU, _closed(200), "fixed 300", roles_module=_BURNING),
    # Load for most of a core at least, and others on the only core that it may use.
    *(
        GeneratorCase(
            f"{count} others on its core, {share:g} times its rate",
            _STARVED,
            _seven(200),
            "",
            _SEVEN_ROLES,
            share=share,
            trouble=busy_neighbours(count),
            brief=(count, share) == (12, 1.5),
        )
        for count, share in ((8, 1.5), (8, 2.0), (12, 1.2), (12, 1.5), (16, 1.2))
    ),
    # The same with a CPU limit, as of a container.
    *(
        GeneratorCase(
            f"{cores} of a core, 0.5 times its rate",
            _LIMITED,
            _seven(200),
            "",
            _SEVEN_ROLES,
            share=0.5,
            trouble=cpu_limit(cores),
        )
        for cores in (0.1, 0.15, 0.2)
    ),
    # What blocks the event loop takes no CPU.
    *(
        GeneratorCase(
            f"blocked, {users} users", _LOOP, _closed(users, _LAG_KNOWN_S), roles_module=_BLOCKING, brief=users == 50
        )
        for users in (20, 50, 100)
    ),
    GeneratorCase("blocked, two processes", _LOOP, _closed(60, _LAG_KNOWN_S), roles_module=_BLOCKING, processes=2),
    # More actions than one process can begin.
    *(
        GeneratorCase(f"{share:g} times its rate", _CPU, _seven(300), "", _SEVEN_ROLES, share=share)
        for share in (3.0, 4.0, 6.0)
    ),
)

# Of the open model and of a target that stalls the short experiments of tests/accuracy say the same.
HEALTHY = (
    GeneratorCase("10 users", (), _closed(10), "fixed 40"),
    GeneratorCase("50 users", (), _closed(50), "fixed 200"),
    GeneratorCase("200 users", (), _closed(200), "fixed 400"),
    GeneratorCase("a target that is too slow", (), _closed(40), "fixed 800"),
    GeneratorCase("two processes", (), _closed(60), "fixed 200", processes=2),
    GeneratorCase("spread times, closed", (), _closed(60), "lognormal 200 0.5"),
    GeneratorCase("50 actions/s", (), _open(50, 40), "fixed 20"),
    GeneratorCase("200 actions/s", (), _open(200, 80), "fixed 20"),
    GeneratorCase("500 actions/s", (), _open(500, 100), "fixed 20"),
    GeneratorCase("100 actions/s at random gaps", (), _open(100, 80, poisson=True), "fixed 50"),
    GeneratorCase("300 actions/s at random gaps", (), _open(300, 120, poisson=True), "fixed 50"),
    GeneratorCase("spread times, open", (), _open(200, 120), "lognormal 20 0.6"),
    GeneratorCase("two speeds", (), _open(200, 150), "bimodal 10 200"),
    GeneratorCase("a target that stalls", (), _open(100, 200), "stalling 5"),
    GeneratorCase("more than the target can do", (), _open(30, 12), "fixed 500"),
    GeneratorCase("open, two processes", (), _open(200, 80), "fixed 20", processes=2),
    GeneratorCase("seven roles, 100 users", (), _seven(100), "", _SEVEN_ROLES),
    GeneratorCase("seven roles, 300 users", (), _seven(300), "", _SEVEN_ROLES),
    *(
        GeneratorCase(
            f"seven roles, {share:g} times its rate",
            (),
            _seven(200),
            "",
            _SEVEN_ROLES,
            share=share,
            brief=share < 0.3,
        )
        for share in (0.25, 0.4)
    ),
)
