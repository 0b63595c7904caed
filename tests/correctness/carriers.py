"""Carriers that answer as they are told, and a context without accounts."""

from __future__ import annotations

import random
from collections.abc import Mapping
from typing import Any

from perfsuite.correctness.check import CheckActor, Reply, Send


class BareContext:
    """A context where every account has an id, and nothing else is known."""

    def __init__(self) -> None:
        self.random = random.Random(1)
        self.known: dict[str, Any] = {}
        self.changed: dict[str, str] = {}
        self._marks = 0

    def name(self, actor: CheckActor) -> str:
        return str(actor)

    def user_id(self, actor: CheckActor) -> str:
        return f"id of {actor}"

    def new_mark(self) -> str:
        self._marks += 1
        return f"PERF-{self._marks}"

    def will_change(self, actor: CheckActor, setting: str, before: str, by: CheckActor | None = None) -> str:
        return self.changed.setdefault(f"{actor} {setting}", before)

    def put_back(self, actor: CheckActor, setting: str) -> None:
        del self.changed[f"{actor} {setting}"]


class SameAnswer:
    """Answers every request with one status, and with the same body."""

    def __init__(self, status: int, body: Any = None, content: bytes = b"") -> None:
        self.sent: list[Send] = []
        self._answer = status, body, content

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        self.sent.extend(sends)
        status, body, content = self._answer
        return tuple(Reply(send, status, body, content=content) for send in sends)

    def wait(self, seconds: float) -> None:
        pass


class Scripted:
    """Answers (actor, operation) with the next of the bodies given for them, and with the last one from then on."""

    def __init__(self, bodies: Mapping[tuple[str, str], list[Any]]) -> None:
        self._bodies = {key: list(each) for key, each in bodies.items()}

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        return tuple(Reply(send, 200, self._next(str(send.actor), send.operation)) for send in sends)

    def wait(self, seconds: float) -> None:
        pass

    def _next(self, actor: str, operation: str) -> Any:
        bodies = self._bodies[actor, operation]
        return bodies.pop(0) if len(bodies) > 1 else bodies[0]


class InOrder:
    """Answers the next requests with these: status, body, and the rest of a reply; `waited`: seconds."""

    def __init__(self, *answers: tuple[Any, ...]) -> None:
        self.sent: list[Send] = []
        self.waited = 0.0
        self._answers = list(answers)

    def exchange(self, sends: tuple[Send, ...]) -> tuple[Reply, ...]:
        self.sent.extend(sends)
        return tuple(Reply(send, *self._answers.pop(0)) for send in sends)

    def wait(self, seconds: float) -> None:
        self.waited += seconds
