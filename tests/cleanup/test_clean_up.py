"""Cleanup: what a run created is gone at the end, and the rest is listed."""

from __future__ import annotations

import errno

import pytest

from perfsuite.cleanup import CleanupInput, CleanupResult, clean_up
from perfsuite.judge.validity import rows_remain
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.messages.reasons import Reason
from perfsuite.model import Account, Cleanup, FailureKind, Remaining
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE, FLAG_STATE, ROW_KINDS, SETTINGS
from perfsuite.target.exchange import Answer
from perfsuite.target.journal import Journal, JournalEntry
from perfsuite.target.run_state import RunState
from tests.cleanup.scene import ADMIN, AGENT, Scene, made, reasons
from tests.target.contract import LEAD, POLICY, TICKET, row
from tests.target.fake_target import ACCOUNTS, PASSWORD, Asked, answer, lost
from tests.target.sent_headers import headers_of


def test_nothing_made_nothing_asked(scene: Scene) -> None:
    assert scene.clean() == Cleanup(0, 0)
    assert scene.asked() == []


def test_rows_are_removed_by_their_ids(scene: Scene) -> None:
    scene.wrote(*made(("policy", "PERF-p", "p1"), ("lead", "PERF-l", "l1"), ("ticket", "PERF-t", "t1")))

    assert scene.clean() == Cleanup(3, 3)
    deletions = [name for name in scene.asked() if name.endswith(".delete")]
    assert deletions == ["policies.delete", "leads.delete", "tickets.delete"]
    assert scene.asked().count("login") == 1
    assert "p1" not in scene.target.policies
    assert scene.target.leads == {}
    assert set(scene.target.tickets) == {"ticket-0"}


def test_requests_of_cleanup_are_distinguished_in_the_targets_log(scene: Scene) -> None:
    scene.wrote(*made(("lead", "PERF-l", "l1")))
    scene.clean()

    assert {headers_of(request)["X-Run-ID"] for request in scene.target.sent} == {"basic_1/cleanup"}


class FullJournal(Journal):
    """A journal on a full disk."""

    def write(self, entry: JournalEntry) -> None:
        raise OSError(errno.ENOSPC, f"no room for {entry.what}")


def test_rows_are_removed_though_nobody_can_write_it_down(scene: Scene) -> None:
    scene.wrote(*made(("lead", "PERF-l", "l1")), JournalEntry("flag", "flag", "perf_dark", before=False))
    entries = list(journal.read(scene.folder))
    run = RunState("basic_1", purpose="cleanup", journal=FullJournal(None))

    assert clean_up(entries, CleanupInput(ROLES, (ADMIN,), run, scene.target)).cleanup == Cleanup(1, 1)
    assert scene.target.leads == {}
    assert scene.clean() == Cleanup(1, 1)  # the next one finds that it is not there any more


@pytest.mark.parametrize(
    ("thing", "mark", "identity", "search"),
    [
        ("policy", "PERF-p", "p1", "policies.by_number"),
        ("lead", "PERF-l", "l1", "leads.search"),
        ("ticket", "PERF-t", "t1", "tickets.page"),
    ],
)
def test_a_row_is_found_by_its_mark_when_its_answer_was_lost(
    scene: Scene, thing: str, mark: str, identity: str, search: str
) -> None:
    scene.wrote(*made((thing, mark, "")))

    assert scene.clean() == Cleanup(1, 1)
    assert search in scene.asked()
    assert identity not in scene.target.policies | scene.target.leads | scene.target.tickets


EMPTY = {"policy": answer([]), "lead": answer({"data": {"leads": []}}), "ticket": answer({"data": {"tickets": []}})}
SEARCH = {"policy": "policies.by_number", "lead": "leads.search", "ticket": "tickets.page"}


@pytest.mark.parametrize("thing", ["policy", "lead", "ticket"])
def test_a_row_whose_search_finds_no_row_that_is_there_may_remain(scene: Scene, thing: str) -> None:
    scene.make(thing)
    scene.wrote(*made((thing, "PERF-x", "")))
    scene.target.always(SEARCH[thing], EMPTY[thing])

    done = scene.cleaned(ADMIN)

    (group,) = [group for group in done.cleanup.remaining if group.uncertain]
    assert (group.thing, group.rows, group.reason) == (thing, 1, CleanupMessage.SEARCH_UNPROVEN())
    assert [(row.mark, row.id) for row in done.rows if row.mark == "PERF-x"] == [("PERF-x", "")]
    assert rows_remain(done.cleanup).code is Reason.ROWS_MAY_REMAIN


def test_a_row_may_remain_where_the_target_shows_no_row_of_its_kind(scene: Scene) -> None:
    scene.target.leads.clear()
    scene.wrote(*made(("lead", "PERF-x", "")))

    assert reasons(scene.clean()) == [CleanupMessage.SEARCH_UNPROVEN()]


@pytest.mark.parametrize("thing", ["policy", "lead", "ticket"])
def test_a_search_that_finds_another_row_of_the_run_proves_that_a_row_was_never_made(scene: Scene, thing: str) -> None:
    for table in (scene.target.policies, scene.target.leads, scene.target.tickets):
        table.clear()
    scene.make(thing)
    scene.wrote(*made((thing, "PERF-x", "")))

    assert scene.clean() == Cleanup(1, 1)


def test_a_creation_that_failed_with_an_error_of_the_server_may_remain(scene: Scene) -> None:
    """Its answer was HTTP 500: the journal has no id, and the target does not let anybody search."""
    scene.wrote(*made(("lead", "PERF-l", "")))
    scene.target.always("leads.search", answer({"detail": "Not allowed"}, 403))

    done = scene.clean()

    assert [(group.uncertain, group.rows) for group in done.remaining] == [(True, 1)]
    assert rows_remain(done).code is Reason.ROWS_MAY_REMAIN


@pytest.mark.parametrize(("thing", "mark"), [("policy", "PERF-x"), ("lead", "PERF-x"), ("ticket", "PERF-x")])
def test_a_row_that_was_never_made_is_not_missed(scene: Scene, thing: str, mark: str) -> None:
    scene.wrote(*made((thing, mark, "")))

    assert scene.clean() == Cleanup(0, 0)
    assert not any(name.endswith(".delete") for name in scene.asked())


def test_tickets_are_looked_through_to_the_last_page_however_short_the_pages(scene: Scene) -> None:
    target = scene.target
    target.tickets = {f"t{n}": row(TICKET, ticket_id=f"t{n}", subject=f"PERF-{n}") for n in range(230)}

    def page_of_50(asked: Asked) -> Answer:
        offset = int(asked.query["offset"])
        return answer({"data": {"tickets": list(target.tickets.values())[offset : offset + 50]}})

    target.always("tickets.page", page_of_50)
    scene.wrote(*made(("ticket", "PERF-229", ""), ("ticket", "PERF-3", "")))

    assert scene.clean() == Cleanup(2, 2)
    assert [asked.ids for asked in scene.target.asked_for("tickets.delete")] == [
        {"ticket_id": "t229"},
        {"ticket_id": "t3"},
    ]
    # To find them, to look before the deletion, and after it: five pages and an empty one each.
    assert len(scene.target.asked_for("tickets.page")) == 3 * 6


def test_where_there_are_too_many_tickets_to_look_through_the_row_is_listed(scene: Scene) -> None:

    def page(asked: Asked) -> Answer:
        first = int(asked.query["offset"])
        rows = [row(TICKET, ticket_id=f"t{n}", subject="other") for n in range(first, first + 100)]
        return answer({"data": {"tickets": rows}})

    scene.target.always("tickets.page", page)
    scene.wrote(*made(("ticket", "PERF-t", "")))

    assert reasons(scene.clean()) == [CleanupMessage.TOO_MANY_ROWS(rows=5000, thing="ticket")]


@pytest.mark.parametrize(
    ("thing", "mark", "search"),
    [
        ("policy", "PERF-p", "policies.by_number"),
        ("lead", "PERF-l", "leads.search"),
        ("ticket", "PERF-t", "tickets.page"),
    ],
)
def test_a_row_that_could_not_be_looked_for_is_listed_and_found_the_next_time(
    scene: Scene, thing: str, mark: str, search: str
) -> None:
    scene.wrote(*made((thing, mark, "")))
    scene.target.give(search, *[answer({"detail": "down"}, 503)] * 2)

    first = scene.clean()
    assert (first.created, first.removed, first.not_removed) == (
        1,
        0,
        (f"{thing} {mark} (may remain): HTTP 503: down",),
    )
    assert scene.clean() == Cleanup(1, 1)
    assert scene.cleaned(ADMIN) == CleanupResult(Cleanup(1, 1), tried=0)


def test_a_search_that_does_not_search_proves_nothing(scene: Scene) -> None:
    scene.target.always("leads.search", answer({"data": {"leads": [row(LEAD, customer_name="somebody")]}}))
    scene.wrote(*made(("lead", "PERF-l", "")))

    assert reasons(scene.clean()) == [CleanupMessage.SEARCH_IGNORES_MARKS()]


def test_a_filter_that_does_not_filter_proves_nothing(scene: Scene) -> None:
    scene.target.always("policies.by_number", answer([row(POLICY, policy_number="another")]))
    scene.wrote(*made(("policy", "PERF-p", "")))

    assert scene.clean().not_removed == (
        "policy PERF-p (may remain): policy_number of the answer is not the one asked for",
    )


@pytest.mark.parametrize(("thing", "mark"), [("policy", "PERF-p"), ("lead", "PERF-l"), ("ticket", "PERF-t")])
def test_a_row_that_somebody_else_removed_is_gone(scene: Scene, thing: str, mark: str) -> None:
    for table in (scene.target.policies, scene.target.leads, scene.target.tickets):
        table.clear()
    scene.wrote(*made((thing, mark, "gone-already")))

    assert scene.clean() == Cleanup(1, 1)


@pytest.mark.parametrize(
    ("given", "reason", "again"),
    [
        pytest.param(answer({"detail": "Not allowed"}, 403), "HTTP 403: Not allowed", False, id="forbidden"),
        pytest.param(
            answer({"detail": "Method Not Allowed"}, 405), "HTTP 405: Method Not Allowed", False, id="not offered"
        ),
        pytest.param(answer({"detail": "down"}, 503), "HTTP 503: down", True, id="down"),
        pytest.param(lost(FailureKind.TIMEOUT, "no answer in time"), "no answer in time", True, id="no answer"),
    ],
)
def test_rows_that_stay_are_listed_with_the_reason_and_whether_another_attempt_may_help(
    scene: Scene, given: Answer, reason: str, again: bool
) -> None:
    scene.target.always("leads.delete", given)
    scene.wrote(*made(("lead", "PERF-l", "l1"), ("policy", "PERF-p", "p1")))

    done = scene.clean()
    assert (done.created, done.removed, done.not_removed) == (2, 1, (f"lead PERF-l: {reason}",))
    assert done.remaining == (Remaining("lead", reason, again, 1),)
    assert "p1" not in scene.target.policies


@pytest.mark.parametrize(
    "failed",
    [
        # a limiter that fails at every hundredth request meets cleanup, too
        pytest.param(answer({"detail": "Rate limiter error"}, 500), id="an error of the server"),
        pytest.param(lost(FailureKind.TIMEOUT, "no answer in time"), id="no answer"),
        pytest.param(lost(FailureKind.IDLE_CLOSED, "closed"), id="an idle connection closed"),
    ],
)
@pytest.mark.parametrize("operation", ["login", "leads.delete", "leads.search", "leads.page", "flags.update"])
def test_one_failure_leaves_nothing_behind(scene: Scene, operation: str, failed: Answer) -> None:
    scene.target.give(operation, failed)
    scene.wrote(*made(("lead", "PERF-l", "")), JournalEntry("flag", "flag", "perf_dark", before=False))

    assert scene.clean() == Cleanup(1, 1)


def test_all_that_cleanup_sends_besides_logins_may_be_sent_twice() -> None:
    by_rows = {name for kind in ROW_KINDS for name in (kind.delete, kind.read, kind.find, kind.pages, kind.sample)}
    restoring = {name for value in (FLAG_STATE, *SETTINGS.values()) for name in (value.write, value.read)}

    assert {CATALOGUE[name].method for name in (by_rows | restoring) - {""}} == {"GET", "PUT", "DELETE"}


@pytest.mark.parametrize(
    "forbidden",
    [
        pytest.param(set(), id="nobody finds it"),
        pytest.param({("super_admin", "leads.delete")}, id="only the maker may delete it"),
    ],
)
def test_a_row_whose_deletion_was_not_answered_and_that_is_not_found_the_second_time_is_removed(
    scene: Scene, forbidden: set[tuple[str, str]]
) -> None:
    (identity,) = scene.make("lead")
    scene.target.forbidden = forbidden

    def deleted_in_silence(_asked: Asked) -> Answer:
        del scene.target.leads[identity]
        return lost()

    scene.target.give("leads.delete", deleted_in_silence)

    assert scene.clean(ADMIN, AGENT) == Cleanup(1, 1)


def test_a_row_that_its_maker_does_not_find_the_second_time_is_not_removed_while_it_is_there(scene: Scene) -> None:
    scene.make("lead")
    scene.target.forbidden = {("super_admin", "leads.delete")}
    scene.target.give("leads.delete", lost(), answer({"detail": "not found"}, 404))

    (why,) = reasons(scene.clean(ADMIN, AGENT))
    assert why == CleanupMessage.STILL_THERE(how="HTTP 404 the second time", status="some lead_status")


def test_rows_that_the_target_refused_are_not_looked_for(scene: Scene) -> None:
    scene.wrote(JournalEntry("create", "lead", "PERF-l"), JournalEntry("refused", "lead", "PERF-l"))

    assert scene.clean() == Cleanup(0, 0)
    assert scene.asked() == []


def test_flags_get_the_value_back_that_they_had_first(scene: Scene) -> None:
    scene.wrote(
        JournalEntry("flag", "flag", "perf_dark", before=False),  # preflight
        JournalEntry("flag", "flag", "perf_dark", before=True),  # the load, after preflight had turned it over
    )

    assert scene.clean() == Cleanup(0, 0)
    assert scene.target.flags["perf_dark"]["is_enabled"] is False


def test_a_flag_that_cannot_be_put_back_is_listed_and_put_back_the_next_time(scene: Scene) -> None:
    scene.wrote(JournalEntry("flag", "flag", "perf_dark", before=False))
    scene.target.give("flags.update", *[answer({"detail": "down"}, 500)] * 2)

    assert scene.clean().not_restored == ("flag perf_dark (was False): HTTP 500: down",)
    assert scene.clean().not_restored == ()
    assert scene.target.flags["perf_dark"]["is_enabled"] is False


def test_what_cannot_be_put_back_is_counted(scene: Scene) -> None:
    scene.wrote(*(JournalEntry("not restorable", "theme preference of account", f"user-{n}") for n in range(3)))

    assert scene.clean() == Cleanup(0, 0, not_restorable=("theme preference of account (changed on 3)",))


def test_a_second_cleanup_finds_nothing_and_changes_nothing(scene: Scene) -> None:
    scene.wrote(*made(("lead", "PERF-l", "l1"), ("ticket", "PERF-x", "")))
    scene.wrote(JournalEntry("flag", "flag", "perf_dark", before=False))
    scene.clean()
    scene.target.flags["perf_dark"]["is_enabled"] = True  # somebody's own decision since
    asked_before = len(scene.target.asked)

    assert scene.cleaned(ADMIN) == CleanupResult(Cleanup(1, 1), tried=0)
    assert len(scene.target.asked) == asked_before
    assert scene.target.flags["perf_dark"]["is_enabled"] is True


def test_an_expired_token_is_renewed_in_the_middle(scene: Scene) -> None:
    scene.wrote(*made(("lead", "PERF-l", "l1"), ("policy", "PERF-p", ""), ("ticket", "PERF-t", "t1")))
    scene.wrote(JournalEntry("flag", "flag", "perf_dark", before=False))

    expired = answer({"detail": "expired"}, 401)
    for operation in ("leads.delete", "policies.by_number", "tickets.delete", "flags.update"):
        scene.target.give(operation, expired)

    assert scene.clean() == Cleanup(3, 3)
    assert scene.target.flags["perf_dark"]["is_enabled"] is False


def test_when_nobody_may_log_in_everything_is_listed(scene: Scene) -> None:
    scene.wrote(*made(("lead", "PERF-l", "l1")), JournalEntry("flag", "flag", "perf_dark", before=False))

    done = scene.clean(Account(ACCOUNTS["super_admin"].phone_number, "wrong-password", "super_admin"))

    why = CleanupMessage.CANNOT_LOG_IN(role="Super Admin", why="HTTP 401: Invalid credentials")
    assert (done.created, done.removed) == (1, 0)
    assert done.not_removed == (f"lead PERF-l: {why}",)
    assert done.not_restored == (f"flag perf_dark (was False): {why}",)
    assert len(scene.target.asked_for("login")) == 1
    assert PASSWORD not in str(done)


def test_without_a_super_admin_and_the_maker_nothing_is_sent_and_everything_is_listed(scene: Scene) -> None:
    scene.wrote(*made(("lead", "PERF-l", "l1")), JournalEntry("flag", "flag", "perf_dark", before=True))

    done = scene.clean(ACCOUNTS["policyholder"])

    assert (done.created, done.removed) == (1, 0)
    assert reasons(done) == [CleanupMessage.NO_ACCOUNT(admin="Super Admin")]
    why = CleanupMessage.NO_ADMIN_TO_RESTORE(admin="Super Admin")
    assert done.not_restored == (f"flag perf_dark (was True): {why}",)
    assert scene.asked() == []
    assert scene.clean().removed == 1  # with one, the next cleanup finds it


def test_a_target_that_has_gone_is_not_asked_for_every_row(scene: Scene) -> None:
    scene.wrote(*made(*(("lead", f"PERF-{n}", f"l{n}") for n in range(50))))
    scene.target.always("leads.delete", lost(FailureKind.TIMEOUT, "no answer in time"))

    done = scene.clean()

    assert (done.created, done.removed, len(done.not_removed)) == (50, 0, 50)
    assert len(scene.target.asked_for("leads.delete")) == 3
    assert reasons(done) == [CleanupMessage.TARGET_SILENT(why="no answer in time"), "no answer in time"]
    assert [group.rows for group in done.remaining] == [48, 2]
