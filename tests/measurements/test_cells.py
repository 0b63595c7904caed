"""Counting: deltas add up to all that happened, and error messages cannot grow without bound."""

from __future__ import annotations

import itertools
import random
from collections import Counter

import pytest

from perfsuite.measurements.cells import MAX_MESSAGES, Cells
from perfsuite.measurements.records import Actions, Arrivals, NotPossible, Record, Requests, histogram_of
from perfsuite.measurements.totals import OTHER_MESSAGES
from perfsuite.model.failures import without_ids
from tests.measurements.samples import sample

KEY = (1_772_357_400, "policyholder", "profile access", "users.me")


def _requests(records: list[Record]) -> list[Requests]:
    return [record for record in records if isinstance(record, Requests)]


def test_a_request_is_kept_by_second_role_behaviour_and_operation() -> None:
    cells = Cells()
    cells.request(sample(KEY, 1500))
    cells.request(sample(KEY, 500))
    cells.failure(sample(KEY, 9000, request_id="id-1"), ("http status", "HTTP 500"))

    (record,) = _requests(cells.take("w", itertools.count(7)))

    assert (record.worker, record.sequence) == ("w", 7)
    assert (record.second, record.role, record.behaviour, record.operation) == KEY
    assert (record.ok.counts, record.ok.sum_us, record.ok.min_us, record.ok.max_us) == (
        {500: 1, 1500: 1},
        2000,
        500,
        1500,
    )
    assert (sum(record.failed.counts.values()), record.failed.sum_us) == (1, 9000)
    assert [(error.kind, error.message, error.count, error.request_id) for error in record.errors] == [
        ("http status", "HTTP 500", 1, "id-1")
    ]


SECOND_US = 1_000_000


@pytest.mark.parametrize(
    ("kind", "elapsed_us", "stays"),
    [
        pytest.param("http status", 30 * SECOND_US, False, id="an answered error, however late"),
        pytest.param("wrong answer", 10, False, id="a wrong answer"),
        pytest.param("redirect", 10, False, id="a redirect"),
        pytest.param("rate limit", 10, False, id="a rate limit"),
        pytest.param("suite error", 2 * SECOND_US, False, id="an error of the suite says nothing of the target"),
        pytest.param("timeout", 10, True, id="a timeout, however short the user set it"),
        pytest.param("unfinished", 10, True, id="cut off by the end of the run"),
        pytest.param("connection refused", 300, False, id="a refusal that came at once is not speed"),
        pytest.param("connection lost", SECOND_US - 1, False, id="nor is a connection that broke within a second"),
        pytest.param("connection lost", SECOND_US, True, id="after a second it was a wait"),
        pytest.param("SomePlugInsError", 2 * SECOND_US, True, id="so for a kind that the suite does not know"),
    ],
)
def test_which_failures_stay_in_the_times_that_are_judged(kind: str, elapsed_us: int, *, stays: bool) -> None:
    cells = Cells()
    cells.request(sample(KEY, 500))
    cells.failure(sample(KEY, elapsed_us, request_id="id-1"), (kind, "message"))

    record, *later = _requests(cells.take("w", itertools.count(1)))

    assert record.waited is not None
    assert histogram_of(record.waited).sum_us == (elapsed_us if stays else 0)
    assert sum(each.ended for each in (record, *later)) == 2
    assert sum(each.ended_failed for each in (record, *later)) == 1


def test_where_nothing_failed_nothing_is_recorded_of_failures() -> None:
    cells = Cells()
    cells.request(sample(KEY, 500))
    (record,) = _requests(cells.take("w", itertools.count(1)))
    assert (record.waited, record.ended_failed) == (None, 0)


def test_what_was_taken_is_not_given_again() -> None:
    cells = Cells()
    cells.request(sample(KEY, 1))
    cells.action((1, "a", "b"), 1, succeeded=True)
    cells.not_possible(KEY, "needs a policy_id")

    assert len(cells.take("w", itertools.count(1))) == 3
    assert cells.take("w", itertools.count(4)) == []


def test_deltas_add_up_and_nothing_is_lost() -> None:
    rng = random.Random(5)
    cells, sequence = Cells(), itertools.count(1)
    truth: Counter[tuple[str, bool]] = Counter()
    spent_us = 0
    records: list[Record] = []
    for number in range(5000):
        operation, took_us, fails = rng.choice("abc"), rng.randrange(2_000_000), rng.random() < 0.2
        key = (1000 + number // 500, "role", "behaviour", operation)
        if fails:
            cells.failure(sample(key, took_us, request_id=f"id-{number}"), ("kind", f"message {operation}"))
        else:
            cells.request(sample(key, took_us))
        truth[operation, fails] += 1
        spent_us += took_us
        if rng.random() < 0.01:
            records += cells.take("w", sequence)
    records += cells.take("w", sequence)

    told: Counter[tuple[str, bool]] = Counter()
    for record in _requests(records):
        told[record.operation, False] += histogram_of(record.ok).count
        told[record.operation, True] += histogram_of(record.failed).count
        assert histogram_of(record.failed).count == sum(error.count for error in record.errors)
    assert told == truth
    assert sum(record.ok.sum_us + record.failed.sum_us for record in _requests(records)) == spent_us
    assert cells.recorded == 5000
    assert [record.sequence for record in records] == list(range(1, len(records) + 1))


def test_the_queue_is_told_with_the_second_it_stands_in_and_not_with_that_of_a_late_action() -> None:
    cells = Cells()
    cells.begun(100, 9_000_000, second=109)  # due nine seconds ago
    cells.arrival(109)
    cells.waiting = 40

    told = [record for record in cells.take("w", itertools.count(1)) if isinstance(record, Arrivals)]

    assert [(record.second, record.due, record.begun, record.waiting, record.beginnings) for record in told] == [
        (100, 0, 1, 0, 0),
        (109, 1, 0, 40, 1),
    ]


def test_actions_and_operations_that_were_not_possible() -> None:
    cells = Cells()
    cells.action((9, "policyholder", "payment access"), 2000, succeeded=True)
    cells.action((9, "policyholder", "payment access"), 4000, succeeded=False)
    cells.not_possible(KEY, "needs a policy_id; GET /policies/ answered []")
    cells.not_possible(KEY, "needs a policy_id; GET /policies/ answered []")
    cells.not_possible(KEY, "needs an agent_id")

    actions, missing, other = cells.take("w", itertools.count(1))

    assert isinstance(actions, Actions)
    assert (actions.second, actions.actions, actions.succeeded, actions.times.sum_us) == (9, 2, 1, 6000)
    assert missing == NotPossible("w", 2, *KEY, 2, "needs a policy_id; GET /policies/ answered []")
    assert other == NotPossible("w", 3, *KEY, 1, "needs an agent_id")
    assert cells.recorded == 0  # neither is a request


def test_alike_failures_are_one_group_with_the_first_request_id() -> None:
    cells = Cells()
    for number in range(20):
        error = ("http status", f"HTTP 404: policy {number + 10_000} not found")
        cells.failure(sample(KEY, 1, request_id=f"id-{number}"), error)

    (record,) = _requests(cells.take("w", itertools.count(1)))

    (error,) = record.errors
    assert (error.message, error.count, error.request_id) == ("HTTP 404: policy {n} not found", 20, "id-0")


def test_at_most_1000_messages_are_kept_and_the_others_counted_together() -> None:
    cells = Cells()
    words = ["".join(letters) for letters in itertools.product("abcdefgh", repeat=4)][: MAX_MESSAGES + 500]
    for word in words:
        cells.failure(sample(KEY, 1, request_id="id"), ("kind", word))
    cells.failure(sample(KEY, 1, request_id="id"), ("kind", words[0]))

    (record,) = _requests(cells.take("w", itertools.count(1)))

    counts = {error.message: error.count for error in record.errors}
    assert len(counts) == MAX_MESSAGES + 1
    assert counts[OTHER_MESSAGES] == 500
    assert counts[words[0]] == 2
    assert sum(counts.values()) == len(words) + 1


def test_the_cap_holds_for_the_whole_run_and_not_for_each_second() -> None:
    cells = Cells()
    for number in range(MAX_MESSAGES):
        word = f"word {number % 10}{number // 10 % 10}{number // 100}"
        cells.failure(sample(KEY, 1, request_id="id"), ("kind", word))
    cells.take("w", itertools.count(1))
    cells.failure(sample(KEY, 1, request_id="id"), ("kind", "one more"))
    cells.failure(sample(KEY, 1, request_id="id"), ("kind", "word 000"))

    (record,) = _requests(cells.take("w", itertools.count(1)))

    assert [error.message for error in record.errors] == [OTHER_MESSAGES, "word 000"]


@pytest.mark.parametrize(
    ("message", "stripped"),
    [
        pytest.param("policy 123e4567-e89b-12d3-a456-426614174000 not found", "policy {id} not found", id="a UUID"),
        pytest.param("POLICY 123E4567-E89B-12D3-A456-426614174000", "POLICY {id}", id="in capitals"),
        pytest.param("bad token eyJhbGciOi.eyJzdWIi.SflKx-w", "bad token {…}", id="a JWT"),
        pytest.param("Bearer abcdef is bad", "Bearer {…} is bad", id="another token"),
        pytest.param("PERF-20260301-a1b2c3-000001 exists", "{…} exists", id="a mark of the run"),
        pytest.param("trace 4bf92f3577b34da6a3ce929d0e0e4736 failed", "trace {…} failed", id="hexadecimal"),
        pytest.param("phone 9876543205 unknown", "phone {n} unknown", id="a phone number"),
        pytest.param("limit must be 1..100", "limit must be 1..100", id="short numbers mean something"),
        pytest.param("HTTP 503: Service Unavailable", "HTTP 503: Service Unavailable", id="so does a status"),
        pytest.param("unauthenticatedaccess", "unauthenticatedaccess", id="a long word is a word"),
    ],
)
def test_ids_are_stripped(message: str, stripped: str) -> None:
    assert without_ids(message) == stripped


def test_no_message_is_long() -> None:
    assert len(without_ids("no " * 10_000)) == 300
