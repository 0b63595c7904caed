"""What coordinator and workers on different machines need of each machine: the token that they share (`--bind`,
`worker --master`), and on a worker's own machine its accounts, its connection and its list of allowed hosts.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from perfsuite.errors import UsageError
from perfsuite.messages.plan import PlanMessage
from perfsuite.model import OwnConnection, Secrets, WorkerStart
from perfsuite.model.role import Role
from perfsuite.plan.access import read_accounts, resolve_connection
from perfsuite.plan.files import host_rules, read_scenarios
from perfsuite.plan.option_fields import data_file
from perfsuite.plan.options import PlanOptions
from perfsuite.target.hosts import Endpoint, allowed_names

TOKEN_VARIABLE = "AGENTMITRA_WORKER_TOKEN"  # noqa: S105 - the name of a variable, not a token
LEAST_TOKEN_LENGTH = 16
INDEX_VARIABLE = "JOB_COMPLETION_INDEX"
"""Kubernetes sets it in the pods of an indexed job."""


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


def worker_start(
    options: PlanOptions, master: Endpoint, roles: Sequence[Role], environment: Mapping[str, str]
) -> WorkerStart:
    """What the workers of this machine start with, from its own files, options and environment. Sends nothing.

    Raises UsageError for what is missing or wrong.
    """
    token = worker_token("--master", master, environment)
    rules = host_rules(read_scenarios(options.scenarios_file), options)
    # The target is that of the plan, which is not known yet.
    connection = resolve_connection(options.connection, "", [role.slug for role in roles], environment)
    accounts = read_accounts(
        options.credentials or data_file("credentials.csv"), roles, environment, connection.mapping.roles
    )
    access = connection.access
    return WorkerStart(
        master.host,
        master.port,
        token,
        Secrets(accounts, connection.headers, connection.key_password),
        allowed_hosts=allowed_names(rules),
        local=False,
        connection=OwnConnection(access.ca_file, access.proxy, access.client_cert, access.client_key),
        index=_index(environment),
    )


def _index(environment: Mapping[str, str]) -> int | None:
    """The index of this pod in its job; None elsewhere."""
    text = environment.get(INDEX_VARIABLE, "").strip()
    if not text:
        return None
    if not (text.isascii() and text.isdecimal()):
        raise UsageError(PlanMessage.POD_INDEX(variable=INDEX_VARIABLE, text=text))
    return int(text)
