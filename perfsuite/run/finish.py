"""The end of a run after load and cleanup: figures, verdict, files, history, and extras.

An error of the suite in one of these costs that output and makes the verdict inconclusive; the others are made.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import msgspec

from perfsuite import clock
from perfsuite.errors import LoadError, SuiteError, UnexpectedError, UsageError, is_of_a_file, unwritable
from perfsuite.messages.run import RunMessage
from perfsuite.model import Aborted, Cleanup, RunReport
from perfsuite.model.history import Comparison, RunGroup
from perfsuite.monitor import FILE_NAME as READINGS_FILE
from perfsuite.monitor import add_readings
from perfsuite.report.files.markdown import append_summary
from perfsuite.report.write import MARKDOWN_FILE, write_all
from perfsuite.run.archive import RunArchive, environment_of, past_run
from perfsuite.run.comparison import compare_with_baseline, noise_of
from perfsuite.run.context import RunContext
from perfsuite.run.last_good import compared_with_last_good
from perfsuite.run.load_run import (
    CIRCUMSTANCES_FILE,
    COMPARISON_FILE,
    LoadedRun,
    load_run,
    save,
    with_comparison,
    with_verdict,
)
from perfsuite.run.runs_page import update_runs_page
from perfsuite.summary.summarize import Circumstances

OnError = Callable[[Exception, str], None]
"""Receives an error, and what failed."""
_POLL_EVERY_S = 0.2
_LOG_WAIT_S = 3.0


class _LogLine(msgspec.Struct):
    run_id: str | None = None
    request_id: str = ""


@dataclass(frozen=True, slots=True)
class RunEnd:
    """How the load of a run ended, how many requests it recorded, and what became of its rows. `retries`: how many of
    the requests were sent twice."""

    ended: str
    recorded: int
    cleanup: Cleanup | None
    retries: int = 0
    aborted: Aborted | None = None
    """The stop rule that ended the load."""


def _compare(run: LoadedRun, baseline: RunGroup) -> Comparison:
    newest = past_run(run)
    return compare_with_baseline(baseline, [newest], noise_of(run.folder.parent, newest.conditions))


@dataclass(frozen=True, slots=True)
class Outputs:
    """What is made at the end of a run; tests replace parts of it."""

    load: Callable[..., LoadedRun] = load_run
    compare: Callable[[LoadedRun, RunGroup], Comparison] = _compare
    write: Callable[[RunReport, Path, OnError], object] = write_all
    archive: Callable[[RunArchive, LoadedRun], Sequence[str]] = RunArchive.add
    runs_page: Callable[[RunArchive], Sequence[str]] = update_runs_page
    append: Callable[[Path, str, str], str] = append_summary


_OUTPUTS = Outputs()


def finish(run: RunContext, end: RunEnd, baseline: RunGroup | None = None, outputs: Outputs = _OUTPUTS) -> LoadedRun:
    """Figures, verdict, files and history of a run, compared with `baseline` where given.

    Raises LoadError where a file of the run could not be written, after everything else is done, and UnexpectedError
    where an error of the suite leaves no figures.
    """
    with _after_the_load(run):
        _write_circumstances(run, end)
        return publish(run, baseline, outputs)


def publish(run: RunContext, baseline: RunGroup | None = None, outputs: Outputs = _OUTPUTS) -> LoadedRun:
    """Figures, verdict, files and history of a run whose folder holds all that was measured."""
    finished = _evaluate(run, baseline, outputs)
    known = run.errors.groups
    # A full disk ends nothing early: what has room is written.
    unwritten = _add_readings(finished) + _write_outputs(finished, run, outputs, run.errors.record_unreported)
    if run.errors.groups != known:  # once more, with what these errors make of the verdict
        finished = replace(finished, report=with_verdict(finished.report, known, run.errors))
        _write_outputs(finished, run, outputs, _already_recorded)
    _append_step_summary(run, outputs)
    for line in run.errors.take_unreported():
        run.screen.warn(line)
    if unwritten:
        raise unwritten[0]
    return finished


def _write_circumstances(run: RunContext, end: RunEnd) -> None:
    """First what is known at once: after an interrupt, the command `report` can make the rest."""
    path = run.folder / CIRCUMSTANCES_FILE
    unknown: dict[str, str] = {}
    environment = run.errors.attempt("environment", lambda: environment_of(run.plan), unknown)
    known = Circumstances(
        end.cleanup,
        None,
        end.ended,
        environment,
        clock_set_s=round(clock.system_ahead_s(), 3),
        suite_errors=run.errors.groups,
        aborted=end.aborted,
    )
    save(path, known)
    if (log := run.request_log) is not None:
        count = run.errors.attempt(
            "log of the demo", lambda: count_logged(log, run.plan.run_id, end.recorded, end.retries), None
        )
        save(path, replace(known, backend_log=count, suite_errors=run.errors.groups))


def count_logged(log: Path, run_id: str, expected: int, retries: int = 0) -> int:
    """Requests of the run's load in the backend's log, in one pass; waits up to 3 s while some are missing.

    So many of them as there were `retries` may be there twice, with one request id; each then counts once.
    """
    deadline = time.monotonic() + _LOG_WAIT_S
    lines_seen, ids, begun = 0, set[str](), b""
    with log.open("rb") as lines:
        while True:
            for part in lines:
                begun += part
                if begun.endswith(b"\n"):  # the backend may be in the middle of a line
                    line = msgspec.json.decode(begun, type=_LogLine)
                    if line.run_id == run_id:
                        lines_seen += 1
                        if retries:
                            ids.add(line.request_id)
                    begun = b""
            count = max(len(ids), lines_seen - retries)
            if count >= expected or time.monotonic() >= deadline:
                return count
            time.sleep(_POLL_EVERY_S)


def _evaluate(run: RunContext, baseline: RunGroup | None, outputs: Outputs) -> LoadedRun:
    """The run from its files, with the comparison where there is a baseline."""
    finished = outputs.load(run.folder, errors=run.errors)
    alone, archive = finished, RunArchive(run.results, run.history)
    finished = run.errors.attempt("last good run", lambda: compared_with_last_good(alone, archive), alone)
    if baseline is None:
        return finished
    known = run.errors.groups
    compare = outputs.compare
    comparison = run.errors.attempt("comparison with the baseline", lambda: compare(finished, baseline), None)
    if comparison is None:
        return replace(finished, report=with_verdict(finished.report, known, run.errors))
    save(run.folder / COMPARISON_FILE, comparison)
    return with_comparison(finished, comparison)


def _add_readings(finished: LoadedRun) -> list[SuiteError]:
    """Add the readings of the load's own side to the file; why that was not possible."""
    path = finished.folder / READINGS_FILE
    try:
        add_readings(path, (one for one in finished.report.readings if one.is_of_load))
    except OSError as error:
        return [unwritable(error, path)]
    return []


def _write_outputs(finished: LoadedRun, run: RunContext, outputs: Outputs, failed: OnError) -> list[SuiteError]:
    """Write the files of the run, the history, and the page of all runs; errors of files that could not be written."""

    def attempt(what: str, make: Callable[[], Sequence[str]]) -> Sequence[str]:
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
            outputs.write(finished.report, finished.folder, failed)
        except SuiteError as error:
            unwritten.append(error)
        return []

    attempt("files of the run", write)
    archive = RunArchive(run.results, run.history)
    lines = attempt("history", lambda: outputs.archive(archive, finished))
    for line in (*lines, *attempt("page of all runs", lambda: outputs.runs_page(archive))):
        run.screen.say(f"History: {line}")
    return unwritten


def _already_recorded(_error: Exception, _what: str) -> None:
    """What failed a first time fails a second time."""


def _append_step_summary(run: RunContext, outputs: Outputs) -> None:
    """The page of a CI job is an extra: an error here decides nothing."""
    path, written = run.step_summary, run.folder / MARKDOWN_FILE
    if path is None or not written.exists():
        return
    try:
        warning = outputs.append(path, written.read_text(encoding="utf-8"), str(written))
    except Exception as error:  # noqa: BLE001  as above
        warning = run.errors.record(error, "step summary", decides=False)
    if warning:
        run.screen.warn(warning)


@contextmanager
def _after_the_load(run: RunContext) -> Iterator[None]:
    """A load was made: an error from here on has another exit code than a mistake in the command."""
    try:
        yield
    except UsageError as error:
        raise LoadError(RunMessage.AFTER_THE_LOAD(why=error.message)) from error
    except SuiteError:
        raise
    except KeyboardInterrupt:
        raise KeyboardInterrupt(RunMessage.REPORT_INTERRUPTED(folder=run.folder)) from None
    except Exception as error:
        if isinstance(error, OSError) and is_of_a_file(error):
            raise LoadError(RunMessage.AFTER_THE_LOAD(why=unwritable(error).message)) from error
        line = run.errors.record(error, "report")
        raise UnexpectedError(RunMessage.REPORT_FAILED(why=line, folder=run.folder)) from error
