"""A row counts as removed when it was read back and is gone."""

from __future__ import annotations

from typing import Any

import pytest

from perfsuite.cleanup import CleanupInput, CleanupResult, clean_up
from perfsuite.cleanup.remove import LEAST_READING_S
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model import Cleanup, Remaining, RowLeft, SoftDeleted
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.exchange import Answer
from perfsuite.target.journal import Journal, JournalEntry
from perfsuite.target.run_state import RunState
from tests.cleanup.scene import ADMIN, AGENT, STAFF, Scene
from tests.target.contract import POLICY, row
from tests.target.fake_target import Asked, answer

DONE = answer({"success": True})
THINGS = [pytest.param(thing, id=thing) for thing in ("policy", "lead", "ticket")]
DELETE = {"policy": "policies.delete", "lead": "leads.delete", "ticket": "tickets.delete"}
READ = {"policy": "policies.read", "lead": "leads.page", "ticket": "tickets.read"}


@pytest.mark.parametrize("thing", THINGS)
def test_a_row_that_is_still_there_is_not_removed_whatever_its_deletion_answered(scene: Scene, thing: str) -> None:
    scene.make(thing)
    scene.target.always(DELETE[thing], DONE)

    (left,) = scene.clean(ADMIN, AGENT).remaining

    assert (left.thing, left.rows, left.again) == (thing, 1, True)
    assert left.reason.startswith(CleanupMessage.STILL_THERE(how="success", status="some ").removesuffix(")"))


@pytest.mark.parametrize("thing", THINGS)
def test_a_route_that_is_not_there_removes_nothing(scene: Scene, thing: str) -> None:
    """404 is what a missing route answers, too."""
    scene.make(thing)
    scene.target.without = {DELETE[thing], READ[thing]} - {"leads.page"}

    (left,) = scene.clean(ADMIN, AGENT).remaining

    assert (left.rows, left.thing) == (1, thing)
    assert left.reason.startswith(CleanupMessage.STILL_THERE(how="HTTP 404", status="").removesuffix(")"))


@pytest.mark.parametrize(("thing", "status"), [("policy", "cancelled"), ("lead", "inactive"), ("ticket", "Deleted")])
def test_a_row_that_is_kept_under_another_status_counts_as_cleaned_up(scene: Scene, thing: str, status: str) -> None:
    first, second = scene.make(thing, 2)
    scene.target.kept_as = {thing: status}

    done = scene.cleaned(ADMIN, AGENT)

    assert done.cleanup == Cleanup(2, 0, soft_deleted=(SoftDeleted(thing, status, 2),))
    assert done.rows == tuple(
        RowLeft(thing, identity, f"PERF-1-{identity}", AGENT.phone_number, status) for identity in (first, second)
    )
    asked = len(scene.target.asked)
    again = scene.cleaned(ADMIN, AGENT)
    assert again == CleanupResult(done.cleanup, done.rows, tried=0)
    assert len(scene.target.asked) == asked


@pytest.mark.parametrize("thing", ["policy", "ticket"])
def test_rows_that_lists_leave_out_and_the_target_keeps_are_not_called_removed(scene: Scene, thing: str) -> None:
    scene.make(thing, 5)
    scene.target.kept_as = {thing: "cancelled"}
    shown = {"policy": scene.target.policies_for, "ticket": scene.target.tickets_for}[thing]

    def without_cancelled(asked: Asked) -> Answer:
        table = scene.target.policies if thing == "policy" else scene.target.tickets
        kept = {identity: row for identity, row in table.items() if row["status"] == "cancelled"}
        for identity in kept:
            del table[identity]
        given = shown(asked)
        table |= kept
        return given

    scene.target.handle({"policy": "policies.by_number", "ticket": "tickets.page"}[thing], without_cancelled)
    assert scene.clean(ADMIN, AGENT).soft_deleted == (SoftDeleted(thing, "cancelled", 5),)


def test_a_policy_that_cannot_be_read_alone_is_looked_for_by_its_number(scene: Scene) -> None:
    scene.make("policy", 2)
    scene.target.always("policies.read", answer({"detail": "broken"}, 500))

    assert scene.clean(ADMIN, AGENT) == Cleanup(2, 2)


def test_a_ticket_that_cannot_be_read_alone_is_looked_for_in_the_list(scene: Scene) -> None:
    scene.make("ticket", 2, by=STAFF)
    scene.target.always("tickets.read", answer({"detail": "broken"}, 500))

    assert scene.clean(ADMIN, STAFF) == Cleanup(2, 2)


@pytest.mark.parametrize("thing", THINGS)
def test_rows_that_nobody_knows_of_are_removed_by_their_mark(scene: Scene, thing: str) -> None:
    """A target that repeats an insert answers with the id of one of the rows."""
    scene.make(thing, 2)
    table = {"policy": scene.target.policies, "lead": scene.target.leads, "ticket": scene.target.tickets}[thing]
    first = next(identity for identity in table if identity.startswith(f"{thing}-senior"))
    table["another"] = table[first] | {f"{thing}_id": "another"}

    assert scene.clean(ADMIN, AGENT) == Cleanup(2, 2)
    assert not [identity for identity in table if identity == "another" or identity.startswith(f"{thing}-senior")]


@pytest.mark.parametrize("thing", THINGS)
def test_a_row_remains_while_another_with_its_mark_cannot_be_removed(scene: Scene, thing: str) -> None:
    (first,) = scene.make(thing)
    table = {"policy": scene.target.policies, "lead": scene.target.leads, "ticket": scene.target.tickets}[thing]
    table["another"] = table[first] | {f"{thing}_id": "another"}

    def refuse_another(asked: Asked) -> Answer:
        if asked.ids[f"{thing}_id"] == "another":
            return answer({"detail": "Not allowed"}, 403)
        return scene.target.delete(table, thing, asked)

    scene.target.handle(DELETE[thing], refuse_another)
    assert scene.clean(ADMIN, AGENT).remaining == (Remaining(thing, "HTTP 403: Not allowed", False, 1),)
    scene.target.handle(DELETE[thing], lambda asked: scene.target.delete(table, thing, asked))
    assert scene.clean(ADMIN, AGENT) == Cleanup(1, 1)
    assert "another" not in table


@pytest.mark.parametrize("answers", [("created", "created"), ("created", "refused"), ("refused", "created")])
def test_of_several_creations_with_one_mark_none_is_forgotten(scene: Scene, answers: tuple[str, str]) -> None:
    scene.wrote(*[JournalEntry("create", "policy", "PERF-9", by=AGENT.phone_number)] * 2)
    for number, what in enumerate(answers):
        made = what == "created"
        scene.wrote(JournalEntry(what, "policy", "PERF-9", id=f"p9-{number}" if made else ""))
        if made:
            scene.target.policies[f"p9-{number}"] = row(POLICY, policy_id=f"p9-{number}", policy_number="PERF-9")
    # Only by their ids.
    scene.target.always("policies.by_number", answer([]))

    assert scene.clean(ADMIN, AGENT) == Cleanup(1, 1)
    assert not [identity for identity in scene.target.policies if identity.startswith("p9")]


def test_an_answer_that_fails_once_leaves_no_row_in_doubt(scene: Scene) -> None:
    first, _second = scene.make("policy", 2)
    down = answer({"detail": "down"}, 503)
    found = answer(dict(scene.target.policies[first]))
    scene.target.give("policies.read", found, down, down)

    assert scene.clean(ADMIN, AGENT) == Cleanup(2, 2)


def test_a_row_that_no_list_shows_is_not_called_removed(scene: Scene) -> None:
    scene.make("lead")
    empty = answer({"data": {"leads": []}})
    scene.target.always("leads.page", empty)
    scene.target.always("leads.search", empty)

    why = CleanupMessage.NOT_VERIFIED(why=CleanupMessage.IN_NO_LIST())
    assert scene.clean(ADMIN, AGENT).remaining == (Remaining("lead", why, True, 1),)


def test_a_list_from_a_cache_is_not_trusted(scene: Scene) -> None:
    first, second = scene.make("lead", 2)
    kept = answer({"data": {"leads": [dict(scene.target.leads[first]), dict(scene.target.leads[second])]}})
    scene.target.always("leads.page", lambda asked: kept if asked.query["offset"] == "0" else answer({"leads": []}))

    assert scene.clean(ADMIN, AGENT) == Cleanup(2, 2)
    assert len(scene.target.asked_for("leads.search")) == 2


@pytest.mark.parametrize("thing", ["policy", "ticket"])
def test_what_a_list_from_a_cache_shows_is_read_alone(scene: Scene, thing: str) -> None:
    scene.make(thing, 2)
    if thing == "policy":
        kept = {number: answer([dict(shown)]) for number, shown in _numbers(scene).items()}
        scene.target.always("policies.by_number", lambda asked: kept[asked.query["policy_number"]])
    else:
        shown = answer({"data": {"tickets": [dict(ticket) for ticket in scene.target.tickets.values()]}})
        scene.target.always("tickets.page", lambda asked: shown if asked.query["offset"] == "0" else answer({}))

    assert scene.clean(ADMIN, AGENT) == Cleanup(2, 2)


def _numbers(scene: Scene) -> dict[str, dict[str, Any]]:
    return {str(policy["policy_number"]): policy for policy in scene.target.policies.values()}


def test_a_single_row_from_a_cache_is_not_trusted(scene: Scene) -> None:
    (identity,) = scene.make("policy")
    scene.target.kept_as = {"policy": "cancelled"}
    scene.target.always("policies.read", answer(dict(scene.target.policies[identity])))

    assert scene.clean(ADMIN, AGENT).soft_deleted == (SoftDeleted("policy", "cancelled", 1),)


@pytest.mark.parametrize("thing", THINGS)
def test_rows_without_a_status_can_be_removed_all_the_same(scene: Scene, thing: str) -> None:
    (identity,) = scene.make(thing)
    for table in (scene.target.policies, scene.target.leads, scene.target.tickets):
        if identity in table:
            for name in ("status", "lead_status"):
                table[identity].pop(name, None)

    assert scene.clean(ADMIN, AGENT) == Cleanup(1, 1)


def test_makers_look_for_rows_that_the_super_admin_is_not_shown(scene: Scene) -> None:
    scene.make("lead", 2)
    leads = scene.target.leads_for

    def own(asked: Asked) -> Answer:
        return leads(asked) if asked.user["role"] == "senior_agent" else answer({"data": {"leads": []}})

    scene.target.handle("leads.page", own)
    assert scene.clean(ADMIN, AGENT) == Cleanup(2, 2)


def test_leads_are_read_back_by_the_hundred(scene: Scene) -> None:
    scene.make("lead", 250)

    assert scene.clean(ADMIN, AGENT) == Cleanup(250, 250)
    others = [name for name in scene.asked() if name not in ("leads.delete", "login")]
    assert len(others) <= 8
    assert len(scene.target.asked_for("leads.delete")) == 250


def test_a_policy_is_read_back_with_one_request(scene: Scene) -> None:
    scene.make("policy", 50)

    scene.clean(ADMIN, AGENT)

    read = scene.target.asked_for("policies.by_number") + scene.target.asked_for("policies.read")
    assert len(read) <= 50 + 2 + 3  # each; to look before, in two ways; and to see that both agree afterwards


def test_reading_back_ends_in_time_and_what_was_not_read_is_not_called_removed(scene: Scene) -> None:
    scene.make("policy", 3)
    clock = [0.0]

    def slow(asked: Asked) -> Answer:
        clock[0] += LEAST_READING_S
        return scene.target.policies_for(asked)

    scene.target.handle("policies.by_number", slow)
    book = Journal(scene.folder / "journal.jsonl")
    run = RunState("basic_1", purpose="cleanup", journal=book)
    means = CleanupInput(ROLES, (ADMIN, AGENT), run, scene.target, clock=lambda: clock[0])
    done = clean_up(list(journal.read(scene.folder)), means).cleanup
    book.close()

    assert (done.created, done.removed) == (3, 2)
    assert [group.reason for group in done.remaining] == [CleanupMessage.NO_TIME_TO_READ()]
