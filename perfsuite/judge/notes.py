"""What a reader should know beside the verdict, without changing it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from ipaddress import ip_address
from urllib.parse import urlsplit

from perfsuite.format import figure, limit_text, percent, plural, time_of_day
from perfsuite.judge.correctness import nothing_checked
from perfsuite.judge.evidence import figures_by_scope, targets_of
from perfsuite.judge.ledger import clocks_uncertain
from perfsuite.judge.limits import FAST_ERRORS_SHARE, SLOW_ERRORS_SHARE
from perfsuite.judge.metrics import AVERAGE, RPS, name_of, subject_of
from perfsuite.judge.validity import ended_early, generator_notes
from perfsuite.messages import Message
from perfsuite.messages.notes import Note
from perfsuite.model import (
    CUT_OFF,
    Cleanup,
    Coverage,
    Drift,
    FailureKind,
    Lack,
    Outage,
    Plan,
    RawSampleFiles,
    Summary,
    Target,
)
from perfsuite.model.role import Role
from perfsuite.target.exchange import SERVER_TIME_HEADERS
from perfsuite.target.failures import IN_USE, KEEP_ALIVE
from perfsuite.target.token import LIFETIME

_SPANS_SHOWN = 3
_CLOCK_SET_S = 1.0
"""Less is what a time service corrects."""


def notes_of(plan: Plan, summary: Summary, roles: Sequence[Role]) -> list[Message]:
    """What makes figures doubtful, what was not exercised and why, what was left at the target."""
    return [
        note
        for note in (
            _circumstances(plan),
            nothing_checked(summary.correctness),
            _not_done(plan, summary),
            _fast_errors(summary),
            *_slow_errors(plan, summary),
            *(_outage(outage) for outage in summary.outages if outage.end or summary.target_lost_at is None),
            _cut_off(summary),
            *map(_drift, summary.drifts),
            *generator_notes(summary),
            *_server_times(summary),
            *_tokens(summary),
            _idle_closed(summary),
            _closed_in_use(summary),
            _late_logins(summary),
            _clock_set(summary.clock_set_s),
            clocks_uncertain(summary.ledger),
            *_raw_samples(summary.raw_samples),
            Note.PROXY(proxy=plan.access.proxy) if plan.access.proxy else None,
            *_not_exercised(summary.coverage, roles),
            Note.ABSENT_ROLES(users=plan.scenario.users, roles=plan.absent_roles) if plan.absent_roles else None,
            *_left_behind(plan, summary),
        )
        if note
    ]


def _not_done(plan: Plan, summary: Summary) -> Message | None:
    done, scenario = summary.users.done, plan.scenario
    if done is None or done >= summary.users.requested or ended_early(summary):
        return None
    return Note.NOT_DONE(
        missing=summary.users.requested - done,
        requested=summary.users.requested,
        iterations=scenario.iterations,
        duration_s=scenario.duration_s,
    )


# ── what makes figures doubtful ─────────────────────────────────────────────────────────────────────────────


def _circumstances(plan: Plan) -> Message | None:
    """What every run like this one has to be read with, on one line. See docs/metrics.md."""
    parts = []
    if plan.demo:
        parts.append(Note.ONE_MACHINE_DEMO())
    elif _is_loopback(plan.host):
        parts.append(Note.ONE_MACHINE())
    if plan.merged_from:
        parts.append(Note.MERGED(runs=len(plan.merged_from)))
    if plan.shared_accounts:
        users = sum(plan.users_by_role.get(role, 0) for role in plan.shared_accounts)
        parts.append(Note.SHARED_ACCOUNTS(users=users, accounts=sum(plan.shared_accounts.values())))
    return parts[0].also(*parts[1:]) if parts else None


def _is_loopback(host: str) -> bool:
    name = urlsplit(host).hostname or ""
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return name == "localhost" or name.endswith(".localhost")


def _fast_errors(summary: Summary) -> Message | None:
    """Why the judged figures are worse than those of all requests, which the tables show."""
    every, judged = summary.totals, summary.totals_ok
    better = [
        Note.FIGURE_DIFFERS(figure=name_of(metric), judged=figure(metric, of_judged), every=figure(metric, of_all))
        for metric in (AVERAGE, "p95_ms", RPS)
        if (of_all := getattr(every, metric)) is not None
        and (of_judged := getattr(judged, metric)) is not None
        and (of_all - of_judged if metric == RPS else of_judged - of_all) > FAST_ERRORS_SHARE * of_judged
    ]
    return Note.FAST_ERRORS(left_out=every.failures - judged.failures, differences=better) if better else None


def _slow_errors(plan: Plan, summary: Summary) -> list[Message | None]:
    """Times that were judged without failures and would be worse with them: errors that took long to arrive."""
    every, judged = figures_by_scope(summary), figures_by_scope(summary, judged=True)
    notes = []
    for target in targets_of(plan):
        scope = (target.role, target.operation)
        if target.metric.endswith("_ms") and target.below and scope in every and not target.stages:
            values = (getattr(figures[scope], target.metric) for figures in (every, judged))
            notes.append(_slow_error(target, *values))
    return notes


def _slow_error(target: Target, of_all: float | None, observed: float | None) -> Message | None:
    if of_all is None or observed is None:
        return None
    metric = target.metric
    fields = {
        "figure": subject_of(target),
        "every": figure(metric, of_all),
        "judged": figure(metric, observed),
    }
    if observed < target.limit <= of_all:
        return Note.SLOW_ERRORS_WOULD_MISS(**fields, limit=limit_text(metric, target.limit))
    return Note.SLOW_ERRORS(**fields) if of_all > observed * (1 + SLOW_ERRORS_SHARE) else None


def _outage(outage: Outage) -> Message:
    end = "the end of the load" if outage.end is None else time_of_day(outage.end)
    return Note.OUTAGE(start=outage.start, end=end, failed=outage.failed, message=outage.message)


def _cut_off(summary: Summary) -> Message | None:
    requests = sum(each.count for each in summary.cut_off)
    return Note.CUT_OFF(requests=requests) if requests else None


_DRIFTING = {"p50_ms": "the median response time", "p95_ms": "the 95th percentile", "rps": "the throughput"}


def _drift(drift: Drift) -> Message:
    """A trend within the steady state: the run was not steady after all."""
    return Note.DRIFT(
        figure=_DRIFTING.get(drift.figure, drift.figure),
        direction="rose" if drift.end > drift.start else "fell",
        start=figure(drift.figure, drift.start),
        end=figure(drift.figure, drift.end),
        change=percent(abs(drift.end - drift.start) / drift.start) if drift.start else "from nothing",
        p_value=drift.p_value,
    )


def _late_logins(summary: Summary) -> Message | None:
    """The steady state waits for the logins of the ramp-up, but only for a limited time."""
    logins = summary.logins
    if logins is None or not logins.late:
        return None
    share = logins.steady_share_rate or 0.0
    return Note.LATE_LOGINS(late=logins.late, users=summary.users.requested, share=share)


def _clock_set(by_s: float) -> Message | None:
    """Figures don't depend on the clock; looking up a request in the server's log does."""
    if abs(by_s) < _CLOCK_SET_S:
        return None
    return Note.CLOCK_SET(direction="forward" if by_s > 0 else "back", by_s=abs(by_s))


def _raw_samples(samples: RawSampleFiles | None) -> Iterable[Message]:
    """The figures don't depend on these files."""
    if samples is None:
        return
    if samples.why:
        yield Note.RAW_SAMPLES_LEFT_OUT(left_out=samples.left_out, written=samples.written, why=samples.why)
    if not samples.whole:
        yield Note.RAW_SAMPLES_CUT_OFF()


# ── what the target reports and the suite does not use ──────────────────────────────────────────────────────


def _server_times(summary: Summary) -> Iterable[Message]:
    times = summary.server_times
    about = [remark for remark in summary.remarks if remark.about in SERVER_TIME_HEADERS]
    if not times.used and times.zeros:
        yield Note.SERVER_TIME_ZEROS(zeros=times.zeros, reported=times.reported)
    elif not times.used and not about:
        yield Note.SERVER_TIME_TOO_LONG()
    else:
        for place, remark in enumerate(about):
            fields = {"header": remark.about, "example": remark.example, "why": remark.why}
            if times.used:
                yield Note.SERVER_TIME_SOME(**fields, ignored=remark.count, reported=times.reported)
            elif place == 0 and times.ignored < times.reported:
                yield Note.SERVER_TIME_MANY(**fields, ignored=times.ignored, reported=times.reported)
            else:
                yield Note.SERVER_TIME_ALL(**fields)


def _tokens(summary: Summary) -> Iterable[Message]:
    """Lifetimes that cannot be true (going by them would mean a login before every action), and expired tokens."""
    for remark in summary.remarks:
        if remark.about == LIFETIME:
            yield Note.TOKEN_LIFETIME(what=remark.about, example=remark.example, why=remark.why)
    if expired := summary.whole_run.expired:
        yield Note.TOKEN_EXPIRED(requests=expired)


def _idle_closed(summary: Summary) -> Message | None:
    """The keep-alive time that the moments imply at which the target closed connections."""
    about = [remark for remark in summary.remarks if remark.about == KEEP_ALIVE]
    if not about:
        return None
    closed = sum(remark.count for remark in about)
    failed = sum(group.count for group in summary.failures if group.kind == FailureKind.IDLE_CLOSED)
    return Note.IDLE_CLOSED(
        closed=closed,
        after=[remark.why for remark in about[:_SPANS_SHOWN]],
        repeated=closed - failed,  # `retries` counts those over connections in use as well
        failed=failed,
    )


def _closed_in_use(summary: Summary) -> Message | None:
    closed = sum(remark.count for remark in summary.remarks if remark.about == IN_USE)
    return Note.CLOSED_IN_USE(closed=closed) if closed else None


# ── what was not exercised ──────────────────────────────────────────────────────────────────────────────────


def _not_exercised(coverage: Coverage, roles: Sequence[Role]) -> Iterable[Message]:
    if coverage.differs:
        yield Note.DIFFERS(answers=coverage.differs)
    by_reason: dict[str, list[str]] = {
        "not offered by the target": list(coverage.missing),
        "failing without any load": list(coverage.broken),
    }
    for entry in coverage.left_out:
        reason = coverage.left_out_because.get(entry, "which write, while the run is read-only")
        by_reason.setdefault(reason, []).append(entry)
    for why, operations in by_reason.items():
        if operations:
            yield Note.LEFT_OUT(why=why, operations=operations)
    if coverage.dead_behaviours:
        yield Note.DEAD_BEHAVIOURS(behaviours=coverage.dead_behaviours)
    if coverage.lacking:
        yield from _lacking(coverage.lacking)
    else:
        yield from _not_possible(coverage.not_possible, roles)
    yield from _empty_despite_rows(coverage)


def _lacking(lacks: Sequence[Lack]) -> Iterable[Message]:
    """What could not be made and what it needed, a note for each role and reason."""
    groups: dict[tuple[str, str], list[Lack]] = {}
    for lack in lacks:
        groups.setdefault((lack.role, lack.why or "the reason was not recorded"), []).append(lack)
    for (role, why), group in groups.items():
        times = sum(lack.times for lack in group)
        yield Note.LACKING(operations=[lack.operation for lack in group], role=role, times=times, why=why)


def _not_possible(times: Mapping[str, int], roles: Sequence[Role]) -> Iterable[Message]:
    """The same for files of earlier versions, which do not have the reasons."""
    steps = [step for role in roles for behaviour in role.behaviours for step in behaviour.steps]
    of_run = {step.operation for step in steps if step.of_run}
    of_run -= {step.operation for step in steps if not step.of_run}
    for operation, number in times.items():
        if number:
            code = Note.LACKING_OWN_ROWS if operation in of_run else Note.LACKING_DATA
            yield code(operation=operation, times=number)


def _empty_despite_rows(coverage: Coverage) -> Iterable[Message]:
    """Answers without a row for which the database read some, where no other note says so."""
    said = " ".join(lack.why for lack in coverage.lacking)
    for entry in coverage.empty:
        role, _, answer = entry.partition(" / ")
        if "the database read" in entry and answer not in said:
            yield Note.EMPTY_DESPITE_ROWS(role=role, answer=answer)


# ── what was left at the target ─────────────────────────────────────────────────────────────────────────────


def _left_behind(plan: Plan, summary: Summary) -> list[Message]:
    """Rows that should have been removed are reported elsewhere: they change the verdict."""
    cleanup = summary.cleanup
    if summary.ended == CUT_OFF and not plan.read_only and not plan.demo:
        return [Note.MAY_HAVE_LEFT_ROWS()]
    if cleanup is None:
        return []
    changed = () if plan.demo else (*cleanup.not_restored, *cleanup.not_restorable)
    return [*soft_deleted(cleanup), *([Note.NOT_PUT_BACK(changes=changed)] if changed else [])]


def soft_deleted(cleanup: Cleanup | None) -> list[Message]:
    """A note for each kind of row that the target keeps after its deletion."""
    kinds = cleanup.soft_deleted if cleanup else ()
    return [Note.SOFT_DELETED(rows=plural(kept.rows, kept.thing), status=kept.status) for kept in kinds]
