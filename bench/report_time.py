"""How long the report of a long run takes: reading, summary, verdict, findings and all files, from the run's folder.

    python bench/report_time.py [--users 50] [--minutes 30]

The run is made up: records of healthy users as the recorder writes them, and one reading a second of every metric
that monitors know. Processor time counts, the least of three rounds: whatever else runs can only add.
Ends with 1 when it is 5 s or more.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.measurements import file as measurements_file  # noqa: E402
from perfsuite.model.monitor import METRICS, Reading  # noqa: E402
from perfsuite.monitor import FILE_NAME as READINGS_FILE  # noqa: E402
from perfsuite.monitor import ReadingsWriter  # noqa: E402
from perfsuite.report.write import write_all  # noqa: E402
from perfsuite.run.load_run import (  # noqa: E402
    PLAN_FILE,
    load_run,
    save,
)
from tests.judge.healthy_runs import Healthy, records_of  # noqa: E402

BOUND_S = 5.0
ROUNDS = 3


def make(folder: Path, users: int, seconds: int) -> int:
    """Write the folder of a run; how many readings it has."""
    run = Healthy(users=users, duration_s=seconds, spawn_rate=5, median_ms=20, memory=0.5, level_sd=0.1, seed=3)
    plan = run.plan()
    save(folder / PLAN_FILE, plan)
    writer = measurements_file.Writer(folder / measurements_file.FILE_NAME, plan.run_id)
    first = 0
    for record in sorted(records_of(run), key=lambda record: getattr(record, "second", 0)):
        first = first or getattr(record, "second", 0)
        writer.write(record)
    writer.close()
    sink = ReadingsWriter(folder / READINGS_FILE)
    readings = [
        Reading(float(first + at), metric.component, name, float((at * 7 + place) % 97), metric.unit)
        for at in range(seconds)
        for place, (name, metric) in enumerate(METRICS.items())
    ]
    for _at, together in groupby(readings, key=lambda reading: reading.at_s):
        sink.write(list(together))
    sink.close()
    return len(readings)


def spent_s(folder: Path) -> tuple[float, float]:
    """Processor time of summary, verdict and findings, and of the files."""
    began_s = time.process_time()
    report = load_run(folder).report
    reported_s = time.process_time()
    write_all(report, folder)
    return reported_s - began_s, time.process_time() - reported_s


def main() -> int:
    """Print the figures; 1 when they are beyond the bound."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--minutes", type=int, default=30)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        count = make(folder, arguments.users, arguments.minutes * 60)
        figures, files = min((spent_s(folder) for _ in range(ROUNDS)), key=sum)
        size_mb = (folder / "report.html").stat().st_size / 1e6
    print(f"{arguments.users} users, {arguments.minutes} minutes, {count:,} readings of {len(METRICS)} metrics")
    print(f"summary, verdict, findings  {figures:.2f} s")
    print(f"all files                   {files:.2f} s")
    print(f"together                    {figures + files:.2f} s  (bound {BOUND_S:g} s)")
    print(f"report.html                 {size_mb:.1f} MB")
    return 0 if figures + files < BOUND_S else 1


if __name__ == "__main__":
    sys.exit(main())
