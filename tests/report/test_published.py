"""Published limits as the terminal, the page and summary.json tell them."""

from __future__ import annotations

from dataclasses import replace

from perfsuite.model import RunReport, Within
from perfsuite.report.published import published_entries, published_line, published_table
from tests.report import example_runs


def run(requests: int = 1000) -> RunReport:
    made = example_runs.passed()
    totals = replace(
        made.summary.totals, requests=requests, avg_ms=600.0, p75_ms=799.0, p90_ms=380.0, p95_ms=980.0, p99_ms=None
    )
    counts = {100.0: 500, 500.0: 800, 1000.0: 954, 2000.0: 960, 10000.0: 1000}
    within = tuple(Within(limit_ms, count) for limit_ms, count in counts.items())
    return replace(made, summary=replace(made.summary, totals=totals, within=within))


def test_the_terminal_counts_met_limits_and_names_the_others() -> None:
    assert published_line(run()) == (
        "Published limits, for information: 5 of 6 met; Apdex 0.88 at 500 ms; not met: Open Finance UAE"
    )


def test_the_page_shows_each_with_its_source() -> None:
    table = published_table(run())
    assert table is not None
    rows = {(row[0].text, row[1].text): [cell.text for cell in row[2:5]] for row in table.rows}
    assert rows["Apdex", "Apdex"] == ["0.88, good", "Apdex > 0.85", "yes"]
    assert rows["Nielsen's limits", "flow of thought kept"] == ["95.4 % within", "1 s", "no limit"]
    assert rows["Nielsen's limits", "instant"] == ["50 % within", "100 ms", "no limit"]
    assert rows["Nielsen's limits", "attention kept"][1] == "10 s"
    assert rows["Open Finance (UAE)", "average to the last byte"] == ["600 ms", "average < 500 ms", "no"]
    assert rows["Kubernetes API", "single objects, p99"] == ["–", "p99 < 1,000 ms", "–"]
    assert [row[4].alarm for row in table.rows].count(True) == 1
    assert all("https://" in row[6].text for row in table.rows)


def test_programs_get_every_limit_with_what_was_observed() -> None:
    entries = {(entry["standard"], entry["metric"]): entry for entry in published_entries(run())}
    assert entries["apdex", "apdex_500"] == {
        "standard": "apdex",
        "name": "Apdex: Apdex",
        "metric": "apdex_500",
        "limit": 0.85,
        "observed": 0.88,
        "holds": True,
        "url": "https://www.apdex.org",
        "year": 2005,
    }
    assert (entries["kubernetes", "p99_ms"]["observed"], entries["kubernetes", "p99_ms"]["holds"]) == (None, None)
    assert entries["nielsen", "within_1000"]["holds"] is None


def test_without_requests_no_limit_is_shown() -> None:
    empty = run(requests=0)
    assert (published_line(empty), published_table(empty), published_entries(empty)) == ("", None, [])
