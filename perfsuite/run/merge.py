"""One run from the runs of several masters: every figure as if one master had led all load processes."""

from __future__ import annotations

import shutil
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import msgspec

from perfsuite.fingerprint.output import AFTER_FILE
from perfsuite.fingerprint.output import FILE_NAME as FINGERPRINT_FILE
from perfsuite.measurements import file as measurements_file
from perfsuite.measurements.merge import Merger
from perfsuite.measurements.records import (
    Ledger,
    Phase,
    RawSampleState,
    Record,
    SuiteErrors,
    WorkerJoined,
    WorkerLost,
)
from perfsuite.model import (
    ABORTED,
    CUT_OFF,
    INTERRUPTED,
    LOAD_DIED,
    SUITE_FAILED,
    TARGET_LOST,
    Arrival,
    Cleanup,
    Plan,
    PreflightReport,
    Scenario,
)
from perfsuite.model.monitor import PART, Reading
from perfsuite.model.periods import PLATEAU, RAMP_DOWN
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import add_readings, read_readings
from perfsuite.run.context import CommandContext, RunContext
from perfsuite.run.finish import publish
from perfsuite.run.load_run import CIRCUMSTANCES_FILE, PREFLIGHT_FILE, LoadedRun, save
from perfsuite.run.merge_checks import RunPart, check_parts, read_part
from perfsuite.summary.summarize import COMPLETED, Circumstances

_WORST_FIRST = (SUITE_FAILED, LOAD_DIED, CUT_OFF, TARGET_LOST, ABORTED, INTERRUPTED, COMPLETED)
_ALL_TIME_S = 1 << 62
_T = TypeVar("_T")


def merge_runs(folders: Sequence[Path], context: CommandContext, command: Sequence[str]) -> LoadedRun:
    """A new run with all that was measured in these. Raises UsageError where they are not parts of one run."""
    parts = [read_part(folder) for folder in folders]
    check_parts(parts)
    plan = replace(_plan_of(parts), command=tuple(command))
    run = context.begin(plan, (), plan.scenario.name)
    _write(run, parts)
    return publish(run)


def _write(run: RunContext, parts: Sequence[RunPart]) -> None:
    writer = measurements_file.Writer(run.folder / measurements_file.FILE_NAME, run.plan.run_id)
    for record in merged_records(parts):
        writer.write(record)
    writer.close()
    if (preflight := _preflight_of(parts)) is not None:
        save(run.folder / PREFLIGHT_FILE, preflight)
    save(run.folder / CIRCUMSTANCES_FILE, _circumstances_of(parts))
    if readings := _readings_of(parts):
        add_readings(run.folder / READINGS_FILE, readings)
    _copy_fingerprint(parts, run.folder)


def _copy_fingerprint(parts: Iterable[RunPart], to: Path) -> None:
    """That of the first run that took one."""
    taken = next((part.folder for part in parts if (part.folder / FINGERPRINT_FILE).exists()), None)
    for name in (FINGERPRINT_FILE, AFTER_FILE):
        if taken is not None and (taken / name).exists():
            shutil.copyfile(taken / name, to / name)


# ── measurements ────────────────────────────────────────────────────────────────────────────────────


def merged_records(parts: Sequence[RunPart]) -> list[Record]:
    """Their records, merged, in the order of time. Names of processes get the number of their run: "2/worker-1"."""
    merger = Merger(kept_s=_ALL_TIME_S)
    for number, part in enumerate(parts, start=1):
        for worker, records in _by_worker(number, part).items():
            merger.add(worker, records)
    records = sorted(merger.take(), key=_time_of)
    if all(any(_is_plateau(record) for record in part.records) for part in parts):
        return records
    # One of them never had all its users, so there is no second in which all were there.
    return [record for record in records if not _is_plateau(record)]


def _is_plateau(record: Record) -> bool:
    return isinstance(record, Phase) and record.name == PLATEAU


def _time_of(record: Record) -> float:
    """Records without a time belong to the end."""
    at: float = getattr(record, "at", getattr(record, "second", float("inf")))
    return at


def _by_worker(number: int, part: RunPart) -> dict[str, list[Record]]:
    found: defaultdict[str, list[Record]] = defaultdict(list)
    for record in part.records:
        renamed = _renamed(record, number, part.folder)
        found[renamed.worker].append(renamed)
    if part.circumstances is None:  # it was cut off: its steady state ended with its last second
        found[name := f"{number}/merge"].append(Phase(name, 1, RAMP_DOWN, part.ended))
    return found


def _renamed(record: Record, number: int, folder: Path) -> Record:
    """The names in it become unique; files that it names stay where they are."""

    def name(worker: str) -> str:
        return f"{number}/{worker}"

    def path(file: str) -> str:
        return str(folder / file) if file else ""

    more: dict[str, str] = {}
    match record:
        case WorkerJoined():
            more["joined"] = name(record.joined)
        case WorkerLost():
            more["lost"] = name(record.lost)
        case Ledger():
            more["of"] = name(record.of)
        case RawSampleState():
            more["file"] = path(record.file)
        case SuiteErrors():
            more["log"] = path(record.log)
    return msgspec.structs.replace(record, worker=name(record.worker), **more)


# ── what was planned, and what is known besides ─────────────────────────────────────────────────────


def _plan_of(parts: Sequence[RunPart]) -> Plan:
    plans = [part.plan for part in parts]
    first = min(plans, key=lambda plan: plan.created_at)
    users = _sum(plan.users_by_role for plan in plans)
    return replace(
        first,
        scenario=_scenario_of([plan.scenario for plan in plans]),
        users_by_role=users,
        absent_roles=tuple(slug for slug, count in users.items() if not count),
        shared_accounts=_shared_accounts(plans),
        allowed_hosts=tuple(dict.fromkeys(host for plan in plans for host in plan.allowed_hosts)),
        raw_samples=any(plan.raw_samples for plan in plans),
        fingerprint=any(plan.fingerprint for plan in plans),
        processes=sum(plan.processes for plan in plans),
        expect_workers=sum(plan.expect_workers for plan in plans),
        bind="",
        label=_same([plan.label for plan in plans]),
        release=_same([plan.release for plan in plans]),
        baseline="",
        merged_from=tuple(str(part.folder) for part in parts),
    )


def _scenario_of(scenarios: Sequence[Scenario]) -> Scenario:
    arrivals = [scenario.arrival for scenario in scenarios if scenario.arrival is not None]
    ends = [arrival.rate_end for arrival in arrivals if arrival.rate_end is not None]
    rate_end = sum(ends) if ends else None
    return replace(
        scenarios[0],
        users=sum(scenario.users for scenario in scenarios),
        spawn_rate=sum(scenario.spawn_rate for scenario in scenarios),
        arrival=Arrival(sum(one.rate for one in arrivals), rate_end, arrivals[0].poisson) if arrivals else None,
    )


def _shared_accounts(plans: Iterable[Plan]) -> dict[str, int]:
    """Accounts of a role that has too few in one of the runs: there those, elsewhere one for each user."""
    known = list(plans)
    roles = dict.fromkeys(role for plan in known for role in plan.shared_accounts)
    return {
        role: sum(plan.shared_accounts.get(role, plan.users_by_role.get(role, 0)) for plan in known) for role in roles
    }


def _same(values: Sequence[str]) -> str:
    return values[0] if len(set(values)) == 1 else ""


def _sum(counts: Iterable[dict[str, int]]) -> dict[str, int]:
    total: dict[str, int] = {}
    for each in counts:
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


def _preflight_of(parts: Sequence[RunPart]) -> PreflightReport | None:
    """What the first found out, and what only others looked at."""
    known = [part.preflight for part in parts if part.preflight is not None]
    if not known:
        return None
    checks = {(check.role, check.operation): check for one in reversed(known) for check in one.checks}
    return replace(
        known[0],
        checks=tuple(checks.values()),
        offered=_each_once(one.offered for one in known),
        dead_behaviours=_each_once(one.dead_behaviours for one in known),
        look_ups_left_out=_each_once(one.look_ups_left_out for one in known),
    )


def _each_once(many: Iterable[Iterable[_T]]) -> tuple[_T, ...]:
    return tuple(dict.fromkeys(one for each in many for one in each))


def _circumstances_of(parts: Sequence[RunPart]) -> Circumstances:
    known = [part.circumstances or Circumstances(ended=CUT_OFF) for part in parts]
    logs = [one.backend_log for one in known]
    errors = [
        replace(error, log=str(part.folder / error.log) if error.log else "")
        for part, one in zip(parts, known, strict=True)
        for error in one.suite_errors
    ]
    return Circumstances(
        cleanup=_cleanup_of([one.cleanup for one in known if one.cleanup is not None]),
        backend_log=None if None in logs else sum(filter(None, logs)),
        ended=min((one.ended for one in known), key=_WORST_FIRST.index),
        environment=_environment_of([one.environment for one in known]),
        suite_errors=tuple(errors),
        clock_set_s=max((one.clock_set_s for one in known), key=abs),
        aborted=next((one.aborted for one in known if one.aborted is not None), None),
    )


def _environment_of(many: Sequence[Mapping[str, str]]) -> dict[str, str]:
    """Values that differ stand beside each other."""
    names = dict.fromkeys(name for each in many for name in each)
    return {name: " | ".join(dict.fromkeys(each[name] for each in many if name in each)) for name in names}


def _cleanup_of(known: Sequence[Cleanup]) -> Cleanup | None:
    if not known:
        return None
    return Cleanup(
        created=sum(one.created for one in known),
        removed=sum(one.removed for one in known),
        not_removed=tuple(row for one in known for row in one.not_removed),
        not_restored=tuple(row for one in known for row in one.not_restored),
        not_restorable=tuple(row for one in known for row in one.not_restorable),
        soft_deleted=tuple(rows for one in known for rows in one.soft_deleted),
        remaining=tuple(rows for one in known for rows in one.remaining),
    )


def _readings_of(parts: Sequence[RunPart]) -> list[Reading]:
    """Of each source those of the run that has most: two masters that watch the same target count it once."""
    found: dict[str, list[Reading]] = {}
    for part in parts:
        of_run: defaultdict[str, list[Reading]] = defaultdict(list)
        for reading in read_readings(part.folder / READINGS_FILE):
            if not reading.is_of_load:
                of_run[reading.source.split(PART)[0]].append(reading)
        for source, readings in of_run.items():
            if len(readings) > len(found.get(source, ())):
                found[source] = readings
    return sorted((one for readings in found.values() for one in readings), key=lambda reading: reading.at_s)
