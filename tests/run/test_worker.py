"""The load processes of the command `worker`, with a program of the tests in the place of a load process."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages.load import LoadMessage
from perfsuite.messages.run import RunMessage
from perfsuite.model import Account, Secrets, WorkerStart
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.worker import WorkerCommand, work

ROOT = Path(__file__).parents[2]
FAKE = Path(__file__).with_name("fake_worker.py")
TOKEN = "a-token-of-sufficient-length"
START = WorkerStart("127.0.0.1", 5557, TOKEN, Secrets((Account("555", "pass-word", "customer"),)), local=False)
WITHIN_S = 60.0


@dataclass
class Machine:
    """A machine whose temporary folder is `folder`."""

    folder: Path
    interrupts: Interrupts = field(default_factory=Interrupts)
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    on_line: Callable[[str], None] = lambda _line: None

    def work(self, *words: str, start: WorkerStart = START) -> int:
        """So many processes that do what the words say."""

        def err(line: str) -> None:
            self.err.append(line)
            self.on_line(line)

        program = (sys.executable, str(FAKE), *words)
        return work(start, len(words), WorkerCommand(self.interrupts, self.out.append, err, program, self.folder))

    @property
    def kept(self) -> list[str]:
        """Files and empty folders that are left."""
        return sorted(
            str(path.relative_to(self.folder).as_posix()).partition("/")[2]
            for path in self.folder.rglob("*")
            if path.is_file() or not any(path.iterdir())
        )


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_a_process_starts_with_its_secrets_on_standard_input_which_stays_open(machine: Machine) -> None:
    assert machine.work("show") == 0
    assert [json.loads(line) for line in machine.out] == [
        {"index": None, "token": TOKEN, "secret": False, "ended": False}
    ]
    assert (machine.err, machine.kept) == ([], [])


@pytest.mark.parametrize(
    ("index", "processes", "indexes"),
    [
        pytest.param(None, 2, [None, None], id="none outside of a job"),
        pytest.param(0, 2, [0, 1], id="the first pod"),
        pytest.param(3, 2, [6, 7], id="the fourth"),
        pytest.param(3, 1, [3], id="one process per pod"),
    ],
)
def test_each_process_of_each_pod_has_an_index_of_its_own(
    machine: Machine, index: int | None, processes: int, indexes: list[int | None]
) -> None:
    start = WorkerStart("127.0.0.1", 5557, TOKEN, START.secrets, local=False, index=index)
    machine.work(*["show"] * processes, start=start)
    found = [json.loads(line.partition("{")[1] + line.partition("{")[2])["index"] for line in sorted(machine.out)]
    assert found == indexes


def test_lines_name_their_process_where_there_are_several(machine: Machine) -> None:
    machine.work("joined_as_worker-3")
    assert machine.err == ["joined as worker-3"]
    machine.err.clear()
    machine.work("joined_as_worker-3", "joined_as_worker-4")
    assert sorted(machine.err) == ["process 1: joined as worker-3", "process 2: joined as worker-4"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        pytest.param(["served", "served"], 0, id="both served"),
        pytest.param(["served", "lost:1"], 1, id="lost"),
        pytest.param(["lost:1", "no_target:3"], 3, id="a target out of reach"),
        pytest.param(["no_target:3", "refused:2"], 2, id="refused"),
        pytest.param(["refused:2", "not_allowed:6"], 6, id="not allowed"),
        pytest.param(["not_allowed:6", "broken:4"], 4, id="an error of the suite"),
        pytest.param(["broken:4", "interrupted:130"], 130, id="interrupted"),
        pytest.param(["served", "broken:70"], 4, id="any other code is an error of the suite"),
    ],
)
def test_the_most_severe_exit_code_counts(machine: Machine, words: list[str], code: int) -> None:
    assert machine.work(*words) == code


def test_a_process_that_cannot_say_how_it_ended_is_named(machine: Machine) -> None:
    assert machine.work("served", "die", "broken:70") == 4
    killed = LoadMessage.OUT_OF_MEMORY(signal="SIGKILL")
    assert machine.err[-2:] == [
        RunMessage.WORKER_DIED(number=2, how=killed),
        RunMessage.WORKER_DIED(number=3, how=LoadMessage.EXITED(code=70)),
    ]


@pytest.mark.parametrize(
    ("words", "kept"),
    [
        pytest.param(["journal"], [], id="all was acknowledged"),
        pytest.param(["empty-journal:1"], [], id="nothing was written"),
        pytest.param(["journal:1"], ["1/journal-worker-1.jsonl"], id="the master may not have it"),
        pytest.param(["error"], ["1/suite-errors.log"], id="a traceback"),
        pytest.param(["journal", "journal:1"], ["2/journal-worker-1.jsonl"], id="of one of two"),
    ],
)
def test_files_that_somebody_may_need_are_kept(machine: Machine, words: list[str], kept: list[str]) -> None:
    machine.work(*words)
    assert machine.kept == kept
    folders = list(machine.folder.iterdir())
    assert machine.err == [RunMessage.WORKER_FILES_KEPT(folder=folder) for folder in folders]


def test_the_first_interrupt_ends_the_processes_in_order(machine: Machine) -> None:
    def interrupt(line: str) -> None:
        machine.interrupts.count = int(
            machine.err.count("process 1: ready") + machine.err.count("process 2: ready") == 2
        )

    machine.on_line = interrupt
    assert machine.work("until-signal", "until-signal") == 130
    assert machine.err[2] == RunMessage.WORKER_INTERRUPTED()
    assert sorted(machine.err[3:]) == ["process 1: interrupted by SIGTERM", "process 2: interrupted by SIGTERM"]


def test_a_process_that_is_interrupted_while_it_starts_was_interrupted(machine: Machine) -> None:
    def interrupt(line: str) -> None:
        machine.interrupts.count = 1

    machine.on_line = interrupt
    assert machine.work("starting") == 130
    assert machine.err == ["ready", RunMessage.WORKER_INTERRUPTED()]


def test_the_second_interrupt_ends_them_at_once(machine: Machine) -> None:
    def interrupt(_line: str) -> None:
        machine.interrupts.count += 1

    machine.on_line = interrupt  # at "ready", and again when the first is acknowledged
    assert machine.work("deaf") == 130
    assert machine.err == ["ready", RunMessage.WORKER_INTERRUPTED(), RunMessage.INTERRUPTED_AGAIN()]
    assert machine.kept == []


def test_without_a_temporary_folder_there_is_a_line(machine: Machine) -> None:
    machine.folder /= "missing"
    with pytest.raises(UsageError) as caught:
        machine.work("served")
    assert caught.value.code is RunMessage.NO_TEMPORARY_FOLDER


# ── the whole command as a process ──────────────────────────────────────────────────────────────────

SCRIPT = """
import sys
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.worker import WorkerCommand, work
from tests.run.test_worker import START
def say(line):
    print(line, flush=True)
with Interrupts() as interrupts:
    sys.exit(work(START, 1, WorkerCommand(interrupts, say, say, (sys.executable, *sys.argv[1:]))))
"""


@pytest.fixture
def started() -> Iterator[Callable[[str], subprocess.Popen[str]]]:
    """Starts the command as a process of its own, and waits until its worker is ready."""
    made: list[subprocess.Popen[str]] = []

    def start(word: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-c", SCRIPT, str(FAKE), word]
        made.append(subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True))
        stdout = made[-1].stdout
        assert stdout is not None
        assert stdout.readline() == "ready\n"
        return made[-1]

    yield start
    for process in made:
        process.kill()
        process.communicate()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_is_passed_on_once(started: Callable[[str], subprocess.Popen[str]], number: signal.Signals) -> None:
    command = started("until-signal")
    command.send_signal(number)
    said, _ = command.communicate(timeout=WITHIN_S)
    assert said.splitlines() == [RunMessage.WORKER_INTERRUPTED(), "interrupted by SIGTERM"]
    assert command.returncode == 130


def test_the_processes_end_with_the_command(started: Callable[[str], subprocess.Popen[str]], tmp_path: Path) -> None:
    ended = tmp_path / "ended"
    command = started(f"until-end:{ended}")
    command.kill()
    deadline = time.monotonic() + WITHIN_S
    while not ended.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert ended.exists()
