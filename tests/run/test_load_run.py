"""A run made again from the files of its folder."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from perfsuite.findings import Observations
from perfsuite.measurements import file as measurements_file
from perfsuite.model import CapacityPlan, SearchBy, Summary, VisitPhase, VisitRecord
from perfsuite.model.finding import Finding
from perfsuite.run.capacity import CAPACITY_FILE, SearchRecord
from perfsuite.run.load_run import PLAN_FILE, Evaluation, load_run, save
from tests.summary.made_records import START, Process, make_plan


def test_the_findings_of_a_search_know_its_visits(tmp_path: Path) -> None:
    visits = tuple(
        VisitRecord(number, load, VisitPhase.BRACKET, START + at, START + at + 10, discard_s=2)
        for number, (load, at) in enumerate([(3.0, 1), (6.0, 11)])
    )
    plan, one = make_plan(6), Process()
    save(tmp_path / PLAN_FILE, replace(plan, capacity=CapacityPlan(SearchBy.USERS, 3.0, 6.0, 30.0)))
    save(tmp_path / CAPACITY_FILE, SearchRecord(visits))
    writer = measurements_file.Writer(tmp_path / measurements_file.FILE_NAME, plan.run_id)
    writer.write_all([one.phase("ramp-up", 0), *(one.requests(second, [20.0] * 5, ended=5) for second in range(21))])
    writer.close()
    seen: list[Observations] = []

    def find(_summary: Summary, observed: Observations) -> tuple[Finding, ...]:
        seen.append(observed)
        return ()

    load_run(tmp_path, evaluation=Evaluation(find=find))

    assert [observed.visits for observed in seen] == [visits]
