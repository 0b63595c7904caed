"""Whole searches on simulated targets. The long table is made by `make accuracy`."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from perfsuite.capacity.constraints import SecondSample
from perfsuite.capacity.records import Done, SearchSettings, Visit
from perfsuite.capacity.search import Search
from perfsuite.model.capacity import CapacityKind, NotAnswered, VisitPhase
from tests.capacity.systems import Bench, Queueing, System, UserBench, exponential, limited
from tests.capacity.table import Line, one_search, systems

SYSTEMS = {each.name: each for each in systems()}
MM20 = SYSTEMS["M/M/20"]
SEARCHES, FEWEST, FIRST_SEED = 4, 3, 90_000
"""If 93 of 100 intervals contain the truth, 4 hold fewer than 3 in one of 40 tables: seeds are fixed, so it is not
chance that a test fails."""


def search_of(bench: Bench, settings: SearchSettings) -> Search:
    search = Search(settings)
    while isinstance(visit := search.next(), Visit):
        search.add(bench.offer(visit))
    return search


@pytest.mark.parametrize("system", SYSTEMS.values(), ids=SYSTEMS)
def test_most_intervals_contain_the_truth(system: System) -> None:
    line = Line(system)
    for number in range(SEARCHES):
        search = one_search(system, FIRST_SEED + number)
        line.answers.append(search.answer())
        line.seconds.append(search.used_s)
        line.loads.append(len({each.visit.load for each in search.results}))

    assert line.contained >= FEWEST, line.text()
    assert max(line.seconds) <= 900
    assert max(line.loads) <= 15
    assert line.cliffs == (SEARCHES if system.is_cliff else 0)


def test_a_cliff_is_between_its_last_pass_and_its_first_fail() -> None:
    answer = one_search(SYSTEMS["cliff"], 5).answer()

    assert answer.kind is CapacityKind.CLIFF
    assert answer.last_pass is not None
    assert answer.first_fail is not None
    assert answer.last_pass <= 97 < answer.first_fail
    assert answer.first_fail / answer.last_pass < 1.025
    assert (answer.low, answer.high) == (answer.last_pass, answer.first_fail)


def test_the_binding_target_is_named() -> None:
    answer = one_search(SYSTEMS["one slow operation of 28"], 7).answer()

    assert answer.first_to_fail is not None
    assert answer.first_to_fail.operation == "reports"


def test_more_time_makes_the_interval_narrower() -> None:
    short, long = (one_search(MM20, 3, duration_s).answer() for duration_s in (900, 3600))

    assert short.width is not None
    assert long.width is not None
    assert long.width < 0.75 * short.width
    assert short.minutes_for_8_percent is not None


def test_a_limited_generator_never_counts_against_the_target() -> None:
    search = search_of(Bench(MM20, 1, generator_limit=100), SearchSettings(MM20.constraints, duration_s=180))
    answer = search.answer()

    assert answer.kind is CapacityKind.AT_LEAST
    assert answer.low is not None
    assert 60 < answer.low < 100
    assert answer.high is None
    assert answer.first_fail is None
    assert answer.not_answered["search"] is NotAnswered.GENERATOR


def test_a_target_that_takes_the_most_load_takes_at_least_that() -> None:
    answer = search_of(Bench(MM20, 1), SearchSettings(MM20.constraints, most=150)).answer()

    assert (answer.kind, answer.low, answer.high) == (CapacityKind.AT_LEAST, 150, None)
    assert answer.not_answered == {"search": NotAnswered.MOST_LOAD}


def test_a_target_that_fails_at_once_has_no_capacity() -> None:
    strict = replace(MM20, constraints=(limited("p95_ms", 50),))
    search = search_of(Bench(strict, 1), SearchSettings(strict.constraints))
    answer = search.answer()

    assert (answer.kind, answer.low, answer.high) == (CapacityKind.NONE, None, None)
    assert answer.not_answered == {"search": NotAnswered.FIRST_LOAD_FAILS}
    assert search.used_s < 200


def test_a_target_without_requests_is_not_judged() -> None:
    never = limited("p95_ms", 500, "never")
    system = System(
        "two names",
        lambda: Queueing(MM20.make().stations, ("all", "never")),  # type: ignore[union-attr]
        (*MM20.constraints, never),
        184,
        200,
    )
    answer = search_of(Bench(system, 1), SearchSettings(system.constraints)).answer()

    assert answer.kind is CapacityKind.INTERVAL
    assert answer.not_answered == {"never": NotAnswered.TOO_FEW_SAMPLES}


def test_users_who_think_are_counted_whole() -> None:
    """20 servers of 100 ms, users who think for 1 s: by simulation p95 reaches 400 ms at 232 to 233 users."""
    system = replace(MM20, constraints=(limited("p95_ms", 400),))
    bench = UserBench(system, 1, think_s=1.0, servers=20, times=exponential(0.1))
    search = search_of(bench, SearchSettings(system.constraints, open_model=False))
    answer = search.answer()

    assert answer.kind is CapacityKind.INTERVAL
    assert answer.low is not None
    assert answer.high is not None
    assert answer.low < 232.5 < answer.high
    assert answer.width is not None
    assert answer.width < 0.1
    assert answer.rps is not None
    assert answer.rps[0] == pytest.approx(232.5 / 1.2, rel=0.1)
    assert all(each.visit.load == int(each.visit.load) for each in search.results)


def test_recovery_after_overload_is_measured_and_the_load_is_approached_from_above() -> None:
    search = one_search(MM20, 1)
    answer = search.answer()

    assert {each.visit.phase for each in search.results} == set(VisitPhase)
    assert answer.recovery_s is not None
    assert 1 <= answer.recovery_s < 30
    assert answer.holds_from_above is True
    assert answer.saturation == pytest.approx(200, rel=0.05)


def test_the_same_visit_is_asked_for_until_its_result_is_there() -> None:
    search = Search(SearchSettings(MM20.constraints))

    assert search.next() is search.next()
    assert search.answer().kind is CapacityKind.NONE
    assert not isinstance(search.next(), Done)


def test_an_answer_in_the_middle_of_a_search_says_that_time_was_short() -> None:
    bench, search = Bench(MM20, 1), Search(SearchSettings(MM20.constraints))
    for _ in range(3):
        visit = search.next()
        assert isinstance(visit, Visit)
        search.add(bench.offer(visit))
    answer = search.answer()

    assert answer.kind is CapacityKind.AT_LEAST
    assert answer.not_answered == {"search": NotAnswered.DURATION}
    assert not math.isnan(answer.low or 0.0)


def test_a_result_that_is_revised_changes_the_answer() -> None:
    search = one_search(MM20, 1)
    before = search.answer()
    for number, result in enumerate(search.results):
        search.revise(number, replace(result, generator_limited=True))
    after = search.answer()

    assert before.kind is CapacityKind.INTERVAL
    assert after.kind is CapacityKind.NONE
    assert after.not_answered == {"search": NotAnswered.GENERATOR}


def test_an_end_without_confidence_is_no_end_of_an_interval() -> None:
    constraints = MM20.constraints
    search, bench = Search(SearchSettings(constraints, duration_s=60, start=28.0)), Bench(MM20, 4)
    few = Visit(28.0, 2, VisitPhase.BRACKET, discard_s=0)
    search.results = [replace(bench.offer(few), visit=few)]
    above = Visit(1000.0, 10, VisitPhase.BRACKET, discard_s=0)
    search.results.append(replace(bench.offer(above), visit=above, aborted=True))
    answer = search.answer()

    assert [(level.passed, level.failed) for level in answer.levels] == [(False, False), (False, True)]
    assert (answer.kind, answer.low, answer.high) == (CapacityKind.NONE, None, None)
    assert (answer.takes(28), answer.takes(1001)) == (None, False)


def test_after_a_first_load_that_fails_the_load_is_lowered() -> None:
    bench = Bench(SYSTEMS["M/M/10 near saturation"], 3)
    search = search_of(bench, SearchSettings(bench.system.constraints, start=100.0))
    loads = [(result.visit.phase, result.visit.load) for result in search.results]

    assert loads[0] == (VisitPhase.BRACKET, 100.0)
    assert loads[1] == (VisitPhase.RECOVERY, 50.0)
    answer = search.answer()
    assert answer.low is not None
    assert answer.low > 45


def test_a_load_without_a_request_of_a_target_does_not_pass() -> None:
    constraints = (MM20.constraints[0], limited("p95_ms", 500, "rare"))
    bench = Bench(MM20, 4)
    search = Search(SearchSettings(constraints))
    for load, rare in ((28.0, 100), (56.0, 0)):
        visit = Visit(load, 30, VisitPhase.BISECT, discard_s=0)
        result = bench.offer(visit)
        own = [SecondSample(rare, 0, 0, 0, rare, rare)] * 30
        search.results.append(replace(result, samples=(result.samples[0], tuple(own))))

    assert [level.passed for level in search.answer().levels] == [True, False]
