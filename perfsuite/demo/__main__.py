"""`python -m perfsuite.demo`: the supervisor as a process of its own. One JSON line on stdout when it is ready."""

from __future__ import annotations

import argparse
import dataclasses
import json
import sys
from pathlib import Path

from perfsuite.demo.stop import stop_on
from perfsuite.demo.supervisor import KINDS, DemoOrder, Ready, supervise
from perfsuite.errors import SuiteError


def main(arguments: list[str] | None = None) -> int:
    """Run a demo until stdin ends or a signal comes. Gives 0, or the exit code of what went wrong."""
    order = _order(_parser().parse_args(arguments))
    try:
        with stop_on(sys.stdin.fileno()) as stop:
            supervise(order, stop, _announce)
    except SuiteError as error:
        sys.stderr.write(f"{error}\n")
        return error.exit_code
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m perfsuite.demo",
        description="The reference backend with what it needs, until standard input ends. Prints one JSON line.",
    )
    add = parser.add_argument
    add("kind", nargs="?", choices=KINDS, default="embedded", help="full: with a private PostgreSQL and Redis")
    add("--port", type=int, default=0, help="port of the backend; 0 takes a free one")
    add("--seed-factor", type=float, default=1.0, metavar="F", help="how much data, 1 = 5,000 policies")
    add("--fault", action="append", default=[], metavar="SPEC", help="make something go wrong, see docs/backend.md")
    add("--request-log", type=Path, metavar="FILE", help="one JSON line per request; default: in the demo's own folder")
    add("--credentials-out", type=Path, metavar="FILE", help="accounts as CSV; default: in the demo's own folder")
    # Named here or not at all: a database that the environment happens to name must not be filled with demo data.
    add("--database-url", metavar="URL", help="fill and use this database; its password by PGPASSWORD or ~/.pgpass")
    add("--redis-url", metavar="URL", help="use this Redis")
    return parser


def _order(options: argparse.Namespace) -> DemoOrder:
    return DemoOrder(
        kind=options.kind,
        port=options.port,
        seed_factor=options.seed_factor,
        faults=tuple(options.fault),
        request_log=options.request_log.absolute() if options.request_log else None,
        credentials_out=options.credentials_out.absolute() if options.credentials_out else None,
        database_url=options.database_url,
        redis_url=options.redis_url,
    )


def _announce(ready: Ready) -> None:
    sys.stdout.write(json.dumps(dataclasses.asdict(ready)) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
