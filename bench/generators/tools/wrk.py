"""wrk: bare requests over keep-alive connections, in C."""

from __future__ import annotations

import re

from bench.generators.process_tree import Command
from bench.generators.work import Kind, Outcome, Work

HEALTH = "/health"


class Wrk:
    """`program`: the executable."""

    name = "wrk"
    kinds = frozenset({Kind.BARE})
    beside_s = 2

    def __init__(self, program: str) -> None:
        self._program = program

    def command(self, work: Work) -> Command:
        """One thread."""
        words = (self._program, "-t1", f"-c{work.users}", f"-d{work.seconds}s", work.url + HEALTH)
        return Command(words, work.folder, {})

    def outcome(self, work: Work, output: str) -> Outcome:
        """From its summary."""
        return parsed(output)


def parsed(output: str) -> Outcome:
    """The summary that wrk prints. Raises ValueError where it is none."""
    made = re.search(r"(\d+) requests in ", output)
    if made is None:
        raise ValueError("wrk printed no summary")
    refused = re.search(r"Non-2xx or 3xx responses: (\d+)", output)
    broken = re.search(r"Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)", output)
    failures = int(refused[1]) if refused else 0
    return Outcome(int(made[1]), failures + (sum(map(int, broken.groups())) if broken else 0))
