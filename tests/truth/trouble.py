"""Trouble that the backend cannot make for itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path

import psutil

_BURNERS_PER_CORE = 2


@contextmanager
def stopped_redis(suite: psutil.Process) -> Iterator[None]:
    """The demo's Redis answers nothing; it is there all the same, else the demo would end."""
    redis = next(each for each in suite.children(recursive=True) if each.name().startswith("redis-server"))
    redis.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        if redis.is_running():
            redis.send_signal(signal.SIGCONT)


@contextmanager
def burnt_cpu(_suite: psutil.Process) -> Iterator[None]:
    """Somebody else's programs compute on every core, as eagerly as the backend."""
    count = (os.cpu_count() or 1) * _BURNERS_PER_CORE
    burners = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(count)]
    try:
        yield
    finally:
        for burner in burners:
            burner.kill()
            burner.wait()


# ── trouble of a load process itself ────────────────────────────────────────────────────────────────

_CORE = 0
_PERIOD_S = 0.1
_GROUPS = Path("/sys/fs/cgroup/cpu")
"""Control groups, version 1; the other has no such folder."""


def busy_neighbours(count: int) -> Callable[[psutil.Process], AbstractContextManager[None]]:
    """So many programs that want all of one core, which is the only one that the load process may use."""

    @contextmanager
    def trouble(worker: psutil.Process) -> Iterator[None]:
        program = f"import os\nos.sched_setaffinity(0, {{{_CORE}}})\nwhile True: pass"
        # Each in a session of its own: Linux shares a core out by sessions first, and the load has one too.
        burners = [subprocess.Popen([sys.executable, "-c", program], start_new_session=True) for _ in range(count)]
        try:
            for thread in worker.threads():
                os.sched_setaffinity(thread.id, {_CORE})
            yield
        finally:
            for burner in burners:
                burner.kill()
                burner.wait()

    return trouble


def cpu_limit(cores: float) -> Callable[[psutil.Process], AbstractContextManager[None]]:
    """A CPU limit on the load process, as that of a container; where none can be made, the process is stopped for the
    same share of each period, as a limit would."""

    def trouble(worker: psutil.Process) -> AbstractContextManager[None]:
        return _in_group(worker, cores) if _groups_possible() else _by_turns(worker, cores)

    return trouble


@contextmanager
def _in_group(worker: psutil.Process, cores: float) -> Iterator[None]:
    group = _GROUPS / f"mitra-truth-{worker.pid}"
    group.mkdir()
    try:
        (group / "cpu.cfs_quota_us").write_text(str(round(cores * _PERIOD_S * 1e6)), encoding="ascii")
        (group / "cgroup.procs").write_text(str(worker.pid), encoding="ascii")
        yield
    finally:
        with suppress(psutil.Error):
            worker.wait(30)
        group.rmdir()


@contextmanager
def _by_turns(worker: psutil.Process, cores: float) -> Iterator[None]:
    over = threading.Event()

    def take_turns() -> None:
        with suppress(psutil.Error):
            while not over.wait(cores * _PERIOD_S):
                worker.suspend()
                over.wait((1 - cores) * _PERIOD_S)
                worker.resume()

    turns = threading.Thread(target=take_turns)
    turns.start()
    try:
        yield
    finally:
        over.set()
        turns.join()


def _groups_possible() -> bool:
    probe = _GROUPS / f"mitra-truth-{os.getpid()}"
    try:
        probe.mkdir()
        probe.rmdir()
    except OSError:
        return False
    return True
