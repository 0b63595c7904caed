"""Which runs are parts of one: several masters at the same time, each with some of the users of the same scenario."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

from perfsuite.errors import LoadError, UsageError
from perfsuite.format import duration
from perfsuite.measurements import file as measurements_file
from perfsuite.measurements.records import Phase, Record
from perfsuite.messages import Message
from perfsuite.messages.merge import MergeMessage
from perfsuite.messages.run import RunMessage
from perfsuite.model import Plan, PreflightReport, Scenario, Works
from perfsuite.model.periods import RAMP_DOWN, RAMP_UP
from perfsuite.run.load_run import CIRCUMSTANCES_FILE, PLAN_FILE, PREFLIGHT_FILE, load
from perfsuite.summary.summarize import Circumstances

BEGIN_WITHIN_S = 1.0
_SAME_OPTIONS = (
    *("read_only", "tolerate_broken", "accept_leftovers", "roles_module", "mapping", "timeout_s", "stop_timeout_s"),
    *("check_correctness", "schema"),
)
_SAME_ACCESS = ("proxy", "header_names", "retry")
"""Certificates may lie elsewhere on each machine."""


@dataclass(frozen=True, slots=True, eq=False)
class RunPart:
    """One of the runs, from its files. `began` and `ended`: UTC seconds of its load."""

    folder: Path
    plan: Plan
    records: Sequence[Record]
    schema: int
    circumstances: Circumstances | None
    preflight: PreflightReport | None
    began: float
    ended: float


def read_part(folder: Path) -> RunPart:
    """A run for merging. Raises UsageError where the folder is not that of a run, LoadError without measurements."""
    plan = load(folder / PLAN_FILE, Plan)
    path = folder / measurements_file.FILE_NAME
    if not path.exists():
        raise LoadError(RunMessage.NO_LOAD(folder=folder, file=path.name))
    tail = measurements_file.Tail(path)
    records = tail.read()
    circumstances = folder / CIRCUMSTANCES_FILE
    preflight = folder / PREFLIGHT_FILE
    seconds = [second for record in records if (second := getattr(record, "second", None)) is not None]
    return RunPart(
        folder,
        plan,
        records,
        tail.schema,
        load(circumstances, Circumstances) if circumstances.exists() else None,
        load(preflight, PreflightReport) if preflight.exists() else None,
        began=_at(RAMP_UP, records, min(seconds, default=0)),
        ended=_at(RAMP_DOWN, records, max(seconds, default=0)),
    )


def _at(phase: str, records: Iterable[Record], otherwise: float) -> float:
    return min((one.at for one in records if isinstance(one, Phase) and one.name == phase), default=otherwise)


def check_parts(parts: Sequence[RunPart]) -> None:
    """Raises UsageError that names the first difference between two of the runs."""
    for a, b in combinations(parts, 2):
        if (why := next(_differences(a, b), None)) is not None:
            raise UsageError(MergeMessage.DO_NOT_FIT(a=a.folder, b=b.folder, why=why))


def _differences(a: RunPart, b: RunPart) -> Iterator[Message]:
    if a.folder.resolve() == b.folder.resolve() or (a.plan == b.plan and a.records == b.records):
        yield MergeMessage.SAME_RUN()
    if a.plan.suite_version != b.plan.suite_version:
        yield MergeMessage.VERSION(a=a.plan.suite_version, b=b.plan.suite_version)
    if a.schema != b.schema:
        yield MergeMessage.SCHEMA(a=a.schema, b=b.schema)
    yield from _of_target(a.plan, b.plan)
    yield from _of_scenario(a.plan, b.plan)
    yield from _of_options(a.plan, b.plan)
    if operations := _left_out_of_one(a.preflight, b.preflight):
        yield MergeMessage.LEFT_OUT(operations=operations)
    yield from _of_time(a, b)


def _of_target(a: Plan, b: Plan) -> Iterator[Message]:
    if a.demo or b.demo:
        yield MergeMessage.DEMO()
    if a.host.rstrip("/") != b.host.rstrip("/"):
        yield MergeMessage.HOST(a=a.host, b=b.host)


def _of_scenario(a: Plan, b: Plan) -> Iterator[Message]:
    one, other = a.scenario, b.scenario
    if one.name != other.name:
        yield MergeMessage.SCENARIO(a=one.name, b=other.name)
    for name, first in _kind_of(one).items():
        if first != (second := _kind_of(other)[name]):
            yield MergeMessage.SCENARIO_FIELD(scenario=one.name, field=name, a=first, b=second)
    targets = {target.name for target in {*a.targets} ^ {*b.targets}}
    if targets:
        yield MergeMessage.TARGETS(names=sorted(targets))


def _kind_of(scenario: Scenario) -> dict[str, str]:
    """What the parts of one run have in common: all but how many users, and how fast they or their actions come."""
    arrival = scenario.arrival
    return {
        "duration": duration(scenario.duration_s),
        "load model": "closed" if arrival is None else "open",
        "kind of gaps": "equal" if arrival is None or not arrival.poisson else "random",
        "work": scenario.work_text or "the usual",
        "change of the rate": "none" if arrival is None or arrival.rate_end is None else "even",
    }


def _of_options(a: Plan, b: Plan) -> Iterator[Message]:
    for record, other, names in ((a, b, _SAME_OPTIONS), (a.access, b.access, _SAME_ACCESS)):
        for name in names:
            first, second = getattr(record, name), getattr(other, name)
            if first != second:
                yield MergeMessage.OPTION(field=name, a=first, b=second)


def _left_out_of_one(a: PreflightReport | None, b: PreflightReport | None) -> list[str]:
    """ "role / operation" that only one of two preflights left out, of what both looked at."""
    if a is None or b is None:
        return []
    works = [{(check.role, check.operation): check.works for check in one.checks} for one in (a, b)]
    left = (Works.MISSING, Works.BROKEN, Works.LEFT_OUT)
    return sorted(
        f"{role} / {operation}"
        for role, operation in works[0].keys() & works[1].keys()
        if len({one[role, operation] in left for one in works}) > 1
    )


def _of_time(a: RunPart, b: RunPart) -> Iterator[Message]:
    first, then = sorted((a, b), key=lambda part: part.began)
    if then.began >= first.ended:
        fields = {"first": first.folder, "ended": first.ended, "then": then.folder, "began": then.began}
        yield MergeMessage.NOT_TOGETHER(**fields)
    arrival = a.plan.scenario.arrival
    if arrival is not None and arrival.rate_end is not None and then.began - first.began > BEGIN_WITHIN_S:
        yield MergeMessage.RATE_BEGAN_APART(within_s=BEGIN_WITHIN_S)
