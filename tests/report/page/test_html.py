"""`report.html` as text: agreement with the other files, escapes, size, and what it may load."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import replace
from html.parser import HTMLParser

import pytest

from perfsuite.messages.page import PageMessage
from perfsuite.model import RunReport
from perfsuite.report.files.csv_files import stats_csv
from perfsuite.report.files.json_file import summary_json
from perfsuite.report.findings import NOT_MONITORED, NOTHING_UNUSUAL
from perfsuite.report.page.html import json_for_script, report_html
from perfsuite.report.page.page import INTERVAL_FROM_S, date_text
from perfsuite.summary.bootstrap import block_count
from tests.report import example_runs
from tests.report.made_readings import all_moving

FIVE_MB = 5_000_000
TWO_MB = 2_000_000
SHOWN = ("requests", "rps", "avg_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms", "failures", "failure_rate")


class Tables(HTMLParser):
    """Table id → rows of (shown text, exact value); and every tag with its attributes."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.rows: dict[str, list[list[list[str]]]] = {}
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self._open = False
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if tag == "table":
            self._table = self.rows.setdefault(found.get("id") or "", [])
        elif tag == "tr":
            self._table.append([])
        elif tag in ("td", "th"):
            self._table[-1].append(["", found.get("data-value") or ""])
            self._open = True

    def handle_endtag(self, tag: str) -> None:
        self._open = self._open and tag not in ("td", "th")

    def handle_data(self, data: str) -> None:
        if self._open:
            self._table[-1][-1][0] += data


def test_figures_are_those_of_the_csv_and_the_json_to_the_letter() -> None:
    report = example_runs.failed()
    tables = Tables(report_html(report)).rows
    steady = [row for row in csv.DictReader(io.StringIO(stats_csv(report.summary))) if row["period"] == "steady"]
    in_csv = {
        (row["operation"], row["role"].replace("_", " "), row["behaviour"]): [row[name] for name in SHOWN]
        for row in steady
    }
    rows = {tuple(cell[0] for cell in row[:3]): [cell[1] for cell in row[3:]] for row in tables["detail"][1:]}
    assert len(rows) == 18
    assert rows == {key: in_csv[key] for key in rows}
    by_operation = {row[0][0]: [cell[1] for cell in row[2:]] for row in tables["operations"][1:]}
    assert by_operation == {name: in_csv[name, "all", "all"] for name in by_operation}
    totals = json.loads(summary_json(report))["totals"]
    assert tables["roles"][-1][0][0] == "All roles"
    assert [cell[1] for cell in tables["roles"][-1][1:]] == [
        "" if totals[name] is None else repr(totals[name]) for name in SHOWN
    ]


def test_targets_are_shown_with_observed_limit_outcome_and_reason() -> None:
    rows = Tables(report_html(example_runs.failed())).rows["targets"]
    shown = [[cell[0] for cell in row] for row in rows[1:]]
    assert shown[2] == ["Failure rate", "7.19 %", "", "–", "< 1 %", "missed", "7.19 times the limit"]
    assert shown[4] == [
        "Concurrent users", "50", "", "–", "> 200", "not judged", "ran 50 users, more than 200 needed",
    ]  # fmt: skip


def test_the_open_model_has_its_charts_its_figures_and_where_the_time_goes() -> None:
    report = example_runs.open_model()
    html = report_html(report)
    rows = Tables(html).rows
    assert re.findall(r'data-chart="(\w+)"', html) == [
        "requests", "times", "operations", "service", "arrivals", "lag", "users",
    ]  # fmt: skip
    assert rows["time"][0][0][0] == "Operation"
    policies = next(row for row in rows["time"] if row[0][0] == "policies.list")
    steady = [row for row in report.summary.rows if row.period == "steady"]
    shown = next(row for row in steady if (row.role, row.operation) == ("all", "policies.list"))
    assert policies[1][1] == repr(round(shown.breakdown.service_avg_ms or 0, 3))
    assert rows["time"][-1][0][0] == "All operations"
    p95 = [cell[0] for cell in rows["targets"][2]]
    assert (p95[3], p95[5]) == ("48.1–2,050 ms", "met (close)")
    assert "<small>30/s requested, 312 not started</small>" in html
    assert "<small>p99: 7,150 ms; longest queue 331</small>" in html
    assert "process 2 lost with 6 users: was killed by signal SIGKILL" in html


def test_without_service_times_there_is_no_breakdown() -> None:
    assert "time" not in Tables(report_html(example_runs.passed())).rows


def test_unknown_figures_are_a_dash_with_the_reason() -> None:
    html = report_html(example_runs.passed())
    assert '<td class="number" title="too few samples">–</td>' in html


def test_a_run_that_was_cut_off_before_any_answer_has_its_page() -> None:
    report = example_runs.interrupted()
    nothing = dict.fromkeys(("avg_ms", "min_ms", "max_ms", "p50_ms", "p75_ms", "p90_ms", "p95_ms", "p99_ms"))
    seconds = tuple(replace(each, statistics=replace(each.statistics, **nothing)) for each in report.summary.seconds)
    page = report_html(replace(report, summary=replace(report.summary, seconds=seconds)))
    assert "No second has enough requests" in page
    assert "INTERRUPTED" in page


@pytest.mark.parametrize("name", ["failed", "watched"])
def test_nothing_from_the_target_is_markup(name: str) -> None:
    html = report_html(example_runs.EXAMPLES[name]())
    tags = Tables(html).tags
    assert [tag for tag, _ in tags if tag in ("img", "iframe", "object", "embed")] == []
    assert all(not name.startswith("on") for _, attributes in tags for name in attributes)
    assert html.count("<script") == html.count("</script>") == 2
    assert "&lt;/script&gt;&lt;" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\u2028\u2029\u202a-\u202e]", html)


def test_json_within_a_script_cannot_end_it() -> None:
    value = {"a": "</script><!--\u2028\u2029&"}
    text = json_for_script(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_nothing_is_loaded_from_anywhere() -> None:
    html = report_html(example_runs.failed())
    tags = Tables(html).tags
    assert [attributes["src"] for _, attributes in tags if "src" in attributes] == []
    hrefs = [attributes["href"] or "" for _, attributes in tags if "href" in attributes]
    assert hrefs[0] == "data:,"
    assert {href[:1] for href in hrefs[1:]} == {"#"}
    assert "url(" not in html[: html.index("</style>")] and "@import" not in html[: html.index("</style>")]
    policy = next(attributes["content"] for tag, attributes in tags if "http-equiv" in attributes)
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_headings_captions_and_scopes(name: str) -> None:
    html = report_html(example_runs.EXAMPLES[name]())
    tags = [tag for tag, _ in Tables(html).tags]
    assert tags.count("h1") == 1
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attributes for tag, attributes in Tables(html).tags if tag == "th")


def test_without_a_steady_state_the_figures_of_the_ramp_up_are_open() -> None:
    html = report_html(example_runs.interrupted())
    assert '<h2 id="detail-1-title">Operations during ramp-up</h2>' in html
    assert html.count("<details>") == 0
    assert "no steady state" in html


def everything() -> RunReport:
    """A run with all that a page can show."""
    return replace(example_runs.watched(), readings=all_moving(120))


@pytest.mark.parametrize("make", [*example_runs.EXAMPLES.values(), everything])
def test_every_link_leads_somewhere_and_every_id_is_there_once(make: Callable[[], RunReport]) -> None:
    tags = Tables(report_html(make())).tags
    ids = [attributes["id"] for _, attributes in tags if "id" in attributes]
    assert len(ids) == len(set(ids))
    links = {href[1:] for _, attributes in tags if (href := attributes.get("href") or "").startswith("#")}
    assert links - set(ids) == set()


def test_every_chart_has_a_description_for_screen_readers() -> None:
    tags = Tables(report_html(everything())).tags
    charts = [attributes["data-chart"] for _, attributes in tags if "data-chart" in attributes]
    pictures = [
        attributes["aria-label"] or "" for tag, attributes in tags if tag == "svg" and attributes.get("role") == "img"
    ]
    distribution, *pictures = pictures
    assert distribution == (
        "4,591 requests took from 1.6 ms to 20 s: half within 25.8 ms, 95 % within 2,524 ms, 99 % within 4,058 ms."
    )
    assert len(charts) == len(set(charts)) == len(pictures) > 30
    assert "Cache hit ratio, %. found in shared buffers: median 42.5 %, min 0 %." in pictures
    assert all(
        attributes.get("viewbox") == "0 0 120 100"
        for tag, attributes in tags
        if tag == "svg" and "role" in attributes and attributes["aria-label"] != distribution
    )


def test_the_script_knows_the_values_of_every_chart() -> None:
    html = report_html(everything())
    found = re.search(r'<script type="application/json" id="chart-data">(.*)</script>', html)
    assert found is not None
    values = json.loads(found[1])
    assert values["length"] == 120
    assert set(values["charts"]) == set(re.findall(r'data-chart="([^"]*)"', html))
    assert values["charts"]["redis-cpu"] == {"bin": 1, "unit": "percent", "curves": [[[at % 97 for at in range(120)]]]}


def test_the_database_cost_and_the_findings_are_there() -> None:
    html = report_html(everything())
    tables = Tables(html).rows
    assert [row[0][0] for row in tables["cost"][1:]] == ["policies.list", "health.root", "leads.delete"]
    assert html.count('<li class="finding"') == 7
    assert html.count('class="mark"') > 6
    assert "evidence of where to look, not causes" in html


def test_without_monitors_the_report_names_the_options() -> None:
    html = report_html(example_runs.passed())
    assert NOT_MONITORED in html
    assert "Not measured in this run." in html
    assert NOTHING_UNUSUAL not in html


@pytest.mark.parametrize(("name", "tiles"), [("passed", 6), ("open_model", 8)])
def test_the_key_figures_fill_their_rows(name: str, tiles: int) -> None:
    html = report_html(example_runs.EXAMPLES[name]())
    assert f'<dl class="figures n{tiles}">' in html
    assert html[html.index('<dl class="figures') : html.index("</dl>")].count("<dt>") == tiles


def test_start_times_are_readable() -> None:
    report = example_runs.passed()
    for started in ("2026-03-01T09:30:00Z", "2026-03-01T09:30:00+00:00"):
        html = report_html(replace(report, summary=replace(report.summary, started_at=started)))
        assert "<title>PASS – basic – 1 March 2026, 09:30 UTC</title>" in html
        assert "T09:30" not in html
    assert date_text("yesterday") == "yesterday"


def test_a_column_without_an_interval_says_why() -> None:
    report = example_runs.passed()
    short = replace(report, summary=replace(report.summary, steady_s=9.0))
    assert PageMessage.NO_INTERVAL(needed_s=INTERVAL_FROM_S, steady_s=9.0) in report_html(short)
    assert '<td class="number interval" title="needs 16 s of steady state">–</td>' in report_html(short)
    assert "No 95 % CI" not in report_html(report)
    assert (block_count(INTERVAL_FROM_S - 1), block_count(INTERVAL_FROM_S)) == (0, 8)


RPS = 50
"""Requests make a page hardly larger: half an hour of 25 and of 130 a second differ by 4 kB."""


def test_ten_minutes_with_all_monitors_are_at_most_two_megabytes() -> None:
    report = replace(example_runs.passed_large(600, RPS), readings=all_moving(600))
    assert len(report_html(report).encode()) <= TWO_MB


def test_half_an_hour_with_all_monitors_stays_small() -> None:
    report = replace(example_runs.passed_large(1800, RPS), readings=all_moving(1800))
    assert len(report_html(report).encode()) < FIVE_MB
