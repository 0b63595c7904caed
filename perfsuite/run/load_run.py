"""A run from the files in its folder alone: what was measured, summary, findings and verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from perfsuite.errors import LoadError
from perfsuite.findings import Watched, find
from perfsuite.fingerprint import AFTER_FILE, compare, read_fingerprint
from perfsuite.fingerprint import FILE_NAME as FINGERPRINT_FILE
from perfsuite.judge import OnTarget, judge, not_judged, with_baseline
from perfsuite.measurements import records as measurements
from perfsuite.measurements.records import Record
from perfsuite.model import CUT_OFF, Plan, PreflightReport, RunReport, SuiteErrorGroup, Summary, Target, Verdict
from perfsuite.model.finding import Finding
from perfsuite.model.fingerprint import Difference, Fingerprint
from perfsuite.model.history import Comparison
from perfsuite.model.role import Role
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import read_readings, with_load_side
from perfsuite.roles import ROLES
from perfsuite.run.files import CIRCUMSTANCES_FILE, COMPARISON_FILE, PLAN_FILE, PREFLIGHT_FILE, load
from perfsuite.run.own_errors import OwnErrors, Raised, since
from perfsuite.suite_errors import most_frequent_first
from perfsuite.summary.summarize import Circumstances, build


@dataclass(frozen=True, slots=True)
class Reread:
    """A run's report, and what it was made from. `preflight` is None where that was not written."""

    report: RunReport
    records: Sequence[Record]
    preflight: PreflightReport | None
    folder: Path


@dataclass(frozen=True, slots=True)
class Evaluation:
    """What figures are looked at with; tests put others in their place."""

    judge: Callable[[Plan, Summary, Sequence[Role], OnTarget], Verdict] = judge
    find: Callable[[Summary, Watched], tuple[Finding, ...]] = find


_EVALUATION = Evaluation()


def report_of(folder: Path, *, targets: tuple[Target, ...] | None = None, errors: OwnErrors | None = None) -> RunReport:
    """Summary and verdict of a run, made from its files alone; judged against `targets` where given.

    Raises UsageError when the folder is not that of a run, LoadError when its measurements are damaged.
    """
    return reread(folder, targets=targets, errors=errors).report


def reread(
    folder: Path,
    *,
    targets: tuple[Target, ...] | None = None,
    errors: OwnErrors | None = None,
    evaluation: Evaluation = _EVALUATION,
) -> Reread:
    """The same, with what was measured.

    An error of the suite costs a part of the report and makes the verdict inconclusive, where `errors` are kept;
    else it is raised, as is one without which there are no figures.
    """
    errors = errors or Raised()
    before = errors.groups
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
    readings = errors.attempt("readings", lambda: with_load_side(read_readings(folder / READINGS_FILE), records), [])
    fingerprint = errors.attempt("fingerprint", lambda: _fingerprint_of(folder), None)
    grown = errors.attempt("fingerprints compared", lambda: _grown(folder, fingerprint), [])
    watched = Watched(readings, fingerprint, grown=grown, preflight=preflight)
    findings = errors.attempt("findings", lambda: evaluation.find(summary, watched), ())
    comparison = _comparison_of(folder)
    report = RunReport(plan, summary, not_judged(plan, summary), findings, readings, fingerprint, comparison)
    return Reread(judged(report, before, errors, evaluation), records, preflight, folder)


def judged(
    report: RunReport,
    before: Sequence[SuiteErrorGroup],
    errors: OwnErrors,
    evaluation: Evaluation = _EVALUATION,
) -> RunReport:
    """The report with its verdict, and with the errors of the suite that came after `before`."""

    def verdict(now: RunReport) -> Verdict:
        known = OnTarget(now.readings, now.fingerprint)
        return with_baseline(evaluation.judge(now.plan, now.summary, ROLES, known), now.comparison)

    now = _with_errors(report, since(before, errors.groups))
    found = errors.attempt("the verdict", lambda: verdict(now), None)
    if found is None:
        now = _with_errors(report, since(before, errors.groups))
        found = not_judged(now.plan, now.summary)
    return replace(now, verdict=found)


def _with_errors(report: RunReport, errors: Sequence[SuiteErrorGroup]) -> RunReport:
    every = most_frequent_first((*report.summary.suite_errors, *errors))
    return replace(report, summary=replace(report.summary, suite_errors=every))


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
