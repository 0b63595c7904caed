"""Locust user classes made from the roles."""

from __future__ import annotations

import random
from collections.abc import Iterable
from typing import Any

import gevent
from gevent import GreenletExit
from locust import User
from locust.exception import StopUser

from perfsuite.api.observed import Observed
from perfsuite.api.session import Session, SessionEnded
from perfsuite.clock import utc_s
from perfsuite.load.client import GeventTransport
from perfsuite.load.deck import Deck
from perfsuite.load.state import LoadState
from perfsuite.model import LOGIN
from perfsuite.recorder.cells import Parts
from perfsuite.roles.role import Behaviour, Role

MAX_JITTER_S = 1.0
_LOOK_EVERY_S = 0.5


class RequestFailed(Exception):
    """What Locust's statistics show of a failed request."""


class EventObserver:
    """Tells Locust of every request, so that its own statistics, our recorder and any plug-in see the same."""

    def __init__(self, environment: Any, load: LoadState) -> None:
        self._fire = environment.events.request.fire
        self._load = load

    def request(self, observed: Observed) -> None:
        """Fire the `request` event. What was refused since the token had expired, and sent again, has a line of its
        own in Locust's statistics, without a failure."""
        failure = None if observed.expired else observed.failure
        if observed.due_at is not None and self._load.arrivals is not None:
            self._load.arrivals.sent(observed.sent_at - observed.due_at)
        self._fire(
            request_type=observed.method,
            name=f"{observed.operation} (token expired)" if observed.expired else observed.operation,
            response_time=observed.response_us / 1000,
            response_length=observed.length,
            exception=RequestFailed(failure.message) if failure else None,
            start_time=observed.sent_at,
            context={
                "role": observed.role,
                "behaviour": observed.behaviour,
                "operation": observed.operation,
                "expired": observed.expired,
                "due_at": observed.sent_at if observed.due_at is None else observed.due_at,
                "parts": _parts(observed),
                "request_id": observed.request_id,
                "failure_kind": str(failure.kind) if failure else None,
            },
        )

    def not_possible(self, role: str, behaviour: str, operation: str) -> None:
        """Count it beside the requests."""
        self._load.recorder.cells.not_possible((int(utc_s()), role, behaviour, operation))


def _parts(observed: Observed) -> Parts:
    return Parts(
        ended_second=int(observed.sent_at + observed.elapsed_us / 1e6),
        service_us=observed.elapsed_us if observed.service_us is None else observed.service_us,
        server_us=observed.server_us,
        connect_us=observed.connect_us,
        tls_us=observed.tls_us,
        remarks=observed.remarks,
    )


def act(user: RoleUser) -> None:
    """Locust's task: one action."""
    user.act()


class RoleUser(User):
    """A virtual user of one role, with an account and a connection of its own."""

    abstract = True
    role: Role
    tasks = [act]  # noqa: RUF012  Locust wants a class attribute
    _started = False
    _leaving = False

    def stop(self, force: bool = False) -> bool:
        """Locust tells this user to end. A user that wakes from its pause in this very moment must not begin an
        action any more: Locust takes it for a waiting one and kills it, with its request in flight."""
        self._leaving = True
        ended: bool = super().stop(force)
        return ended

    def on_start(self) -> None:
        """Start at a jittered moment, then log in.

        Ends by GreenletExit: Locust would log a StopUser from here as an error.
        """
        load: LoadState | None = self.environment.agentmitra_load
        if load is None:
            raise GreenletExit  # the start was refused; why was logged
        self._load = load
        # Locust starts users in one batch a second; spread over that second they do not march in step.
        gevent.sleep(self._load.random.uniform(0, MAX_JITTER_S))
        if self._leaving:
            raise GreenletExit
        self._account = self._load.accounts.take(self.role.slug)
        self._transport = GeventTransport(self._load.way, traffic=self._load.recorder.traffic)
        observer = EventObserver(self.environment, self._load)
        self.session = Session(self.role, self._account, self._transport, self._load.run, observer)
        self.session.random = random.Random(self._load.random.random())
        self._deck = Deck(self._load.order.behaviours(self.role), self.session.random)
        self._paused: tuple[float, str] | None = None
        self._started = True
        self._load.user_started(self.role.slug)
        self._log_in()

    def _log_in(self) -> None:
        """Try until it succeeds, at the role's pace or as the target asks."""
        while not self._ends_with_session(self.session.login):
            self._wait_for_login(max(self._think_s(), self.session.login_wait_s))

    def _wait_for_login(self, seconds: float) -> None:
        """A pause before the next login, recorded as one. It ends when the load does: Locust waits for this method."""
        began_at = utc_s()
        until = began_at + seconds
        while (left_s := until - utc_s()) > 0:
            gevent.sleep(min(left_s, _LOOK_EVERY_S))
            if self._leaving:
                raise GreenletExit
        key = (int(began_at), self.role.slug, LOGIN)
        self._load.recorder.cells.pause(key, round((utc_s() - began_at) * 1e6))

    def on_stop(self) -> None:
        """Close the connection; the account is free again."""
        if self._started:
            self._load.user_stopped(self.role.slug)
            self._load.accounts.give_back(self._account)
            self._transport.close()

    def wait_time(self) -> float:
        """Think time after an action, s; none in the open model, where the next action waits already.

        Longer where a login is due and the target asked to wait with it.
        """
        think_s = self._think_s() if self._load.arrivals is None else 0.0
        return think_s if self.session.logged_in else max(think_s, self.session.login_wait_s)

    def _think_s(self) -> float:
        return self.session.random.uniform(self.role.think_min_s, self.role.think_max_s)

    def act(self) -> None:
        """One action: of the behaviour that the deck deals or, in the open model, the one due longest."""
        if self._leaving:
            raise StopUser
        if self._load.arrivals is None:
            behaviour, due_at = self._deck.deal(), None
        else:
            arrived = self._load.arrivals.take(self.role.slug)
            if arrived is None:
                raise StopUser
            behaviour, due_at = arrived.behaviour, arrived.due_at
        if behaviour is not None:
            self._record_pause()
            self._perform(behaviour, due_at)

    def _perform(self, behaviour: Behaviour, due_at: float | None) -> None:
        result = self._ends_with_session(lambda: self.session.perform(behaviour, due_at))
        self._paused = (utc_s(), behaviour.name)
        # Without a request and yet failed: the login before it. Without both: nothing of it is possible.
        if result.requests or not result.succeeded:
            key = (int(result.began_at), self.role.slug, result.behaviour)
            self._load.recorder.cells.action(key, result.elapsed_us, succeeded=result.succeeded)

    def _record_pause(self) -> None:
        """The pause since the last action, as it really was: Little's law is checked with it."""
        if self._paused is not None:
            since, behaviour = self._paused
            key = (int(since), self.role.slug, behaviour)
            self._load.recorder.cells.pause(key, round((utc_s() - since) * 1e6))

    def _ends_with_session(self, do: Any) -> Any:
        try:
            return do()
        except SessionEnded:
            # The request in flight was cut and counted; now the user may die as it was told to.
            raise GreenletExit from None


def user_class(role: Role) -> type[RoleUser]:
    """The Locust class of a role: "Policyholder" for `policyholder`."""
    name = role.title.replace(" ", "")
    return type(name, (RoleUser,), {"role": role, "weight": role.weight, "abstract": False})


def user_classes(roles: Iterable[Role]) -> list[type[User]]:
    """The Locust classes of several roles, in their order."""
    return [user_class(role) for role in roles]
