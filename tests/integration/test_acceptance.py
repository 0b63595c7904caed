"""The run that the suite is accepted by: `--demo --users 91 --spawn-rate 20 --duration 40s`."""

from __future__ import annotations

import csv
import gzip
import json
import math
from collections import Counter
from collections.abc import Sequence
from typing import Any
from xml.etree import ElementTree

import pytest

from perfsuite.roles import ROLES
from tests.integration.pages import facts_of, tables_of
from tests.integration.programs import Ended

pytestmark = [pytest.mark.integration, pytest.mark.made("acceptance")]

SHOWN = ("requests", "rps", "avg_ms", "p50_ms", "p95_ms", "p99_ms", "max_ms", "failures", "failure_rate")
"""The figures on the page, in its order."""
FIGURES = (*SHOWN, "min_ms", "p75_ms", "p90_ms", "p999_ms")


def stats(run: Ended) -> list[dict[str, str]]:
    """The rows of stats.csv."""
    with (run.folder / "stats.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def to_the_letter(run: Ended) -> dict[str, Any]:
    """summary.json with every number as it is written there."""
    text = (run.folder / "summary.json").read_text(encoding="utf-8")
    content: dict[str, Any] = json.loads(text, parse_float=str, parse_int=str)
    return content


def written(figures: dict[str, Any], names: Sequence[str]) -> dict[str, str]:
    """Some figures; "" where one is not known, as in CSV and on the page."""
    return {name: figures[name] or "" for name in names}


def records(run: Ended) -> list[dict[str, Any]]:
    """The lines of the measurements after the first."""
    with gzip.open(run.folder / "measurements.jsonl.gz", "rt", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines][1:]


def test_it_passes_and_leaves_no_process(made: Ended) -> None:
    assert (made.code, made.err, made.left) == (0, "", ())
    assert made.out.rstrip().endswith("VERDICT: PASS")


def test_every_file_is_there(made: Ended) -> None:
    names = {path.name for path in made.folder.iterdir()}
    assert names >= {
        "plan.json",
        "preflight.json",
        "measurements.jsonl.gz",
        "stats.csv",
        "stats_history.csv",
        "failures.csv",
        "report.html",
        "summary.json",
        "junit.xml",
        "summary.md",
    }
    assert made.folder.name.startswith("basic_20")
    assert made.summary["run_id"] == made.folder.name


def test_the_roles_have_their_users(made: Ended) -> None:
    users = made.summary["users"]
    assert (users["requested"], users["peak"]) == (91, 91)
    assert users["by_role"] == {
        "super_admin": 1,
        "provider_admin": 2,
        "regional_manager": 3,
        "senior_agent": 10,
        "junior_agent": 20,
        "policyholder": 50,
        "support_staff": 5,
    }


def test_every_behaviour_was_done_in_the_steady_state(made: Ended) -> None:
    rows = {(row["role"], row["behaviour"]): row for row in made.summary["behaviours"]}
    assert set(rows) == {(role.slug, behaviour.name) for role in ROLES for behaviour in role.behaviours}
    assert [key for key, row in rows.items() if not row["actions"] or row["succeeded"] != row["actions"]] == []


def test_nothing_failed(made: Ended) -> None:
    summary = made.summary
    assert (summary["whole_run"]["failures"], summary["totals"]["failures"]) == (0, 0)
    assert (summary["failures_by_kind"], summary["not_possible"]) == ({}, {})
    assert (summary["coverage"]["missing"], summary["coverage"]["broken"]) == ([], [])
    assert len((made.folder / "failures.csv").read_text(encoding="utf-8").splitlines()) == 1


def test_all_counts_of_the_requests_agree(made: Ended) -> None:
    counts, whole = made.summary["reconciliation"], made.summary["whole_run"]["requests"]
    assert {counts.pop(name) for name in ("sent", "recorded", "locust_total", "backend_log")} == {whole}
    # A GET may meet the end of an idle connection; it is sent once more, and counts once.
    assert counts.pop("retries") == counts.pop("repeated")
    assert counts == {"unrecorded": 0, "never_left": 0, "agrees": True}
    assert whole > 1500


def test_what_it_made_was_removed(made: Ended) -> None:
    cleanup = made.summary["cleanup"]
    assert cleanup["created"] == cleanup["removed"] > 20
    assert (cleanup["not_removed"], cleanup["not_restored"]) == ([], [])
    # The API offers no way to read what a preference was before.
    assert [text.split(" (")[0] for text in cleanup["not_restorable"]] == ["theme preference of account"]
    assert not any("not put back" in note for note in made.summary["notes"]), "a demo is gone with all that was in it"


def test_the_rows_of_the_csv_add_up_to_the_whole_run(made: Ended) -> None:
    rows, whole = stats(made), made.summary["whole_run"]
    singles = [row for row in rows if "all" not in (row["role"], row["behaviour"], row["operation"])]
    totals = [row for row in rows if (row["role"], row["behaviour"], row["operation"]) == ("all", "all", "all")]
    for some in (singles, totals):
        assert sum(int(row["requests"]) for row in some) == whole["requests"]
        assert sum(int(row["failures"]) for row in some) == whole["failures"]
    with (made.folder / "stats_history.csv").open(encoding="utf-8", newline="") as file:
        seconds = [row for row in csv.DictReader(file) if row["role"] == "all"]
    assert sum(int(row["requests"]) for row in seconds) == whole["requests"]


def test_csv_and_json_agree_to_the_letter(made: Ended) -> None:
    summary = to_the_letter(made)
    steady = {
        (row["role"], row["behaviour"], row["operation"]): {name: row[name] for name in FIGURES}
        for row in stats(made)
        if row["period"] == "steady"
    }
    assert steady["all", "all", "all"] == written(summary["totals"], FIGURES)
    singles = {key: figures for key, figures in steady.items() if "all" not in key}
    told = {(row["role"], row["behaviour"], row["operation"]): written(row, FIGURES) for row in summary["operations"]}
    assert len(told) > 45
    assert singles == told


def test_page_and_json_agree_to_the_letter(made: Ended) -> None:
    summary, page = to_the_letter(made), tables_of(made.folder / "report.html")
    told = {
        (row["operation"], row["role"].replace("_", " "), row["behaviour"]): [*written(row, SHOWN).values()]
        for row in summary["operations"]
    }
    assert {(row[0], row[1], row[2]): row[3:] for row in page["detail"]} == told
    assert page["roles"][-1] == ["All roles", *written(summary["totals"], SHOWN).values()]
    behaviours = [
        [row["role"].replace("_", " "), row["behaviour"], *(row[name] or "" for name in ("actions", "succeeded"))]
        for row in summary["behaviours"]
    ]
    assert [row[:4] for row in page["behaviours"]] == behaviours
    assert [(row[0].lower(), row[1]) for row in page["targets"]] == [
        (target["name"], target["observed"] or "") for target in summary["targets"]
    ]


def test_the_page_tells_the_counts_and_the_verdict(made: Ended) -> None:
    facts, whole = facts_of(made.folder / "report.html"), made.summary["whole_run"]["requests"]
    assert facts["Request counts"].startswith(f"recorder {whole:,}, Locust {whole:,}, backend log {whole:,}: ")
    assert "<title>PASS – basic – " in (made.folder / "report.html").read_text(encoding="utf-8")


def test_the_steady_state_counted_by_other_means(made: Ended) -> None:
    lines, summary = records(made), made.summary
    at = {line["name"]: line["at"] for line in lines if line["kind"] == "phase"}
    plateau_s = at["ramp-down"] - at["plateau"]
    settled = at["plateau"] + min(0.1 * plateau_s, 5)
    logged_in = min(
        summary["logins"]["ended_at"] or math.inf, at["plateau"] + 0.25 * plateau_s
    )  # late on a busy machine
    steady = range(math.ceil(max(settled, logged_in)), math.floor(at["ramp-down"]))
    counts: Counter[tuple[str, str]] = Counter()
    spent_us = ended = 0
    for line in lines:
        if line["kind"] == "requests" and line["second"] in steady:
            counts[line["role"], line["operation"]] += sum(line["ok"].get("counts", {}).values())
            spent_us += line["ok"].get("sum_us", 0)
            ended += line.get("ended", 0)
    told: Counter[tuple[str, str]] = Counter()
    for row in summary["operations"]:
        told[row["role"], row["operation"]] += row["requests"]
    assert told == +counts
    assert (summary["steady_s"], summary["totals"]["requests"]) == (len(steady), counts.total())
    assert summary["totals"]["rps"] == pytest.approx(ended / len(steady), abs=0.001)
    assert summary["totals"]["avg_ms"] == pytest.approx(spent_us / counts.total() / 1000, abs=0.001)


def test_the_plan_holds_what_was_asked(made: Ended) -> None:
    plan = json.loads((made.folder / "plan.json").read_text(encoding="utf-8"))
    scenario = plan["scenario"]
    assert (scenario["users"], scenario["spawn_rate"], scenario["duration_s"]) == (91, 20, 40)
    assert plan["users_by_role"] == made.summary["users"]["by_role"]
    assert made.summary["duration_s"] == pytest.approx(40, abs=6)
    assert (plan["demo"], plan["shared_accounts"]) == ("embedded", {})


def test_markdown_and_junit_tell_the_same(made: Ended) -> None:
    summary = made.summary
    assert f"{summary['totals']['requests']:,}" in (made.folder / "summary.md").read_text(encoding="utf-8")
    suites = ElementTree.parse(made.folder / "junit.xml").getroot()  # noqa: S314  our own file
    cases = {case.get("name"): case.find("skipped") is None for case in suites.iter("testcase")}
    judged = {target["name"]: target["outcome"] == "met" for target in summary["targets"]}
    assert {name: cases[name] for name in judged} == judged
    assert (suites.get("failures"), suites.get("errors")) == ("0", "0")
