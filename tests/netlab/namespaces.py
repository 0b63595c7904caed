"""Network namespaces of this machine: create, enter and remove them. Standard library only: the relay uses it too."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import time
import uuid
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from threading import Thread
from typing import TypeVar

T = TypeVar("T")

_NAMED = Path("/run/netns")
_TUN = Path("/dev/net/tun")
_PREFIX = "mitra-lab"
_CLONE_NEWNET = 0x40000000
_COMMAND_WITHIN_S = 60.0
_GONE_WITHIN_S = 60.0
_LOOK_EVERY_S = 0.02
_START_TICKS_FIELD = 19
"""Of /proc/PID/stat, counted from behind the name."""


class LabError(RuntimeError):
    """The laboratory cannot be built here, or one of its commands failed."""


def lacking() -> str:
    """Why no namespaces with TUN devices can be had here, in one line; "" where they can."""
    if os.geteuid() != 0:
        return "the network laboratory needs root"
    if shutil.which("ip") is None:
        return "the network laboratory needs `ip` (Debian: apt-get install iproute2)"
    if not _TUN.exists():
        return f"the network laboratory needs {_TUN} (modprobe tun)"
    name = f"{_PREFIX}-probe-{uuid.uuid4().hex[:8]}"
    try:
        ip("netns", "add", name)
        ip("netns", "delete", name)
    except LabError as error:
        return f"the network laboratory needs network namespaces: {error}"
    return ""


def ip(*words: str) -> str:
    """What `ip` prints; LabError with its message where it fails."""
    return command("ip", *words)


def command(*words: str) -> str:
    """What a program prints; LabError with its message where it fails."""
    done = subprocess.run(words, capture_output=True, text=True, timeout=_COMMAND_WITHIN_S, check=False)
    if done.returncode:
        raise LabError(f"{' '.join(words)}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def new_prefix() -> str:
    """What the names of one network's namespaces begin with. It names its owner, this process."""
    pid = os.getpid()
    return f"{_PREFIX}-{pid}-{_start_ticks(pid)}-{uuid.uuid4().hex[:8]}"


def create(name: str) -> None:
    """A namespace with loopback and without IPv6, which would send packets that nobody asked for."""
    ip("netns", "add", name)
    for scope in ("all", "default"):
        call_in(name, partial(_without_ipv6, scope))
    ip("-n", name, "link", "set", "lo", "up")


def _without_ipv6(scope: str) -> None:
    setting = Path(f"/proc/sys/net/ipv6/conf/{scope}/disable_ipv6")  # those of the thread that opens it
    if setting.exists():
        setting.write_text("1", encoding="ascii")


def remove(name: str) -> None:
    """End every process in the namespace, stopped ones too, then remove it."""
    deadline = time.monotonic() + _GONE_WITHIN_S
    while left := pids(name):
        for pid in left:
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                continue
        if time.monotonic() > deadline:
            raise LabError(f"processes {left} stay in namespace {name}")
        time.sleep(_LOOK_EVERY_S)
    ip("netns", "delete", name)


def remove_abandoned() -> None:
    """Remove the namespaces of test processes that ended without doing so."""
    for name in existing():
        _, _, owner = name.partition(f"{_PREFIX}-")
        pid, _, rest = owner.partition("-")
        if pid.isdigit() and _start_ticks(int(pid)) != rest.partition("-")[0]:
            remove(name)


def existing(prefix: str = _PREFIX) -> list[str]:
    """Namespaces of laboratories whose names begin so."""
    return sorted(path.name for path in _NAMED.glob(f"{prefix}-*"))


def pids(name: str) -> list[int]:
    """Processes in the namespace; [] where it is gone."""
    if not (_NAMED / name).exists():
        return []
    return [int(line) for line in ip("netns", "pids", name).split()]


def enter(name: str) -> None:
    """Put the calling thread into the namespace; what it opens and starts from now on is there."""
    library = ctypes.CDLL(None, use_errno=True)
    with (_NAMED / name).open("rb") as namespace:
        if library.setns(namespace.fileno(), _CLONE_NEWNET) != 0:
            number = ctypes.get_errno()
            raise OSError(number, f"setns {name}: {os.strerror(number)}")


def call_in(name: str, function: Callable[[], T]) -> T:
    """The result of a function in the namespace. Sockets that it opens stay there whoever uses them."""
    result: Future[T] = Future()

    def called() -> None:
        try:
            enter(name)
            result.set_result(function())
        except BaseException as error:  # noqa: BLE001  raised again in the caller's thread
            result.set_exception(error)

    thread = Thread(target=called, name=f"in {name}")
    thread.start()
    thread.join()
    return result.result()


def _start_ticks(pid: int) -> str:
    """When the process started, in ticks since boot, so that a reused id is no other's; "" where there is none."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace")
    except (FileNotFoundError, ProcessLookupError):
        return ""
    return stat.rpartition(")")[2].split()[_START_TICKS_FIELD]
