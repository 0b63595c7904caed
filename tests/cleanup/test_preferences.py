"""What was changed in an account is put back where the target shows what it was."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.cleanup import CleanupInput, clean_up
from perfsuite.cleanup.clean_up import RESTORING_S
from perfsuite.messages.cleanup import CleanupMessage
from perfsuite.model import FailureKind
from perfsuite.roles import ROLES
from perfsuite.target import journal
from perfsuite.target.exchange import Answer
from perfsuite.target.journal import Journal, JournalEntry
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session
from tests.cleanup.scene import ADMIN, Scene
from tests.target.fake_target import ACCOUNTS, Asked, FakeTarget, Notes, answer, lost

HOLDER = ACCOUNTS["policyholder"]
ROLE = next(role for role in ROLES if role.slug == "policyholder")
USER = "user-policyholder"


@pytest.fixture
def shown(scene: Scene) -> Scene:
    """A target that shows preferences."""
    scene.target.without = set()
    scene.target.themes[USER] = "solarized"
    return scene


def changed(target: FakeTarget, folder: Path, times: int = 3) -> None:
    """A policyholder whose actions changed the theme."""
    book = Journal(folder / "journal-worker-1.jsonl")
    run = RunState("basic_1", journal=book, thorough=True)
    session = Session(ROLE, HOLDER, target, run, Notes())
    for _ in range(times):
        session.perform(ROLE.behaviours[0])
    book.close()


def test_it_is_put_back_as_it_was_by_the_account_itself(shown: Scene) -> None:
    changed(shown.target, shown.folder)
    assert shown.target.themes[USER] in ("light", "dark")

    done = shown.cleaned(ADMIN, HOLDER)

    assert shown.target.themes[USER] == "solarized"
    assert (done.cleanup.not_restored, done.cleanup.not_restorable, done.tried) == ((), (), 1)
    asked = len(shown.target.asked)
    assert shown.cleaned(ADMIN, HOLDER).tried == 0
    assert len(shown.target.asked) == asked


def test_it_is_asked_for_once_however_often_it_is_changed(shown: Scene) -> None:
    changed(shown.target, shown.folder, times=5)

    assert len(shown.target.asked_for("preferences.read")) == 1
    assert len(shown.target.asked_for("users.preferences")) == 5
    (entry,) = journal.read(shown.folder)
    assert (entry.what, entry.thing, entry.mark, entry.before) == ("preference", "theme", USER, "solarized")
    assert entry.by == HOLDER.phone_number


def test_no_theme_at_all_can_be_put_back_too(shown: Scene) -> None:
    shown.target.themes[USER] = None
    changed(shown.target, shown.folder)

    assert shown.clean(ADMIN, HOLDER).not_restored == ()
    assert shown.target.themes[USER] is None


def test_where_it_is_not_shown_the_change_is_listed_as_before(scene: Scene) -> None:
    scene.target.without = {"preferences.read"}
    run_left_out = {"policyholder": frozenset({"preferences.read"})}
    book = Journal(scene.folder / "journal-worker-1.jsonl")
    run = RunState("basic_1", left_out=run_left_out, journal=book, thorough=True)
    Session(ROLE, HOLDER, scene.target, run, Notes()).perform(ROLE.behaviours[0])
    book.close()

    assert scene.clean(ADMIN, HOLDER).not_restorable == ("theme preference of account (changed on 1)",)
    assert scene.target.asked_for("preferences.read") == []


def test_where_it_could_not_be_read_this_time_it_is_not_changed(shown: Scene) -> None:
    shown.target.give("preferences.read", answer({"detail": "down"}, 503))
    book = Journal(shown.folder / "journal-worker-1.jsonl")
    session = Session(ROLE, HOLDER, shown.target, RunState("basic_1", journal=book), Notes())
    for _ in range(10):
        session.perform(ROLE.behaviours[0])
    assert shown.target.themes[USER] == "solarized"
    for _ in range(10):
        session.perform(ROLE.behaviours[0])
    book.close()

    (entry,) = journal.read(shown.folder)
    assert (entry.what, entry.before) == ("preference", "solarized")
    assert shown.target.themes[USER] != "solarized"


def test_of_several_processes_the_first_change_counts(shown: Scene) -> None:
    later = JournalEntry("preference", "theme", USER, before="dark", by=HOLDER.phone_number, at=20.0)
    first = JournalEntry("preference", "theme", USER, before="solarized", by=HOLDER.phone_number, at=10.0)
    shown.wrote(later, first)

    shown.clean(ADMIN, HOLDER)

    assert shown.target.themes[USER] == "solarized"


def test_what_does_not_stay_written_is_listed_and_tried_again_by_the_next_cleanup(shown: Scene) -> None:
    shown.wrote(JournalEntry("preference", "theme", USER, before="mint", by=HOLDER.phone_number))
    shown.target.give("preferences.read", *[answer({"theme_preference": "dark"})] * 2)

    assert shown.clean(ADMIN, HOLDER).not_restored == (
        f"theme of account {USER} (was mint): {CleanupMessage.NOT_RESTORED(value='dark')}",
    )
    assert shown.clean(ADMIN, HOLDER).not_restored == ()


@pytest.mark.parametrize(
    ("limits", "theme"),
    [pytest.param(0.1, "mint", id="there is time"), pytest.param(1.1, "dark", id="the time is over")],
)
def test_what_a_late_request_of_the_load_overwrites_is_written_once_more_in_time(
    shown: Scene, limits: float, theme: str
) -> None:
    shown.wrote(JournalEntry("preference", "theme", USER, before="mint", by=HOLDER.phone_number))
    clock = [0.0]

    def overwritten(_asked: Asked) -> Answer:
        clock[0] += RESTORING_S * limits
        shown.target.themes[USER] = "dark"
        return answer({"data": {"theme_preference": "dark"}})

    shown.target.give("preferences.read", overwritten)
    run = RunState("basic_1", purpose="cleanup")
    means = CleanupInput(ROLES, (HOLDER,), run, shown.target, clock=lambda: clock[0])
    done = clean_up(list(journal.read(shown.folder)), means).cleanup

    assert shown.target.themes[USER] == theme
    assert bool(done.not_restored) is (theme == "dark")


def test_without_the_account_it_is_listed(shown: Scene) -> None:
    shown.wrote(JournalEntry("preference", "theme", USER, before="mint", by=HOLDER.phone_number))

    (line,) = shown.clean(ADMIN).not_restored

    assert line == f"theme of account {USER} (was mint): {CleanupMessage.NO_OWNER()}"


def test_putting_back_ends_in_time(shown: Scene) -> None:
    users = [f"user-{number}" for number in range(4)]
    shown.wrote(*(JournalEntry("preference", "theme", user, before="mint", by=HOLDER.phone_number) for user in users))
    clock = [0.0]

    def slow(asked: Asked) -> object:
        clock[0] += RESTORING_S * 0.6
        return shown.target.set_theme(asked)

    shown.target.handle("users.preferences", slow)  # type: ignore[arg-type]
    run = RunState("basic_1", purpose="cleanup")
    means = CleanupInput(ROLES, (HOLDER,), run, shown.target, clock=lambda: clock[0])
    done = clean_up(list(journal.read(shown.folder)), means).cleanup

    assert [line.partition(": ")[2] for line in done.not_restored] == [CleanupMessage.NO_TIME_TO_RESTORE()] * 2


@pytest.mark.parametrize(
    ("limits", "sent"), [pytest.param(0.6, 2, id="there is time"), pytest.param(1.1, 1, id="the time is over")]
)
def test_what_met_no_answer_is_sent_once_more_in_time(shown: Scene, limits: float, sent: int) -> None:
    shown.wrote(*(JournalEntry("preference", "theme", user, before="mint", by=HOLDER.phone_number) for user in "ab"))
    clock = [0.0]

    def silent(_asked: Asked) -> Answer:
        clock[0] += RESTORING_S * limits
        return lost(FailureKind.TIMEOUT, "no answer in time")

    shown.target.always("users.preferences", silent)
    run = RunState("basic_1", purpose="cleanup")
    means = CleanupInput(ROLES, (HOLDER,), run, shown.target, clock=lambda: clock[0])
    done = clean_up(list(journal.read(shown.folder)), means).cleanup

    whys = ["no answer in time", CleanupMessage.NO_TIME_TO_RESTORE()]
    assert [line.partition(": ")[2] for line in done.not_restored] == whys
    assert len(shown.target.asked_for("users.preferences")) == sent


def test_what_is_changed_once_more_by_the_load_is_not_put_back_before_it(shown: Scene) -> None:
    changed(shown.target, shown.folder)
    run = RunState("basic_1", purpose="cleanup")
    means = CleanupInput(ROLES, (ADMIN, HOLDER), run, shown.target, rows_only=True)

    assert clean_up(list(journal.read(shown.folder)), means).tried == 0
    assert shown.target.themes[USER] != "solarized"


def test_what_checks_of_correctness_changed_is_put_back_unless_they_did_so_themselves(shown: Scene) -> None:
    shown.target.always("users.preferences", answer({"success": True}))
    account = {"user_id": USER, "role": "policyholder", "status": "active", "language_preference": "en"}
    shown.target.always("users.read", answer(account))
    for setting, before in (("language", "en"), ("timezone", "Asia/Kolkata")):
        shown.wrote(JournalEntry("preference", setting, USER, before=before, by=HOLDER.phone_number))
    shown.wrote(JournalEntry("restored", "timezone", USER))

    assert shown.clean(ADMIN, HOLDER).not_restored == ()

    (written,) = shown.target.asked_for("users.preferences")
    assert written.body == {"language_preference": "en"}


def test_a_setting_that_this_version_does_not_know_is_listed(shown: Scene) -> None:
    shown.wrote(JournalEntry("preference", "colour", USER, before="red", by=HOLDER.phone_number))

    assert shown.clean(ADMIN, HOLDER).not_restored == (
        f"colour of account {USER} (was red): {CleanupMessage.UNKNOWN_KIND()}",
    )
