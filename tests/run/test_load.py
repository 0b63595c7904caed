"""A load that is followed to its end: what fails meanwhile in the suite ends it in order, or not at all."""

from __future__ import annotations

import io
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from perfsuite.cli.screen import PlainScreen, Screens
from perfsuite.errors import EXIT_INCONCLUSIVE, LoadError
from perfsuite.measurements import file as measurements_file
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.records import Record, SuiteErrors, WorkerJoined, WorkerLost
from perfsuite.messages.run import RunMessage
from perfsuite.model import LOAD_DIED, SUITE_FAILED, LiveSnapshot, Plan, Secrets
from perfsuite.run.context import CommandContext, Screen
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.load import make_load
from perfsuite.run.load_process import LoadProcess
from tests.history import folders


@dataclass
class Load(LoadProcess):
    """A load that runs until it is asked to stop, or has been polled so often. `looked`: happens at each poll."""

    looks: int = 3
    looked: Callable[[], None] = lambda: None
    stopped: list[str] = field(default_factory=list)
    closed: bool = False
    code: int = 0
    message: str = ""

    @property
    def running(self) -> bool:
        self.looked()
        self.looks -= 1
        return self.looks > 0 and not self.stopped

    @property
    def exit_code(self) -> int | None:
        return self.code

    @property
    def failed(self) -> bool:
        return self.code != 0

    def failure_message(self) -> str:
        return self.message

    def stop(self, reason: str) -> None:
        self.stopped.append(reason)

    def close(self) -> None:
        self.closed = True


class FailsToShow(PlainScreen):
    """Not among several screens: what it raises comes to who follows the load."""

    def progress(self, snapshot: LiveSnapshot) -> None:
        raise ZeroDivisionError("nothing to divide by")


@dataclass
class FailingListener:
    heard: list[str] = field(default_factory=list)

    def load_begins(self, plan: Plan, aggregate: Aggregate) -> None:
        self.heard.append("begins")
        raise ZeroDivisionError("nothing to divide by")


@dataclass
class Followed:
    """A folder in which a load is pretended to be made."""

    folder: Path
    load: Load = field(default_factory=Load)
    said: io.StringIO = field(default_factory=io.StringIO)
    interrupts: Interrupts = field(default_factory=Interrupts)
    tokens: list[str] = field(default_factory=list)

    @property
    def errors(self) -> ErrorCollector:
        return self.context.errors

    def __post_init__(self) -> None:
        self.context = CommandContext(
            self.folder, PlainScreen(self.said), self.interrupts, errors=ErrorCollector(self.folder)
        )
        self.record()

    def record(self, *records: Record) -> None:
        """What the load has recorded when it is looked at first."""
        writer = measurements_file.Writer(self.folder / measurements_file.FILE_NAME, "basic_1")
        for record in records:
            writer.write(record)
        writer.close()

    def make(
        self, screen: Screen | None = None, listener: FailingListener | None = None, *, expect_workers: int = 0
    ) -> str:
        context = CommandContext(
            self.folder,
            screen or self.context.screen,
            self.interrupts,
            errors=self.errors,
            listener=listener,
            worker_token="from-the-environment",
        )

        def start(_folder: Path, secrets: Secrets) -> LoadProcess:
            self.tokens.append(secrets.token)
            return self.load

        bind = "0.0.0.0:5557" if expect_workers else ""
        plan = replace(folders.plan("basic_1"), expect_workers=expect_workers, bind=bind)
        return make_load(context.for_run(plan, (), self.folder), start).ended


@pytest.fixture
def followed(tmp_path: Path) -> Followed:
    return Followed(tmp_path)


def test_an_error_while_it_is_followed_ends_the_load_in_order(followed: Followed) -> None:
    followed.load.looks = 1_000_000  # it would go on
    assert followed.make(FailsToShow(followed.said)) == SUITE_FAILED
    assert (followed.load.stopped, followed.load.closed) == ([SUITE_FAILED], True)
    (group,) = followed.errors.groups
    assert group.message == "ZeroDivisionError: nothing to divide by (the load was followed)"
    assert group.place in followed.said.getvalue()


def test_an_error_after_its_end_does_not_change_how_it_ended(followed: Followed) -> None:
    followed.load.looks = 1
    followed.interrupts.count = 1  # so that its early end has a reason
    assert followed.make(FailsToShow(followed.said)) == "interrupted"
    assert [group.count for group in followed.errors.groups] == [1]


def test_who_asks_twice_for_the_end_does_not_wait_for_it(followed: Followed) -> None:
    class Deaf(Load):
        def stop(self, reason: str) -> None:
            followed.interrupts.count = 2

    followed.load = Deaf(looks=1_000_000)
    assert followed.make(FailsToShow(followed.said)) == SUITE_FAILED
    assert followed.load.closed


def test_screens_and_live_metrics_that_fail_are_warnings(followed: Followed) -> None:
    followed.load.looks = 8  # more than a second
    listener = FailingListener()
    screens = Screens([FailsToShow(followed.said), PlainScreen(followed.said)], followed.errors)
    followed.make(screens, listener)
    assert listener.heard == ["begins"]
    assert followed.errors.groups == ()
    assert followed.load.stopped == []
    said = followed.said.getvalue()
    assert said.count("No live metrics.") == 2  # on each of the two screens
    assert "progress on the FailsToShow" in said


def suite_error(place: str, *, ends_load: bool = False) -> SuiteErrors:
    return SuiteErrors("worker-1", 1, place, "KeyError: 'id'", 1, "suite-errors.log", ends_load)


def test_errors_of_the_load_processes_are_shown_while_it_goes_on_each_place_once(followed: Followed) -> None:
    followed.record(*[suite_error("roles.mine:3 step")] * 3, suite_error("roles.mine:9 step"))
    followed.interrupts.count = 1  # so that its early end has a reason
    followed.make()

    log = followed.folder / "suite-errors.log"
    assert followed.said.getvalue().splitlines()[:2] == [
        f"Error of the suite (load): roles.mine:{line} step: KeyError: 'id'; its traceback is in {log}"
        for line in (3, 9)
    ]
    assert followed.errors.groups == ()  # they are counted in the measurements


def test_a_load_that_ended_itself_for_a_part_that_died_has_not_been_interrupted(followed: Followed) -> None:
    followed.record(suite_error("perfsuite.model.plan:32 time_of", ends_load=True))

    assert followed.make() == SUITE_FAILED
    assert RunMessage.LOAD_STOPPED_FROM_OUTSIDE() not in followed.said.getvalue()


def test_a_thread_that_dies_is_named_within_a_second(followed: Followed) -> None:
    """Looked for at every look at the load, five times a second."""

    def die() -> None:
        raise ZeroDivisionError("nothing to divide by")

    def looked() -> None:
        if followed.load.looks == 3:
            dying = threading.Thread(target=die, name="monitor server")
            dying.start()
            dying.join()
        if followed.load.looks == 1:
            assert "it ended the thread monitor server" in followed.said.getvalue()

    followed.load.looked = looked
    with followed.errors.listening():
        followed.make()
    assert [group.count for group in followed.errors.groups] == [1]


def test_too_few_workers_end_the_run_with_the_line_of_the_coordinator(followed: Followed) -> None:
    followed.load = Load(looks=1, code=EXIT_INCONCLUSIVE, message="1 of 2 workers joined within 60 s")
    with pytest.raises(LoadError) as caught:
        followed.make(expect_workers=2)
    assert (str(caught.value), caught.value.exit_code) == ("1 of 2 workers joined within 60 s", EXIT_INCONCLUSIVE)
    assert followed.load.closed


def test_workers_elsewhere_share_a_token_and_those_of_this_machine_have_a_new_one_each_time(followed: Followed) -> None:
    for expect_workers in (0, 0, 2):
        followed.load = Load(looks=1)
        followed.interrupts.count = 1  # so that its early end has a reason
        followed.make(expect_workers=expect_workers)
    first, second, shared = followed.tokens
    assert shared == "from-the-environment"
    assert len(first) > 40
    assert len({first, second, shared}) == 3


def test_what_is_waited_for_is_shown_with_the_command_for_the_others(followed: Followed) -> None:
    followed.load = Load(looks=1)
    followed.interrupts.count = 1
    followed.make(expect_workers=2)
    shown = RunMessage.WAITING_FOR_WORKERS(workers=2, bind="0.0.0.0:5557", wait_s=60.0, master="HOST:5557")
    assert shown in followed.said.getvalue()


def joined(worker: str, offset_ms: float | None, *, spare: bool = False) -> WorkerJoined:
    within_ms = None if offset_ms is None else 0.5
    return WorkerJoined("coordinator", 1, worker, "load-2", 4711, 1_796_000_000.0, spare, offset_ms, within_ms)


def test_who_joins_is_shown_where_workers_are_expected(followed: Followed) -> None:
    followed.load = Load(looks=1)
    followed.interrupts.count = 1
    followed.record(
        joined("worker-1", None),
        joined("worker-2", -3.0),
        joined("worker-3", 2.0, spare=True),
        joined("worker-4", -0.4),
    )
    followed.make()
    assert "worker-1" not in followed.said.getvalue()

    followed.load = Load(looks=1)
    followed.make(expect_workers=2)
    who = {"host": "load-2", "pid": 4711}
    for line in (
        RunMessage.WORKER_JOINED(worker="worker-1", **who),
        RunMessage.WORKER_JOINED(worker="worker-2", **who).also(RunMessage.CLOCK_BEHIND(apart_ms=3.0, within_ms=0.5)),
        RunMessage.WORKER_JOINED_AS_SPARE(worker="worker-3", **who).also(
            RunMessage.CLOCK_AHEAD(apart_ms=2.0, within_ms=0.5)
        ),
        RunMessage.WORKER_JOINED(worker="worker-4", **who).also(RunMessage.CLOCK_AGREES(within_ms=0.5)),
    ):
        assert f"{line}\n" in followed.said.getvalue()


def test_an_error_after_the_beginning_of_the_load_leaves_its_report(followed: Followed) -> None:
    followed.record(SuiteErrors("worker-1", 1, "outbox.py:7", "OSError", 1))
    followed.load = Load(looks=1, code=EXIT_INCONCLUSIVE, message="measurements.jsonl.gz: no space left on device")
    assert followed.make() == LOAD_DIED
    assert RunMessage.LOAD_DIED(why="measurements.jsonl.gz: no space left on device") in followed.said.getvalue()


def test_a_lost_worker_is_named_at_once(followed: Followed) -> None:
    followed.record(WorkerLost("coordinator", 2, "worker-3", 1_772_357_400.0, 5, "silent"))
    followed.make()

    assert RunMessage.WORKER_LOST(worker="worker-3", users=5, reason="silent") in followed.said.getvalue()
