"""The process that cleans up after a supervisor that was killed: `python -m perfsuite.demo.janitor FOLDER`.

It reads a process id a line from stdin. When stdin ends, the supervisor is gone, one way or the other: what it
left running is killed, and the folder is removed. After a proper end there is nothing to do.
"""

from __future__ import annotations

import shutil
import signal
import sys
import time
from pathlib import Path

import psutil

_GONE_WITHIN_S = 10.0


def main(folder: Path) -> None:
    """Wait for the end of stdin, then clean up."""
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    processes: list[psutil.Process] = []
    for line in sys.stdin:
        try:
            processes.append(psutil.Process(int(line)))
        except psutil.NoSuchProcess:
            continue  # it ended before we looked
    _end(processes)
    shutil.rmtree(folder, ignore_errors=True)


def _end(processes: list[psutil.Process]) -> None:
    """Kill what still runs, with its children. A process id that was given to somebody else is left alone."""
    left: list[psutil.Process] = []
    for process in processes:
        try:
            if _runs(process):
                left.extend([*process.children(recursive=True), process])
        except psutil.NoSuchProcess:
            continue
    for process in left:
        try:
            process.kill()
        except psutil.NoSuchProcess:
            continue
    until = time.monotonic() + _GONE_WITHIN_S
    while time.monotonic() < until and any(_runs(process) for process in left):
        time.sleep(0.02)


def _runs(process: psutil.Process) -> bool:
    """False for a zombie too: it only waits for the system's init to take note."""
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


if __name__ == "__main__":
    main(Path(sys.argv[1]))
