"""Makes the pictures in docs/images: real runs of every outcome, their reports in a browser, small pictures of them.

    make pictures
    python bench/pictures.py [--runs FOLDER] [--whole FOLDER] [PART …]

The runs go to FOLDER and are made only where it does not hold them yet; without --runs they are made anew and thrown
away. --whole: pictures of the whole pages, light, dark, narrow and as printed, to be looked at before the small ones
are kept. A part is a name of PARTS; without any all are made. Ends with 1 when a picture is too large.
"""

from __future__ import annotations

import argparse
import base64
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.report.web.chromium import Tab, find_chromium, running_tab  # noqa: E402

IMAGES = ROOT / "docs" / "images"
LARGEST_BYTES = 150_000
_STARTER = ROOT / "run_performance_tests.py"
_SIXTY = ("--demo", "--users", "60", "--spawn-rate", "20")
_SHAPES = ROOT / "examples" / "load_shapes" / "scenarios.toml"
RUNS = {
    "failed": (
        *_SIXTY, "--duration", "80s",
        "--fault", "latency=900ms@policies.list from 38s", "--fault", "error=503:20%@policies.list from 38s",
    ),
    "passed": (*_SIXTY, "--duration", "40s"),
    "inconclusive": ("--demo", "--users", "3", "--spawn-rate", "1", "--duration", "7s"),
    "interrupted": (*_SIXTY, "--duration", "5m"),
    "stages": (
        "--demo", "full", "--fault", "pool=5:40ms", "--fault", "no_cache",
        "--scenarios", str(_SHAPES), "--scenario", "climb",
    ),
    "endurance": ("--demo", "--users", "20", "--spawn-rate", "20", "--duration", "10m", "--fault", "leak=1MB/min"),
    "wrong": (
        "--demo", "--users", "100", "--spawn-rate", "20", "--duration", "1m", "--fault", "no_owner_check@policies.read",
    ),
    "capacity": ("capacity", "--demo", "--fault", "capacity=2:20", "--max-users", "400", "--max-duration", "8m"),
}  # fmt: skip
"""Outcome → the options of a run that ends so. Faults count from the start of the backend, before the load."""
_EXIT_CODES = {
    "failed": 1,
    "passed": 0,
    "inconclusive": 4,
    "interrupted": 130,
    "stages": 0,
    "endurance": 0,
    "wrong": 1,
    "capacity": 0,
}
_INTERRUPT_AFTER_S = 25.0
_LONGEST_S = 900.0


@dataclass(frozen=True)
class Look:
    """How a page is looked at. `whole`: all of it, however long."""

    width: int = 1100
    height: int = 940
    scheme: str = "light"
    media: str = "screen"
    whole: bool = False
    at: str = ""
    """Selector of what is to be at the top."""


KEPT = {
    "report": ("failed", Look()),
    "report-dark": ("failed", Look(width=900, height=640, scheme="dark", at="#charts")),
    "report-narrow": ("failed", Look(width=400)),
    "report-print": ("failed", Look(width=794, height=1123, media="print")),
    "report-passed": ("passed", Look(height=760)),
    "report-inconclusive": ("inconclusive", Look(height=760)),
    "report-interrupted": ("interrupted", Look(height=760)),
    "report-stages": ("stages", Look(height=640, at="#charts")),
    "report-stages-table": ("stages", Look(height=260, at="#stages-title")),
    "report-stability": ("endurance", Look(height=500, at="#stability-title")),
    "report-violation": ("wrong", Look(width=1000, height=620, at="#correctness")),
    "report-checks": ("wrong", Look(width=1000, height=900, at="#correctness h3:not(summary h3)")),
    "report-capacity": ("capacity", Look(width=1000, height=700, at="#capacity")),
}
"""Name of a picture in docs/images → the run that it shows, and how."""
WHOLE = {
    "light": Look(width=1200, whole=True),
    "dark": Look(width=1200, scheme="dark", whole=True),
    "narrow": Look(width=400, whole=True),
    "print": Look(width=794, media="print", whole=True),
}


def run_of(outcome: str, runs: Path) -> Path:
    """The folder of the run with this outcome; made where it is not there."""
    results = runs / outcome
    if not list(results.glob("*/report.html")):
        print(f"making the run that is {outcome}", flush=True)
        command = [sys.executable, str(_STARTER), *RUNS[outcome], "--results", str(results), "--quiet"]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        if outcome == "interrupted":
            time.sleep(_INTERRUPT_AFTER_S)
            process.send_signal(signal.SIGINT)
        code = process.wait(_LONGEST_S)
        if code != _EXIT_CODES[outcome]:
            sys.exit(f"the run that was to be {outcome} ended with {code}: make it again on a quiet machine")
    return next(results.glob("*/report.html")).parent


def take(tab: Tab, page: Path, look: Look, picture: Path) -> None:
    """A picture of a page."""
    feature = [{"name": "prefers-color-scheme", "value": look.scheme}]
    size = {"width": look.width, "deviceScaleFactor": 1, "mobile": False}
    tab.call("Emulation.setEmulatedMedia", media=look.media, features=feature)
    tab.call("Emulation.setScrollbarsHidden", hidden=True)
    tab.call("Emulation.setDeviceMetricsOverride", height=look.height, **size)
    tab.call("Page.navigate", url="about:blank")
    tab.call("Page.navigate", url=page.as_uri())
    tab.until_loaded()
    if look.whole:
        tab.call("Emulation.setDeviceMetricsOverride", height=tab.value("document.body.scrollHeight"), **size)
    if look.at:
        tab.value(f"document.querySelector({look.at!r}).scrollIntoView()")
    taken = tab.call("Page.captureScreenshot", format="png")
    picture.write_bytes(base64.b64decode(taken["data"]))


@contextmanager
def browser() -> Iterator[Tab]:
    """A tab of a browser of its own."""
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        running_tab(find_chromium(), Path(profile)) as tab,
    ):
        yield tab


def report_pictures(runs: Path, whole: Path | None) -> list[Path]:
    """The pictures of the report, and of whole pages where asked; gives those that are kept."""
    with browser() as tab:
        for name, (outcome, look) in KEPT.items():
            take(tab, run_of(outcome, runs) / "report.html", look, IMAGES / f"{name}.png")
        if whole is not None:
            whole.mkdir(parents=True, exist_ok=True)
            for outcome in RUNS:
                for name, look in WHOLE.items():
                    take(tab, run_of(outcome, runs) / "report.html", look, whole / f"{outcome}-{name}.png")
    return [IMAGES / f"{name}.png" for name in KEPT]


PARTS: dict[str, Callable[[Path, Path | None], list[Path]]] = {"report": report_pictures}
"""What can be made: name → a function of the folder of runs and that of whole pages; it gives the pictures kept."""


def main() -> int:
    """Make the parts; 1 when a picture is too large."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", metavar="PART", help=", ".join(PARTS))
    parser.add_argument("--runs", type=Path)
    parser.add_argument("--whole", type=Path)
    arguments = parser.parse_args()
    if unknown := set(arguments.parts) - PARTS.keys():
        parser.error(f"there is no part {', '.join(sorted(unknown))}; there is {', '.join(PARTS)}")
    with tempfile.TemporaryDirectory() as thrown_away:
        runs = arguments.runs or Path(thrown_away)
        made = [
            picture
            for part in arguments.parts or PARTS
            for picture in PARTS[part](runs.resolve(), arguments.whole)
        ]  # fmt: skip
    for picture in made:
        size = picture.stat().st_size
        print(f"{picture.relative_to(ROOT)}  {size / 1000:.0f} kB{'  TOO LARGE' if size > LARGEST_BYTES else ''}")
    return int(any(picture.stat().st_size > LARGEST_BYTES for picture in made))


if __name__ == "__main__":
    sys.exit(main())
