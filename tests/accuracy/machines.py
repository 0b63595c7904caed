"""Experiment 9: four load processes on two other machines, over a slow and lossy network, and what befalls them.

Master and target are on one host, the load processes on two others; hosts are network namespaces (`tests.netlab`).
Everything is a command as a user gives it, and the target is the reference backend, which logs every request.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from perfsuite.clock import utc_s
from perfsuite.errors import EXIT_FAIL, EXIT_INCONCLUSIVE, EXIT_PASS
from perfsuite.measurements.file import FILE_NAME, Tail, read
from perfsuite.measurements.records import Record, Users, WorkerJoined, WorkerLost
from perfsuite.model import Outcome as Judged
from tests.accuracy.lab import wait_until
from tests.integration.programs import ROOT, SMALL, STARTER, Program, read_json, run_folders, start
from tests.netlab.network import Host, Network, network

MASTER, LEFT, RIGHT = "master", "left", "right"
USERS = 28
PROCESSES = 2
"""On each of the two hosts."""
_HTTP_PORT, _MASTER_PORT = 8015, 5557
_TOKEN = "the hosts of this network share it"
_BACKEND_WITHIN_S = 180.0
_NOTICED_WITHIN_S = 20.0
_STARTS_WITHIN_S = 150.0
_AT_WORK_S = 3.0
_ENDS_WITHIN_S = 150.0
"""After its load, for rows that it made, and for its report."""


class TooLate(AssertionError):
    """The machine was too busy for a run of this length, or something went wrong."""


@dataclass(slots=True)
class Machines:
    """A run that is under way. `asides`: what happened when, UTC epoch seconds."""

    lab: Network
    folder: Path
    master: Program
    backend: Program
    workers: dict[str, Program]
    asides: dict[str, float] = field(default_factory=dict)
    victims: list[str] = field(default_factory=list)
    """Names of the load processes that something was done to."""
    _seen: list[Record] = field(default_factory=list)
    _tail: Tail | None = None

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of a kind so far."""
        if self._tail is None and (folders := run_folders(self.folder / "results")):
            self._tail = Tail(folders[0] / FILE_NAME)
        if self._tail is not None:
            self._seen += self._tail.read()
        return [record for record in self._seen if isinstance(record, kind)]

    def wait_for(self, true: Callable[[], object], within_s: float) -> None:
        """Until it is true. Raises TooLate, with what the master said, when that takes too long or the run is over."""
        wait_until(lambda: bool(true()) or not self.master.running, within_s)
        if not true():
            raise TooLate(f"{self.master.out}{self.master.err}")

    def at_work(self) -> bool:
        """All users have been logged in for some seconds, and each load process has handed over what they did."""
        seconds = [
            record.second
            for record in self.of(Users)
            if sum(record.by_role.values()) == USERS and not record.logging_in
        ]
        return bool(seconds) and utc_s() > min(seconds) + _AT_WORK_S

    def start_workers(self, name: str, host: Host, processes: int) -> None:
        """Begin the command `worker` on a host."""
        address = f"{self.lab[MASTER].address}:{_MASTER_PORT}"
        words = ("worker", "--master", address, "--processes", str(processes))
        self.workers[name] = _suite(host, *words, *_target(self.lab, self.folder))

    def joined_on(self, host: str) -> list[WorkerJoined]:
        """The load processes on a host."""
        pids = self.lab[host].pids()
        return [one for one in self.of(WorkerJoined) if one.pid in pids]

    def note(self, what: str) -> None:
        """It happens now."""
        self.asides[what] = utc_s()


Trouble = Callable[[Machines], None]
"""What is done to a run once all its users are there."""


def nothing(_machines: Machines) -> None:
    """A run that nothing happens to."""


def killed(machines: Machines) -> None:
    """`kill -9` of a load process."""
    _signal(machines, signal.SIGKILL)
    _wait_until_lost(machines)


def stopped(seconds: float, machines: Machines) -> None:
    """SIGSTOP of a load process, and SIGCONT after so many seconds."""
    pid = _signal(machines, signal.SIGSTOP)
    _wait_until_lost(machines)
    _wait_since_lost(machines, seconds)
    os.kill(pid, signal.SIGCONT)
    machines.note("back")


def cut(seconds: float, machines: Machines) -> None:
    """A host is cut off the network for so many seconds."""
    machines.victims += [one.joined for one in machines.joined_on(LEFT)]
    machines.note("lost")
    machines.lab.cut(LEFT)
    _wait_until_lost(machines)
    _wait_since_lost(machines, seconds)
    machines.lab.heal(LEFT)
    machines.note("back")


def replaced(machines: Machines) -> None:
    """A further load process joins the run under way; then another one is killed."""
    machines.start_workers("late", machines.lab[RIGHT], 1)
    machines.wait_for(lambda: any(one.spare for one in machines.of(WorkerJoined)), _STARTS_WITHIN_S)
    killed(machines)


def _signal(machines: Machines, number: signal.Signals) -> int:
    victim = machines.joined_on(LEFT)[0]
    machines.victims.append(victim.joined)
    machines.note("lost")
    os.kill(victim.pid, number)
    return victim.pid


def _wait_until_lost(machines: Machines) -> None:
    """Until the master has given up all that something was done to."""
    machines.wait_for(lambda: {one.lost for one in machines.of(WorkerLost)} >= set(machines.victims), _NOTICED_WITHIN_S)


def _wait_since_lost(machines: Machines, seconds: float) -> None:
    until_s = machines.asides["lost"] + seconds
    wait_until(lambda: utc_s() >= until_s, seconds + 1)


@dataclass(frozen=True, slots=True)
class Case:
    """One run, and how it must end. `codes`: exit codes by command; `brief`: made by `make test` too."""

    name: str
    trouble: Trouble
    duration_s: int
    verdict: Judged
    codes: dict[str, int]
    late_joiner: bool = False
    brief: bool = False


def cases(duration_s: int | None = None, cut_s: float = 8.0, stopped_s: float = 8.0) -> list[Case]:
    """All of them; without a duration, each as short as it can be."""
    lost, pass_, no_pass = Judged.INCONCLUSIVE, EXIT_PASS, EXIT_INCONCLUSIVE
    all_well = {"run": pass_, LEFT: pass_, RIGHT: pass_}
    given_up = {"run": no_pass, LEFT: EXIT_FAIL, RIGHT: pass_}
    died = {"run": no_pass, LEFT: no_pass, RIGHT: pass_}
    return [
        Case("2 × 2 processes", nothing, duration_s or 15, Judged.PASS, all_well),
        Case("… SIGKILL of one", killed, duration_s or 24, lost, died),
        Case(f"… a host cut off for {cut_s:g} s", partial(cut, cut_s), duration_s or 26, lost, given_up, brief=True),
        Case(
            f"… SIGSTOP of one for {stopped_s:g} s",
            partial(stopped, stopped_s),
            duration_s or 26,
            lost,
            given_up,
            brief=True,
        ),
        Case(
            "… a late joiner replaces one",
            replaced,
            duration_s or 34,
            lost,
            {**died, "late": pass_},
            late_joiner=True,
            brief=True,
        ),
    ]


# ── a run ───────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class MachinesRun:
    """What a run has left. `codes`: by command; `left`: host → processes that still ran when all had ended."""

    folder: Path
    records: list[Record]
    summary: dict[str, Any]
    log: list[dict[str, Any]]
    """What the target logged of the run's load."""
    codes: dict[str, int]
    said: str
    asides: dict[str, float]
    victims: list[str]
    left: dict[str, list[int]]

    def of(self, kind: type[Any]) -> list[Any]:
        """The records of one kind."""
        return [record for record in self.records if isinstance(record, kind)]


def run(case: Case, folder: Path) -> MachinesRun:
    """Make a run on three hosts, with trouble once all its users are there."""
    folder.mkdir(parents=True, exist_ok=True)
    with network((MASTER, LEFT, RIGHT)) as lab, _machines(lab, case.duration_s, folder) as machines:
        machines.wait_for(machines.at_work, _STARTS_WITHIN_S)
        case.trouble(machines)
        wait_until(lambda: not machines.master.running, case.duration_s + _ENDS_WITHIN_S)
        wait_until(lambda: not any(program.running for program in machines.workers.values()), _ENDS_WITHIN_S)
        wait_until(lambda: _beside_backend(machines) == {}, _ENDS_WITHIN_S)
        return _outcome(machines)


def _outcome(machines: Machines) -> MachinesRun:
    said = f"{machines.master.out}{machines.master.err}" + "".join(
        f"\n{name}: {program.out}{program.err}" for name, program in machines.workers.items()
    )
    folders = run_folders(machines.folder / "results")
    assert len(folders) == 1 and not machines.master.running, said
    summary = read_json(folders[0] / "summary.json")
    lines = (machines.folder / "requests.jsonl").read_text(encoding="utf-8").splitlines()
    entries = [entry for entry in map(json.loads, lines) if entry["run_id"] == summary["run_id"]]
    programs = {"run": machines.master, **machines.workers}
    return MachinesRun(
        folders[0],
        list(read(folders[0] / FILE_NAME)),
        summary,
        entries,
        {name: -1 if program.running else int(program.process.returncode) for name, program in programs.items()},
        said,
        machines.asides,
        machines.victims,
        _beside_backend(machines),
    )


def _beside_backend(machines: Machines) -> dict[str, list[int]]:
    """Host → processes on it, but the target."""
    backend = machines.backend.process.pid
    others = {name: [pid for pid in pids if pid != backend] for name, pids in machines.lab.pids().items()}
    return {name: pids for name, pids in others.items() if pids}


@contextmanager
def _machines(lab: Network, duration_s: int, folder: Path) -> Iterator[Machines]:
    """The target, the run, and load processes on the two other hosts; whatever becomes of them, they are gone after."""
    with ExitStack() as cleanup:
        backend = _backend(lab[MASTER], folder)
        cleanup.callback(backend.end)
        wait_until(lambda: lab[MASTER].listens(_HTTP_PORT) or not backend.running, _BACKEND_WITHIN_S)
        assert backend.running, backend.err
        master = _suite(
            lab[MASTER],
            *("--host", f"http://{lab[MASTER].address}:{_HTTP_PORT}", *_target(lab, folder)),
            *("--expect-workers", str(2 * PROCESSES), "--bind", f"0.0.0.0:{_MASTER_PORT}"),
            *("--users", str(USERS), "--spawn-rate", str(USERS // 2), "--duration", f"{duration_s}s"),
            *("--seed", "11", "--raw-samples", "--results", str(folder / "results")),
        )
        cleanup.callback(master.end)
        machines = Machines(lab, folder, master, backend, {})
        try:
            for name in (LEFT, RIGHT):
                machines.start_workers(name, lab[name], PROCESSES)
            yield machines
        finally:
            for program in machines.workers.values():
                program.end()


def _backend(host: Host, folder: Path) -> Program:
    files = {"--database-url": "mitra.db", "--request-log": "requests.jsonl", "--credentials-out": "credentials.csv"}
    options = [part for option, name in files.items() for part in (option, str(folder / name))]
    words = ("--demo", "--seed-factor", SMALL, "--host", host.address, "--port", str(_HTTP_PORT), *options)
    command = [sys.executable, "-m", "mitra_backend", *words]
    return start(host.inside(command), env={"PYTHONPATH": str(ROOT / "backend")})


def _suite(host: Host, *words: str) -> Program:
    command = [sys.executable, str(STARTER), *words]
    return start(host.inside(command), env={"AGENTMITRA_WORKER_TOKEN": _TOKEN})


def _target(lab: Network, folder: Path) -> tuple[str, ...]:
    """Options by which each host may load the target, which is no loopback address to it."""
    accounts = ("--credentials", str(folder / "credentials.csv"))
    return ("--allow-host", lab[MASTER].address, "--i-accept-production-load", *accounts)
