"""Who deletes a row: the account that made it, then a Super Admin."""

from __future__ import annotations

from perfsuite.cleanup.remove import MOST_REFUSALS
from perfsuite.model import Cleanup, Remaining
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.journal import Journal, JournalEntry
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.cleanup.scene import ADMIN, AGENT, STAFF, Scene
from tests.target.fake_target import ACCOUNTS, Notes, answer

POLICYHOLDER = ACCOUNTS["policyholder"]


def test_the_journal_says_who_made_a_row(scene: Scene) -> None:
    agent = next(role for role in ROLES if role.slug == "senior_agent")
    book = Journal(scene.folder / "journal.jsonl")
    session = Session(agent, AGENT, scene.target, RunState("basic_1", journal=book, thorough=True), Notes())
    for behaviour in agent.behaviours:
        session.perform(behaviour)
    book.close()

    made = [entry for entry in journal.read(scene.folder) if entry.what == "create"]
    assert [(entry.thing, entry.by) for entry in made] == [
        ("lead", AGENT.phone_number), ("policy", AGENT.phone_number),
    ]  # fmt: skip
    assert AGENT.password not in (scene.folder / "journal.jsonl").read_text()


def test_a_row_that_only_its_maker_may_delete_is_removed(scene: Scene) -> None:
    scene.make("lead", 3)
    scene.target.makers_only = {"lead"}

    assert scene.clean(ADMIN, AGENT) == Cleanup(3, 3)
    assert scene.deletions() == [("leads.delete", "senior_agent")] * 3


def test_where_the_maker_may_not_the_super_admin_does_and_the_maker_is_asked_once(scene: Scene) -> None:
    scene.make("policy", 3)
    scene.target.forbidden = {("senior_agent", "policies.delete")}

    assert scene.clean(ADMIN, AGENT) == Cleanup(3, 3)
    assert scene.deletions() == [("policies.delete", "senior_agent")] + [("policies.delete", "super_admin")] * 3


def test_a_maker_who_is_not_in_the_credentials_is_not_needed_where_the_super_admin_may(scene: Scene) -> None:
    scene.make("lead", 2)

    assert scene.clean(ADMIN, POLICYHOLDER) == Cleanup(2, 2)
    assert scene.deletions() == [("leads.delete", "super_admin")] * 2


def test_without_a_super_admin_makers_remove_theirs(scene: Scene) -> None:
    scene.make("lead", 2)
    scene.make("ticket", 1, by=STAFF)
    scene.target.forbidden = {("support_staff", "tickets.delete")}

    done = scene.clean(AGENT, STAFF)

    assert (done.created, done.removed) == (3, 2)
    assert done.remaining == (
        Remaining("ticket", "HTTP 403: Insufficient permissions; the credentials hold no Super Admin", True, 1),
    )


def test_what_nobody_may_delete_remains_with_the_reason_of_each(scene: Scene) -> None:
    scene.make("lead")
    scene.target.makers_only = {"lead"}
    scene.target.forbidden = {("senior_agent", "leads.delete")}

    (group,) = scene.clean(ADMIN, AGENT).remaining

    assert group == Remaining(
        "lead",
        "HTTP 403: Insufficient permissions (as Senior Agent);"
        " HTTP 403: You can only delete your own leads (as Super Admin)",
        False,
        1,
    )


def test_a_row_that_the_super_admin_does_not_find_is_gone_though_its_maker_is_refused(scene: Scene) -> None:
    (identity,) = scene.make("policy")
    del scene.target.policies[identity]
    scene.target.forbidden = {("senior_agent", "policies.delete")}

    assert scene.clean(ADMIN, AGENT) == Cleanup(1, 1)


def test_a_row_that_one_may_not_read_and_the_other_never_saw_is_not_tried_again(scene: Scene) -> None:
    scene.make("policy")
    for read in ("policies.read", "policies.by_number"):
        scene.target.forbidden.add(("super_admin", read))
        scene.target.handle(read, lambda _asked: answer({"detail": "Not found"}, 404))

    (left,) = scene.clean(ADMIN, AGENT).remaining

    assert (left.rows, left.again) == (1, False)


def test_after_some_refusals_the_rest_is_not_tried(scene: Scene) -> None:
    scene.make("lead", MOST_REFUSALS + 5)
    scene.make("policy", 2)
    scene.target.always("leads.delete", answer({"detail": "Not allowed"}, 403))

    done = scene.clean(ADMIN, AGENT)

    assert (done.created, done.removed) == (MOST_REFUSALS + 7, 2)
    assert len(scene.target.asked_for("leads.delete")) == 2 * MOST_REFUSALS
    refused, not_tried = done.remaining
    assert (refused.rows, refused.reason, refused.again) == (MOST_REFUSALS, "HTTP 403: Not allowed", False)
    assert (not_tried.rows, not_tried.again) == (5, False)


def test_refusals_of_one_maker_do_not_keep_the_rows_of_another(scene: Scene) -> None:
    scene.make("lead", MOST_REFUSALS + 1, by=STAFF)  # whose account is not in the credentials
    scene.make("lead", 2, by=AGENT)
    scene.target.makers_only = {"lead"}

    done = scene.clean(ADMIN, AGENT)

    assert (done.created, done.removed) == (MOST_REFUSALS + 3, 2)
    assert {group.thing for group in done.remaining} == {"lead"}


def test_older_journals_do_not_say_who_made_a_row(scene: Scene) -> None:
    scene.wrote(JournalEntry("create", "lead", "PERF-l"), JournalEntry("created", "lead", "PERF-l", id="l1"))

    assert scene.clean(ADMIN, AGENT) == Cleanup(1, 1)
    assert scene.deletions() == [("leads.delete", "super_admin")]
