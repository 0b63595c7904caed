"""What the HTML page shows: figures, tables and lists, ready to be laid out. Nothing here knows HTML."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime

from perfsuite.model import ALL, RunReport, Summary, TargetOutcome, TargetResult
from perfsuite.report.baseline import Held, baseline_table, held_of
from perfsuite.report.figures import TOO_FEW, UNKNOWN, clock, human, interval_text, limit_text, with_unit
from perfsuite.report.page.database import DatabaseCost, database_cost
from perfsuite.report.page.distribution import Spread, spread_of
from perfsuite.report.page.facts import CoverageShown, Fact, coverage_shown, facts_of
from perfsuite.report.page.findings import Findings, Highlight, cards_of, highlights_of
from perfsuite.report.page.load_charts import Limit
from perfsuite.report.page.tables import (
    Cell,
    Table,
    failures_table,
    operation_tables,
    role_tables,
    suite_errors_table,
    time_table,
)
from perfsuite.report.page.timeline import Timeline, timeline_of
from perfsuite.report.published import published_table
from perfsuite.report.text import clean, plural
from perfsuite.report.wording import LABELS, outcome_text, sentence, target_title

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
    highlights: tuple[Highlight, ...]
    notes: tuple[str, ...]
    figures: tuple[Figure, ...]
    targets: tuple[TargetLine, ...]
    no_interval: str
    findings: Findings
    baseline: Held | None
    changed: Table | None
    """Figures that are not what they were in the baseline."""
    failures: Table | None
    suite_errors: Table | None
    spread: Spread | None
    timeline: Timeline | None
    database: DatabaseCost
    tables: tuple[Table, ...]
    coverage: CoverageShown
    facts: tuple[Fact, ...]

    @property
    def contents(self) -> tuple[tuple[str, str], ...]:
        """Heading and anchor of the parts that the page has, in reading order."""
        parts = (
            ("Targets", "targets-title", self.targets),
            ("Findings", "findings", self.findings.any),
            ("Baseline", "baseline-title", self.baseline),
            ("What failed", "failures-title", self.failures),
            ("Errors of the suite", "suite-errors-title", self.suite_errors),
            ("Response times", "spread", self.spread),
            ("Over time", "charts", self.timeline),
            ("Database cost", "database", True),
            *((table.title, f"{table.name}-title", table.open) for table in self.tables),
            ("Coverage", "coverage-title", True),
            ("Notes", "notes-title", self.notes),
            ("About this run", "facts-title", True),
            ("How to read this", "reading", True),
        )
        return tuple((title, anchor) for title, anchor, there in parts if there)


def page_of(report: RunReport) -> Page:
    """The page of a run; texts from outside are on one line and printable, not yet escaped for HTML."""
    summary, verdict = report.summary, report.verdict
    limits = _limits(verdict.targets)
    timeline = timeline_of(report, limits)
    database = database_cost(report)
    published = published_table(report)
    tables = (*role_tables(summary), *_times(summary), *operation_tables(summary), *([published] if published else ()))
    findings = cards_of(report, timeline, [table.name for table in (*tables, database.table) if table])
    return Page(
        title=clean(f"{LABELS[verdict.outcome]} – {summary.scenario} – {moment(summary.started_at)}"),
        outcome=verdict.outcome.value,
        label=LABELS[verdict.outcome],
        scenario=clean(summary.scenario),
        host=clean(summary.host),
        started=clean(moment(summary.started_at)),
        sentence=clean(sentence(report)),
        reasons=tuple(map(clean, verdict.told_first)),
        highlights=highlights_of(report, findings),
        notes=tuple(map(clean, verdict.notes)),
        figures=tuple(_figures(summary)),
        targets=tuple(_target(result, summary.steady_s) for result in verdict.targets),
        no_interval=_no_interval(verdict.targets, summary.steady_s),
        findings=findings,
        baseline=held_of(report.comparison) if report.comparison else None,
        changed=baseline_table(report.comparison),
        failures=failures_table(summary),
        suite_errors=suite_errors_table(summary),
        spread=spread_of(summary, limits),
        timeline=timeline,
        database=database,
        tables=tables,
        coverage=coverage_shown(summary),
        facts=tuple(facts_of(report)),
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
