"""Locust user classes made from the roles."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any

import gevent
from gevent import GreenletExit
from locust import User
from locust.exception import InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately, StopTest, StopUser
from locust.user.task import LOCUST_STATE_RUNNING, LOCUST_STATE_STOPPING, LOCUST_STATE_WAITING

from perfsuite.clock import utc_s
from perfsuite.load.gevent_socket import GeventNetwork
from perfsuite.load.locust_count import own_listeners
from perfsuite.load.schedule import UserSchedule
from perfsuite.load.sent import CountingTransport
from perfsuite.load.state import LoadState
from perfsuite.model import LOGIN
from perfsuite.model.role import Behaviour, Role
from perfsuite.target.exchange import Sample, Transport, suite_failure
from perfsuite.target.http_client import HttpClient
from perfsuite.target.session import Session, SessionEnded

MAX_JITTER_S = 1.0
_LOOK_EVERY_S = 0.5
_REST_S = 60.0
AFTER_ERROR_S = 1.0
"""The shortest pause after an error of the suite itself."""
LOGIN_AGAIN_S = 0.5
"""The shortest pause before another login, whatever the think times are."""
NONE_TAKEN_S = 0.1
"""The pause of an open model's session after an error of the suite that kept it from taking an action: those that are
due wait meanwhile."""
OBSERVED = "agentmitra"
"""Key in the context of Locust's request event: the `Sample` of a request that the recorder has already."""
_ENDS_A_USER = (StopUser, StopTest, InterruptTaskSet, RescheduleTask, RescheduleTaskImmediately)
"""With these a user or a plug-in that hears of a request says to Locust what to do next."""


class RequestFailed(Exception):
    """What Locust's statistics show of a failed request."""


class EventObserver:
    """Records every request, then reports it to Locust once: by Locust's event.

    A good request goes straight to Locust's statistics where nobody but them and the suite listens to the event.
    """

    def __init__(self, environment: Any, load: LoadState) -> None:
        self._event = environment.events.request
        self._environment = environment
        self._own_listeners = own_listeners(environment)
        self._load = load
        self.recorded = 0
        """Requests that the recorder has."""

    def request(self, sample: Sample) -> None:
        """Record and report it. One that cannot be recorded as it is, is recorded as an error of the suite.

        What was raised goes on to the caller, who finds by `recorded` whether the recorder has the request.
        """
        try:
            self.record(sample)
        except Exception as error:
            sample.failure, sample.expired = suite_failure(error, self._load.secrets), False
            self.record(sample)
            self._fire(sample)
            raise
        if len(self._event._handlers) == self._own_listeners and sample.failure is None and not sample.expired:
            # Nobody but Locust's statistics would hear of it.
            series = sample.series
            self._environment.stats.log_request(
                series.method, series.operation, sample.response_us / 1000, sample.length
            )
        else:
            self._fire(sample)

    def record(self, sample: Sample) -> None:
        """Hand it to the recorder; raises where the recorder did not take it."""
        load = self._load
        if sample.due_at is not None and load.arrivals is not None:
            load.arrivals.sent(sample.sent_at - sample.due_at)
        load.recorder.request(sample)
        self.recorded += 1

    def _fire(self, sample: Sample) -> None:
        series, failure = sample.series, sample.failure
        name = series.operation
        if sample.expired:
            # Refused since the token had expired, and sent again: a line of its own, without a failure.
            name, failure = f"{name} (token expired)", None
        self._event.fire(
            request_type=series.method,
            name=name,
            response_time=sample.response_us / 1000,
            response_length=sample.length,
            exception=None if failure is None else RequestFailed(failure.message),
            start_time=sample.sent_at,
            context={OBSERVED: sample},
        )

    def not_possible(self, role: str, behaviour: str, operation: str, why: str) -> None:
        """Count it beside the requests."""
        self._load.recorder.cells.not_possible((int(utc_s()), role, behaviour, operation), why)


def act(user: RoleUser) -> None:
    """Locust's task: actions and pauses until the user is ended.

    One task for all of them, since between tasks Locust gives way to the event loop even where nobody has to pause.
    """
    while True:
        user.act()
        if user.is_done:
            user.rest()
        user.pause()


class RoleUser(User):
    """A virtual user of one role, with an account and a connection of its own."""

    abstract = True
    role: Role
    tasks = [act]  # noqa: RUF012  Locust wants a class attribute
    _started = False
    _leaving = False
    _has_failed = False
    """Something that nobody expected happened since the last pause."""
    _took_none = False
    """The latest action ended before there was one."""
    _unrecorded = 0
    _logging_in = False
    _yielded = False
    """The latest action got answers, and so let others run while it waited."""
    _at_rest = False
    _made = 0
    """Actions so far."""
    _planned_pause_s = 0.0
    """How long the present pause was to be; 0 where none was planned."""

    def stop(self, force: bool = False) -> bool:
        """Locust ends this user. A user that wakes from its pause in this very moment must not begin an
        action any more: Locust takes it for a waiting one and kills it, with its request in flight."""
        self._leaving = True
        ended: bool = super().stop(force)
        return ended

    @property
    def leaving(self) -> bool:
        """It has to end."""
        return self._leaving

    @property
    def number(self) -> float:
        """Its number in the run; infinite before it has one."""
        return self._seat.number if hasattr(self, "_seat") else math.inf

    def on_start(self) -> None:
        """Start at a jittered moment, then log in.

        Ends by GreenletExit: Locust would log a StopUser from here as an error.
        """
        load: LoadState | None = self.environment.agentmitra_load
        if load is None:
            raise GreenletExit  # the start was refused; why was logged
        self._load = load
        self._seat = self._load.accounts.take(self.role.slug)
        seed, behaviours = load.order.plan.seed, load.behaviours(self.role)
        self._schedule = UserSchedule(seed, self.role, behaviours, self._seat.number)
        self._wait_to_begin()
        self._transport = CountingTransport(self.make_transport(), self._load.sent, self._load.permission)
        self._observer = self.make_observer()
        self.session = Session(self.role, self._seat.account, self._transport, self._load.run, self._observer)
        self.session.seed(self._schedule.key)
        if self._load.checker is not None:
            self._load.checker.sessions[self._seat.account.phone_number] = self.session
        self._paused: tuple[float, str] | None = None
        self._started = True
        self._load.recorder.cells.logging_in += 1
        self._logging_in = True
        self._load.user_started(self.role.slug)
        self._load.waiting.add(self.in_flight)
        self._log_in()

    def _wait_to_begin(self) -> None:
        # Locust starts users in one batch a second; spread over that second they do not march in step.
        try:
            gevent.sleep(self._schedule.start_s(MAX_JITTER_S))
            if self._leaving:
                raise GreenletExit
        except GreenletExit:
            self._load.accounts.give_back(self._seat)
            raise

    def _log_in(self) -> None:
        """Try until it succeeds, at the role's pace or as the target asks."""
        try:
            while not self._logged_in():
                if self.session.login_rejected:
                    self._end_first_login()
                self._wait_for_login(max(self._pause_s(), self.session.login_wait_s, LOGIN_AGAIN_S))
        finally:
            self._end_first_login()

    def _end_first_login(self) -> None:
        """It succeeded, or was rejected for a reason that waiting does not change: nobody waits for this user."""
        if self._logging_in:
            self._logging_in = False
            self._load.recorder.cells.logging_in -= 1

    def _logged_in(self) -> bool:
        try:
            return self.session.login()
        except SessionEnded:
            raise GreenletExit from None  # as after an action
        except _ENDS_A_USER:
            raise
        except Exception as error:  # noqa: BLE001  counted as an error of the suite; the user tries again
            self._failed(error, LOGIN)
            return False

    def _wait_for_login(self, seconds: float) -> None:
        """A pause before the next login, recorded as one. It ends when the load does: Locust waits for this method."""
        began_at = utc_s()
        until = began_at + seconds
        while True:
            # At least once: a login that failed before it was sent has let nobody else run.
            gevent.sleep(min(max(until - utc_s(), 0.0), _LOOK_EVERY_S))
            if self._leaving:
                raise GreenletExit
            if utc_s() >= until:
                break
        with self._load.counting("the pause before a login"):
            key = (int(began_at), self.role.slug, LOGIN)
            self._load.recorder.cells.pause(key, round((utc_s() - began_at) * 1e6))

    def make_transport(self) -> Transport:
        """The connection of this user to the target."""
        recorder = self._load.recorder
        return HttpClient(self._load.connection, GeventNetwork(), traffic=recorder.traffic, report=recorder.connections)

    def make_observer(self) -> EventObserver:
        """Who hears of its requests."""
        return EventObserver(self.environment, self._load)

    def on_stop(self) -> None:
        """Close the connection; the account is free again."""
        if self._started:
            with self._load.counting("a user ended"):
                if not self._at_rest:
                    self._load.user_stopped(self.role.slug)
                self._load.waiting.discard(self.in_flight)
                self._load.accounts.give_back(self._seat)
                self._transport.close()

    def in_flight(self) -> tuple[int, str, str] | None:
        """The request that it waits for: the second in which it was due, role, operation. None while it waits for
        none."""
        since, due_at = self._transport.waiting_since, self.session.due_at
        return None if since is None else (int(due_at or since), self.role.slug, self.session.sending)

    def wait_time(self) -> float:
        """Think time after an action, s; none in the open model, where the next action waits already.

        Longer where a login is due and the target asked to wait with it.
        """
        pause_s = NONE_TAKEN_S if self._took_none else 0.0
        if self._load.arrivals is None:
            pause_s = self._pause_s()
        login_wait_s = self.session.login_wait_s
        if login_wait_s > pause_s and not self.session.logged_in:
            pause_s = login_wait_s
        self._planned_pause_s = pause_s
        return pause_s

    def pause(self) -> None:
        """The pause after an action. A user may be ended in it at once, otherwise when its action is over."""
        if self._state != LOCUST_STATE_STOPPING:
            pause_s = self.wait_time()
            if pause_s > 0 or not self._yielded:
                self._state = LOCUST_STATE_WAITING
                gevent.sleep(pause_s)
                if self._state == LOCUST_STATE_WAITING:
                    self._state = LOCUST_STATE_RUNNING
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser

    @property
    def is_done(self) -> bool:
        """It has made all its iterations."""
        return self._made == self._load.order.plan.scenario.iterations

    def rest(self) -> None:
        """Send nothing more, until the load is over. It does not end: Locust would start another in its place."""
        if self._state == LOCUST_STATE_STOPPING:
            raise StopUser
        self._state, self._at_rest = LOCUST_STATE_WAITING, True
        self._load.user_done(self.role.slug)
        self._transport.close()
        while True:
            gevent.sleep(_REST_S)

    def think_s(self) -> float:
        """The next think time of the closed model."""
        return self._schedule.think_s()

    def _pause_s(self) -> float:
        """The think time; after an error of the suite long enough that a user who meets it each time does no harm."""
        pause_s = 0.0
        try:
            pause_s = self.think_s()
        except Exception as error:  # noqa: BLE001  Locust would end the user
            self._failed(error, "the think time")
        failed, self._has_failed = self._has_failed, False
        return max(pause_s, AFTER_ERROR_S) if failed else pause_s

    def _failed(self, error: BaseException, during: str) -> None:
        """An exception that nobody expected: count it, and the request that it left unrecorded, if any."""
        self._has_failed = True
        self._load.failed(error, f"{during} as {self.role.slug}", self.session.secrets)
        unrecorded = self._transport.sent - self._observer.recorded
        self._load.sent.unrecorded += unrecorded - self._unrecorded
        self._unrecorded = unrecorded

    def act(self) -> None:
        """One action: of the behaviour whose turn it is or, in the open model, the one due longest.

        What nobody expected ends the action and is counted; the user goes on with the next one.
        """
        self._took_none, self._yielded = True, False
        try:
            self._act()
        except _ENDS_A_USER:
            raise
        except (Exception, gevent.Timeout) as error:  # noqa: BLE001  Locust would log it, and nobody would count it
            self._failed(error, "an action")
        self._made += not self._took_none

    def _act(self) -> None:
        if self._leaving:
            raise StopUser
        if self._load.arrivals is None:
            behaviour, due_at = self._schedule.next_behaviour(), None
        else:
            arrived = self._load.arrivals.take(self.role.slug)
            if arrived is None:
                raise StopUser
            behaviour, due_at = arrived.behaviour, arrived.due_at
        self._took_none = False
        if behaviour is not None:
            self._record_pause()
            self._perform(behaviour, due_at)

    def _perform(self, behaviour: Behaviour, due_at: float | None) -> None:
        try:
            result = self.session.perform(behaviour, due_at)
            # What failed may have failed before it was sent, for want of a socket, without waiting for anything.
            self._yielded = result.requests > 0 and result.succeeded
        except SessionEnded:
            # The request in flight was cut and counted; now the user may end as Locust wanted.
            raise GreenletExit from None
        except _ENDS_A_USER:
            raise
        except (Exception, gevent.Timeout) as error:  # noqa: BLE001  as in `act`, but the action is known
            self._failed(error, behaviour.name)
            result = self.session.failed_action()
        self._paused = (result.began_at + result.elapsed_us / 1e6, behaviour.name)
        # Without a request and yet failed: the login before it. Without both: nothing of it is possible.
        if result.requests or not result.succeeded:
            key = (int(result.began_at), self.role.slug, result.behaviour)
            self._load.recorder.cells.action(key, result.elapsed_us, succeeded=result.succeeded)

    def _record_pause(self) -> None:
        """The pause since the last action, as it really was: Little's law is checked with it.

        What it was longer than planned, this process was late.
        """
        if self._paused is not None:
            (since, behaviour), recorder = self._paused, self._load.recorder
            pause_us = round((utc_s() - since) * 1e6)
            recorder.cells.pause((int(since), self.role.slug, behaviour), pause_us)
            if self._planned_pause_s and self._load.arrivals is None:
                recorder.health.add_send_lag(pause_us - round(self._planned_pause_s * 1e6))


def user_class(role: Role) -> type[RoleUser]:
    """The Locust class of a role: "Policyholder" for `policyholder`."""
    name = role.title.replace(" ", "")
    return type(name, (RoleUser,), {"role": role, "weight": role.weight, "abstract": False})


def user_classes(roles: Iterable[Role]) -> list[type[User]]:
    """The Locust classes of several roles, in their order."""
    return [user_class(role) for role in roles]
