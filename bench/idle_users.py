"""What users cost that have logged in and wait: memory, and how long it takes until all are there.

    python bench/idle_users.py [--users 20000] [--spawn-rate 2000] [--top]

One load process against canned answers (nginx, its own process). Memory is that of the process less what it had before
its users. `--top`: where it was allocated, by tracemalloc, which takes memory itself.
"""

from __future__ import annotations

import gevent.monkey

gevent.monkey.patch_all()

import argparse  # noqa: E402
import gc  # noqa: E402
import logging  # noqa: E402
import resource  # noqa: E402
import sys  # noqa: E402
import time  # noqa: E402
import tracemalloc  # noqa: E402
from dataclasses import replace  # noqa: E402
from pathlib import Path  # noqa: E402

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import gevent  # noqa: E402
import psutil  # noqa: E402
from locust.dispatch import UsersDispatcher  # noqa: E402
from locust.env import Environment  # noqa: E402

from bench.canned_server import canned_answers, canned_server  # noqa: E402
from bench.hot_path import ONE_READ, Lab  # noqa: E402
from perfsuite.load.install import Hooks, install  # noqa: E402
from perfsuite.load.locust_count import LocustCount, note_own_listeners  # noqa: E402
from perfsuite.load.users import user_classes  # noqa: E402
from perfsuite.load.worker import allow_many_connections  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402

_WITHIN_S = 180.0


def main() -> int:
    """Measure and print; 1 where not all users came, logged in and ended, or a request failed."""
    parser = argparse.ArgumentParser(description="What users cost that wait.")
    parser.add_argument("--users", type=int, default=20_000)
    parser.add_argument("--spawn-rate", type=float, default=2_000.0)
    parser.add_argument("--top", action="store_true")
    options = parser.parse_args()
    logging.disable(logging.WARNING)  # Locust warns of full cores and high spawn rates
    allow_many_connections()
    files = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    role = next(role for role in ROLES if role.slug == "policyholder")
    role = replace(role, behaviours=ONE_READ, think_min_s=3600.0, think_max_s=3600.0)
    with canned_server(canned_answers("policyholder"), files=min(files, 60_000)) as host:
        return measure(Lab(host, (role,), options.users, 1.0), options.spawn_rate, top=options.top)


def measure(lab: Lab, spawn_rate: float, *, top: bool) -> int:
    """One load process with its users."""
    load = lab.load()
    cells, users = load.recorder.cells, lab.users
    environment = Environment(user_classes=user_classes(lab.roles), host=lab.host, stop_timeout=30)
    hooks = Hooks(lambda _e: load, lambda _l: None, lambda _l: None, UsersDispatcher)
    install(environment, hooks)
    runner = environment.create_local_runner()
    environment.stats = LocustCount()
    note_own_listeners(environment)
    if top:
        tracemalloc.start(8)
    gc.collect()
    process, before = psutil.Process(), psutil.Process().memory_info().rss
    began, cpu = time.monotonic(), time.process_time()
    runner.start(users, spawn_rate=spawn_rate)
    while (cells.recorded < 2 * users or cells.logging_in) and time.monotonic() - began < _WITHIN_S:
        gevent.sleep(0.2)
    took_s, cpu = time.monotonic() - began, time.process_time() - cpu
    gc.collect()
    used = process.memory_info().rss - before
    print(f"{users:,} users: {cells.recorded:,} requests within {took_s:.1f} s ({cpu:.1f} s CPU)")
    print(f"memory: {used / 1e6:.1f} MB, {used / 1000 / users:.1f} kB a user")
    if top:
        for line in tracemalloc.take_snapshot().statistics("lineno")[:45]:
            print(f"{line.size / users:8.0f} B {line.count / users:6.1f}  {line.traceback}")
    here = cells.recorded >= 2 * users and cells.logging_in == 0
    began, cpu = time.monotonic(), time.process_time()
    runner.quit()
    print(f"end: {time.monotonic() - began:.1f} s ({time.process_time() - cpu:.1f} s CPU)")
    failed, remaining = environment.stats.total.num_failures, load.users_alive
    if failed or remaining:
        print(f"{failed:,} failed requests, {remaining:,} users that did not end")
    return 0 if here and not failed and not remaining else 1


if __name__ == "__main__":
    sys.exit(main())
