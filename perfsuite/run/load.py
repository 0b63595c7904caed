"""The load of a run: the process that makes it, followed to its end with live figures and monitors."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from secrets import token_urlsafe

from perfsuite.clock import utc_s
from perfsuite.errors import EXIT_INCONCLUSIVE, LoadError, SuiteError
from perfsuite.format import apart
from perfsuite.judge import live_targets
from perfsuite.measurements import file as measurements_file
from perfsuite.measurements import records as measurements
from perfsuite.measurements.roll_up import RollUpWriter
from perfsuite.messages import Message
from perfsuite.messages.run import RunMessage
from perfsuite.model import (
    ABORTED,
    INTERRUPTED,
    LOAD_DIED,
    SUITE_FAILED,
    TARGET_LOST,
    Aborted,
    LiveSnapshot,
    Plan,
    Secrets,
)
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import (
    STOP_WITHIN_S,
    ReadingsWriter,
    Sampler,
    SystemClock,
    build_sources,
    latest_readings_of_load,
)
from perfsuite.roles import ROLES
from perfsuite.roles.work import sending_roles
from perfsuite.run.context import RunContext
from perfsuite.run.load_process import LoadProcess
from perfsuite.run.search import SearchLeader
from perfsuite.run.stop_rules import StopRules
from perfsuite.run.worker_news import worker_news
from perfsuite.summary.live import LiveView
from perfsuite.summary.summarize import COMPLETED
from perfsuite.target.hosts import is_local

TARGET_LOST_S = 10
"""A target that gives no answer at all for this long is lost: the load stops."""
_POLL_EVERY_S = 0.2
_BEFORE_LOAD = (measurements.WorkerJoined, measurements.WorkerRefused)
_END_MARGIN_S = 30.0
"""Beyond the requests in flight, until a load ends that stops for an error of the suite; handing over takes 15 s."""
_GRACE_MARGIN_S = 90.0
"""Beyond the requests in flight, until the load process is killed: 60 s for a slow start, 15 s to hand over."""
_MONITORS_STOP_AT_ONCE_S = 0.2
_TOKEN_BYTES = 32


@dataclass(frozen=True, slots=True)
class LoadResult:
    """A load that is over. `recorded`: requests that the load processes recorded; `retries`: how many were sent twice.

    `steady_requests`: UTC second of the steady state → requests that were answered in it.
    """

    ended: str
    recorded: int = 0
    steady_requests: Mapping[int, int] = field(default_factory=dict)
    retries: int = 0
    aborted: Aborted | None = None
    """The stop rule that ended it."""


@contextmanager
def monitored(run: RunContext) -> Iterator[Sampler | None]:
    """The monitors at work, writing `readings.csv`; None when nothing is monitored.

    A source that lacks something is reported in a line; the run goes on without it.
    """
    if run.watch is None or not run.watch.wanted:
        yield None
        return
    clock = SystemClock()
    connection = run.connection
    watch = replace(run.watch, run_id=run.plan.run_id, connection=connection, paths=run.plan.mapping.paths)
    sampler = Sampler(build_sources(watch, clock), clock, ReadingsWriter(run.folder / READINGS_FILE, run.plan))
    sampler.start()
    shown = sampler.notes()
    for note in shown:
        run.screen.say(f"Monitor: {note}")

    def stop() -> None:
        # A user who interrupted twice does not wait for a source that hangs.
        sampler.stop(_MONITORS_STOP_AT_ONCE_S if run.interrupts.count > 1 else STOP_WITHIN_S)
        for note in sampler.notes()[len(shown) :]:
            run.screen.say(f"Monitor: {note}")

    try:
        yield sampler
    finally:
        run.errors.attempt("monitoring was ended", stop, None)


def make_load(run: RunContext, start: Callable[[Path, Secrets], LoadProcess] = LoadProcess) -> LoadResult:
    """Make the load to its end. Interrupts must be deferred meanwhile: it polls for them.

    An unexpected error of the suite ends the load in order, so that what was measured can be reported.
    """
    needed = tuple(account for account in run.accounts if run.plan.users_by_role.get(account.role))
    with monitored(run) as sampler:
        progress = _LoadProgress(run, sampler)
        if run.plan.expect_workers:
            run.screen.say(_waiting(run.plan))
        process = start(run.folder, Secrets(needed, run.headers, run.key_password, _token(run)))
        ended = SUITE_FAILED
        try:
            ended = _follow(process, progress, run)
            progress.read()  # records since the last poll
            progress.minutes.close()
            progress.close()
            run.screen.progress(progress.snapshot())
        except SuiteError:
            raise
        except Exception as error:  # noqa: BLE001  what was measured so far is worth a report
            run.screen.warn(run.errors.record(error, "the load was followed"))
            _let_end(process, run)
        finally:
            process.close()
            run.screen.load_over()
        aborted = progress.aborted if ended == ABORTED else None
        return LoadResult(ended, progress.recorded, progress.steady_requests, progress.retries, aborted)


def _token(run: RunContext) -> str:
    """What encrypts the channel to the workers. Those of this machine get it over a pipe: it is new in every run."""
    return run.worker_token if run.plan.expect_workers else token_urlsafe(_TOKEN_BYTES)


def _waiting(plan: Plan) -> Message:
    """How to start the workers that the run waits for."""
    host, _, port = plan.bind.rpartition(":")
    here = is_local(host.strip("[]"))
    master = plan.bind if here else f"HOST:{port}"
    fields = {"workers": plan.expect_workers, "bind": plan.bind, "wait_s": plan.expect_workers_max_wait_s}
    return RunMessage.WAITING_FOR_WORKERS(**fields, master=master)


def _let_end(process: LoadProcess, run: RunContext) -> None:
    """Requests in flight may finish, unless the user interrupts twice."""
    process.stop(SUITE_FAILED)
    deadline = time.monotonic() + run.plan.stop_timeout_s + _END_MARGIN_S
    while process.running and time.monotonic() < deadline and run.interrupts.count < 2:
        time.sleep(_POLL_EVERY_S)


class _LoadProgress:
    """A load in progress, from its records and the monitors."""

    def __init__(self, run: RunContext, sampler: Sampler | None) -> None:
        self._run, self._sampler, self._roles = run, sampler, sending_roles(run.plan.scenario, ROLES)
        self._tail, self._live = measurements_file.Tail(run.folder / measurements_file.FILE_NAME), LiveView(run.plan)
        self.minutes = RollUpWriter(run.folder, run.plan)
        self._reported: set[tuple[str, str]] = set()
        self.broke = False
        """A part of a load process died that the load cannot do without; the load ends itself."""
        self.aborted: Aborted | None = None
        """The stop rule that asks for the end of the load."""
        self._rules = StopRules(run.plan)
        self.search = SearchLeader(run, self._live) if run.plan.capacity is not None else None
        self.search_over = False
        self.begun = False
        """Something was recorded: the load did not fail before its beginning."""
        if run.listener is not None:
            try:
                run.listener.load_begins(run.plan, self._live.aggregate)
            except Exception as error:  # noqa: BLE001  it must not end the run
                line = run.errors.record(error, "live metrics", decides=False)
                run.screen.warn(f"No live metrics. {line}")

    @property
    def recorded(self) -> int:
        """Requests, as the load processes count them at their end."""
        return sum(end.recorded for end in self._live.aggregate.ends.values())

    @property
    def retries(self) -> int:
        """Requests that were sent twice."""
        return self._live.aggregate.retries

    @property
    def made_iterations(self) -> bool:
        """It has ended since its users had made all their iterations."""
        reasons = {end.reason for end in self._live.aggregate.ends.values()}
        return self._run.plan.scenario.iterations is not None and reasons == {COMPLETED}

    @property
    def steady_requests(self) -> Mapping[int, int]:
        """UTC second of the steady state → requests that were answered in it."""
        return self._live.steady_requests()

    def read(self) -> None:
        """Process the records since the last call."""
        records = self._tail.read()
        for record in records:
            if line := worker_news(record, elsewhere=self._run.plan.expect_workers > 0):
                screen = self._run.screen
                (screen.say if isinstance(record, measurements.WorkerJoined) else screen.warn)(line)
            self.begun = self.begun or not isinstance(record, _BEFORE_LOAD)
            if isinstance(record, measurements.SuiteErrors):
                self._report(record)
        self._live.feed(records)
        self.minutes.add(records)
        self._rules.add(records)
        if records and self.aborted is None:
            self.aborted = self._rules.look(self._live, lambda: self._live.state(utc_s()))
        if self.search is not None:
            self.search.add(records)

    def snapshot(self) -> LiveSnapshot:
        """The run as it stands now."""
        plan, state = self._run.plan, self._live.state(utc_s())
        targets = tuple(live_targets(plan, state, self._roles)) if self.search is None else ()
        if self.search is not None:  # its targets decide at each load, and not over all of them together
            state = replace(state, users_requested=self.search.users)
        monitored = self._sampler.latest() if self._sampler is not None else {}
        readings = monitored | latest_readings_of_load(self._live.aggregate)
        return LiveSnapshot(plan.run_id, plan.scenario.name, plan.host, state, targets, readings)

    def lead(self, process: LoadProcess, reason: str) -> None:
        """Go on with the search, and end the load once nothing is left to try. `reason`: why the load ends anyway."""
        if self.search is None or self.search_over or reason != COMPLETED:
            return
        if not self.search.go_on(process.enter):
            self.search_over = True
            process.stop(COMPLETED)

    def close(self) -> None:
        """The load is over."""
        if self.search is not None:
            self.search.close()

    def _report(self, error: measurements.SuiteErrors) -> None:
        """Show an error of a load process itself, once for each place."""
        self.broke = self.broke or error.ends_load
        if (error.place, error.message) not in self._reported:
            self._reported.add((error.place, error.message))
            log = f"; its traceback is in {self._run.folder / error.log}" if error.log else ""
            self._run.screen.warn(f"Error of the suite (load): {error.place}: {error.message}{log}")


def _follow(process: LoadProcess, progress: _LoadProgress, run: RunContext) -> str:
    """How the load ended."""
    ends_at = time.monotonic() + run.plan.scenario.duration_s
    deadline = ends_at + run.plan.stop_timeout_s + _GRACE_MARGIN_S + _longest_wait_s(run.plan)
    reason, interrupts, shown_at = COMPLETED, 0, 0.0
    while process.running:
        time.sleep(_POLL_EVERY_S)
        progress.read()
        progress.lead(process, reason)
        for line in run.errors.take_unreported():
            run.screen.warn(line)
        if time.monotonic() - shown_at >= 1.0 or (reason == COMPLETED and progress.aborted):
            shown_at = time.monotonic()
            snapshot = progress.snapshot()
            run.screen.progress(snapshot)
            if reason == COMPLETED and (cause := _why_stop(progress, snapshot, run)):
                reason = cause
                process.stop(reason)
        if run.interrupts.count > interrupts:
            interrupts = run.interrupts.count
            reason = INTERRUPTED
            _interrupt(process, interrupts, run)
        if time.monotonic() > deadline:
            process.kill()
    if run.interrupts.count > interrupts:  # while the load was ending by itself
        return INTERRUPTED
    if process.failed and not interrupts:
        why = process.failure_message()
        progress.read()
        if process.exit_code == EXIT_INCONCLUSIVE and not progress.begun:
            raise LoadError(why or RunMessage.LOAD_LEFT_NO_MESSAGE())
        run.screen.say(RunMessage.LOAD_DIED(why=why) if why else RunMessage.LOAD_LEFT_NO_MESSAGE())
        return LOAD_DIED
    progress.read()
    if reason == COMPLETED and progress.broke:
        return SUITE_FAILED
    ended = progress.made_iterations or progress.search_over
    if reason == COMPLETED and not ended and time.monotonic() < ends_at:
        run.screen.say(RunMessage.LOAD_STOPPED_FROM_OUTSIDE())
        return INTERRUPTED
    return reason


def _why_stop(progress: _LoadProgress, snapshot: LiveSnapshot, run: RunContext) -> str:
    """Why the load has to end before its time; "" while it does not."""
    silent_s = snapshot.live.unanswered_s
    if silent_s >= (TARGET_LOST_S if progress.search is None else progress.search.target_lost_s):
        run.screen.say(RunMessage.TARGET_SILENT(silent_s=silent_s))
        return TARGET_LOST
    if (rule := progress.aborted) is None:
        return ""
    observed, limit = apart(rule.metric, rule.observed, rule.limit)
    run.screen.say(RunMessage.STOP_RULE(target=rule.target, window_s=rule.window_s, observed=observed, limit=limit))
    return ABORTED


def _longest_wait_s(plan: Plan) -> float:
    """Until the expected workers have joined."""
    return plan.expect_workers_max_wait_s if plan.expect_workers else 0.0


def _interrupt(process: LoadProcess, count: int, run: RunContext) -> None:
    if count == 1:
        run.screen.say(RunMessage.INTERRUPTED_ONCE(wait_s=run.plan.stop_timeout_s))
        process.stop(INTERRUPTED)
    else:
        run.screen.say(RunMessage.INTERRUPTED_AGAIN())
        process.kill()
