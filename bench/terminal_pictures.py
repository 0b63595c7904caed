"""Pictures of the terminal from the files of a run: `python bench/terminal_pictures.py results/RUN --at 36`.

Its records are played again through the live view up to that second, at 80×24 and at 160×50, and the summary is made
as the run made it. Chromium draws both. Makes no load.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from rich.console import Console, RenderableType
from rich.terminal_theme import MONOKAI
from rich.text import Text

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.judge import live_targets  # noqa: E402
from perfsuite.measurements import file as measurements_file  # noqa: E402
from perfsuite.measurements.records import Phase, Record  # noqa: E402
from perfsuite.model import LiveSnapshot, Plan  # noqa: E402
from perfsuite.model.monitor import Reading  # noqa: E402
from perfsuite.monitor import FILE_NAME as READINGS_FILE  # noqa: E402
from perfsuite.monitor import read_readings  # noqa: E402
from perfsuite.report.live.terminal import live_view  # noqa: E402
from perfsuite.report.terminal.summary import render_summary  # noqa: E402
from perfsuite.roles import ROLES  # noqa: E402
from perfsuite.run.load_run import PLAN_FILE, load, load_run  # noqa: E402
from perfsuite.summary.live import LiveView  # noqa: E402

IMAGES = ROOT / "docs" / "images"
SMALL, WIDE = (80, 24), (160, 50)
_FONT_PX, _LINE_PX, _COLUMN_PX, _EDGE_PX = 14, 18, 8.43, 16
_PAGE = """<!doctype html><meta charset="utf-8"><style>
body {{ margin: 0; background: {background}; }}
pre {{ margin: {edge}px; color: {foreground}; font: {font}px/{line}px "DejaVu Sans Mono", monospace; }}
</style><pre>{text}</pre>"""


def moment_at(folder: Path, second: int) -> LiveSnapshot:
    """The run as it stood so many seconds after its start, as far as its files show."""
    plan = load(folder / PLAN_FILE, Plan)
    records = list(measurements_file.read(folder / measurements_file.FILE_NAME))
    start = min(record.at for record in records if isinstance(record, Phase))
    live = LiveView(plan)
    live.feed([record for record in records if _time_of(record) < start + second])
    state = live.state(start + second)
    readings: dict[str, Reading] = {}
    for reading in read_readings(folder / READINGS_FILE):
        if reading.at_s <= start + second:
            readings[reading.metric] = reading
    targets = tuple(live_targets(plan, state, ROLES))
    return LiveSnapshot(plan.run_id, plan.scenario.name, plan.host, state, targets, readings)


def _time_of(record: Record) -> float:
    return float(getattr(record, "second", getattr(record, "at", 0.0)))


def summary_of(folder: Path, columns: int, lines: int) -> Text:
    """The end of the run, as a terminal of that size shows it."""
    shown_at = Path("results") / folder.resolve().name
    report = load_run(folder).report
    return Text.from_ansi(render_summary(report, width=columns, color=True, folder=shown_at, lines=lines - 1))


def drawn(shown: RenderableType, size: tuple[int, int], to: Path) -> None:
    """What a terminal of that size shows, as a PNG file."""
    columns, lines = size
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere:
        console = Console(
            file=nowhere,
            record=True,
            width=columns,
            height=lines,
            force_terminal=True,
            color_system="standard",
            highlight=False,
            _environ={},
        )
        console.print(shown)
    code = console.export_html(theme=MONOKAI, inline_styles=True, code_format="{code}")
    page = _PAGE.format(
        background=MONOKAI.background_color.hex,
        foreground=MONOKAI.foreground_color.hex,
        edge=_EDGE_PX,
        font=_FONT_PX,
        line=_LINE_PX,
        text=code,
    )
    photographed(page, round(columns * _COLUMN_PX) + 2 * _EDGE_PX, lines * _LINE_PX + 2 * _EDGE_PX, to)


def photographed(page: str, width: int, height: int, to: Path) -> None:
    """A page as Chromium shows it, without network."""
    with tempfile.TemporaryDirectory() as name:
        source = Path(name) / "screen.html"
        source.write_text(page, encoding="utf-8")
        subprocess.run(
            [
                "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-background-networking",
                "--hide-scrollbars", f"--user-data-dir={name}/profile", f"--window-size={width},{height}",
                f"--screenshot={to.resolve()}", source.as_uri(),
            ],
            check=True,
            capture_output=True,
            timeout=60,
        )  # fmt: skip


def main() -> int:
    """Make the pictures; their paths are printed."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN", help="the folder of a run")
    parser.add_argument("--at", type=int, default=30, metavar="SECOND", help="which second of it (default: 30)")
    parser.add_argument("--to", type=Path, default=IMAGES, metavar="FOLDER", help="where to (default: docs/images)")
    options = parser.parse_args()
    live = live_view(moment_at(options.run, options.at))
    pictures = {
        "terminal": (live, SMALL),
        "terminal-wide": (live, WIDE),
        "terminal-end": (summary_of(options.run, *SMALL), SMALL),
    }
    for name, (shown, size) in pictures.items():
        path = options.to / f"{name}.png"
        drawn(shown, size, path)
        print(path)
    return 0


if __name__ == "__main__":
    sys.exit(main())
