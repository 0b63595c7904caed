"""Folders of runs as the pipeline leaves them, made without any load."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any

from perfsuite.fingerprint.output import write_fingerprint
from perfsuite.measurements import file as measurements_file
from perfsuite.measurements import records as measurements
from perfsuite.model import OperationCheck, Plan, PreflightReport, Works
from perfsuite.model.fingerprint import Fingerprint
from perfsuite.run.load_run import CIRCUMSTANCES_FILE, PLAN_FILE, PREFLIGHT_FILE, save
from perfsuite.summary.summarize import Circumstances
from tests.judge.healthy_runs import START, Healthy, records_of

RUN = Healthy(users=12, duration_s=14, spawn_rate=12, median_ms=30, memory=0.2, level_sd=0.05, seed=5)
MACHINE = "Linux x86_64, 2 × a processor, 8 GiB"
CHECKS = (
    OperationCheck("policyholder", "policies.list", "GET", "/api/v1/policies/", Works.YES, 200),
    OperationCheck("support_staff", "tickets.update", "PUT", "/api/v1/support/tickets/{id}", Works.MISSING),
)


@cache
def _records() -> tuple[measurements.Record, ...]:
    return tuple(sorted(records_of(RUN), key=lambda record: getattr(record, "second", 0)))


def plan(name: str, **changed: Any) -> Plan:
    begun = datetime.fromtimestamp(int(START)).astimezone().isoformat()
    return replace(RUN.plan(), run_id=name, created_at=begun, suite_version="0.1.0", **changed)


def folder(results: Path, name: str, fingerprint: Fingerprint | None = None, **changed: Any) -> Path:
    """`results/name` with the files of a run of 14 s."""
    made = results / name
    made.mkdir(parents=True)
    planned = plan(name, **changed)
    save(made / PLAN_FILE, planned)
    sizes = {"users": 100, "agents": 12, "policies": 1_000}
    seen = PreflightReport(planned.host, "Agent Mitra", "2.3.1", (), CHECKS, data_size=sizes)
    save(made / PREFLIGHT_FILE, seen)
    measured(made)
    save(made / CIRCUMSTANCES_FILE, Circumstances(environment={"machine": MACHINE}))
    if fingerprint is not None:
        write_fingerprint(fingerprint, made)
    return made


def measured(made: Path) -> None:
    """What is measured in a run of 14 s, into the folder of the run."""
    writer = measurements_file.Writer(made / measurements_file.FILE_NAME, made.name)
    for record in _records():
        writer.write(record)
    writer.close()
