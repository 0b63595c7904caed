"""Messages of the judge in the short form that tests need."""

from __future__ import annotations

from collections.abc import Iterable

from perfsuite.messages import Code, Message
from perfsuite.messages.reasons import Reason


def at_most(figure: str, observed: str, limit: str) -> Message:
    return Reason.MAXIMUM(figure=figure, observed=observed, limit=limit)


def at_least(figure: str, observed: str, limit: str) -> Message:
    return Reason.MINIMUM(figure=figure, observed=observed, limit=limit)


def samples(number: int, needed: int, figure: str) -> Message:
    return Reason.TOO_FEW_SAMPLES(samples=number, needed=needed, figure=figure)


def codes(messages: Iterable[Message]) -> list[Code]:
    return [message.code for message in messages]


def details(message: Message) -> list[Code]:
    return codes(message.details)
