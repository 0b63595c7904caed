"""Can this machine reach the target?"""

from __future__ import annotations

from perfsuite.load.gevent_socket import GeventNetwork
from perfsuite.model import Plan, Secrets
from perfsuite.target.catalogue import SERVICE_HEALTH
from perfsuite.target.connection import connection_settings
from perfsuite.target.exchange import USER_AGENT, Request
from perfsuite.target.http_client import HttpClient
from perfsuite.target.run_state import RunState


def reach(plan: Plan, secrets: Secrets) -> str:
    """Why not; "" where the target answers, whatever it says."""
    transport = HttpClient(connection_settings(plan, secrets.headers, secrets.key_password), GeventNetwork())
    run = RunState.of(plan, secrets.headers, "preflight")
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "X-Run-ID": run.run_header}
    try:
        answer = transport.exchange(Request("GET", run.path_of(SERVICE_HEALTH), headers))
    finally:
        transport.close()
    return answer.failure.message if answer.failure is not None else ""
