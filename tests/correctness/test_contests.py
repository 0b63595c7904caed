"""One policy number and one ticket, wanted by two at the same instant."""

from __future__ import annotations

from typing import Any

import pytest
from mitra_backend.main import prepare_database

from perfsuite.correctness import contests
from perfsuite.correctness.check import Check, Held, NotChecked, Outcome, Violated
from perfsuite.correctness.drive import carry_out
from perfsuite.messages.checks import WhyNot
from perfsuite.target import journal
from tests.backend.support import Api, running, settings_for
from tests.backend.test_defects import meeting
from tests.correctness.carriers import BareContext, InOrder
from tests.correctness.real_target import outcomes_of

NUMBER, TICKET = contests.checks()
SOLD = {"policyholder_id": "h", "agent_id": "a", "provider_id": "p", "policy_type": "t", "plan_name": "n"}
NEW_POLICY: dict[str, Any] = {"policy_id": "1", "policy_number": "PERF-1"}
NEW_TICKET = {"ticket_id": "1", "subject": "PERF-1", "status": "open"}
LIST = (200, [SOLD])
CREATED, TAKEN, SILENT, BUSY, ERROR = (201, NEW_POLICY), (409, None), (0, None), (503, None), (500, None)
FOUND, NOTHING, TWICE = (200, [NEW_POLICY]), (200, []), (200, [NEW_POLICY, {**NEW_POLICY, "policy_id": "2"}])


def ended(check: Check, *answers: tuple[int, Any]) -> Outcome:
    """How the check ends after exactly these answers."""
    carrier = InOrder(*answers)
    outcome = carry_out(check, BareContext(), carrier)
    assert len(carrier.sent) == len(answers)
    return outcome


def test_a_healthy_backend_gives_a_number_once_and_moves_a_ticket_once(api: Api) -> None:
    assert list(outcomes_of(api, [NUMBER, TICKET]).values()) == [Held(), Held()]


def test_a_number_that_is_looked_for_before_it_is_written_is_given_twice(template: Any, tmp_path: Any) -> None:
    settings = settings_for(template, tmp_path, "number_race")
    prepare_database(settings)
    with running(settings) as faulty:
        outcome = outcomes_of(meeting(faulty), [NUMBER])[NUMBER]
    assert isinstance(outcome, Violated)
    assert (outcome.expected, outcome.seen) == ("one HTTP 201, otherwise HTTP 409", "2 creations accepted")
    assert [(reply.status, str(reply.send.actor)) for reply in outcome.replies] == [
        (201, "senior_agent#1"),
        (201, "super_admin#1"),
    ]
    assert NUMBER.key == ("contests", contests.ONE_NUMBER, "policies.create", ("senior_agent", "super_admin"))


def test_the_rows_of_both_are_in_the_journal(api: Api, tmp_path: Any) -> None:
    outcomes_of(api, [NUMBER], tmp_path)
    entries = list(journal.read(tmp_path))
    assert sorted(entry.what for entry in entries) == ["create", "create", "created"]
    assert len({entry.mark for entry in entries}) == 1
    assert len({entry.by for entry in entries if entry.what == "create"}) == 2


@pytest.mark.parametrize(
    ("answers", "outcome"),
    [
        pytest.param((CREATED, TAKEN, FOUND), Held(), id="one has it"),
        pytest.param((CREATED, SILENT), NotChecked("no answer"), id="who was not answered may have it as well"),
        pytest.param((BUSY, TAKEN), NotChecked("HTTP 503"), id="overloaded"),
        pytest.param((CREATED, ERROR), NotChecked("HTTP 500"), id="an error is for another rule"),
        pytest.param((CREATED, TAKEN, BUSY), NotChecked("HTTP 503"), id="the list is overloaded"),
        pytest.param((TAKEN, TAKEN, NOTHING, TAKEN), NotChecked("HTTP 409"), id="refused for another reason"),
        pytest.param((TAKEN, TAKEN, FOUND), NotChecked("an answer was lost"), id="one has it and does not know"),
        pytest.param((CREATED, TAKEN, NOTHING), NotChecked(WhyNot.NOT_LISTED()), id="the list proves nothing alone"),
    ],
)
def test_a_number_without_a_violation(answers: tuple[tuple[int, Any], ...], outcome: Outcome) -> None:
    assert ended(NUMBER, LIST, *answers) == outcome


@pytest.mark.parametrize(
    ("answers", "seen"),
    [
        pytest.param((CREATED, CREATED), "2 creations accepted", id="both have it"),
        pytest.param((CREATED, TAKEN, TWICE), "2 policies", id="one is refused and made all the same"),
        pytest.param((TAKEN, TAKEN, NOTHING, CREATED), "all refused, and there is no such policy", id="nobody has it"),
    ],
)
def test_a_number_that_is_not_given_exactly_once(answers: tuple[tuple[int, Any], ...], seen: str) -> None:
    outcome = ended(NUMBER, LIST, *answers)
    assert isinstance(outcome, Violated)
    assert outcome.seen == seen
    assert len(outcome.replies) == 2


def test_without_a_policy_to_resemble_nothing_is_created() -> None:
    assert ended(NUMBER, NOTHING) == NotChecked(WhyNot.NO_DATA())


def state(status: str) -> tuple[int, Any]:
    return 200, {**NEW_TICKET, "status": status}


MADE = ((200, {"data": {"tickets": [{"customer_id": "h"}]}}), (201, NEW_TICKET))


@pytest.mark.parametrize(
    ("moves", "read", "outcome"),
    [
        pytest.param((state("in_progress"), state("resolved")), state("resolved"), Held(), id="the second counts"),
        pytest.param((state("in_progress"), state("resolved")), state("in_progress"), Held(), id="the first counts"),
        pytest.param((state("in_progress"), SILENT), state("resolved"), Held(), id="no answer, and it counts"),
        pytest.param((state("in_progress"), state("resolved")), BUSY, NotChecked("HTTP 503"), id="cannot be read"),
        pytest.param((state("ASSIGNED"), state("RESOLVED")), state("ASSIGNED"), Held(), id="names of its own"),
        pytest.param(
            (state("in_progress"), state("resolved")),
            (200, {"ticket_id": "1"}),
            NotChecked(WhyNot.STATE_NOT_SHOWN()),
            id="not shown",
        ),
        pytest.param((SILENT, BUSY), None, NotChecked("no answer"), id="nobody was answered"),
        pytest.param(
            (state("in_progress"), state("resolved")),
            state("open"),
            Violated("in_progress or resolved", "open", ()),
            id="neither counts",
        ),
        pytest.param(
            (state("in_progress"), (403, None)),
            state("resolved"),
            Violated("in_progress", "resolved", ()),
            id="refused",
        ),
    ],
)
def test_a_ticket_that_two_move(moves: tuple[Any, ...], read: Any, outcome: Outcome) -> None:
    ended_as = ended(TICKET, *MADE, *moves, *([read] if read else []))
    if isinstance(ended_as, Violated):
        ended_as = Violated(ended_as.expected, ended_as.seen, ())
    assert ended_as == outcome
