"""What a real Prometheus makes of a run: gaps, another run, and our names by its own rules."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest

from perfsuite.measurements.aggregate import Aggregate
from perfsuite.report.exporter import Exposition
from tests.deploy.programs import CONFIG, DEPLOY, Scraped, needed, scraped
from tests.integration.programs import until
from tests.report.exporter import made_run
from tests.report.exporter.made_run import MadeRun
from tests.report.exporter.metrics import text_of

pytestmark = pytest.mark.integration

_WITHIN_S = 60.0


@pytest.fixture(scope="module")
def live(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    with scraped(tmp_path_factory.mktemp("prometheus")) as running:
        yield running


def test_the_configuration_is_valid() -> None:
    done = subprocess.run([needed("promtool"), "check", "config", str(CONFIG)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_metric_follows_the_rules_of_promtool() -> None:
    run = MadeRun(Exposition())
    run.begin()
    run.go_on()
    check = [needed("promtool"), "check", "metrics"]
    done = subprocess.run(check, input=text_of(run.exposition), capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_suite_is_scraped(live: Scraped) -> None:
    assert live.prometheus.now("up") == [
        ({"__name__": "up", "instance": live.instance, "job": "performance"}, [1.0]),
    ]


def test_nothing_of_it_is_taken_for_the_target(live: Scraped) -> None:
    """What --monitor-prometheus asks for by default finds nothing here."""
    assert live.prometheus.now('process_cpu_seconds_total{job=~".*mitra.*"}') == []
    assert live.prometheus.now('{__name__=~"(process|python)_.*"}') == []


def test_a_run_can_be_put_beside_a_figure(live: Scraped) -> None:
    expression = (
        "sum by (instance) (mitra_load_users) * on (instance) group_left (run_id, scenario) mitra_load_run_info"
    )
    labels = {"instance": live.instance, "run_id": "made_20260301_093000", "scenario": "made"}
    assert live.prometheus.now(expression) == [(labels, [9.0])]


def test_a_gap_is_no_value_and_not_the_last_one(live: Scraped) -> None:
    assert live.prometheus.now("mitra_reading_redis_hit_ratio")
    live.run.show(gap="redis.hit_percent")
    until(lambda: not live.prometheus.now("mitra_reading_redis_hit_ratio"), _WITHIN_S, "the gap")
    live.run.show()
    until(lambda: live.prometheus.now("mitra_reading_redis_hit_ratio"), _WITHIN_S, "the next reading")


def test_another_run_begins_counting_anew(live: Scraped) -> None:
    counter = 'mitra_load_requests_total{role="policyholder", operation="policies.list"}'
    until(lambda: live.prometheus.now(counter)[0][1][0] > 100, _WITHIN_S, "a hundred requests")
    live.run.exposition.load_begins(replace(made_run.PLAN, run_id="next_20260301_094000"), Aggregate())
    until(lambda: live.prometheus.now('mitra_load_run_info{run_id=~"next.*"}'), _WITHIN_S, "the next run")

    assert live.prometheus.now(f"resets({counter}[1m])")[0][1] == [1.0]
    assert live.prometheus.now(f"increase({counter}[1m])")[0][1][0] > 100
    assert [labels["run_id"] for labels, _ in live.prometheus.now("mitra_load_run_info")] == ["next_20260301_094000"]


def test_the_commands_of_the_readme_name_what_is_there() -> None:
    text = (DEPLOY / "README.md").read_text(encoding="utf-8")
    done = subprocess.run([needed("prometheus"), "--help"], capture_output=True, text=True)
    command = next(line for line in text.splitlines() if line.startswith("prometheus "))
    assert command.split()[1] == "--config.file=deploy/prometheus.yml"
    assert [option for option in command.split()[1:] if option.split("=")[0] not in done.stdout + done.stderr] == []
