"""Facts about a run beside its figures: how it was made, and which planned operations it exercised."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from perfsuite.format import duration, figure, number, percent, plural, quantity, setting
from perfsuite.messages import Message
from perfsuite.messages.page import PageMessage
from perfsuite.model import Coverage, GeneratorHealth, Plan, RunReport, Summary
from perfsuite.report.text import clean
from perfsuite.report.wording import arrival_lines, exercised, generator_by_process, generator_line, logins_line


@dataclass(frozen=True, slots=True)
class Fact:
    """A term and its lines; `code`: something to copy."""

    term: str
    lines: tuple[str, ...]
    code: bool = False


def facts_of(report: RunReport) -> Iterable[Fact]:
    """The facts of a run in reading order, ending with the command that repeats it."""
    summary = report.summary
    yield from _load_facts(report)
    if summary.arrivals:
        yield Fact("Arrivals", arrival_lines(summary))
    if logins := logins_line(report):
        yield Fact("Logins", (logins, *_later_logins(summary)))
    yield Fact("Load generator", tuple(map(clean, _generator(summary))))
    yield Fact("Request counts", (_reconciled(summary),))
    if summary.raw_samples:
        samples = summary.raw_samples
        yield Fact("Raw samples", (*map(clean, samples.files), plural(samples.written, "request")))
    if summary.cleanup:
        yield Fact("Rows created at the target", tuple(_cleaned_up(summary)))
    environment = tuple(clean(f"{name}: {value}") for name, value in summary.environment.items())
    if environment:
        yield Fact("Environment", environment)
    yield Fact("Suite", (clean(f"version {report.plan.suite_version or '–'}, seed {report.plan.seed}"),))
    if report.plan.command:
        yield Fact("Command to repeat this run", (clean(_typed(report.plan.command)),), code=True)


def _typed(command: Sequence[str]) -> str:
    """The command as typed in a shell; a script needs python before it."""
    return ("python " if command[0].endswith(".py") else "") + shlex.join(command)


def _load_facts(report: RunReport) -> Iterable[Fact]:
    scenario, summary = report.plan.scenario, report.summary
    yield Fact("Run", (clean(summary.run_id), f"ended: {clean(summary.ended)}"))
    users = f"{plural(scenario.users, 'user')}, {setting(scenario.spawn_rate)} started per second"
    load = f"{users}, {duration(scenario.duration_s)}"
    yield Fact("Scenario", (clean(f"{scenario.name}: {load}"), *filter(None, (clean(scenario.purpose),))))
    if scenario.work:
        yield Fact("Work", tuple(clean(f"{term}: {text}") for term, text in scenario.work))
    by_role = [f"{number(count)} {role.replace('_', ' ')}" for role, count in summary.users.by_role.items()]
    yield Fact("Users by role", (clean(", ".join(by_role)),))
    if report.plan.absent_roles:
        yield Fact("Roles without users", (clean(", ".join(report.plan.absent_roles)),))
    yield from _connection_facts(report.plan)
    shared = [f"{role}: {plural(count, 'account')}" for role, count in report.plan.shared_accounts.items()]
    if shared:
        yield Fact("Shared accounts", tuple(map(clean, shared)))


def _connection_facts(plan: Plan) -> Iterable[Fact]:
    access, mapping = plan.access, plan.mapping
    facts = (
        ("Additional trusted certificates", [access.ca_file] if access.ca_file else []),
        ("Proxy", [access.proxy] if access.proxy else []),
        ("Additional headers", access.header_names),
        ("Client certificate", [access.client_cert] if access.client_cert else []),
        ("Path mapping", [f"{ours} → {theirs}" for ours, theirs in mapping.paths.items()]),
        ("Role mapping", [f"{ours} → {theirs}" for ours, theirs in mapping.roles.items()]),
        ("Allowed roles", [f"{name}: {', '.join(roles) or 'none'}" for name, roles in mapping.allowed.items()]),
        ("Rules switched off", [f"{rule}: {', '.join(names)}" for rule, names in mapping.off.items()]),
    )
    for term, entries in facts:
        if entries:
            yield Fact(term, tuple(map(clean, entries)))


def _later_logins(summary: Summary) -> Iterable[str]:
    logins, expired = summary.logins, summary.whole_run.expired
    if logins is not None and logins.later:
        yield f"{plural(logins.later, 'later login')} to renew tokens"
    if expired:
        yield f"{plural(expired, 'request')} rejected because a token had expired, repeated after a new login"


def _generator(summary: Summary) -> Sequence[str]:
    health = summary.generator
    cpu = quantity(health.cpu_percent_max, "percent")
    lag = figure("loop_lag_p99_ms", health.loop_lag_p99_ms)
    late = "" if health.send_lag_p99_ms is None else figure("send_lag_p99_ms", health.send_lag_p99_ms)
    used = (generator_line(summary), ", ".join(generator_by_process(summary)))
    return [
        *filter(None, used),
        f"{plural(health.processes, 'process', 'processes')}; the busiest used at most {cpu} of a core"
        + ("" if health.cpu_percent_mean is None else f", {quantity(health.cpu_percent_mean, 'percent')} on average"),
        f"event loop lag {lag} (p99)" + (f", scheduled requests late by {late} (p99)" if late else ""),
        *_collections(health),
        *(
            f"process {lost.worker} lost with {plural(lost.users, 'user')}: {lost.reason}"
            for lost in summary.lost_workers
        ),
        *([f"{plural(health.lost_reports, 'report')} of load processes lost"] if health.lost_reports else []),
    ]


def _collections(health: GeneratorHealth) -> Iterable[str]:
    if health.gc_pause_max_ms is not None and health.gc_share_rate is not None:
        longest = figure("gc_pause_max_ms", health.gc_pause_max_ms)
        yield f"garbage collection pauses of at most {longest}, {percent(health.gc_share_rate)} of the time"


def _reconciled(summary: Summary) -> str:
    counts = summary.reconciliation
    repeated = f"; {plural(counts.repeated, 'GET')} sent once more, counted once" if counts.repeated else ""
    others = (("Locust", counts.locust_total), ("backend log", counts.backend_log))
    known = [f"{name} {number(count)}" for name, count in others if count is not None]
    if not known:
        return f"recorder {number(counts.recorded)}; no other count to compare with{repeated}"
    result = "the counts agree" if counts.agrees else "the counts differ"
    return f"recorder {number(counts.recorded)}, {', '.join(known)}: {result}{repeated}"


def _cleaned_up(summary: Summary) -> Iterable[str]:
    cleanup = summary.cleanup
    if cleanup is None:
        return
    soft = "".join(f", {number(kept.rows)} {kept.thing}: {kept.status}, kept" for kept in cleanup.soft_deleted)
    yield clean(f"{number(cleanup.created)} created, {number(cleanup.removed)} removed{soft}")
    yield from (clean(f"not removed: {row}") for row in cleanup.not_removed)
    yield from (clean(f"not restored: {row}") for row in (*cleanup.not_restored, *cleanup.not_restorable))


@dataclass(frozen=True, slots=True)
class CoverageSection:
    """`sentence`: in short; `gaps`: operations that were not exercised, or not as in the contract, by reason."""

    sentence: str
    gaps: tuple[Fact, ...]


def coverage_section(summary: Summary) -> CoverageSection:
    """Which planned operations a run exercised. Entries read "role / operation"."""
    gaps, sent = tuple(_gaps(summary)), f"{found}." if (found := exercised(summary)) else ""
    return CoverageSection(" ".join(filter(None, (sent, f"{offered_sentence(summary, gaps)}."))), gaps)


def offered_sentence(summary: Summary, gaps: Sequence[Fact]) -> Message:
    """What the target offers of the planned operations."""
    offered = summary.coverage.offered
    if not offered:
        return PageMessage.NOT_CHECKED()
    if not gaps:
        return PageMessage.ALL_OFFERED(offered=offered)
    by_reason = ", ".join(f"{gap.term[:1].lower()}{gap.term[1:]} ({number(len(gap.lines))})" for gap in gaps)
    return PageMessage.GAPS(offered=offered, gaps=by_reason)


def _not_possible(coverage: Coverage) -> list[str]:
    """Operations that lacked data, with the reason; files of earlier versions have only their number."""
    if not coverage.lacking:
        return [f"{name}: {number(count)} times" for name, count in coverage.not_possible.items()]
    return [
        f"{lack.role} / {lack.operation}: {number(lack.times)} times{f', {lack.why}' if lack.why else ''}"
        for lack in coverage.lacking
    ]


def _not_reached(coverage: Coverage) -> list[str]:
    """Operations that were not exercised only because the run was too short or had too few users."""
    explained = {*coverage.missing, *coverage.broken, *coverage.left_out}
    explained |= {f"{lack.role} / {lack.operation}" for lack in coverage.lacking}
    return [entry for entry in coverage.not_exercised if entry not in explained]


def _gaps(summary: Summary) -> Iterable[Fact]:
    coverage = summary.coverage
    lists = (
        ("Missing at the target", coverage.missing),
        ("Failing without load", coverage.broken),
        ("Differs from the contract", coverage.differs),
        ("Excluded", coverage.excluded),
        ("Left out", [entry for entry in coverage.left_out if entry not in coverage.excluded]),
        ("Behaviours without remaining steps", coverage.dead_behaviours),
        ("Empty lists", coverage.empty),
        ("Not possible for lack of data", _not_possible(coverage)),
        ("Not reached in this run", _not_reached(coverage)),
    )
    return (Fact(term, tuple(map(clean, entries))) for term, entries in lists if entries)
