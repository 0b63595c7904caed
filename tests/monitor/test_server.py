"""The server's processes: real ones, and made-up ones for what real ones cannot be made to do."""

from __future__ import annotations

import socket
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from perfsuite.messages import Message
from perfsuite.messages.monitor import MonitorMessage
from perfsuite.monitor.server import MOST_PARTS, ServerSource, Snapshot, by_pid, by_port
from perfsuite.monitor.source import SourceError
from tests.monitor.fakes import FakeClock, figures, until

SCRIPT = Path(__file__).with_name("busy.py")
pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")


class Busy:
    """A server that does as it is told."""

    def __init__(self, port: int) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-S", "-E", str(SCRIPT), str(port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self.process.stdout is not None
        self.port = int(self.process.stdout.readline())

    def does(self, order: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(order + "\n")
        self.process.stdin.flush()
        assert self.process.stdout.readline() == "done\n"

    @property
    def cpu_s(self) -> float:
        """Its CPU time, and that of its children that have ended, as the kernel counts it."""
        times = psutil.Process(self.process.pid).cpu_times()
        return times.user + times.system + times.children_user + times.children_system

    def end(self) -> None:
        self.process.kill()
        self.process.communicate()


@contextmanager
def busy(port: int = 0) -> Iterator[Busy]:
    server = Busy(port)
    try:
        yield server
    finally:
        server.end()


class Watched:
    """A source with a clock that moves one second with every look."""

    def __init__(self, source: ServerSource, clock: FakeClock) -> None:
        self.source, self.clock = source, clock
        self.notes = source.open()

    def look(self) -> dict[str, float | None]:
        self.clock.move_to(self.clock.utc_s() + 1)
        return figures(self.source.read())


def watched(server: Busy) -> Watched:
    clock = FakeClock()
    return Watched(ServerSource(by_pid(server.process.pid), clock), clock)


def value(seen: dict[str, float | None], metric: str) -> float:
    found = seen[metric]
    assert found is not None, metric
    return found


def used(before_s: float, server: Busy) -> object:
    """Percent of a core, of the second between two looks; the process may have run for a tick since the first one."""
    return pytest.approx((server.cpu_s - before_s) * 100, abs=2)


def test_cpu_is_what_was_used() -> None:
    with busy() as server:
        source, before_s = watched(server), server.cpu_s
        assert source.notes == []
        server.does("burn 0.4")
        assert server.cpu_s - before_s >= 0.3
        seen = source.look()
        assert value(seen, "server.cpu_percent") == used(before_s, server)
        assert seen["server.busiest_process_cpu_percent"] == seen["server.cpu_percent"]
        assert value(source.look(), "server.cpu_percent") <= 2


def test_a_child_that_came_and_went_between_two_looks_is_not_missed() -> None:
    with busy() as server:
        source, before_s = watched(server), server.cpu_s
        server.does("child_burns 0.4")
        assert server.cpu_s - before_s >= 0.3
        seen = source.look()
        assert value(seen, "server.cpu_percent") == used(before_s, server)
        assert value(seen, "server.busiest_process_cpu_percent") <= 10
        assert seen["server.processes"] == 1


def test_children_threads_files_and_connections_are_counted(stack: ExitStack) -> None:
    with busy() as server:
        source = watched(server)
        before = source.look()
        assert (before["server.processes"], before["server.threads"], before["server.listen_queue"]) == (1, 1, 0)
        server.does("start_threads 3")
        server.does("files 20")
        server.does("child_stays")
        for _ in range(3):  # nobody accepts them
            stack.enter_context(socket.create_connection(("127.0.0.1", server.port)))
        server.does("switch 100")
        seen = source.look()
        assert seen["server.processes"] == 2
        assert seen["server.threads"] == 5
        # 20 files, a pipe to the child, and the child's own standard three
        assert 20 + 1 + 3 <= value(seen, "server.descriptors") - value(before, "server.descriptors") <= 20 + 1 + 8
        assert seen["server.listen_queue"] == 3
        assert value(seen, "server.context_switches_per_s") >= 100
        assert value(seen, "server.memory_bytes") > value(before, "server.memory_bytes")
        assert 0 < value(seen, "server.descriptors_used_percent") < 100


def test_a_child_that_nobody_waited_for_disturbs_nothing() -> None:
    with busy() as server:
        source = watched(server)
        source.look()
        server.does("zombie")
        seen = source.look()
        assert seen["server.processes"] == 2
        assert value(seen, "server.cpu_percent") >= 0
        assert value(seen, "server.descriptors") > 0


def test_a_server_that_ended_is_a_gap_and_its_successor_on_the_port_is_found() -> None:
    with busy() as first:
        source = watched(first)
        server_port = first.port
        assert source.look()["server.processes"] == 1
        first.end()
        for _ in range(2):
            with pytest.raises(SourceError) as error:
                source.look()
            assert error.value.message.code is MonitorMessage.PROCESS_ENDED
    with busy(server_port) as second:
        seen = source.look()
        assert seen["server.cpu_percent"] is None, "nothing to compare with yet"
        assert seen["server.processes"] == 1
        before_s = second.cpu_s
        second.does("burn 0.2")
        assert value(source.look(), "server.cpu_percent") == used(before_s, second)


def test_a_server_that_died_and_was_not_waited_for_has_ended() -> None:
    with busy() as server:
        source = watched(server)
        server.process.kill()
        until(lambda: Path(f"/proc/{server.process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z")
        with pytest.raises(SourceError) as error:
            source.look()
    assert error.value.message.code is MonitorMessage.PROCESS_ENDED


def test_a_server_is_found_by_its_port() -> None:
    clock = FakeClock()
    with busy() as server:
        source = Watched(ServerSource(by_port(server.port), clock), clock)
        before_s = server.cpu_s
        server.does("burn 0.2")
        assert value(source.look(), "server.cpu_percent") == used(before_s, server)
        server.does("name docker-proxy")
        with pytest.raises(SourceError) as error:
            ServerSource(by_port(server.port), clock).open()
    assert error.value.message == MonitorMessage.ONLY_PASSES_ON(port=server.port, name="docker-proxy")
    assert error.value.final


@pytest.mark.parametrize(
    ("source", "message"),
    [
        pytest.param(lambda: by_pid(2**22 + 1), MonitorMessage.NO_PROCESS(pid=2**22 + 1), id="no such process"),
        pytest.param(lambda: by_port(1), MonitorMessage.NO_LISTENER(port=1), id="no such port"),
    ],
)
def test_what_is_not_there_is_named(source: object, message: Message) -> None:
    assert callable(source)
    with pytest.raises(SourceError) as error:
        ServerSource(source(), FakeClock()).open()
    assert error.value.message == message


ONE = Snapshot(10, 1.0, 5.0, 0.0, 1000, 2, {10: 7, 11: 3}, {10: 0.5, 11: 0.0}, 9, 100, 50, 60)


class MadeUp:
    """A tree of processes as a test wants it."""

    def __init__(self, *looks: list[Snapshot]) -> None:
        self.looks = list(looks)

    def snapshots(self) -> list[Snapshot]:
        return self.looks.pop(0)

    def listening(self) -> Mapping[int, tuple[str, ...]]:
        return {}

    def cores(self) -> int:
        return 4


def look_at(tree: MadeUp) -> Watched:
    clock = FakeClock()
    return Watched(ServerSource(lambda _ports: tree, clock), clock)


def test_figures_of_two_processes_add_up() -> None:
    later = replace(ONE, cpu_s=5.5, runs={10: 17, 12: 5}, waited_s={10: 0.75, 12: 0.05}, read_bytes=150, descriptors=50)
    new = replace(ONE, pid=20, started_s=2.0, cpu_s=0.25, runs={20: 1}, waited_s={20: 0.0}, read_bytes=7)
    source = look_at(MadeUp([ONE], [later, new]))
    seen = source.look()
    assert seen == {
        "server.cpu_percent": 75.0,
        "server.cpu_limit_percent": 400.0,
        "server.busiest_process_cpu_percent": 50.0,
        "server.processes": 2,
        "server.threads": 4,
        "server.memory_bytes": 2000,
        "server.context_switches_per_s": 10 + 5 + 1,
        "server.cpu_wait_percent": pytest.approx(30.0),
        "server.descriptors": 59,
        "server.descriptors_used_percent": 50.0,
        "server.disk_read_bytes_per_s": 100 + 7,
        "server.disk_write_bytes_per_s": 60,
    }
    assert source.notes == [MonitorMessage.NO_PORT(pid=10)]


def test_cpu_that_left_the_tree_is_a_gap() -> None:
    gone = replace(ONE, pid=20, started_s=2.0, cpu_s=9.0)
    source = look_at(MadeUp([ONE, gone], [ONE], [replace(ONE, cpu_s=5.1)]))
    assert source.look()["server.cpu_percent"] is None
    assert source.look()["server.cpu_percent"] == pytest.approx(10.0)


def test_processes_of_another_user_are_told_and_the_rest_goes_on() -> None:
    hidden = replace(ONE, descriptors=None, descriptors_limit=None, read_bytes=None, written_bytes=None)
    source = look_at(MadeUp([hidden], [hidden]))
    assert source.notes == [MonitorMessage.OTHER_USER(pid=10)]
    seen = source.look()
    assert "server.descriptors" not in seen
    assert "server.listen_queue" not in seen
    assert seen["server.cpu_percent"] == 0


def test_a_kernel_that_does_not_tell_of_switches_is_told() -> None:
    silent = replace(ONE, runs=None, waited_s=None)
    source = look_at(MadeUp([silent], [silent]))
    assert source.notes[1].code is MonitorMessage.NO_SCHEDULING
    assert "server.context_switches_per_s" not in source.look()


def test_a_large_family_is_not_shown_one_by_one() -> None:
    many = [replace(ONE, pid=number) for number in range(10, 60)]
    source = look_at(MadeUp(many, many))
    source.clock.move_to(1001.0)
    readings = source.source.read()
    assert sum(reading.is_part for reading in readings) == MOST_PARTS
    assert figures(readings)["server.processes"] == 50
