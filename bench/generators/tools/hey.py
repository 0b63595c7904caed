"""hey: bare requests, in Go; also at a rate for each of its workers."""

from __future__ import annotations

import csv
import io
import re

from bench.generators.process_tree import Command
from bench.generators.work import FRACTIONS, SEND, Kind, Outcome, Work

HEALTH = "/health"


class Hey:
    """`program`: the executable."""

    name = "hey"
    kinds = frozenset({Kind.BARE, Kind.ARRIVALS})
    beside_s = 2

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, work: Work) -> Command:
        """At a fixed rate it lists every request: its summary has no 99.9th percentile."""
        paced = ("-q", str(max(round(work.rate / work.users), 1)), "-o", "csv") if work.kind is Kind.ARRIVALS else ()
        words = (self._program, "-c", str(work.users), "-z", f"{work.seconds}s", *paced, work.url + HEALTH)
        return Command(words, work.folder, {})

    def outcome(self, work: Work, output: str) -> Outcome:
        """From its summary or its list."""
        return listed(output) if work.kind is Kind.ARRIVALS else parsed(output)


def parsed(output: str) -> Outcome:
    """The summary that hey prints. Raises ValueError where it is none."""
    answered = {int(code): int(count) for code, count in re.findall(r"\[(\d+)\]\t(\d+) responses", output)}
    broken = re.search(r"Error distribution:\n((?:  \[\d+\].*\n?)+)", output)
    errors = sum(map(int, re.findall(r"(?m)^  \[(\d+)\]", broken[1]))) if broken else 0
    if not answered and not errors:
        raise ValueError("hey printed no summary")
    requests = sum(answered.values())
    return Outcome(requests + errors, requests - answered.get(200, 0) + errors)


def listed(output: str) -> Outcome:
    """The list of all requests; times are in seconds with four decimals. It leaves out what had no answer."""
    rows = list(csv.DictReader(io.StringIO(output)))
    if not rows:
        raise ValueError("hey listed no request")
    times = sorted(float(row["response-time"]) * 1000 for row in rows)
    p50, p99, p999 = (times[min(int(fraction * len(times)), len(times) - 1)] for fraction in FRACTIONS)
    failures = sum(row["status-code"] != "200" for row in rows)
    return Outcome(len(rows), failures, {SEND: (p50, p99, p999)})
