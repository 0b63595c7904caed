"""What is told beside a verdict without changing it."""

from __future__ import annotations

import inspect
from dataclasses import replace
from typing import Any

import pytest

from perfsuite.judge.notes import notes_of
from perfsuite.model import Coverage, Drift, GeneratorHealth, Lack, Logins, Remark, ServerTimes
from perfsuite.roles import ROLES as SEVEN
from tests.judge.made_summaries import ROLES, make_plan, make_summary

LINE = 80 - len("  – Note: ")


@pytest.mark.parametrize(
    ("host", "more", "told"),
    [
        ("http://staging-api.agentmitra.com", {}, []),
        ("http://10.0.0.7:8015", {}, []),
        *(
            (host, {}, ["load and target on one machine (or a tunnel)"])
            for host in ("http://localhost:8015", "http://127.0.0.9:8015", "http://[::1]:8015")
        ),
        pytest.param(
            "http://staging-api.agentmitra.com", {"demo": "embedded"}, ["load and target on one machine (demo)"],
            id="a demo, wherever it says it is",
        ),
        pytest.param(
            "http://localhost:8015", {"shared_accounts": {"reader": 1, "writer": 2}},
            ["load and target on one machine (or a tunnel); 240 users on 3 accounts"],
            id="shared accounts of all roles in the same line",
        ),
    ],
)  # fmt: skip
def test_what_is_the_same_in_every_run_takes_one_line(host: str, more: dict[str, Any], told: list[str]) -> None:
    plan = replace(make_plan(), host=host, **more)
    notes = notes_of(plan, make_summary(plan), ROLES)
    assert notes == told
    assert all(len(note) <= LINE for note in notes)


IN_MS = Remark("X-Process-Time", "it looks like milliseconds", "12.3 for an answer that took 4.0 ms", 900)


@pytest.mark.parametrize(
    ("times", "remarks", "told"),
    [
        pytest.param(ServerTimes(900, 0), (), [], id="believed"),
        pytest.param(
            ServerTimes(900, 900, used=False), (IN_MS,),
            ["X-Process-Time was ignored: 12.3 for an answer that took 4.0 ms; it looks like milliseconds"],
            id="every one in milliseconds",
        ),
        pytest.param(
            ServerTimes(9_000, 900, used=False), (IN_MS,),
            [
                "X-Process-Time was ignored: 12.3 for an answer that took 4.0 ms; it looks like milliseconds; so it was"
                " in 900 of 9,000 answers, and no other is used either"
            ],
            id="a tenth: none is used",
        ),
        pytest.param(
            ServerTimes(9_000_000, 900), (IN_MS,),
            [
                "X-Process-Time of 900 of 9,000,000 answers was ignored: 12.3 for an answer that took 4.0 ms; it looks"
                " like milliseconds"
            ],
            id="hardly any: the others are used",
        ),
        pytest.param(
            ServerTimes(900, 0, used=False, zeros=880), (),
            ["the server's own time was ignored: it was 0 in 880 of 900 answers"],
            id="nearly always 0",
        ),
        pytest.param(
            ServerTimes(900, 0, used=False), (),
            ["the server's own time was ignored: on average it was longer than the answers took"],
            id="a file of before",
        ),
    ],
)  # fmt: skip
def test_server_times_that_were_ignored(times: ServerTimes, remarks: tuple[Remark, ...], told: list[str]) -> None:
    plan = replace(make_plan(), host="http://staging-api.agentmitra.com")
    assert notes_of(plan, make_summary(plan, server_times=times, remarks=remarks), ROLES) == told


@pytest.mark.parametrize(
    ("number", "told"),
    [
        pytest.param(0, "", id="none"),
        pytest.param(1, "1 request was refused since a token had expired: the user logged in", id="one"),
        pytest.param(1_200, "1,200 requests were refused since a token had expired: users logged in", id="many"),
    ],
)
def test_requests_whose_token_had_expired(number: int, told: str) -> None:
    plan = replace(make_plan(), host="http://staging-api.agentmitra.com")
    summary = make_summary(plan)
    notes = notes_of(plan, replace(summary, whole_run=replace(summary.whole_run, expired=number)), ROLES)
    assert len(notes) == bool(told)
    assert all(note.startswith(told) for note in notes)


@pytest.mark.parametrize(
    ("late", "told"),
    [
        pytest.param(0, [], id="the steady state could wait for all"),
        pytest.param(
            31,
            [
                "31 of 220 users were still logging in when the steady state began, a quarter into the plateau: 4.2 %"
                " of the requests that ended in it are logins; lower --spawn-rate, or run longer"
            ],
            id="it could not",
        ),
    ],
)
def test_logins_within_the_steady_state(late: int, told: list[str]) -> None:
    plan = replace(make_plan(), host="http://staging-api.agentmitra.com")
    summary = make_summary(plan)
    logins = Logins(220, 0, 0, 9_000.0, 24_000.0, 0, 60.0, late, 0.042, 0)
    summary = replace(summary, logins=logins, users=replace(summary.users, requested=220))
    assert notes_of(plan, summary, ROLES) == told


def test_a_lifetime_that_cannot_be() -> None:
    plan = replace(make_plan(), host="http://staging-api.agentmitra.com")
    odd = Remark("the token's lifetime", "it is used until the target refuses it", "0 s", 91)
    assert notes_of(plan, make_summary(plan, remarks=(odd,)), ROLES) == [
        "the token's lifetime is 0 s; it is used until the target refuses it"
    ]


@pytest.mark.parametrize(
    ("by_s", "told"),
    [
        pytest.param(0.4, "", id="what a time service corrects"),
        pytest.param(3600.2, "set forward by 3,600 s", id="an hour forward, or the machine slept"),
        pytest.param(-7.5, "set back by 7.5 s", id="back"),
    ],
)
def test_a_system_clock_that_was_set(by_s: float, told: str) -> None:
    plan = replace(make_plan(), host="http://staging-api.agentmitra.com")
    notes = notes_of(plan, make_summary(plan, clock_set_s=by_s), ROLES)
    assert len(notes) == bool(told)
    assert all(told in note for note in notes)


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        pytest.param({}, True, id="rows may be left"),
        pytest.param({"demo": "embedded"}, False, id="a demo is gone with its rows"),
        pytest.param({"read_only": True}, False, id="nothing was written"),
    ],
)
def test_a_run_that_was_cut_off_may_have_left_rows(changed: dict[str, Any], told: bool) -> None:
    plan = replace(make_plan(), **changed)
    notes = notes_of(plan, make_summary(plan, ended="cut off"), ROLES)
    assert any("remove it with the command cleanup" in note for note in notes) is told


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
        f"policies.premiums, policies.read as policyholder could not be made 34 times: {empty}",
        "flags.update as super_admin could not be made 1 time: needs a flag_name",
        "policies.read as reader could not be made 2 times: the reason was not recorded",
    ]


@pytest.mark.parametrize("used", [pytest.param(False, id="on its own"), pytest.param(True, id="in a reason")])
def test_an_empty_answer_for_which_the_database_read_rows_is_told_once(used: bool) -> None:
    plan = make_plan()
    answer = "GET /feature-flags/all answered [] although the database read 12 rows"
    lacks = (Lack("super_admin", "flags.update", f"needs a flag_name; {answer}", 1),) if used else ()
    entries = (f"super_admin / {answer}", "reader / GET /policies/ answered []")
    coverage = Coverage(20, (), (), (), {}, (), lacking=lacks, empty=entries)

    (note,) = notes_of(plan, make_summary(plan, coverage=coverage), SEVEN)

    assert answer in note
    assert "GET /policies/" not in note


@pytest.mark.parametrize(
    ("operation", "wanting"),
    [
        pytest.param("policies.premiums", "the target holds no data for it", id="a policyholder without a policy"),
        pytest.param(
            "policies.approve", "it works on what the same load process has made, and none of that was left",
            id="the policy was made by another process, or is approved already",
        ),
    ],
)  # fmt: skip
def test_why_an_operation_was_not_possible(operation: str, wanting: str) -> None:
    plan = make_plan()
    coverage = Coverage(20, (), (), (), {operation: 3}, ())
    (note,) = notes_of(plan, make_summary(plan, coverage=coverage), SEVEN)
    assert note == f"{operation} could not be made 3 times: {wanting}"


def test_each_reason_to_leave_something_out_is_a_note_of_its_own() -> None:
    plan = make_plan()
    entries = ("writer / leads.create", "writer / policies.create", "writer / users.update")
    stays = "its rows cannot be removed (HTTP 403)"
    coverage = Coverage(20, (), (), entries, {}, (), left_out_because=dict.fromkeys(entries[:2], stays))

    assert notes_of(plan, make_summary(plan, coverage=coverage), ROLES) == [
        f"left out, {stays}: writer / leads.create, writer / policies.create",
        "left out, which write, while the run is read-only: writer / users.update",
    ]


def test_the_steps_that_look_into_what_the_run_has_made_say_so() -> None:
    """Nothing else makes them find out: a step without the word would be told as a want of data at the target."""
    for role in SEVEN:
        for step in (step for behaviour in role.behaviours for step in behaviour.steps):
            source = inspect.getsource(step.arguments)
            assert step.of_run == ("session.made(" in source or "just_made(" in source), (role.slug, step.operation)


@pytest.mark.parametrize(
    ("drift", "told"),
    [
        pytest.param(
            Drift("p50_ms", 40.0, 52.0, 0.0012),
            "the median response time rose within the steady state from about 40 ms to 52 ms (30 %, p = 0.001)",
            id="slower",
        ),
        pytest.param(
            Drift("rps", 100.0, 92.0, 0.004),
            "the throughput fell within the steady state from about 100 requests/s to 92 requests/s (8.0 %, p = 0.004)",
            id="less done",
        ),
        pytest.param(
            Drift("p95_ms", 0.0, 9.0, 0.001),
            "the 95th percentile rose within the steady state from about 0 ms to 9 ms (from nothing, p = 0.001)",
            id="a trend line may begin at zero",
        ),
    ],
)
def test_drift(drift: Drift, told: str) -> None:
    plan = make_plan()
    (note,) = notes_of(plan, make_summary(plan, drifts=(drift,)), ROLES)
    assert note == (f"{told}: what is told is a mean over a change; run longer, or look for what fills up or warms up")


def test_a_single_long_pause() -> None:
    health: dict[str, Any] = {"gc_pause_max_ms": 180.0, "gc_share_rate": 0.001}
    plan = make_plan()
    (note,) = notes_of(plan, make_summary(plan, generator=GeneratorHealth(1, 40.0, 2.0, 0, **health)), ROLES)
    assert note.startswith("the load generator stood still for 180 ms")
