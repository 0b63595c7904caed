"""Can this machine reach the target, and is that an Agent Mitra backend from here as well?"""

from __future__ import annotations

import msgspec

from perfsuite.load.gevent_socket import GeventNetwork
from perfsuite.messages.load import WorkerMessage
from perfsuite.model import Plan, Secrets
from perfsuite.target.catalogue import SERVICE, SERVICE_HEALTH
from perfsuite.target.connection import connection_settings
from perfsuite.target.exchange import USER_AGENT, Answer, Request
from perfsuite.target.http_client import HttpClient
from perfsuite.target.run_state import RunState


def reach(plan: Plan, secrets: Secrets) -> str:
    """Why not; "" where an Agent Mitra backend answers."""
    transport = HttpClient(connection_settings(plan, secrets.headers, secrets.key_password), GeventNetwork())
    run = RunState.of(plan, secrets.headers, "preflight")
    headers = {"User-Agent": USER_AGENT, "Accept": "application/json", "X-Run-ID": run.run_header}
    try:
        answer = transport.exchange(Request("GET", run.path_of(SERVICE_HEALTH), headers))
    finally:
        transport.close()
    if answer.failure is not None:
        return answer.failure.message
    service = _service(answer)
    return "" if SERVICE in service else str(WorkerMessage.OTHER_TARGET(status=answer.status, service=service[:40]))


def _service(answer: Answer) -> str:
    """By its own word; "" where it does not say."""
    try:
        body = answer.json()
    except (msgspec.DecodeError, UnicodeDecodeError):
        return ""
    return str(body.get("service", "")) if isinstance(body, dict) else ""
