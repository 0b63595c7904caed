"""Notes stand beside a verdict without changing it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.judge.notes import notes_of
from perfsuite.messages import Code, Message
from perfsuite.messages.notes import Note
from perfsuite.model import (
    Coverage,
    Drift,
    FailureGroup,
    FailureKind,
    GeneratorHealth,
    Lack,
    Logins,
    Plan,
    RawSampleFiles,
    Remark,
    ServerTimes,
    WholeRun,
)
from perfsuite.roles import ROLES as SEVEN
from perfsuite.target.failures import IN_USE, KEEP_ALIVE
from tests.judge.made_summaries import AVERAGE, P95, ROLES, THROUGHPUT, figures, make_plan, make_summary, row

LINE = 80 - len("  – Note: ")


def codes(messages: Iterable[Message]) -> list[Code]:
    return [message.code for message in messages]


def remote_plan() -> Plan:
    return replace(make_plan(), host="http://staging-api.agentmitra.com")


@pytest.mark.parametrize(
    ("host", "more", "expected"),
    [
        ("http://staging-api.agentmitra.com", {}, []),
        ("http://10.0.0.7:8015", {}, []),
        *(
            (host, {}, [Note.ONE_MACHINE()])
            for host in ("http://localhost:8015", "http://127.0.0.9:8015", "http://[::1]:8015")
        ),
        pytest.param(
            "http://staging-api.agentmitra.com", {"demo": "embedded"}, [Note.ONE_MACHINE_DEMO()],
            id="a demo, whatever its host",
        ),
        pytest.param(
            "http://localhost:8015", {"shared_accounts": {"reader": 1, "writer": 2}},
            [Note.ONE_MACHINE().also(Note.SHARED_ACCOUNTS(users=240, accounts=3))],
            id="shared accounts of all roles in the same line",
        ),
    ],
)  # fmt: skip
def test_what_is_the_same_in_every_run_takes_one_line(host: str, more: dict[str, Any], expected: list[Message]) -> None:
    plan = replace(make_plan(), host=host, **more)
    notes = notes_of(plan, make_summary(plan), ROLES)
    assert notes == expected
    assert all(len(note) <= LINE for note in notes)


@pytest.mark.parametrize(
    ("remarks", "failed", "fields"),
    [
        pytest.param(
            [Remark(KEEP_ALIVE, "5 s", "5.002 s", 40), Remark(KEEP_ALIVE, "6 s", "5.6 s", 2)], 3,
            {"closed": 42, "after": ["5 s", "6 s"], "repeated": 39, "failed": 3}, id="the most frequent time first",
        ),
        pytest.param(
            [Remark(KEEP_ALIVE, f"{number} s", "", 1) for number in range(1, 9)], 0,
            {"closed": 8, "after": ["1 s", "2 s", "3 s"], "repeated": 8, "failed": 0}, id="three times at most",
        ),
    ],
)  # fmt: skip
def test_idle_connections_that_the_target_closed(remarks: list[Remark], failed: int, fields: dict[str, Any]) -> None:
    plan = remote_plan()
    groups = (FailureGroup("reader", "x", FailureKind.IDLE_CLOSED, "", failed, 1, 2, ""),) if failed else ()
    summary = make_summary(
        plan, remarks=tuple(remarks), failures=groups, whole_run=WholeRun(10_000, failed, 0, retries=39)
    )
    (note,) = notes_of(plan, summary, ROLES)
    assert (note.code, note.fields) == (Note.IDLE_CLOSED, fields)


def test_connections_in_use_that_the_target_closed_have_a_note_of_their_own() -> None:
    plan = remote_plan()
    summary = make_summary(plan, remarks=(Remark(IN_USE, "", "", 7),), whole_run=WholeRun(10_000, 0, 0, retries=7))
    (note,) = notes_of(plan, summary, ROLES)
    assert (note.code, note.fields) == (Note.CLOSED_IN_USE, {"closed": 7})


IN_MS = Remark("X-Process-Time", "it looks like milliseconds", "12.3 for an answer that took 4.0 ms", 900)


@pytest.mark.parametrize(
    ("times", "remarks", "code", "fields"),
    [
        pytest.param(ServerTimes(900, 900, used=False), (IN_MS,), Note.SERVER_TIME_ALL, {}, id="all in milliseconds"),
        pytest.param(
            ServerTimes(9_000, 900, used=False), (IN_MS,), Note.SERVER_TIME_MANY, {"ignored": 900, "reported": 9_000},
            id="a tenth: none is used",
        ),
        pytest.param(
            ServerTimes(9_000_000, 900), (IN_MS,), Note.SERVER_TIME_SOME, {"ignored": 900, "reported": 9_000_000},
            id="hardly any: the others are used",
        ),
        pytest.param(
            ServerTimes(900, 0, used=False, zeros=880), (), Note.SERVER_TIME_ZEROS, {"zeros": 880, "reported": 900},
            id="nearly always 0",
        ),
        pytest.param(ServerTimes(900, 0, used=False), (), Note.SERVER_TIME_TOO_LONG, {}, id="an older file"),
    ],
)  # fmt: skip
def test_server_times_that_were_ignored(
    times: ServerTimes, remarks: tuple[Remark, ...], code: Note, fields: dict[str, int]
) -> None:
    plan = remote_plan()
    (note,) = notes_of(plan, make_summary(plan, server_times=times, remarks=remarks), ROLES)

    assert note.code is code
    assert fields.items() <= note.fields.items()
    assert not remarks or (note.fields["header"], note.fields["why"]) == (IN_MS.about, IN_MS.why)


def test_server_times_that_are_used_take_no_note() -> None:
    plan = remote_plan()
    assert notes_of(plan, make_summary(plan, server_times=ServerTimes(900, 0)), ROLES) == []


@pytest.mark.parametrize("number", [0, 1, 1_200])
def test_requests_whose_token_had_expired(number: int) -> None:
    plan = remote_plan()
    summary = make_summary(plan)
    notes = notes_of(plan, replace(summary, whole_run=replace(summary.whole_run, expired=number)), ROLES)
    assert notes == ([Note.TOKEN_EXPIRED(requests=number)] if number else [])


@pytest.mark.parametrize(
    "late", [pytest.param(0, id="the steady state could wait for all"), pytest.param(31, id="it could not")]
)
def test_logins_within_the_steady_state(late: int) -> None:
    plan = remote_plan()
    summary = make_summary(plan)
    logins = Logins(220, 0, 0, 9_000.0, 24_000.0, 0, 60.0, late, 0.042, 0)
    summary = replace(summary, logins=logins, users=replace(summary.users, requested=220))
    expected = [Note.LATE_LOGINS(late=late, users=220, share=0.042)] if late else []
    assert notes_of(plan, summary, ROLES) == expected


def test_a_lifetime_that_cannot_be_true() -> None:
    plan = remote_plan()
    odd = Remark("the token's lifetime", "it is used until the target refuses it", "0 s", 91)
    (note,) = notes_of(plan, make_summary(plan, remarks=(odd,)), ROLES)
    assert (note.code, note.fields["example"], note.fields["why"]) == (Note.TOKEN_LIFETIME, "0 s", odd.why)


@pytest.mark.parametrize(
    ("by_s", "direction"),
    [
        pytest.param(0.4, "", id="what a time service corrects"),
        pytest.param(3600.2, "forward", id="an hour forward, or the machine slept"),
        pytest.param(-7.5, "back", id="back"),
    ],
)
def test_a_system_clock_that_was_set(by_s: float, direction: str) -> None:
    plan = remote_plan()
    notes = notes_of(plan, make_summary(plan, clock_set_s=by_s), ROLES)
    assert notes == ([Note.CLOCK_SET(direction=direction, by_s=abs(by_s))] if direction else [])


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        pytest.param({}, True, id="rows may be left"),
        pytest.param({"demo": "embedded"}, False, id="a demo is gone with its rows"),
        pytest.param({"read_only": True}, False, id="nothing was written"),
    ],
)
def test_a_run_that_was_cut_off_may_have_left_rows(changed: dict[str, Any], expected: bool) -> None:
    plan = replace(make_plan(), **changed)
    notes = notes_of(plan, make_summary(plan, ended="cut off"), ROLES)
    assert (Note.MAY_HAVE_LEFT_ROWS in codes(notes)) is expected


def test_what_was_missing_is_named_once_for_a_role() -> None:
    plan = make_plan()
    empty = "needs a policy_id; GET /policies/ answered []"
    lacks = (
        Lack("policyholder", "policies.premiums", empty, 30),
        Lack("policyholder", "policies.read", empty, 4),
        Lack("super_admin", "flags.update", "needs a flag_name", 1),
        Lack("reader", "policies.read", "", 2),
    )
    coverage = Coverage(20, (), (), (), {"policies.read": 6}, (), lacking=lacks)

    assert notes_of(plan, make_summary(plan, coverage=coverage), SEVEN) == [
        Note.LACKING(operations=["policies.premiums", "policies.read"], role="policyholder", times=34, why=empty),
        Note.LACKING(operations=["flags.update"], role="super_admin", times=1, why="needs a flag_name"),
        Note.LACKING(operations=["policies.read"], role="reader", times=2, why="the reason was not recorded"),
    ]


@pytest.mark.parametrize("used", [pytest.param(False, id="on its own"), pytest.param(True, id="in a reason")])
def test_an_empty_answer_for_which_the_database_read_rows_is_reported_once(used: bool) -> None:
    plan = make_plan()
    answer = "GET /feature-flags/all answered [] although the database read 12 rows"
    lacks = (Lack("super_admin", "flags.update", f"needs a flag_name; {answer}", 1),) if used else ()
    entries = (f"super_admin / {answer}", "reader / GET /policies/ answered []")
    coverage = Coverage(20, (), (), (), {}, (), lacking=lacks, empty=entries)

    (note,) = notes_of(plan, make_summary(plan, coverage=coverage), SEVEN)

    assert note.code is (Note.LACKING if used else Note.EMPTY_DESPITE_ROWS)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        pytest.param("policies.premiums", Note.LACKING_DATA, id="a policyholder without a policy"),
        pytest.param(
            "policies.approve", Note.LACKING_OWN_ROWS,
            id="the policy was made by another process, or is approved already",
        ),
    ],
)  # fmt: skip
def test_why_an_operation_was_not_possible(operation: str, code: Note) -> None:
    plan = make_plan()
    coverage = Coverage(20, (), (), (), {operation: 3}, ())
    assert notes_of(plan, make_summary(plan, coverage=coverage), SEVEN) == [code(operation=operation, times=3)]


def test_each_reason_to_leave_something_out_is_a_note_of_its_own() -> None:
    plan = make_plan()
    entries = ("writer / leads.create", "writer / policies.create", "writer / users.update")
    stays = "a reason of its own"
    coverage = Coverage(20, (), (), entries, {}, (), left_out_because=dict.fromkeys(entries[:2], stays))

    first, second = notes_of(plan, make_summary(plan, coverage=coverage), ROLES)

    assert first == Note.LEFT_OUT(why=stays, operations=entries[:2])
    assert (second.code, second.fields["operations"]) == (Note.LEFT_OUT, [entries[2]])


def test_the_steps_that_need_rows_of_the_run_declare_it() -> None:
    """Nothing else finds out: without the declaration, a note would say that the target lacks data."""
    for role in SEVEN:
        for step in (step for behaviour in role.behaviours for step in behaviour.steps):
            source = inspect.getsource(step.arguments)
            assert step.of_run == ("session.made(" in source or "just_made(" in source), (role.slug, step.operation)


@pytest.mark.parametrize(
    ("drift", "fields"),
    [
        pytest.param(
            Drift("p50_ms", 40.0, 52.0, 0.0012),
            {"figure": "the median response time", "direction": "rose", "start": "40 ms", "change": "30 %"},
            id="slower",
        ),
        pytest.param(
            Drift("rps", 100.0, 92.0, 0.004),
            {"figure": "the throughput", "direction": "fell", "end": "92 requests/s", "change": "8 %"},
            id="less done",
        ),
        pytest.param(
            Drift("p95_ms", 0.0, 9.0, 0.001), {"start": "0 ms", "change": "from nothing"},
            id="a trend line may begin at zero",
        ),
    ],
)  # fmt: skip
def test_drift(drift: Drift, fields: dict[str, str]) -> None:
    plan = make_plan()
    (note,) = notes_of(plan, make_summary(plan, drifts=(drift,)), ROLES)
    assert note.code is Note.DRIFT
    assert fields.items() <= note.fields.items()


def test_a_single_long_pause() -> None:
    health: dict[str, Any] = {"gc_pause_max_ms": 180.0, "gc_share_rate": 0.001}
    plan = make_plan()
    notes = notes_of(plan, make_summary(plan, generator=GeneratorHealth(1, 40.0, 2.0, 0, **health)), ROLES)
    assert notes == [Note.LONG_GC_PAUSE(longest="180 ms")]


# ── targets that were judged without failed requests ────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("p95_ms", "code"),
    [
        pytest.param(131.9, None, id="9.9 % more is within what is called a change"),
        pytest.param(132.2, Note.SLOW_ERRORS, id="more than 10 %"),
        pytest.param(2_000.0, Note.SLOW_ERRORS_WOULD_MISS, id="it would even be missed"),
        pytest.param(5.0, None, id="errors that came fast are no reason for a note: they are left out"),
        pytest.param(None, None, id="not known"),
    ],
)
def test_errors_that_took_long_are_left_out_of_a_time_and_reported(p95_ms: float | None, code: Note | None) -> None:
    plan = make_plan(P95, THROUGHPUT)
    summary = make_summary(plan, figures(10_000, 200, p95_ms=p95_ms), ok=figures(9_800))
    notes = [note for note in notes_of(plan, summary, ROLES) if note.code is not Note.FAST_ERRORS]
    assert codes(notes) == ([code] if code else [])
    assert not notes or notes[0].fields["judged"] == "120 ms"


def test_the_scope_is_named() -> None:
    plan = make_plan(replace(AVERAGE, role="reader", operation="policies.list"))
    cell = row("reader", "browsing", "policies.list", figures(900, 40, avg_ms=60.0))
    (note,) = notes_of(plan, make_summary(plan, None, replace(cell, ok=figures(860))), ROLES)
    assert note.code is Note.SLOW_ERRORS
    assert note.fields["figure"] == "average response time of policies.list as reader"


def test_fast_errors_are_in_the_tables_and_not_in_what_is_judged() -> None:
    plan = make_plan(P95)
    every = figures(10_000, 6_000, avg_ms=2.0, p95_ms=115.0, rps=166.7)
    (note,) = notes_of(plan, make_summary(plan, every, ok=figures(4_000, rps=66.7)), ROLES)
    assert (note.code, note.fields["left_out"]) == (Note.FAST_ERRORS, 6_000)
    assert [(each.fields["judged"], each.fields["every"]) for each in note.fields["differences"]] == [
        ("40 ms", "2 ms"),
        ("66.7 requests/s", "167 requests/s"),
    ]


@pytest.mark.parametrize(
    ("samples", "expected"),
    [
        pytest.param(None, [], id="none were asked for"),
        pytest.param(RawSampleFiles(("a",), 900, 0, "", True), [], id="complete"),
        pytest.param(
            RawSampleFiles(("a", "b"), 900, 60, "it is full", True),
            [Note.RAW_SAMPLES_LEFT_OUT(left_out=60, written=900, why="it is full")],
            id="one ended early",
        ),
        pytest.param(RawSampleFiles(("a",), 900, 0, "", False), [Note.RAW_SAMPLES_CUT_OFF()], id="its process died"),
    ],
)
def test_raw_samples_that_lack_requests_take_a_note(samples: RawSampleFiles | None, expected: list[Message]) -> None:
    plan = remote_plan()
    assert notes_of(plan, replace(make_summary(plan), raw_samples=samples), ROLES) == expected


def test_a_few_errors_that_hardly_show_take_no_note() -> None:
    plan = make_plan(P95)
    every = figures(10_000, 100, avg_ms=39.0, rps=166.7)
    assert notes_of(plan, make_summary(plan, every, ok=figures(9_900, rps=165.0)), ROLES) == []
