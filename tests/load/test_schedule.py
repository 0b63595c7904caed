"""When actions are due, for which role, and which process begins them: before anything of it is run."""

from __future__ import annotations

import itertools
import math
import statistics
from collections import Counter

import pytest

from perfsuite.load.schedule import AccountPool, Due, SessionAssignment, UserSchedule, arrival_behaviours, dues
from perfsuite.model import Account, Arrival
from perfsuite.model.plan import RateProfile
from perfsuite.roles import ROLES
from perfsuite.roles.mix import start_order, users_by_role

WEIGHTS = {role.slug: role.weight for role in ROLES}
TOTAL = sum(WEIGHTS.values())
SEED = 20_260_301


def _times(arrival: Arrival, *, ramp_s: float = 0.0, duration_s: float = 100.0) -> list[float]:
    return list(RateProfile(arrival, ramp_s, duration_s).times(SEED))


# ── equal gaps ──────────────────────────────────────────────────────────────────────────────────────


def test_a_constant_rate_has_equal_gaps_from_half_a_gap_on() -> None:
    times = _times(Arrival(20), duration_s=10)

    assert len(times) == 200
    assert times[0] == pytest.approx(0.025)
    assert [later - earlier for earlier, later in itertools.pairwise(times)] == pytest.approx([0.05] * 199)


def test_every_second_of_a_plateau_has_its_share() -> None:
    counts = Counter(int(at_s) for at_s in _times(Arrival(50), ramp_s=10, duration_s=60))

    assert {counts[second] for second in range(10, 60)} == {50}


@pytest.mark.parametrize(
    "profile",
    [
        pytest.param(RateProfile(Arrival(30), 10, 60), id="grows, then stays"),
        pytest.param(RateProfile(Arrival(30, rate_end=90), 10, 60), id="grows, then grows on to a higher rate"),
        pytest.param(RateProfile(Arrival(90, rate_end=10), 10, 60), id="grows, then falls"),
        pytest.param(RateProfile(Arrival(30, rate_end=0), 10, 60), id="falls to nothing"),
        pytest.param(RateProfile(Arrival(30), 0, 60), id="is there at once"),
        pytest.param(RateProfile(Arrival(30, rate_end=90), 60, 60), id="ramp-up fills the run"),
    ],
)
def test_the_rate_profile_is_followed(profile: RateProfile) -> None:
    times = list(profile.times(SEED))

    assert times == sorted(times)
    for at_s in range(0, 61, 5):
        due = sum(1 for time_s in times if time_s < at_s)
        assert due == pytest.approx(profile.expected(at_s), abs=0.5001)


def test_the_rate_on_the_way_is_that_of_a_straight_line() -> None:
    profile = RateProfile(Arrival(30, rate_end=90), 10, 60)

    assert profile.expected(10) == pytest.approx(150)  # a triangle of 10 s and 30/s
    assert profile.expected(60) == pytest.approx(150 + 50 * 60)  # a trapezium from 30/s to 90/s
    assert profile.expected(35.5) - profile.expected(34.5) == pytest.approx(60)  # half-way


@pytest.mark.parametrize("number", [0.1, 5, 149.9, 150, 151, 1000, 3149])
def test_time_and_number_are_inverse(number: float) -> None:
    for arrival in (Arrival(30), Arrival(30, rate_end=90), Arrival(30, rate_end=10)):
        profile = RateProfile(arrival, 10, 60)
        at_s = profile.time_of(number)
        if not math.isinf(at_s):
            assert profile.expected(at_s) == pytest.approx(number)


def test_a_falling_rate_never_gets_to_more_than_there_is() -> None:
    profile = RateProfile(Arrival(30, rate_end=0), 10, 60)

    assert profile.time_of(profile.expected(60) + 1) == math.inf


# ── random gaps ─────────────────────────────────────────────────────────────────────────────────────


def test_poisson_gaps_have_the_mean_and_spread_of_an_exponential() -> None:
    times = _times(Arrival(100, poisson=True), duration_s=1000)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]

    # n = 100,000: the standard error of the mean is 0.3 %, that of the variance √8/√n = 0.9 %; bounds of 4.
    assert statistics.fmean(gaps) == pytest.approx(0.01, rel=0.013)
    assert statistics.variance(gaps) == pytest.approx(0.01**2, rel=0.036)
    # Memoryless: a gap tells nothing of the next one. The standard error of the correlation is 1/√n.
    assert abs(statistics.correlation(gaps[:-1], gaps[1:])) < 4 / math.sqrt(len(gaps))


def test_poisson_counts_a_second_have_a_variance_as_large_as_their_mean() -> None:
    counts = Counter(int(at_s) for at_s in _times(Arrival(50, poisson=True), duration_s=2000))
    each = [counts[second] for second in range(2000)]

    # The index of dispersion of 2,000 Poisson counts is 1 ± √(2/2000) = 0.032.
    assert statistics.variance(each) / statistics.fmean(each) == pytest.approx(1, abs=0.13)


def test_poisson_follows_the_rate_profile_too() -> None:
    profile = RateProfile(Arrival(200, rate_end=600, poisson=True), 100, 500)
    times = list(profile.times(SEED))

    for at_s in (50, 100, 200, 300, 400, 500):
        expected = profile.expected(at_s)
        assert abs(sum(1 for time_s in times if time_s < at_s) - expected) < 4 * math.sqrt(expected)


def test_the_same_seed_gives_the_same_times_and_another_others() -> None:
    profile = RateProfile(Arrival(50, poisson=True), 5, 30)

    assert list(profile.times(1)) == list(profile.times(1))
    assert list(profile.times(1)) != list(profile.times(2))


# ── roles ───────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize("poisson", [False, True], ids=["equal gaps", "random gaps"])
def test_the_mix_of_roles_holds_at_any_moment(poisson: bool) -> None:
    so_far: Counter[str] = Counter()
    for number, due in enumerate(dues(RateProfile(Arrival(40, poisson=poisson), 10, 60), SEED, WEIGHTS), 1):
        so_far[due.role] += 1
        for role, weight in WEIGHTS.items():
            assert abs(so_far[role] - number * weight / TOTAL) <= 1, (number, role)


def test_turns_count_the_actions_of_a_role() -> None:
    of_role: Counter[str] = Counter()
    for due in dues(RateProfile(Arrival(40), 0, 20), SEED, WEIGHTS):
        assert due.turn == of_role[due.role]
        of_role[due.role] += 1


# ── processes ───────────────────────────────────────────────────────────────────────────────────────


def _distributed(users: int, processes: int) -> dict[str, list[int]]:
    """Sessions as the coordinator distributes them: in their order of starting, one to each process in turn."""
    sessions: dict[str, list[int]] = {}
    for number, role in enumerate(start_order(users_by_role(users, ROLES))):
        sessions.setdefault(role, []).append(number % processes)
    return sessions


@pytest.mark.parametrize("processes", [1, 2, 3, 8])
def test_every_action_is_begun_by_exactly_one_process(processes: int) -> None:
    sessions = _distributed(91, processes)
    of_process = [SessionAssignment(sessions) for _ in range(processes)]
    profile = RateProfile(Arrival(40), 5, 60)
    takers: list[list[Due]] = [[] for _ in range(processes)]
    for index, assignment in enumerate(of_process):
        # Each computes the sequence for itself, as it does in its own process.
        takers[index] = [due for due in dues(profile, SEED, WEIGHTS) if assignment.of(due) == index]

    together = sorted((due for taken in takers for due in taken), key=lambda due: due.at_s)
    assert together == list(dues(profile, SEED, WEIGHTS))


@pytest.mark.parametrize("processes", [2, 3])
def test_sessions_of_a_role_have_equal_work_wherever_they_are(processes: int) -> None:
    sessions = _distributed(91, processes)
    assignment = SessionAssignment(sessions)
    work: Counter[tuple[str, int]] = Counter()
    for due in dues(RateProfile(Arrival(400), 0, 60), SEED, WEIGHTS):
        index = assignment.of(due)
        assert index is not None
        work[due.role, index] += 1

    for (role, index), actions in work.items():
        each = 24_000 * WEIGHTS[role] / TOTAL / len(sessions[role])
        assert actions / sessions[role].count(index) == pytest.approx(each, abs=1)


def test_a_lost_process_leaves_no_action_without_a_taker_from_the_change_on() -> None:
    assignment = SessionAssignment(_distributed(91, 2))
    assignment.change(30.0, {role: [0] * len(indices) for role, indices in _distributed(91, 2).items()})

    takers = [(due.at_s, assignment.of(due)) for due in dues(RateProfile(Arrival(40), 0, 60), SEED, WEIGHTS)]

    assert {index for at_s, index in takers if at_s < 30} == {0, 1}
    assert {index for at_s, index in takers if at_s >= 30} == {0}


def test_a_role_without_a_session_has_no_taker() -> None:
    assert SessionAssignment({"policyholder": [0]}).of(Due(1.0, "agent", 0)) is None


# ── users ───────────────────────────────────────────────────────────────────────────────────────────


def _account(phone_number: str, role: str = "policyholder") -> Account:
    return Account(phone_number, "secret", role)


def test_accounts_are_ones_own_while_they_last_and_shared_evenly_then() -> None:
    pool = AccountPool(map(_account, "012"))

    own = [pool.take("policyholder").account.phone_number for _ in range(3)]
    shared = [pool.take("policyholder") for _ in range(4)]
    for seat in shared:
        pool.give_back(seat)

    assert own == ["0", "1", "2"]
    assert [seat.account.phone_number for seat in shared] == ["0", "1", "2", "0"]
    assert [pool.take("policyholder").account.phone_number for _ in range(3)] == ["0", "1", "2"]


def test_an_account_that_nobody_uses_goes_before_one_that_somebody_shares() -> None:
    pool = AccountPool(map(_account, "ab"))
    _first, second, third = (pool.take("policyholder") for _ in range(3))

    pool.give_back(third)
    pool.give_back(second)

    assert pool.take("policyholder").account.phone_number == "b"


def test_a_seat_that_was_removed_is_given_to_nobody() -> None:
    pool = AccountPool(map(_account, "abc"), [4, 5, 6])
    first = pool.take("policyholder")

    pool.remove({4, 5})
    pool.give_back(first)

    assert pool.take("policyholder").number == 6
    assert pool.take("policyholder").shared


USERS = 30


def _lives(seed: int, processes: int) -> dict[int, tuple[str, list[str], list[float]]]:
    """User → account, the first behaviours and pauses, as load processes give them to the users given to them."""
    roles = {role.slug: role for role in ROLES}
    order = start_order(users_by_role(USERS, ROLES))
    users = [_account(f"{number}", slug) for number, slug in enumerate(order)]
    lives = {}
    for index in range(processes):
        part = range(index, USERS, processes)
        pool = AccountPool([users[number] for number in part], list(part))
        for number in part:
            role = roles[order[number]]
            seat = pool.take(role.slug)
            schedule = UserSchedule(seed, role, role.behaviours, seat.number)
            behaviours = [behaviour.name for _ in range(40) if (behaviour := schedule.next_behaviour())]
            pauses = [schedule.start_s(1.0), *(schedule.think_s() for _ in range(40))]
            lives[seat.number] = (seat.account.phone_number, behaviours, pauses)
    return lives


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_each_user_does_the_same_in_any_number_of_processes(processes: int) -> None:
    lives = _lives(SEED, processes)

    assert len(lives) == USERS
    assert lives == _lives(SEED, 1)


def test_another_seed_gives_each_user_another_life() -> None:
    one, other = _lives(1, 1), _lives(2, 1)

    assert all(one[number][2] != other[number][2] for number in one)
    assert sum(one[number][1] != other[number][1] for number in one) > USERS / 2


def _arrivals(seed: int, processes: int) -> list[tuple[float, str, str]]:
    """When each action is due, for which role, and its behaviour, as the process that begins it sees it."""
    sessions = _distributed(91, processes)
    seen = []
    for index in range(processes):
        assignment = SessionAssignment(sessions)
        behaviours = {role.slug: arrival_behaviours(seed, role, role.behaviours) for role in ROLES}
        for due in dues(RateProfile(Arrival(40, poisson=True), 5, 30), seed, WEIGHTS):
            if assignment.of(due) == index and (behaviour := behaviours[due.role].at(due.turn)):
                seen.append((due.at_s, due.role, behaviour.name))
    return sorted(seen)


@pytest.mark.parametrize("processes", [2, 3])
def test_the_same_actions_arrive_at_the_same_times_in_any_number_of_processes(processes: int) -> None:
    assert _arrivals(SEED, processes) == _arrivals(SEED, 1)


def test_another_seed_gives_other_arrivals() -> None:
    one, other = _arrivals(1, 2), _arrivals(2, 2)

    assert [at_s for at_s, _role, _behaviour in one] != [at_s for at_s, _role, _behaviour in other]
    assert [behaviour for *_due, behaviour in one] != [behaviour for *_due, behaviour in other]
