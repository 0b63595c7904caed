"""One run of a call: what all its runs share, and how one is made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from perfsuite import pipeline
from perfsuite.baselining import Against
from perfsuite.desk import Desk
from perfsuite.model import RunReport, Scenario
from perfsuite.plan.build import Ground, Inputs, Options, build
from perfsuite.screen import PageScreen


@dataclass(frozen=True, slots=True)
class Work:
    """What all runs of a call share. `against`: what each scenario is held against, where that was asked for."""

    options: Options
    against: Mapping[str, Against]
    inputs: Inputs
    ground: Ground
    desk: Desk
    page: PageScreen | None


def run_one(work: Work, scenario: Scenario) -> tuple[RunReport, Path]:
    """Raises TargetError or LoadError where nothing could be measured."""
    plan = build(work.options, work.inputs, scenario, work.ground, datetime.now(UTC))
    report, folder = pipeline.run(plan, work.inputs.accounts, work.desk, work.against.get(scenario.name))
    if work.page:
        work.page.run_over(report, folder)
    return report, folder
