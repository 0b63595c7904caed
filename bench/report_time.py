"""What the report of a long run costs: reading, summary, verdict, findings and all files, from the run's folder.

    python bench/report_time.py [--users 50] [--minutes 30 480]

The runs are made up: records of healthy users as the recorder writes them, and one reading a second of every metric
that monitors know. Processor time counts, the least of three rounds, each in a process of its own: whatever else runs
can only add. Ends with 1 when the first run takes 5 s or more, another one more than three times its time or memory, or
a page has 3 MB or more.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.measurements import file as measurements_file  # noqa: E402
from perfsuite.measurements.roll_up import RollUpWriter  # noqa: E402
from perfsuite.model import Plan  # noqa: E402
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
MOST_TIMES = 3.0
MOST_MB = 3.0
ROUNDS = 3
_PAGE = "report.html"


def make(folder: Path, users: int, seconds: int) -> int:
    """Write the folder of a run; how many readings it has."""
    run = Healthy(users=users, duration_s=seconds, spawn_rate=5, median_ms=20, memory=0.5, level_sd=0.1, seed=3)
    plan = run.plan()
    save(folder / PLAN_FILE, plan)
    writer = measurements_file.Writer(folder / measurements_file.FILE_NAME, plan.run_id)
    minutes = RollUpWriter(folder, plan)
    first = 0
    ordered = sorted(records_of(run), key=lambda record: getattr(record, "second", 0))
    for second, together in groupby(ordered, key=lambda record: getattr(record, "second", 0)):
        first = first or second
        records = list(together)
        writer.write_all(records)
        minutes.add(records)
    writer.close()
    minutes.close()
    _make_readings(folder, plan, first, seconds)
    return seconds * len(METRICS)


def _make_readings(folder: Path, plan: Plan, first: int, seconds: int) -> None:
    sink = ReadingsWriter(folder / READINGS_FILE, plan)
    for at in range(seconds):
        sink.write(
            [
                Reading(float(first + at), metric.component, name, float((at * 7 + place) % 97), metric.unit)
                for place, (name, metric) in enumerate(METRICS.items())
            ]
        )
    sink.close()


def spent(folder: Path) -> tuple[float, float, float]:
    """Processor time of summary, verdict and findings, and of the files, in s; the most memory of this process, MB."""
    began_s = time.process_time()
    report = load_run(folder).report
    reported_s = time.process_time()
    write_all(report, folder)
    files_s = time.process_time() - reported_s
    return reported_s - began_s, files_s, _most_memory_mb()


def _most_memory_mb() -> float:
    """Not by `getrusage`, which counts what the process had that started this one."""
    status = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmHWM"))


def _spent_in_process(folder: Path) -> tuple[float, ...]:
    done = subprocess.run(
        [sys.executable, __file__, "--folder", str(folder)], check=True, capture_output=True, text=True
    )
    return tuple(map(float, done.stdout.split()))


def main() -> int:
    """Print the figures; 1 when they are beyond the bounds."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--users", type=int, default=50)
    parser.add_argument("--minutes", type=int, nargs="+", default=[30, 480])
    parser.add_argument("--folder", type=Path, help="measure the run in this folder once, and print the figures alone")
    arguments = parser.parse_args()
    if arguments.folder:
        print(*spent(arguments.folder))
        return 0
    known: list[tuple[float, float]] = []
    good = True
    for minutes in arguments.minutes:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            count = make(folder, arguments.users, minutes * 60)
            rounds = [_spent_in_process(folder) for _ in range(ROUNDS)]
            size_mb = (folder / _PAGE).stat().st_size / 1e6
        figures_s, files_s, memory_mb = min(rounds, key=lambda each: each[0] + each[1])
        known.append((figures_s + files_s, memory_mb))
        print(f"{arguments.users} users, {minutes} minutes, {count:,} readings of {len(METRICS)} metrics")
        print(f"  summary, verdict, findings  {figures_s:.2f} s")
        print(f"  all files                   {files_s:.2f} s")
        print(f"  together                    {figures_s + files_s:.2f} s, {memory_mb:.0f} MB of memory")
        print(f"  {_PAGE}                 {size_mb:.2f} MB", flush=True)
        good = good and size_mb < MOST_MB
    (first_s, first_mb), *others = known
    for time_s, memory_mb in others:
        print(f"{time_s / first_s:.1f} times the time, {memory_mb / first_mb:.1f} times the memory")
        good = good and max(time_s / first_s, memory_mb / first_mb) <= MOST_TIMES
    return 0 if good and first_s < BOUND_S else 1


if __name__ == "__main__":
    sys.exit(main())
