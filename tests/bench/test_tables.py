"""Medians, ratios, tables and goals."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from bench.generators.measure import Accuracy, Sample
from bench.generators.session import AccuracyCell, Cell, MemoryCell, Results
from bench.generators.tables import (
    accuracy_table,
    goals,
    goals_table,
    median,
    memory_table,
    rate_table,
    ratio,
    spread,
    with_reference,
)
from bench.generators.work import DUE, OURS, SEND


def cell(rates: Sequence[float], cpu_us: float = 50.0) -> Cell:
    return Cell([Sample(rps, cpu_us, 20_000_000) for rps in rates])


def level(share: float, off_ms: float, *, since: str = SEND, rps: float = 990) -> AccuracyCell:
    truth = (5.0, 20.0, 30.0)
    one = Accuracy((5.0 + off_ms, 20.0 + off_ms, 30.0 + off_ms), truth, rps)
    return AccuracyCell(share, 1000, {since: [one]})


def rows(table: str) -> list[list[str]]:
    return [[part.strip() for part in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_median_ratio_and_spread() -> None:
    assert median([3, 1, 2]) == 2
    assert median([1, 2, 3, 10]) == 2.5
    assert median([]) is None
    assert ratio(9, 3) == 3
    assert [ratio(None, 3), ratio(3, None), ratio(3, 0)] == [None, None, None]
    assert spread([4700, 4838, 4990]) == "4,838 (4,700–4,990)"
    assert [spread([12.0]), spread([])] == ["12", "–"]


def test_rates_are_medians_beside_ours_and_the_fastest_comes_first() -> None:
    table = rate_table({OURS: cell([900, 1000, 5000], 40.0), "k6": cell([250, 200, 260], 160.0)})

    assert rows(table) == [
        ["**this suite**", "1,000 (900–5,000)", "1", "40 (40–40)", "1", "20"],
        ["k6", "250 (200–260)", "4", "160 (160–160)", "0.25", "20"],
    ]


def test_a_generator_that_failed_says_so_in_its_cell() -> None:
    never = Cell(problems=["round 1: exit code 7 | boom", "round 2: the same"])
    once = Cell(cell([10.0]).samples, ["round 2: 3 of 9 requests failed"])

    found = {row[0]: row[1] for row in rows(rate_table({"k6": never, "hey": once}))}

    assert found["k6"] == "failed: round 1: exit code 7 / boom (and 1 more)"
    assert found["hey"] == "10; failed: round 2: 3 of 9 requests failed"


def test_memory_is_what_one_more_user_needs() -> None:
    ours = [MemoryCell(1010, 130_000_000, 100_000_000), MemoryCell(20_010, 700_000_000, 100_000_000)]
    peer = [MemoryCell(1010, problem="exit code 1")]

    assert rows(memory_table({OURS: ours, "k6": peer})) == [
        ["**this suite**", "30 kB (130 MB in all)", "30 kB (700 MB in all)"],
        ["k6", "exit code 1", "–"],
    ]


def test_accuracy_is_measured_less_true() -> None:
    due = level(0.5, 2.0)
    due.rounds[DUE] = level(0.5, -2.0).rounds[SEND]
    broken = AccuracyCell(0.8, 1600, problems=["round 1: it did not end"])

    found = rows(accuracy_table({OURS: [due], "k6": [broken]}))

    off = ["+2 ms of 5 ms", "+2 ms of 20 ms", "+2 ms of 30 ms"]
    assert found[0] == ["**this suite**", "1,000/s (50 %)", *off]
    assert found[1][0] == "this suite, from when it was due"
    assert found[1][2] == "-2 ms of 5 ms"
    assert found[2] == ["k6", "1,600/s (80 %)", "failed: round 1: it did not end", "–", "–"]


def test_a_rate_that_was_not_reached_says_so() -> None:
    found = rows(accuracy_table({"k6": [level(0.8, 0.1, rps=700), level(0.8, 0.1, rps=960)]}))

    assert [row[1] for row in found] == ["1,000/s (80 %), 700/s reached", "1,000/s (80 %)"]


def whole_results() -> Results:
    results = Results()
    results.cells = {
        "a": {OURS: cell([4000]), "k6": cell([1000]), "wrk": cell([20_000])},
        "b": {OURS: cell([4000], 20.0), "k6": cell([2000]), "Locust FastHttpUser": cell([900], 80.0)},
    }
    results.memory = {OURS: [MemoryCell(20_000, 700_000_000, 100_000_000)]}
    results.accuracy = {OURS: [level(0.1, 0.1), level(0.8, -0.4)], "k6": [level(0.1, 0.5), level(0.8, 0.3)]}
    return results


def test_goals() -> None:
    found = {goal.text: (goal.measured, goal.held) for goal in goals(whole_results())}

    assert found["a: requests/s ÷ those of k6"] == (4, True)
    assert found["b: requests/s ÷ those of k6"] == (2, False)
    assert found["b: requests/s ÷ those of wrk, bare"] == (0.2, True)
    assert found["b: requests/s ÷ those of k9-load, Python script"] == (None, None)
    assert found["b: CPU per request ÷ that of Locust FastHttpUser"] == (0.25, False)
    measured, held = found["d: kB per idle user at 20,000"]
    assert measured == pytest.approx(30.015, abs=0.001)
    assert held is False
    error, held = found["e: largest error of the 99th percentile, ms; the best peer's is the limit"]
    assert error == pytest.approx(0.4)
    assert held is True
    assert "≤ 0.50" in goals_table(goals(whole_results()))


def test_the_reference_of_part_b_is_measured_in_part_a() -> None:
    assert list(with_reference(whole_results())) == [OURS, "k6", "Locust FastHttpUser", "wrk, bare"]


def test_problems_name_part_generator_and_size() -> None:
    results = whole_results()
    results.cells["a"]["hey"] = Cell(problems=["round 1: gone"])
    results.memory["k6"] = [MemoryCell(200, problem="exit code 1")]
    results.accuracy["k6"][0].problems.append("round 2: late")

    assert results.problems == [
        "part a, hey: round 1: gone",
        "part d, k6, 200 users: exit code 1",
        "part e, k6, 10 %: round 2: late",
    ]
