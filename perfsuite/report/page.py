"""What the HTML page shows: figures, tables and lists, ready to be laid out. Nothing here knows HTML."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from perfsuite.model import ALL, GeneratorHealth, Plan, RunReport, Summary, TargetOutcome, TargetResult
from perfsuite.report.baseline import Held, baseline_table, held_of
from perfsuite.report.cards import Findings, cards_of
from perfsuite.report.database import DatabaseCost, database_cost
from perfsuite.report.figures import TOO_FEW, UNKNOWN, clock, human, interval_text, limit_text, percent, with_unit
from perfsuite.report.load_charts import Limit
from perfsuite.report.published import published_table
from perfsuite.report.tables import Cell, Table, failures_table, operation_tables, role_tables, time_table
from perfsuite.report.text import clean, plural
from perfsuite.report.timeline import Timeline, timeline_of
from perfsuite.report.wording import LABELS, arrival_lines, outcome_text, sentence, target_title

_LIMIT_AT = 0.7
"""Where on the bar of a target the limit is marked: what is beyond it shows too."""
INTERVAL_FROM_S = 16
"""Steady states that are shorter have no 95 % interval (docs/metrics.md)."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One of the large numbers at the top. `detail` is the small print under it."""

    label: str
    value: str
    unit: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class TargetLine:
    """One target as shown. `fill` and `mark` are fractions of the bar; None without an observed value.

    `sure`: the 95 % interval, or why there is none. `kind` is the outcome as the style sheet knows it, `outcome` as
    it is read.
    """

    name: str
    limit: str
    observed: Cell
    sure: Cell
    kind: str
    outcome: str
    reason: str
    fill: float | None
    mark: float


@dataclass(frozen=True, slots=True)
class Fact:
    """A term with what is to be said about it; `code` when it is something to copy."""

    term: str
    lines: tuple[str, ...]
    code: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Everything on the page, in reading order."""

    title: str
    outcome: str
    label: str
    scenario: str
    host: str
    started: str
    sentence: str
    reasons: tuple[str, ...]
    notes: tuple[str, ...]
    figures: tuple[Figure, ...]
    targets: tuple[TargetLine, ...]
    no_interval: str
    findings: Findings
    baseline: Held | None
    changed: Table | None
    """Figures that are not what they were in the baseline."""
    failures: Table | None
    timeline: Timeline | None
    database: DatabaseCost
    tables: tuple[Table, ...]
    facts: tuple[Fact, ...]

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        """Heading and anchor of the parts that the page has, in reading order."""
        parts = (
            ("Targets", "targets-title", self.targets),
            ("Findings", "findings", self.findings.any),
            ("Baseline", "baseline-title", self.baseline),
            ("What failed", "failures-title", self.failures),
            ("Over time", "charts", self.timeline),
            ("Database cost", "database", True),
            *((table.title, f"{table.name}-title", table.open) for table in self.tables),
            ("Notes", "notes-title", self.notes),
            ("About this run", "facts-title", True),
        )
        return tuple((title, anchor) for title, anchor, there in parts if there)


def page_of(report: RunReport) -> Page:
    """The page of a run; texts from outside are on one line and printable, not yet escaped for HTML."""
    summary, verdict = report.summary, report.verdict
    timeline = timeline_of(report, _limits(verdict.targets))
    database = database_cost(report)
    published = published_table(report)
    tables = (*role_tables(summary), *_times(summary), *operation_tables(summary), *([published] if published else ()))
    names = [table.name for table in (*tables, database.table) if table]
    return Page(
        title=clean(f"{LABELS[verdict.outcome]} – {summary.scenario} – {moment(summary.started_at)}"),
        outcome=verdict.outcome.value,
        label=LABELS[verdict.outcome],
        scenario=clean(summary.scenario),
        host=clean(summary.host),
        started=clean(moment(summary.started_at)),
        sentence=clean(sentence(report)),
        reasons=tuple(map(clean, verdict.reasons)),
        notes=tuple(map(clean, verdict.notes)),
        figures=tuple(_figures(summary)),
        targets=tuple(_target(result, summary.steady_s) for result in verdict.targets),
        no_interval=_no_interval(verdict.targets, summary.steady_s),
        findings=cards_of(report, timeline, names),
        baseline=held_of(report.comparison) if report.comparison else None,
        changed=baseline_table(report.comparison),
        failures=failures_table(summary),
        timeline=timeline,
        database=database,
        tables=tables,
        facts=tuple(_facts(report)),
    )


def moment(text: str) -> str:
    """A moment of ISO 8601 to the minute: "24 November 2026, 02:37 UTC"; the text as it is where it is none."""
    try:
        at = datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        return text
    return f"{at.day} {at:%B %Y, %H:%M} UTC"


def _times(summary: Summary) -> Iterable[Table]:
    table = time_table(summary)
    return (table,) if table else ()


def _figures(summary: Summary) -> Iterable[Figure]:
    totals = summary.totals
    whole = summary.whole_run
    yield Figure("Requests", human("requests", totals.requests), "", f"{whole.requests:,} in the whole run")
    over = f"over {clock(summary.steady_s)} of steady state" if summary.steady_s else "no steady state"
    yield Figure("Throughput", human("rps", totals.rps), "req/s", over)
    yield Figure(
        "Average", human("avg_ms", totals.avg_ms), _ms(totals.avg_ms), f"slowest {with_unit('max_ms', totals.max_ms)}"
    )
    p99 = with_unit("p99_ms", totals.p99_ms) if totals.p99_ms is not None else TOO_FEW
    yield Figure("95th percentile", human("p95_ms", totals.p95_ms), _ms(totals.p95_ms), f"99th: {p99}")
    yield Figure(
        "Failure rate",
        human("failure_rate", totals.failure_rate).removesuffix(" %"),
        "%" if totals.failure_rate is not None else "",
        f"{plural(totals.failures, 'failure')}, {whole.failures:,} in the whole run",
    )
    if summary.arrivals:
        yield from _arrivals(summary)
    asked = f"{summary.users.requested:,} asked for"
    yield Figure("Sessions" if summary.arrivals else "Users", human("users", summary.users.peak), "", asked)


def _arrivals(summary: Summary) -> Iterable[Figure]:
    """Open model: what could be offered, and how late."""
    told = summary.arrivals
    if told is None:
        return
    never = f", {told.not_started:,} not started" if told.not_started else ""
    offered = human("rate", told.offered_per_s)
    yield Figure("Arrivals", offered, "actions/s", f"{told.asked_per_s:,.4g}/s asked{never}")
    p99 = with_unit("lag_p99_ms", told.lag_p99_ms) if told.lag_p99_ms is not None else TOO_FEW
    lag = human("lag_max_ms", told.lag_max_ms)
    yield Figure("Latest begin", lag, _ms(told.lag_max_ms), f"99th: {p99}; longest queue {told.longest_queue:,}")


def _ms(value: float | None) -> str:
    return "" if value is None else "ms"


def _limits(targets: Iterable[TargetResult]) -> list[Limit]:
    return [
        Limit(result.metric.removesuffix("_ms"), clean(f"limit: {result.name}"), result.limit)
        for result in targets
        if result.scope == ALL and result.metric.endswith("_ms")
    ]


def _target(result: TargetResult, steady_s: float) -> TargetLine:
    fill = None
    if result.observed is not None and result.limit > 0:
        fill = min(max(result.observed / result.limit * _LIMIT_AT, 0.004), 1.0)
    return TargetLine(
        name=target_title(result),
        limit=limit_text(result.metric, result.limit, below=result.below),
        observed=Cell.measured(result.metric, result.observed, with_unit(result.metric, result.observed)),
        sure=Cell(interval_text(result.metric, result.interval) or UNKNOWN, title=_why_no_interval(result, steady_s)),
        kind=result.outcome.value.replace(" ", "-"),
        outcome=outcome_text(result),
        reason=clean(result.reason or _plain_reason(result)),
        fill=fill,
        mark=_LIMIT_AT,
    )


def _why_no_interval(result: TargetResult, steady_s: float) -> str:
    """Why a target has no 95 % interval; "" where it has one."""
    if result.interval is not None:
        return ""
    if result.outcome is TargetOutcome.NOT_JUDGED:
        return "not told of what could not be judged"
    if steady_s < INTERVAL_FROM_S:
        return f"needs {INTERVAL_FROM_S} s of steady state"
    return "not told of this figure"


def _no_interval(targets: Iterable[TargetResult], steady_s: float) -> str:
    """One line where the whole column is empty for want of time; else ""."""
    if steady_s >= INTERVAL_FROM_S or any(result.interval for result in targets):
        return ""
    return f"No 95 % interval: it needs {INTERVAL_FROM_S} s of steady state, this run has {steady_s:.0f} s."


def _plain_reason(result: TargetResult) -> str:
    """How far from the limit an observed value is, where the verdict gave no reason of its own."""
    if result.observed is None or result.limit <= 0 or result.outcome is TargetOutcome.NOT_JUDGED:
        return ""
    share = result.observed / result.limit
    return f"{share:.0%} of the limit".replace("%", " %") if share < 2 else f"{share:.1f} times the limit"


def _facts(report: RunReport) -> Iterable[Fact]:
    summary = report.summary
    yield from _load_facts(report)
    yield from _coverage_facts(summary)
    if summary.arrivals:
        yield Fact("Arrivals", arrival_lines(summary))
    yield Fact("Load generator", tuple(map(clean, _generator(summary))))
    yield Fact("Requests counted", (_reconciled(summary),))
    if summary.cleanup:
        yield Fact("Rows made at the target", tuple(_cleaned_up(summary)))
    environment = tuple(clean(f"{name}: {value}") for name, value in summary.environment.items())
    if environment:
        yield Fact("Environment", environment)
    yield Fact("Suite", (clean(f"version {report.plan.suite_version or '–'}, seed {report.plan.seed}"),))
    if report.plan.command:
        yield Fact("To repeat this run", (clean(shlex.join(report.plan.command)),), code=True)


def _load_facts(report: RunReport) -> Iterable[Fact]:
    scenario, summary = report.plan.scenario, report.summary
    yield Fact("Run", (clean(summary.run_id), f"ended: {clean(summary.ended)}"))
    load = f"{plural(scenario.users, 'user')}, {scenario.spawn_rate:g} started a second, {clock(scenario.duration_s)}"
    yield Fact("Scenario", (clean(f"{scenario.name}: {load}"), *filter(None, (clean(scenario.purpose),))))
    users = [f"{count:,} {role.replace('_', ' ')}" for role, count in summary.users.by_role.items()]
    yield Fact("Users by role", (clean(", ".join(users)),))
    if report.plan.absent_roles:
        yield Fact("Roles without a user", (clean(", ".join(report.plan.absent_roles)),))
    yield from _reaching_facts(report.plan)
    shared = [f"{role}: {plural(count, 'account')}" for role, count in report.plan.shared_accounts.items()]
    if shared:
        yield Fact("Shared accounts", tuple(map(clean, shared)))


def _reaching_facts(plan: Plan) -> Iterable[Fact]:
    access, mapping = plan.access, plan.mapping
    facts = (
        ("Certificates trusted besides", [access.ca_file] if access.ca_file else []),
        ("Through the proxy", [access.proxy] if access.proxy else []),
        ("Headers added", access.header_names),
        ("Paths of the contract at the target", [f"{ours} → {theirs}" for ours, theirs in mapping.paths.items()]),
        ("Roles of the contract at the target", [f"{ours} → {theirs}" for ours, theirs in mapping.roles.items()]),
    )
    for term, entries in facts:
        if entries:
            yield Fact(term, tuple(map(clean, entries)))


def _coverage_facts(summary: Summary) -> Iterable[Fact]:
    coverage = summary.coverage
    yield Fact("Operations offered", (f"{coverage.offered:,}",))
    lists = (
        ("Missing at the target", coverage.missing),
        ("Broken without any load", coverage.broken),
        ("Differs from the contract", coverage.differs),
        ("Left out", coverage.left_out),
        ("Behaviours of which nothing is left", coverage.dead_behaviours),
        ("Not possible", [f"{name}: {n:,} times" for name, n in coverage.not_possible.items()]),
    )
    for term, entries in lists:
        if entries:
            yield Fact(term, tuple(map(clean, entries)))


def _generator(summary: Summary) -> Sequence[str]:
    health = summary.generator
    cpu = "–" if health.cpu_percent_max is None else f"{health.cpu_percent_max:.0f} %"
    lag = with_unit("loop_lag_p99_ms", health.loop_lag_p99_ms)
    return [
        f"{plural(health.processes, 'process', 'processes')}; the busiest used {cpu} of a core at most"
        + ("" if health.cpu_percent_mean is None else f", {health.cpu_percent_mean:.0f} % on average"),
        f"event loop late by {lag} at the 99th percentile",
        *_collections(health),
        *(
            f"process {lost.worker} lost with {plural(lost.users, 'user')}: {lost.reason}"
            for lost in summary.lost_workers
        ),
        *([f"{plural(health.lost_reports, 'report')} of load processes lost"] if health.lost_reports else []),
    ]


def _collections(health: GeneratorHealth) -> Iterable[str]:
    if health.gc_pause_max_ms is not None and health.gc_share_rate is not None:
        longest = with_unit("gc_pause_max_ms", health.gc_pause_max_ms)
        yield f"garbage collection stopped it for {longest} at most, {percent(health.gc_share_rate)} of the time"


def _reconciled(summary: Summary) -> str:
    counts = summary.reconciliation
    others = (("Locust's own total", counts.locust_total), ("the backend's log", counts.backend_log))
    known = [f"{name} {count:,}" for name, count in others if count is not None]
    if not known:
        return f"{counts.recorded:,} recorded; no other count to compare with"
    word = "all agree" if counts.agrees else "they differ"
    return f"{counts.recorded:,} recorded, {', '.join(known)}: {word}"


def _cleaned_up(summary: Summary) -> Iterable[str]:
    cleanup = summary.cleanup
    if cleanup is None:
        return
    yield f"{cleanup.created:,} created, {cleanup.removed:,} removed"
    yield from (clean(f"not removed: {row}") for row in cleanup.not_removed)
    yield from (clean(f"not put back: {row}") for row in (*cleanup.not_restored, *cleanup.not_restorable))
