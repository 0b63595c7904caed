"""Log in as every role and do every behaviour once, with every step taking part."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass

from perfsuite.errors import TargetError, UsageError
from perfsuite.model import LOGIN, Account, FailureKind, OperationCheck, Plan, PreflightReport, Works
from perfsuite.model.role import Behaviour, Role
from perfsuite.preflight.left_out import dead_behaviours, depending_on, kinds_without_deletion, without_creations
from perfsuite.preflight.probe import TargetInfo, hints_for, probe_target
from perfsuite.preflight.progress import Progress, ProgressReporter
from perfsuite.target.catalogue import CATALOGUE, SIZES, TOTALS, makers_first
from perfsuite.target.exchange import Failure, Observed, Transport
from perfsuite.target.retry_after import TOO_MANY
from perfsuite.target.run_state import RunState
from perfsuite.target.session import Session

_CHECK_ACCOUNT = "Check its line in the credentials file (--credentials), and that the account exists at the target."
_CHECK_ACCOUNTS = "Check their lines in the credentials file (--credentials), and that they exist at the target."
_RAISE_IT = "HTTP 429 is the target's rate limit, and waiting did not help: raise it for the load accounts."
_SERVER_ERROR = 500


class Attempts:
    """Keeps, per operation, the failure if there was one, else the success."""

    def __init__(self, progress: Progress) -> None:
        self._seen: dict[str, Observed] = {}
        self._first: dict[str, Observed] = {}
        """Operations that were tried once more, with the error of the server that they had met."""
        self._only: frozenset[str] | None = None
        """Those that are tried once more now."""
        self._progress = progress

    def request(self, observed: Observed) -> None:
        """See Observer."""
        if observed.expired:
            return  # sent once more: that answer counts
        self._progress.asked(observed.role, observed.operation, observed.elapsed_us / 1000)
        if self._only is not None and observed.operation not in self._only:
            return  # only on the way to those
        before = self._seen.get(observed.operation)
        if before is None or before.failure is None:
            self._seen[observed.operation] = observed

    def not_possible(self, role: str, _behaviour: str, operation: str, _why: str) -> None:
        """Known by what has not been tried."""
        self._progress.asked(role, operation, None)

    def tried(self, operation: str) -> Observed | None:
        """The failure if there was one, else the success; None where it was not tried."""
        return self._seen.get(operation) or self._first.get(operation)

    def failed_first(self, operation: str) -> str:
        """The error of the server that it met once, and not when it was tried again; "" without one."""
        first, then = self._first.get(operation), self._seen.get(operation)
        return first.failure.message if first and first.failure and then and not then.failure else ""

    @contextmanager
    def once_more(self) -> Iterator[frozenset[str]]:
        """The operations that met an error of the server. Their answers within the block count instead of it."""
        met = frozenset(name for name, seen in self._seen.items() if seen.failure and seen.status >= _SERVER_ERROR)
        self._first |= {name: self._seen.pop(name) for name in met}
        self._only = met
        yield met
        self._only = None


def behaviours_with(role: Role, operations: frozenset[str]) -> list[Behaviour]:
    """The behaviours of a role in which any of these is done."""
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
    with Progress(reporter) as progress, closing(progress.watched(connect())) as transport:
        left_out = _left_out(target, roles, run, read_only=plan.read_only)
        stay = _rows_that_stay(plan, target, run)
        run.left_out = _left_out_by_role(left_out, stay, roles)
        progress.expect(sum(1 + len(role.steps_by_operation.keys() - run.left_out[role.slug]) for role in roles))
        first = _first_of_each_role(roles, given.accounts)
        checks: dict[str, list[OperationCheck]] = {}
        data_size: dict[str, int] = {}
        refused: dict[str, Failure] = {}
        look_ups: set[str] = set()
        for role in makers_first(roles):  # who approves or moves a row needs one that somebody made before
            attempts, hints = Attempts(progress), {}
            session = Session(role, first[role.slug], transport, run, attempts)
            if failure := _login_failure(session, attempts):
                refused[role.slug] = failure
                if _ends_it(failure):
                    break
            elif not refused:
                _ask_role(role, session, attempts)
                hints = hints_for(role, session, target)
                data_size |= _data_size(session)
            look_ups |= _look_ups_left_out(role, attempts, left_out)
            places = _Places(session, left_out, hints)
            checks[role.slug] = [_outcome(role, name, attempts, places) for name in (LOGIN, *role.steps_by_operation)]
    if refused:
        raise TargetError(_cannot_log_in(refused, roles, first))
    in_order = tuple(check for role in roles for check in checks[role.slug])
    report = PreflightReport(
        host=plan.host,
        service=target.service,
        version=target.version,
        offered=tuple(sorted(_wanted(roles) - target.missing(run))),
        checks=in_order,
        dead_behaviours=tuple(dead_behaviours(roles, in_order)),
        data_size=data_size,
        look_ups_left_out=tuple(sorted(look_ups)),
    )
    return without_creations(report, stay, roles)


def _look_ups_left_out(role: Role, attempts: Attempts, left_out: Collection[str]) -> set[str]:
    """Operations that the role only looks ids up with, and that the target does not list or that failed."""
    names = {source.operation for source in role.sources.values()} - role.steps_by_operation.keys()
    return {name for name in names if name in left_out or ((seen := attempts.tried(name)) and seen.failure)}


def _data_size(session: Session) -> dict[str, int]:
    """Rows at the target by kind, as far as the session saw a page that tells them."""
    totals = next(iter(session.known.get(TOTALS, ())), {})
    sizes = {kind: totals.get(name) for kind, name in SIZES.items()}
    return {kind: size for kind, size in sizes.items() if isinstance(size, int) and not isinstance(size, bool)}


def not_offered(plan: Plan, roles: Sequence[Role], target: TargetInfo, run: RunState) -> dict[str, frozenset[str]]:
    """Role → operations that a run cannot make: the target does not list them, or they write and the run must not,
    or their rows would stay."""
    left_out = _left_out(target, roles, run, read_only=plan.read_only)
    return _left_out_by_role(left_out, _rows_that_stay(plan, target, run), roles)


def _rows_that_stay(plan: Plan, target: TargetInfo, run: RunState) -> dict[str, str]:
    """Kind of row → why it is not made, before anything is tried."""
    return {} if plan.read_only or plan.accept_leftovers else kinds_without_deletion(target, run)


def _left_out_by_role(
    left_out: Mapping[str, Works], stay: Mapping[str, str], roles: Sequence[Role]
) -> dict[str, frozenset[str]]:
    return {role.slug: frozenset({*left_out, *depending_on(role, stay)}) for role in roles}


def _first_of_each_role(roles: Sequence[Role], accounts: Iterable[Account]) -> dict[str, Account]:
    first = {account.role: account for account in reversed(tuple(accounts))}
    if without := [role.slug for role in roles if role.slug not in first]:
        raise UsageError(
            f"the credentials hold no account for {', '.join(without)}. Add a line of that role to the file"
        )
    return first


def _wanted(roles: Sequence[Role]) -> frozenset[str]:
    return frozenset([LOGIN, *(name for role in roles for name in role.steps_by_operation)])


def _left_out(target: TargetInfo, roles: Sequence[Role], run: RunState, *, read_only: bool) -> dict[str, Works]:
    left_out = dict.fromkeys(target.missing(run), Works.MISSING)
    if read_only:
        left_out |= {name: Works.LEFT_OUT for name in _wanted(roles) if CATALOGUE[name].writes and name not in left_out}
    return left_out


def _login_failure(session: Session, attempts: Attempts) -> Failure | None:
    if session.login():
        return None
    with attempts.once_more() as failed:
        if failed and session.login():
            return None
    tried = attempts.tried(LOGIN)
    return tried.failure if tried else None


def _ends_it(failure: Failure) -> bool:
    """True where the other accounts would fare no better, for reasons that are not theirs."""
    return failure.kind is FailureKind.RATE_LIMIT or failure.kind.never_answered


def _cannot_log_in(refused: Mapping[str, Failure], roles: Sequence[Role], accounts: Mapping[str, Account]) -> str:
    """Every account that was refused, with the target's answer and what to do, in two lines."""
    limited = any(failure.kind is FailureKind.RATE_LIMIT for failure in refused.values())
    told = [
        (role.title, accounts[role.slug].phone_number, refused[role.slug]) for role in roles if role.slug in refused
    ]
    if len(told) == 1:
        ((title, number, failure),) = told
        mend = _RAISE_IT if limited else _CHECK_ACCOUNT
        return f"{title}: the account {number} cannot log in ({failure.message}).\n{mend}"
    whom: dict[str, list[str]] = {}
    for title, number, failure in told:
        whom.setdefault(failure.message, []).append(f"{number} of {title}")
    each = "; ".join(f"{', '.join(names)} ({message})" for message, names in whom.items())
    return f"{len(told)} accounts cannot log in: {each}.\n{_RAISE_IT if limited else _CHECK_ACCOUNTS}"


def _ask_role(role: Role, session: Session, attempts: Attempts) -> None:
    """Do every behaviour once, as who is logged in; once more where the server met an error: that may be chance."""
    told = str(session.user.get("role") or "")
    known = session.run.role_names.get(role.slug, role.api_names)
    if told and told not in known:
        session.run.notice(role.slug, LOGIN, [f"role is {told!r}, the contract says {' or '.join(map(repr, known))}"])
    for behaviour in role.behaviours:
        session.perform(behaviour)
    with attempts.once_more() as failed:
        for behaviour in behaviours_with(role, failed):
            session.perform(behaviour)


@dataclass(frozen=True, slots=True)
class _Places:
    """What tells of an operation beside the answers to it."""

    session: Session
    left_out: Mapping[str, Works]
    hints: Mapping[str, str]
    """Operation that is not listed → which route may be it."""


def _outcome(role: Role, name: str, attempts: Attempts, places: _Places) -> OperationCheck:
    run, lacking = places.session.run, places.session.lacking
    operation, path = CATALOGUE[name], run.path_of(CATALOGUE[name]).split("?")[0]
    seen, left_out = attempts.tried(name), places.left_out
    status: int | None = None
    message, elapsed_ms = "", None
    if name in left_out:
        works = left_out[name]
        if works is Works.MISSING:
            message = _not_listed(name, places)
    elif seen is None:
        works = Works.NO_DATA
        message = lacking.not_made.get(name, "needs an id that the target's answers did not give")
    else:
        works = Works.BROKEN if seen.failure else Works.YES
        status = seen.status or None
        message = seen.failure.message if seen.failure else ""
        elapsed_ms = seen.elapsed_us / 1000
    return OperationCheck(
        role=role.slug,
        operation=name,
        method=operation.method,
        path=path,
        works=works,
        status=status,
        message=message,
        elapsed_ms=elapsed_ms,
        differs=tuple(run.differences.get((role.slug, name), ())),
        failed_first=attempts.failed_first(name),
        empty_answer=lacking.empty_answers.get(name, "") if works is Works.YES else "",
    )


def _not_listed(operation: str, places: _Places) -> str:
    hint = places.hints.get(operation)
    return "not in the target's list of routes" + (f"; {hint}" if hint else "")


def broken_table(report: PreflightReport) -> str:
    """The operations that fail without any load, a line each; "" when there are none."""
    rows = [
        f"  {check.role:<17} {check.operation:<24} {check.method:<5} {check.path}: {check.message}"
        + (f" ({'; '.join(check.differs)})" if check.differs else "")
        for check in report.checks
        if check.works is Works.BROKEN
    ]
    limited = any(check.works is Works.BROKEN and check.status == TOO_MANY for check in report.checks)
    return "\n".join([*rows, *([f"  ({_RAISE_IT})"] if limited else [])])


def failed_first(report: PreflightReport) -> tuple[str, ...]:
    """Operations that met an error of the server once and worked when they were tried again, a line each."""
    return tuple(f"{check.operation} as {check.role} {check.told_first}" for check in report.checks if check.told_first)


def differences(report: PreflightReport) -> tuple[str, ...]:
    """Where the deployed API differs from the contract, in a line for each route and difference, with its roles."""
    roles: dict[str, list[str]] = {}
    for check in report.checks:
        missing = [check.message] if check.works is Works.MISSING else []
        for told in (*missing, *check.differs):
            roles.setdefault(f"{check.method} {check.path} ({check.operation}): {told}", []).append(check.role)
    return tuple(f"{told}, as {', '.join(whom)}" for told, whom in roles.items())
