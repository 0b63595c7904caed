"""The load of a run: `python -m perfsuite.load FOLDER`, started by the pipeline. See `coordinator`."""

from __future__ import annotations

import importlib
import signal
import sys
from contextlib import suppress
from pathlib import Path

import msgspec

from perfsuite.errors import SuiteError
from perfsuite.load.coordinator import Coordinator, read_plan, users_of
from perfsuite.model import Secrets
from perfsuite.roles.mix import start_order
from perfsuite.suite_errors import LOG_FILE, SuiteErrorLog, message_of


def main(folder: Path) -> int:
    """Make the load that the folder's plan asks for; the exit code is 0 when its record is whole."""
    # Unbuffered: the coordinator reads the rest by its descriptor.
    with open(sys.stdin.fileno(), "rb", buffering=0, closefd=False) as pipe:
        line = pipe.readline()
    if not line:
        return 1
    secrets = msgspec.json.decode(line, type=Secrets)
    plan = read_plan(folder)
    roles = importlib.import_module(plan.roles_module).ROLES
    in_order = {role.slug: plan.users_by_role[role.slug] for role in roles if plan.users_by_role.get(role.slug)}
    coordinator = Coordinator(plan, folder, users_of(plan, secrets.accounts, start_order(in_order)), secrets)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda _number, _frame: coordinator.stop("interrupted"))
    return coordinator.run(sys.stdin.fileno())


def _report_end(error: str) -> None:
    """Why the load ended, to the parent over the pipe: a full disk, which is a usual reason, takes no log."""
    with suppress(BrokenPipeError):
        print(error, flush=True)  # noqa: T201


if __name__ == "__main__":
    folder = Path(sys.argv[1])
    try:
        sys.exit(main(folder))
    except SuiteError as why:
        _report_end(str(why))
        sys.exit(1)
    except Exception as why:  # noqa: BLE001  whatever it is, the run has to name it
        place = SuiteErrorLog(folder).add(why, "leading the load")
        _report_end(f"{place}: {message_of(why)} (traceback in {LOG_FILE})")
        sys.exit(1)
