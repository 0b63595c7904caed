"""How much processor time the reference backend needs for a request of the usual mix.

    python bench/backend_load.py [--seconds 10] [--threads 4]

Starts a backend of its own on embedded SQLite, asks it the operations of the seven roles by their weights
as fast as it answers, and prints requests a second, response times and requests per processor second of
the server. The load generator is a handful of threads: the figure to read is the last one.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import threading
import time
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit

import psutil

ROOT = Path(__file__).resolve().parents[1]
# (role number, path, weight): requests of 200 users a second, by the weights and think times of the contract.
MIX = (
    (5, "/users/me", 40),
    (5, "/policies/", 12),
    (5, "/policies/{policy}", 12),
    (5, "/policies/{policy}/coverage", 10),
    (5, "/policies/{policy}/premiums", 5),
    (4, "/users/me", 25),
    (4, "/agents/profile", 25),
    (4, "/policies/?limit=20&offset=20", 10),
    (4, "/policies/{policy}", 8),
    (4, "/agents/performance/metrics", 6),
    (3, "/dashboard/senior-agent-overview", 7),
    (3, "/agents/profile", 7),
    (3, "/leads/", 5),
    (3, "POST /policies/", 4),
    (3, "/analytics/comprehensive/dashboard", 2),
    (2, "/dashboard/regional-overview?region=south", 2),
    (2, "/agents/", 2),
    (1, "/dashboard/provider-overview", 1),
    (0, "/users/", 1),
    (6, "/support/tickets/", 2),
    (6, "/analytics/reports/summary", 1),
)


class Client:
    """One connection, seven accounts."""

    def __init__(self, url: str, number: int) -> None:
        host = urlsplit(url)
        self.connection = HTTPConnection(host.hostname or "", host.port)
        self.number = number
        self.created = 0
        self.tokens = [self._login(role) for role in range(7)]
        self.policies = {role: self.ask(role, "/policies/")[0]["policy_id"] for role in (3, 4, 5)}
        self.agent = self.ask(3, "/agents/profile")
        self.holder = self.ask(3, "/policies/")[0]["policyholder_id"]

    def _login(self, role: int) -> str:
        body = json.dumps({"phone_number": str(9876543200 + role), "password": "testpassword"})
        self.connection.request("POST", "/api/v1/auth/login", body, {"Content-Type": "application/json"})
        return str(json.loads(self.connection.getresponse().read())["access_token"])

    def ask(self, role: int, path: str):
        headers = {"Authorization": f"Bearer {self.tokens[role]}", "Content-Type": "application/json"}
        if path.startswith("POST"):
            self.connection.request("POST", "/api/v1/policies/", self._policy(), headers)
        else:
            path = path.replace("{policy}", self.policies[role]) if "{" in path else path
            self.connection.request("GET", f"/api/v1{path}", None, headers)
        answer = self.connection.getresponse()
        body = answer.read()
        if answer.status >= 300:
            raise RuntimeError(f"{path}: {answer.status} {body[:200]!r}")
        return json.loads(body)

    def _policy(self) -> str:
        self.created += 1
        return json.dumps(
            {
                "policy_number": f"BENCH-{self.number}-{self.created}",
                "policyholder_id": self.holder,
                "agent_id": self.agent["agent_id"],
                "provider_id": self.agent["provider_id"],
                "policy_type": "term_life",
                "plan_name": "Jeevan Term",
                "category": "life",
                "sum_assured": 100000,
                "premium_amount": 1000,
                "premium_frequency": "annual",
                "application_date": "2025-07-01",
                "start_date": "2025-07-02",
            }
        )


def work(client: Client, until: float, times_ms: list[float], by_path: dict[str, list[float]]) -> None:
    """Ask until the time is over."""
    rng = random.Random(client.number)
    operations, weights = [(role, path) for role, path, _ in MIX], [weight for _, _, weight in MIX]
    while time.perf_counter() < until:
        role, path = rng.choices(operations, weights)[0]
        start = time.perf_counter()
        client.ask(role, path)
        spent_ms = (time.perf_counter() - start) * 1000
        times_ms.append(spent_ms)
        by_path.setdefault(path, []).append(spent_ms)


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=10)
    parser.add_argument("--threads", type=int, default=4)
    options = parser.parse_args()
    command = [sys.executable, "-m", "mitra_backend", "--demo", "--exit-with-stdin"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT / "backend")}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout and server.stdin  # noqa: S101 - both are pipes
        url = server.stdout.readline().split()[-1]
        clients = [Client(url, number) for number in range(options.threads)]
        process = psutil.Process(server.pid)
        times_ms: list[float] = []
        by_path: dict[str, list[float]] = {}
        before, start = process.cpu_times(), time.perf_counter()
        until = start + options.seconds
        threads = [threading.Thread(target=work, args=(client, until, times_ms, by_path)) for client in clients]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        elapsed_s, after = time.perf_counter() - start, process.cpu_times()
        server.stdin.close()
    cpu_s = after.user + after.system - before.user - before.system
    quantiles = statistics.quantiles(times_ms, n=20)
    for path, values in sorted(by_path.items(), key=lambda item: -sum(item[1])):
        print(f"{path:45} {len(values):6} requests  {statistics.mean(values):7.2f} ms on average")
    rate, average_ms = len(times_ms) / elapsed_s, statistics.mean(times_ms)
    print(f"requests/s {rate:.0f}, average {average_ms:.1f} ms, p95 {quantiles[18]:.1f} ms")
    print(f"server: {cpu_s / len(times_ms) * 1000:.2f} ms of processor time a request")
    print(f"        {len(times_ms) / cpu_s:.0f} requests per core and second")


if __name__ == "__main__":
    main()
