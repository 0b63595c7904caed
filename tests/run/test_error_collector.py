"""Errors of the suite in the leading process: a line with the place, a file with the traceback, what they decide."""

from __future__ import annotations

import logging
import threading
from pathlib import Path

import pytest

from perfsuite.errors import UsageError
from perfsuite.messages.run import RunMessage
from perfsuite.run.error_collector import ErrorCollector, since
from perfsuite.suite_errors import LOG_FILE


def failing() -> None:
    raise KeyError("agent_id")


def error_of(text: str = "") -> Exception:
    try:
        raise ValueError(text)
    except ValueError as error:
        return error


def thread(name: str) -> None:
    """A thread of that name that dies."""
    one = threading.Thread(target=failing, name=name)
    one.start()
    one.join()


def test_an_error_is_a_line_with_its_place_and_a_traceback_in_a_file(tmp_path: Path) -> None:
    folder = tmp_path / "results" / "basic_1"  # not there yet
    errors = ErrorCollector(folder)
    line = errors.record(error_of("no such thing"), "the history")
    (group,) = errors.groups
    assert line == RunMessage.SUITE_ERROR(
        during="the history", place=group.place, error="ValueError: no such thing", log=folder / LOG_FILE
    )
    assert (group.count, group.log) == (1, LOG_FILE)
    assert "Traceback (most recent call last)" in (folder / LOG_FILE).read_text(encoding="utf-8")


def test_where_no_file_can_be_written_the_line_says_so(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "results").write_text("a file where a folder should be", encoding="utf-8")
    errors = ErrorCollector(tmp_path / "results")
    with errors.listening():
        line = errors.record(error_of(), "the command")
    assert line.code is RunMessage.SUITE_ERROR_NOT_LOGGED
    assert line.fields["log"] == tmp_path / "results" / LOG_FILE
    assert errors.take_unreported() == []
    assert capfd.readouterr().err == ""


def test_secrets_are_in_neither_line_nor_file(tmp_path: Path) -> None:
    errors = ErrorCollector()
    errors.reset(tmp_path, ["geheim1"])
    assert "geheim1" not in errors.record(error_of("with geheim1 in it"), "login")
    assert "geheim1" not in (tmp_path / LOG_FILE).read_text(encoding="utf-8")


def test_each_run_counts_its_own(tmp_path: Path) -> None:
    errors = ErrorCollector(tmp_path)
    errors.record(error_of(), "the plan")
    errors.reset(tmp_path / "run")
    assert errors.groups == ()


def test_what_decides_nothing_is_in_the_file_only(tmp_path: Path) -> None:
    errors = ErrorCollector(tmp_path)
    errors.record(error_of(), "the live page", decides=False)
    assert errors.groups == ()
    assert (tmp_path / LOG_FILE).exists()


def test_what_fails_is_replaced_and_heard_of(tmp_path: Path) -> None:
    errors = ErrorCollector(tmp_path)
    assert errors.attempt("findings", failing, None) is None
    (line,) = errors.take_unreported()
    assert line.fields["during"] == "findings"
    assert "KeyError: 'agent_id'" in line
    assert errors.take_unreported() == []
    assert [group.count for group in errors.groups] == [1]


def test_what_the_user_can_do_something_about_is_no_error_of_the_suite(tmp_path: Path) -> None:
    def wrong() -> None:
        raise UsageError("a damaged file")

    errors = ErrorCollector(tmp_path)
    with pytest.raises(UsageError):
        errors.attempt("reading", wrong, None)
    assert errors.groups == ()


@pytest.mark.parametrize(
    ("name", "decides"),
    [
        pytest.param("monitor", True, id="the sampler"),
        pytest.param("monitor server", True, id="a source"),
        pytest.param("Thread-7", True, id="an unknown thread"),
        pytest.param("live page", False, id="a screen"),
        pytest.param("metrics endpoint", False, id="what Prometheus reads"),
        pytest.param("preflight progress", False, id="lines for the waiting"),
    ],
)
def test_a_thread_that_dies_is_named(
    name: str, decides: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    errors = ErrorCollector(tmp_path)
    with errors.listening():
        thread(name)
    (line,) = errors.take_unreported()
    assert line.fields["during"] == f"it ended the thread {name}"
    assert [group.message for group in errors.groups] == (
        [f"KeyError: 'agent_id' (it ended the thread {name})"] if decides else []
    )
    assert capfd.readouterr().err == ""


def test_what_libraries_log_goes_to_the_file(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    errors = ErrorCollector(tmp_path)
    with errors.listening():
        try:
            failing()
        except KeyError:
            logging.getLogger("sqlalchemy.pool").exception("in a reset")
        logging.getLogger("asyncio").error("a task was lost")
    first, second = errors.take_unreported()
    assert "logged by sqlalchemy.pool" in first
    assert "a task was lost" in second
    assert errors.groups == ()
    assert (tmp_path / LOG_FILE).read_text(encoding="utf-8").count("Traceback") == 1
    assert capfd.readouterr().err == ""


def test_afterwards_nobody_listens(tmp_path: Path) -> None:
    hook, handlers = threading.excepthook, list(logging.getLogger().handlers)
    with ErrorCollector(tmp_path).listening():
        assert threading.excepthook is not hook
    assert threading.excepthook is hook
    assert logging.getLogger().handlers == handlers


def test_what_came_since(tmp_path: Path) -> None:
    errors = ErrorCollector(tmp_path)
    first, other = error_of("first"), error_of("first")
    errors.record(first, "one")
    before = errors.groups
    assert since(before, errors.groups) == ()
    errors.record(other, "one")
    errors.attempt("findings", failing, None)
    assert {(group.message.split(":")[0], group.count) for group in since(before, errors.groups)} == {
        ("ValueError", 1),
        ("KeyError", 1),
    }
