"""The suite with one of its stages failing: `python -m tests.integration.failing_stage STAGE OPTIONS…`."""

from __future__ import annotations

import sys
from dataclasses import replace

from perfsuite.cli.main import main
from perfsuite.cli.screen import PlainScreen
from perfsuite.model import LiveSnapshot, PreflightReport
from perfsuite.preflight.probe import TargetInfo
from perfsuite.run import pipeline
from perfsuite.run.context import RunContext
from perfsuite.run.load import LoadResult
from perfsuite.run.pipeline import STAGES

MESSAGE = "an error that nobody expected"
BEFORE = 4
"""So many moments with users at work are shown before it fails."""


def preflight(run: RunContext, target: TargetInfo) -> PreflightReport:
    """Preflight that fails after it made its rows."""
    STAGES.preflight(run, target)
    raise ZeroDivisionError(MESSAGE)


class _Failing(PlainScreen):
    """Alone, not among several screens, so that its error reaches who follows the load."""

    shown = 0

    def progress(self, moment: LiveSnapshot) -> None:
        self.shown += sum(moment.live.users.values()) > 0
        if self.shown == BEFORE:
            raise ZeroDivisionError(MESSAGE)


def load(run: RunContext) -> LoadResult:
    """A load that cannot be followed to its end."""
    return STAGES.load(replace(run, screen=_Failing(sys.stdout)))


if __name__ == "__main__":
    stage = sys.argv[1]
    pipeline.STAGES = replace(STAGES, **{stage: {"preflight": preflight, "load": load}[stage]})
    sys.exit(main(sys.argv[2:]))
