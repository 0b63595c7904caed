"""The suite with one of its stages failing: `python -m tests.integration.failing_stage STAGE OPTIONS…`."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

from perfsuite.cli.main import main
from perfsuite.cli.screen import PlainScreen
from perfsuite.model import LiveSnapshot, Plan, PreflightReport
from perfsuite.run import pipeline
from perfsuite.run.context import Desk
from perfsuite.run.pipeline import STAGES, Accounts

MESSAGE = "an error that nobody expected"
BEFORE = 4
"""So many moments of the load are shown before it fails."""


def look(plan: Plan, accounts: Accounts, folder: Path, desk: Desk) -> PreflightReport:
    """Preflight, which fails when its rows are made."""
    STAGES.look(plan, accounts, folder, desk)
    raise ZeroDivisionError(MESSAGE)


class _Failing(PlainScreen):
    """Alone, not among several screens, so that its error reaches who follows the load."""

    shown = 0

    def progress(self, moment: LiveSnapshot) -> None:
        self.shown += 1
        if self.shown == BEFORE:
            raise ZeroDivisionError(MESSAGE)


def load(plan: Plan, accounts: Accounts, folder: Path, desk: Desk) -> str:
    """A load that cannot be followed to its end."""
    return STAGES.load(plan, accounts, folder, replace(desk, screen=_Failing(sys.stdout)))


if __name__ == "__main__":
    stage = sys.argv[1]
    pipeline.STAGES = replace(STAGES, **{stage: {"look": look, "load": load}[stage]})
    sys.exit(main(sys.argv[2:]))
