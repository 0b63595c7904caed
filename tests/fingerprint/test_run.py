"""Taking a fingerprint of a target and a database in memory."""

from __future__ import annotations

from pathlib import Path

import pytest

from perfsuite.fingerprint.compare import compare, not_compared
from perfsuite.fingerprint.readings import DatabaseClient
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import Caching, CostState, Fingerprint, OperationCost, Spread
from perfsuite.roles import ROLES, policyholder, regional_manager, senior_agent, support_staff
from perfsuite.target import journal
from perfsuite.target.catalogue import CATALOGUE
from perfsuite.target.journal import Journal
from perfsuite.target.run_state import RunState
from tests.fingerprint.fakes import OTHER, CostlyTarget, FakeDatabase, take
from tests.target.fake_target import answer

HOLDER = policyholder.ROLE


@pytest.fixture
def database() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def target(database: FakeDatabase) -> CostlyTarget:
    return CostlyTarget(database)


def _of(fingerprint: Fingerprint, operation: str, role: str = HOLDER.slug) -> OperationCost:
    found = fingerprint.of(role, operation)
    assert found is not None
    return found


def _not_measured(fingerprint: Fingerprint) -> dict[str, str]:
    return {cost.operation: cost.reason for cost in fingerprint.operations if cost.known is CostState.NOT_MEASURED}


def test_every_operation_of_every_role_is_known(target: CostlyTarget) -> None:
    fingerprint = take(target, *ROLES)

    assert [(cost.role, cost.operation) for cost in fingerprint.operations] == [
        (role.slug, name)
        for role in ROLES
        for name in dict.fromkeys(["login", *(step.operation for b in role.behaviours for step in b.steps)])
    ]
    assert {cost.operation: cost.reason for cost in fingerprint.operations if cost.known is not CostState.YES} == {}
    assert {cost.queries for cost in fingerprint.operations if cost.operation != "health.root"} == {Spread(1, 1)}
    assert _of(fingerprint, "health.root", "super_admin").queries == Spread(0, 0)
    assert (fingerprint.notes, fingerprint.foreign) == ((), ())


def test_warm_up_repeats_and_one_more_for_reads(target: CostlyTarget) -> None:
    fingerprint = take(target, HOLDER)

    assert [request.call for request in _of(fingerprint, "policies.list").requests] == [0, 1, 2, 3]
    assert len(target.asked_for("users.me")) == 5
    assert len(target.asked_for("users.preferences")) == 4, "a write is not asked again for the sake of caches"
    assert len(target.asked_for("login")) == 4


def test_pages_take_turns(target: CostlyTarget) -> None:
    (junior,) = [role for role in ROLES if role.slug == "junior_agent"]
    found = _of(take(target, junior), "policies.page", "junior_agent")

    assert [request.arguments for request in found.requests] == [0, 1, 2, 0]
    assert [request.answered_rows for request in found.requests] == [20, 20, 20, 20]


def test_requests_for_arguments_are_not_counted(target: CostlyTarget) -> None:
    """The list that a role asks for when it needs an id belongs to no other operation."""
    found = _of(take(target, support_staff.ROLE), "policies.by_policyholder", "support_staff")

    (statement,) = found.statements
    assert statement.text == "SELECT a FROM policies_by_policyholder WHERE id = $1"


def test_n_plus_one_is_found_by_one_fingerprint_and_by_comparison(target: CostlyTarget) -> None:
    before = take(target, HOLDER)
    each = "SELECT b FROM premiums WHERE policy_id = $1"
    rows = len([row for row in target.policies.values() if row["policyholder_id"] == "holder-1"])

    def n_plus_one(_asked: object) -> None:
        target.database.run("SELECT a FROM policies_list WHERE id = $1")
        target.database.run(each, rows)

    target.costs["policies.list"] = n_plus_one
    after = take(target, HOLDER)

    (suspicion,) = _of(after, "policies.list").suspicions
    assert (suspicion.text, suspicion.calls, suspicion.answered_rows) == (each, Spread(rows, rows), Spread(rows, rows))
    difference = compare(before, after)[0]
    assert (difference.operation, difference.metric) == ("policies.list", "queries")
    assert (difference.before, difference.after, difference.worse) == (Spread(1, 1), Spread(1 + rows, 1 + rows), True)
    assert [(change.text, change.calls_before, change.calls_after) for change in difference.statements] == [
        (each, 0, rows)
    ]


# ── caches ──────────────────────────────────────────────────────────────────────────────────────────


class _Cached:
    """Answers of an operation that are kept for some seconds."""

    def __init__(self, database: FakeDatabase, kept_s: float, until_s: float = 0.0) -> None:
        self.database, self.kept_s, self.until_s = database, kept_s, until_s

    def __call__(self, _asked: object) -> None:
        if self.database.now_s >= self.until_s:
            self.until_s = self.database.now_s + self.kept_s
            self.database.run("SELECT a FROM users WHERE id = $1")


def test_a_cache_is_reported_and_does_not_hide_the_cost(target: CostlyTarget) -> None:
    target.costs["users.me"] = _Cached(target.database, 30)
    found = _of(take(target, HOLDER), "users.me")

    assert [(request.call, request.full, request.cost.queries) for request in found.requests] == [
        (0, True, 1),
        (1, False, 0),
        (2, False, 0),
        (3, False, 0),
    ]
    assert (found.queries, found.caching) == (Spread(1, 1), Caching.REPEATS)


def test_a_warm_cache_is_waited_for(target: CostlyTarget) -> None:
    target.costs["users.me"] = _Cached(target.database, 30, until_s=20)
    warm = _of(take(target, HOLDER), "users.me")

    assert [(request.call, request.full) for request in warm.requests] == [
        (0, True),
        (1, False),
        (2, False),
        (3, False),
    ]
    assert (warm.queries, warm.caching) == (Spread(1, 1), Caching.REPEATS)


def test_the_same_backend_warm_or_cold_is_no_difference(target: CostlyTarget) -> None:
    target.costs["users.me"] = _Cached(target.database, 30)
    cold, warm = take(target, HOLDER), take(target, HOLDER)

    assert compare(cold, warm) == []
    assert not_compared(cold, warm) == []


def test_an_answer_that_never_comes_from_the_database_is_not_known(target: CostlyTarget) -> None:
    """Unknown is not zero: a limit on queries would be met by it."""
    target.costs["users.me"] = _Cached(target.database, 30, until_s=1e9)
    found = _of(take(target, HOLDER), "users.me")

    assert (found.known, found.queries) == (CostState.UNKNOWN, None)
    assert found.reason == FingerprintMessage.NOT_REACHED()


def test_a_cache_that_is_gone_is_a_difference(target: CostlyTarget) -> None:
    target.costs["users.me"] = _Cached(target.database, 30)
    before = take(target, HOLDER)
    target.costs["users.me"] = _Cached(target.database, 0)

    (difference,) = compare(before, take(target, HOLDER))
    assert (difference.metric, difference.worse) == ("caching", True)


# ── writes ──────────────────────────────────────────────────────────────────────────────────────────


def test_writes_come_after_the_reads_and_are_journaled(target: CostlyTarget, tmp_path: Path) -> None:
    book = Journal(tmp_path / "journal-fingerprint.jsonl")
    roles = [regional_manager.ROLE, senior_agent.ROLE, support_staff.ROLE]
    fingerprint = take(target, *roles, run=RunState("basic_1", journal=book))

    writes = [CATALOGUE[asked.operation].writes for asked in target.asked]
    assert not any(writes[: writes.index(True)])
    reads_after = {asked.operation for asked in target.asked[writes.index(True) :]} - {
        name for name, operation in CATALOGUE.items() if operation.writes
    }
    assert reads_after == {"policies.list", "policies.read"}, "what needs a row just made, and where its ids come from"
    assert {cost.known for cost in fingerprint.operations} == {CostState.YES}, "approvals find policies to approve"
    made = [entry.thing for entry in journal.read(tmp_path) if entry.what == "created"]
    assert {thing: made.count(thing) for thing in set(made)} == {"policy": 4, "lead": 4, "ticket": 4}


def test_read_only_leaves_writes_out(target: CostlyTarget) -> None:
    fingerprint = take(target, *ROLES, read_only=True)

    assert not any(CATALOGUE[asked.operation].writes for asked in target.asked)
    reasons = _not_measured(fingerprint)
    assert reasons.pop("policies.approve") == FingerprintMessage.READ_ONLY()
    assert {name for name in reasons if not CATALOGUE[name].writes} == {"policies.read"}


def test_what_the_run_leaves_out_is_not_called(target: CostlyTarget) -> None:
    run = RunState("basic_1", left_out={HOLDER.slug: frozenset({"users.me"})})

    assert _not_measured(take(target, HOLDER, run=run)) == {"users.me": FingerprintMessage.LEFT_OUT()}
    assert target.asked_for("users.me") == []


def test_a_failing_operation_is_reported_without_words_of_the_target(target: CostlyTarget) -> None:
    target.always("users.me", answer({"detail": "no user 9876543210"}, 500))

    assert _not_measured(take(target, HOLDER)) == {"users.me": "the call failed (http status, HTTP 500)"}


def test_an_account_that_cannot_log_in(target: CostlyTarget) -> None:
    target.always("login", answer({"detail": "Invalid credentials"}, 401))
    reasons = _not_measured(take(target, HOLDER))

    assert reasons.pop("login") == "the call failed (http status, HTTP 401)"
    assert set(reasons.values()) == {FingerprintMessage.NO_LOGIN()}


# ── what spoils the figures ─────────────────────────────────────────────────────────────────────────


def test_one_reset_is_met_by_measuring_anew(target: CostlyTarget) -> None:
    def reset_once(_asked: object) -> None:
        if target.asked_for("users.me")[1:] and target.database.reset_at == "t0":
            target.database.reset()
        target.database.run("SELECT a FROM users WHERE id = $1")

    target.costs["users.me"] = reset_once
    found = _of(take(target, HOLDER), "users.me")

    assert (found.known, found.queries) == (CostState.YES, Spread(1, 1))
    assert found.notes == (FingerprintMessage.MEASURED_AGAIN(why=FingerprintMessage.RESET()),)


def test_evictions_all_the_time_make_it_unknown(target: CostlyTarget) -> None:
    def evicting(_asked: object) -> None:
        target.database.evictions += 1

    target.costs["users.me"] = evicting
    found = _of(take(target, HOLDER), "users.me")

    assert found.known is CostState.UNKNOWN
    assert found.reason == FingerprintMessage.EVICTED(times=1)
    assert _of(take(target, HOLDER), "policies.list").known is CostState.YES


def test_statements_of_others_is_reported(target: CostlyTarget, database: FakeDatabase) -> None:
    database.on_sleep = lambda _s: database.run("DELETE FROM jobs WHERE id < 4711", user=OTHER)
    fingerprint = take(target, HOLDER)

    (foreign,) = fingerprint.foreign
    assert (foreign.text, foreign.user) == ("DELETE FROM jobs WHERE id < ?", "cron")
    assert _of(fingerprint, "users.me").queries == Spread(1, 1)


def test_the_same_traffic_by_others_makes_it_unknown(target: CostlyTarget, database: FakeDatabase) -> None:
    database.on_sleep = lambda _s: database.run("SELECT a FROM users_me WHERE id = $1")
    fingerprint = take(target, HOLDER)

    found = _of(fingerprint, "users.me")
    assert found.known is CostState.UNKNOWN
    assert found.reason.startswith("other traffic: SELECT … FROM users_me WHERE id = $1 ran ")


def test_other_clients_is_reported(target: CostlyTarget, database: FakeDatabase) -> None:
    def active(_asked: object) -> None:
        changed = str(len(target.asked))
        database.clients = [DatabaseClient(1, "app", "api", changed), DatabaseClient(2, "eve", "psql", changed)]
        database.run("SELECT a FROM users WHERE id = $1")

    def alone(_asked: object) -> None:
        database.clients[0] = DatabaseClient(1, "app", "api", str(len(target.asked)))
        database.run("SELECT a FROM policies WHERE id = $1")

    target.costs |= {"users.me": active, "policies.list": alone}

    assert take(target, HOLDER).notes == (FingerprintMessage.OTHER_CLIENT(requests=5, client="psql (user eve)"),)


def test_transactions_that_no_statement_explains(target: CostlyTarget, database: FakeDatabase) -> None:
    def busy(_seconds: float) -> None:
        database.committed += 100

    database.on_sleep = busy
    (note,) = take(target, HOLDER).notes

    committed = int(note.split()[0].replace(",", ""))
    assert note == FingerprintMessage.UNEXPLAINED(transactions=committed)


def test_the_wrong_database_is_reported(target: CostlyTarget) -> None:
    steps = {step.operation for behaviour in HOLDER.behaviours for step in behaviour.steps}
    target.costs = dict.fromkeys(["login", *steps], lambda _asked: None)

    assert FingerprintMessage.NO_STATEMENT() in take(target, HOLDER).notes


def test_what_there_was_no_time_for_is_not_known(target: CostlyTarget, database: FakeDatabase) -> None:
    def slow(_asked: object) -> None:
        database.now_s += 3
        database.run("SELECT a FROM users WHERE id = $1")

    target.costs["users.me"] = slow
    fingerprint = take(target, HOLDER, within_s=10)

    known = {cost.operation for cost in fingerprint.operations if cost.known is CostState.YES}
    assert known == {"login", "users.me"}, "what was begun in time is finished"
    assert {(cost.known, cost.reason) for cost in fingerprint.operations if cost.operation not in known} == {
        (CostState.UNKNOWN, FingerprintMessage.NO_TIME(limit_s=10))
    }
    assert not target.asked_for("policies.list")


def test_choices_do_not_depend_on_the_repeats_before(target: CostlyTarget) -> None:
    """`policies.coverage` is about the policy that was read last: which one, the number of repeats must not decide."""
    asked = []
    for repeats in (2, 3, 5):
        take(target, HOLDER, repeats=repeats)
        asked.append(target.asked_for("policies.coverage")[-1].ids["policy_id"])

    assert len(set(asked)) == 1
