"""One child process, which does not outlive its parent on Linux and stops within a bounded time."""

from __future__ import annotations

import ctypes
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from perfsuite.demo.programs import Identity
from perfsuite.demo.stop import StopRequest
from perfsuite.errors import TargetError
from perfsuite.messages.demo import DemoMessage

_PR_SET_PDEATHSIG = 1
_LINES_SHOWN = 6
STOP_WITHIN_S = 8.0
KILL_WITHIN_S = 5.0


@dataclass(frozen=True, slots=True)
class Program:
    """What to start. `folder` is its working directory and gets its output.

    `ends_with` asks it to end; the kernel sends `dies_with` when the parent has died.
    """

    name: str
    command: Sequence[str]
    folder: Path
    environment: Mapping[str, str] = field(repr=False)
    identity: Identity | None = None
    ends_with: signal.Signals = signal.SIGTERM
    dies_with: signal.Signals = signal.SIGKILL


class Child:
    """A running program, with its output in files."""

    def __init__(self, program: Program, process: subprocess.Popen[bytes]) -> None:
        self.program = program
        self._process = process

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How it ended; None while it runs."""
        return self._process.poll()

    def output(self) -> str:
        """Its standard output so far."""
        return _read(_output_path(self.program, "out"))

    def death(self) -> TargetError:
        """The error that says how it died, with the last lines of its output."""
        code = self._process.returncode
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        output = _read(_output_path(self.program, "err")) or self.output()
        lines = [line.strip() for line in output.strip().splitlines()[-_LINES_SHOWN:]]
        output = "".join(f"\n  {line}" for line in lines)
        return TargetError(DemoMessage.DIED(program=self.program.name, how=how, output=output))

    def wait_until(self, condition: Callable[[], bool], stop: StopRequest, within_s: float) -> None:
        """Wait until `condition` holds. Raises TargetError when the child dies or the time is over."""
        if not stop.until(lambda: self.exit_code is not None or condition(), within_s):
            raise TargetError(DemoMessage.NOT_READY(program=self.program.name, within_s=within_s))
        if self.exit_code is not None:
            raise self.death()

    def finish(self, stop: StopRequest, within_s: float) -> None:
        """Wait until it ends with 0. Raises TargetError when it ends otherwise or the time is over."""
        if not stop.until(lambda: self.exit_code is not None, within_s):
            raise TargetError(DemoMessage.NOT_ENDED(program=self.program.name, within_s=within_s))
        if self.exit_code != 0:
            raise self.death()

    def stop(self) -> None:
        """Ask it to end, kill it when it does not, and wait for it."""
        if self._process.stdin is not None and not self._process.stdin.closed:
            self._process.stdin.close()
        if self.exit_code is not None:
            return
        self._process.send_signal(self.program.ends_with)
        try:
            self._process.wait(STOP_WITHIN_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(KILL_WITHIN_S)


def start(program: Program) -> Child:
    """Start the program. Raises TargetError when it cannot be started."""
    identity = program.identity
    try:
        with _output_path(program, "out").open("wb") as out, _output_path(program, "err").open("wb") as err:
            process = subprocess.Popen(  # noqa: S603 - the command is ours
                list(program.command),
                cwd=program.folder,
                env=dict(program.environment),
                stdin=subprocess.PIPE,
                stdout=out,
                stderr=err,
                umask=0o077,
                user=identity.uid if identity else None,
                group=identity.gid if identity else None,
                extra_groups=[] if identity else None,
                # After the change of user, which would clear it.
                # The supervisor has one thread: the kernel sends the signal when the thread that forked ends.
                preexec_fn=_die_with_parent(program.dies_with),
            )
    except OSError as error:
        raise TargetError(DemoMessage.NOT_STARTED(program=program.name, why=error.strerror)) from None
    return Child(program, process)


def _die_with_parent(number: signal.Signals) -> Callable[[], None] | None:
    if sys.platform != "linux":
        return None
    prctl = ctypes.CDLL(None).prctl
    parent = os.getpid()

    def set_death_signal() -> None:
        prctl(_PR_SET_PDEATHSIG, int(number))
        if os.getppid() != parent:
            os._exit(1)

    return set_death_signal


def _output_path(program: Program, kind: str) -> Path:
    return program.folder / f"{program.name.lower()}.{kind}"


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
