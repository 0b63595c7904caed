"""A worker's permission to send."""

from __future__ import annotations

import gevent
import pytest

from perfsuite.load.lease import LEASE_S, Lease, NoLease

_SOON_S = 0.2
"""Longer than a waiting user takes to look again."""


class Clock:
    """s, set by hand."""

    def __init__(self) -> None:
        self.s = 1000.0

    def __call__(self) -> float:
        return self.s


def _waits(lease: Lease) -> bool:
    user = gevent.spawn(lease.wait)
    user.join(_SOON_S)
    waits = not user.ready()
    user.kill()
    return waits


@pytest.mark.parametrize(
    ("later_s", "waits"),
    [
        pytest.param(0.0, False, id="new"),
        pytest.param(LEASE_S - 0.01, False, id="just before it runs out"),
        pytest.param(LEASE_S + 0.01, True, id="just after"),
    ],
)
def test_it_holds_for_a_while(later_s: float, *, waits: bool) -> None:
    clock = Clock()
    lease = Lease(clock)
    clock.s += later_s
    assert _waits(lease) is waits
    assert lease.take_held_back_s() == 0.0  # no time has passed
    assert lease.silent_s == pytest.approx(later_s)


def test_it_counts_from_the_moment_at_which_the_answered_heartbeat_was_sent() -> None:
    """Not from the answer, which may have been on its way for long."""
    clock = Clock()
    lease = Lease(clock)
    sent_at = clock.s + 1.0
    clock.s += 4.0

    lease.renew(sent_at)

    assert lease.silent_s == pytest.approx(3.0)
    assert not _waits(lease)
    clock.s = sent_at + LEASE_S + 0.01
    assert _waits(lease)


def test_an_old_answer_that_comes_late_takes_nothing_away() -> None:
    clock = Clock()
    lease = Lease(clock)
    lease.renew(clock.s + 3.0)

    lease.renew(clock.s)

    clock.s += LEASE_S + 1.0
    assert not _waits(lease)


def test_users_that_waited_go_on_when_the_master_is_heard_again() -> None:
    clock = Clock()
    lease = Lease(clock)
    clock.s += 8.0  # as after SIGSTOP
    users = [gevent.spawn(lease.wait) for _number in range(3)]
    gevent.sleep(_SOON_S)
    assert not any(user.ready() for user in users)

    lease.renew(clock.s)

    gevent.joinall(users, timeout=30)
    assert all(user.successful() for user in users)


def test_the_time_in_which_requests_were_held_back_counts_once_for_all_of_them() -> None:
    clock = Clock()
    lease = Lease(clock)
    clock.s += LEASE_S + 5.0
    assert lease.take_held_back_s() == 0.0  # nobody wanted to send
    users = [gevent.spawn(lease.wait) for _number in range(3)]
    gevent.sleep(_SOON_S)
    clock.s += 1.25
    first = lease.take_held_back_s()
    clock.s += 0.5
    users[0].kill()
    lease.renew(clock.s)
    gevent.joinall(users, timeout=30)
    clock.s += 1.0

    assert (first, lease.take_held_back_s(), lease.take_held_back_s()) == pytest.approx((1.25, 0.5, 0.0))


def test_without_a_master_nobody_waits() -> None:
    user = gevent.spawn(NoLease().wait)
    user.join(30)
    assert user.successful()
    assert NoLease().take_held_back_s() == 0.0
