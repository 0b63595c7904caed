"""How long the page of all runs takes to be made of a long history, how large it is, and how long a browser takes.

    python bench/index_page.py [--runs 10000] [--keep FOLDER] [--no-browser]

The runs are made up, each with the roles and operations of a real one. Wall and CPU time of making the page of all
runs, and of the newest ones as after every run; then, where Chromium is installed, the time to open it and to filter,
sort, draw the charts of all operations, and compare two runs, each until the page has done it.
Ends with 1 when the page of all runs takes 10 s or more, or anything in the browser 2 s or more.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from perfsuite.history import History  # noqa: E402
from perfsuite.history.database import writing  # noqa: E402
from perfsuite.history.tables import FIGURES, RUNS, figure_rows, run_row  # noqa: E402
from perfsuite.run.archive import RunArchive  # noqa: E402
from perfsuite.run.runs_page import NEWEST, write_overview  # noqa: E402
from tests.report.made_history import all_names, history  # noqa: E402
from tests.report.web.chromium import running_tab  # noqa: E402

MOST_S, MOST_IN_BROWSER_S = 10.0, 2.0
_STEPS = {
    "filter by scenario": "pick('#filters [name=scenario]', 'peak')",
    "search for a text": "pick('#filters [name=text]', 'nightly 1.7')",
    "show all": "pick('#filters [name=text]', ''); pick('#filters [name=scenario]', '')",
    "sort by p95": "document.querySelector('#runs [data-column=p95_ms] button').click()",
    "charts of all operations": "pick('#trend [name=view]', 'all')",
    "charts of another figure": "pick('#trend [name=metric]', 'p95_ms')",
    "compare two runs": "document.querySelectorAll('#runs tbody input')[0].click();"
    " document.querySelectorAll('#runs tbody input')[1].click()",
    "each role apart": "document.getElementById('pair-roles').click()",
}
_PICK = """window.pick = (where, value) => { const control = document.querySelector(where); control.value = value;
  for (const kind of ['input', 'change']) control.dispatchEvent(new Event(kind, {bubbles: true})); }"""


@contextmanager
def timed(name: str, spans: dict[str, float]) -> Iterator[None]:
    """Print the wall and CPU time of the block, and keep the wall time."""
    wall, cpu = time.perf_counter(), time.process_time()
    yield
    spans[name] = time.perf_counter() - wall
    print(f"  {name:<28} {spans[name]:6.2f} s, CPU {time.process_time() - cpu:6.2f} s")


def fill(results: Path, runs: int) -> RunArchive:
    """A history of so many runs, kept in one transaction."""
    archive = RunArchive(results)
    with archive.open_history() as store:
        made = history(runs, all_names(), shifted_from=runs // 2)
        store.add(made[0])
        store.remove(made[0].run_id)
        _put(store, made)
    return archive


def _put(store: History, made: list) -> None:  # type: ignore[type-arg]
    with writing(store._engine) as connection:
        for number, run in enumerate(made, 1):
            connection.execute(RUNS.insert(), run_row(run) | {"number": number})
            connection.execute(FIGURES.insert(), figure_rows(number, run.measured))


def in_browser(page: Path, program: str, folder: Path) -> dict[str, float]:
    """What a person waits for, in seconds: until the page has answered and was laid out."""
    spans = {}
    with running_tab(program, folder / "profile") as tab:
        began = time.perf_counter()
        tab.call("Page.navigate", url=page.as_uri())
        tab.shows(" runs", "#found")
        spans["open"] = time.perf_counter() - began
        tab.value(_PICK)
        for name, script in _STEPS.items():
            done = f"{script}; document.body.offsetHeight; return performance.now() - began"
            spans[name] = tab.value(f"(() => {{ const began = performance.now(); {done} }})()") / 1000
        for line in tab.console:
            print(f"  the page said: {line}")
    for name, span in spans.items():
        print(f"  {name:<28} {span:6.2f} s")
    return spans


def main() -> int:
    """Print the figures; 1 when something takes too long."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=10_000, metavar="N")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="leave history and page here")
    parser.add_argument("--no-browser", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        results = arguments.keep or Path(temporary)
        results.mkdir(parents=True, exist_ok=True)
        archive = RunArchive(results) if (results / "history.db").exists() else fill(results, arguments.runs)
        print(f"{arguments.runs:,} runs of {len(all_names())} figures")
        made: dict[str, float] = {}
        with timed(f"page of the newest {NEWEST:,}", made):
            write_overview(archive)
        with timed("page of all", made):
            page = write_overview(archive, latest=None)
        print(f"  {page.stat().st_size / 1e6:.1f} MB")
        program = shutil.which("chromium") or shutil.which("google-chrome")
        asked = {} if arguments.no_browser or not program else in_browser(page, program, Path(temporary))
    return int(made["page of all"] >= MOST_S or max(asked.values(), default=0) >= MOST_IN_BROWSER_S)


if __name__ == "__main__":
    sys.exit(main())
