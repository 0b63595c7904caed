"""Which check is due next, and that checks never send more than their share."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from perfsuite.correctness.check import Check, CheckActor, CheckContext, Held, Send, Steps, ask
from perfsuite.correctness.schedule import MOST_CREDIT, Schedule
from perfsuite.model.correctness import Invariant

SHARE = 0.02
ENOUGH = 1_000_000
"""Requests of the load that earn all that can be saved up."""


def check(
    rule: str = "a rule", *roles: str, requests: int = 1, writes: bool = False, operation: str = "users.me"
) -> Check:
    actors = tuple(CheckActor(role) for role in roles or ("policyholder",))

    def steps(_context: CheckContext) -> Steps:
        yield from ask(Send(actors[0], operation))
        return Held()

    return Check(Invariant.PERMISSIONS, rule, operation, actors, requests, steps, writes)


def made(schedule: Schedule, many: int) -> list[Check]:
    """The next checks, each over before the next one begins."""
    found = []
    for number in range(many):
        due = schedule.next(ENOUGH * (number + 1), 0)
        assert due is not None
        schedule.sent(due, due.requests)
        schedule.ended(due)
        found.append(due)
    return found


def test_within_a_rule_the_least_checked_one_is_next() -> None:
    checks = [check() for _ in range(5)]

    turns = made(Schedule(checks, SHARE, 1, {}), 15)

    assert turns[:5] == turns[5:10] == turns[10:]
    assert set(turns) == set(checks)


def test_each_operation_has_its_turn_before_another_role_is_checked_for_one() -> None:
    many = [check(operation="policies.read") for _ in range(5)]
    few = [check(operation=name) for name in ("users.read", "agents.read")]

    turns = made(Schedule([*many, *few], SHARE, 1, {}), 15)

    assert all(len({each.operation for each in turns[at : at + 3]}) == 3 for at in (0, 3, 6, 9, 12))
    assert set(turns) == {*many, *few}


def test_the_order_is_a_matter_of_the_seed() -> None:
    checks = [check(rule) for rule in "aab" for _ in range(6)]

    first, again, other = (made(Schedule(checks, SHARE, seed, {}), 12) for seed in (1, 1, 2))

    assert first == again
    assert first != other


def test_rules_share_the_requests_by_their_weights() -> None:
    checks = [check("heavy", requests=1), check("light", requests=3)]
    (heavy, light) = (each.invariant for each in checks)

    turns = made(Schedule(checks, SHARE, 1, {(heavy, "heavy"): 2.0, (light, "light"): 1.0}), 700)

    requests = Counter[str]()
    for each in turns:
        requests[each.rule] += each.requests
    assert requests["heavy"] == pytest.approx(2 * requests["light"], abs=6)


def test_a_check_waits_until_the_load_has_earned_all_its_requests_and_logins() -> None:
    schedule = Schedule([check(requests=3)], SHARE, 1, {})

    def due(load: int, logins: int) -> bool:
        return schedule.next(load, 0, lambda _check: logins) is not None

    assert not due(149, 0)
    assert not due(150, 1)
    assert due(150, 0)


def test_what_checks_under_way_may_still_send_is_not_for_others() -> None:
    first, second = check("first", requests=2), check("second", requests=2)
    schedule = Schedule([first, second], SHARE, 1, {})
    begun = schedule.next(150, 0)
    assert begun is not None

    assert schedule.next(150, 0) is None  # 3 are earned, and 2 of them are the first one's
    schedule.sent(begun, 1)
    schedule.ended(begun)

    assert {begun, schedule.next(150, 1)} == {first, second}


def test_a_check_that_sends_nothing_has_had_its_turn() -> None:
    schedule = Schedule([check("silent"), check("other")], SHARE, 1, {})

    begun = []
    for _ in range(4):
        due = schedule.next(ENOUGH, 0)
        assert due is not None
        schedule.ended(due)
        begun.append(due.rule)

    assert Counter(begun) == {"silent": 2, "other": 2}


def test_one_check_of_a_rule_is_under_way_at_a_time() -> None:
    schedule = Schedule([check(), check()], SHARE, 1, {})
    begun = schedule.next(ENOUGH, 0)
    assert begun is not None

    assert schedule.next(ENOUGH, 0) is None
    schedule.ended(begun)
    assert schedule.next(ENOUGH, 0) not in (None, begun)


def test_two_checks_that_write_never_use_one_account_at_a_time() -> None:
    mine, other = check("a", "policyholder", writes=True), check("b", "junior_agent", writes=True)
    both, reads = check("c", "policyholder", "junior_agent", writes=True), check("d", "policyholder")
    schedule = Schedule([mine, other, both, reads], SHARE, 1, {})

    begun = [schedule.next(ENOUGH, 0) for _ in range(4)]

    assert reads in begun
    assert None in begun
    assert both not in begun or not {mine, other} & set(begun)


def test_checks_that_share_their_accounts_write_beside_others() -> None:
    mine = check("a", "policyholder", writes=True)
    waits = replace(check("b", "policyholder", writes=True), shares_accounts=True)

    for checks in ([mine, waits], [waits, mine]):
        schedule = Schedule(checks, SHARE, 1, {})
        assert {schedule.next(ENOUGH, 0), schedule.next(ENOUGH, 0)} == {mine, waits}


def test_while_nothing_may_be_written_only_the_others_begin() -> None:
    reads, writes = check("mixed"), check("mixed", writes=True)
    schedule = Schedule([check("only writes", writes=True), writes, reads], SHARE, 1, {})

    for _ in range(3):
        due = schedule.next(ENOUGH, 0, may_write=False)
        assert due is reads
        schedule.ended(due)

    assert schedule.next(ENOUGH, 0) is not reads


def test_a_pause_saves_up_no_burst() -> None:
    schedule = Schedule([check(rule) for rule in map(str, range(100))], SHARE, 1, {})

    begun = [due for due in (schedule.next(ENOUGH, 0) for _ in range(100)) if due]

    assert len(begun) == MOST_CREDIT


def test_those_whose_turn_never_came_are_known() -> None:
    checks = [check() for _ in range(3)]
    schedule = Schedule(checks, SHARE, 1, {})

    (first,) = made(schedule, 1)

    assert set(schedule.never_begun) == set(checks) - {first}


@pytest.mark.parametrize("share", [0.02, 0.1])
@pytest.mark.parametrize("logins", [0, 2])
def test_at_no_time_do_checks_have_more_than_their_share(share: float, logins: int) -> None:
    checks = [check(rule, requests=requests) for requests, rule in enumerate("abcdefgh", 1) for _ in range(3)]
    schedule = Schedule(checks, share, 7, {})
    sent, turns = 0, 0
    running: list[tuple[Check, int]] = []

    def cost(_check: Check, many: int) -> int:
        return many

    for load in range(20_000):
        # Answers take some time: a request of each check under way comes back at every tenth of the load.
        if load % 10 == 0:
            sent += len(running)
            running = [(one, left - 1) for one, left in running if _goes_on(schedule, one, left)]
        due = schedule.next(load, sent, partial(cost, many=logins))
        if due is not None:
            turns += 1
            running.append((due, due.requests + logins))
        assert sent <= share * load

    assert turns > 3 * len(checks)
    assert sent > 0.95 * share * 20_000 - MOST_CREDIT


def _goes_on(schedule: Schedule, check: Check, left: int) -> bool:
    """A check got an answer, the first ones to its logins; whether it sends more. `left`: with this one."""
    if left <= check.requests:
        schedule.sent(check, 1)
    if left == 1:
        schedule.ended(check)
    return left > 1


def test_who_looks_again_gets_as_many_requests_as_the_first_time_at_once() -> None:
    first = check(requests=3)
    schedule = Schedule([first], SHARE, 1, {})
    assert schedule.next(150, 0) is first
    for sent in range(3):
        assert schedule.grants(first, 1, sent)
        schedule.sent(first, 1)
    assert schedule.next(299, 3) is None
    assert not schedule.grants(first, 1, 3)  # two are earned
    schedule.next(300, 3)
    for sent in range(3, 6):
        assert schedule.grants(first, 1, sent)
        schedule.sent(first, 1)
    assert not schedule.grants(first, 1, 6)


def test_while_one_waits_no_other_begins_and_none_uses_what_it_was_granted() -> None:
    first, second = check("a rule", requests=2), check("another rule", requests=2)
    schedule = Schedule([first, second], SHARE, 1, {})
    one = schedule.next(100, 0)
    assert one is not None
    schedule.sent(one, 2)
    assert not schedule.grants(one, 1, 2)
    assert schedule.next(200, 2) is None
    assert schedule.grants(one, 1, 2)
    assert schedule.next(299, 2) is None  # one is earned besides
    schedule.ended(one)
    assert schedule.next(299, 3) in (first, second)


def test_one_that_ends_while_it_waits_keeps_nobody_waiting() -> None:
    first, second = check("a rule"), check("another rule")
    schedule = Schedule([first, second], SHARE, 1, {})
    one = schedule.next(50, 0)
    assert one is not None
    schedule.sent(one, 1)
    assert not schedule.grants(one, 1, 1)
    schedule.ended(one)
    assert {one, schedule.next(100, 1)} == {first, second}


@pytest.mark.parametrize("seed", range(20))
def test_whenever_the_load_stops_checks_have_sent_no_more_than_their_share_though_they_look_again(seed: int) -> None:
    chance = random.Random(seed)
    checks = [check(rule, requests=requests) for requests, rule in enumerate("abcd", 1)]
    schedule, load, sent, running = Schedule(checks, SHARE, seed, {}), 0, 0, list[Check]()
    for _moment in range(2_000):
        load += chance.randrange(20)
        due = schedule.next(load, sent, lambda _check: chance.randrange(3))
        running += [due] if due else []
        for one in list(running):
            many, logins = chance.choice(((1, 0), (1, 1), (2, 0), (5, 0)))
            if schedule.grants(one, many, sent, logins=logins):
                sent += many + logins
                schedule.sent(one, many)
            if chance.random() < 0.1:
                schedule.ended(one)
                running.remove(one)
        with schedule.repeat(sent) as granted, schedule.repeat(sent) as another:
            sent += granted + another
        assert sent <= SHARE * load

    assert sent > 0.95 * SHARE * load - MOST_CREDIT


def test_what_puts_a_change_back_is_kept_for_it() -> None:
    changes = replace(check(requests=3, writes=True), restoring=1)
    schedule = Schedule([changes], SHARE, 1, {})
    assert schedule.next(150, 0) is changes
    for sent in (0, 1):
        assert schedule.grants(changes, 1, sent)
        schedule.sent(changes, 1)

    assert not schedule.grants(changes, 1, 2)
    assert schedule.grants(changes, 1, 2, restores=True)
    schedule.sent(changes, 1)
    assert not schedule.grants(changes, 1, 3, restores=True)  # once more waits for the budget as all do


def test_a_login_that_was_not_foreseen_waits_for_the_budget() -> None:
    one = check(requests=2)
    schedule = Schedule([one], SHARE, 1, {})
    assert schedule.next(199, 0, lambda _check: 1) is one

    assert schedule.grants(one, 1, 0, logins=1)
    assert not schedule.grants(one, 1, 0, logins=2)
    assert schedule.next(250, 0) is None
    assert schedule.grants(one, 1, 0, logins=2)


def test_a_request_once_more_has_its_own_of_the_budget_until_it_is_counted() -> None:
    schedule = Schedule([check()], SHARE, 1, {})
    schedule.next(49, 0)
    with schedule.repeat(0) as granted:
        assert not granted
    one = schedule.next(100, 0)
    assert one is not None
    with schedule.repeat(0) as granted, schedule.repeat(0) as another:
        assert (granted, another) == (True, False)
        assert not schedule.grants(one, 2, 0)
    assert schedule.grants(one, 2, 0)
