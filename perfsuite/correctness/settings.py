"""Settings of an account that checks change and put back: no user of a load writes them."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from perfsuite.correctness.check import CheckActor, Ground, Reply, Send, Unanswered
from perfsuite.correctness.own_rows import succeeded
from perfsuite.target.catalogue import SETTINGS
from perfsuite.target.checks import object_of
from perfsuite.target.write_rules import CHANGED_SETTINGS, OWN_ACCOUNT

NOT_SHOWN = "the target does not show the settings of an account"
SOMEBODY_ELSE = "somebody else changes the account, too"

Settings = Mapping[str, str]
"""Setting → value."""
Reading = Generator[tuple[Send, ...], tuple[Reply, ...], tuple[dict[str, str], Reply]]


def read(owner: CheckActor) -> Reading:
    """The settings that checks change. Raises Unanswered where the target does not show all of them, or where another
    check, maybe of another run, is changing them."""
    reply = yield from succeeded(Send(owner, OWN_ACCOUNT))
    row = object_of(reply.body)
    now = {setting: row.get(SETTINGS[setting].field) for setting in CHANGED_SETTINGS}
    if not all(isinstance(value, str) and value for value in now.values()):
        raise Unanswered(NOT_SHOWN)
    if any(now[setting] == value for setting, value in CHANGED_SETTINGS.items()):
        raise Unanswered(SOMEBODY_ELSE)
    return {setting: str(value) for setting, value in now.items()}, reply


def body(values: Settings) -> dict[str, str]:
    """That of a request which sets them."""
    return {SETTINGS[setting].field: value for setting, value in values.items()}


def put_back(ground: Ground, send: Send, before: Settings) -> Generator[tuple[Send, ...], tuple[Reply, ...], None]:
    """`send`: writes `before`; a second time where it failed. Where it fails again, cleanup does it after the run."""
    written = body(before)
    for _attempt in range(2):
        (reply,) = yield (send,)
        shown = object_of(reply.body)
        if reply.ok and all(shown.get(name, value) == value for name, value in written.items()):
            for setting in before:
                ground.put_back(send.actor, setting)
            return
