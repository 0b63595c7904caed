"""A run from the files in its folder alone: what was measured, summary, findings and verdict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perfsuite import measurements
from perfsuite.errors import LoadError
from perfsuite.findings import Watched, find
from perfsuite.fingerprint import AFTER_FILE, compare, read_fingerprint
from perfsuite.fingerprint import FILE_NAME as FINGERPRINT_FILE
from perfsuite.judge import OnTarget, judge, with_baseline
from perfsuite.measurements import Record
from perfsuite.model import CUT_OFF, Plan, PreflightReport, RunReport, Target
from perfsuite.model.fingerprint import Difference, Fingerprint
from perfsuite.model.history import Comparison
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import read_readings, with_load_side
from perfsuite.roles import ROLES
from perfsuite.run_files import CIRCUMSTANCES_FILE, COMPARISON_FILE, PLAN_FILE, PREFLIGHT_FILE, load
from perfsuite.summary.summarize import Circumstances, build


@dataclass(frozen=True, slots=True)
class Reread:
    """A run's report, and what it was made from. `preflight` is None where that was not written."""

    report: RunReport
    records: Sequence[Record]
    preflight: PreflightReport | None
    folder: Path


def report_of(folder: Path, *, targets: tuple[Target, ...] | None = None) -> RunReport:
    """Summary and verdict of a run, made from its files alone; judged against `targets` where given.

    Raises UsageError when the folder is not that of a run, LoadError when its measurements are damaged.
    """
    return reread(folder, targets=targets).report


def reread(folder: Path, *, targets: tuple[Target, ...] | None = None) -> Reread:
    """The same, with what was measured."""
    plan = load(folder / PLAN_FILE, Plan)
    if targets is not None:
        plan = replace(plan, targets=targets)
    seen = folder / PREFLIGHT_FILE
    known = folder / CIRCUMSTANCES_FILE
    circumstances = load(known, Circumstances) if known.exists() else Circumstances(ended=CUT_OFF)
    if not (folder / measurements.FILE_NAME).exists():
        raise LoadError(f"{folder}: no load was made in this run ({measurements.FILE_NAME} is not there)")
    preflight = load(seen, PreflightReport) if seen.exists() else None
    records = list(measurements.read(folder / measurements.FILE_NAME))
    summary = build(plan, records, preflight=preflight, roles=ROLES, circumstances=circumstances)
    readings = with_load_side(read_readings(folder / READINGS_FILE), records)
    fingerprint = _fingerprint_of(folder)
    comparison = _comparison_of(folder)
    verdict = with_baseline(judge(plan, summary, ROLES, OnTarget(readings, fingerprint)), comparison)
    findings = find(summary, Watched(readings, fingerprint, grown=_grown(folder, fingerprint), preflight=preflight))
    report = RunReport(plan, summary, verdict, findings, readings, fingerprint, comparison)
    return Reread(report, records, preflight, folder)


def with_comparison(read: Reread, comparison: Comparison) -> Reread:
    """The same, held against a baseline. Not for a run that has been held against one."""
    verdict = with_baseline(read.report.verdict, comparison)
    return replace(read, report=replace(read.report, verdict=verdict, comparison=comparison))


def _grown(folder: Path, before: Fingerprint | None) -> list[Difference]:
    after = folder / AFTER_FILE
    return compare(before, read_fingerprint(after)) if before is not None and after.exists() else []


def _fingerprint_of(folder: Path) -> Fingerprint | None:
    return read_fingerprint(folder) if (folder / FINGERPRINT_FILE).exists() else None


def _comparison_of(folder: Path) -> Comparison | None:
    return load(folder / COMPARISON_FILE, Comparison) if (folder / COMPARISON_FILE).exists() else None
