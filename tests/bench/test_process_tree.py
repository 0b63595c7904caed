"""A generator is measured and ended with all its descendants, daemons included."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import psutil

ROOT = Path(__file__).resolve().parents[2]
# In a process of its own: adopting orphans is for good.
SCRIPT = """
import os, sys, time
from pathlib import Path
from bench.generators import process_tree

process_tree.adopt_orphans()
folder = Path(sys.argv[1])
busy = "import time\\nuntil = time.process_time() + 0.3\\nwhile time.process_time() < until: pass\\ntime.sleep(60)"
daemon = ["sh", "-c", 'setsid "$0" -c "$1" & sleep 60', sys.executable, busy]
core = min(os.sched_getaffinity(0))
other = process_tree.ProcessTree(process_tree.Command(["sleep", "60"], folder, {}), core)
with process_tree.running(process_tree.Command(daemon, folder, {}), core) as tree:
    deadline = time.monotonic() + 90
    while tree.cpu_s() < 0.3 and time.monotonic() < deadline:
        time.sleep(0.05)
    os.kill(tree._process.pid, 9)  # the daemon loses its parent
    time.sleep(0.2)
    members = tree.members()
    print(len(members) >= 1, tree.cpu_s() >= 0.3, tree.memory_bytes() > 1_000_000)
    print(all(os.sched_getaffinity(pid) == {core} for pid in members))
print(tree.members() == [], other.running)
other.end()
print(*members)
"""


def test_an_orphaned_daemon_is_counted_pinned_and_ended(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, tmp_path],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=180,
        check=True,
    )
    *answers, members = done.stdout.splitlines()
    assert answers == ["True True True", "True", "True True"]
    assert [pid for pid in members.split() if psutil.pid_exists(int(pid))] == []
