"""Locust with its faster client, FastHttpUser."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

from bench.generators.process_tree import Command
from bench.generators.work import FRACTIONS, SCRIPTS, SEND, Kind, Outcome, Work

_REPORT = "report"
_MOST_STARTED = 500


class FastHttpUser:
    """`program`: the executable of Locust."""

    name = "Locust FastHttpUser"
    kinds = frozenset(Kind)
    beside_s = 2

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, work: Work) -> Command:
        """The script for this work."""
        script = {Kind.MIX: "mix.py", Kind.IDLE: "idle.py"}.get(work.kind, "get.py")
        rate = str(min(work.users, _MOST_STARTED))
        size = ("-u", str(work.users), "-r", rate, "-t", f"{work.seconds}s", "-H", work.url)
        report = ("--headless", "--only-summary", "--json-file", str(work.folder / _REPORT))
        words = (self._program, "-f", str(SCRIPTS / "locust" / script), *size, *report)
        return Command(words, work.folder, {**work.variables, "PYTHONDONTWRITEBYTECODE": "1"})

    def outcome(self, work: Work, output: str) -> Outcome:
        """From its report in JSON."""
        return reported(work.folder / f"{_REPORT}.json")


def reported(file: Path) -> Outcome:
    """The report that `--json-file` writes; its times are rounded to two digits, so its percentiles are as well."""
    entries = json.loads(file.read_text())
    times: Counter[float] = Counter()
    for entry in entries:
        times.update({float(ms): count for ms, count in entry["response_times"].items()})
    requests = sum(entry["num_requests"] for entry in entries)
    failures = sum(entry["num_failures"] for entry in entries)
    p50, p99, p999 = (_percentile(times, fraction) for fraction in FRACTIONS)
    return Outcome(requests, failures, {SEND: (p50, p99, p999)})


def _percentile(times: Counter[float], fraction: float) -> float | None:
    """As Locust computes it: the largest time at which no more than 1 - fraction are left."""
    most_left, left = int(sum(times.values()) * fraction), 0
    for ms in sorted(times, reverse=True):
        left += times[ms]
        if sum(times.values()) - left <= most_left:
            return ms
    return None
