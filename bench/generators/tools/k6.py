"""k6: scripts in JavaScript, engine in Go."""

from __future__ import annotations

import json
from pathlib import Path

from bench.generators.process_tree import Command
from bench.generators.work import SCRIPTS, SEND, Kind, Outcome, Work

EXPORT = "summary.json"
STATISTICS = "med,p(99),p(99.9)"


class K6:
    """`program`: the executable."""

    name = "k6"
    kinds = frozenset(Kind)
    beside_s = 2

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, work: Work) -> Command:
        """The script for this work; a fixed rate has its users and length in the script."""
        script = {Kind.MIX: "mix.js", Kind.IDLE: "idle.js"}.get(work.kind, "get.js")
        size = () if work.kind is Kind.ARRIVALS else ("-u", str(work.users), "-d", f"{work.seconds}s")
        given = [word for name, value in work.variables.items() for word in ("-e", f"{name}={value}")]
        export = ("--summary-trend-stats", STATISTICS, "--summary-export", str(work.folder / EXPORT))
        words = (self._program, "run", "-q", *size, *given, *export, str(SCRIPTS / "k6" / script))
        return Command(words, work.folder, {"GOMAXPROCS": "1", "K6_NO_USAGE_REPORT": "true"})

    def outcome(self, work: Work, output: str) -> Outcome:
        """From its exported summary."""
        return exported(work.folder / EXPORT)


def exported(file: Path) -> Outcome:
    """A summary in the format of k6's `--summary-export`, which k9-load writes as well."""
    metrics = json.loads(file.read_text())["metrics"]
    requests = int(metrics["http_reqs"]["count"])
    unanswered = int(metrics.get("http_req_failed", {}).get("passes", 0))  # how often "failed" was true
    wrong = int(metrics.get("checks", {}).get("fails", 0))
    times = metrics["http_req_duration"]
    return Outcome(
        requests, max(unanswered, wrong), {SEND: (times.get("med"), times.get("p(99)"), times.get("p(99.9)"))}
    )
