"""Settings of an account that checks change and put back: no user of a load writes them."""

from __future__ import annotations

from collections.abc import Generator, Mapping

from perfsuite.correctness.check import CheckActor, CheckContext, Reply, Send, Unanswered, succeeded
from perfsuite.messages.checks import WhyNot
from perfsuite.target.catalogue import SETTINGS
from perfsuite.target.checks import object_of
from perfsuite.target.write_rules import CHANGED_SETTINGS, OWN_ACCOUNT

NOT_SHOWN = WhyNot.NOT_SHOWN()
SOMEBODY_ELSE = WhyNot.SOMEBODY_ELSE()
NOT_TAKEN = WhyNot.NOT_TAKEN()
PUT_BACK = WhyNot.PUT_BACK()

Settings = Mapping[str, str]
"""Setting → value."""


def read(
    context: CheckContext, owner: CheckActor, operation: str
) -> Generator[tuple[Send, ...], tuple[Reply, ...], Settings]:
    """The settings that checks change. `operation` writes them.

    Raises Unanswered where the target does not show all of them, or where another check is changing them, maybe of
    another run. What an earlier check could not put back is put back first.
    """
    reply = yield from succeeded(Send(owner, OWN_ACCOUNT))
    row = object_of(reply.body)
    now = {setting: row.get(SETTINGS[setting].field) for setting in CHANGED_SETTINGS}
    if not all(isinstance(value, str) and value for value in now.values()):
        raise Unanswered(NOT_SHOWN)
    if all(now[setting] != value for setting, value in CHANGED_SETTINGS.items()):
        return {setting: str(value) for setting, value in now.items()}
    left: Settings | None = context.known.get(_left(owner))
    if left is None:
        raise Unanswered(SOMEBODY_ELSE)
    yield from put_back(context, owner, operation, left)
    raise Unanswered(PUT_BACK)


def body(values: Settings) -> dict[str, str]:
    """That of a request which sets them."""
    return {SETTINGS[setting].field: value for setting, value in values.items()}


def put_back(
    context: CheckContext, owner: CheckActor, operation: str, before: Settings
) -> Generator[tuple[Send, ...], tuple[Reply, ...], None]:
    """By the account itself, a second time where it failed. Where it fails again, the next check does it, or cleanup
    after the run. Raises nothing: what was seen before is not lost."""
    send = Send(owner, operation, {"user_id": context.user_id(owner)}, body(before), restores=True)
    for _attempt in range(2):
        try:
            (reply,) = yield (send,)
        except Unanswered:
            continue
        shown = object_of(reply.body)
        if reply.ok and all(shown.get(name, value) == value for name, value in body(before).items()):
            del context.known[_left(owner)]
            for setting in before:
                context.put_back(owner, setting)
            return


def leave(context: CheckContext, owner: CheckActor, before: Settings) -> None:
    """Note that the settings were changed and not put back."""
    context.known[_left(owner)] = before


def _left(owner: CheckActor) -> str:
    return f"settings of {owner} before"
