"""A target that is not a demo: what a run leaves there, and what the target saw of it."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from perfsuite.measurements import file as measurements_file
from perfsuite.measurements import records as measurements
from perfsuite.measurements.histogram import middle_of
from tests.integration.programs import Ended

pytestmark = pytest.mark.integration


@pytest.mark.made("own_target")
def test_no_table_has_a_row_more_or_less(made: Ended) -> None:
    assert made.code == 0
    before = made.beside["rows before"]
    assert before["policies"] > 100
    assert made.beside["rows"] == before
    assert made.summary["cleanup"]["created"] == made.summary["cleanup"]["removed"] > 5


@pytest.mark.made("own_target")
def test_flags_are_as_before(made: Ended) -> None:
    assert len(made.beside["flags before"]) == 30
    assert made.beside["flags"] == made.beside["flags before"]


@pytest.mark.made("own_target")
def test_the_targets_log_has_every_request_once(made: Ended) -> None:
    log, summary = made.beside["log"], made.summary
    assert len(log) == summary["whole_run"]["requests"] == summary["reconciliation"]["recorded"]
    assert len({entry["request_id"] for entry in log}) == len(log)
    assert {entry["status"] for entry in log} <= {200, 201}


@pytest.mark.made("own_target")
@pytest.mark.parametrize("percent", [50, 75, 90, 95, 99])
def test_every_percentile_is_above_what_the_target_itself_took(made: Ended, percent: int) -> None:
    """Each request takes the client longer than the server, so every rank of the client's times is above."""
    of_server = sorted(entry["duration_s"] * 1000 for entry in made.beside["log"])
    of_client = [time for time, count in sorted(client_times_ms(made).items()) for _ in range(count)]
    assert len(of_client) == len(of_server)
    rank = math.ceil(percent / 100 * len(of_server)) - 1
    assert of_server[rank] < of_client[rank] < of_server[rank] + 1000


def client_times_ms(run: Ended) -> Counter[float]:
    """Response time → how many requests of the whole run took that long."""
    times: Counter[float] = Counter()
    for record in measurements_file.read(run.folder / measurements_file.FILE_NAME):
        if isinstance(record, measurements.Requests):
            for kept in (record.ok, record.failed):
                for bucket, count in kept.counts.items():
                    times[middle_of(bucket) / 1000] += count
    return times


@pytest.mark.made("two_scenarios")
def test_several_scenarios_end_in_one_summary_and_the_severest_code(made: Ended) -> None:
    assert (made.code, made.err) == (1, "")
    assert [folder.name.split("_")[0] for folder in made.folders] == ["easy", "hard"]
    assert made.out.count("Next scenario in 10 s") == 1
    assert (made.out.count("VERDICT: PASS"), made.out.count("VERDICT: FAIL")) == (1, 1)
    table = made.out[made.out.rindex("Scenario ") :].split("\n\n")[0].splitlines()
    assert [(line.split()[0], line.split()[-1]) for line in table[1:3]] == [("easy", "PASS"), ("hard", "FAIL")]


@pytest.mark.made("against_baseline", "first")
def test_the_demo_on_postgresql_and_redis_passes(made: Ended) -> None:
    summary = made.summary
    assert (made.code, made.left, summary["environment"]["demo"]) == (0, (), "full")
    assert summary["whole_run"]["failures"] == 0
    assert summary["reconciliation"]["agrees"]
    assert summary["reconciliation"]["backend_log"] == summary["whole_run"]["requests"]
    assert summary["cleanup"]["removed"] == summary["cleanup"]["created"] > 0
