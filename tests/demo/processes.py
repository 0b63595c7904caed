"""Looking at real processes: which belong to a demo, and whether all are gone."""

import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).parents[2]
GONE_WITHIN_S = 60.0


@dataclass(frozen=True)
class Started:
    """A program that has printed its first line, and what that says."""

    process: subprocess.Popen[str]
    ready: dict[str, Any]


def family_of(pid: int) -> list[psutil.Process]:
    """The process and all that it has started."""
    process = psutil.Process(pid)
    return [process, *process.children(recursive=True)]


def all_gone(processes: list[psutil.Process]) -> bool:
    """True when every one of them has ended within a bounded time."""
    until = time.monotonic() + GONE_WITHIN_S
    alive = processes
    while alive and time.monotonic() < until:
        alive = [process for process in alive if _runs(process)]
        psutil.wait_procs(alive, timeout=0.05)
    return not alive


def _runs(process: psutil.Process) -> bool:
    """False for a zombie too: it only waits for a parent, or the system's init, to take note."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
