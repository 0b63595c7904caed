"""The page of all runs before its script runs, and the encoding of its figures."""

from __future__ import annotations

import base64
import json
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from perfsuite.model import ALL, CapacityKind, SearchBy
from perfsuite.model.history import ChangePoint, Measured, PastCapacity, PastRun
from perfsuite.report.runs_page.page import METRICS, codes_of, comparable_key
from tests.fingerprint.made import PREMIUMS, fingerprint, operation
from tests.report.example_runs import HOSTILE
from tests.report.made_history import (
    change_point,
    conditions,
    few_names,
    history,
    page_of,
    past_run,
    statistics,
    value_of,
)

TOTAL = (Measured(ALL, ALL, statistics(20.0)),)


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="runs-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_columns_hold_the_runs_in_order_of_time() -> None:
    runs = history(3, few_names())
    data = data_of(page_of([runs[2], runs[0], runs[1]]))
    assert data["runs"]["id"] == [run.run_id for run in runs]
    assert data["runs"]["started"] == [1767592800 + 3600 * number for number in range(3)]
    total = runs[1].of(ALL, ALL)
    assert total is not None
    assert data["runs"]["p95_ms"][1] == round(total.p95_ms or 0, 3)
    assert data["runs"]["users"] == [10, 10, 10]
    assert [data["texts"][number] for number in data["runs"]["label"]] == ["", "nightly", ""]


def test_only_existing_reports_are_linked() -> None:
    runs = history(2, few_names())
    html = page_of(runs, reports=frozenset({runs[0].folder}))
    assert data_of(html)["runs"]["address"] == [f"./{runs[0].folder}/report.html", ""]
    assert re.findall(r'<li><a href="([^"]*)">', html) == [f"./{runs[0].folder}/report.html"]


def test_a_folder_cannot_lead_elsewhere() -> None:
    strange = replace(past_run(0, TOTAL), folder='javascript:alert(1)//"><b>')
    address = data_of(page_of([strange]))["runs"]["address"][0]
    assert address == "./javascript%3Aalert%281%29//%22%3E%3Cb%3E/report.html"


def test_texts_from_outside_are_escaped() -> None:
    run = replace(past_run(0, TOTAL), run_id=HOSTILE, label=HOSTILE, release=HOSTILE)
    html = page_of([run])
    assert "<img" not in html
    assert html.count("</script>") == 2
    assert "\u202e" not in html
    assert data_of(html)["runs"]["id"] == [HOSTILE.replace("\u2028", " ").replace("\x1b", " ").replace("\u202e", " ")]


def test_only_its_own_script_may_run_and_nothing_is_loaded() -> None:
    html = page_of(history(2, few_names()))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', html)
    assert policy is not None
    parts = policy[1].replace("&#39;", "'").split("; ")
    assert parts[0] == "default-src 'none'"
    assert re.fullmatch(r"script-src 'sha256-[A-Za-z0-9+/]+='", parts[1])
    assert parts[2:] == ["style-src 'unsafe-inline'", "img-src data:", "base-uri 'none'"]
    assert re.findall(r'(?:src|href)="(?!#|data:|\./)[^"]*"', html) == []


def test_change_points_of_runs_that_are_not_on_the_page_are_left_out() -> None:
    runs = history(4, few_names())
    unknown = ChangePoint(ALL, ALL, "p95_ms", "basic_gone", 1.0, 2.0, 0.01)
    data = data_of(page_of(runs, [unknown, change_point(runs[2])]))
    assert data["points"] == [[ALL, "policies.list", "avg_ms", 2, 20.0, 30.0, 0.002]]


def test_runs_under_other_conditions_are_on_another_line() -> None:
    given = [conditions(), conditions("peak"), replace(conditions(), suite_version="1.1.0"), conditions()]
    data = data_of(page_of([past_run(number, TOTAL, one) for number, one in enumerate(given)]))
    assert data["group_of"] == [0, 1, 0, 0]  # another version of the suite alone is no other line
    assert data["conditions_of"] == [0, 1, 2, 0]
    texts = dict(zip(data["terms"], data["conditions"][1], strict=True))
    assert (texts["scenario"], texts["users"], texts["target"]) == ("peak", "policyholder 50", "http://localhost:8015")
    assert comparable_key(given[0]) != comparable_key(replace(given[0], machine="runner-2"))
    demos = [replace(given[0], demo="full", host=f"http://127.0.0.1:{port}") for port in (40001, 40002)]
    assert len(set(map(comparable_key, demos))) == 1  # a demo has another port in every run


SEARCH = replace(conditions(), search_by="users", targets_digest="t")
FOUND = PastCapacity(SearchBy.USERS, CapacityKind.INTERVAL, 240.2, 255.7, 247.5)


def searches(*found: PastCapacity) -> list[PastRun]:
    return [past_run(number, TOTAL, SEARCH, capacity=one) for number, one in enumerate(found)]


def test_of_a_search_the_capacity_is_shown_and_no_figure_of_many_loads() -> None:
    plain = past_run(9, TOTAL)
    data = data_of(page_of([*searches(FOUND), plain]))
    total = next(each for each in data["series"] if each[:2] == [ALL, ALL])
    values = dict(zip(METRICS, total[3:], strict=True))

    assert data["runs"]["capacity"] == ["240–256 users", ""]
    assert data["runs"]["capacity_low"] == [240.2, None]
    assert (data["runs"]["users"], data["runs"]["rps"]) == ([None, 10], [None, 8.0])
    assert decoded(values["capacity"]) == [pytest.approx(247.5, rel=0.0003), None]
    assert decoded(values["avg_ms"]) == [None, pytest.approx(20.0, rel=0.0003)]
    assert "capacity" not in data_of(page_of([plain]))["runs"]


def test_a_trend_of_the_capacity_has_only_searches_that_found_its_end() -> None:
    at_least = PastCapacity(SearchBy.USERS, CapacityKind.AT_LEAST, 200)
    data = data_of(page_of(searches(FOUND, at_least, FOUND)))
    total = next(each for each in data["series"] if each[:2] == [ALL, ALL])

    assert [value is not None for value in decoded(total[3 + METRICS.index("capacity")])] == [True, False, True]
    assert data["runs"]["capacity"][1] == "at least 200 users"


def test_a_page_without_runs_and_a_run_without_figures_or_time() -> None:
    assert "<h1>0 runs</h1>" in page_of([])
    bare = replace(past_run(0, ()), started_at="yesterday")
    data = data_of(page_of([bare]))
    assert (data["runs"]["started"], data["runs"]["p95_ms"], data["series"]) == ([None], [None], [])


def kept(value: float) -> float | None:
    return value_of(int(codes_of(np.asarray([value]))[0]))


@pytest.mark.parametrize(
    "value",
    [
        pytest.param(0.00002, id="a failure in 50,000 requests"),
        pytest.param(0.37, id="less than a millisecond"),
        pytest.param(19.2, id="an average"),
        pytest.param(123_456.0, id="two minutes"),
        pytest.param(9.0e8, id="the longest"),
    ],
)
def test_a_figure_is_kept_within_0_025_percent(value: float) -> None:
    assert kept(value) == pytest.approx(value, rel=0.00025)


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(0.0, 0.0, id="no failure is not unknown"),
        pytest.param(float("nan"), None, id="unknown is not zero"),
        pytest.param(float("inf"), None, id="no number"),
        pytest.param(1e-9, 1e-5, id="too small for the scale, yet not zero"),
    ],
)
def test_the_ends_of_the_scale(value: float, expected: float | None) -> None:
    assert kept(value) == (None if expected is None else pytest.approx(expected))


@pytest.mark.parametrize("count", [1, 7, 40, 999])
def test_counts_of_queries_come_back_whole(count: int) -> None:
    assert round(kept(float(count)) or 0) == count


def series(runs: list[PastRun]) -> dict[tuple[str, str], tuple[int, dict[str, list[float | None]]]]:
    """Role and operation → number of the first run, and the values of each metric from there on."""
    return {
        (role, operation): (first, dict(zip(METRICS, map(decoded, texts), strict=True)))
        for role, operation, first, *texts in data_of(page_of(runs))["series"]
    }


def decoded(text: str) -> list[float | None]:
    return [value_of(int(code)) for code in np.frombuffer(base64.b64decode(text), dtype="<u2")]


def test_a_series_spans_the_runs_that_have_it_with_gaps_between() -> None:
    everything = Measured(ALL, ALL, statistics(10.0))
    rare = Measured("policyholder", "policies.list", statistics(20.0))
    runs = [
        past_run(0, (everything,)),
        *(past_run(n, (everything, rare) if n != 2 else (everything,)) for n in (1, 2, 3)),
    ]
    found = series(runs)
    assert list(found) == [(ALL, ALL), ("policyholder", "policies.list")]
    (first, total), (second, single) = found.values()
    assert (first, second) == (0, 1)
    assert single["p95_ms"] == [pytest.approx(40.0, rel=3e-4), None, pytest.approx(40.0, rel=3e-4)]
    assert total["failure_rate"] == [0.0] * 4
    assert total["p99_ms"] == []  # unknown in every run


def test_queries_come_from_the_fingerprint() -> None:
    taken = fingerprint(operation("policies.list", {PREMIUMS: 3}, {PREMIUMS: 21}))
    both = tuple(Measured(role, "policies.list", statistics(20.0)) for role in (ALL, "senior_agent", "policyholder"))
    run = replace(past_run(0, both), fingerprint=taken)
    queries = {role: values["queries"] for (role, _), (_, values) in series([run]).items()}
    assert queries[ALL] == queries["senior_agent"] == [pytest.approx(21.0, rel=3e-4)]
    assert queries["policyholder"] == []
