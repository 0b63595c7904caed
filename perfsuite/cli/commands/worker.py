"""Make load on this machine for a run on another one."""

from __future__ import annotations

import os

from perfsuite.cli.commands import COMMANDS, PROGRAM
from perfsuite.cli.options import WorkerCommandOptions
from perfsuite.cli.terminal import Invocation
from perfsuite.errors import UsageError
from perfsuite.messages.cli import CliMessage
from perfsuite.messages.run import RunMessage
from perfsuite.plan.workers import worker_start
from perfsuite.roles import ROLES
from perfsuite.run.worker import WorkerCommand, work


def worker(call: Invocation[WorkerCommandOptions]) -> int:
    """Start the load processes and follow them; the most severe of their exit codes."""
    options, terminal = call.options, call.terminal
    if options.master is None:
        raise UsageError(CliMessage.WORKER_WITHOUT_MASTER(program=PROGRAM, example=COMMANDS["worker"].examples[0]))
    start = worker_start(options.plan, options.master, ROLES, os.environ)
    processes = options.plan.local_processes
    terminal.err(RunMessage.WORKER_JOINS(processes=processes, master=options.master))
    return work(start, processes, WorkerCommand(call.interrupts, terminal.out, terminal.err))
