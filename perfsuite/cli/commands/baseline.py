"""Runs under a name, to hold later ones against."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from perfsuite.cli.command import Call, Command
from perfsuite.cli.parser import add_history
from perfsuite.errors import EXIT_PASS, UsageError
from perfsuite.history import History, read_baseline, select, write_baseline
from perfsuite.history.baseline_file import FOLDER, NAME, slim
from perfsuite.history.comparison.conditions import mismatches
from perfsuite.model.history import Baseline, PastRun
from perfsuite.report.runs_page.table import render_baseline, render_baselines
from perfsuite.report.text import plural
from perfsuite.run.archive import RunArchive


def configure(parser: argparse.ArgumentParser) -> None:
    """What can be typed after it."""
    parser.add_argument("what", choices=("save", "list", "show", "remove"))
    parser.add_argument("name", nargs="?", metavar="NAME", help="of the baseline; show takes a file, too")
    parser.add_argument(
        "--run",
        nargs="+",
        action="extend",
        default=[],
        metavar="RUN",
        help="with save: a run's folder or id, release:TAG, or last:N passing runs; several",
    )
    parser.add_argument("--file", type=Path, metavar="PATH", help="with save: also write it here, to commit it to git")
    parser.add_argument("--results", type=Path, default=Path("results"), metavar="DIR")
    add_history(parser)
    parser.add_argument("--no-color", action="store_true", help="no colours (NO_COLOR is obeyed too)")


def do(call: Call) -> int:
    """Do it; the exit code."""
    arguments = call.arguments
    archive = RunArchive(arguments.results, arguments.history)
    if arguments.what != "save" and (arguments.run or arguments.file):
        raise UsageError("--run and --file go with baseline save")
    if arguments.what != "list" and not arguments.name:
        raise UsageError(f"baseline {arguments.what}: name the baseline, as in baseline {arguments.what} main")
    with archive.open_history() as history:
        return _ACTIONS[arguments.what](call, archive, history)


def _save(call: Call, archive: RunArchive, history: History) -> int:
    name, terminal = call.arguments.name, call.terminal
    _check_name(name)
    if not call.arguments.run:
        raise UsageError(f"baseline save {name}: say of which runs, as in --run last:5")
    runs: dict[str, PastRun] = {}
    for word in call.arguments.run:
        found = select(word, archive.selection(history)).runs
        runs |= {run.run_id: run for run in found}
    ordered = sorted(runs.values(), key=lambda run: run.started_at)
    now = datetime.now(UTC).isoformat(timespec="seconds")
    baseline = slim(Baseline(name, now, tuple(ordered)))
    for line in _doubts(ordered):
        terminal.out(f"Note: {line}")
    written = [write_baseline(path, baseline) for path in _files(call, archive)]
    replaced = history.save_baseline(baseline)
    terminal.out(
        f"Baseline {name}: {plural(len(ordered), 'run')}{', in place of the one of that name' if replaced else ''}"
    )
    for path in written:
        terminal.out(f"  {path}")
    return EXIT_PASS


def _check_name(name: str) -> None:
    """It becomes the name of a file, so it must not lead elsewhere."""
    if not NAME.fullmatch(name):
        raise UsageError(f"{name!r} is no name for a baseline: letters, digits, '.', '_' and '-', at most 80")


def _files(call: Call, archive: RunArchive) -> list[Path]:
    """The user's first: where that cannot be written, no copy may be left that `history rebuild` would take."""
    copy = archive.results / FOLDER / f"{call.arguments.name}.json"
    return [*([call.arguments.file] if call.arguments.file else []), copy]


def _doubts(runs: list[PastRun]) -> list[str]:
    """What makes a baseline tell less; it is saved all the same."""
    lines = [f"{run.run_id} was {run.outcome.value}" for run in runs if not run.outcome.is_of_worth]
    first: dict[str, PastRun] = {}
    for run in runs:
        other = first.setdefault(run.conditions.scenario, run)
        lines += [f"{run.run_id} and {other.run_id}: {m.reason}" for m in mismatches(other.conditions, run.conditions)]
    if not any(run.fingerprint for run in runs):
        lines.append("none of the runs has a fingerprint: costs at the database will not be compared")
    return lines


def _list(call: Call, _archive: RunArchive, history: History) -> int:
    found = history.baselines()
    if not found:
        call.terminal.out(f"No baseline is in {history.where}.")
        return EXIT_PASS
    call.terminal.show(render_baselines, found, color=not call.arguments.no_color)
    return EXIT_PASS


def _show(call: Call, archive: RunArchive, history: History) -> int:
    name = call.arguments.name
    found = history.baseline(name)
    if found is None and Path(name).is_file():
        found = read_baseline(Path(name))
    if found is None:
        runs = select(name, archive.selection(history)).runs
        found = Baseline(name, "", runs)
    call.terminal.show(render_baseline, found, color=not call.arguments.no_color)
    return EXIT_PASS


def _remove(call: Call, archive: RunArchive, history: History) -> int:
    name = call.arguments.name
    _check_name(name)
    copy = archive.results / FOLDER / f"{name}.json"
    there = history.remove_baseline(name)
    if not there and not copy.exists():
        raise UsageError(f"{name}: no such baseline in {history.where}; baseline list shows what there is")
    copy.unlink(missing_ok=True)
    call.terminal.out(f"Baseline {name} removed; its runs stay.")
    return EXIT_PASS


_ACTIONS = {"save": _save, "list": _list, "show": _show, "remove": _remove}

COMMAND = Command(
    name="baseline",
    usage="baseline",
    summary="save, list, show or remove runs under a name, to hold others against",
    description="Runs under a name, to hold later ones against with --baseline NAME.",
    configure=configure,
    do=do,
)
