"""Joins our parts with a Locust environment: the same in the suite's own load process and in plain `locust -f`."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from locust.dispatch import UsersDispatcher

from perfsuite.load.dispatcher import RoleDispatcher
from perfsuite.load.state import LoadState
from perfsuite.load.users import OBSERVED

log = logging.getLogger(__name__)


def counted_by_locust(environment: Any) -> int:
    """Requests in Locust's own statistics, and those that a worker has reported: each report empties the statistics."""
    return int(environment.stats.total.num_requests) + int(getattr(environment, "agentmitra_reported", 0))


@dataclass(slots=True)
class Hooks:
    """What differs between the ways in which the load can be run.

    `make_load` is called when a test starts (on Locust's page more than once in a process; None: there is
    nothing to load, users that start end at once), `stopping` when
    its load is over, `after` when its last record is written. `reason`: why it ended, as its record says.
    """

    make_load: Callable[[Any], LoadState | None]
    stopping: Callable[[LoadState], None]
    after: Callable[[LoadState], None]
    dispatcher: type[UsersDispatcher] = RoleDispatcher
    reason: str = "completed"


def install(environment: Any, hooks: Hooks) -> None:
    """Make `environment` run the suite's load."""
    environment.agentmitra_load = None
    environment.agentmitra_reported = 0
    environment.dispatcher_class = hooks.dispatcher
    events = environment.events

    @events.test_start.add_listener  # type: ignore[untyped-decorator]
    def on_start(**_event: Any) -> None:
        # Locust swallows what a listener raises; users that find no load end at once.
        environment.agentmitra_load = None
        load = environment.agentmitra_load = hooks.make_load(environment)
        if load is not None:
            load.begin(environment.runner.target_user_count)

    _listen_to_users(environment)

    @events.spawning_complete.add_listener  # type: ignore[untyped-decorator]
    def on_spawned(**_event: Any) -> None:
        load = environment.agentmitra_load
        if load is not None:
            with load.counting("all users had started"):
                # Not the event's count, which in a worker is that of all workers.
                load.retarget(environment.runner.target_user_count)

    @events.test_stopping.add_listener  # type: ignore[untyped-decorator]
    def on_stopping(**_event: Any) -> None:
        load = environment.agentmitra_load
        if load is not None:
            with load.counting("the load began to stop"):
                load.stopping()
                hooks.stopping(load)

    @events.test_stop.add_listener  # type: ignore[untyped-decorator]
    def on_stop(**_event: Any) -> None:
        load = environment.agentmitra_load
        if load is None:
            return
        load.finish(lambda: counted_by_locust(environment), hooks.reason)
        hooks.after(load)


def _listen_to_users(environment: Any) -> None:
    events = environment.events

    @events.request.add_listener  # type: ignore[untyped-decorator]
    def on_request(context: Mapping[str, Any] | None = None, **event: Any) -> None:
        # Our own users recorded theirs before they fired the event.
        if environment.agentmitra_load is not None and OBSERVED not in (context or {}):
            environment.agentmitra_load.foreign_request(**event)

    @events.user_error.add_listener  # type: ignore[untyped-decorator]
    def on_user_error(exception: BaseException, **_event: Any) -> None:
        # Users count their own errors, all but those of their very beginning.
        if environment.agentmitra_load is not None:
            environment.agentmitra_load.errors.add_unless_counted(exception, "a user began")


def guard(web_ui: Any, refusal: Callable[[str], str]) -> None:
    """Let only the page itself talk to Locust's web server, and only about hosts that may be loaded.

    Locust allows every origin (a page from elsewhere, open in the same browser, could start load) and
    every host. `refusal` says why a host may not be loaded; "" when it may.
    """

    @web_ui.app.before_request  # type: ignore[untyped-decorator]
    def check_origin() -> tuple[str, int] | None:
        from flask import request

        origin = request.headers.get("Origin")
        name = (urlsplit(f"//{request.host}").hostname or "").lower()
        elsewhere = bool(origin) and urlsplit(origin or "").netloc != request.host
        # A picture on another page sends no Origin; a link to the page itself may be followed from anywhere.
        embedded = request.headers.get("Sec-Fetch-Site") in ("cross-site", "same-site") and request.path != "/"
        if elsewhere or embedded or name not in ("localhost", "127.0.0.1", "::1"):
            log.warning("refused a request from a foreign page (%s)", origin or request.host)
            return "Only the page of this server may use it.\n", 403
        if request.path.endswith("/swarm") and (why := refusal(request.form.get("host", ""))):
            log.warning("%s", why)
            return json.dumps({"success": False, "message": why}), 403
        return None
