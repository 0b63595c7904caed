"""What each operation costs the database."""

from __future__ import annotations

import argparse
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_without_load
from perfsuite.cli.target import code_of_rows, context_without_load, read, started
from perfsuite.errors import EXIT_FAIL, EXIT_PASS, UsageError
from perfsuite.fingerprint.compare import compare, not_compared
from perfsuite.fingerprint.output import FILE_NAME as FINGERPRINT_FILE
from perfsuite.fingerprint.output import read_fingerprint, render_differences, render_fingerprint
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.monitor import Watch, check_watch
from perfsuite.plan.build import DEFAULT_HOST, build
from perfsuite.run import pipeline
from perfsuite.target.connection import ConnectionSettings


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    add_without_load(parser)
    parser.add_argument("run", type=Path, nargs="?", metavar="RUN", help="show that of a run; nothing is sent")
    parser.add_argument("--monitor-postgres", metavar="DSN", help="the target's database; --demo full has its own")
    parser.add_argument(
        "--against", type=Path, metavar="RUN", help="tell what differs from that of a run; ends with 1 if it got worse"
    )
    parser.set_defaults(tolerate_broken=True)


def do(call: Call) -> int:
    """Do it; the exit code."""
    before = read_fingerprint(call.arguments.against) if call.arguments.against else None
    width = max(call.terminal.width, 100)
    if call.arguments.run:
        taken, where, code = read_fingerprint(call.arguments.run), "", EXIT_PASS
    else:
        taken, folder, code = _take(call)
        where = f"\nKept in {folder / FINGERPRINT_FILE}"
    call.terminal.out(render_fingerprint(taken, width) + where)
    if before is None:
        return code
    differences = compare(before, taken)
    call.terminal.out(f"\nAgainst {before.run_id}, taken at {before.taken_at}")
    call.terminal.out(render_differences(differences, not_compared(before, taken)))
    return EXIT_FAIL if any(difference.worse for difference in differences) else code


def _take(call: Call) -> tuple[Fingerprint, Path, int]:
    """The fingerprint, its folder, and the exit code that rows which remain make."""
    if not call.arguments.monitor_postgres and call.arguments.demo != "full":
        raise UsageError(
            "fingerprint reads pg_stat_statements: name the target's database with --monitor-postgres DSN,\n"
            "or try it with --demo full"
        )
    options, inputs, ground = read(call)
    check_watch(
        Watch("", ConnectionSettings(inputs.host or DEFAULT_HOST), postgres_dsn=call.arguments.monitor_postgres)
    )
    screen = call.terminal.screen(options)
    with ExitStack() as stack:
        inputs, demo = started(stack, call.arguments, options, inputs, screen)
        plan = build(options, inputs, inputs.scenarios[0], ground, datetime.now(UTC))
        context = context_without_load(options, inputs, screen, call)
        dsn = call.arguments.monitor_postgres or (demo.postgres_dsn if demo else "") or ""
        taken, folder, cleanup = pipeline.only_fingerprint(context, plan, inputs.accounts, dsn)
        return taken, folder, code_of_rows(cleanup, options, call)


COMMAND = Command(
    name="fingerprint",
    usage="fingerprint",
    summary="what each operation costs the database (--monitor-postgres DSN, or --demo full)",
    description="What each operation costs the database: each alone, between two looks at pg_stat_statements.",
    configure=configure,
    do=do,
)
