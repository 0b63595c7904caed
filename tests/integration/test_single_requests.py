"""Single requests of real runs: the slowest in the report, and all of them in the files of --raw-samples."""

from __future__ import annotations

from collections import Counter

import pytest

from perfsuite.measurements.file import FILE_NAME, read
from perfsuite.run.load_run import load_run
from tests.integration.programs import Ended
from tests.measurements.raw_files import counts_of_records, counts_of_rows, rows_of

pytestmark = pytest.mark.integration

FILES = ("samples-worker-1.csv.gz", "samples-worker-2.csv.gz")


@pytest.mark.made("own_target")
def test_every_request_is_in_the_files_once(made: Ended) -> None:
    rows = rows_of(*(made.folder / name for name in FILES))

    assert counts_of_rows(rows) == counts_of_records(read(made.folder / FILE_NAME))
    assert made.summary["raw_samples"] == {
        "files": list(FILES), "written": len(rows), "left_out": 0, "why": "", "whole": True,
    }  # fmt: skip
    log = {entry["request_id"]: entry["status"] for entry in made.beside["log"]}
    assert {row["request_id"]: int(row["status"]) for row in rows} == log
    assert len(rows) == len(log)


@pytest.mark.made("own_target")
def test_the_slowest_requests_are_those_of_the_files(made: Ended) -> None:
    summary, found = made.summary, load_run(made.folder).report.summary
    assert found.steady_start is not None
    assert found.steady_end is not None
    seconds = range(found.steady_start, found.steady_end)
    rows = rows_of(*(made.folder / name for name in FILES))
    steady = [row for row in rows if int(row["due_us"]) // 1_000_000 in seconds]
    for operation in summary["operations"]:
        place = (operation["role"], operation["behaviour"], operation["operation"])
        own = [row for row in steady if (row["role"], row["behaviour"], row["operation"]) == place]
        slowest = sorted((int(row["response_us"]) for row in own), reverse=True)[:10]
        assert [round(one["response_ms"] * 1000) for one in operation["slowest"]] == slowest, place
        assert {one["request_id"] for one in operation["slowest"]} <= {row["request_id"] for row in own}
        for one in operation["slowest"]:
            parts = ("waiting_ms", "connect_ms", "tls_ms", "service_ms")
            assert sum(one[part] or 0 for part in parts) == pytest.approx(one["response_ms"], abs=0.003)


@pytest.mark.made("own_target")
def test_the_report_has_the_ids_to_look_for(made: Ended) -> None:
    page = (made.folder / "report.html").read_text(encoding="utf-8")
    slowest = max(
        (one for operation in made.summary["operations"] for one in operation["slowest"]),
        key=lambda one: float(one["response_ms"]),
    )
    assert f"<code>{slowest['request_id']}</code>" in page


@pytest.mark.made("killed")
def test_the_file_of_a_killed_run_can_be_read_to_its_last_second(made: Ended) -> None:
    rows = rows_of(made.folder / FILES[0])
    recorded: Counter[int] = Counter()
    for (second, *_names, part), counts in counts_of_records(read(made.folder / FILE_NAME)).items():
        recorded[second] += sum(counts.values()) if part in ("ok", "failed") else 0
    written = Counter(int(row["due_us"]) // 1_000_000 for row in rows)

    whole = sorted(recorded)[:-2]
    assert len(whole) >= 2
    assert {second: written[second] for second in whole} == {second: recorded[second] for second in whole}
