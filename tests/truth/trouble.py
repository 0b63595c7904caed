"""Trouble that the backend cannot make for itself."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager

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
