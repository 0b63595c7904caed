"""How a command ends: one line on stderr, never a traceback, and the right exit code."""

from __future__ import annotations

import errno
import threading
from pathlib import Path

import pytest

from perfsuite.cli.main import exit_code, folder_of
from perfsuite.cli.parser import parse
from perfsuite.cli.terminal import standard_terminal
from perfsuite.errors import LoadError, TargetError
from perfsuite.run.error_collector import ErrorCollector
from perfsuite.run.interrupts import Interrupts
from perfsuite.suite_errors import LOG_FILE


def ends_with(error: BaseException | None, folder: Path) -> int:
    """A command that fails like this; its exit code."""

    def do(_interrupts: Interrupts, errors: ErrorCollector) -> int:
        errors.reset(folder)
        if error is not None:
            raise error
        return 0

    return exit_code(do, standard_terminal())


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        pytest.param(TargetError("nothing listens"), 3, "nothing listens", id="a state of the world"),
        pytest.param(LoadError("no load"), 4, "no load", id="a load that failed"),
        pytest.param(KeyboardInterrupt(), 130, "Interrupted.", id="Ctrl-C"),
        pytest.param(KeyboardInterrupt("Finish it with X"), 130, "Finish it with X", id="Ctrl-C, with what to do"),
        pytest.param(
            OSError(errno.ENOSPC, "No space left on device"), 4, "a file: no space left on device.", id="a full disk"
        ),
        pytest.param(
            PermissionError(errno.EACCES, "Permission denied", "plan.json"), 4, "plan.json: permission", id="a right"
        ),
        pytest.param(KeyError("id"), 4, "Error of the suite (the command): ", id="an error nobody expected"),
        pytest.param(RecursionError("too deep"), 4, "RecursionError: too deep; ", id="too deep"),
        pytest.param(
            ConnectionResetError(errno.ECONNRESET, "reset"), 4, "ConnectionResetError", id="no error of a file"
        ),
    ],
)
def test_whatever_ends_a_command_is_one_line_and_a_code(
    error: BaseException, code: int, line: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert ends_with(error, tmp_path) == code
    shown = capfd.readouterr()
    assert (shown.out, shown.err.count("\n")) == ("", 1)
    assert line in shown.err
    unexpected = "Error of the suite" in shown.err
    assert (tmp_path / LOG_FILE).exists() == unexpected
    assert "Traceback" not in shown.err


def test_a_thread_that_died_is_named_at_the_end(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    def do(_interrupts: Interrupts, errors: ErrorCollector) -> int:
        errors.reset(tmp_path)
        dying = threading.Thread(target=lambda: 1 / 0, name="preflight progress")
        dying.start()
        dying.join()
        return 0

    assert exit_code(do, standard_terminal()) == 0
    assert "it ended the thread preflight progress" in capfd.readouterr().err


@pytest.mark.parametrize(
    ("words", "folder"),
    [
        pytest.param(["--results", "there"], "there", id="a run"),
        pytest.param(["history", "--results", "there"], "there", id="a command beside the runs"),
        pytest.param(["backend"], "results", id="a command without results"),
        pytest.param(["judge", "a-run"], "a-run", id="a command about a run"),
        pytest.param(["judge", "nowhere"], "results", id="a command about a run that is not there"),
    ],
)
def test_the_traceback_is_in_the_folder_of_the_run_or_the_results(
    words: list[str], folder: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a-run").mkdir()
    assert folder_of(parse(words, {}).options) == Path(folder)
