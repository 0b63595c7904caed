"""Looks for what the load's own answers show: at no request, and at little time for each answer.

Whether an answer holds somebody else's data, the session has found out before (`perfsuite.target.checks`). Here it
becomes a violation, with its evidence. Rows that the run makes carry a mark of their maker, so that they are recognised
in the answer to another agent, also where no field names the owner. Answers that could have shown a violation and did
not are counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from perfsuite.correctness.caches import LEAST_FIGURES, figures_of
from perfsuite.correctness.catalogue import check_of
from perfsuite.correctness.check import NO_ANSWER, SERVER_ERROR, CheckActor, Reply, Send, is_too_busy, shortened
from perfsuite.correctness.errors import FOR_S, NO_SERVER_ERROR, NOT_EACH_TIME, TIMES
from perfsuite.correctness.evidence import exchanged, secrets_of
from perfsuite.correctness.possible import is_off, switched_off
from perfsuite.correctness.watched import AS_SENT, ASKED, DASHBOARD, OWN_ANSWER, OWN_ROWS, differing
from perfsuite.model import Account, ApiMapping
from perfsuite.model.correctness import CheckKey, CheckResult, Exchanged, Invariant
from perfsuite.model.role import Call, Role, StepContext
from perfsuite.target.catalogue import CATALOGUE, CREATIONS, Operation
from perfsuite.target.checks import IDS, Broken, ForeignAnswer, object_of, rows_of
from perfsuite.target.contract_rules import JUNIOR, OWN_LISTS, SENIOR
from perfsuite.target.exchange import Answer, Failure, json_of
from perfsuite.target.route import AnswerWatch
from perfsuite.target.run_state import RunState

_AGENTS = frozenset((SENIOR, JUNIOR))
"""Roles that make rows and see nobody else's."""
_RULES = ((Invariant.ISOLATION, OWN_LISTS), (Invariant.ISOLATION, ASKED), (Invariant.CACHES, OWN_ANSWER))
"""What answers are watched for: those of these for which there is a check of the operation and role."""
_NO_ERROR = (Invariant.ERRORS.value, NO_SERVER_ERROR)
"""The same of all answers."""
_SHOWS = {"policy_number": "policy", "customer_name": "lead"}
"""Field of a row that holds the mark → kind of row."""

_Shown = tuple[StepContext, Mapping[str, str], str, float, int]
"""An answer: who asked, values for the path, request id, when it was sent (UTC epoch s), status."""


@dataclass(slots=True)
class Watched:
    """What answers to one operation as one role showed since the last `take`; the texts are of the first violation."""

    held: int = 0
    violated: int = 0
    expected: str = ""
    seen: str = ""
    evidence: tuple[Exchanged, ...] = ()
    unclear: int = 0
    """Answers that show something wrong, but not that the rule is broken."""
    ever: bool = False
    """Some answer could have shown a violation."""


class AnswerWatcher:
    """The answers that the users of one process get. `accounts`: all of the run, in the order of the credentials.
    `mapping`: says what they are not watched for."""

    def __init__(self, run: RunState, accounts: Sequence[Account], mapping: ApiMapping | None = None) -> None:
        self._mapping = mapping or ApiMapping()
        self._off: dict[CheckKey, Watched] = {}
        self.marks, self.owners, self._path_of = run.marks, run.owners, run.path_of
        self.secrets = secrets_of(accounts, run.secrets)
        self.actors: dict[str, CheckActor] = {}
        """Phone number → the account's role and position."""
        of_role: Counter[str] = Counter()
        for account in accounts:
            self.actors.setdefault(account.phone_number, CheckActor(account.role, of_role[account.role]))
            of_role[account.role] += 1
        called = {number: self.marks.creator(number) for number in self.actors}
        times = Counter(called.values())
        self.creators = {
            called[number]: actor
            for number, actor in self.actors.items()
            if actor.role in _AGENTS and times[called[number]] == 1
        }
        """Agents by what marks call them; without those who share it with another account."""
        self.created: dict[StepContext, tuple[str, Mapping[str, Any], _Shown]] = {}
        """Session → the policy that it has made and not read yet: its id, what was sent, and the answer."""
        self.makers: dict[str, set[str]] = {kind: set() for kind in CREATIONS}
        """Kind of row → phone numbers of the accounts that have made one."""
        self._found: dict[CheckKey, Watched] = {}
        self._routes: list[RouteWatch] = []
        self._errors: list[_ServerErrors] = []

    def of(self, role: Role, operation: Operation) -> AnswerWatch | None:
        """Who sees the answers to an operation as a role; None where they show nothing."""
        inner, key = self._of_rows(role, operation), (*_NO_ERROR, operation.name, (role.slug,))
        found = self._watched(key)
        if found is None:
            return inner
        self._errors.append(_ServerErrors(self, operation, found, inner))
        return self._errors[-1]

    def _of_rows(self, role: Role, operation: Operation) -> AnswerWatch | None:
        if operation.creates:
            return _Creations(self, operation)
        keys: list[CheckKey] = [(kind.value, rule, operation.name, (role.slug,)) for kind, rule in _RULES]
        found = [one for key in keys if (one := self._watched(key)) is not None]
        if not found:
            return None
        if operation.name == DASHBOARD:
            return _Dashboards(self, operation, found[-1])
        key = (Invariant.WRITES.value, AS_SENT, operation.name, (role.slug,))
        self._routes.append(RouteWatch(self, role, operation, found, self._watched(key)))
        return self._routes[-1]

    def _watched(self, key: CheckKey) -> Watched | None:
        """None where there is no such check."""
        check = check_of(key)
        if check is None:
            return None
        return (self._off if is_off(check, self._mapping) else self._found).setdefault(key, Watched())

    def exchanged(self, operation: str, shown: _Shown) -> Exchanged:
        """An answer as evidence."""
        session, path, request_id, sent_at, status = shown
        actor = self.actor(session)
        template = self._path_of(CATALOGUE[operation])
        reply = Reply(Send(actor, operation, path), status, None, request_id, sent_at, template=template)
        return exchanged(reply, str(actor), self.secrets)

    def actor(self, session: StepContext) -> CheckActor:
        """Whose session it is."""
        return self.actors.get(session.phone_number) or CheckActor(session.role.slug)

    def take(self, *, last: bool = False) -> Iterator[tuple[CheckKey, CheckResult, dict[str, Any]]]:
        """What was found since the last call, with the fields of a record. `last`: no answer comes any more."""
        for route in self._routes:
            route.hand_over()
        for errors in self._errors if last else ():
            errors.end()
        for key, one in self._found.items():
            if one.held:
                yield key, CheckResult.HELD, {"count": one.held}
            if one.violated:
                shown = {"expected": one.expected, "seen": one.seen, "evidence": one.evidence}
                yield key, CheckResult.VIOLATED, {"count": one.violated, **shown}
            if one.unclear:
                yield key, CheckResult.NOT_CHECKED, {"count": one.unclear, "why": NOT_EACH_TIME}
            one.ever = one.ever or bool(one.held or one.violated or one.unclear)
            one.held = one.violated = one.unclear = 0

    def never(self) -> Iterator[tuple[CheckKey, CheckResult, dict[str, Any]]]:
        """The rules for which answers came that could not have shown a violation, and no other."""
        for key, one in self._found.items():
            if not one.ever:
                yield key, CheckResult.NOT_CHECKED, {"why": NO_ANSWER}
        for key in self._off:
            yield key, CheckResult.NOT_CHECKED, {"why": switched_off(self._mapping.file)}


class _ServerErrors:
    """Sees whether an operation fails as a role. `inner`: sees the same answers; None where that shows nothing."""

    def __init__(self, watcher: AnswerWatcher, operation: Operation, found: Watched, inner: AnswerWatch | None) -> None:
        self._watcher, self._operation, self._found, self._inner = watcher, operation, found, inner
        self._first: _Shown | None = None
        """Of the errors since the latest other answer."""
        self._number = 0
        """Of these, those that are not in `found` yet."""
        self._fails = False
        """They are a violation."""

    def right(self, session: StepContext, call: Call, request_id: str, answer: Answer, decoded: Any) -> None:
        """See AnswerWatch."""
        if self._first is not None:
            self.end()
        self._found.held += 1
        if self._inner is not None:
            self._inner.right(session, call, request_id, answer, decoded)

    def wrong(self, session: StepContext, call: Call, request_id: str, answer: Answer, failure: Failure) -> None:
        """See AnswerWatch. Where the target is too busy, nobody knows what it would have answered."""
        if answer.status == SERVER_ERROR:
            self._failed((session, call.path, request_id, answer.sent_at, answer.status))
        elif not is_too_busy(answer.status):
            self.end()
        if self._inner is not None:
            self._inner.wrong(session, call, request_id, answer, failure)

    def end(self) -> None:
        """The next answer is another one."""
        self._found.unclear += self._number
        self._first, self._number, self._fails = None, 0, False

    def _failed(self, shown: _Shown) -> None:
        self._first = self._first or shown
        self._number += 1
        lasted_s = shown[3] - self._first[3]
        if not self._fails and (self._number < TIMES or lasted_s < FOR_S):
            return
        found = self._found
        if not found.violated:
            found.expected, found.seen = NO_SERVER_ERROR, f"HTTP {SERVER_ERROR} each time"
            both = (self._first, shown)
            found.evidence = tuple(self._watcher.exchanged(self._operation.name, one) for one in both)
        found.violated += self._number
        self._number, self._fails = 0, True


class _Creations:
    """Remembers who has made rows of a kind, and what was sent for a policy."""

    def __init__(self, watcher: AnswerWatcher, operation: Operation) -> None:
        self._watcher, self._kind = watcher, operation.creates

    def right(self, session: StepContext, call: Call, request_id: str, answer: Answer, decoded: Any) -> None:
        """See AnswerWatch."""
        self._watcher.makers[self._kind].add(session.phone_number)
        identity = str(object_of(decoded).get("policy_id") or "")
        if self._kind == "policy" and identity and call.body:
            shown = (session, call.path, request_id, answer.sent_at, answer.status)
            self._watcher.created[session] = (identity, call.body, shown)

    def wrong(self, session: StepContext, call: Call, request_id: str, answer: Answer, failure: Failure) -> None:
        """See AnswerWatch."""


class _Dashboards:
    """Dashboards of agents name no owner, and may show the leads of a team: one is another agent's as a whole.

    Where two agents' figures are the same, nothing else says so.
    """

    def __init__(self, watcher: AnswerWatcher, operation: Operation, found: Watched) -> None:
        self._watcher, self._operation, self._found = watcher, operation, found
        self._latest: dict[CheckActor, tuple[bytes, _Shown]] = {}
        """Who has made a lead → the latest dashboard of theirs that shows one."""

    def right(self, session: StepContext, call: Call, request_id: str, answer: Answer, decoded: Any) -> None:
        """See AnswerWatch."""
        watcher, found = self._watcher, self._found
        actor, shown = watcher.actor(session), (session, call.path, request_id, answer.sent_at, answer.status)
        makers = {watcher.creators.get(one) for one in watcher.marks.creators_in(answer.body)}
        if actor in makers:
            self._latest[actor] = answer.body, shown
        others = {other: latest for other, latest in self._latest.items() if other != actor}
        shown_of = () if actor in makers else [other for other in others if other in makers]
        figures = figures_of(DASHBOARD, answer.json()) if shown_of else []
        same = [other for other in shown_of if figures_of(DASHBOARD, json_of(others[other][0])) == figures]
        if not same:
            found.held += bool(others)
            return
        if not _has_figures(answer):
            return
        found.violated += 1
        if found.violated == 1:
            found.expected, found.seen = "one's own dashboard", f"the dashboard of {same[0]}"
            both = (others[same[0]][1], shown)
            found.evidence = tuple(watcher.exchanged(self._operation.name, one) for one in both)

    def wrong(self, session: StepContext, call: Call, request_id: str, answer: Answer, failure: Failure) -> None:
        """See AnswerWatch."""


def _has_figures(answer: Answer) -> bool:
    """Figures of nobody's are often the same: little was sold yet."""
    own = object_of(answer.json()).get("personalStats")
    values = own.values() if isinstance(own, dict) else ()
    return sum(isinstance(value, int | float) and bool(value) for value in values) >= LEAST_FIGURES


class RouteWatch:
    """See AnswerWatch: answers to one operation as one role.

    `found`: of its rules, that of caches last. One of them shows where all of an answer is somebody else's.
    `written`: where policies are counted that are read by whoever made them; None where no check says the same.
    """

    def __init__(
        self,
        watcher: AnswerWatcher,
        role: Role,
        operation: Operation,
        found: Sequence[Watched],
        written: Watched | None,
    ) -> None:
        self._watcher, self._operation, self._found = watcher, operation, found
        promised = (*operation.fields, *operation.row_fields)
        field = watcher.owners.owner_field(operation, role) or operation.identity
        field = field or next((name for name in operation.names if name in IDS), "")
        self._says_whose = field in promised or bool(operation.parent)
        """Every right answer says whose it is, or what it is about."""
        self._may_say = b'"%b"' % field.encode() if field else None
        kind = next((kind for name, kind in _SHOWS.items() if name in promised), "")
        is_own = role.slug in _AGENTS and not watcher.owners.may_share(operation)
        self._makers = watcher.makers[kind] if kind and is_own else None
        self._written = written
        self._is_plain = self._says_whose and self._makers is None
        self._held = 0
        self._shown: dict[StepContext, _Shown] = {}
        """Session → its latest right answer."""

    def right(self, session: StepContext, call: Call, request_id: str, answer: Answer, decoded: Any) -> None:
        """See AnswerWatch."""
        if decoded is not None and self._operation.lists is not None and not rows_of(self._operation, decoded):
            return  # no rows, nothing to see
        shown = (session, call.path, request_id, answer.sent_at, answer.status)
        if self._is_plain:
            self._held += 1
            self._shown[session] = shown
            return
        may_say = self._may_say is not None and self._may_say in answer.body
        could_show = self._says_whose or may_say
        # A lead that names its agent may have been given to another one than its maker: the name says whose it is.
        if self._makers is not None and (self._says_whose or not may_say):
            makers = self._makers_in(answer.body)
            if others := makers - {self._watcher.actor(session)}:
                self._made_by(others, shown, is_whole=len(makers) == 1)
                return
            could_show = could_show or not self._makers <= {session.phone_number}
        if self._written is not None and session in self._watcher.created:
            self._read_back(self._written, shown, answer)
        if could_show:
            self._held += 1
            self._shown[session] = shown

    def _read_back(self, found: Watched, shown: _Shown, answer: Answer) -> None:
        """The next answer about a policy to whoever made it: is it as it was sent?"""
        session, path, *_ = shown
        identity, sent, created = self._watcher.created.pop(session)
        if path.get("policy_id") != identity:
            return
        read = object_of(answer.json())
        name = differing(sent, read)
        if not name:
            found.held += 1
            return
        found.violated += 1
        if found.violated == 1:
            found.expected, found.seen = (f"{name} {shortened(row[name])}" for row in (sent, read))
            creation = self._watcher.exchanged(CREATIONS["policy"].name, created)
            found.evidence = (creation, self._exchanged(shown))

    def hand_over(self) -> None:
        """Count the right answers since the last time for each rule."""
        for found in self._found:
            found.held += self._held
        self._held = 0

    def _makers_in(self, body: bytes) -> set[CheckActor]:
        """The agents who have made rows of an answer."""
        known = self._watcher.creators
        return {known[one] for one in self._watcher.marks.creators_in(body) if one in known}

    def wrong(self, session: StepContext, call: Call, request_id: str, answer: Answer, failure: Failure) -> None:
        """See AnswerWatch."""
        if not isinstance(failure, ForeignAnswer):
            return
        found = self._found[-1 if failure.rule is Broken.OWNER else 0]
        found.violated += 1
        if found.violated == 1:
            before = [shown for shown in self._shown.values() if shown[0].user_id == failure.whose]
            whose = str(self._watcher.actor(before[0][0])) if before else "somebody else"
            found.expected, found.seen = {
                Broken.IDENTITY: ("one's own account", f"the account of {whose}"),
                Broken.OWNER: (OWN_ROWS, f"rows of {whose}"),
                Broken.OWNERS: (OWN_ROWS, "rows of several accounts"),
                Broken.ASKED: (ASKED, failure.message),
            }[failure.rule]
            shown = (session, call.path, request_id, answer.sent_at, answer.status)
            found.evidence = tuple(map(self._exchanged, (*before[:1], shown)))

    def _made_by(self, others: Iterable[CheckActor], shown: _Shown, *, is_whole: bool) -> None:
        found = self._found[-1 if is_whole else 0]
        found.violated += 1
        if found.violated == 1:
            maker = min(others, key=str)
            before = [one for one in self._shown.values() if self._watcher.actor(one[0]) == maker]
            found.expected, found.seen = OWN_ROWS, f"a row that {maker} has made"
            found.evidence = tuple(map(self._exchanged, (*before[:1], shown)))

    def _exchanged(self, shown: _Shown) -> Exchanged:
        return self._watcher.exchanged(self._operation.name, shown)
