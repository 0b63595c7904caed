"""`history` lists finished runs, `baseline` gives some of them a name."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

from perfsuite.cli.options import BaselineOptions, HistoryOptions
from perfsuite.cli.terminal import Invocation
from perfsuite.errors import EXIT_FAIL, EXIT_PASS, UsageError
from perfsuite.format import number, plural
from perfsuite.history import History, RunQuery, read_baseline, select, write_baseline
from perfsuite.history.conditions import mismatches
from perfsuite.history.select import BASELINES_FOLDER, NAME, slim
from perfsuite.messages.cli import CliMessage
from perfsuite.model import Outcome
from perfsuite.model.history import Baseline, PastRun
from perfsuite.report.runs_page.table import render_baseline, render_baselines, render_runs
from perfsuite.run.archive import RebuildResult, RunArchive, rebuild

SHOWN = 20


# ── history ─────────────────────────────────────────────────────────────────────────────────────────


def history(call: Invocation[HistoryOptions]) -> int:
    """List finished runs, or regenerate their database or page."""
    options = call.options
    archive = RunArchive(options.archive.results, options.archive.history)
    _check_list(options)
    if options.what:
        return _regenerated(options.what, archive, call)
    with archive.open_history() as database:
        wanted = RunQuery(scenario=options.scenario, release=options.release, totals_only=True)
        kind = _kind(wanted)
        runs = database.runs(replace(wanted, latest=options.last or SHOWN))
        if not runs:
            call.terminal.out(f"No run{kind} is in {database.where}.")
            return EXIT_PASS
        call.terminal.show(render_runs, runs, color=options.output.color)
        more = database.count(wanted) - len(runs)
        if more:
            call.terminal.out(f"{number(more)} more{kind} in {database.where}")
    return EXIT_PASS


def _regenerated(what: str, archive: RunArchive, call: Invocation[HistoryOptions]) -> int:
    """Regenerate the database or the page."""
    from perfsuite.run.runs_page import NEWEST, write_overview  # draws charts: not needed for a list of runs

    if what == "index":
        path = write_overview(archive, latest=None if call.options.all else NEWEST)
        call.terminal.out(f"Page of all runs: {path}")
        return EXIT_PASS
    done = rebuild(archive, call.terminal.out)
    write_overview(archive)
    return _rebuilt(done, call)


def _check_list(options: HistoryOptions) -> None:
    if options.all and options.what != "index":
        raise UsageError(CliMessage.ALL_OF_INDEX())
    of_list = {"--scenario": options.scenario, "--release": options.release, "--last": options.last}
    given = [name for name, value in of_list.items() if value is not None]
    if options.what and given:
        raise UsageError(CliMessage.OPTION_OF_LIST(option=given[0], what=options.what))


def _kind(wanted: RunQuery) -> str:
    """ " of scenario peak", " of scenario peak of release 2.3.0"; "" for all."""
    asked = (("scenario", wanted.scenario), ("release", wanted.release))
    return "".join(f" of {what} {name}" for what, name in asked if name is not None)


def _rebuilt(done: RebuildResult, call: Invocation[HistoryOptions]) -> int:
    """Report what was read and what was skipped; 1 if anything was skipped, for scripts."""
    for line in (*done.notes, *(f"skipped: {name}" for name in done.skipped)):
        call.terminal.out(line)
    read = f"{plural(done.runs, 'run')} and {plural(done.baselines, 'baseline')}"
    call.terminal.out(f"Taken into the history: {read}.")
    return EXIT_FAIL if done.skipped else EXIT_PASS


# ── baseline ────────────────────────────────────────────────────────────────────────────────────────


def baseline(call: Invocation[BaselineOptions]) -> int:
    """Save, list, show or remove runs under a name."""
    options = call.options
    archive = RunArchive(options.archive.results, options.archive.history)
    if options.what != "save" and (options.runs or options.file):
        raise UsageError(CliMessage.OPTIONS_OF_SAVE())
    if options.what != "list" and not options.name:
        raise UsageError(CliMessage.BASELINE_WITHOUT_NAME(what=options.what))
    with archive.open_history() as database:
        return _ACTIONS[options.what](call, archive, database)


def _save(call: Invocation[BaselineOptions], archive: RunArchive, database: History) -> int:
    name, terminal = _checked_name(call.options.name), call.terminal
    if not call.options.runs:
        raise UsageError(CliMessage.BASELINE_WITHOUT_RUNS(name=name))
    runs: dict[str, PastRun] = {}
    for name_of_run in call.options.runs:
        found = select(name_of_run, archive.selection(database)).runs
        runs |= {run.run_id: run for run in found}
    ordered = sorted(runs.values(), key=lambda run: run.started_at)
    saved = slim(Baseline(name, datetime.now(UTC).isoformat(timespec="seconds"), tuple(ordered)))
    for line in _doubts(ordered):
        terminal.out(f"Note: {line}")
    # The user's file first: if it cannot be written, no copy may remain that `history rebuild` would read.
    files = [*([call.options.file] if call.options.file else []), _copy_of(name, archive)]
    written = [write_baseline(path, saved) for path in files]
    replaced = ", in place of the one of that name" if database.save_baseline(saved) else ""
    terminal.out(f"Baseline {name}: {plural(len(ordered), 'run')}{replaced}")
    for path in written:
        terminal.out(f"  {path}")
    return EXIT_PASS


def _checked_name(name: str | None) -> str:
    """Raises UsageError for a name that is not safe as the name of a file."""
    if not name or not NAME.fullmatch(name):
        raise UsageError(CliMessage.BASELINE_NAME(name=name))
    return name


def _copy_of(name: str, archive: RunArchive) -> Path:
    return archive.results / BASELINES_FOLDER / f"{name}.json"


def _doubts(runs: list[PastRun]) -> list[str]:
    """Warnings about the runs of a baseline, which is saved nevertheless."""
    lines = [f"{run.run_id} was {run.outcome.value}" for run in runs if not run.outcome.is_conclusive]
    lines += [f"{run.run_id} failed: see its report for the reasons" for run in runs if run.outcome is Outcome.FAIL]
    first: dict[str, PastRun] = {}
    for run in runs:
        other = first.setdefault(run.conditions.scenario, run)
        lines += [f"{run.run_id} and {other.run_id}: {m.reason}" for m in mismatches(other.conditions, run.conditions)]
    if not any(run.fingerprint for run in runs):
        lines.append("none of the runs has a fingerprint: costs at the database will not be compared")
    return lines


def _list(call: Invocation[BaselineOptions], _archive: RunArchive, database: History) -> int:
    found = database.baselines()
    if found:
        call.terminal.show(render_baselines, found, color=call.options.output.color)
    else:
        call.terminal.out(f"No baseline is in {database.where}.")
    return EXIT_PASS


def _show(call: Invocation[BaselineOptions], archive: RunArchive, database: History) -> int:
    name = call.options.name or ""
    found = database.baseline(name)
    if found is None and Path(name).is_file():
        found = read_baseline(Path(name))
    if found is None:
        runs = select(name, archive.selection(database)).runs
        found = Baseline(name, "", runs)
    call.terminal.show(render_baseline, found, color=call.options.output.color)
    return EXIT_PASS


def _remove(call: Invocation[BaselineOptions], archive: RunArchive, database: History) -> int:
    name = _checked_name(call.options.name)
    copy = _copy_of(name, archive)
    if not database.remove_baseline(name) and not copy.exists():
        raise UsageError(CliMessage.NO_BASELINE(name=name, where=database.where))
    copy.unlink(missing_ok=True)
    call.terminal.out(f"Baseline {name} removed; its runs stay.")
    return EXIT_PASS


_ACTIONS = {"save": _save, "list": _list, "show": _show, "remove": _remove}
