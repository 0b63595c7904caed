"""The page of all runs, as it is before its script runs."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

from perfsuite.model import ALL
from perfsuite.model.history import ChangePoint, Measured
from perfsuite.report.runs_page.page import comparable_key
from tests.report.example_runs import HOSTILE
from tests.report.made_history import change_point, conditions, few_names, history, page_of, past_run, statistics

TOTAL = (Measured(ALL, ALL, statistics(20.0)),)


def data_of(html: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="runs-data">(.*?)</script>', html, re.DOTALL)
    assert found is not None
    return dict(json.loads(found[1]))


def test_columns_hold_the_runs_in_the_order_of_time() -> None:
    runs = history(3, few_names())
    data = data_of(page_of([runs[2], runs[0], runs[1]]))
    assert data["runs"]["id"] == [run.run_id for run in runs]
    assert data["runs"]["started"] == [1767592800 + 3600 * number for number in range(3)]
    total = runs[1].of(ALL, ALL)
    assert total is not None
    assert data["runs"]["p95_ms"][1] == round(total.p95_ms or 0, 3)
    assert data["runs"]["users"] == [10, 10, 10]
    assert [data["texts"][number] for number in data["runs"]["label"]] == ["", "nightly", ""]


def test_only_reports_that_are_there_are_linked() -> None:
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


def test_change_points_stand_at_their_runs_and_those_of_unknown_runs_are_left_out() -> None:
    runs = history(4, few_names())
    unknown = ChangePoint(ALL, ALL, "p95_ms", "basic_gone", 1.0, 2.0, 0.01)
    data = data_of(page_of(runs, [unknown, change_point(runs[2])]))
    assert data["points"] == [[ALL, "policies.list", "avg_ms", 2, 20.0, 30.0, 0.002]]


def test_runs_of_other_conditions_are_of_another_line() -> None:
    given = [conditions(), conditions("peak"), replace(conditions(), suite_version="1.1.0"), conditions()]
    data = data_of(page_of([past_run(number, TOTAL, one) for number, one in enumerate(given)]))
    assert data["group_of"] == [0, 1, 0, 0]  # another version of the suite alone makes no other line
    assert data["conditions_of"] == [0, 1, 2, 0]
    told = dict(zip(data["terms"], data["conditions"][1], strict=True))
    assert (told["scenario"], told["users"], told["target"]) == ("peak", "policyholder 50", "http://localhost:8015")
    assert comparable_key(given[0]) != comparable_key(replace(given[0], machine="runner-2"))
    demos = [replace(given[0], demo="full", host=f"http://127.0.0.1:{port}") for port in (40001, 40002)]
    assert len(set(map(comparable_key, demos))) == 1  # a demo has another port in every run


def test_a_page_without_runs_and_a_run_without_figures_or_time() -> None:
    assert "<h1>0 runs</h1>" in page_of([])
    bare = replace(past_run(0, ()), started_at="yesterday")
    data = data_of(page_of([bare]))
    assert (data["runs"]["started"], data["runs"]["p95_ms"], data["series"]) == ([None], [None], [])
