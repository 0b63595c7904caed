"""The suite's load in plain `locust -f locustfile.py`: debug mode, and Locust's own web page.

It gives no verdict. It records to `results/` as every run does, so `report RUN` can make the report.
"""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
import time
from typing import Any

from perfsuite.cli.parser import add_options
from perfsuite.cli.plain_order import finish, make_order, options_of, refusal, users_in_order
from perfsuite.errors import EXIT_INCONCLUSIVE, SuiteError
from perfsuite.load.caught import listen_for_errors
from perfsuite.load.install import Hooks, guard, install
from perfsuite.load.plain import LoadMaking, Main, use_suites_runners
from perfsuite.load.state import LoadState
from perfsuite.measurements.file import FILE_NAME, Writer
from perfsuite.model import WorkerStart
from perfsuite.model.plan import STOP_TIMEOUT_S
from perfsuite.plan.options import ConnectionOptions, SampleOptions
from perfsuite.plan.workers import worker_start, worker_token
from perfsuite.roles import ROLES
from perfsuite.target.hosts import Endpoint

log = logging.getLogger("agentmitra")

_TOKEN_BYTES = 24
_LOOP_RUNS_S = 0.001


def read_options(parser: Any, **_event: Any) -> None:
    """Locust's own options with safer defaults: requests in flight may finish, page and workers are of this machine.

    Prepares for several processes before Locust starts them.
    """
    parser.set_defaults(stop_timeout=STOP_TIMEOUT_S, web_host="127.0.0.1", master_bind_host="127.0.0.1")
    for kind in (ConnectionOptions, SampleOptions):
        add_options(parser, kind, include_in_web_ui=False)
    options, _others = parser.parse_known_args()
    if not (options.master or options.worker or options.processes):
        return
    try:
        token = _token(options)
    except SuiteError as error:
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)
    if not options.worker:
        parser.set_defaults(master_host=_reachable(options.master_bind_host))
    making = LoadMaking(make_order, users_in_order, finish)
    use_suites_runners(token, making, _worker_start, Main(os.getpid(), is_master=not options.worker))


def _token(options: Any) -> str:
    """What master and workers share; of those that one `--processes` starts, which nobody else joins, a random one.

    Raises UsageError where it is missing.
    """
    if options.worker:
        option, endpoint = "--master-host", Endpoint(options.master_host, options.master_port)
    else:
        option, endpoint = "--master-bind-host", Endpoint(options.master_bind_host, options.master_bind_port)
    token = worker_token(option, endpoint, os.environ)
    return token or ("" if options.worker or options.master else secrets.token_urlsafe(_TOKEN_BYTES))


def _reachable(bind_host: str) -> str:
    """Where workers of this machine find a master that listens there."""
    return "127.0.0.1" if bind_host in ("", "*", "0.0.0.0") else bind_host  # noqa: S104  not to listen on


def _worker_start(environment: Any, host: str, port: int) -> WorkerStart:
    """What a worker starts with, from this machine's own files. Raises UsageError for what is missing or wrong."""
    return worker_start(options_of(environment, ""), Endpoint(host, port), ROLES, os.environ)


def install_plain(environment: Any, web_ui: Any = None, **_event: Any) -> None:
    """Listener for Locust's `init` event. A headless run on a host that may not be loaded ends here."""
    worker, master = getattr(environment, "agentmitra_worker", None), getattr(environment, "agentmitra_master", None)
    if worker is not None:
        listen_for_errors(worker.heard)
        environment.events.quitting.add_listener(worker.quitting)
        return
    if master is not None:
        listen_for_errors(master.heard)
    else:
        install(environment, Hooks(_make_load, lambda load: load.recorder.phase("ramp-down"), _finish))
        listen_for_errors(lambda error, during: _heard(environment, error, during))
    # Locust counts --run-time from when its event loop last ran: without this, from before all the imports.
    time.sleep(_LOOP_RUNS_S)
    if web_ui is not None:
        guard(web_ui, lambda host: str(refusal(host, environment) or ""))
    elif error := refusal(environment.host or "", environment):
        sys.stderr.write(f"{error}\n")
        sys.exit(error.exit_code)


def _heard(environment: Any, error: BaseException, during: str) -> None:
    """Count an error that only Locust or gevent saw. Without a load there is only the log."""
    load = getattr(environment, "agentmitra_load", None)
    if load is not None:
        load.errors.add_unless_counted(error, during)


def _make_load(environment: Any) -> LoadState | None:
    options, users = environment.parsed_options, environment.runner.target_user_count
    try:
        order = make_order(environment, users, float(options.spawn_rate or 1))
    except SuiteError as error:
        # Locust would swallow an exception and start users without work.
        log.error("%s", error)
        _give_up(environment, error.exit_code)
        return None
    except Exception:  # as above
        log.exception("an error of the suite itself: no load is made")
        _give_up(environment, EXIT_INCONCLUSIVE)
        return None
    writer = Writer(order.folder / FILE_NAME, order.plan.run_id)
    load = LoadState(order, writer, on_placed=lambda _users: load.recorder.phase("plateau"))
    load.recorder.phase("ramp-up")
    return load


def _give_up(environment: Any, exit_code: int) -> None:
    environment.process_exit_code = exit_code
    # A thread (in Locust's patched process a greenlet), since a listener cannot end its own run.
    threading.Thread(target=environment.runner.stop if environment.web_ui else environment.runner.quit).start()


def _finish(load: LoadState) -> None:
    finish(load.order, load.errors)
