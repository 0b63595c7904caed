"""The end of a run whose load is over and whose rows are removed: figures, verdict, files, history, and what is extra.

An error of the suite in one of these costs what it was about, and makes the verdict inconclusive; the others are done.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from perfsuite import clock
from perfsuite.errors import LoadError, SuiteError, UnexpectedError, UsageError, is_of_a_file, unwritable
from perfsuite.measurements import records as measurements
from perfsuite.model import Cleanup, Plan, RunReport
from perfsuite.model.history import Comparison, RunGroup
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import add_readings
from perfsuite.report.files.step_summary import append_summary
from perfsuite.report.write import MARKDOWN_FILE, write_all
from perfsuite.run.archive import Shelf, environment_of, kept_at_the_end, past_run
from perfsuite.run.baselines import compare_with_baseline
from perfsuite.run.context import Desk
from perfsuite.run.files import CIRCUMSTANCES_FILE, COMPARISON_FILE, save
from perfsuite.run.load_run import Reread, judged, reread, with_comparison
from perfsuite.run.noise import noise_of
from perfsuite.run.own_errors import OwnErrors
from perfsuite.run.runs_page import overview_at_the_end
from perfsuite.summary.summarize import Circumstances

OnError = Callable[[Exception, str], None]
"""Hears of an error, and of what failed."""
_LOOK_EVERY_S = 0.2
_LOG_PATIENCE_S = 3.0


@dataclass(frozen=True, slots=True)
class Loaded:
    """A run whose load is over: how it ended, and what became of its rows."""

    plan: Plan
    folder: Path
    ended: str
    cleanup: Cleanup | None


def _read(folder: Path, errors: OwnErrors) -> Reread:
    return reread(folder, errors=errors)


def _write(report: RunReport, folder: Path, failed: OnError) -> None:
    write_all(report, folder, failed)


def compared(read: Reread, against: RunGroup) -> Comparison:
    """The run held against its baseline."""
    run = past_run(read)
    return compare_with_baseline(against, [run], noise_of(read.folder.parent, run.conditions))


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is made at the end of a run; tests put others in their place."""

    read: Callable[[Path, OwnErrors], Reread] = _read
    compare: Callable[[Reread, RunGroup], Comparison] = compared
    write: Callable[[RunReport, Path, OnError], None] = _write
    keep: Callable[[Reread, Shelf], list[str]] = kept_at_the_end
    index: Callable[[Shelf], list[str]] = overview_at_the_end
    append: Callable[[Path, str, str], str] = append_summary


_OUTPUTS = Outputs()


def finish(loaded: Loaded, desk: Desk, against: RunGroup | None = None, outputs: Outputs = _OUTPUTS) -> RunReport:
    """Figures, verdict, files and history of a run. `against`: the runs that it is held against.

    Raises LoadError where a file of the run could not be written, when everything else is done, and UnexpectedError
    where there are no figures for an error of the suite.
    """
    folder = loaded.folder
    with _after_the_load(folder, desk):
        _write_circumstances(loaded, desk)
        read = _read_back(folder, against, desk, outputs)
        known = desk.errors.groups
        # A full disk ends nothing early: what has room is written.
        unwritten = _readings(read, folder) + _put_out(read, desk, outputs, desk.errors.note_later)
        if desk.errors.groups != known:  # once more, with what these errors make of the verdict
            read = replace(read, report=judged(read.report, known, desk.errors))
            _put_out(read, desk, outputs, _noted_before)
        _append(folder, desk, outputs)
        for line in desk.errors.heard():
            desk.screen.warn(line)
        if unwritten:
            raise unwritten[0]
    return read.report


def _write_circumstances(loaded: Loaded, desk: Desk) -> None:
    """First what is known at once: who interrupts the rest can have it made by the command report."""
    plan, path = loaded.plan, loaded.folder / CIRCUMSTANCES_FILE
    unknown: dict[str, str] = {}
    environment = desk.errors.attempt("environment", lambda: environment_of(plan), unknown)
    known = Circumstances(
        loaded.cleanup,
        None,
        loaded.ended,
        environment,
        clock_set_s=round(clock.system_ahead_s(), 3),
        suite_errors=desk.errors.groups,
    )
    save(path, known)
    if (log := desk.request_log) is not None:
        count = desk.errors.attempt("log of the demo", lambda: _count_log(log, plan.run_id, loaded.folder), None)
        save(path, replace(known, backend_log=count, suite_errors=desk.errors.groups))


def _read_back(folder: Path, against: RunGroup | None, desk: Desk, outputs: Outputs) -> Reread:
    """What the folder tells, with the comparison where there is a baseline."""
    read = outputs.read(folder, desk.errors)
    if against is None:
        return read
    known = desk.errors.groups
    comparison = desk.errors.attempt("comparison with the baseline", lambda: outputs.compare(read, against), None)
    if comparison is None:
        return replace(read, report=judged(read.report, known, desk.errors))
    save(folder / COMPARISON_FILE, comparison)
    return with_comparison(read, comparison)


def _readings(read: Reread, folder: Path) -> list[SuiteError]:
    """Add those of the load's own side to the file; why that was not possible."""
    try:
        add_readings(folder / READINGS_FILE, [one for one in read.report.readings if one.is_of_load_side])
    except OSError as error:
        return [unwritable(error, folder / READINGS_FILE)]
    return []


def _put_out(read: Reread, desk: Desk, outputs: Outputs, failed: OnError) -> list[SuiteError]:
    """The files of the run, then the history, then the page of all runs; which files the disk did not take."""

    def attempt(what: str, make: Callable[[], list[str]]) -> list[str]:
        try:
            return make()
        except OSError as error:
            if is_of_a_file(error):
                return [f"{what}: {unwritable(error)}"]
            failed(error, what)
        except Exception as error:  # noqa: BLE001  the other outputs are made all the same
            failed(error, what)
        return []

    unwritten: list[SuiteError] = []

    def write() -> list[str]:
        try:
            outputs.write(read.report, read.folder, failed)
        except SuiteError as error:
            unwritten.append(error)
        return []

    attempt("files of the run", write)
    shelf = Shelf(desk.results, desk.history)
    lines = attempt("history", lambda: outputs.keep(read, shelf))
    for line in (*lines, *attempt("page of all runs", lambda: outputs.index(shelf))):
        desk.screen.say(f"History: {line}")
    return unwritten


def _noted_before(_error: Exception, _what: str) -> None:
    """What failed a first time fails a second time."""


def _append(folder: Path, desk: Desk, outputs: Outputs) -> None:
    """What others show of the run is an extra: nothing that goes wrong here changes anything but what is shown."""
    path, written = desk.step_summary, folder / MARKDOWN_FILE
    if path is None or not written.exists():
        return
    try:
        warning = outputs.append(path, written.read_text(encoding="utf-8"), str(written))
    except Exception as error:  # noqa: BLE001  as above
        warning = desk.errors.note(error, "step summary", decides=False)
    if warning:
        desk.screen.warn(warning)


@contextmanager
def _after_the_load(folder: Path, desk: Desk) -> Iterator[None]:
    """What ends a run now is no mistake of the command: a load was made."""
    finish_it = f"the command: report {folder}"
    try:
        yield
    except UsageError as error:
        raise LoadError(f"The load was made, and then: {error}") from error
    except SuiteError:
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(
            f"Interrupted while the report was written. What was measured is kept; finish it with {finish_it}"
        ) from None
    except Exception as error:
        if isinstance(error, OSError) and is_of_a_file(error):
            raise LoadError(f"The load was made, and then: {unwritable(error)}") from error
        note = desk.errors.note(error, "report")
        raise UnexpectedError(f"{note}. What was measured is kept; try again with {finish_it}") from error


def _count_log(log: Path, run_id: str, folder: Path) -> int:
    """Requests of the run's load that the backend logged; waits for its last lines while some are missing."""
    expected = sum(
        record.recorded
        for record in measurements.read(folder / measurements.FILE_NAME)
        if isinstance(record, measurements.End)
    )
    deadline = time.monotonic() + _LOG_PATIENCE_S
    while (count := _lines_of(log, run_id)) < expected and time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
    return count


def _lines_of(log: Path, run_id: str) -> int:
    with log.open("rb") as lines:
        # The backend may be in the middle of a line.
        whole = (line for line in lines if line.endswith(b"\n"))
        return sum(1 for line in whole if msgspec.json.decode(line).get("run_id") == run_id)
