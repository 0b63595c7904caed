"""The files in deploy/ fit each other and the suite; no program is needed to see that."""

from __future__ import annotations

import os
import re
import subprocess
from itertools import combinations
from pathlib import Path

import pytest
import yaml

from perfsuite.cli.parser import parse
from perfsuite.report.exporter.families import READINGS
from tests.deploy.dashboard import dashboard, queries
from tests.deploy.programs import CONFIG, DEPLOY, SCRAPED_AT
from tests.report.exporter.declared import FAMILIES

PAGE = (DEPLOY.parent / "docs" / "live-metrics.md").read_text(encoding="utf-8")
SUFFIXES = r"_(bucket|sum|count)$"


def test_the_dashboard_asks_for_metrics_that_there_are() -> None:
    known = {family.name for family in FAMILIES}
    asked = {name for query in queries() for name in re.findall(r"(?<!\")\bmitra_\w+", query.expression)}
    assert {name for name in asked if re.sub(SUFFIXES, "", name) not in known} == set()


def test_the_dashboard_shows_every_metric_of_load_and_targets() -> None:
    text = " ".join(query.expression for query in queries())
    of_readings = {family.name for family in READINGS.values()}
    assert [family.name for family in FAMILIES if family.name not in of_readings and family.name not in text] == []


def test_the_dashboard_shows_each_part_of_the_target() -> None:
    text = " ".join(query.expression for query in queries())
    parts = (
        "server_cpu",
        "machine_cpu",
        "pool_waiting",
        "postgres_connections",
        "postgres_locks",
        "postgres_cache_hit",
        "redis_hit",
    )
    assert [part for part in parts if f"mitra_reading_{part}" not in text] == []


def test_no_reading_is_shown_twice() -> None:
    readings = [query.expression for query in queries() if query.expression.startswith("mitra_reading_")]
    assert len(set(readings)) == len(readings) > 40


def test_panels_have_ids_of_their_own_and_do_not_overlap() -> None:
    panels = dashboard()["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = [(panel["title"], panel["gridPos"]) for panel in panels]
    assert [title for title, at in places if at["x"] + at["w"] > 24] == []
    for (one, a), (other, b) in combinations(places, 2):
        beside = a["x"] + a["w"] <= b["x"] or b["x"] + b["w"] <= a["x"]
        below = a["y"] + a["h"] <= b["y"] or b["y"] + b["h"] <= a["y"]
        assert beside or below, (one, other)


def test_every_query_goes_to_the_prometheus_that_is_chosen() -> None:
    sources = {
        part["datasource"]["uid"]
        for panel in dashboard()["panels"]
        for part in (panel, *panel.get("targets", []))
        if "datasource" in part
    }
    assert sources == {"${datasource}"}
    assert dashboard()["templating"]["list"][0]["type"] == "datasource"


def test_grafana_is_shown_where_things_are() -> None:
    folder = DEPLOY / "grafana" / "provisioning"
    source = (folder / "datasources" / "prometheus.yml").read_text(encoding="utf-8")
    boards = (folder / "dashboards" / "mitra.yml").read_text(encoding="utf-8")
    page = (DEPLOY / "README.md").read_text(encoding="utf-8")

    listen = re.search(r"--web\.listen-address=(\S+)", page)
    assert listen
    assert f"url: http://{listen[1]}\n" in source
    assert "path: /etc/grafana/dashboards\n" in boards
    assert "`grafana/dashboards/` as `/etc/grafana/dashboards/`" in page
    interval = re.search(r"scrape_interval: (\w+)", CONFIG.read_text(encoding="utf-8"))
    assert interval
    assert f"timeInterval: {interval[1]} " in source
    assert f"Scrape every {interval[1].removesuffix('s')} s or more often" in PAGE


def test_all_name_the_same_port_of_the_suite() -> None:
    port = SCRAPED_AT.split(":")[1]
    assert f'targets: ["{SCRAPED_AT}"]' in CONFIG.read_text(encoding="utf-8")
    for text in (PAGE, (DEPLOY / "README.md").read_text(encoding="utf-8"), CONFIG.read_text(encoding="utf-8")):
        assert set(re.findall(r"--metrics-port (\d+)", text)) == {port}


def test_the_commands_of_the_readme_parse() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    calls = re.findall(r"(?m)^python run_performance_tests\.py (.*)$", text)
    assert [parse(call.split(), {}).options.metrics_port for call in calls] == [9764]
    for link in re.findall(r"\]\((\S+)\)", text):
        assert (DEPLOY / link).exists(), link


@pytest.mark.parametrize("there", [pytest.param(True, id="committed"), pytest.param(False, id="not there")])
@pytest.mark.parametrize("workflow", ["github-actions.yml", "gitlab-ci.yml"])
def test_staging_is_held_against_the_baseline_where_one_is_committed(
    workflow: str, there: bool, tmp_path: Path
) -> None:
    text = yaml.safe_load((DEPLOY / "ci" / workflow).read_text(encoding="utf-8"))
    if workflow.startswith("github"):
        variables = text["env"]
        scripts = [step["run"] for step in text["jobs"]["staging"]["steps"] if step.get("name") == "Load it"]
    else:
        variables, scripts = text["variables"], text["performance-staging"]["script"][1:]
    if there:
        (tmp_path / variables["BASELINE"]).write_text("{}", encoding="utf-8")
    host = {"TARGET": "http://staging.example", "PERFORMANCE_HOST": "http://staging.example"}
    script = "\n".join(["python() { printf '%s\\n' \"$@\"; }", *scripts])
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", script],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], **variables, **host},
        capture_output=True,
        text=True,
        check=True,
    )
    arguments = parse(done.stdout.split()[1:], {}).options
    assert (arguments.plan.host, arguments.runs) == ("http://staging.example", 5 if there else None)
    assert arguments.plan.baseline == (variables["BASELINE"] if there else "")
