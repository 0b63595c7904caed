"""The token that coordinator and workers on different machines share (`--bind`, `worker --master`)."""

from __future__ import annotations

from collections.abc import Mapping

from perfsuite.errors import UsageError
from perfsuite.messages.plan import PlanMessage
from perfsuite.target.hosts import Endpoint

TOKEN_VARIABLE = "AGENTMITRA_WORKER_TOKEN"  # noqa: S105 - the name of a variable, not a token
LEAST_TOKEN_LENGTH = 16


def worker_token(option: str, endpoint: Endpoint, environment: Mapping[str, str]) -> str:
    """The token of the environment; "" where it has none and `endpoint`, the value of `option`, is on this machine.

    Raises UsageError for a token that is missing or short. No message repeats it.
    """
    token = environment.get(TOKEN_VARIABLE, "").strip()
    if not token and not endpoint.is_local:
        raise UsageError(PlanMessage.WORKER_TOKEN_MISSING(option=option, address=endpoint, variable=TOKEN_VARIABLE))
    if token and len(token) < LEAST_TOKEN_LENGTH:
        raise UsageError(
            PlanMessage.WORKER_TOKEN_SHORT(variable=TOKEN_VARIABLE, least=LEAST_TOKEN_LENGTH, length=len(token))
        )
    return token
