"""Locust user classes made from the roles."""

from __future__ import annotations

import random
from typing import Any

import gevent
from gevent import GreenletExit
from locust import User
from locust.exception import StopUser

from perfsuite.api.session import Observed, Session, SessionEnded
from perfsuite.clock import utc_s
from perfsuite.load.client import GeventTransport
from perfsuite.load.deck import Deck
from perfsuite.load.state import LoadState
from perfsuite.roles import ROLES
from perfsuite.roles.role import Behaviour, Role

MAX_JITTER_S = 1.0


class RequestFailed(Exception):
    """What Locust's statistics show of a failed request."""


class EventObserver:
    """Tells Locust of every request, so that its own statistics, our recorder and any plug-in see the same."""

    def __init__(self, environment: Any, load: LoadState) -> None:
        self._fire = environment.events.request.fire
        self._load = load

    def request(self, observed: Observed) -> None:
        """Fire the `request` event."""
        failure = observed.failure
        self._fire(
            request_type=observed.method,
            name=observed.operation,
            response_time=observed.elapsed_us / 1000,
            response_length=observed.length,
            exception=RequestFailed(failure.message) if failure else None,
            start_time=observed.sent_at,
            context={
                "role": observed.role,
                "behaviour": observed.behaviour,
                "sent_at": observed.sent_at,
                "request_id": observed.request_id,
                "failure_kind": str(failure.kind) if failure else None,
            },
        )

    def not_possible(self, role: str, behaviour: str, operation: str) -> None:
        """Count it beside the requests."""
        self._load.recorder.cells.not_possible((int(utc_s()), role, behaviour, operation))


def act(user: RoleUser) -> None:
    """Locust's task: one action."""
    user.act()


class RoleUser(User):
    """A virtual user of one role, with an account and a connection of its own."""

    abstract = True
    role: Role
    tasks = [act]  # noqa: RUF012  Locust wants a class attribute
    _started = False

    def on_start(self) -> None:
        """Start at a jittered moment, then log in; go on trying at the role's pace while that fails."""
        load: LoadState | None = self.environment.agentmitra_load
        if load is None:
            raise StopUser  # the start was refused; why was logged
        self._load = load
        # Locust starts users in one batch a second; spread over that second they do not march in step.
        gevent.sleep(self._load.random.uniform(0, MAX_JITTER_S))
        self._account = self._load.accounts.take(self.role.slug)
        self._transport = GeventTransport(self._load.order.plan.host)
        observer = EventObserver(self.environment, self._load)
        self.session = Session(self.role, self._account, self._transport, self._load.run, observer)
        self.session.random = random.Random(self._load.random.random())
        self._deck = Deck(self._behaviours(), self.session.random)
        self._started = True
        self._load.user_started(self.role.slug)
        while not self._ends_with_session(self.session.login):
            gevent.sleep(self.wait_time())
            if self._state == "stopping":
                raise StopUser

    def on_stop(self) -> None:
        """Close the connection; the account is free again."""
        if self._started:
            self._load.user_stopped(self.role.slug)
            self._load.accounts.give_back(self._account)
            self._transport.close()

    def wait_time(self) -> float:
        """Think time after an action, s."""
        return self.session.random.uniform(self.role.think_min_s, self.role.think_max_s)

    def act(self) -> None:
        """One action of the behaviour that the deck deals."""
        behaviour = self._deck.deal()
        if behaviour is None:
            return
        result = self._ends_with_session(lambda: self.session.perform(behaviour))
        # Without a request and yet failed: the login before it. Without both: nothing of it is possible.
        if result.requests or not result.succeeded:
            key = (int(result.began_at), self.role.slug, result.behaviour)
            self._load.recorder.cells.action(key, result.elapsed_us, succeeded=result.succeeded)

    def _behaviours(self) -> list[Behaviour]:
        order = self._load.order
        left_out = order.left_out.get(self.role.slug, frozenset())
        return [
            behaviour
            for behaviour in self.role.behaviours
            if f"{self.role.slug} / {behaviour.name}" not in order.dead
            and any(step.operation not in left_out for step in behaviour.steps)
        ]

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


USER_CLASSES: list[type[RoleUser]] = [user_class(role) for role in ROLES]
