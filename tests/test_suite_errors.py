"""Errors of the suite itself: counted by place and type, the first traceback of each in a log without secrets."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from perfsuite.model import SuiteErrorGroup
from perfsuite.suite_errors import (
    LOG_FILE,
    MOST_PLACES,
    OTHER_PLACES,
    SuiteErrorLog,
    message_of,
    most_frequent_first,
    place_of,
)

PASSWORD = "the-secret-word"
TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln"


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise ValueError("no text")


def raised(error: BaseException) -> BaseException:
    try:
        raise error
    except BaseException as caught:  # noqa: BLE001  every kind of exception is looked at
        return caught


def in_a_library() -> BaseException:
    try:
        msgspec.json.decode(b"{")
        Path(b"x")  # type: ignore[arg-type]
    except (msgspec.DecodeError, TypeError) as caught:
        return caught
    raise AssertionError("raises")


def in_the_standard_library() -> BaseException:
    try:
        Path("/nowhere/at/all").read_text()
    except OSError as caught:
        return caught
    raise AssertionError("raises")


@pytest.mark.parametrize(
    ("error", "function"),
    [
        pytest.param(raised(KeyError("id")), "raised", id="here"),
        pytest.param(in_a_library(), "in_a_library", id="in a library, called from here"),
        pytest.param(in_the_standard_library(), "in_the_standard_library", id="in pathlib, called from here"),
    ],
)
def test_the_place_is_the_innermost_line_of_the_suite(error: BaseException, function: str) -> None:
    module, _, rest = place_of(error).partition(":")
    line, _, name = rest.partition(" ")

    assert (module, name) == (__name__, function)
    assert int(line) > 1


def test_an_exception_that_was_never_raised_has_no_place() -> None:
    assert place_of(ValueError("x")) == "unknown place"


@pytest.mark.parametrize(
    ("error", "message"),
    [
        pytest.param(KeyError("agent_id"), "KeyError: 'agent_id'", id="a text"),
        pytest.param(ValueError(), "ValueError", id="no text"),
        pytest.param(ValueError("two\nlines  here"), "ValueError: two lines here", id="on one line"),
        pytest.param(ValueError("x" * 1000), f"ValueError: {'x' * 200}", id="not longer than a line or two"),
        pytest.param(ValueError(f"header Bearer {TOKEN}"), "ValueError: header Bearer …", id="a token"),
        pytest.param(ValueError(f"body with {PASSWORD}"), "ValueError: body with …", id="a password"),
        pytest.param(Unspeakable(), "Unspeakable: its text cannot be had", id="its text raises"),
    ],
)
def test_the_message_is_type_and_text_without_secrets(error: BaseException, message: str) -> None:
    assert message_of(error, [PASSWORD]) == message


def test_errors_are_counted_by_place_and_type_and_the_first_traceback_is_kept(tmp_path: Path) -> None:
    errors = SuiteErrorLog(tmp_path, [PASSWORD])
    for number in range(3):
        errors.add(raised(KeyError(f"id-{number}")), "profile access as policyholder")
    errors.add(raised(ValueError(f"{PASSWORD} and {TOKEN}")))

    often, once = errors.groups
    assert errors.count == 4
    assert (often.count, often.message, often.log) == (
        3,
        "KeyError: 'id-0' (profile access as policyholder)",
        LOG_FILE,
    )
    assert (once.count, once.message) == (1, "ValueError: … and …")
    log = (tmp_path / LOG_FILE).read_text()
    assert log.count("Traceback (most recent call last)") == 2
    assert "profile access as policyholder" in log and "id-1" not in log
    assert PASSWORD not in log and TOKEN not in log


def test_a_secret_of_the_moment_is_kept_out_as_well(tmp_path: Path) -> None:
    SuiteErrorLog(tmp_path).add(raised(ValueError("opaque-token-1")), secrets=["opaque-token-1"])

    assert "opaque" not in (tmp_path / LOG_FILE).read_text()


def test_of_many_places_only_the_number_is_kept(tmp_path: Path) -> None:
    errors = SuiteErrorLog(tmp_path)
    for number in range(MOST_PLACES + 7):
        errors.add(raised(type(f"Error{number}", (Exception,), {})()))

    assert len(errors.groups) == MOST_PLACES + 1
    assert errors.groups[0].place == OTHER_PLACES
    assert errors.groups[0].count == 7
    assert errors.count == MOST_PLACES + 7


def test_a_log_that_cannot_be_written_costs_the_traceback_only(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    errors = SuiteErrorLog(tmp_path / "gone")
    errors.add(raised(KeyError("id")))

    assert [(group.count, group.log) for group in errors.groups] == [(1, "")]
    assert "KeyError" in caplog.text


def test_a_deep_recursion_is_cut_in_the_log(tmp_path: Path) -> None:
    def deeper(depth: int) -> int:
        return deeper(depth + 1) if depth % 2 else deeper(depth + 3)

    errors = SuiteErrorLog(tmp_path)
    try:
        deeper(0)
    except RecursionError as error:
        errors.add(error)

    assert errors.groups[0].place.endswith("deeper")
    assert (tmp_path / LOG_FILE).stat().st_size < 25_000


def test_the_same_place_of_several_processes_is_one_group() -> None:
    ours = SuiteErrorGroup("a:1 f", "KeyError: 'x'", 2, LOG_FILE)
    theirs = SuiteErrorGroup("a:1 f", "KeyError: 'y'", 5, LOG_FILE)
    other = SuiteErrorGroup("a:1 f", "ValueError", 3, LOG_FILE)

    assert most_frequent_first([ours, other, theirs]) == (
        SuiteErrorGroup("a:1 f", "KeyError: 'x'", 7, LOG_FILE),
        other,
    )
