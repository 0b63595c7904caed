"""`report.html` as text: agreement with the other files, escapes, size, and what it may load."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser

import pytest

from perfsuite.report.bundle import chart_script, script_safe
from perfsuite.report.csv_files import stats_csv
from perfsuite.report.html import json_for_script, report_html
from perfsuite.report.json_file import summary_json
from tests.report import example_runs

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


def without_bundle(html: str) -> str:
    return html.replace(chart_script(), "")


def test_figures_are_those_of_the_csv_and_the_json_to_the_letter() -> None:
    report = example_runs.failed()
    tables = Tables(without_bundle(report_html(report))).rows
    steady = [row for row in csv.DictReader(io.StringIO(stats_csv(report.summary))) if row["period"] == "steady"]
    in_csv = {
        (row["operation"], row["role"].replace("_", " "), row["behaviour"]): [row[name] for name in SHOWN]
        for row in steady
    }
    rows = {tuple(cell[0] for cell in row[:3]): [cell[1] for cell in row[3:]] for row in tables["detail"][1:]}
    assert len(rows) == 18
    assert rows == {key: in_csv[key] for key in rows}
    by_operation = {row[0][0]: [cell[1] for cell in row[1:-1]] for row in tables["operations"][1:]}
    assert by_operation == {name: in_csv[name, "all", "all"] for name in by_operation}
    totals = json.loads(summary_json(report))["totals"]
    assert tables["roles"][-1][0][0] == "All roles"
    assert [cell[1] for cell in tables["roles"][-1][1:]] == [
        "" if totals[name] is None else repr(totals[name]) for name in SHOWN
    ]


def test_targets_are_shown_with_observed_limit_outcome_and_reason() -> None:
    rows = Tables(without_bundle(report_html(example_runs.failed()))).rows["targets"]
    shown = [[cell[0] for cell in row] for row in rows[1:]]
    assert shown[2] == ["Failure rate", "7.19 %", "", "", "< 1 %", "missed", "7.2 times the limit"]
    assert shown[4] == [
        "Concurrent users", "50 users", "", "", "> 200 users", "not judged", "ran 50 users, more than 200 needed",
    ]  # fmt: skip


def test_the_open_model_has_its_charts_its_figures_and_where_the_time_goes() -> None:
    report = example_runs.open_model()
    html = without_bundle(report_html(report))
    rows = Tables(html).rows
    assert re.findall(r'data-chart="(\w+)"', html) == [
        "requests", "times", "service", "arrivals", "lag", "users",
    ]  # fmt: skip
    assert rows["time"][0][0][0] == "Operation"
    policies = next(row for row in rows["time"] if row[0][0] == "policies.list")
    steady = [row for row in report.summary.rows if row.period == "steady"]
    shown = next(row for row in steady if (row.role, row.operation) == ("all", "policies.list"))
    assert policies[1][1] == repr(round(shown.breakdown.service_avg_ms or 0, 3))
    assert rows["time"][-1][0][0] == "All operations"
    p95 = [cell[0] for cell in rows["targets"][2]]
    assert (p95[3], p95[5]) == ("48.1–2,050 ms", "met, too close")
    assert "<small>30/s asked, at most 7,210 ms late, 312 not started</small>" in html
    assert "process 2 lost with 6 users: was killed by signal SIGKILL" in html


def test_a_run_that_tells_no_service_time_has_no_table_for_it() -> None:
    assert "time" not in Tables(without_bundle(report_html(example_runs.passed()))).rows


def test_unknown_figures_are_a_dash_that_says_why() -> None:
    html = without_bundle(report_html(example_runs.passed()))
    assert '<td class="number" title="too few samples">–</td>' in html


def test_nothing_from_the_target_is_markup() -> None:
    html = without_bundle(report_html(example_runs.failed()))
    tags = Tables(html).tags
    assert [tag for tag, _ in tags if tag in ("img", "iframe", "object", "embed")] == []
    assert all(not name.startswith("on") for _, attributes in tags for name in attributes)
    assert html.count("<script") == html.count("</script>") == 3
    assert "&lt;/script&gt;&lt;img src=x" in html
    assert not re.search("[\x00-\x08\x0b-\x1f\u2028\u2029\u202a-\u202e]", html)


def test_json_within_a_script_cannot_end_it() -> None:
    value = {"a": "</script><!--\u2028\u2029&"}
    text = json_for_script(value)
    assert not set("<>&\u2028\u2029") & set(text)
    assert json.loads(text) == value


def test_the_bundle_cannot_end_its_script() -> None:
    assert "</script" not in chart_script().lower()
    assert "<!--" not in chart_script()
    assert script_safe('"</script>" "<!--"\r\n') == '"<\\/script>" "<\\!--"\n'


def test_nothing_is_loaded_from_anywhere() -> None:
    html = report_html(example_runs.failed())
    tags = Tables(without_bundle(html)).tags
    assert [attributes["src"] for _, attributes in tags if "src" in attributes] == []
    assert [attributes["href"] for _, attributes in tags if "href" in attributes] == ["data:,"]
    assert "url(" not in html[: html.index("</style>")] and "@import" not in html[: html.index("</style>")]
    policy = next(attributes["content"] for tag, attributes in tags if "http-equiv" in attributes)
    assert policy is not None and policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe-eval" not in policy


@pytest.mark.parametrize("name", example_runs.EXAMPLES)
def test_headings_captions_and_scopes(name: str) -> None:
    html = without_bundle(report_html(example_runs.EXAMPLES[name]()))
    tags = [tag for tag, _ in Tables(html).tags]
    assert tags.count("h1") == 1
    assert tags.count("caption") == tags.count("table")
    assert all("scope" in attributes for tag, attributes in Tables(html).tags if tag == "th")


def test_without_a_steady_state_the_figures_of_the_ramp_up_are_open() -> None:
    html = without_bundle(report_html(example_runs.interrupted()))
    assert '<h2 id="detail-1-title">During ramp-up</h2>' in html
    assert html.count("<details>") == 0
    assert "no steady state" in html


def test_half_an_hour_of_load_stays_small() -> None:
    assert len(report_html(example_runs.passed_large(1800)).encode()) < TWO_MB
