"""Whole loads in which the suite itself fails: in a role's step, in the pacing of arrivals, before there is a load."""

from __future__ import annotations

import io
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from perfsuite.cli.screen import PlainScreen
from perfsuite.judge import judge
from perfsuite.measurements.aggregate import Aggregate
from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.measurements.records import End, Record, SuiteErrors, WorkerLost, to_json
from perfsuite.messages.load import LoadMessage
from perfsuite.model import LOAD_DIED, SUITE_FAILED, Arrival, Plan, Scenario, Summary
from perfsuite.run.context import CommandContext
from perfsuite.run.interrupts import Interrupts
from perfsuite.run.load import make_load
from perfsuite.suite_errors import LOG_FILE
from perfsuite.summary import Circumstances, build
from tests.accuracy.lab import Load, accounts_of, plan_of, preflight_of, truth_server
from tests.load import faulty_roles

pytestmark = pytest.mark.integration

_WITHIN_S = 150.0


def followed(plan: Plan, folder: Path, *, preflight: bytes | None = None) -> tuple[str, list[str]]:
    """How the load of a plan ended, and what was said of it."""
    (folder / "plan.json").write_bytes(to_json(plan))
    (folder / "preflight.json").write_bytes(preflight or to_json(preflight_of(plan)))
    said = io.StringIO()
    context = CommandContext(folder, PlainScreen(said), Interrupts())
    return make_load(context.for_run(plan, accounts_of(plan), folder)).ended, said.getvalue().splitlines()


@dataclass(frozen=True)
class Faulty:
    """A load of roles whose second step fails at every other action."""

    folder: Path
    plan: Plan
    said: list[str]
    served: int
    records: list[Record]
    summary: Summary


def faulty(folder: Path, seconds: int) -> Faulty:
    folder.mkdir()
    scenario = Scenario("errors", 4, 100, seconds)
    load = Load(scenario, "fixed 1", 2, roles_module="tests.load.faulty_roles", roles=faulty_roles.ROLES)
    with truth_server("fixed 1", folder) as server:
        plan = plan_of(load, server.url)
        ended, said = followed(plan, folder)
        served = len(server.end().served)
    assert ended == "completed"
    records = list(read(folder / FILE_NAME))
    circumstances = Circumstances(ended=ended)
    summary = build(plan, Aggregate.of(records), preflight=None, roles=faulty_roles.ROLES, circumstances=circumstances)
    return Faulty(folder, plan, said, served, records, summary)


def test_a_step_that_raises_costs_an_action_and_the_pass(tmp_path: Path) -> None:
    for seconds in (3, 10, 30):  # a busy machine may need longer
        made = faulty(tmp_path / str(seconds), seconds)
        if sum(row.succeeded for row in made.summary.behaviours):
            break
    folder, plan, said, served = made.folder, made.plan, made.said, made.served
    records, summary = made.records, made.summary
    (error,) = summary.suite_errors

    assert error.message == "KeyError: 'id' (look as caller)"
    assert error.place.startswith("tests.load.faulty_roles:")
    assert (folder / error.log).read_text().count("Traceback (most recent call last)") == 2  # one of each process
    assert [line for line in said if "Error of the suite" in line] == [
        f"Error of the suite (load): {error.place}: {error.message}; its traceback is in {folder / LOG_FILE}"
    ]
    ends = Counter(record.worker for record in records if isinstance(record, End))
    assert ends == {"worker-1": 1, "worker-2": 1}
    counts = summary.reconciliation
    assert counts.recorded == counts.sent == counts.locust_total > served > 0  # logins are no part of what was served
    assert summary.whole_run.failures == 0
    actions = sum(row.actions for row in summary.behaviours)
    assert error.count > 4
    assert 0 < sum(row.succeeded for row in summary.behaviours) < actions
    verdict = judge(plan, summary, faulty_roles.ROLES)
    assert verdict.outcome.value == "inconclusive"
    assert any(error.place in reason for reason in verdict.reasons)


def test_without_its_pacing_a_load_ends_in_order_and_at_once(tmp_path: Path) -> None:
    scenario = Scenario("errors", 2, 100, 60, arrival=Arrival(50.0))
    load = Load(scenario, "fixed 1", roles_module="tests.load.unpaced_roles")
    began = time.monotonic()
    with truth_server("fixed 1", tmp_path) as server:
        ended, said = followed(plan_of(load, server.url), tmp_path)
    records = list(read(tmp_path / FILE_NAME))

    assert ended == SUITE_FAILED
    assert time.monotonic() - began < _WITHIN_S
    (error,) = [record for record in records if isinstance(record, SuiteErrors)]
    assert error.ends_load
    assert error.message.startswith("ZeroDivisionError") and "pacing" in error.message
    assert any(error.place in line for line in said)
    (end,) = [record for record in records if isinstance(record, End)]
    assert end.sent == end.recorded


def test_a_process_that_cannot_make_its_load_is_lost_with_its_reason(tmp_path: Path) -> None:
    plan = plan_of(Load(Scenario("errors", 2, 100, 60), "fixed 1"), "http://127.0.0.1:1")
    ended, _said = followed(plan, tmp_path, preflight=b"[]")

    assert ended == LOAD_DIED
    (lost,) = [record for record in read(tmp_path / FILE_NAME) if isinstance(record, WorkerLost)]
    assert lost.reason == LoadMessage.SUITE_ERROR(log=LOG_FILE)
    assert "checking the load" in (tmp_path / LOG_FILE).read_text()
