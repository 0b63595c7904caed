"""Runs that look at the database of their target, and runs whose monitors are of no use."""

from __future__ import annotations

import socket
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path

from perfsuite.errors import TargetError
from tests.integration.attempts import repeated
from tests.integration.programs import (
    Ended,
    Program,
    ended,
    full_demo_programs,
    run_suite,
    running_backend,
    suite,
    until,
)

EASY_TARGET = """
schema = 1
[[target]]
name = "average response time"
metric = "avg_ms"
below = 5000
"""
LOAD = ("--users", "20", "--spawn-rate", "20", "--duration", "9s")
COMPARED = ("--arrival-rate", "8", "--users", "20", "--spawn-rate", "20", "--duration", "12s")
"""As many actions at the same times, however busy this machine is."""


def easy(folder: Path) -> tuple[str, ...]:
    """Options of a run whose subject is no limit: a target that a busy machine meets, too. Its file is in `folder`."""
    targets = folder / "easy.toml"
    targets.write_text(EASY_TARGET, encoding="utf-8")
    return ("--targets", str(targets))


def against_baseline(folder: Path) -> Ended | None:
    """A full demo that reads each policy of a list once more, compared with a baseline that does not.

    `beside`: the run of the baseline ("first"), a run like it compared with its release ("same"), and its baseline
    saved ("saved").
    """
    try:
        full_demo_programs()
    except TargetError:
        return None
    load = ("--demo", "full", *LOAD, *easy(folder))
    named = ("--release", "1.0", "--label", "first")

    def baseline(place: Path) -> Ended:
        return run_suite(*load, *named, "--history", str(place / "history.db"), results=place)

    # An attempt that failed is no baseline, so each has a history of its own.
    first = repeated(baseline, folder / "first")
    database = first.folder.parent / "history.db"
    file = database.with_name("main.json")
    kept = ("--history", str(database))
    load = (*load, *kept)
    saved = run_suite(
        *("baseline", "save", "main", "--run", str(first.folder), "--file", str(file)),
        *("--results", str(first.folder.parent), *kept),
    )
    same = run_suite(*load, "--baseline", "1.0", results=folder / "same")
    fault = ("--fault", "n_plus_one@policies.list")
    worse = run_suite(*load, *fault, "--baseline", str(file), results=folder / "worse")
    return replace(worse, beside={"first": first, "saved": saved, "same": same, "history": database})


def useless_monitors(folder: Path) -> Ended:
    """A run with monitors that hang or are refused; `beside`: a run at the same time, on the same backend, without.

    The latter waits until the former has given up its fingerprint, so that their loads begin nearly together.
    """
    with running_backend(folder) as backend, ExitStack() as stack:
        hangs, closed = (stack.enter_context(_port(listens=yes)) for yes in (True, False))
        watched = (
            *("--monitor-postgres", f"postgresql://watcher@127.0.0.1:{hangs}/mitra"),
            *("--monitor-redis", f"redis://127.0.0.1:{closed}"),
            *("--monitor-prometheus", f"http://127.0.0.1:{hangs}"),
        )
        with_them, without = side_by_side(
            folder, [*backend.target, *COMPARED, *watched], [*backend.target, *COMPARED], once="Preflight: "
        )
    return replace(with_them, beside={"without": without})


def side_by_side(folder: Path, first: Sequence[str], second: Sequence[str], *, once: str = "") -> list[Ended]:
    """Two runs at the same time, so that whatever this machine does otherwise is the same for both of them.

    The second begins when the first has said `once`.
    """
    programs: list[Program] = []
    try:
        for number, command in enumerate((first, second)):
            if programs:
                until(lambda: once in programs[0].out or not programs[0].running, 120, f"the first run says {once!r}")
            programs.append(suite(*command, "--results", str(folder / f"results-{number}")))
        return [ended(run, run.wait(), folder / f"results-{number}") for number, run in enumerate(programs)]
    finally:
        for program in programs:
            program.end()


@contextmanager
def _port(*, listens: bool) -> Iterator[int]:
    """A port that takes connections and never answers, or one that refuses them."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        if listens:
            held.listen(50)
        yield held.getsockname()[1]


def compared(folder: Path) -> Ended:
    """Two demos by turns, one run each; a list of the second is slow."""
    options = ("--demo", "--runs", "1", "--against-fault", "latency=300ms@policies.list")
    return run_suite(*options, *LOAD, results=folder / "results", attempts=1)
