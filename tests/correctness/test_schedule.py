"""Which check is due next, and that checks never send more than their share."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import replace
from functools import partial

import pytest

from perfsuite.correctness.check import Check, CheckActor, CheckContext, Held, Send, Steps, ask
from perfsuite.correctness.schedule import MOST_CREDIT, OVERDRAFT, RestOfLoad, Schedule
from perfsuite.model import Scenario
from perfsuite.model.correctness import Invariant
from perfsuite.model.plan import Arrival
from perfsuite.model.stages import Stage

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


def test_what_makes_sure_of_a_violation_costs_no_turn() -> None:
    schedule = Schedule([check("sure", requests=2), check("unsure", requests=2)], SHARE, 1, {})
    turns = Counter[str]()
    for number in range(20):
        due = schedule.next(ENOUGH * (number + 1), 0)
        assert due is not None
        turns[due.rule] += 1
        schedule.sent(due, 2)
        if due.rule == "unsure":
            assert schedule.grants(due, 6, 0)
            schedule.sent(due, 6)
        schedule.ended(due)
    assert turns == {"sure": 10, "unsure": 10}


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


def test_a_second_look_is_covered_up_to_the_overdraft_of_all_checks_together() -> None:
    first, second = check("a rule", requests=2), check("another rule", requests=2)
    schedule = Schedule([first, second], SHARE, 1, {})
    assert {schedule.next(200, 0), schedule.next(200, 0)} == {first, second}
    sent = 0
    for requests in (2, int(OVERDRAFT) - 1):
        assert schedule.grants(first, requests, sent)
        schedule.sent(first, requests)
        sent += requests
    assert schedule.grants(first, 1, sent)
    assert not schedule.grants(first, 2, sent)
    assert schedule.grants(second, 2, sent)  # it was to send them anyway
    assert not schedule.grants(second, 3, sent)  # the first one has the last of the overdraft, sent or not


def test_what_was_sent_beyond_the_budget_is_earned_before_another_check_begins() -> None:
    only = check()
    schedule = Schedule([only], SHARE, 1, {})
    assert schedule.next(50, 0) is only
    schedule.sent(only, 1 + int(OVERDRAFT))
    schedule.ended(only)
    assert schedule.next(490, 1 + int(OVERDRAFT)) is None
    assert schedule.next(500, 1 + int(OVERDRAFT)) is only


def test_one_that_has_to_wait_gets_the_whole_overdraft_at_once_and_before_others() -> None:
    first, second = check("a rule"), check("another rule")
    schedule = Schedule([first, second], SHARE, 1, {})
    one = schedule.next(50, 0)
    assert one is not None
    sent = 1 + int(OVERDRAFT)
    schedule.sent(one, sent)
    assert not schedule.grants(one, 1, sent)
    for load in (50 * sent, 50 * sent + 49):
        assert schedule.next(load, sent) is None
        assert not schedule.grants(one, 1, sent)
    assert schedule.next(50 * sent + 50, sent) is None
    assert schedule.grants(one, 1, sent)
    schedule.sent(one, 1)
    assert schedule.grants(one, int(OVERDRAFT), sent + 1)


def test_one_that_ends_while_it_waits_keeps_nobody_waiting() -> None:
    first, second = check("a rule"), check("another rule")
    schedule = Schedule([first, second], SHARE, 1, {})
    one = schedule.next(50, 0)
    assert one is not None
    schedule.sent(one, 1)
    assert not schedule.grants(one, 1 + int(OVERDRAFT), 1)
    schedule.ended(one)
    assert {one, schedule.next(100, 1)} == {first, second}


# ── the end of the load ─────────────────────────────────────────────────────────────────────────────

HIGH, LOW = Stage("high", 20.0, users=100, held=True), Stage("low", 20.0, users=5, held=True)
SCENARIOS = {
    "ten seconds": Scenario("a", 100, 100.0, 10.0),
    "a minute": Scenario("a", 100, 100.0, 60.0),
    "little load": Scenario("a", 5, 5.0, 60.0),
    "it falls at once": Scenario("a", 100, 100.0, 40.0, stages=(HIGH, LOW)),
    "it falls evenly": Scenario("a", 100, 100.0, 40.0, stages=(HIGH, replace(LOW, held=False))),
    "it falls in between": Scenario("a", 100, 100.0, 60.0, stages=(HIGH, LOW, replace(HIGH, name="again"))),
    "a rate that falls": Scenario("a", 100, 100.0, 30.0, arrival=Arrival(100.0, 20.0)),
}


def levels(scenario: Scenario) -> list[float]:
    """Requests/s at every 50 ms."""
    arrival, steps = scenario.arrival, round(scenario.duration_s * 20)
    if arrival is not None and arrival.rate_end is not None:
        return [arrival.rate + (arrival.rate_end - arrival.rate) * step / steps for step in range(steps)]
    found, before = list[float](), 0.0
    for stage in scenario.stages or (Stage("all", scenario.duration_s, users=scenario.users, held=True),):
        many = round(stage.duration_s * 20)
        first, before = stage.level if stage.held else before, stage.level
        found += [first + (stage.level - first) * step / many for step in range(many)]
    return found


def sent_by_greedy_checks(rest: RestOfLoad, loads: list[float]) -> tuple[int, float, float]:
    """What checks send that always look again, at most all that they get; the load; and the most that was ahead of
    it."""
    check_it = check(requests=3)
    schedule = Schedule([check_it], SHARE, 1, {}, rest.requests)
    sent, load, ahead, running = 0, 0.0, 0.0, None
    for step, rate in enumerate(loads):
        load += rate / 20
        rest.note(step / 20, int(load))
        due = schedule.next(int(load), sent)
        running = running or due
        while running is not None and schedule.grants(running, 1, sent):
            schedule.sent(running, 1)
            sent += 1
        ahead = max(ahead, sent - SHARE * load)
    return sent, load, ahead


@pytest.mark.parametrize("name", SCENARIOS)
def test_at_the_end_checks_have_sent_no_more_than_their_share_though_they_always_look_again(name: str) -> None:
    scenario = SCENARIOS[name]

    sent, load, ahead = sent_by_greedy_checks(RestOfLoad(scenario), levels(scenario))

    assert sent <= SHARE * load
    assert sent > 0.9 * SHARE * load - 3
    assert ahead > (OVERDRAFT - 1 if "minute" in name else 0)


@pytest.mark.parametrize("rate", [5.0, 100.0])
def test_a_load_that_comes_by_chance_earns_the_overdraft_until_its_end(rate: float) -> None:
    scenario, over = Scenario("a", round(rate), rate, 40.0), []
    for seed in range(200):
        gaps, loads, at_s = random.Random(seed), [0.0] * 800, 0.0
        while (at_s := at_s + gaps.expovariate(rate)) < 40.0:
            loads[int(at_s * 20)] += 20.0
        sent, load, _ahead = sent_by_greedy_checks(RestOfLoad(scenario), loads)
        over += [seed] if sent > SHARE * load else []

    assert over == []


def test_users_with_a_number_of_iterations_may_be_done_at_any_time() -> None:
    scenario = Scenario("a", 100, 100.0, 60.0, iterations=5)

    _sent, _load, ahead = sent_by_greedy_checks(RestOfLoad(scenario), [100.0] * 400)

    assert ahead <= 0


def test_what_puts_a_change_back_is_kept_for_it() -> None:
    changes = replace(check(requests=3, writes=True), restoring=1)
    schedule = Schedule([changes], SHARE, 1, {}, lambda: 0.0)
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
    schedule = Schedule([one], SHARE, 1, {}, lambda: 0.0)
    assert schedule.next(199, 0, lambda _check: 1) is one

    assert schedule.grants(one, 1, 0, logins=1)
    assert not schedule.grants(one, 1, 0, logins=2)
    assert not schedule.may_repeat(0)

    assert schedule.next(250, 0) is None
    assert schedule.may_repeat(0)
    assert schedule.grants(one, 1, 0, logins=2)
