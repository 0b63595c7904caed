"""A run from the files in its folder alone: measurements, summary, findings and verdict."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TypeVar

import msgspec

from perfsuite.errors import LoadError, UsageError
from perfsuite.findings import Observations, find
from perfsuite.fingerprint.compare import compare
from perfsuite.fingerprint.output import AFTER_FILE, read_fingerprint
from perfsuite.fingerprint.output import FILE_NAME as FINGERPRINT_FILE
from perfsuite.judge import MonitoringData, judge, judge_search, not_judged, with_baseline
from perfsuite.measurements import file as measurements_file
from perfsuite.measurements import records as measurements
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.roll_up import rolled_up_records
from perfsuite.messages.files import FileMessage
from perfsuite.messages.run import RunMessage
from perfsuite.model import CUT_OFF, Plan, PreflightReport, RunReport, SuiteErrorGroup, Summary, Target, Verdict
from perfsuite.model.finding import Finding
from perfsuite.model.fingerprint import Difference, Fingerprint
from perfsuite.model.history import Comparison
from perfsuite.model.monitor import Reading
from perfsuite.model.role import Role
from perfsuite.model.stability import LastGoodRun
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import MINUTES_FILE as READINGS_MINUTES_FILE
from perfsuite.monitor import read_minutes, read_readings, with_readings_of_load
from perfsuite.roles import ROLES
from perfsuite.roles.work import roles_of
from perfsuite.run.capacity import CAPACITY_FILE, SearchRecord, capacity_report, with_visits
from perfsuite.run.error_collector import ErrorCollector, RaiseErrors, since
from perfsuite.stability.evaluate import stability_of
from perfsuite.stability.last_good import with_last_good
from perfsuite.suite_errors import most_frequent_first
from perfsuite.summary.summarize import Circumstances, build

T = TypeVar("T")

PLAN_FILE, PREFLIGHT_FILE, CIRCUMSTANCES_FILE = "plan.json", "preflight.json", "circumstances.json"
COMPARISON_FILE, LAST_GOOD_FILE = "comparison.json", "last_good_run.json"


def save(path: Path, value: object) -> None:
    """Write a record as JSON. Raises UsageError when it cannot be written."""
    try:
        path.write_bytes(measurements.to_json(value))
    except OSError as error:
        raise UsageError(FileMessage.NOT_WRITTEN(path=path, why=error.strerror)) from error


def load(path: Path, kind: type[T]) -> T:
    """Read a record back. Raises UsageError when it is missing or damaged."""
    try:
        return msgspec.json.decode(path.read_bytes(), type=kind)
    except (FileNotFoundError, NotADirectoryError):
        raise UsageError(RunMessage.NOT_A_RUN(folder=path.parent, file=path.name)) from None
    except msgspec.MsgspecError as error:
        raise UsageError(FileMessage.DAMAGED(path=path, why=str(error))) from error


@dataclass(frozen=True, slots=True)
class LoadedRun:
    """A run's report, and what it was made from. `preflight` is None where it was not written."""

    report: RunReport
    preflight: PreflightReport | None
    folder: Path


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The analysis of a run; tests replace parts of it."""

    summarize: Callable[..., Summary] = build
    judge: Callable[[Plan, Summary, Sequence[Role], MonitoringData], Verdict] = judge
    find: Callable[[Summary, Observations], tuple[Finding, ...]] = find


_EVALUATION = Evaluation()


def load_run(
    folder: Path,
    *,
    targets: tuple[Target, ...] | None = None,
    errors: ErrorCollector | None = None,
    evaluation: Evaluation = _EVALUATION,
) -> LoadedRun:
    """A run from its files alone; judged against `targets` where given.

    With `errors`, an error of the suite costs a part of the report and makes the verdict inconclusive. Without, it is
    raised, as is any error in the summary. Raises UsageError when the folder is not that of a run, LoadError when its
    measurements are damaged.
    """
    errors = errors or RaiseErrors()
    before = errors.groups
    plan = load(folder / PLAN_FILE, Plan)
    if targets is not None:
        plan = replace(plan, targets=targets)
    if not (folder / measurements_file.FILE_NAME).exists():
        raise LoadError(RunMessage.NO_LOAD(folder=folder, file=measurements_file.FILE_NAME))
    circumstances = _optional(folder / CIRCUMSTANCES_FILE, Circumstances) or Circumstances(ended=CUT_OFF)
    preflight = _optional(folder / PREFLIGHT_FILE, PreflightReport)
    measured = folder / measurements_file.FILE_NAME
    # A search looks at single seconds, however long it took.
    aggregate = Aggregate.of(measurements_file.read(measured) if plan.capacity else rolled_up_records(folder))
    search = _optional(folder / CAPACITY_FILE, SearchRecord) or SearchRecord()
    shaped, roles = with_visits(plan, search.visits), roles_of(plan.scenario, ROLES)
    summary = evaluation.summarize(shaped, aggregate, preflight=preflight, roles=roles, circumstances=circumstances)
    readings = errors.attempt("readings", lambda: with_readings_of_load(_readings_of(folder, aggregate), aggregate), ())
    fingerprint = errors.attempt("fingerprint", lambda: _fingerprint_of(folder), None)
    grown = errors.attempt("fingerprints compared", lambda: _grown(folder, fingerprint), [])
    stability = errors.attempt("stability", lambda: stability_of(summary, readings), ())
    stability = with_last_good(stability, _optional(folder / LAST_GOOD_FILE, LastGoodRun))
    watched = Observations(
        readings, fingerprint, grown=grown, preflight=preflight, stability=stability, visits=search.visits
    )
    findings = errors.attempt("findings", lambda: evaluation.find(_of_longest_hold(summary), watched), ())
    comparison = _optional(folder / COMPARISON_FILE, Comparison)
    found = partial(capacity_report, other_targets=targets is not None)
    capacity = errors.attempt("the capacity", lambda: found(plan, search.visits, aggregate), None)
    unjudged = not_judged(plan, summary)
    report = RunReport(
        plan, summary, unjudged, findings, readings, fingerprint, comparison, stability, capacity, str(folder)
    )
    return LoadedRun(with_verdict(report, before, errors, evaluation), preflight, folder)


def with_verdict(
    report: RunReport,
    before: Sequence[SuiteErrorGroup],
    errors: ErrorCollector,
    evaluation: Evaluation = _EVALUATION,
) -> RunReport:
    """The report with its verdict, and with the errors of the suite since `before`."""

    def verdict(now: RunReport) -> Verdict:
        if now.plan.capacity is not None:
            if now.capacity is None:  # an error of the suite, which is listed
                return not_judged(now.plan, now.summary)
            return judge_search(now.plan, now.summary, ROLES, now.capacity)
        monitored = MonitoringData(now.readings, now.fingerprint, now.stability)
        roles = roles_of(now.plan.scenario, ROLES)
        return with_baseline(evaluation.judge(now.plan, now.summary, roles, monitored), now.comparison)

    now = _with_errors(report, since(before, errors.groups))
    found = errors.attempt("the verdict", lambda: verdict(now), None)
    if found is None:
        now = _with_errors(report, since(before, errors.groups))
        found = not_judged(now.plan, now.summary)
    return replace(now, verdict=found)


def with_comparison(run: LoadedRun, comparison: Comparison) -> LoadedRun:
    """The run compared with a baseline. Not for a run that has been compared already."""
    verdict = with_baseline(run.report.verdict, comparison)
    return replace(run, report=replace(run.report, verdict=verdict, comparison=comparison))


def _with_errors(report: RunReport, errors: Sequence[SuiteErrorGroup]) -> RunReport:
    every = most_frequent_first((*report.summary.suite_errors, *errors))
    return replace(report, summary=replace(report.summary, suite_errors=every))


def _of_longest_hold(summary: Summary) -> Summary:
    """The run as if its steady state were that of its longest hold stage, the later of two: what changes with the load
    is not unusual."""
    if not summary.stages:
        return summary
    spans = [stage.seconds.steady for stage in summary.stages if stage.seconds.steady is not None]
    start, end = max(spans, key=lambda span: (span[1] - span[0], span[0]), default=(None, None))
    return replace(summary, steady_start=start, steady_end=end)


def _optional(path: Path, kind: type[T]) -> T | None:
    return load(path, kind) if path.exists() else None


def _readings_of(folder: Path, aggregate: Aggregate) -> Sequence[Reading]:
    """What the monitors read; of a long run from the file that is made for it, if that is whole."""
    by_minute = read_minutes(folder / READINGS_MINUTES_FILE) if aggregate.minutes else None
    return read_readings(folder / READINGS_FILE) if by_minute is None else by_minute


def _fingerprint_of(folder: Path) -> Fingerprint | None:
    return read_fingerprint(folder) if (folder / FINGERPRINT_FILE).exists() else None


def _grown(folder: Path, before: Fingerprint | None) -> list[Difference]:
    after = folder / AFTER_FILE
    return compare(before, read_fingerprint(after)) if before is not None and after.exists() else []
