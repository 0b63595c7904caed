"""What nobody expects, raised at every seam of a load process in both models: no request disappears, no run passes."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.messages.reasons import Reason
from tests.load.child import findings

# By whether a request was on its way when the seam raised, and whether it can be recorded.
RECORDED = ("transport", "parser", "checks", "observer")
UNRECORDED = ("recorder",)
WITHOUT_REQUEST = ("role step", "wait", "recorder's writer")
EITHER = ("journal",)
"""Written before a creation is sent and after its answer."""
SEAMS = (*RECORDED, *UNRECORDED, *WITHOUT_REQUEST, *EITHER)
MODELS = ("closed", "open")
SESSIONS = 6

in_both_models = pytest.mark.parametrize("model", MODELS)


@pytest.fixture(scope="module")
def found() -> dict[str, Any]:
    """All runs, made at the same time in one process."""
    answers: dict[str, Any] = findings("in_child_errors")
    return answers


@in_both_models
def test_without_an_error_the_run_passes(found: dict[str, Any], model: str) -> None:
    run = found[f"none, {model}"]

    assert (run["outcome"], run["errors"], run["log"]) == ("pass", [], "")
    assert run["sent"] == run["recorded"] == run["locust"] == run["arrived"] > 50


@in_both_models
@pytest.mark.parametrize("seam", SEAMS)
def test_every_error_is_in_the_count_and_none_in_a_pass(found: dict[str, Any], seam: str, model: str) -> None:
    run = found[f"{seam}, {model}"]
    (error,) = run["errors"]
    place, message, count, log = error

    assert count == run["raised"] > 1
    assert place.startswith("__main__:") and message.startswith("Injected: ")
    assert log == "suite-errors.log"
    assert run["outcome"] == "inconclusive"
    assert any(place in reason and f"met {count} errors" in reason for reason in run["reasons"])


@in_both_models
@pytest.mark.parametrize("seam", SEAMS)
def test_every_request_that_was_sent_ends_in_one_count(found: dict[str, Any], seam: str, model: str) -> None:
    run = found[f"{seam}, {model}"]

    assert run["sent"] == run["recorded"] + run["unrecorded"] > 50
    assert run["locust"] == run["recorded"]
    assert run["agrees"]
    # The transport raises before the target hears of the request.
    assert run["arrived"] == run["sent"] - (run["raised"] if seam == "transport" else 0)


@in_both_models
@pytest.mark.parametrize("seam", RECORDED)
def test_a_request_that_was_sent_is_recorded_as_failed_with_the_place(
    found: dict[str, Any], seam: str, model: str
) -> None:
    run = found[f"{seam}, {model}"]

    assert (run["failures"], run["unrecorded"]) == (run["raised"], 0)
    assert all(message.startswith(f"{run['errors'][0][0]}: Injected: {seam}") for message in run["messages"])


@in_both_models
@pytest.mark.parametrize("seam", UNRECORDED)
def test_one_that_cannot_be_recorded_is_counted_apart(found: dict[str, Any], seam: str, model: str) -> None:
    run = found[f"{seam}, {model}"]

    assert (run["failures"], run["unrecorded"]) == (0, run["raised"])
    assert Reason.UNRECORDED(unrecorded=run["raised"], sent=run["sent"]) in run["reasons"]


@in_both_models
@pytest.mark.parametrize("seam", WITHOUT_REQUEST)
def test_an_error_between_requests_fails_none(found: dict[str, Any], seam: str, model: str) -> None:
    run = found[f"{seam}, {model}"]

    assert (run["failures"], run["unrecorded"]) == (0, 0)


@in_both_models
@pytest.mark.parametrize("seam", EITHER)
def test_an_error_of_the_journal_fails_the_request_that_was_sent_already(
    found: dict[str, Any], seam: str, model: str
) -> None:
    run = found[f"{seam}, {model}"]

    assert 0 <= run["failures"] < run["raised"]
    assert run["unrecorded"] == 0


@in_both_models
def test_a_request_that_the_end_of_the_load_cuts_off_is_unfinished_and_no_error(
    found: dict[str, Any], model: str
) -> None:
    run = found[f"cut off, {model}"]

    assert run["unfinished"] == run["raised"] == SESSIONS
    assert run["sent"] == run["recorded"] == run["locust"] > SESSIONS
    assert (run["errors"], run["agrees"]) == ([], True)


@pytest.mark.parametrize("seam", [seam for seam in SEAMS if seam != "wait"])
def test_in_the_open_model_actions_begin_all_the_same(found: dict[str, Any], seam: str) -> None:
    run = found[f"{seam}, open"]

    # What is due in the last moments of a busy machine's load may be given up.
    assert run["begun"] >= 0.9 * run["due"] > 0


@in_both_models
@pytest.mark.parametrize("seam", SEAMS)
def test_errors_are_reported_while_the_load_goes_on(found: dict[str, Any], seam: str, model: str) -> None:
    assert found[f"{seam}, {model}"]["reported early"] > 0


@in_both_models
@pytest.mark.parametrize("seam", SEAMS)
def test_the_log_has_one_traceback_and_no_secret(found: dict[str, Any], seam: str, model: str) -> None:
    run = found[f"{seam}, {model}"]

    assert run["log"].splitlines()[0].startswith(run["errors"][0][0])
    assert run["log"].count("Injected: ") - run["log"].count("During handling of") == 1
    assert "the-secret-word" not in run["log"] + str(run["reasons"]) + str(run["messages"])
