"""Log in as every role and perform every behaviour once, with all its steps."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from perfsuite.errors import TargetError, UsageError
from perfsuite.messages import Message
from perfsuite.messages.preflight import PreflightMessage
from perfsuite.model import LOGIN, Account, FailureKind, OperationCheck, Plan, PreflightReport, Scenario, Works
from perfsuite.model.role import Behaviour, Role
from perfsuite.preflight.empty_lists import ask_about_other_rows
from perfsuite.preflight.left_out import dead_behaviours, kinds_without_deletion, without_creations
from perfsuite.preflight.probe import TargetInfo, hints_for, probe_target
from perfsuite.preflight.progress import Progress, ProgressReporter
from perfsuite.roles.work import depending_on, kinds_left_out, operations_of
from perfsuite.target.catalogue import CATALOGUE, SIZES, TOTALS, WRITING, Operation, makers_first
from perfsuite.target.checks import Broken, ForeignAnswer, RowOwners
from perfsuite.target.exchange import Failure, Sample, Transport
from perfsuite.target.retry_after import TOO_MANY
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

_SERVER_ERROR = 500


class Attempts:
    """An observer that keeps one request per operation: the failure if there was one, else a success."""

    def __init__(self, progress: Progress) -> None:
        self._seen: dict[str, Sample] = {}
        self._first: dict[str, Sample] = {}
        """Operations that were repeated, with how they failed the first time."""
        self._only: frozenset[str] | None = None
        """The operations that are being repeated."""
        self._progress = progress

    def request(self, sample: Sample) -> None:
        """See Observer."""
        if sample.expired:
            return  # it is sent again, and that answer counts
        self._progress.asked(sample.role, sample.operation, sample.elapsed_us / 1000)
        if self._only is not None and sample.operation not in self._only:
            return  # it only prepares those
        before = self._seen.get(sample.operation)
        if before is None or before.failure is None:
            self._seen[sample.operation] = sample

    def not_possible(self, role: str, _behaviour: str, operation: str, _why: str) -> None:
        """See Observer; `tried` returns None for it."""
        self._progress.asked(role, operation, None)

    def tried(self, operation: str) -> Sample | None:
        """The failure if there was one, else a success; None where the operation was not tried."""
        return self._seen.get(operation) or self._first.get(operation)

    def failed_first(self, operation: str) -> str:
        """The server error that the operation met once and not when it was repeated; "" without one."""
        first, then = self._first.get(operation), self._seen.get(operation)
        return first.failure.message if first and first.failure and then and not then.failure else ""

    @contextmanager
    def aside(self) -> Iterator[None]:
        """No request in the block counts as an attempt."""
        self._only = frozenset()
        yield
        self._only = None

    @contextmanager
    def once_more(self, look_ups: Collection[str] = ()) -> Iterator[frozenset[str]]:
        """The operations that met a server error, and those of `look_ups` that failed; in the block their new answers
        replace it."""
        met = frozenset(
            name
            for name, seen in self._seen.items()
            if seen.failure and (seen.status >= _SERVER_ERROR or name in look_ups)
        )
        self._first |= {name: self._seen.pop(name) for name in met}
        self._only = met
        yield met
        self._only = None


def behaviours_with(role: Role, operations: frozenset[str]) -> list[Behaviour]:
    """The behaviours of a role with any of these operations."""
    return [each for each in role.behaviours if operations & {step.operation for step in each.steps}]


def find_target(host: str, run: RunState, connect: Callable[[], Transport], reporter: ProgressReporter) -> TargetInfo:
    """What the target says of itself; overdue answers are reported. Raises TargetError as `probe_target` does."""
    with Progress(reporter) as progress, closing(progress.watched(connect())) as transport:
        return probe_target(host, transport, run)


@dataclass(frozen=True, slots=True)
class PreflightInput:
    """What preflight tries: the operations of these roles that the target offers, each role with an account."""

    plan: Plan
    target: TargetInfo
    roles: Sequence[Role]
    accounts: Iterable[Account]


def preflight(
    given: PreflightInput, run: RunState, connect: Callable[[], Transport], reporter: ProgressReporter
) -> PreflightReport:
    """Find out which operations work at the target. `run` keeps a journal of the rows that preflight creates.

    Progress is reported every few seconds. Raises TargetError when an account cannot log in, UsageError when a role
    has no account.
    """
    plan, target, roles = given.plan, given.target, given.roles
    left_out = _left_out(target, roles, run, plan)
    stay = _rows_that_stay(plan, target, run)
    run.left_out = _left_out_by_role(left_out, stay, roles)
    first = _first_of_each_role(roles, given.accounts)
    results: dict[str, _RoleResult] = {}
    refused: dict[str, Failure] = {}
    with Progress(reporter) as progress, closing(progress.watched(connect())) as transport:
        progress.expect(sum(1 + len(role.steps_by_operation.keys() - run.left_out[role.slug]) for role in roles))
        for role in makers_first(roles):  # who approves or moves a row needs one that somebody made before
            attempts = Attempts(progress)
            session = Session(role, first[role.slug], transport, run, attempts)
            if failure := _login_failure(session, attempts):
                refused[role.slug] = failure
                if _ends_it(failure):
                    break
            elif not refused:
                _ask_role(role, session, attempts)
                known = _Known(session, left_out, hints_for(role, session, target), plan.scenario)
                results[role.slug] = _result(role, attempts, known)
    if refused:
        raise TargetError(_cannot_log_in(refused, roles, first))
    checks = tuple(check for role in roles for check in results[role.slug].checks)
    report = PreflightReport(
        host=plan.host,
        service=target.service,
        version=target.version,
        offered=tuple(sorted(CATALOGUE.keys() - target.missing(run))),
        checks=checks,
        dead_behaviours=tuple(dead_behaviours(roles, checks)),
        data_size={kind: size for result in results.values() for kind, size in result.data_size.items()},
        look_ups_left_out=tuple(
            f"{role.slug} / {name}" for role in roles for name in sorted(results[role.slug].look_ups_left_out)
        ),
    )
    return without_creations(report, stay, roles)


@dataclass(frozen=True, slots=True)
class _RoleResult:
    """What preflight found out as one role."""

    checks: list[OperationCheck]
    data_size: dict[str, int]
    look_ups_left_out: set[str]


def _result(role: Role, attempts: Attempts, known: _Known) -> _RoleResult:
    checks = [_outcome(role, name, attempts, known) for name in (LOGIN, *role.steps_by_operation)]
    return _RoleResult(checks, _data_size(known.session), _look_ups_left_out(role, attempts, known.left_out))


def _look_ups_left_out(role: Role, attempts: Attempts, left_out: Collection[str]) -> set[str]:
    """Operations that the role uses only to look up ids, and that the target does not list or that failed."""
    return {name for name in _look_ups(role) if name in left_out or ((seen := attempts.tried(name)) and seen.failure)}


def _look_ups(role: Role) -> set[str]:
    """Operations that the role uses only to look up ids."""
    return {source.operation for source in role.sources.values()} - role.steps_by_operation.keys()


def _data_size(session: Session) -> dict[str, int]:
    """Rows at the target by kind, where the session saw an answer that counts them."""
    totals = next(iter(session.known.get(TOTALS, ())), {})
    sizes = {kind: totals.get(name) for kind, name in SIZES.items()}
    return {kind: size for kind, size in sizes.items() if isinstance(size, int) and not isinstance(size, bool)}


def not_offered(plan: Plan, roles: Sequence[Role], target: TargetInfo, run: RunState) -> dict[str, frozenset[str]]:
    """Role → operations that a run leaves out: not listed by the target, excluded, writes of a read-only run, or
    creations whose rows would remain."""
    left_out = _left_out(target, roles, run, plan)
    return _left_out_by_role(left_out, _rows_that_stay(plan, target, run), roles)


def _rows_that_stay(plan: Plan, target: TargetInfo, run: RunState) -> Mapping[str, str]:
    """Kind of row → why it is not created, as known before anything is tried."""
    stay = {} if plan.read_only or plan.accept_leftovers else kinds_without_deletion(target, run)
    return stay | dict.fromkeys(kinds_left_out(plan.scenario), PreflightMessage.EXCLUDED())


def _left_out_by_role(
    left_out: Mapping[str, Works], stay: Mapping[str, str], roles: Sequence[Role]
) -> dict[str, frozenset[str]]:
    return {role.slug: frozenset({*left_out, *depending_on(role, stay)}) for role in roles}


def _first_of_each_role(roles: Sequence[Role], accounts: Iterable[Account]) -> dict[str, Account]:
    first = {account.role: account for account in reversed(tuple(accounts))}
    if without := [role.slug for role in roles if role.slug not in first]:
        raise UsageError(PreflightMessage.NO_ACCOUNT(roles=without))
    return first


def _wanted(roles: Sequence[Role]) -> frozenset[str]:
    return frozenset([LOGIN, *(name for role in roles for name in role.steps_by_operation)])


def _left_out(target: TargetInfo, roles: Sequence[Role], run: RunState, plan: Plan) -> dict[str, Works]:
    left_out = dict.fromkeys(target.missing(run), Works.MISSING)
    if plan.read_only:
        left_out |= {name: Works.LEFT_OUT for name in _wanted(roles) & WRITING if name not in left_out}
    # Last: nobody is to blame for the target's lack of an operation that is not wanted.
    return left_out | {name: Works.LEFT_OUT for name in operations_of(roles) if not plan.scenario.sends(name)}


def _login_failure(session: Session, attempts: Attempts) -> Failure | None:
    if session.login():
        return None
    with attempts.once_more() as failed:
        if failed and session.login():
            return None
    tried = attempts.tried(LOGIN)
    return tried.failure if tried else None


def _ends_it(failure: Failure) -> bool:
    """True where the other accounts would fail for the same reason."""
    return failure.kind is FailureKind.RATE_LIMIT or failure.kind.never_answered


def _cannot_log_in(refused: Mapping[str, Failure], roles: Sequence[Role], accounts: Mapping[str, Account]) -> Message:
    """Every account that was refused, with the target's answer and the fix, in two lines."""
    limited = any(failure.kind is FailureKind.RATE_LIMIT for failure in refused.values())
    fix = PreflightMessage.RAISE_LIMIT() if limited else PreflightMessage.CHECK_ACCOUNTS()
    found = [
        (role.title, accounts[role.slug].phone_number, refused[role.slug].message)
        for role in roles
        if role.slug in refused
    ]
    if len(found) == 1:
        ((title, number, why),) = found
        return PreflightMessage.CANNOT_LOG_IN(role=title, account=number, why=why, fix=fix)
    by_reason: dict[str, list[str]] = {}
    for title, number, why in found:
        by_reason.setdefault(why, []).append(f"{number} of {title}")
    each = "; ".join(f"{', '.join(names)} ({why})" for why, names in by_reason.items())
    return PreflightMessage.CANNOT_LOG_IN_SEVERAL(accounts=len(found), each=each, fix=fix)


def _ask_role(role: Role, session: Session, attempts: Attempts) -> None:
    """Perform every behaviour once, and once more where the server met an error, which may be chance.

    Lists that had no row for one policy are asked about others, too.
    """
    deployed = str(session.user.get("role") or "")
    known = session.run.role_names.get(role.slug, role.api_names)
    if deployed and deployed not in known:
        expected = " or ".join(map(repr, known))
        session.run.notice(role.slug, LOGIN, [str(PreflightMessage.ROLE_DIFFERS(role=deployed, expected=expected))])
    for behaviour in role.behaviours:
        session.perform(behaviour)
    look_ups = _look_ups(role)
    with attempts.once_more(look_ups) as failed:
        _look_up(role, session, look_ups & failed)
        for behaviour in behaviours_with(role, failed):
            session.perform(behaviour)
    if look_ups & failed:
        _try_what_was_not_possible(role, session, attempts)
    with attempts.aside():
        ask_about_other_rows(session)


def _look_up(role: Role, session: Session, look_ups: Collection[str]) -> None:
    """Make these look-ups again: what failed once would be left out of the whole load."""
    for source in role.sources.values():
        call = source.arguments(session) if source.operation in look_ups else None
        if call is not None:
            session.call(CATALOGUE[source.operation], call)


def _try_what_was_not_possible(role: Role, session: Session, attempts: Attempts) -> None:
    """With what the look-ups show by now; without those that failed again, as in the load."""
    left_out = session.run.left_out[role.slug] | _look_ups_left_out(role, attempts, ())
    session.run.left_out = {**session.run.left_out, role.slug: left_out}
    waiting = frozenset(name for name in session.missing.not_made if attempts.tried(name) is None)
    for behaviour in behaviours_with(role, waiting):
        session.perform(behaviour)


@dataclass(frozen=True, slots=True)
class _Known:
    """What is known about operations besides the answers to them."""

    session: Session
    left_out: Mapping[str, Works]
    hints: Mapping[str, Message]
    """Operation that is not listed → which route it may be."""
    scenario: Scenario


def _outcome(role: Role, name: str, attempts: Attempts, known: _Known) -> OperationCheck:
    operation, run, missing = CATALOGUE[name], known.session.run, known.session.missing
    seen = None if name in known.left_out else attempts.tried(name)
    works, message = Works.YES, ""
    if name in known.left_out:
        works = known.left_out[name]
        message = _why_left_out(name, works, known)
    elif seen is None:
        works, message = Works.NO_DATA, missing.not_made.get(name) or PreflightMessage.NO_ID()
    elif seen.failure:
        works, message = Works.BROKEN, _why_broken(seen.failure, known.session, operation)
    return OperationCheck(
        role=role.slug,
        operation=name,
        method=operation.method,
        path=run.path_of(operation).split("?")[0],
        works=works,
        status=(seen.status or None) if seen else None,
        message=str(message),
        elapsed_ms=seen.elapsed_us / 1000 if seen else None,
        differs=tuple(run.differences.get((role.slug, name), ())),
        failed_first=attempts.failed_first(name),
        empty_answer=missing.empty_answers.get(name, "") if works is Works.YES else "",
    )


def _why_broken(failure: Failure, session: Session, operation: Operation) -> Message | str:
    of_a_rule = isinstance(failure, ForeignAnswer) and failure.rule in (Broken.OWNER, Broken.OWNERS)
    if of_a_rule and not RowOwners(of_agents=False).owner_field(operation, session.role):
        return PreflightMessage.ROWS_OF_OTHERS(failure=failure.message)
    return failure.message


def _why_left_out(name: str, works: Works, known: _Known) -> Message | str:
    if works is Works.MISSING:
        return _not_listed(known.hints.get(name))
    return "" if known.scenario.sends(name) else PreflightMessage.EXCLUDED()


def _not_listed(hint: Message | None) -> Message:
    return PreflightMessage.NOT_LISTED_WITH_HINT(hint=hint) if hint else PreflightMessage.NOT_LISTED()


def broken_table(report: PreflightReport) -> str:
    """A line for each operation that fails without any load; "" without any."""
    rows = [
        f"  {check.role:<17} {check.operation:<24} {check.method:<5} {check.path}: {check.message}"
        + (f" ({'; '.join(check.differs)})" if check.differs else "")
        for check in report.checks
        if check.works is Works.BROKEN
    ]
    limited = any(check.works is Works.BROKEN and check.status == TOO_MANY for check in report.checks)
    return "\n".join([*rows, *([f"  ({PreflightMessage.RAISE_LIMIT()})"] if limited else [])])


def failed_first(report: PreflightReport) -> tuple[Message, ...]:
    """A line for each operation that met a server error once and worked when it was repeated."""
    return tuple(
        PreflightMessage.FAILED_FIRST(operation=check.operation, role=check.role, failure=check.failed_first)
        for check in report.checks
        if check.failed_first
    )


def differences(report: PreflightReport) -> tuple[Message, ...]:
    """A line for each route and difference between the deployed API and the contract, with its roles."""
    roles: dict[tuple[str, str, str, str], list[str]] = {}
    for check in report.checks:
        missing = [check.message] if check.works is Works.MISSING else []
        for difference in (*missing, *check.differs):
            roles.setdefault((check.method, check.path, check.operation, difference), []).append(check.role)
    return tuple(
        PreflightMessage.DIFFERENCE(
            method=method, path=path, operation=operation, difference=difference, roles=", ".join(names)
        )
        for (method, path, operation, difference), names in roles.items()
    )
