"""From requests to the cost of an operation, with made-up counters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest

from perfsuite.fingerprint.cost import CostSample, OperationBatch, batch_of, cost_of
from perfsuite.fingerprint.readings import Counters, Delta, Key
from perfsuite.fingerprint.statements import ForeignTraffic, StatementEntry, entry_of
from perfsuite.messages.fingerprint import FingerprintMessage
from perfsuite.model.fingerprint import Caching, Cost, CostState, OperationCost, Repeat, Spread

TEXTS = {
    "auth": "SELECT a FROM users WHERE id = $1",
    "list": "SELECT a FROM policies LIMIT $1",
    "each": "SELECT b FROM premiums WHERE policy_id = $1",
    "begin": "BEGIN",
    "ping": "SELECT $1",
}
KEYS: dict[str, Key] = {name: (10, number) for number, name in enumerate(TEXTS)}
ENTRIES: Mapping[Key, StatementEntry] = {KEYS[name]: entry_of(text, "app") for name, text in TEXTS.items()}
LISTED = OperationCost("agent", "policies.list", "GET", "/p", False, CostState.NOT_MEASURED)


def sample(
    call: int,
    *,
    rows: int | None = None,
    arguments: int | None = None,
    again: bool = False,
    trouble: str = "",
    **calls: int,
) -> CostSample:
    counters = {KEYS[n]: Counters(c, c, shared_hit_blocks=2 * c, shared_read_blocks=c) for n, c in calls.items() if c}
    return CostSample(
        call, call if arguments is None else arguments, Delta(0.01, counters, trouble), 1.0, rows, again=again
    )


def batch(
    *samples: CostSample, foreign: ForeignTraffic | None = None, entries: Mapping[Key, StatementEntry] = ENTRIES
) -> OperationBatch:
    return batch_of(samples, entries, foreign or ForeignTraffic())


def cost(*samples: CostSample) -> OperationCost:
    return cost_of(LISTED, batch(*samples))


def test_counts_of_one_request() -> None:
    found = cost(sample(0, auth=1, list=1, each=3, begin=1, ping=2))

    assert found.requests[0].cost == Cost(
        queries=5, transaction_statements=1, connection_statements=2, rows=6, shared_hit_blocks=12, shared_read_blocks=6
    )
    assert found.queries == Spread(5, 5)
    assert [(each.text, each.calls, each.shared_blocks) for each in found.statements if each.kind == "query"] == [
        (TEXTS["each"], Spread(3, 3), Spread(9, 9)),
        (TEXTS["list"], Spread(1, 1), Spread(3, 3)),
        (TEXTS["auth"], Spread(1, 1), Spread(3, 3)),
    ]


def test_repeats_that_differ_are_shown_as_a_range() -> None:
    found = cost(sample(0, list=1, each=3), sample(1, list=1, each=7))

    assert found.queries == Spread(4, 8)
    assert not found.queries.exact


@pytest.mark.parametrize(
    ("samples", "full"),
    [
        pytest.param([{"list": 1}, {}, {}], [True, False, False], id="wholly from a cache after the first"),
        pytest.param([{}, {"list": 1}, {}], [False, True, False], id="the cache was warm and expired"),
        pytest.param(
            [{"auth": 1, "list": 1}, {"auth": 1}, {"auth": 1}], [True, False, False], id="in part from a cache"
        ),
        pytest.param([{"ping": 1}, {"ping": 1}], [True, True], id="nothing but a ping"),
        pytest.param([{}, {}], [False, False], id="nothing at all"),
    ],
)
def test_requests_that_a_cache_answered(samples: list[dict[str, Any]], full: list[bool]) -> None:
    found = cost(*(sample(call, arguments=0, **calls) for call, calls in enumerate(samples)))

    assert [request.full for request in found.requests] == full


def test_other_arguments_may_need_other_statements() -> None:
    """An empty page asks for no rows of its rows; that is no cache."""
    pages: list[dict[str, Any]] = [{"list": 1, "each": 4}, {"list": 1}, {"list": 1, "each": 4}, {"list": 1}]
    found = cost(*(sample(call, arguments=call % 2, **calls) for call, calls in enumerate(pages)))

    assert [request.full for request in found.requests] == [True] * 4
    assert found.queries == Spread(1, 5)


def test_one_odd_request_is_not_trusted() -> None:
    odd = batch(sample(0, list=1), sample(1, list=1, each=1), sample(2, list=1))

    assert not odd.sure
    assert "FROM premiums WHERE policy_id = $1 in 1 of 3" in cost_of(LISTED, odd).notes[0]
    assert cost_of(LISTED, odd, repeated=True).notes == (FingerprintMessage.BY_ARGUMENTS(),)


@pytest.mark.parametrize(
    ("again", "cached"),
    [
        pytest.param({"auth": 1, "list": 1, "each": 4}, "", id="the same again"),
        pytest.param({}, "cached", id="no query the second time"),
        pytest.param({"ping": 2}, "cached", id="nor is a ping of the pool one"),
        pytest.param({"list": 1, "each": 4}, "cached in part: 5 of 6 queries run again", id="one query less"),
        pytest.param(
            {"auth": 1, "list": 1, "each": 1}, "cached in part: 3 of 6 queries run again", id="some rows less"
        ),
    ],
)
def test_caching_shows_in_the_queries_that_run_again(again: dict[str, Any], cached: str) -> None:
    all_of_it = {"auth": 1, "list": 1, "each": 4}
    found = cost(sample(0, **all_of_it), sample(1, **all_of_it), sample(2, arguments=1, again=True, **again))

    assert (found.cached, found.caching is Caching.REPEATS) == (cached, bool(cached))


def test_a_cache_within_the_calls_shows_in_the_queries_left_to_run() -> None:
    calls = (sample(0, arguments=0, auth=1, list=1), sample(1, arguments=0, auth=1), sample(2, arguments=0, auth=1))
    found = cost(*calls, sample(3, arguments=0, again=True, auth=1))

    assert found.repeat == Repeat(1, 2)


def test_a_statement_once_per_row_is_suspected() -> None:
    found = cost(sample(0, rows=20, list=1, each=20), sample(1, rows=7, list=1, each=7))

    (suspicion,) = found.suspicions
    assert (suspicion.text, suspicion.calls, suspicion.answered_rows) == (TEXTS["each"], Spread(7, 20), Spread(7, 20))


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param([sample(0, rows=2, list=1, each=2)], id="two rows tell nothing"),
        pytest.param([sample(0, rows=20, list=1, each=3)], id="three for twenty"),
        pytest.param([sample(0, rows=20, list=1, each=3), sample(1, rows=3, list=1, each=3)], id="whatever the rows"),
    ],
)
def test_not_suspected(samples: list[CostSample]) -> None:
    assert cost(*samples).suspicions == ()


def test_many_times_the_same_without_rows() -> None:
    (suspicion,) = cost(sample(0, each=12)).suspicions

    assert (suspicion.calls, suspicion.answered_rows) == (Spread(12, 12), None)


def test_trouble_makes_it_unknown() -> None:
    found = cost(sample(0, list=1), sample(1, list=1, trouble="pg_stat_statements was reset meanwhile"))

    assert (found.known, found.reason) == (CostState.UNKNOWN, "pg_stat_statements was reset meanwhile")
    assert found.queries is None


def _foreign(key: Key, calls: int, during_s: float = 1.0) -> ForeignTraffic:
    foreign = ForeignTraffic()
    foreign.add(Delta(during_s, {key: Counters(calls)}))
    return foreign


def test_a_statement_that_runs_without_being_asked_makes_it_unknown() -> None:
    mixed = batch(sample(0, list=1, each=1), sample(1, list=1, each=1), foreign=_foreign(KEYS["each"], 50))

    assert cost_of(LISTED, mixed).reason == FingerprintMessage.OTHER_TRAFFIC(
        statement="SELECT … FROM premiums WHERE policy_id = $1", rate_per_s="50"
    )


def test_a_rare_one_does_not() -> None:
    assert batch(sample(0, list=1), foreign=_foreign(KEYS["list"], 1)).doubt == ""


def test_statements_of_another_user_are_left_out() -> None:
    theirs: Key = (20, 99)
    mine = sample(0, list=1)
    both = CostSample(0, 0, Delta(0.01, {**mine.delta.statements, theirs: Counters(7)}), 1.0)
    entries = {**ENTRIES, theirs: entry_of("SELECT x FROM jobs", "cron")}

    found = cost_of(LISTED, batch(both, foreign=_foreign(theirs, 50), entries=entries))

    assert found.queries == Spread(1, 1)
    assert found.notes == (FingerprintMessage.OTHER_USERS(users="cron"),)


def test_statements_of_the_suite_are_left_out() -> None:
    own: Key = (10, 99)
    entries = {**ENTRIES, own: entry_of("SELECT /* agentmitra-performance monitor */ x FROM pg_stat_activity")}
    both = CostSample(0, 0, Delta(0.01, {KEYS["list"]: Counters(1), own: Counters(3)}), 1.0)

    assert cost_of(LISTED, batch(both, entries=entries)).queries == Spread(1, 1)
