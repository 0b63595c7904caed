"""A whole search for the capacity, on a machine that may be too slow for an answer."""

from __future__ import annotations

from collections import defaultdict
from itertools import pairwise

import pytest

from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.measurements.records import InFlight, Phase, Requests, Users
from perfsuite.model.capacity import stage_of
from perfsuite.model.periods import STAGE
from tests.integration.programs import Ended

pytestmark = [pytest.mark.integration, pytest.mark.made("searched")]


def test_the_answer_the_exit_code_and_the_verdict_agree(made: Ended) -> None:
    summary, capacity = made.summary, made.summary["capacity"]
    found = capacity["kind"] in ("interval", "cliff")

    assert (made.code, summary["verdict"]) == ((0, "pass") if found else (4, "inconclusive")), made.out
    assert summary["exit_code"] == made.code
    assert (capacity["by"], capacity["most"], capacity["at_least"]) == ("users", 90, None)
    if found:
        # 40 requests/s, and each user sends 1.17 requests/s where nothing waits: at 28 users it is 82 % busy.
        assert 28 <= capacity["low"] < capacity["high"] <= 90
    assert capacity["not_answered"]["throughput"] == capacity["not_answered"]["concurrent users"] == "metric"
    assert summary["targets"] == []
    assert summary["reconciliation"]["agrees"]
    assert not summary["cleanup"]["not_removed"]
    assert not made.left


def test_every_visit_is_a_stage_with_exactly_its_users(made: Ended) -> None:
    visits = made.summary["capacity"]["visits"]
    records = list(read(made.folder / FILE_NAME))
    stages = {record.stage: record.at for record in records if isinstance(record, Phase) and record.name == STAGE}
    users: defaultdict[int, int] = defaultdict(int)
    for record in records:
        if isinstance(record, Users):
            users[record.second] += sum(record.by_role.values())

    assert visits[0]["load"] == 28
    assert [visit["number"] for visit in visits] == list(range(1, len(visits) + 1))
    assert all(first["stop"] <= then["first"] for first, then in pairwise(visits))
    for visit in visits:
        assert visit["first"] >= stages[stage_of(visit["number"])]
        rising = [other for other in visits if other["number"] == visit["number"] - 1 and other["load"] < visit["load"]]
        if rising or visit["number"] == 1:
            counted = range(visit["first"], visit["stop"] - 1)
            assert {users[second] for second in counted} == {visit["load"]}, visit
    assert {stage["name"] for stage in made.summary["stages"]} <= set(stages)


def test_requests_in_flight_are_recorded_and_end(made: Ended) -> None:
    records = list(read(made.folder / FILE_NAME))
    waiting = [record for record in records if isinstance(record, InFlight)]
    sent = {(record.role, record.operation) for record in records if isinstance(record, Requests)}

    assert max(sum(count for *_, count in record.requests) for record in waiting) > 2
    assert {(role, operation) for record in waiting for _due, role, operation, _count in record.requests} <= sent
    latest = {record.worker: record for record in waiting}
    assert all(not record.requests for record in latest.values())


def test_the_same_answer_comes_from_the_files_alone(made: Ended) -> None:
    assert made.beside["again"].code == 0
    assert made.summary["capacity"] == made.beside["before"]


def test_each_visit_is_a_line_while_the_search_goes_on(made: Ended) -> None:
    lines = [line.split() for line in made.out.splitlines()]
    shown = [words for words in lines if len(words) > 4 and words[0].isdigit() and words[1] in ("bracket", "bisect")]
    assert [words[2] for words in shown[:1]] == ["28"]
