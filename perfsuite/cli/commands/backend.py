"""The reference backend on its own."""

from __future__ import annotations

import argparse
from pathlib import Path

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import number, whole
from perfsuite.demo.backend import BackendSettings, check_faults, faults_of, start_backend
from perfsuite.errors import EXIT_PASS


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    parser.add_argument("--port", type=whole, default=8015, metavar="N", help="default 8015; 0 takes a free one")
    parser.add_argument("--database-url", metavar="URL", help="default: SQLite in a temporary folder")
    parser.add_argument("--redis-url", metavar="URL", help="default: a cache within the process")
    parser.add_argument("--seed-factor", type=number, default=1.0, metavar="F", help="size of the seeded data")
    parser.add_argument("--fault", action="append", metavar="SPEC", help="make it misbehave; see docs/backend.md")
    parser.add_argument("--as-deployed", action="store_true", help="behave as deployed versions do")
    parser.add_argument("--request-log", type=Path, metavar="FILE", help="write one line a request")
    parser.add_argument("--credentials-out", type=Path, metavar="FILE", help="write the seeded accounts")


def do(call: Call) -> int:
    """Do it; the exit code."""
    check_faults(call.arguments.fault or ())
    process = start_backend(
        BackendSettings(
            port=call.arguments.port,
            seed_factor=call.arguments.seed_factor,
            faults=faults_of(call.arguments.fault, as_deployed=call.arguments.as_deployed),
            request_log=call.arguments.request_log,
            credentials_out=call.arguments.credentials_out,
        ),
        call.arguments.database_url,
        call.arguments.redis_url,
    )
    try:
        return process.wait()
    except KeyboardInterrupt:
        process.terminate()
        process.wait()
        return EXIT_PASS


COMMAND = Command(
    name="backend",
    usage="backend",
    summary="the reference backend on its own, seeded, until Ctrl-C",
    description="The reference backend on its own, seeded, until Ctrl-C.",
    configure=configure,
    do=do,
)
