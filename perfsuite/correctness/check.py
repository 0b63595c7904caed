"""One check: what it sends, as whom, and how it judges what comes back.

The steps of a check are a generator. It yields the requests to be sent next, all at the same instant, and is sent their
replies; or it yields a number of seconds to wait. It returns how it ended.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

from perfsuite.messages.checks import WhyNot
from perfsuite.model.correctness import CheckKey, Invariant

SERVER_ERROR = 500
"""An error in the target itself."""
_TOO_BUSY = frozenset({0, 408, 425, 429})
"""Statuses of a target that is too busy, or cannot be reached (0), like every one above SERVER_ERROR, which gateways
give as well: they say nothing about its correctness."""

WITHOUT_LOAD = "no load"
"""In `known` where there is no load: the roles that have an account. What a load does besides, a check does
by itself then."""


NO_DATA = WhyNot.NO_DATA()
NO_ANSWER = WhyNot.NO_ANSWER()
OTHERS_ANSWER = WhyNot.OTHERS_ANSWER()

Row = Mapping[str, Any]


class TokenKind(StrEnum):
    """What a request shows as its token."""

    OWN = "own"
    NONE = "none"
    FORGED = "forged"
    EXPIRED = "expired"
    UNSIGNED = "unsigned"
    DEACTIVATED = "of a deactivated account"


@dataclass(frozen=True, slots=True)
class CheckActor:
    """Somebody who sends requests: the account of a role with this position, from 0, or from its last one with -1."""

    role: str
    position: int = 0

    def __str__(self) -> str:
        return f"{self.role}#{self.position + 1 if self.position >= 0 else self.position}"

    def is_among(self, accounts: int) -> bool:
        """Whether so many accounts of the role are enough."""
        return -accounts <= self.position < accounts


@dataclass(frozen=True, slots=True)
class Send:
    """One request. `path`: values for the `{names}` of the operation's path; `query`: added to it.

    `restores`: it puts back what its check has changed, and is sent even where nothing else may be written.
    """

    actor: CheckActor
    operation: str
    path: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    token: TokenKind = TokenKind.OWN
    query: Mapping[str, str] = field(default_factory=dict)
    restores: bool = False


@dataclass(frozen=True, slots=True)
class Reply:
    """What came back. `body`: decoded JSON, None where there was none.

    `template`: the path that was sent, with names for ids and with the query; "" for that of the contract.
    """

    send: Send
    status: int
    body: Any
    request_id: str = ""
    sent_at: float = 0.0
    content: bytes = b""
    template: str = ""

    @property
    def ok(self) -> bool:
        """The request succeeded."""
        return 200 <= self.status < 300 and not self.is_page

    @property
    def is_page(self) -> bool:
        """It is no JSON. To a request that succeeds, the target gives no such answer; a gateway may: "please wait"."""
        return self.body is None and self.content.strip() not in (b"", b"null")

    @property
    def says_nothing(self) -> bool:
        """The target was too busy, or knows the session no more, which could not be renewed either; or a gateway
        answered in its place."""
        if self.status == 401:
            return self.send.token is TokenKind.OWN
        return is_too_busy(self.status) or (self.status < 400 and not self.ok)

    @property
    def outcome(self) -> str:
        """In words."""
        if not self.status:
            return "no answer"
        return f"HTTP {self.status}, not JSON" if self.is_page else f"HTTP {self.status}"

    @property
    def unclear(self) -> bool:
        """Nobody knows whether the target did what it was asked for."""
        return self.status in _TOO_BUSY or self.status >= SERVER_ERROR


@dataclass(frozen=True, slots=True)
class Held:
    """The invariant held."""


@dataclass(frozen=True, slots=True)
class Violated:
    """It did not. `replies`: those that show it, at most two. Values in the texts are shortened and hold no secret."""

    expected: str
    seen: str
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class NotChecked:
    """It could not be checked, this time or never."""

    why: str


Outcome = Held | Violated | NotChecked
Steps = Generator["tuple[Send, ...] | float", "tuple[Reply, ...]", Outcome]


class Unanswered(Exception):
    """The target was too busy to answer, or could not do it: this check has no result. `str` says why."""


class Unavailable(Unanswered):
    """A request that cannot be made, nor a moment later."""


class CheckContext(Protocol):
    """What a check knows without asking the target."""

    random: random.Random
    known: dict[str, Any]
    """What checks of this process have learnt, for those after them."""

    def name(self, actor: CheckActor) -> str:
        """What texts call its account: role and number among those of the role in the credentials."""

    def user_id(self, actor: CheckActor) -> str:
        """The id of its account; every actor of a check is logged in before its first step."""

    def new_mark(self) -> str:
        """A text that marks a row as made by this run, never given before."""

    def will_change(self, actor: CheckActor, setting: str, before: str, by: CheckActor | None = None) -> str:
        """Note, before it is sent, that a setting of the actor's account is changed from `before`; see SETTINGS.

        `by`: who changes it and can put it back, None for the actor. The value to put back: where an earlier change was
        not put back, the one from before it.
        """

    def put_back(self, actor: CheckActor, setting: str) -> None:
        """Note that the setting has its value from before the run again."""


@dataclass(frozen=True, slots=True, eq=False)
class Check:
    """One invariant for one operation and some roles.

    `rule`: its name, such as "own rows only"; `actors`: who takes part, the one whose answers are judged first.
    `requests`: how many it sends at most, logins left out; more only where it makes sure of what it saw, as long as
    the budget covers them, see `Schedule.grants`. `writes`: it changes rows, always of this run.
    `under_load_only`: without load it is not expected to show anything. `uses`: what it sends besides `operation`.
    `shares_accounts`: what it writes is no matter of its accounts, and other checks may write with them meanwhile.
    `spare`: the account of the first actor is deactivated for a moment, and must be one that nobody else uses.
    `restoring`: how many of its requests put back what the others change. `no_replay`: why no replay can make it.
    """

    invariant: Invariant
    rule: str
    operation: str
    actors: tuple[CheckActor, ...]
    requests: int
    steps: Callable[[CheckContext], Steps] = field(repr=False)
    writes: bool = False
    under_load_only: bool = False
    uses: tuple[str, ...] = ()
    shares_accounts: bool = False
    spare: bool = False
    restoring: int = 0
    no_replay: str = ""

    @property
    def roles(self) -> tuple[str, ...]:
        """Of the actors, each once."""
        return tuple(dict.fromkeys(actor.role for actor in self.actors))

    @property
    def key(self) -> CheckKey:
        """Identifies it in records, and for `replay`."""
        return self.invariant.value, self.rule, self.operation, self.roles


def ask(send: Send) -> Generator[tuple[Send, ...], tuple[Reply, ...], Reply]:
    """Send one request; its reply. Raises Unanswered where the target was too busy."""
    (reply,) = yield (send,)
    return answered(reply)


def succeeded(send: Send) -> Generator[tuple[Send, ...], tuple[Reply, ...], Reply]:
    """The reply to a request that has to succeed. Raises Unanswered where it does not."""
    reply = yield from ask(send)
    if not reply.ok:
        raise Unanswered(f"HTTP {reply.status}")
    return reply


def is_too_busy(status: int) -> bool:
    """Whether an answer with this status says nothing about the correctness of the target."""
    return status in _TOO_BUSY or status > SERVER_ERROR


def answered(reply: Reply) -> Reply:
    """The same reply. Raises Unanswered where it says nothing."""
    if reply.says_nothing:
        raise Unanswered(reply.outcome)
    return reply


def shortened(value: object) -> str:
    """A value as evidence shows it."""
    text = " ".join(str(value).split())
    return text if len(text) <= 40 else f"{text[:39]}…"
