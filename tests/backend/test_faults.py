"""Faults: read from text, refused when misspelt, and really happening."""

import math
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import httpx
import pytest
from mitra_backend.fault_jobs import FaultJobs
from mitra_backend.fault_middleware import stall_left_s
from mitra_backend.faults import SERVED_ROUTES, Fault, FaultError, parse_fault
from mitra_backend.quirks import Quirks
from mitra_backend.state import FaultBoard
from sqlalchemy import event

from tests.backend.conftest import Serve
from tests.backend.support import Api

LIST = frozenset({"policies.list"})
WITHIN_S = 30.0
"""What a job needs that looks at its fault twenty times a second, on a machine with other things to do."""


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("latency=200ms@policies.list from 30s", Fault("latency", LIST, from_s=30, duration_s=0.2)),
        ("latency=1.5s@policies.list from 1 s to 2 s", Fault("latency", LIST, from_s=1, to_s=2, duration_s=1.5)),
        ("error=503@policies.list", Fault("error", LIST, status=503)),
        ("error=500:5%@policies.list", Fault("error", LIST, status=500, share=0.05)),
        ("stall=1s/5s@policies.list", Fault("stall", LIST, duration_s=1, every_s=5)),
        ("pool=2", Fault("pool", count=2)),
        ("pool=5:40ms", Fault("pool", count=5, duration_s=0.04)),
        ("leak=1MB@policies.list", Fault("leak", LIST, size_bytes=1_000_000)),
        ("leak=6MB/min from 10s", Fault("steady_leak", from_s=10, rate_per_s=100_000)),
        ("capacity=4:12.5 to 9s", Fault("capacity", SERVED_ROUTES, to_s=9, count=4, duration_s=0.0125)),
        ("lock=3s/10s", Fault("lock", duration_s=3, every_s=10)),
        ("rate_limit=5/s@policies.list", Fault("rate_limit", LIST, rate_per_s=5)),
        ("missing_field=status@policies.list", Fault("missing_field", LIST, text="status")),
        ("no_cache", Fault("no_cache")),
        ("skipped_row@policies.list from 5s", Fault("skipped_row", LIST, from_s=5)),
        ("deactivated_token to 5s", Fault("deactivated_token", to_s=5)),
        ("cut@policies.list to 9", Fault("cut", LIST, to_s=9)),
        ("cut@policies.list of the load", Fault("cut", LIST, of_load=True)),
        ("no_cache from 1s to 2s of the load", Fault("no_cache", from_s=1, to_s=2, of_load=True)),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_specs(spec: str, expected: Fault) -> None:
    assert parse_fault(spec) == expected


def test_patterns_of_routes() -> None:
    assert parse_fault("cut@*").routes - parse_fault("cut@health.*").routes == SERVED_ROUTES
    assert len(parse_fault("cut@*").routes) == 40
    five = {"tickets.list", "tickets.read", "tickets.create", "tickets.status", "tickets.delete"}
    assert parse_fault("missing_route@support.tickets").routes == five
    assert parse_fault("cut@tickets.*").routes == five


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        pytest.param("latencyy=1s@*", "did you mean 'latency'?", id="misspelt kind"),
        pytest.param("status=500@*", "unknown kind 'status'; known: latency, ", id="no kind is near"),
        pytest.param("cut@policies.lst", "did you mean 'policies.list'?", id="misspelt route"),
        pytest.param("wrong_rows@dashboard.system", "cannot have this fault", id="route without rows"),
        pytest.param("stale_read@policies.list", "did you mean 'policies.delete'?", id="defect of a write at a read"),
        pytest.param("number_race@policies.create", "belongs to no route", id="defect of the whole process"),
        pytest.param("number_race to 9s", "holds from the start", id="defect that needs another schema"),
        pytest.param("leak=1MB/min@*", "a leak per minute belongs to no route", id="leak per minute of a route"),
        pytest.param("leak=1MB", "leak needs a route", id="leak of no route"),
        pytest.param("capacity=0:25", "servers and the milliseconds of a request, as in capacity=4:25", id="no server"),
        pytest.param("capacity=4", "servers and the milliseconds", id="no service time"),
        pytest.param("capacity=4:25@*", "belongs to no route", id="capacity of a route"),
        pytest.param("latency@*", "expected a time, as in latency=200ms", id="value missing"),
        pytest.param("latency=0ms@*", "expected a time", id="nothing at all"),
        pytest.param("error=200@*", "expected a status", id="not an error"),
        pytest.param("error=500:0%@*", "expected a status", id="no share"),
        pytest.param("stall=5s/1s@*", "the period must be longer", id="longer than its period"),
        pytest.param("latency=1.2.3s@*", "could not convert", id="not a number"),
        pytest.param("cut", "needs a route", id="route missing"),
        pytest.param("pool=2@policies.list", "belongs to no route", id="route not wanted"),
        pytest.param("pool=5:40", "expected a time, as in pool=5:40ms", id="time without its unit"),
        pytest.param("pool=2 from 3s", "holds from the start", id="time not wanted"),
        pytest.param("pool=2 of the load", "holds from the start", id="load not wanted"),
        pytest.param("cut@* from 9s to 3s", "ends before it begins", id="wrong order"),
        pytest.param("no_cache=1", "takes no value", id="value not wanted"),
        pytest.param("rubbish!", "expected KIND", id="no spec at all"),
    ],
)
def test_mistakes_are_named(spec: str, message: str) -> None:
    with pytest.raises(FaultError, match=message.replace("?", r"\?")):
        parse_fault(spec)


@pytest.mark.parametrize(
    ("elapsed_s", "left_s"),
    [(0, 0), (4.9, 0), (5, 1), (5.4, 0.6), (6, 0), (10.5, 0.5)],
)
def test_stalls_end_together(elapsed_s: float, left_s: float) -> None:
    assert stall_left_s(Fault("stall", duration_s=1, every_s=5), elapsed_s) == pytest.approx(left_s)


def _board(api: Api) -> FaultBoard:
    board: FaultBoard = api.app.state.backend.board
    return board


def _let_pass(api: Api, elapsed_s: float) -> None:
    """So many seconds are over since the backend was ready."""
    _board(api).ready_at = time.perf_counter() - elapsed_s


def _until(true: Callable[[], bool]) -> None:
    until_s = time.monotonic() + WITHIN_S
    while not true():
        assert time.monotonic() < until_s
        time.sleep(0.01)


def _elapsed(api: Api, path: str = "/policies/") -> float:
    """Seconds that an answer took."""
    start = time.perf_counter()
    api.call("policyholder", "GET", path)
    return time.perf_counter() - start


def test_latency_holds_between_its_times(serve: Serve) -> None:
    api = serve("latency=700ms@policies.list from 1000s to 2000s")
    api.login("policyholder")

    def is_late(path: str = "/policies/") -> bool:
        """Always: one answer in time is enough, for a busy machine may be late, too."""
        return all(_elapsed(api, path) >= 0.7 for _try in range(5))

    assert not is_late()
    _let_pass(api, 1500)
    answer = api.call("policyholder", "GET", "/policies/")
    assert float(answer.headers["x-process-time"]) > 0.7
    assert not is_late("/users/me")
    _let_pass(api, 2500)
    assert not is_late()


def test_a_fault_of_the_load_begins_with_its_first_request(serve: Serve) -> None:
    """Of its own kinds the middleware knows when, of all others the board."""
    api = serve("error=503@users.me of the load", "wrong_rows@policies.list of the load", "cut@leads.list from 99s")

    def answers(run_id: str) -> tuple[int, bool]:
        account = api.call("policyholder", "GET", "/users/me", headers={"X-Run-ID": run_id})
        return account.status_code, api.app.state.backend.wrong_rows("policies.list")

    assert [answers(run_id) for run_id in ("", "basic_1/preflight", "basic_1/check")] == [(200, False)] * 3
    assert answers("basic_1") == (503, True)
    assert answers("basic_1/cleanup") == (503, True)


def test_the_seconds_of_a_fault_of_the_load_count_from_then_on() -> None:
    board = FaultBoard((parse_fault("no_cache from 1000s of the load"), parse_fault("missing_index")))
    board.start()
    of_load, of_process = board.faults
    assert (board.elapsed_s(of_load), board.elapsed_s(of_process) >= 0) == (-1, True)

    board.load_begins()
    assert board.active("no_cache") is None
    assert board.load_at is not None
    began_at = board.load_at = board.load_at - 1000
    board.load_begins()
    assert board.load_at == began_at, "the first request of a second load changes nothing"
    assert board.active("no_cache") == of_load


def test_errors_hit_their_share_exactly(serve: Serve) -> None:
    api = serve("error=503:25%@policies.list")
    statuses = [api.call("policyholder", "GET", "/policies/").status_code for _ in range(20)]
    assert statuses == [200, 200, 200, 503] * 5


def test_rate_limit(serve: Serve, monkeypatch: pytest.MonkeyPatch) -> None:
    api = serve("rate_limit=2/s@policies.list")
    for at_s, expected in ((1.0, [200, 200, 429, 429]), (1.6, [200, 429])):
        monkeypatch.setattr(FaultBoard, "elapsed_s", lambda _board, _fault=None, at_s=at_s: at_s)
        answers = [api.call("policyholder", "GET", "/policies/") for _ in expected]
        assert [answer.status_code for answer in answers] == expected
        assert answers[-1].headers["retry-after"] == "1"


def test_wrong_answers_of_many_kinds(serve: Serve) -> None:
    api = serve(
        "foreign_answer@users.me",
        "redirect@agents.profile",
        "missing_field=premium_amount@policies.list",
        "missing_field@dashboard.system",
        "cut@policies.coverage",
    )
    foreign = api.call("policyholder", "GET", "/users/me")
    assert (foreign.status_code, foreign.headers["content-type"]) == (200, "text/html; charset=utf-8")
    moved = api.call("junior_agent", "GET", "/agents/profile")
    assert (moved.status_code, moved.headers["location"]) == (
        307,
        "http://elsewhere.invalid/api/v1/agents/profile",
    )
    policies = api.get("policyholder", "/policies/")
    assert policies and all("premium_amount" not in policy and "status" in policy for policy in policies)
    assert "totalUsers" not in api.get("super_admin", "/dashboard/system-overview")
    with pytest.raises(httpx.TransportError):
        api.call("policyholder", "GET", f"/policies/{policies[0]['policy_id']}/coverage")


def test_wrong_rows_belong_to_somebody_else(serve: Serve) -> None:
    healthy, api = serve(), serve("wrong_rows@*")
    own = healthy.get("policyholder", "/policies/")
    holder_id, policy_id = own[0]["policyholder_id"], own[0]["policy_id"]
    listed = api.get("policyholder", "/policies/")
    assert listed and holder_id not in {policy["policyholder_id"] for policy in listed}
    assert api.get("policyholder", f"/policies/{policy_id}")["policy_id"] != policy_id
    right = healthy.get("policyholder", f"/policies/{policy_id}/premiums")
    assert api.get("policyholder", f"/policies/{policy_id}/premiums") != right
    filtered = api.get("support_staff", f"/policies/?policyholder_id={holder_id}")
    assert filtered and holder_id not in {policy["policyholder_id"] for policy in filtered}
    assert api.get("policyholder", "/users/me")["phone_number"] != "9876543205"
    agent_id = healthy.own_agent()["agent_id"]
    assert api.get("senior_agent", "/agents/profile")["agent_id"] != agent_id
    leads = api.get("senior_agent", "/leads/")["data"]["leads"]
    assert leads and agent_id not in {lead["agent_id"] for lead in leads}


def _queries_of(api: Api, who: str, path: str) -> int:
    seen: list[str] = []
    engine = api.app.state.backend.database.engine
    api.login(who)

    def note(_connection: Any, _cursor: Any, statement: str, *_more: Any) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    api.get(who, path)
    event.remove(engine, "before_cursor_execute", note)
    return len([statement for statement in seen if statement.startswith("SELECT")])


LISTS = ["/policies/", "/users/", "/agents/", "/leads/", "/support/tickets/"]


@pytest.mark.parametrize("path", LISTS)
def test_lists_ask_once_and_with_n_plus_one_once_per_row(serve: Serve, path: str) -> None:
    assert _queries_of(serve(), "super_admin", f"{path}?limit=20") <= 2
    assert _queries_of(serve("n_plus_one@*"), "super_admin", f"{path}?limit=20") >= 21


def test_no_cache_asks_every_time(serve: Serve) -> None:
    for faults, expected in (((), 0), (("no_cache",), 1)):
        api = serve(*faults)
        _queries_of(api, "policyholder", "/policies/")
        assert _queries_of(api, "policyholder", "/policies/") == expected


def test_pool_and_missing_routes(serve: Serve) -> None:
    api = serve("pool=2", "missing_route@support.tickets")
    assert api.get("super_admin", "/health/database")["database"]["pool_stats"]["size"] == 2
    assert api.call("support_staff", "GET", "/support/tickets/").status_code == 404
    assert not [path for path in api.http.get("/openapi.json").json()["paths"] if "tickets" in path]


def _next(api: Api, every_s: float) -> float:
    """When the next period begins, in seconds since the backend was ready; none does before the second one."""
    return max(1, math.ceil(_board(api).elapsed_s() / every_s)) * every_s


def _indexes(api: Api) -> int:
    with api.app.state.backend.database.read() as session:
        query = "SELECT count(*) FROM sqlite_master WHERE name LIKE 'ix_policies_list%'"
        return int(session.connection().exec_driver_sql(query).scalar() or 0)


def test_missing_index_is_gone_for_its_time(serve: Serve) -> None:
    api = serve("missing_index from 1000s to 2000s")
    assert _indexes(api) == 5
    _let_pass(api, 1500)
    _until(lambda: _indexes(api) == 0)
    _let_pass(api, 2500)
    _until(lambda: _indexes(api) == 5)


def test_lock_holds_up_writers_and_lets_go(serve: Serve) -> None:
    api = serve("lock=1.2s/2s")
    own = f"/users/{api.login('policyholder')['user']['user_id']}/preferences"

    def read_and_written_s() -> tuple[float, float]:
        """After the beginning of the next lock: when a read was answered, and when a write was."""
        begins_s = _next(api, 2.0)
        time.sleep(max(0, begins_s + 0.15 - _board(api).elapsed_s()))
        assert api.call("policyholder", "GET", "/policies/").status_code == 200
        read_s = _board(api).elapsed_s() - begins_s
        assert api.call("policyholder", "PUT", own, json={"theme_preference": "x"}).status_code == 200
        return read_s, _board(api).elapsed_s() - begins_s

    _let_pass(api, 1.9)
    # On a busy machine a read can come too late to be seen within the lock: then the next one is looked at.
    tries = (read_and_written_s() for _ in range(10))
    assert any(read_s < 1.2 <= written_s for read_s, written_s in tries)


def test_leak_keeps_memory(serve: Serve) -> None:
    api = serve("leak=1MB@policies.list")
    for _ in range(3):
        api.call("policyholder", "GET", "/policies/")
    stack = api.app.middleware_stack
    assert sum(map(len, stack._app._leaked)) == 3_000_000  # type: ignore[union-attr]


def test_a_leak_per_minute_needs_no_request(serve: Serve) -> None:
    board = FaultBoard((parse_fault("leak=60MB/min"),))
    jobs = FaultJobs(serve().app.state.backend.database, board, Quirks())
    board.start()
    jobs.start()
    try:
        until_s = time.monotonic() + 30
        while not (kept := sum(map(len, jobs.leaked))) and time.monotonic() < until_s:
            time.sleep(0.05)
        assert 0 < kept <= 1_000_000 * board.elapsed_s()
    finally:
        jobs.stop()


def test_a_stall_lets_all_waiting_requests_go(serve: Serve) -> None:
    api = serve("stall=1s/2s@*")
    api.login("policyholder")

    def answered_s() -> tuple[float, float]:
        """What two requests took, one after the other, from the beginning of the next stall on."""
        time.sleep(max(0, _next(api, 2.0) + 0.05 - _board(api).elapsed_s()))
        first_s, second_s = (_elapsed(api) for _ in range(2))
        return first_s, second_s

    _let_pass(api, 1.9)
    # On a busy machine a request can come too late for the stall: then the next one is looked at.
    tries = (answered_s() for _ in range(10))
    assert any(0.5 < held_s < 1.5 and free_s < 0.5 for held_s, free_s in tries)


def test_a_fault_is_over_when_its_time_is() -> None:
    fault = replace(Fault("no_cache"), from_s=1, to_s=2)
    assert [fault.holds(elapsed) for elapsed in (-1, 0.9, 1, 1.9, 2)] == [False, False, True, True, False]
